"""Configuration as code (B5): the set-up of an account as one file, which is planned and applied.

    configuration_text     YAML and JSON
    secret_references      secrets stand in the environment or in files, never in the file itself
    account_names          the file names things where documents of the API have ids
    sections               the kinds of things: how each is read, saved and deleted
    configuration_plan     what a file would change; applying it

A file is a mapping of sections. A section that is absent is not managed by the file.
"""
