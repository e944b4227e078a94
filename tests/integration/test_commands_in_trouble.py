"""Every command says a sentence where it cannot do its work, never a traceback (O12)."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest
from tests.databases import DatabaseFacts
from tests.processes import Process, Starter, free_port
from tests.small_disk import small_disk

pytestmark = pytest.mark.once
READING = (("status",), ("doctor",), ("jobs", "list"), ("flow", "list", "--account", "MAIN"))
WRITING = (("createtoken", "MAIN", "--name", "x"), ("createaccount", "NEW"), ("migrate",), ("rotate-key",), ("serve",))


def assert_says(command: Process, *sentences: str) -> None:
    """It has failed with one of these."""
    assert command.returncode == 1, (command.arguments, command.output)
    assert "Traceback" not in command.output, (command.arguments, command.output)
    assert "Errno" not in command.output, (command.arguments, command.output)
    assert any(sentence in command.output for sentence in sentences), (command.arguments, command.output)


def ports() -> dict[str, str]:
    return {"HELIOGRAPH_BIND": f"127.0.0.1:{free_port()}", "HELIOGRAPH_OPERATIONS_BIND": f"127.0.0.1:{free_port()}"}


def test_O12_another_users_folder(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    """As root, without the right to pass over the permissions of files."""
    is_root = os.geteuid() == 0
    within = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if is_root else []
    data = fresh_database.data
    if is_root:
        nobody = pwd.getpwnam("nobody")
        for path in (data, *data.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    data.chmod(0o700 if is_root else 0)
    starter = Starter(fresh_database, tmp_path, within)
    try:
        for arguments in (*READING, *WRITING):
            command = starter.run(*arguments, **ports())
            assert_says(
                command, f"cannot be used by the user {pwd.getpwuid(os.geteuid()).pw_name}", f"{data} is not writable", "The key file"
            )
    finally:
        data.chmod(0o700)
        if is_root:
            os.chown(data, 0, 0)


def test_O12_a_folder_that_can_only_be_read(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    with small_disk(place) as disk:
        data = place / "data"
        facts = DatabaseFacts("sqlite", f"sqlite:///{data / 'heliograph.db'}", data, fresh_database.key)
        starter = Starter(facts, tmp_path, disk.within)
        assert starter.run("migrate").returncode == 0
        assert starter.run("createaccount", "MAIN").returncode == 0
        disk.make_read_only()
        for arguments in (*(each for each in WRITING if each != ("rotate-key",)), ("doctor",)):
            assert_says(starter.run(*arguments, **ports()), "can only be read", "not writable", "cannot be used by the user")


def test_O12_an_empty_database(tmp_path: Path, fresh_database: DatabaseFacts) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    facts = DatabaseFacts("sqlite", f"sqlite:///{data / 'heliograph.db'}", data, fresh_database.key)
    starter = Starter(facts, tmp_path)
    for arguments in (("status",), ("createtoken", "MAIN", "--name", "x"), ("jobs", "list")):
        assert_says(starter.run(*arguments), "There is no database")
    (data / "heliograph.db").touch(0o600)
    for arguments in (*READING, *WRITING[:2]):
        assert_says(starter.run(*arguments), "The database is empty")


def test_O12_a_file_that_is_no_database(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "heliograph.db").write_bytes(b"something else " * 100)
    facts = DatabaseFacts("sqlite", f"sqlite:///{data / 'heliograph.db'}", data, fresh_database.key)
    starter = Starter(facts, tmp_path)
    for arguments in (*READING, *(each for each in WRITING if each != ("rotate-key",))):
        assert_says(starter.run(*arguments, **ports()), "The database is damaged")


@pytest.mark.parametrize("setting", ["HELIOGRAPH_BIND", "HELIOGRAPH_INGEST_BIND"])
def test_O12_a_port_in_use_is_named_with_its_setting(heliograph: Starter, fresh_database: DatabaseFacts, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = heliograph("serve", **ports() | {setting: address})
        command.until_printed(
            f"{address} is in use, perhaps by a start before this one"
        )  # it says so before it waits for that start to end
        command.wait()
    assert_says(command, f"{setting} is {address}, where nothing can listen: Address already in use")


def test_O6_serve_starts_with_any_priority(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    """Only root may raise a priority: a start that is nicer than the pages' process would be stays so."""
    is_root = os.geteuid() == 0
    starter = Starter(fresh_database, tmp_path, ["nice", "-n", "12", *(["setpriv", "--bounding-set=-sys_nice"] if is_root else [])])
    try:
        starter.serves()
    finally:
        starter.end()
