"""Doctor's checks of a migrated database, on both vendors (O2)."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.db import connections

from heliograph.store import doctor_checks
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.schema_fingerprint import expected, fingerprint
from heliograph.store.secrets import Vault, check_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def database() -> Database:
    return of_django(connections["default"])


def test_O2_a_database_that_answers(database: Database) -> None:
    check, given = doctor_checks.database_answers(lambda: database)
    assert given is database
    assert check.ok
    assert any(character.isdigit() for character in check.sentence)


def test_O2_schema_is_current_older_or_newer(database: Database) -> None:
    applied = [(app, name) for app, name in database.all("SELECT app, name FROM django_migrations")]
    current = doctor_checks.schema_is_current(database, applied)
    assert (current.ok, current.sentence) == (True, f"The schema is up to date (fingerprint {fingerprint(expected(database.vendor))}).")
    older = doctor_checks.schema_is_current(database, [*applied, ("store", "9999_later")])
    assert not older.ok
    assert "store.9999_later" in older.sentence
    last = max(entry for entry in applied if entry[0] == "store")
    newer = doctor_checks.schema_is_current(database, [entry for entry in applied if entry != last])
    assert newer.ok
    assert newer.cure


def test_O2_the_key_fits_or_does_not(database: Database) -> None:
    ours, other = (Vault([Fernet.generate_key().decode()]) for _ in range(2))
    assert doctor_checks.key_fits(database, ours).ok
    check_key(database, ours)
    assert doctor_checks.key_fits(database, ours).ok
    assert not doctor_checks.key_fits(database, other).ok


def test_O2_the_clock_of_a_database_on_this_machine_agrees(database: Database) -> None:
    assert doctor_checks.clocks_agree(database).ok
