"""The pages of the set-up: thin over the services beside them."""
