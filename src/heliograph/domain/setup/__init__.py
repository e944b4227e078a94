"""What is set up in an account and in an event: tags, statuses, fields, questions (guide: What Are Tags?)."""
