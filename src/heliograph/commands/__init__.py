"""The command line: thin commands over the services of the other packages."""
