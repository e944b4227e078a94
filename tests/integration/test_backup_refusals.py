"""What keeps a backup from being made or restored, each in a sentence, and nothing changed (O13, O14)."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.fernet import Fernet
from tests.backups import backed_up, restore_into, source_of, target_of
from tests.builders.stored_account import stored_account
from tests.databases import DatabaseFacts, Databases

from heliograph.domain.errors import HeliographError
from heliograph.store.backup.archive import MEMBERS, BackupArchive, DamagedBackup
from heliograph.store.backup.backup_file import FileThere, NoBackup, make_backup
from heliograph.store.backup.manifest import Manifest, NoManifest, major_of
from heliograph.store.backup.postgres_programs import NoProgram, connection_arguments, find_program
from heliograph.store.backup.restoration import NotRestored
from heliograph.store.backup.sqlite_copy import DamagedDatabase
from heliograph.store.secrets import Vault, check_key


@pytest.fixture
def file(fresh_database: DatabaseFacts, tmp_path: Path) -> Path:
    """A backup of a small account."""
    with contextlib.closing(fresh_database.open()) as db:
        with db.transaction():
            check_key(db, Vault([fresh_database.key]))
        stored_account(db, number=1)
    return backed_up(fresh_database, tmp_path / "copy.zip").path


@pytest.fixture
def empty(databases: Databases) -> Iterator[DatabaseFacts]:
    """A database to restore into."""
    with databases.empty() as facts:
        yield facts


def is_untouched(facts: DatabaseFacts) -> bool:
    """Whether nothing was restored."""
    if facts.vendor == "sqlite":
        return not (facts.data / "heliograph.db").exists()
    with contextlib.closing(facts.open()) as db:
        return db.all("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def rewritten(file: Path, change: Callable[[dict[str, bytes]], object], *, name: str = "changed.zip") -> Path:
    """The backup with other members."""
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    change(members)
    changed = file.with_name(name)
    with zipfile.ZipFile(changed, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return changed


def with_manifest(file: Path, **more: object) -> Path:
    """The backup with another manifest."""

    def change(members: dict[str, bytes]) -> None:
        manifest = Manifest.from_json(members["manifest.json"])
        members["manifest.json"] = msgspec.json.encode(msgspec.structs.replace(manifest, **more))

    return rewritten(file, change)


# --- a backup is not made


def test_O13_an_existing_file_is_kept(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    file = tmp_path / "copy.zip"
    file.write_text("mine")
    with pytest.raises(FileThere, match="exists already"):
        backed_up(fresh_database, file)
    with pytest.raises(FileThere):
        backed_up(fresh_database, tmp_path, overwrite=True)  # a folder
    assert file.read_text() == "mine"
    backed_up(fresh_database, file, overwrite=True)
    with BackupArchive(file) as archive:
        archive.extract_database()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["copy.zip"]


def test_O13_a_folder_that_cannot_be_written_is_a_sentence(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NoBackup, match="cannot be written"):
        backed_up(fresh_database, tmp_path / "file" / "copy.zip")


def test_O13_a_damaged_database_is_no_backup(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    """SQLite: a page of an index is overwritten. PostgreSQL finds such damage while it dumps; here a table is not there any more."""
    with contextlib.closing(fresh_database.open()) as db:
        stored_account(db, number=1)
        if fresh_database.vendor == "sqlite":
            db.all("PRAGMA wal_checkpoint(TRUNCATE)")
            ((page,),) = db.all("SELECT rootpage FROM sqlite_master WHERE name = 'change_at'")
            ((size,),) = db.all("PRAGMA page_size")
        else:
            db.run("DROP TABLE change CASCADE")
    if fresh_database.vendor == "sqlite":
        with (fresh_database.data / "heliograph.db").open("r+b") as database:
            database.seek((page - 1) * size)
            database.write(os.urandom(size))
    with pytest.raises((NoBackup, DamagedDatabase)) as refused:
        backed_up(fresh_database, tmp_path / "copy.zip")
    assert "damaged" in str(refused.value) or "could not be copied" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.once
def test_O13_a_pg_dump_that_is_too_old_is_named(tmp_path: Path) -> None:
    """The oldest program that suffices is taken."""
    for version in (15, 17, 18):
        program = tmp_path / f"usr/lib/postgresql/{version}/bin/pg_dump"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}.2 (Debian {version}.2-1)'\n")
        program.chmod(0o700)
    assert find_program("pg_dump", 16, tmp_path).version == "17.2"
    with pytest.raises(
        NoProgram, match=r"needs pg_dump of PostgreSQL 99 or later, but the newest here is 18\. Install .*postgresql-client-99"
    ):
        find_program("pg_dump", 99, tmp_path)
    with pytest.raises(NoProgram, match="there is none here"):
        find_program("pg_dumb", 15, tmp_path)
    assert (major_of("16.4"), major_of("17beta1"), major_of("devel")) == (16, 17, 0)


@pytest.mark.once
def test_O13_a_password_is_on_no_command_line() -> None:
    arguments, environment = connection_arguments("postgresql://heliograph:s%40cret@db:5433/name?sslmode=require")
    assert "s@cret" not in " ".join(arguments)
    assert environment == {"PGPASSWORD": "s@cret"}
    assert "sslmode=require" in arguments[1]


# --- a backup is not restored


def test_O14_only_an_empty_place_is_restored_into(file: Path, empty: DatabaseFacts, fresh_database: DatabaseFacts) -> None:
    with pytest.raises(HeliographError, match=r"not empty|already"):
        restore_into(target_of(fresh_database), file)
    if empty.vendor == "postgresql":  # the data folder is empty, the database is not
        with pytest.raises(HeliographError, match="The database is not empty: it has"):
            restore_into(dataclasses.replace(target_of(empty), database_url=fresh_database.url), file)
    (empty.data / "flight").mkdir()
    with pytest.raises(NotRestored, match="is not empty: it holds flight"):
        restore_into(target_of(empty), file)
    assert is_untouched(empty)


def test_O14_the_key_has_to_be_there_and_the_right_one(file: Path, empty: DatabaseFacts) -> None:
    with pytest.raises(NotRestored, match=r"The key that encrypted the secrets of this backup .* is missing"):
        restore_into(target_of(empty, keys=()), file)
    with pytest.raises(NotRestored, match="This is not the key"):
        restore_into(target_of(empty, keys=(Fernet.generate_key().decode(),)), file)
    other = Fernet.generate_key().decode()
    with pytest.raises(NotRestored, match=r"This is not the key .* though its manifest says so"):
        restore_into(target_of(empty, keys=(other,)), with_manifest(file, keys=()))
    assert empty.vendor == "postgresql" or is_untouched(empty)


def test_O14_a_newer_schema_is_refused(file: Path, empty: DatabaseFacts) -> None:
    """By the manifest, and by the database itself where the manifest hides it."""
    known = target_of(empty).known_migrations
    older = {each for each in known if each != ("store", "0007_backups")}
    with pytest.raises(NotRestored, match=r"schema is newer than this release's \(store\.0007_backups\)\. Update Heliograph"):
        restore_into(target_of(empty, known_migrations=older), file)
    assert is_untouched(empty)
    facts = Manifest.from_json(zipfile.ZipFile(file).read("manifest.json")).facts
    hidden = with_manifest(file, facts=msgspec.structs.replace(facts, migrations=sorted(older)))
    with pytest.raises(DamagedDatabase, match="another schema"):
        restore_into(target_of(empty, known_migrations=older), hidden)


def test_O14_another_kind_of_database_is_refused(file: Path, empty: DatabaseFacts) -> None:
    other = "postgresql" if empty.vendor == "sqlite" else "sqlite"

    def renamed(members: dict[str, bytes]) -> None:
        manifest = Manifest.from_json(members["manifest.json"])
        members[MEMBERS[other]] = members.pop(manifest.member)
        members["manifest.json"] = msgspec.json.encode(msgspec.structs.replace(manifest, database=other, member=MEMBERS[other]))

    with pytest.raises(NotRestored, match="This is a backup of"):
        restore_into(target_of(empty), rewritten(file, renamed))
    assert is_untouched(empty)


def test_O14_a_damaged_or_cut_file_is_refused(file: Path, empty: DatabaseFacts) -> None:
    whole = file.read_bytes()
    for part in (0.1, 0.5, 0.9, 0.999):
        (cut := file.with_name("cut.zip")).write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(DamagedBackup, match="damaged or cut off"):
            restore_into(target_of(empty), cut)
    (flipped := file.with_name("flipped.zip")).write_bytes(
        whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :]
    )
    with pytest.raises(DamagedBackup, match="damaged"):
        restore_into(target_of(empty), flipped)
    (text := file.with_name("text.zip")).write_text("not a zip")
    with pytest.raises(DamagedBackup, match="is not a backup"):
        restore_into(target_of(empty), text)
    with pytest.raises(DamagedBackup, match="There is no file"):
        restore_into(target_of(empty), file.with_name("nothing.zip"))
    assert is_untouched(empty)


def test_O14_counts_that_differ_are_refused(file: Path, empty: DatabaseFacts) -> None:
    facts = Manifest.from_json(zipfile.ZipFile(file).read("manifest.json")).facts
    table = next(name for name in facts.counts if name.rpartition(".")[2] == "event")
    changed = with_manifest(file, facts=msgspec.structs.replace(facts, counts={**facts.counts, table: facts.counts[table] + 1}))
    with pytest.raises(DamagedDatabase, match=r"event has 1 rows, not 2\."):
        restore_into(target_of(empty), changed)


@pytest.mark.parametrize("name", ["../heliograph.db", "/tmp/evil", "heliograph.db/../../evil", "key", "more.txt"])
def test_O14_a_member_that_does_not_belong_is_refused(file: Path, empty: DatabaseFacts, name: str) -> None:
    """Nothing of a backup is unpacked by a name that it brings along."""
    before = sorted(each.name for each in empty.data.parent.iterdir())
    with pytest.raises(DamagedBackup, match="other members"):
        restore_into(target_of(empty), rewritten(file, lambda members: members.update({name: b"evil"})))
    assert sorted(each.name for each in empty.data.parent.iterdir()) == before
    assert list(empty.data.iterdir()) == []


@pytest.mark.once
def test_O14_a_member_that_is_there_twice_is_refused(file: Path, empty: DatabaseFacts) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "a") as archive:
        archive.writestr("manifest.json", archive.read("manifest.json"))
    with pytest.raises(DamagedBackup, match="other members"):
        restore_into(target_of(empty), file)


def test_O14_more_than_the_manifest_says_is_not_unpacked(file: Path, empty: DatabaseFacts) -> None:
    """A zip that grows to any size fills no disk: reading ends at the size of the manifest."""
    size = Manifest.from_json(zipfile.ZipFile(file).read("manifest.json")).size
    with pytest.raises(DamagedBackup, match="not what the manifest says"):
        restore_into(target_of(empty), with_manifest(file, size=size - 1))
    assert is_untouched(empty)


def test_O14_other_manifests_are_refused(file: Path, empty: DatabaseFacts) -> None:
    for change, sentence in (
        ({"format": 2}, "in a layout that this release does not know"),
        ({"product": "other"}, "not a backup of Heliograph"),
    ):
        with pytest.raises(NoManifest, match=sentence):
            restore_into(target_of(empty), with_manifest(file, **change))
    with pytest.raises(NoManifest, match="its manifest cannot be read"):
        restore_into(target_of(empty), rewritten(file, lambda members: members.update({"manifest.json": b"[]"})))
    with pytest.raises(DamagedBackup):
        restore_into(target_of(empty), rewritten(file, lambda members: members.pop("manifest.json")))
    assert is_untouched(empty)


def test_O13_the_source_needs_no_key_but_names_it(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    made = make_backup(source_of(fresh_database), tmp_path / "copy.zip")
    assert fresh_database.key not in made.manifest.to_json().decode()
    assert len(made.manifest.keys[0]) == 16
