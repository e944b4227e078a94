"""The fast door and the pages' /ingest: the rules for requests, and the batch writer."""
