"""The set-up of accounts and events: tags, statuses, sessions, questions, custom fields; models, services, forms, pages."""
