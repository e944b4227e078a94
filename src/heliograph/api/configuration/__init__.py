"""Configuration as code (B5): the set-up of an account as one file, which is planned and applied.

    configuration_text     YAML and JSON
    secret_references      secrets stand in the environment or in files, never in the file itself
    account_names          the file names things where documents of the API have ids
    sections               the kinds of things: how each is read, saved and deleted
    configuration_plan     what a file would change; applying it
    planned_changes        what differs, and whether a flow acts on more or stops
    applied_configuration  what was changed by hand since, and putting it back

A file is a mapping of sections. A section that is absent is not managed by the file.
"""
