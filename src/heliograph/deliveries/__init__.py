"""Actions and attempts, why or why not, and the operations on deliveries, such as Submit to Retry Queue."""
