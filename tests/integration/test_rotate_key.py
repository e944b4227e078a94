"""A new key for everything encrypted, while the product runs (C5, O6)."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tests.databases import DatabaseFacts
from tests.processes import Starter

from heliograph.store.database import Database
from heliograph.store.key_file import KeyFile, KeyFileError, alone, read_keys, write_keys
from heliograph.store.rotation import RotationError, renew, settle
from heliograph.store.secrets import CHECK_ACCOUNT, SECOND_FACTOR, SecretPlace, Vault, WrongKey, check_key, load_secrets, save_secret

ROWS = 1_500


def new_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "key"
    path.parent.mkdir()
    path.write_text(new_key() + "\n")
    path.chmod(0o600)
    return path


def fill(db: Database, vault: Vault, rows: int) -> None:
    with db.transaction():
        check_key(db, vault)
        for row in range(rows):
            save_secret(db, vault, SecretPlace(1, "connection", row, "password"), f"secret {row}")


def all_open(db: Database, vault: Vault, rows: int) -> bool:
    found = load_secrets(db, vault, 1, "connection", range(rows))
    load_secrets(db, vault, CHECK_ACCOUNT, "key", [0])
    return [found[row]["password"] for row in range(rows)] == [f"secret {row}" for row in range(rows)]


def test_C5_rotate_key_can_be_killed_and_run_again(fresh_database: DatabaseFacts, heliograph: Starter, key_file: Path) -> None:
    (old,) = read_keys(key_file)
    db = fresh_database.open()
    fill(db, Vault([old]), ROWS)
    env = {"HELIOGRAPH_KEY": "", "HELIOGRAPH_KEY_FILE": str(key_file)}
    killed = heliograph("rotate-key", **env)
    killed.until_printed("200 encrypted")
    killed.kill()
    between = read_keys(key_file)
    assert between[1:] == (old,)
    assert all_open(db, Vault(between), ROWS)
    with pytest.raises(WrongKey):
        all_open(db, Vault([old]), ROWS)

    done = heliograph.run("rotate-key", **env)
    assert done.returncode == 0, done.output
    assert read_keys(key_file) == between[:1]
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert all_open(db, Vault(between[:1]), ROWS)
    for key in between:
        assert key not in killed.output + done.output
    db.close()


def test_C5_with_a_key_in_the_environment_the_operator_changes_it(fresh_database: DatabaseFacts, heliograph: Starter) -> None:
    old, new = new_key(), new_key()
    db = fresh_database.open()
    fill(db, Vault([old]), 10)
    told = heliograph.run("rotate-key", HELIOGRAPH_KEY=old)
    assert told.returncode == 1
    assert "rotate-key --make" in told.output
    made = heliograph.run("rotate-key", "--make").output.strip()
    Fernet(made)
    done = heliograph.run("rotate-key", HELIOGRAPH_KEY=f"{new},{old}")
    assert done.returncode == 0, done.output
    assert "Remove the others" in done.output
    assert all_open(db, Vault([new]), 10)
    stranger = heliograph.run("rotate-key", HELIOGRAPH_KEY=f"{new_key()},{new_key()}")
    assert stranger.returncode == 1
    assert all_open(db, Vault([new]), 10)
    db.close()


def test_C5_a_process_that_runs_follows_the_key_file(fresh_database: DatabaseFacts, key_file: Path) -> None:
    old = read_keys(key_file)
    db = fresh_database.open()
    running = Vault(old, KeyFile(key_file))
    fill(db, running, 3)
    new = new_key()
    write_keys(key_file, [new, *old])
    renew(db, Vault([new, *old]))
    assert all_open(db, running, 3)
    write_keys(key_file, [new])
    with db.transaction():
        save_secret(db, running, SecretPlace(1, "connection", 0, "password"), "secret 0")
    assert all_open(db, Vault([new]), 3)
    key_file.write_text("no key\n")
    assert all_open(db, running, 3)
    db.close()


def test_C5_no_secret_is_lost_while_others_save(fresh_database: DatabaseFacts, key_file: Path) -> None:
    db = fresh_database.open()
    vault = Vault(read_keys(key_file), KeyFile(key_file))
    fill(db, vault, 40)
    stop, saved, wrong = threading.Event(), [0] * 3, []

    def save(thread: int) -> None:
        own = fresh_database.open()
        mine = Vault(read_keys(key_file), KeyFile(key_file))
        try:
            while not stop.is_set():
                row = thread * 10 + saved[thread] % 10
                with own.transaction():
                    save_secret(own, mine, SecretPlace(1, "connection", row, "password"), f"secret {row}")
                saved[thread] += 1
        except Exception as error:  # noqa: BLE001
            wrong.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=save, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        keys = [new_key(), *read_keys(key_file)]
        write_keys(key_file, keys)
        rotating = Vault(keys)
        renew(db, rotating)
        settle(db, rotating)
        write_keys(key_file, keys[:1])
        assert all_open(db, Vault(keys[:1]), 40)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert min(saved) > 0
    assert all_open(db, Vault(read_keys(key_file)), 40)
    db.close()


def test_C5_a_rotation_while_a_process_starts_is_noticed(fresh_database: DatabaseFacts, key_file: Path) -> None:
    (old,) = read_keys(key_file)
    new = new_key()
    write_keys(key_file, [new, old])
    starting = Vault([old], KeyFile(key_file))  # it read the file before, and watches it from now on
    db = fresh_database.open()
    fill(db, starting, 3)
    assert all_open(db, Vault([new]), 3)
    db.close()


def test_C5_what_no_key_opens_keeps_the_old_key(fresh_database: DatabaseFacts, heliograph: Starter, key_file: Path) -> None:
    (old,) = read_keys(key_file)
    db = fresh_database.open()
    fill(db, Vault([old]), 2)
    with db.transaction():
        save_secret(db, Vault([new_key()]), SecretPlace(1, "connection", 7, "password"), "of another key")
    refused = heliograph.run("rotate-key", HELIOGRAPH_KEY="", HELIOGRAPH_KEY_FILE=str(key_file))
    assert refused.returncode == 1
    assert "connection 7, password" in refused.output
    assert old in read_keys(key_file)
    with pytest.raises(RotationError):
        settle(db, Vault(read_keys(key_file)))
    db.close()


def test_C5_two_rotations_at_once_are_one(key_file: Path) -> None:
    with alone(key_file), pytest.raises(KeyFileError, match="is using this key file"), alone(key_file):
        pass


def test_C5_second_factors_are_sealed_anew_too(fresh_database: DatabaseFacts) -> None:
    old, new = new_key(), new_key()
    db = fresh_database.open()
    before = Vault([old])
    secrets = {"secret": "JBSWY3DPEHPK3PXP", "seed": "00ff"}
    with db.transaction():
        check_key(db, before)
        db.run(
            "INSERT INTO accounts_user (id, password, email, name, role, is_active, invited, second_factor_required, created)"
            " VALUES (1, '', 'a@example.org', 'A', 'Viewer', :yes, :no, :no, '2026-01-01 00:00:00+00:00')",
            {"yes": True, "no": False},
        )
        for kind, (name, text) in zip(("totp", "recovery_codes"), secrets.items(), strict=True):
            data = json.dumps({name: before.seal(SECOND_FACTOR, text).decode(), "used_mask": 3})
            db.run(
                "INSERT INTO mfa_authenticator (user_id, type, data, created_at) VALUES (1, :kind, :data, '2026-01-01 00:00:00+00:00')",
                {"kind": kind, "data": data},
            )
    both = Vault([new, old])
    assert renew(db, both) == 3
    assert settle(db, both) == 0
    rows = [json.loads(data) if isinstance(data, str) else data for (data,) in db.all("SELECT data FROM mfa_authenticator ORDER BY id")]
    assert [row["used_mask"] for row in rows] == [3, 3]
    opened_again = [Vault([new]).open(SECOND_FACTOR, row[name].encode()) for row, name in zip(rows, secrets, strict=True)]
    assert opened_again == list(secrets.values())
    db.close()
