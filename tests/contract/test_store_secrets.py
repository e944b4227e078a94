"""The secret table on both databases (C5)."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.db import connections, transaction

from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.secrets import (
    CHECK,
    MisplacedSecret,
    SecretPlace,
    UnknownKey,
    Vault,
    check_key,
    knows_key,
    load_secrets,
    remove_secrets,
    save_secret,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


@pytest.fixture
def database() -> Database:
    return of_django(connections["default"])


def test_C5_secrets_are_saved_replaced_loaded_and_removed(database: Database, vault: Vault) -> None:
    save_secret(database, vault, SecretPlace(1, "connection", 7, "password"), "old")
    save_secret(database, vault, SecretPlace(1, "connection", 7, "password"), "Zoë's \0 日本")
    save_secret(database, vault, SecretPlace(1, "connection", 7, "path"), "/T000")
    save_secret(database, vault, SecretPlace(1, "connection", 8, "path"), "/T001")
    save_secret(database, vault, SecretPlace(2, "connection", 7, "path"), "/theirs")
    assert load_secrets(database, vault, 1, "connection", [7, 8, 9]) == {
        7: {"password": "Zoë's \0 日本", "path": "/T000"},
        8: {"path": "/T001"},
    }
    assert load_secrets(database, vault, 1, "connection", []) == {}
    remove_secrets(database, 1, "connection", 7, keep=["path"])
    assert load_secrets(database, vault, 1, "connection", [7]) == {7: {"path": "/T000"}}
    remove_secrets(database, 1, "connection", 7)
    assert load_secrets(database, vault, 1, "connection", [7]) == {}
    assert load_secrets(database, vault, 2, "connection", [7]) == {7: {"path": "/theirs"}}


def test_C5_a_row_moved_to_another_account_does_not_open(database: Database, vault: Vault) -> None:
    save_secret(database, vault, SecretPlace(1, "connection", 7, "password"), "hunter2")
    database.run("UPDATE secret SET account_id = 2")
    with pytest.raises(MisplacedSecret):
        load_secrets(database, vault, 2, "connection", [7])


def test_C5_the_first_start_leaves_a_check_value_and_a_wrong_key_is_told(database: Database, vault: Vault) -> None:
    assert knows_key(database, vault) is None
    check_key(database, vault)
    check_key(database, vault)
    assert knows_key(database, vault) is True
    stranger = Vault([Fernet.generate_key().decode()])
    assert knows_key(database, stranger) is False
    with pytest.raises(UnknownKey, match="HELIOGRAPH_KEY"), transaction.atomic():
        check_key(database, stranger)
    assert knows_key(database, vault) is True


def test_C5_the_database_never_holds_the_text(database: Database, vault: Vault) -> None:
    save_secret(database, vault, SecretPlace(1, "connection", 7, "password"), "hunter2")
    ((value,),) = database.all("SELECT value FROM secret WHERE account_id <> :account", {"account": CHECK.account})
    assert b"hunter2" not in bytes(value)
