"""The REST API: what pages do, for programs (docs/reference/api.md).

Thin: it authenticates, reads and writes. The rules are those of the services that the pages use.
"""
