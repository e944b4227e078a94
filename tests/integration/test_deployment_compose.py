"""compose.yaml as Docker Compose reads it: its profiles, commands, settings and health checks are those of Heliograph (O20)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from tests import needed, postgres
from tests.architecture import source
from tests.databases import DatabaseFacts
from tests.processes import Starter, free_port

from heliograph.__main__ import app
from heliograph.options import PREFIX, Options

pytestmark = [pytest.mark.once, pytest.mark.needs("docker-compose")]
SETTINGS = {f"{PREFIX}{name.upper()}" for name in Options.model_fields}
EXAMPLE = source.ROOT / "deploy" / "compose" / "example.env"
OURS = {"sqlite": {"serve"}, "postgres": {"migrate", "web", "worker"}}
"""Services that run Heliograph, by profile."""


def compose(folder: Path, environment: str) -> Mapping[str, Any]:
    """The services, as Compose understands them with this .env."""
    shutil.copy(source.ROOT / "compose.yaml", folder)
    (folder / ".env").write_text(environment, "utf-8")
    program = needed.program("docker-compose")
    assert program is not None
    profiles = ("--profile", "sqlite", "--profile", "postgres", "--profile", "metrics")
    read = subprocess.run([program, *profiles, "config", "--format", "json"], cwd=folder, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert not read.stderr
    services: Mapping[str, Any] = json.loads(read.stdout)["services"]
    return services


@pytest.fixture
def services(tmp_path: Path) -> Mapping[str, Any]:
    return compose(tmp_path, EXAMPLE.read_text("utf-8").replace("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=x1"))


def test_O20_each_profile_starts_commands_that_exist(services: Mapping[str, Any]) -> None:
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    for profile, names in OURS.items():
        assert names == {name for name, service in services.items() if profile in service["profiles"]} - {"postgres"}
        for name in names:
            assert set(services[name]["command"]) <= commands
            assert {key for key in services[name]["environment"] if key.startswith(PREFIX)} <= SETTINGS
    assert services["web"]["environment"]["HELIOGRAPH_DATABASE_URL"] == "postgresql://heliograph:x1@postgres/heliograph"
    assert "HELIOGRAPH_DATABASE_URL" not in services["serve"]["environment"]
    assert {name for name in services if services[name].get("ports")} == {"serve", "web", "prometheus"}
    assert all(port["host_ip"] == "127.0.0.1" for service in services.values() for port in service.get("ports", []))


def test_O20_every_setting_can_be_given(tmp_path: Path) -> None:
    given = {name: f"value-of-{name.lower()}" for name in sorted(SETTINGS)}
    services = compose(tmp_path, "".join(f"{name}={value}\n" for name, value in given.items()))
    ours_alone = {"HELIOGRAPH_OPERATIONS_BIND", "HELIOGRAPH_BACKUP_FOLDER"}
    for name in set.union(*OURS.values()):
        environment = services[name]["environment"]
        assert {setting for setting, value in given.items() if environment[setting] != value} == ours_alone
    named = set(re.findall(rf"^#?({PREFIX}\w+)=", EXAMPLE.read_text("utf-8"), re.MULTILINE))
    assert named <= SETTINGS


def test_O20_the_health_checks_ask_what_runs(
    services: Mapping[str, Any], heliograph: Starter, fresh_database: DatabaseFacts, server: postgres.Server
) -> None:
    """The commands as they stand there, at the ports of the test."""
    operations, image = free_port(), (source.ROOT / "Containerfile").read_text("utf-8")
    checks = [services[name]["healthcheck"]["test"] for name in ("serve", "web", "worker")]
    (of_image,) = re.findall(r"^HEALTHCHECK .*\\\n    CMD (\[.*\])$", image, re.MULTILINE)
    assert all(check == ["CMD", *json.loads(of_image)] for check in checks)
    command = [part.replace("8701", str(operations)) for part in checks[0][1:]]
    assert command[0] == "python"
    assert subprocess.run([sys.executable, *command[1:]], capture_output=True, check=False).returncode == 1
    serve = heliograph(
        "serve", HELIOGRAPH_BIND=f"127.0.0.1:{free_port()}", HELIOGRAPH_OPERATIONS_BIND=f"0.0.0.0:{operations}", HELIOGRAPH_DEV="true"
    )
    serve.until_answers(f"http://127.0.0.1:{operations}/health/ready")
    assert subprocess.run([sys.executable, *command[1:]], check=False).returncode == 0

    binaries = postgres.binaries()
    assert binaries is not None
    _cmd, program, *arguments = services["postgres"]["healthcheck"]["test"]
    here = [str(server.folder) if part == "127.0.0.1" else part for part in arguments]
    assert subprocess.run([binaries / program, *here], capture_output=True, check=False).returncode == 0
    server.halt()
    assert subprocess.run([binaries / program, *here], capture_output=True, check=False).returncode == 2


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    server = postgres.Server(fsync=False)
    yield server
    server.stop()


def test_O20_the_image_can_back_up_the_server(services: Mapping[str, Any]) -> None:
    image = (source.ROOT / "Containerfile").read_text("utf-8")
    (client,) = re.findall(r"postgresql-client-(\d+)", image)
    assert int(client) >= int(re.findall(r"^postgres:(\d+)@", services["postgres"]["image"])[0])
    assert set(re.findall(rf"{PREFIX}\w+", image)) <= SETTINGS
    mounts = {mount["target"] for mount in services["web"]["volumes"]}
    assert mounts == set(re.findall(r"^VOLUME (.*)$", image, re.MULTILINE)[0].split())
    assert services["web"]["environment"]["HELIOGRAPH_BACKUP_FOLDER"] in mounts


@pytest.mark.needs("prometheus")
def test_O20_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    for file in (source.ROOT / "deploy" / "compose" / "prometheus.yml", source.ROOT / "docs" / "running" / "heliograph-alerts.yml"):
        shutil.copy(file, tmp_path)
    promtool = needed.program("promtool")
    assert promtool is not None
    checked = subprocess.run([promtool, "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
