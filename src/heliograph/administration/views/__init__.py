"""The pages of Account Settings > Management, sign-in, one-time links, the own profile, and jobs."""
