"""What never waits for a page: the ingest edge, the batch writer, the worker, slots and the supervisor."""
