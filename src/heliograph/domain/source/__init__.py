"""The rules of live sources, pure: how calls prove themselves, how JSON becomes registrations, how a list is read (docs/design/sources.md)."""
