"""Events, registrations, statuses, sessions, questions, profiles and tags: models, forms, pages."""
