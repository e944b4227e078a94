"""The fast door and the pages' /ingest: what a request must look like, and the batch writer."""
