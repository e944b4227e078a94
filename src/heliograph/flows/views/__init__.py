"""Signal's set-up pages: thin over the services beside them."""
