"""The pages of Signal's operation: thin over the services beside them."""
