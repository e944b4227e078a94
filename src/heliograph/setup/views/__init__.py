"""The platform's pages: thin over the services beside them."""
