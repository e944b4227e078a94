"""The REST API: thin routers over the services of the other packages."""
