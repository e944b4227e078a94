"""The findings of doctor, on this machine and on described ones (O1, O2, O7)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from heliograph.store import doctor_checks
from heliograph.store.database import Database
from heliograph.store.disk_room import size_text
from heliograph.store.secrets import Vault
from heliograph.store.sqlite_database import SqliteDatabase

MOUNTS = [
    ("/", "ext4"),
    ("/srv", "nfs4"),
    ("/srv/local", "xfs"),
    ("/mnt/with space", "cifs"),
    ("/home/me/cloud", "fuse.sshfs"),
    ("/data", "ext4"),
    ("/data", "9p"),
]


def test_O1_a_folder_that_can_be_written(tmp_path: Path) -> None:
    check = doctor_checks.folder_is_writable(tmp_path)
    assert (check.ok, check.cure) == (True, "")
    assert list(tmp_path.iterdir()) == []


def test_O1_a_folder_that_is_not_there_or_not_ours(tmp_path: Path) -> None:
    assert not doctor_checks.folder_is_writable(tmp_path / "absent").ok
    if os.geteuid():
        tmp_path.chmod(0o500)
        assert "chown" in doctor_checks.folder_is_writable(tmp_path).cure


@pytest.mark.parametrize(
    ("folder", "local"),
    [
        ("/var/lib/heliograph", True),
        ("/srv/heliograph", False),
        ("/srv", False),
        ("/srv/local/x", True),
        ("/srvx", True),
        ("/mnt/with space/x", False),
        ("/home/me/cloud/deep/x", False),
        ("/data", False),
    ],
)
def test_O1_network_file_systems_are_told(folder: str, local: bool) -> None:
    check = doctor_checks.folder_is_local(Path(folder), MOUNTS)
    assert check.ok is local
    assert bool(check.cure) is not local


def test_O1_the_systems_mounts_are_read() -> None:
    assert "/" in dict(doctor_checks.list_mounts())
    assert doctor_checks._read_mountinfo(r"36 35 98:0 /a /mnt/with\040space rw,noatime master:1 - cifs //host/share rw") == [
        ("/mnt/with space", "cifs")
    ]


def test_O7_free_space(tmp_path: Path) -> None:
    assert doctor_checks.disk_has_room(tmp_path, 1).ok
    assert "disk is full" in doctor_checks.disk_has_room(tmp_path, 2**70).cure
    assert not doctor_checks.disk_has_room(tmp_path / "absent").ok


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (45_678, "46 kB"),
        (12_345_678, "12 MB"),
        (10**9, "1.0 GB"),
        (81_512_345_678, "81.5 GB"),
    ],
)
def test_O12_no_size_is_said_as_0_0_of_a_unit(size: int, text: str) -> None:
    assert size_text(size) == text


def test_O2_a_database_that_does_not_answer(tmp_path: Path) -> None:
    def connect() -> Database:
        return SqliteDatabase(sqlite3.connect(f"file:{tmp_path / 'absent' / 'x.db'}?mode=ro", uri=True))

    check, database = doctor_checks.database_answers(connect)
    assert database is None
    assert not check.ok
    assert "HELIOGRAPH_DATABASE_URL" in check.cure


@pytest.mark.parametrize(
    ("offset", "ok", "words"),
    [(0, True, "agree"), (-10_000_000, False, "10.0 s behind"), (10_000_000, False, "10.0 s ahead"), (-1_000_000, True, "agree")],
)
def test_O2_clocks(offset: int, ok: bool, words: str) -> None:
    connection = sqlite3.connect(":memory:")
    database = SqliteDatabase(connection)
    check = doctor_checks.clocks_agree(database, lambda: database.now() + offset)
    connection.close()
    assert check.ok is ok
    assert words in check.sentence


def test_O2_proxies_of_the_environment() -> None:
    assert doctor_checks.proxies_are_ignored({"PATH": "/bin", "http_proxy": ""}).cure == ""
    told = doctor_checks.proxies_are_ignored({"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "x"})
    assert told.ok
    assert "HTTPS_PROXY" in told.sentence
    assert "proxy:3128" not in told.sentence


@pytest.mark.parametrize(
    ("networks", "warned"),
    [
        ([], False),
        (["10.1.0.0/16"], False),
        (["10.0.0.0/8"], False),
        (["0.0.0.0/0"], True),
        (["127.0.0.0/8"], True),
        (["fd00::/8"], True),
        (["fd00:7::/32"], False),
    ],
)
def test_C6_wide_allow_lists_are_told(networks: list[str], warned: bool) -> None:
    check = doctor_checks.networks_are_narrow([ip_network(network) for network in networks])
    assert check.ok
    assert bool(check.cure) is warned
    assert all(network in check.sentence for network in networks)


def test_O2_open_files() -> None:
    few = doctor_checks.descriptors_suffice(1024, owner="The service that runs")
    assert few.sentence == "The service that runs may open only 1,024 files."
    assert "LimitNOFILE" in few.cure
    assert doctor_checks.descriptors_suffice(65536, owner="x").cure == ""
    assert "any number" in doctor_checks.descriptors_suffice(0, owner="x").sentence


def test_O2_schema_and_key_without_tables(tmp_path: Path) -> None:
    connection = sqlite3.connect(":memory:")
    database = SqliteDatabase(connection)
    vault = Vault([Fernet.generate_key().decode()])
    checks: list[Callable[[], doctor_checks.Check]] = [
        lambda: doctor_checks.schema_is_current(database, [("store", "0001_initial")]),
        lambda: doctor_checks.key_fits(database, vault),
    ]
    for check in checks:
        assert not check().ok
        assert "migrate" in check().cure
    connection.close()
