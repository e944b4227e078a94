"""The database harness itself: aliases, isolation, processes."""

from __future__ import annotations

import os
import socket

import pytest
from django.db import connection, connections
from tests.databases import DatabaseFacts, Databases
from tests.processes import Starter

from heliograph.accounts.models import Account
from heliograph.store.models import Slot


@pytest.mark.django_db
def test_the_alias_read_sees_what_a_test_has_saved() -> None:
    Account.objects.create(code="A-1", name="Name")
    assert Account.objects.using("read").count() == 1


@pytest.mark.parametrize("time", [1, 2])
@pytest.mark.django_db(transaction=True)
def test_a_test_with_transactions_starts_from_what_migrations_left(time: int) -> None:
    assert not Account.objects.exists()
    assert Slot.objects.count() == 64
    Account.objects.create(code="A-1", name="Name")
    Slot.objects.all().delete()
    assert Account.objects.using("read").count() == 1
    assert connections["read"] is not connections["default"]
    with pytest.raises(Exception, match=r"read.?only"):
        Account.objects.using("read").create(code="A-2", name="Name")


@pytest.mark.django_db
def test_a_test_without_transactions_starts_from_there_too() -> None:
    assert not Account.objects.exists()
    assert Slot.objects.count() == 64


def test_a_process_joins_djangos_test_database(database: DatabaseFacts, heliograph: Starter) -> None:
    Account.objects.create(code="A-1", name="Name")
    assert heliograph.database == database
    assert connection.vendor == database.vendor
    assert heliograph.run("--version").output.startswith("heliograph ")


def test_databases_are_apart(databases: Databases, fresh_database: DatabaseFacts, empty_database: DatabaseFacts) -> None:
    with databases.migrated() as another:
        assert len({fresh_database.url, empty_database.url, another.url}) == 3


@pytest.mark.parametrize("more", ["", "CREATE TABLE left_over (n bigint)"], ids=["rows", "tables"])
def test_a_database_that_was_used_is_as_new(databases: Databases, more: str) -> None:
    made = "INSERT INTO django_content_type (app_label, model) VALUES ('odd', 'one') RETURNING id"
    seen = []
    for _time in range(2):
        with databases.migrated() as facts:
            db = facts.open()
            types = db.all("SELECT id, app_label, model FROM django_content_type ORDER BY id")
            with db.transaction():
                seen.append((db.all("SELECT count(*), sum(epoch) FROM slot"), types, db.all(made)))
                db.run("UPDATE slot SET epoch = epoch + 1")
                db.run("DELETE FROM django_migrations")
                if more:
                    db.run(more)
            db.connection.close()  # type: ignore[attr-defined]
    assert seen[0] == seen[1]
    assert seen[0][0][0][0] == 64


def test_C6_tests_reach_only_this_machine() -> None:
    with socket.socket() as outgoing, pytest.raises(AssertionError, match=r"wanted to reach 192\.0\.2\.1"):
        outgoing.connect(("192.0.2.1", 80))
    if os.environ.get("HELIOGRAPH_TEST_NAMESPACE") == "on":
        # this confines libcurl and Chromium
        assert [name for _, name in socket.if_nameindex()] == ["lo"]
