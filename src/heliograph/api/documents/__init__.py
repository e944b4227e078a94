"""The JSON form of each object: one for the API and for configuration as code. It is not the stored form."""
