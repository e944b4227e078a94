"""Live sources: where registrations come from by themselves, what each brought, refused or keeps waiting (docs/design/sources.md)."""
