"""Pages, doors, health and the log while the database is gone or its disk is full (O12), with real faults: a PostgreSQL that is stopped, a disk that is filled."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from tests import postgres
from tests.api_routes import ROUTES
from tests.databases import DatabaseFacts
from tests.postgres_on_small_disk import postgres_on_small_disk
from tests.processes import STARTING, Process, Starter, free_port
from tests.receiver import Answer as ReceiverAnswer
from tests.receiver import Receiver
from tests.routes import routes
from tests.small_disk import small_disk
from tests.visitor import SIGN_IN, Answer, Visitor
from tests.waiting import PATIENCE, until

from heliograph.engine.supervisor.supervisor import STOP
from heliograph.options import host_and_port

pytestmark = pytest.mark.once
ADA, PASSWORD = "ada@example.org", "a sentence to remember"


@dataclass
class Installation:
    """`heliograph serve` with both doors, and what it is asked."""

    starter: Starter
    process: Process
    settings: dict[str, str]
    pages: Visitor
    door: Visitor
    operations: Visitor
    token: str

    def post(self, door: Visitor, document: dict[str, str] | None = None) -> tuple[int, str | None, Any]:
        """The answer to a document, or to one that names no event: status, Retry-After and JSON."""
        answer = door.send(
            "/ingest/registrations",
            json.dumps(document or {"event": "X", "code": "A"}).encode(),
            **{"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        return answer.status, answer.headers["Retry-After"], json.loads(answer.body)

    def on_each_thread(self) -> set[int]:
        """The statuses of a page on every thread that serves pages: these take turns."""
        return {self.pages.get("/accounts/me/").status for _ in range(20)}

    def ready(self) -> tuple[int, dict[str, Any]]:
        answer = self.operations.get("/health/ready")
        return answer.status, json.loads(answer.body)

    def not_ready(self, reason: str) -> dict[str, Any]:
        """The answer of /health/ready if it is 503 with this reason, else nothing."""
        status, health = self.ready()
        return health if status == 503 and health.get("reason", "").startswith(reason) else {}

    def outages(self) -> list[dict[str, Any]]:
        """The lines of the log about outages."""
        lines = [json.loads(line) for line in self.process.output.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"].startswith("database_outage")]

    def says_outages_once(self) -> bool:
        """True if no process begins an outage that another one has begun. On a loaded machine one may seem to be over for want of tries."""
        events = " ".join(line["event"].removeprefix("database_outage") or "begins" for line in self.outages())
        return re.fullmatch(r"begins( _goes_on)*( _is_over begins( _goes_on)*)*( _is_over)?", events) is not None

    def run(self, *arguments: str) -> Process:
        """Another command with the same settings, at other ports."""
        return self.starter.run(*arguments, **self.settings, **_ports()[0])


def _ports() -> tuple[dict[str, str], list[str]]:
    places = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    settings = {"HELIOGRAPH_BIND": places[0], "HELIOGRAPH_INGEST_BIND": places[1], "HELIOGRAPH_OPERATIONS_BIND": places[2]}
    return settings | {"HELIOGRAPH_BASE_URL": f"http://{places[0]}"}, [f"http://{place}" for place in places]


@contextmanager
def installation(starter: Starter, **settings: str) -> Iterator[Installation]:
    """Serves an empty database, with Ada as its Administrator."""
    settings |= {"HELIOGRAPH_LOG_FORMAT": "json"}
    ports, addresses = _ports()
    try:
        process = starter("serve", HELIOGRAPH_ADMIN_EMAIL=ADA, HELIOGRAPH_ADMIN_PASSWORD=PASSWORD, **settings, **ports)
        process.until_printed("Heliograph serves")
        made = starter.run("createtoken", "MAIN", "--name", "door", **settings)
        token = re.search(r"hg_\S+", made.output)
        assert token, made.output
        pages, door, operations = map(Visitor, addresses)
        yield Installation(starter, process, settings, pages, door, operations, token[0])
    finally:
        starter.end()


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    found = postgres.Server(fsync=False)
    with psycopg.connect(found.url("postgres"), autocommit=True) as session:
        session.execute("CREATE DATABASE hg")
    yield found
    found.stop()


def nobody_gets_in(site: Installation) -> None:
    """The pages that begin what a full disk does not let anybody finish say so before somebody types."""
    stranger = Visitor(site.pages.address)
    for path in (SIGN_IN, f"{SIGN_IN}code/", "/accounts/invitation/x/", "/accounts/new-password/x/", "/first-start/x/"):
        answer = until(partial(refused, stranger, path))
        assert answer.headers["Retry-After"] == "5"
        assert "has no space left" in answer.text
        assert "deliver" not in answer.text.lower()
        assert stranger.send(path, b"", method="HEAD").status == 503
    assert stranger.get("/accounts/sign-in/refused/").status == 200, "what lets nobody in only reads"


def refused(visitor: Visitor, path: str) -> Answer | None:
    """The answer to a GET, if it is 503: what the pages have seen of the disk counts for a second."""
    answer = visitor.get(path)
    return answer if answer.status == 503 else None


def configuration(url: str, **connection: int) -> str:
    """A file with an event, and a flow that sends each of its registrations there. connection: more members of the connection"""
    parts = [{"kind": "field", "field": "registration.code"}]
    destination = {"name": "Target", "connection": "Target", "payload_mapping": "Code", "does": "updates"}
    return json.dumps(
        {
            "heliograph": 1,
            "tags": [{"name": "Chosen", "kinds": ["registration_status"]}],
            "registration_statuses": [{"name": "Attended", "tags": ["Chosen"]}],
            "events": [
                {"code": "SUMMIT", "name": "Summit", "status": "Live", "timezone": "UTC"}
                | {"start": "2030-01-01T09:00:00Z", "end": "2030-01-02T09:00:00Z"}
            ],
            "connections": [{"name": "Target", "auth": "Open / No Auth", "url": url} | connection],
            "mappings": [{"name": "Code", "rows": [{"target": "code", "parts": parts}]}],
            "flows": [
                {
                    "name": "All",
                    "mode": "Live",
                    "watch": "Registration Create Update",
                    "statuses": ["Chosen"],
                    "destinations": [destination],
                }
            ],
        }
    )


def facts(vendor: Any, url: str, data: Path) -> DatabaseFacts:
    return DatabaseFacts(vendor, url, data, Fernet.generate_key().decode())


@pytest.mark.needs("postgresql")
def test_O12_while_PostgreSQL_is_gone_everything_says_so(server: postgres.Server, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with installation(Starter(facts("postgresql", server.url("hg"), data), tmp_path)) as site:
        assert site.pages.sign_in(ADA, PASSWORD).status == 302
        assert site.pages.get("/registrations/").status == 200
        stranger = Visitor(site.pages.address)
        token = stranger.token()
        until(lambda: site.ready()[0] == 200)
        server.halt()

        # pages, for whoever is signed in and for who wants to; no word about deliveries, which do not go on
        for answer in (site.pages.get("/registrations/"), stranger.get(SIGN_IN), stranger.sign_in(ADA, PASSWORD, token)):
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "cannot use its database right now" in answer.text
            assert "deliver" not in answer.text.lower()

        # doors
        for door in (site.pages, site.door):
            status, retry_after, problem = site.post(door)
            assert (status, problem["type"]) == (503, "urn:heliograph:problem:unavailable")
            assert retry_after

        # health
        health = until(lambda: site.not_ready("The database does not answer."))
        assert health["ready"] is False

        # commands, each with a sentence
        for arguments in (
            *(("status",), ("createtoken", "MAIN", "--name", "x"), ("web",), ("worker",), ("serve",), ("migrate",), ("doctor",)),
            *(("jobs", "list"), ("flow", "list", "--account", "MAIN"), ("createaccount", "NEW"), ("rotate-key",)),
        ):
            command = site.run(*arguments)
            assert command.returncode == 1, (arguments, command.output)
            assert "The database does not answer" in command.output, arguments
            assert "Traceback" not in command.output, (arguments, command.output)

        # the log: one of the processes says it, once
        until(site.outages)
        outages = site.outages()
        assert site.says_outages_once(), outages
        assert {line["reason"] for line in outages if "reason" in line} == {"The database does not answer."}
        assert "Traceback" not in site.process.output

        # afterwards it goes on by itself
        server.start()
        until(lambda: site.ready()[0] == 200, STARTING)
        assert site.pages.get("/registrations/").status == 200
        assert site.post(site.door)[0] == 400, "there is no event X"
        assert "child_died" not in site.process.output


@pytest.mark.needs("postgresql")
def test_O19_of_several_servers_the_primary_is_used_and_after_a_failover_the_new_one(server: postgres.Server, tmp_path: Path) -> None:
    """Two servers with synchronous replication. The URL names the standby first. The primary ends at once, and the standby is promoted."""
    standby = postgres.Standby(server)
    try:
        with psycopg.connect(server.url("postgres"), autocommit=True) as session:
            session.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            session.execute("SELECT pg_reload_conf()")
            until(lambda: session.execute("SELECT sync_state FROM pg_stat_replication").fetchall() == [("sync",)])
        data = tmp_path / "data"
        data.mkdir(mode=0o700)
        url = f"postgresql://{postgres.USER}@/hg?host={standby.folder},{server.folder}"
        with installation(Starter(facts("postgresql", url, data), tmp_path)) as site:
            processes = site.process.children()
            assert site.pages.sign_in(ADA, PASSWORD).status == 302
            assert site.on_each_thread() == {200}
            until(lambda: site.ready()[0] == 200)
            server.halt(signal.SIGQUIT)

            # a standby is there, and nobody takes it for a database
            assert until(lambda: site.not_ready("The database can only be read."))["ready"] is False
            answer = site.pages.get("/registrations/")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "takes no changes" in answer.text
            for door in (site.pages, site.door):
                status, retry_after, problem = site.post(door)
                assert (status, problem["type"]) == (503, "urn:heliograph:problem:unavailable")
                assert retry_after

            standby.promote()
            until(lambda: site.ready()[0] == 200, STARTING)
            assert site.on_each_thread() == {200}, "none keeps a lost session"
            assert site.post(site.door)[0] == 400, "there is no event X"
            assert site.run("createtoken", "MAIN", "--name", "another").returncode == 0
            until(lambda: "database_sessions_replaced" in site.process.output)
            assert site.process.children() == processes, "none of them has died"
    finally:
        standby.stop()


@pytest.mark.trial
@pytest.mark.needs("postgresql")
def test_O12_every_503_says_when_to_come_again(server: postgres.Server, tmp_path: Path) -> None:
    """Whatever is asked of pages, REST API, doors and the operations port."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with installation(Starter(facts("postgresql", server.url("hg"), data), tmp_path)) as site:
        assert site.pages.sign_in(ADA, PASSWORD).status == 302
        server.halt()
        program = {"Authorization": f"Bearer {site.token}", "Content-Type": "application/json"}
        answers = {path: site.pages.get(path) for path in routes() if not path.startswith("/api/")}
        for method, route in ROUTES:
            path = "/api/v1/" + re.sub(r"\{[^}]*\}", "1", route)
            answers[f"{method} {path}"] = site.pages.send(path, b"" if method == "GET" else b"{}", method=method, **program)
        for door in (site.pages, site.door):
            answers[f"POST {door.address}"] = door.send("/ingest/registrations", b"{}", **program)
        until(lambda: site.ready()[0] == 503)
        answers["/health/ready"] = site.operations.get("/health/ready")
        unavailable = {path: answer for path, answer in answers.items() if answer.status == 503}
        assert len(unavailable) > 200, "nearly everything needs the database"
        assert not [path for path, answer in unavailable.items() if not (answer.headers["Retry-After"] or "").isdigit()]
        assert not [path for path, answer in answers.items() if answer.status == 500]


