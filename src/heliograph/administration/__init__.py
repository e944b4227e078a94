"""Account Settings > Management, sign-in, the first start, one's own profile, and jobs."""
