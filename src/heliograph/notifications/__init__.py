"""Notifications: people are told when something needs them, once per problem, by e-mail and through connections (B4, O5)."""
