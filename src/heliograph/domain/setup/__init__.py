"""The set-up of an account and an event: tags, statuses, fields, questions (guide: What Are Tags?)."""
