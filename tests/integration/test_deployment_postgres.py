"""PostgreSQL as deployments have it (O20): behind PgBouncer, with TLS, with few connections, and shared by several hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from tests import postgres
from tests.authority import Authority
from tests.databases import DatabaseFacts
from tests.pgbouncer import pgbouncer
from tests.processes import Process, Starter, free_port

from heliograph.store.connection_budget import ConnectionBudget

pytestmark = [pytest.mark.once, pytest.mark.needs("postgresql")]
SHARED_SESSIONS = "The pooler in front of PostgreSQL does not leave a client its session"


@dataclass
class Host:
    """A machine with a data folder and a key of its own, which uses the server at this URL."""

    folder: Path
    key: str
    starter: Starter

    @classmethod
    def at(cls, url: str, folder: Path, key: str = "") -> Host:
        key = key or Fernet.generate_key().decode()
        (folder / "data").mkdir(parents=True)
        return cls(folder, key, Starter(DatabaseFacts("postgresql", url, folder / "data", key), folder))

    def start(self, command: str, **settings: str) -> Process:
        binds = {f"HELIOGRAPH_{name}": f"127.0.0.1:{free_port()}" for name in ("BIND", "OPERATIONS_BIND")}
        return self.starter(command, **binds, **settings)

    def checks(self, **settings: str) -> dict[str, dict[str, Any]]:
        """What doctor says, by the name of the check."""
        checked = self.starter.run("doctor", "--json", **settings)
        assert "Traceback" not in checked.output
        return {check["name"]: check for check in json.loads(checked.output.splitlines()[-1])["checks"]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    """A server on loopback and a socket, with TLS and few connections."""
    port = free_port()
    server = postgres.Server(fsync=False, settings={"max_connections": "60", "listen_addresses": "127.0.0.1", "port": str(port)})
    try:
        _use_tls(server, authority)
        yield server
    finally:
        server.stop()


def _use_tls(server: postgres.Server, authority: Authority) -> None:
    identity = server.folder / "identity.pem"
    identity.write_text(authority.identity("localhost"), "utf-8")
    identity.chmod(0o600)
    if owner := postgres.server_owner():
        import os

        os.chown(identity, *owner)
    with psycopg.connect(server.url("postgres"), autocommit=True) as session:
        for setting in (f"ssl_cert_file = '{identity}'", f"ssl_key_file = '{identity}'", "ssl = on"):
            session.execute(f"ALTER SYSTEM SET {setting}")
        session.execute("SELECT pg_reload_conf()")


@pytest.fixture
def database(server: postgres.Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an empty database."""
    name = f"hg_{abs(hash(request.node.name))}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name}")
        yield name
        session.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.needs("pgbouncer")
def test_O20_session_mode_of_pgbouncer_delivers(server: postgres.Server, database: str, tmp_path: Path) -> None:
    """A web and a worker under load through the pooler, from the first migration to the last delivery."""
    with pgbouncer(server, database) as url:
        host = Host.at(url, tmp_path)
        verified = host.starter.run(
            *("verify", "--kills", "1", "--times", "0", "--webs", "1", "--workers", "1", "--clients", "2"),
            *("--no-slots", "--json", "--database-url", url),
            timeout=230,
        )
        result = json.loads(verified.output.splitlines()[-1])
        assert (verified.returncode, result["lost"], result["reordered"], result["problems"]) == (0, 0, 0, []), verified.output
        assert result["delivered"] > 0
        pooler = host.checks()["pooler"]
        assert (pooler["ok"], pooler["sentence"]) == (True, "A pooler stands before PostgreSQL and leaves each client its session.")


