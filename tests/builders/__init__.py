"""What tests are made of: accounts, people, events, connections, mappings, flows, registrations and what became of them."""
