"""The only code that talks to other servers: guard, resolver, sender."""
