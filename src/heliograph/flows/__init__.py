"""Flows and destinations: models, services, versions, forms, pages."""
