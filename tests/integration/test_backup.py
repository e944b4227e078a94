"""Backups, what a restored copy holds, and that it sends nothing until it is released (O13, O14)."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import threading
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tests.backups import all_rows, backed_up, restored
from tests.builders.worker import working
from tests.databases import DatabaseFacts, Databases
from tests.doors import PATH, make_token
from tests.processes import Starter
from tests.story import Story
from tests.waiting import until

from heliograph.accounts.vault import vault
from heliograph.store.backup.archive import BackupArchive
from heliograph.store.backup.backup_runs import last_backup, last_failure
from heliograph.store.backup.backup_schedule import Schedule
from heliograph.store.restored_copy import release_account, unreleased_accounts


def env_of(facts: DatabaseFacts) -> dict[str, str]:
    """The settings that lead a command to another database."""
    return {"HELIOGRAPH_DATABASE_URL": facts.url, "HELIOGRAPH_DATA": str(facts.data)}


def test_O13_a_restored_backup_holds_every_row(story: Story, databases: Databases, tmp_path: Path) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    with story.worker():
        story.record("R1", status="Attended", first="Zoë\n\\N\t😀")
        story.record("R2", status="New")
        story.arrived("/crm", 2)
        until(lambda: set(story.states()) == {"success"})
    file = tmp_path / "copy.zip"
    made = backed_up(story.facts, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    facts = made.manifest.facts
    assert facts.last_change is not None
    assert facts.last_change <= facts.instant
    with restored(databases, file) as copy, contextlib.closing(copy.open()) as db:
        assert all_rows(db) == all_rows(story.db)
        # and it goes on with new numbers
        (before,) = story.db.draw({"change_id": 1})["change_id"]
        assert db.draw({"change_id": 1})["change_id"][0] >= before


def test_O14_a_restored_copy_sends_nothing_until_it_is_released(story: Story, databases: Databases, tmp_path: Path) -> None:
    """Each account by itself; then what waited goes out under the ids that it had."""
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    for code in ("R1", "R2"):
        story.record(code, status="Attended")
    waiting = {action["id"] for action in story.actions()}
    made = backed_up(story.facts, tmp_path / "copy.zip")
    assert made.manifest.facts.waiting.first_attempts == 2
    with restored(databases, tmp_path / "copy.zip") as copy, contextlib.closing(copy.open()) as db:
        assert unreleased_accounts(db) == {story.account}
        with working(copy, vault(), []) as worker:
            # it has read the lanes, and keeps them
            until(lambda: [limiter.paused for limiter in worker.reader.limiters.values()] == [True])
            assert worker.sender.under_way == 0
            assert not story.receiver.requests
            with db.transaction():
                assert release_account(db, story.account, "user:1")
                assert not release_account(db, story.account, "user:1")
            until(lambda: len(story.receiver.requests) == 2)
        assert {int(id) for (id,) in db.all("SELECT id FROM action")} == waiting
        assert db.all("SELECT count(*) FROM attempt") == [(2,)]
    # the original knows nothing of it
    assert unreleased_accounts(story.db) == frozenset()


def test_O14_commands_back_up_restore_and_release(story: Story, databases: Databases, heliograph: Starter, tmp_path: Path) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.record("R1", status="Attended")
    file = tmp_path / "copy.zip"
    made = heliograph.run("backup", str(file), "--json")
    assert made.returncode == 0, made.output
    manifest = json.loads(made.output.splitlines()[-1])["manifest"]
    assert manifest["facts"]["waiting"]["first_attempts"] == 1
    assert manifest["with_key"] is False
    assert story.facts.key.encode() not in file.read_bytes()
    with contextlib.closing(story.open()) as db:
        assert last_backup(db) is not None
    again = heliograph.run("backup", str(file))
    assert (again.returncode, "exists already" in again.output) == (1, True)
    with contextlib.closing(story.open()) as db:
        assert not last_failure(db), "a mistyped name is no backup that failed"
    assert heliograph.run("backup", str(file), "--overwrite").returncode == 0
    with databases.empty() as copy:
        refused = heliograph.run("restore", str(file), **env_of(copy))
        assert "Give --yes" in refused.output, refused.output
        for sentence in ("Lost is what was accepted between", "1 delivery that may have been sent since", "Nothing was restored"):
            assert sentence in refused.output
        done = heliograph.run("restore", str(file), "--yes", **env_of(copy))
        assert done.returncode == 0, done.output
        checked = heliograph.run("doctor", "--json", **env_of(copy))
        notes = {each["name"]: each for each in json.loads(checked.output.splitlines()[-1])["checks"]}
        assert "1 of its accounts send nothing yet" in notes["restored copy"]["sentence"]
        assert "heliograph release" in notes["restored copy"]["cure"]
        asked = heliograph.run("release", **env_of(copy))
        assert asked.returncode == 1
        assert "ACME sends, perhaps for the second time: 1 delivery and 0 retries." in asked.output, asked.output
        assert "Nothing was released: there is no terminal to ask at. Give --yes" in asked.output
        released = heliograph.run("release", "--yes", **env_of(copy))
        assert "Released: ACME." in released.output, released.output
        assert "Nothing is kept" in heliograph.run("release", **env_of(copy)).output
        with contextlib.closing(copy.open()) as db:
            assert unreleased_accounts(db) == frozenset()
            ((entry,),) = db.all(
                "SELECT after FROM audit_entry WHERE what = 'changed' AND object_id = :id AND kind = 'account' ORDER BY id DESC LIMIT 1",
                {"id": story.account},
            )
            assert "sends" in str(entry)


def test_O13_the_key_is_in_a_backup_only_if_asked_for(
    fresh_database: DatabaseFacts, databases: Databases, heliograph: Starter, tmp_path: Path
) -> None:
    assert heliograph.run("migrate").returncode == 0  # binds the database to its key
    file = tmp_path / "with.zip"
    assert heliograph.run("backup", str(file), "--with-key").returncode == 0
    with BackupArchive(file) as archive:
        assert archive.keys() == (fresh_database.key,)
    with databases.empty() as copy:
        done = heliograph.run("restore", str(file), "--yes", HELIOGRAPH_KEY="", **env_of(copy))
        assert done.returncode == 0, done.output
        place = copy.data / "key"
        assert (place.read_text().strip(), place.stat().st_mode & 0o777) == (fresh_database.key, 0o600)
        checked = heliograph.run("doctor", HELIOGRAPH_KEY="", **env_of(copy))
        assert "The key decrypts this database's secrets." in checked.output


class Stream:
    """Posts registrations one after another, until it is stopped. accepted: their codes, in the order of their answers."""

    def __init__(self, address: str, token: str) -> None:
        self._address, self._token = address, token
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._post)
        self.accepted: list[str] = []
        self.refused: list[int] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _post(self) -> None:
        host = urlsplit(self._address).netloc
        with contextlib.closing(http.client.HTTPConnection(host, timeout=60)) as connection:
            for number in itertools.count():
                if self._stopped.is_set():
                    return
                body = json.dumps({"event": "SUMMIT", "code": f"S{number}", "status": "Attended"})
                connection.request("POST", PATH, body, {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                if answer.status in (200, 201):
                    self.accepted.append(f"S{number}")
                else:
                    self.refused.append(answer.status)


def test_O13_a_backup_under_load_holds_all_that_was_accepted_before_it_began(
    forgetful_story: Story, databases: Databases, heliograph: Starter, tmp_path: Path
) -> None:
    """And nothing waits for it: posts are accepted and deliveries go on while it is made."""
    story = forgetful_story
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    token = make_token(story.db, account=story.account)
    address = heliograph.serves()
    with Stream(address, token) as stream:
        until(lambda: len(stream.accepted) > 50)
        before = list(stream.accepted)
        backup = heliograph("backup", str(tmp_path / "copy.zip"))
        until(lambda: backup.returncode is not None)
        after = len(stream.accepted)
        until(lambda: len(stream.accepted) > after)
    assert backup.returncode == 0, backup.output
    assert after > len(before)
    assert stream.refused == []
    with restored(databases, tmp_path / "copy.zip") as copy, contextlib.closing(copy.open()) as db:
        stored = {code for (code,) in db.all("SELECT code FROM registration")}
        assert set(before) - stored == set()
        # a snapshot: nothing is there without what was accepted before it
        assert [code in stored for code in stream.accepted] == sorted((code in stored for code in stream.accepted), reverse=True)
        assert db.all("SELECT count(*) FROM registration") == db.all(
            "SELECT count(*) FROM change WHERE version = 1 AND registration_id IS NOT NULL"
        )


def test_O13_scheduled_backups_are_made_and_old_ones_removed(story: Story, heliograph: Starter, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    schedule = Schedule(folder, 1, 2)
    folder.mkdir()
    others = [folder / name for name in ("notes.txt", "heliograph-before-the-update.backup.zip")]
    old = [folder / f"heliograph-2026010{day}T000000Z.backup.zip" for day in (1, 2, 3)]
    for file in (*others, *old):
        file.write_text("x")
    env = {"HELIOGRAPH_BACKUP_FOLDER": str(folder), "HELIOGRAPH_BACKUP_KEEP": "2"}
    assert "is not set" in heliograph.run("backup", "--scheduled").output
    done = heliograph.run("backup", "--scheduled", **env)
    assert done.returncode == 0, done.output
    (made,) = {*folder.iterdir()} - {*others, *old}
    assert {*folder.iterdir()} == {*others, old[2], made}
    with BackupArchive(made) as archive:
        archive.extract_database()
    # the next one is due after a day, and a backup by hand counts
    assert heliograph.run("backup", "--scheduled", **env).returncode == 0
    assert {*folder.iterdir()} == {*others, old[2], made}
    assert schedule.remove_old() == []


def test_O13_serve_makes_scheduled_backups_by_itself(story: Story, heliograph: Starter, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "backups"
    heliograph.serves(HELIOGRAPH_BACKUP_FOLDER=str(folder))
    until(lambda: folder.exists() and [file for file in folder.iterdir() if file.suffix == ".zip"], 120)
    with contextlib.closing(story.open()) as db:
        until(lambda: last_backup(db) is not None)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "hours old" in heliograph.run("status").output


def test_O13_doctor_says_what_to_do_about_backups(story: Story, heliograph: Starter, tmp_path: Path) -> None:
    """A name that exists is no backup that failed; a schedule that is set is not advised."""
    file = tmp_path / "there.zip"
    file.write_text("mine")
    assert heliograph.run("backup", str(file)).returncode == 1
    said = heliograph.run("doctor").output
    assert "No backup was made yet." in said
    assert "The last try failed" not in said
    assert "Set HELIOGRAPH_BACKUP_FOLDER" in said
    assert "Set HELIOGRAPH_BACKUP_FOLDER" not in heliograph.run("doctor", HELIOGRAPH_BACKUP_FOLDER=str(tmp_path / "backups")).output


def test_O13_what_a_killed_backup_has_left_goes(story: Story, heliograph: Starter, tmp_path: Path) -> None:
    left = tmp_path / ".heliograph-backup-killed"
    left.mkdir()
    (left / "lock").touch()
    (left / "heliograph.db").write_bytes(b"half of it")
    backed_up(story.facts, tmp_path / "copy.zip")
    assert not left.exists()
