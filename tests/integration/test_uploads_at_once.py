"""Uploads that take long to read block neither other people's pages nor, permanently, their own account's (A7)."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.databases import DatabaseFacts, Databases
from tests.e2e.showcase import Showcase, showcase
from tests.form_client import Browser
from tests.hostile_workbooks import cell, row, small, workbook
from tests.processes import Process, free_port
from tests.waiting import PATIENCE, until

from heliograph.registrations.imports import reader_process, reader_slots
from heliograph.registrations.imports.import_errors import ImportFileError

LARGE = workbook("".join(row(*(cell(f"v{n}-{m}") for m in range(8))) for n in range(20_000)))
"""Valid, but a second's work for its reader; here it is suspended while it reads."""


def readers(of: int) -> list[int]:
    """The processes that read a file for this process."""
    children = [int(child) for task in Path(f"/proc/{of}/task").iterdir() for child in (task / "children").read_text().split()]
    return [child for child in children if b"reader_child" in Path(f"/proc/{child}/cmdline").read_bytes()]


def file_of(browser: Browser, name: str, data: bytes) -> tuple[int, str, str]:
    """The result of an upload: status, redirect target, the page."""
    head = f'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{browser.token}\r\n'
    head += f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    status, to, text = browser.ask("POST", "/import/", head.encode() + data + b"\r\n--x--\r\n", **kind)
    return status, to, text.decode()


class Uploads:
    """Uploads on their own threads. order: those that ended, first to last."""

    def __init__(self, of: Showcase, order: list[str]) -> None:
        self._of, self.order, self._threads = of, order, list[threading.Thread]()
        self.answers: dict[str, tuple[int, str, str]] = {}

    def begin(self, who: str, name: str, data: bytes) -> None:
        def run() -> None:
            with closing(Browser(self._of, who)) as browser:
                browser.forms("/import/")
                self.answers[name] = file_of(browser, name, data)
                self.order.append(name)

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()

    def end(self) -> None:
        for thread in self._threads:
            thread.join(2 * PATIENCE)
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def place(databases: Databases) -> Iterator[tuple[DatabaseFacts, Showcase]]:
    """Where people upload. Filling it takes longer than a test does, and each test leaves nobody reading and nothing held."""
    with databases.migrated() as facts, showcase(facts) as of:
        yield facts, of


