"""The Activity Feed, and the counts on every page of Signal."""
