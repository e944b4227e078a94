"""The processes that never wait for a page: edge, batch writer, worker, slots and supervisor."""