def process_of(of: Showcase) -> int:
    """The process that answers there."""
    port = int(of.url.rpartition(":")[2])
    with Path("/proc/net/tcp").open() as table:
        (inode,) = {line.split()[9] for line in table if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"}
    for place in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(place.readlink()) == f"socket:[{inode}]":
                return int(place.parts[2])
    raise AssertionError("nobody listens")


@contextmanager
def stopped(pages: int) -> Iterator[int]:
    """A reading process, suspended as soon as it exists."""
    found: list[int] = []
    until(lambda: bool(found.extend(readers(pages)) or found))
    os.kill(found[0], signal.SIGSTOP)
    try:
        yield found[0]
    finally:
        with suppress(ProcessLookupError):
            os.kill(found[0], signal.SIGCONT)


def test_A7_nine_uploads_of_an_account_hold_one_thread_and_others_are_answered(place: tuple[DatabaseFacts, Showcase]) -> None:
    facts, of = place
    pages, order = process_of(of), list[str]()
    uploads = Uploads(of, order)
    uploads.begin("planning", "first.xlsx", LARGE)
    with stopped(pages), ExitStack() as stack:
        for n in range(8):
            uploads.begin("setting-up", f"more{n}.xlsx", LARGE)
        until(lambda: len(order) == 8)
        for name in order:
            status, _to, text = uploads.answers[name]
            assert status == 409
            assert "“first.xlsx” is being read" in text
            assert "/columns/" in text
        other, mine = (stack.enter_context(closing(Browser(of, who))) for who in ("administrator", "planning"))
        assert other.ask("GET", "/registrations/")[0] == 200
        assert mine.ask("GET", "/registrations/")[0] == 200
        running = text[text.index("/import/", text.index("Not started")) :].partition('"')[0]
        status, _to, page = mine.ask("GET", running)
        assert (status, b"It is being read" in page) == (409, True)
        other.forms("/import/")
        assert file_of(other, "other.xlsx", small())[0] == 302  # another account has its own place
        if facts.vendor == "postgresql":
            _another_process_refuses_too(facts, of)
        order.append("others were answered")
    uploads.end()
    assert order[-2:] == ["others were answered", "first.xlsx"]
    assert uploads.answers["first.xlsx"][0] == 302
    with closing(Browser(of, "planning")) as mine:
        mine.forms("/import/")
        assert file_of(mine, "next.xlsx", small())[0] == 302


def _another_process_refuses_too(facts: DatabaseFacts, of: Showcase) -> None:
    """The account has one place in all page processes."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = facts.env(
        DJANGO_SETTINGS_MODULE="heliograph.settings",
        HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}",
        HELIOGRAPH_BIND=f"127.0.0.1:{port}",
        HELIOGRAPH_BASE_URL=url,
    )
    second = Process(("process", "pages"), env, facts.data / "second.log")
    try:
        second.until_answers(f"{url}/accounts/sign-in/")
        there = Showcase(url, of.password, of.people, of.sessions, of.items, of.ids, of.links)
        with closing(Browser(there, "planning")) as browser:
            browser.forms("/import/")
            assert file_of(browser, "elsewhere.xlsx", small())[0] == 409
    finally:
        second.kill()


def test_A7_all_accounts_together_hold_fewer_threads_than_there_are(place: tuple[DatabaseFacts, Showcase]) -> None:
    _facts, of = place
    pages, order = process_of(of), list[str]()
    uploads = Uploads(of, order)
    held = list[int]()
    try:
        for who in ("planning", "administrator"):
            uploads.begin(who, f"{who}.xlsx", LARGE)
            until(lambda: len(readers(pages)) > len(held))
            for process in set(readers(pages)) - set(held):
                os.kill(process, signal.SIGSTOP)
                held.append(process)
        assert len(held) == reader_slots.places() == 2
        with closing(Browser(of, "beginner")) as browser:
            browser.forms("/import/")
            status, _to, text = file_of(browser, "third.xlsx", small())
            assert (status, "Files of others are being read" in text) == (409, True)
            assert "first.xlsx" not in text
            assert "planning.xlsx" not in text
            assert browser.ask("GET", "/registrations/")[0] == 200
            order.append("others were answered")
    finally:
        for process in held:
            os.kill(process, signal.SIGCONT)
        uploads.end()
    assert order[0] == "others were answered"
    assert {uploads.answers[f"{who}.xlsx"][0] for who in ("planning", "administrator")} == {302}


def test_A7_a_reader_process_that_dies_leaves_its_place_free(place: tuple[DatabaseFacts, Showcase]) -> None:
    _facts, of = place
    pages, order = process_of(of), list[str]()
    uploads = Uploads(of, order)
    uploads.begin("planning", "first.xlsx", LARGE)
    with stopped(pages) as process:
        os.kill(process, signal.SIGKILL)
        uploads.end()
    status, _to, text = uploads.answers["first.xlsx"]
    assert (status, "is damaged" in text) == (422, True)
    with closing(Browser(of, "planning")) as browser:
        browser.forms("/import/")
        assert file_of(browser, "next.xlsx", small())[0] == 302


def test_A7_pages_that_are_killed_leave_no_place_held_and_no_process_behind(databases: Databases) -> None:
    with databases.migrated() as facts:
        with showcase(facts) as of:
            pages, order = process_of(of), list[str]()
            uploads = Uploads(of, order)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(threading, "excepthook", lambda _args: None)  # the connection is gone
                uploads.begin("planning", "first.xlsx", LARGE)
                with stopped(pages) as process:
                    os.kill(pages, signal.SIGKILL)
                    uploads.end()
                until(lambda: not Path(f"/proc/{process}").exists())
        with _served_again(facts, of) as there, closing(Browser(there, "planning")) as browser:

            def is_taken() -> bool:
                browser.forms("/import/")
                return file_of(browser, "next.xlsx", small())[0] == 302

            until(is_taken)


@contextmanager
def _served_again(facts: DatabaseFacts, of: Showcase) -> Iterator[Showcase]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = facts.env(
        DJANGO_SETTINGS_MODULE="heliograph.settings",
        HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}",
        HELIOGRAPH_BIND=f"127.0.0.1:{port}",
        HELIOGRAPH_BASE_URL=url,
    )
    pages = Process(("process", "pages"), env, facts.data / "again.log")
    try:
        pages.until_answers(f"{url}/accounts/sign-in/")
        yield Showcase(url, of.password, of.people, of.sessions, of.items, of.ids, of.links)
    finally:
        pages.kill()


# --- bombs


def _lying(data: bytes) -> bytes:
    """The archive with false sizes, which claim that its parts are small."""
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as archive:
        for part in archive.infolist():
            part.file_size = min(part.file_size, 1_000)
        archive._didModify = True  # type: ignore[attr-defined]
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(workbook(row(cell("a")), shared="<si><t>x</t></si>" * 3_000_000), id="shared strings"),
        pytest.param(workbook("<row/>" * 8_000_000), id="rows"),
        pytest.param(_lying(workbook("<row/>" * 8_000_000)), id="rows, and it lies about them"),
        pytest.param(workbook(row(cell("x" * 60_000_000))), id="a cell"),
    ],
)
def test_A7_a_bomb_is_refused_before_anything_of_it_is_parsed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(data)
    assert len(data) < 500_000
    beats = list[int]()
    with pytest.raises(ImportFileError, match="times its size"):
        reader_process.read_beginning(path, beat=lambda: beats.append(1))


class Dead(subprocess.Popen[bytes]):
    """A process that has ended before anything is written to it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.wait()


def test_A7_a_reader_that_dies_before_it_has_read_its_request_is_told_as_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(subprocess, "Popen", Dead)
    with pytest.raises(ImportFileError, match="is damaged"):
        reader_process.read_beginning(tmp_path / "a.xlsx", beat=lambda: None)


def test_A7_a_reader_loads_no_module_from_the_folder_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('it was loaded')")
    (tmp_path / "people.csv").write_text("code,name\n1,Ada\n")
    monkeypatch.chdir(tmp_path)
    assert reader_process.read_beginning(tmp_path / "people.csv", beat=lambda: None).names == ["code", "name"]
