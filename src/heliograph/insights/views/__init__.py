"""The page of the Activity Feed: thin over the service beside it."""
