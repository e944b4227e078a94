"""The search for everything in an account: registrations, flows, connections, mappings, events, sources, tags, pages and help."""
