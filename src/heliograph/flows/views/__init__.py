"""Signal's pages of set-up: thin over the services beside them."""