@pytest.mark.needs("pgbouncer")
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_O20_other_modes_of_pgbouncer_are_refused(server: postgres.Server, database: str, tmp_path: Path, mode: str) -> None:
    direct = Host.at(server.url(database), tmp_path / "direct")
    assert direct.starter.run("migrate").returncode == 0
    with pgbouncer(server, database, pool_mode=mode) as url:
        host = Host.at(url, tmp_path / "pooled", direct.key)
        pooler = host.checks()["pooler"]
        assert not pooler["ok"]
        assert pooler["sentence"].startswith(SHARED_SESSIONS)
        assert pooler["cure"].startswith("Set pool_mode = session for this database")
        for command in ("serve", "web", "worker", "migrate"):
            process = host.start(command)
            assert process.wait() == 1
            assert SHARED_SESSIONS in process.output
            assert "Traceback" not in process.output


def test_O20_sslmode_is_what_the_url_says(server: postgres.Server, database: str, authority: Authority, tmp_path: Path) -> None:
    url = f"postgresql://{postgres.USER}@localhost:{server.port}/{database}?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert="
    host = Host.at(f"{url}{authority.ca_file}", tmp_path / "host")
    serve = host.start("serve")
    serve.until_printed("Heliograph serves")
    with psycopg.connect(server.url(database)) as session:
        sessions = session.execute(
            "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = current_database() AND application_name LIKE 'heliograph%'"
        ).fetchall()
    assert sessions == [(True,)]
    assert serve.terminate() == 0

    another = Authority(tmp_path, "Another authority")
    for wrong, sentence, cure in (
        (f"{url}{another.ca_file}", "certificate verify failed", "The authority in the file of sslrootcert has not signed"),
        (f"{url}{tmp_path / 'absent.pem'}", "does not exist", "Give sslrootcert"),
        (
            f"{url}{authority.ca_file}".replace("@localhost", "@database.example.org"),
            "does not match host name",
            "With sslmode=verify-full the URL's host",
        ),
    ):
        checked = Host.at(wrong, tmp_path / f"host-{len(wrong)}-{cure[-9:].strip()}", host.key)
        answers = checked.checks()["database"]
        assert not answers["ok"]
        assert sentence in answers["sentence"]
        assert answers["cure"].startswith(cure)
    refused = checked.start("web")
    assert refused.wait() == 1
    assert "With sslmode=verify-full the URL's host must be a name of the server's certificate" in refused.output


def test_O20_connections_are_counted(server: postgres.Server, database: str, tmp_path: Path) -> None:
    """A start opens no more than the documented number, and doctor says where the server takes fewer."""
    host = Host.at(server.url(database), tmp_path)
    serve = host.start("serve", HELIOGRAPH_INGEST_BIND=f"127.0.0.1:{free_port()}", HELIOGRAPH_PAGE_THREADS="4")
    serve.until_printed("Heliograph serves")
    budget = ConnectionBudget(4, has_fast_door=True)
    with psycopg.connect(server.url(database)) as session:
        row = session.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'heliograph%'"
        ).fetchone()
    assert row is not None
    assert 5 <= row[0] <= budget.serve
    assert serve.terminate() == 0
    enough, short = host.checks(HELIOGRAPH_PAGE_THREADS="4")["connections"], host.checks(HELIOGRAPH_PAGE_THREADS="32")["connections"]
    assert (enough["ok"], enough["cure"]) == (True, "")
    assert enough["sentence"].startswith("PostgreSQL takes 57 connections of this user.")
    assert short["cure"].startswith("One `web` with 1 workers needs 97: raise max_connections of the server")


def test_O20_a_host_with_another_key_does_not_start(server: postgres.Server, database: str, tmp_path: Path) -> None:
    first = Host.at(server.url(database), tmp_path / "first")
    assert first.starter.run("migrate").returncode == 0
    assert first.starter.run("createaccount", "ACME").returncode == 0
    second = Host.at(server.url(database), tmp_path / "second")
    assert second.checks()["key"]["sentence"] == "This is not the key that encrypted this database's secrets."
    for command in ("serve", "web", "worker"):
        process = second.start(command)
        assert process.wait() == 1
        assert "key" in process.output
        assert "Traceback" not in process.output
