"""Connections, mappings, flows and destinations: models, versions, compiled snapshots, forms, pages."""
