"""Views of the timeline, the search and why / why not."""
