"""Backups of the database, and what a backup becomes again (O13, O14; docs/design/backup.md).

snapshot_facts      what one instant of a database holds: counts, migrations, waiting work
sqlite_copy         copies one instant of a SQLite file
postgres_programs   finds pg_dump and pg_restore of the right version, and runs them
postgres_dump       dumps one instant of a PostgreSQL database, checks the dump, restores it
manifest            what a backup says of itself
archive             the file: a zip of the manifest, the database and perhaps the key
backup_file         makes a backup
restoration         makes a database of a backup
backup_runs         the backups that were made, as the database knows them
backup_schedule     scheduled backups, and which of them are removed
"""