def test_O12_while_the_disk_is_full_everything_says_so(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    with small_disk(place) as disk:
        data = place / "data"
        starter = Starter(facts("sqlite", f"sqlite:///{data / 'heliograph.db'}", data), tmp_path, disk.within)
        with installation(starter) as site:
            token = site.pages.token()
            until(lambda: site.ready()[0] == 200)
            disk.fill()

            answer = site.pages.sign_in(ADA, PASSWORD, token)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "cannot use its database right now: it does not answer, takes no changes, or has no space left" in answer.text
            assert "deliver" not in answer.text.lower()
            nobody_gets_in(site)
            assert until(lambda: site.not_ready("The disk is full."))["ready"] is False
            command = site.run("createaccount", "NEW")
            assert command.returncode == 1
            assert "The disk is full" in command.output
            assert "Free some space" in command.output
            assert "Traceback" not in command.output
            assert site.run("doctor").returncode == 1
            assert site.says_outages_once(), site.outages()
            assert {line["reason"] for line in site.outages() if "reason" in line} == {"The disk is full."}
            assert "Traceback" not in site.process.output

            disk.free()
            until(lambda: site.ready()[0] == 200, STARTING)
            assert site.pages.sign_in(ADA, PASSWORD).status == 302


@pytest.mark.trial
@pytest.mark.needs("postgresql")
def test_O7_O12_while_the_disk_of_PostgreSQL_is_full_everything_says_so_and_nothing_is_lost(receiver: Receiver, tmp_path: Path) -> None:
    """The server goes on and refuses what needs a new block (53100), with outcomes of running requests that wait to be stored."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    file = tmp_path / "configuration.json"
    file.write_text(configuration(receiver.url("/target")), "utf-8")
    with (
        postgres_on_small_disk() as server,
        installation(Starter(facts("postgresql", server.url, data), tmp_path), HELIOGRAPH_ALLOWED_NETWORKS="127.0.0.0/8") as site,
    ):
        assert site.run("apply", str(file), "--account", "MAIN", "--allow-wider").returncode == 0, site.starter.started[-1].output
        processes = until(lambda: site.ready()[0] == 200) and site.process.children()
        token, codes, accepted = site.pages.token(), (f"R{n}" for n in itertools.count()), set[str]()

        def send(door: Visitor) -> tuple[int, str | None, Any]:
            code = next(codes)
            answer = site.post(door, {"event": "SUMMIT", "code": code, "status": "Attended"})
            accepted.update({code} if answer[0] == 201 else ())
            return answer

        def refuses(door: Visitor) -> tuple[int, str | None, Any] | None:
            return None if (answer := send(door))[0] == 201 else answer

        receiver.answer("/target", lambda _request: ReceiverAnswer(delay=3.0, body=random.randbytes(4000).hex()))
        assert {send(site.door)[0] for _ in range(20)} == {201}
        requests = receiver.wait_for(20, path="/target")
        server.fill()

        # doors: what needs no new block is accepted, then nothing is
        for door in (site.door, site.pages):
            status, retry_after, problem = until(partial(refuses, door))
            assert (status, problem["type"]) == (503, "urn:heliograph:problem:unavailable")
            assert retry_after

        # pages, health, log and commands
        nobody_gets_in(site)
        answer = site.pages.sign_in(ADA, PASSWORD, token)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert "has no space left" in answer.text
        assert until(lambda: site.not_ready("The disk is full."))["ready"] is False
        assert site.says_outages_once(), site.outages()
        assert {line["reason"] for line in site.outages() if "reason" in line} == {"The disk is full."}
        assert "Traceback" not in site.process.output
        command = site.run("doctor")
        assert command.returncode == 1
        assert "database disk: The disk is full: " in command.output

        # the engine holds outcomes that the disk does not take
        until(lambda: time.monotonic() > max(request.at for request in requests) + 5.0)
        with psycopg.connect(server.url) as session:
            assert session.execute("SELECT count(*) FROM attempt").fetchall() == [(0,)]

        # afterwards it goes on by itself
        server.free()
        until(lambda: site.ready()[0] == 200, STARTING)
        assert site.process.children() == processes, "none of them has died"
        assert site.pages.sign_in(ADA, PASSWORD).status == 302
        assert send(site.door)[0] == 201
        until(lambda: accepted <= {request.json()["code"] for request in receiver.at("/target")}, STARTING)
        print(f"{len(accepted)} registrations accepted and delivered")  # noqa: T201


def test_O12_a_start_on_a_full_disk_says_so(tmp_path: Path) -> None:
    """Also with a database that is there: SQLite cannot make its shared memory, and calls that an I/O error."""
    place = tmp_path / "disk"
    place.mkdir()
    with small_disk(place) as disk:
        data = place / "data"
        starter = Starter(facts("sqlite", f"sqlite:///{data / 'heliograph.db'}", data), tmp_path, disk.within)
        assert starter.run("migrate").returncode == 0
        disk.fill()
        for arguments in (("serve",), ("doctor",), ("migrate",), ("status",)):
            command = starter.run(*arguments, **_ports()[0])
            assert "Traceback" not in command.output
            assert "disk I/O error" not in command.output.replace("The disk is full. disk I/O error", "")
            if arguments[0] in ("serve", "doctor"):  # the others only read, which may succeed
                assert command.returncode == 1
                assert "The disk is full" in command.output or "Only 0 bytes" in command.output, (arguments, command.output)
                assert "chown" not in command.output, "what lacks is room, not another owner"


def test_D1_what_is_in_flight_is_noted_on_a_full_disk(tmp_path: Path) -> None:
    """The journal has its blocks from the start. In a file with holes, noting would end the engine by SIGBUS; and a full disk is said, not died of."""
    place = tmp_path / "disk"
    place.mkdir()
    with small_disk(place) as disk:
        script = (
            "import sys; from pathlib import Path; from heliograph.engine.worker.inflight_journal import CELLS, InflightJournal, noted;"
            f"folder = Path({str(place)!r}); journal = InflightJournal(folder, 'first'); print('made', flush=True); sys.stdin.readline();"
            "[journal.note(cell + 1, 1) for cell in range(CELLS)]; print(noted(folder)['first'] == CELLS, flush=True)\n"
            "try: InflightJournal(folder, 'second')\n"
            "except OSError as error: print(error.strerror, [path.name for path in folder.glob('*') if 'second' in path.name])"
        )
        process = subprocess.Popen(
            [*disk.within, sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
        )
        assert process.stdout
        assert process.stdout.readline() == "made\n"
        disk.fill()
        output, _ = process.communicate("go on\n", timeout=STARTING)
        assert (process.returncode, output) == (0, "True\nNo space left on device []\n")


@pytest.mark.needs("postgresql")
def test_O19_a_worker_stops_at_once_beside_a_server_that_stands_still(server: postgres.Server, tmp_path: Path) -> None:
    """Its thread waits for the server's answer. Nothing is in flight, so nothing can be lost."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    starter = Starter(facts("postgresql", server.url("hg"), data), tmp_path)
    try:
        assert starter.run("migrate").returncode == 0
        worker = starter("worker", **_ports()[0])
        worker.until_printed("Heliograph delivers.")
        server.stall()
        began = time.monotonic()
        assert worker.terminate() == 0, worker.output
        took = time.monotonic() - began
    finally:
        server.resume()
        starter.end()
    assert "worker_left" in worker.output
    assert "child_killed" not in worker.output
    assert took < STOP / 2


@pytest.mark.needs("postgresql")
def test_O19_a_worker_stops_at_once_while_the_database_is_gone(server: postgres.Server, receiver: Receiver, tmp_path: Path) -> None:
    """What it has read ahead for a slow connection, and has not sent, needs no database to be left."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    file = tmp_path / "configuration.json"
    file.write_text(configuration(receiver.url("/target"), rate=1), "utf-8")
    starter = Starter(facts("postgresql", server.url("hg"), data), tmp_path)
    with installation(starter, HELIOGRAPH_ALLOWED_NETWORKS="127.0.0.0/8", HELIOGRAPH_LEASE_RENEWAL="0.5") as site:
        assert site.run("apply", str(file), "--account", "MAIN", "--allow-wider").returncode == 0, starter.started[-1].output
        for n in range(5):
            assert site.post(site.door, {"event": "SUMMIT", "code": f"R{n}", "status": "Attended"})[0] == 201
        with psycopg.connect(server.url("hg"), autocommit=True) as session:
            until(lambda: [said for (said,) in session.execute("SELECT said FROM worker") if json.loads(said)["in_memory"]])
        server.halt()
        until(site.outages)
        assert site.process.terminate() == 0, site.process.output
        assert "child_killed" not in site.process.output


@pytest.mark.trial
@pytest.mark.needs("postgresql")
def test_O12_while_PostgreSQL_stands_still_everything_says_so(server: postgres.Server, tmp_path: Path) -> None:
    """SIGSTOP: the kernel takes its connections, and the server answers nothing."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with installation(Starter(facts("postgresql", server.url("hg"), data), tmp_path)) as site:
        assert site.pages.sign_in(ADA, PASSWORD).status == 302
        until(lambda: site.ready()[0] == 200)
        server.stall()
        try:
            health = until(lambda: site.not_ready("The database does not answer."))
            assert health["ready"] is False
            assert site.post(site.door)[:2] == (503, "5")
            assert site.pages.get("/registrations/").status == 503
        finally:
            server.resume()
        until(lambda: site.ready()[0] == 200, STARTING)
        assert site.pages.get("/registrations/").status == 200
        assert site.post(site.door)[0] == 400, "there is no event X"
        assert "Traceback" not in site.process.output


def test_O12_while_no_more_files_can_be_opened_everything_says_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with installation(Starter(facts("sqlite", "", data), tmp_path)) as site:
        until(lambda: site.ready()[0] == 200)
        pages = site.process.children()["pages"]
        lines = len(site.process.output.splitlines())
        most = len(list(Path(f"/proc/{pages}/fd").iterdir())) + 20
        resource.prlimit(pages, resource.RLIMIT_NOFILE, (most, most))
        place = host_and_port(site.pages.address.removeprefix("http://"))
        with ExitStack() as clients:
            for _ in range(60):
                clients.enter_context(socket.create_connection(place, timeout=PATIENCE))
            health = until(lambda: site.not_ready("No more files can be opened."))
            assert health["processes"]["pages"] == "running"
            until(site.outages)
        until(lambda: site.ready()[0] == 200)
        assert site.says_outages_once()
        assert len(site.process.output.splitlines()) < lines + 10, "one line, not one a connection and try"
        assert "Traceback" not in site.process.output


def test_O12_while_PostgreSQL_can_only_be_read_the_log_says_it_once_a_minute(server: postgres.Server, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with installation(Starter(facts("postgresql", server.url("hg"), data), tmp_path)) as site:
        assert site.pages.sign_in(ADA, PASSWORD).status == 302
        until(lambda: site.ready()[0] == 200)
        lines = len(site.process.output.splitlines())
        with psycopg.connect(server.url("postgres"), autocommit=True) as session:
            session.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            session.execute("SELECT pg_reload_conf()")
        until(lambda: site.not_ready("The database can only be read."))
        assert site.pages.get("/registrations/").status in (200, 503)
        with psycopg.connect(server.url("postgres"), autocommit=True) as session:
            first, pids = set[int](), set[int]()

            def many() -> bool:
                """Whether the processes have tried again and again, each time in another session."""
                pids.update(pid for (pid,) in session.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'heliograph'"))
                first.update(first or pids)
                return len(pids) >= len(first) + 10

            until(many)
        assert site.says_outages_once()
        assert {line["reason"] for line in site.outages()} == {"The database can only be read."}
        others = [line for line in site.process.output.splitlines()[lines:] if '"database_outage' not in line]
        assert len(others) < 5, "\n".join(others[:40])
        with psycopg.connect(server.url("postgres"), autocommit=True) as session:
            session.execute("SET default_transaction_read_only = off")
            session.execute("ALTER SYSTEM RESET default_transaction_read_only")
            session.execute("SELECT pg_reload_conf()")
        until(lambda: site.ready()[0] == 200, STARTING)
        assert site.post(site.door)[0] == 400, "there is no event X"
