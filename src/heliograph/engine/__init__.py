"""The processes that never wait for a page: the ingest edge, the batch writer, the worker, slots and the supervisor."""
