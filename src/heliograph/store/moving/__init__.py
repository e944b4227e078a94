"""Moving an installation between SQLite and PostgreSQL (O15): offline, table by table, with all ids and all history.

table_plan      the tables, their columns, and the order in which they are copied
row_values      the values of a row on either database, and their digest
database_move   copies, goes on after an interruption, checks, and marks the original
"""
