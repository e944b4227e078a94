"""What every test can ask for.

Databases. A run of pytest uses one vendor, chosen by HELIOGRAPH_TEST_DATABASE (sqlite or postgres); `make test` runs both. A test that uses
a database is part of both runs, any other test only of the SQLite run, so `pytest` alone omits only PostgreSQL.

- `db` / `transactional_db` / `@pytest.mark.django_db`: Django's test database, aliases `default` and `read`. Without transactions of its own
  (`db`) the two aliases share a connection; a test with threads, processes or the engine needs `transaction=True`.
- `database`: facts of Django's test database (vendor, url, env) for a process that joins a `transaction=True` test.
- `fresh_database`: another database, migrated and empty; `empty_database`: without tables; `databases`: as many as wanted.
- `heliograph`: starts `heliograph ...` as a process, against `fresh_database`, or against `database` where the test uses Django's.

Browser. `page`, `context` of pytest-playwright on the system's Chromium; `page_errors` is always on and fails the test on console errors,
script errors and requests that leave the machine. `tests/accessibility.py` has axe.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
from django.db import connections
from django.template import Template
from django.test import TestCase, TransactionTestCase
from django.test.utils import _TestState
from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError, expect

from heliograph.store import config_cache
from heliograph.store.schema_update import migrate
from tests import needed, postgres
from tests import settings as test_settings
from tests.databases import DatabaseFacts, Databases, Vendor
from tests.processes import Starter
from tests.waiting import PATIENCE

_PRIORITY = os.getpriority(os.PRIO_PROCESS, 0)
DATABASE_FIXTURES = frozenset({"db", "transactional_db", "live_server", "client", "databases", "fresh_database", "empty_database"})
BROWSER_FIXTURES = frozenset({"page", "context", "new_context"})

expect.set_options(timeout=PATIENCE * 1000)
# How fast examples are made is the machine's affair.
hypothesis.settings.register_profile("heliograph", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True)
hypothesis.settings.register_profile("ci", parent=hypothesis.settings.get_profile("heliograph"), derandomize=True, database=None)
hypothesis.settings.register_profile("trial", parent=hypothesis.settings.get_profile("heliograph"), max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HELIOGRAPH_TEST_HYPOTHESIS") or ("ci" if os.environ.get("CI") else "heliograph"))


# --- which tests run, with which databases


def _touches_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("django_db") is not None or not DATABASE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def _is_transactional(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    named = {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    return bool(named) or bool(marker and marker.kwargs.get("transaction"))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Lets every database test use both aliases."""
    marker = item.get_closest_marker("django_db")
    uses_django = marker or not {"db", "transactional_db", "live_server"}.isdisjoint(getattr(item, "fixturenames", ()))
    if uses_django and (marker is None or "databases" not in marker.kwargs):
        item.add_marker(pytest.mark.django_db(**{**(marker.kwargs if marker else {}), "databases": "__all__"}), append=False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The run on PostgreSQL leaves out what touches no database. What needs a program that this release lacks is noted as not run."""
    _leave_out_what_lacks(config, items)
    if test_settings.VENDOR != "sqlite":
        _leave_out(config, items, [item for item in items if item.get_closest_marker("once") or not _touches_database(item)])


def _leave_out(config: pytest.Config, items: list[pytest.Item], left_out: list[pytest.Item]) -> None:
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]


_not_run: dict[str, str] = {}
"""Tests that were chosen and do not run: what they need that is not here, by node id."""


def _leave_out_what_lacks(config: pytest.Config, items: list[pytest.Item]) -> None:
    lacking = needed.said_without()
    if not lacking:
        return
    for item in items:
        wanted = {name for marker in item.iter_markers("needs") for name in marker.args}
        if not BROWSER_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            wanted.add("chromium")
        if wanted & lacking:
            _not_run[item.nodeid] = ", ".join(sorted(wanted & lacking))
    _leave_out(config, items, [item for item in items if item.nodeid in _not_run])


def pytest_collection_finish() -> None:
    """What has been imported and collected lives to the end, and is not looked through again and again by the garbage collector."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Points `read` to the connection that opened the test's own transaction, because only that sees its rows."""
    if _touches_database(item) and not _is_transactional(item):
        connections["read"].close()
        connections["read"] = connections["default"]
    return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Closes what `pytest_runtest_setup` opened. A job or a backup that ran in this thread has lowered its priority: the next test starts with
    that of the first, else it waits for all other parts of `make test`."""
    try:
        return (yield)
    finally:
        if connections["read"] is connections["default"]:
            del connections["read"]
        with contextlib.suppress(PermissionError):  # only root may raise it
            os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Writes the counts and the failed tests, for the summary of `make test` over its runs."""
    file = os.environ.get("HELIOGRAPH_TEST_COUNTS")
    if file:
        stats = terminalreporter.stats
        counts = {kind: len(stats.get(kind, ())) for kind in ("passed", "failed", "error", "skipped", "xfailed")}
        failed = sorted({f"{report.nodeid}: {_error_of(report)}" for kind in ("failed", "error") for report in stats.get(kind, ())})
        Path(file).write_text(json.dumps({"counts": counts, "failed": failed, "not_run": _not_run}))


def _error_of(report: Any) -> str:
    """The first line of a failed test's error."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return str(text).strip().partition("\n")[0][:300]


# --- no network except this machine: `make test` also confines libcurl and Chromium, by a namespace


def _is_here(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host)
    return text in {"", "localhost", "::1", "0.0.0.0", "::"} or text.startswith("127.") or text.endswith(".localhost")


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Lets Python's own sockets reach only this machine."""
    patch = pytest.MonkeyPatch()
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def checked(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise AssertionError(f"a test wanted to reach {address[0]}; tests reach only this machine")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        checked(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        checked(self, address)
        return connect_ex(self, address)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def plain_templates(django_test_environment: None) -> None:
    """Templates render as in the product. Django's test environment copies the context of each, a hundred on a page, for tests that look into
    it; ours look at the page."""
    template: Any = Template
    replaced: Any = _TestState
    template._render = replaced.saved_data.template_render


# --- databases


def _at_rest(connection: Any) -> int | None:
    """Leaves this connection of Django's open for the next test, without locks: most of what a new one costs is that the server reads what it has to know
    about the tables. Returns its process on the server. On SQLite, and where a test left it within a transaction or after an error, closes it: None."""
    is_sound = connection.is_usable() and connection.autocommit and not (connection.in_atomic_block or connection.errors_occurred)
    if connection.vendor == "postgresql" and is_sound:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
        return int(connection.connection.info.backend_pid)
    connection.close()
    return None


@pytest.fixture(scope="session")
def vendor() -> Vendor:
    """The database of this run: "sqlite" or "postgresql"."""
    return "sqlite" if test_settings.VENDOR == "sqlite" else "postgresql"


@pytest.fixture(scope="session")
def database_server() -> Iterator[Path | None]:
    """The folder of the PostgreSQL server's socket; None on SQLite."""
    if test_settings.VENDOR == "sqlite":
        yield None
    elif not test_settings.OWN_POSTGRES:
        yield test_settings.POSTGRES
    else:
        server = postgres.Server(test_settings.POSTGRES, fsync=os.environ.get("HELIOGRAPH_TEST_FSYNC") == "on")
        yield test_settings.POSTGRES
        server.stop()


@pytest.fixture(scope="session")
def databases(vendor: Vendor, database_server: Path | None, django_db_blocker: Any) -> Iterator[Databases]:
    """Creates databases of this run's vendor. Django's is the first, migrated here and kept as the template of all others."""
    made = Databases(vendor, test_settings.FOLDER, test_settings.KEY, database_server)
    made.create(test_settings.DATABASE_NAME)
    with django_db_blocker.unblock():
        migrate()
        connections.close_all()
    made.keep_as_template(test_settings.DATABASE_NAME, test_settings.DATABASE_FILE)
    yield made
    with django_db_blocker.unblock():
        connections.close_all()
    made.drop(test_settings.DATABASE_NAME)
    made.drop_template()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, databases: Databases, vendor: Vendor) -> Iterator[None]:
    """Uses the database of tests/settings.py as Django's test database; after a test with transactions it is reset to its migrated state."""

    def restore(_: TransactionTestCase | None = None) -> None:
        # Some go on after their page. Whoever closes SQLite's file last deletes the log by its path: by then it could be the next test's.
        for thread in threading.enumerate():
            if thread.name.startswith("test of connection"):
                thread.join(PATIENCE)
        spared = [pid for connection in connections.all(initialized_only=True) if (pid := _at_rest(connection))]
        if not databases.restore(test_settings.DATABASE_NAME, test_settings.DATABASE_FILE, spared):
            connections.close_all()
        config_cache.PROCESS.forget()  # the next test has other rows under the same ids

    roll_back, set_up = TestCase.__dict__["_fixture_teardown"], TransactionTestCase.__dict__["_fixture_setup"].__func__
    sequences_moved = False

    def rolled_back(of: TestCase) -> None:
        nonlocal sequences_moved
        roll_back(of)
        sequences_moved = vendor == "postgresql"

    def fresh(of: type[TransactionTestCase]) -> None:
        """A rollback leaves PostgreSQL's sequences where they were: other ids, for this test and for all that get its rows (tests/stored_rows.py)."""
        nonlocal sequences_moved
        if sequences_moved:
            restore()
            sequences_moved = False
        set_up(of)

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", restore)
    patch.setattr(TransactionTestCase, "_fixture_setup", classmethod(fresh))
    patch.setattr(TestCase, "_fixture_teardown", rolled_back)
    patch.setattr(TransactionTestCase, "_should_reload_connections", lambda _: False)
    yield
    patch.undo()


@pytest.fixture
def database(databases: Databases, transactional_db: None) -> DatabaseFacts:
    """Django's test database, for processes that take part in this test; what the test saved is committed."""
    return databases.facts(test_settings.DATABASE_NAME, test_settings.DATA)


@pytest.fixture
def fresh_database(databases: Databases) -> Iterator[DatabaseFacts]:
    """A separate database, migrated, without rows."""
    with databases.migrated() as facts:
        yield facts


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[DatabaseFacts]:
    """A separate database without tables."""
    with databases.empty() as facts:
        yield facts


@pytest.fixture
def heliograph(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Starter]:
    """Starts `heliograph ...`; everything started is gone after the test."""
    name = next((name for name in ("database", "empty_database") if name in request.fixturenames), "fresh_database")
    starter = Starter(request.getfixturevalue(name), tmp_path)
    yield starter
    starter.end()


@pytest.fixture
def incoming(tmp_path: Path, settings: Any) -> Path:
    """The folder that watched folders lie in, as HELIOGRAPH_FOLDERS names it (S7)."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"folders": folder, "data": tmp_path / "data"})
    return folder


def pytest_unconfigure() -> None:
    shutil.rmtree(test_settings.FOLDER, ignore_errors=True)
    gc.freeze()  # as our processes do: the interpreter's end looks through nothing


# --- browser


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's Chromium."""
    for name in needed.BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise RuntimeError("no Chromium found; on Debian: apt-get install chromium")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium: str) -> dict[str, Any]:
    # Playwright's loop stays in the main thread for the rest of the run; Django would think it runs in a coroutine.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    quiet = ("gpu", "quic", "background-networking", "component-update", "sync", "domain-reliability", "client-side-phishing-detection")
    # A page lives too short for its scripts to be optimised: that was an eighth of what Chromium took.
    flags = [*(f"--disable-{name}" for name in quiet), "--no-first-run", "--js-flags=--no-opt --no-maglev"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    return {**browser_type_launch_args, "executable_path": chromium, "args": flags}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "locale": "en-GB", "timezone_id": "Europe/Berlin", "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def base_url() -> None:
    """Tests use absolute URLs. (The plugin's own fixture of this name warns about its removal.)"""


class PageErrors:
    """The errors in the browser during a test."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._expected: list[str] = []

    def expect(self, text: str) -> None:
        """Declares that errors with this text are part of the test."""
        self._expected.append(text)

    def watch(self, context: BrowserContext) -> None:
        context.set_default_timeout(PATIENCE * 1000)
        context.on("console", self._console)
        context.on("weberror", self._script)
        context.on("request", self._request)

    def leave(self, context: BrowserContext) -> None:
        """Ignores this context's errors from now on: they belong to another test."""
        context.remove_listener("console", self._console)
        context.remove_listener("weberror", self._script)
        context.remove_listener("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.found.append(f"console {message.type}: {message.text} ({message.location['url']})")

    def _script(self, error: WebError) -> None:
        self.found.append(f"script error: {error.error}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob", "about"} and not _is_here(parts.hostname or ""):
            self.found.append(f"a request left this machine: {request.url}")

    @property
    def unexpected(self) -> list[str]:
        return [line for line in self.found if not any(text in line for text in self._expected)]


@pytest.fixture(autouse=True)
def page_errors(request: pytest.FixtureRequest) -> Iterator[PageErrors]:
    """Always on in browser tests."""
    errors = PageErrors()
    context = None if BROWSER_FIXTURES.isdisjoint(request.fixturenames) else request.getfixturevalue("context")
    if context:
        errors.watch(context)
    yield errors
    if context:
        errors.leave(context)
    assert not errors.unexpected, "\n".join(errors.unexpected)
