"""What happened, and what can be done about it: actions, attempts, why / why not, Submit to Retry Queue."""
