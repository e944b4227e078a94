"""Tenants, users, roles, API tokens and the audit trail."""
