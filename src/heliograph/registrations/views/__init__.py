"""The pages of registrations and imports."""
