"""The first start on a slow machine (O6): what takes long is done before the transaction."""

from __future__ import annotations

import subprocess
import sys

from tests.databases import DatabaseFacts

SCRIPT = """
import sys
from heliograph.commands import ready
ready()
from django.db import connection
from heliograph.setup.services.first_start import first_link
def pages():
    return len([name for name in sys.modules if name.startswith("heliograph.") and name.endswith(".urls")])
within = []
def note(execute, *statement):
    within.append(pages())
    return execute(*statement)
with connection.execute_wrapper(note):
    link = first_link()
assert len(within) > 2
assert len({*within, pages()}) == 1, "pages were imported within the transaction"
link.address
assert pages() > 5, "the link's URL needs no pages any more: so nothing is tested here"
"""


def test_O6_the_first_link_imports_nothing_within_its_transaction(fresh_database: DatabaseFacts) -> None:
    """The import of all pages takes seconds on a busy machine, and PostgreSQL ends a session that is idle in a transaction for five."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=fresh_database.env(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
