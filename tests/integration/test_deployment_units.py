"""The units of deploy/systemd, as systemd itself reads them (O17)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from tests.architecture import source

from heliograph.__main__ import app
from heliograph.engine.exit_status import FATAL
from heliograph.engine.supervisor.supervisor import STOP
from heliograph.options import PREFIX, Options

pytestmark = [pytest.mark.once, pytest.mark.needs("systemd")]
UNITS = source.ROOT / "deploy" / "systemd"
NAMES = ("heliograph-serve.service", "heliograph-web.service", "heliograph-worker@.service")
INSTALLED = "/opt/heliograph/bin/heliograph"
MOST_EXPOSED = "15"
"""Tenths of systemd's scale from 0 to 10, where 10 is a service that may do whatever its user may."""


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with the program of this environment in place of the installed one: systemd looks whether it is there."""
    shutil.copytree(UNITS, tmp_path / "units")
    for name in NAMES:
        unit = tmp_path / "units" / name
        unit.write_text(unit.read_text("utf-8").replace(INSTALLED, str(source.ROOT / ".venv" / "bin" / "heliograph")), "utf-8")
    return tmp_path / "units"


@pytest.mark.parametrize("name", NAMES)
def test_O17_systemd_takes_every_unit(units: Path, name: str) -> None:
    verified = subprocess.run(["systemd-analyze", "verify", units / name], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    exposed = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", units / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert exposed.returncode == 0, exposed.stdout


@pytest.mark.parametrize("name", NAMES)
def test_O17_every_unit_starts_a_command_with_settings_that_exist(name: str) -> None:
    shared = (UNITS / "heliograph-.service.d" / "common.conf").read_text("utf-8")
    unit = (UNITS / name).read_text("utf-8")
    (command,) = re.findall(rf"^ExecStart={INSTALLED} (\w+)$", unit, re.MULTILINE)
    assert command in typer.main.get_command(app).commands  # type: ignore[attr-defined]
    settings = set(re.findall(rf"^Environment={PREFIX}(\w+)=", shared + unit, re.MULTILINE))
    assert settings - {"ENV_FILE"} <= {setting.upper() for setting in Options.model_fields}
    assert f"RestartPreventExitStatus={FATAL}\n" in shared
    (patience,) = re.findall(r"^TimeoutStopSec=(\d+)$", shared, re.MULTILINE)
    assert int(patience) > STOP


STUBS = {
    # Makes an environment whose programs note what they are asked to do.
    "python3": 'mkdir -p "$3/bin"; for name in pip heliograph; do\n'
    'printf \'#!/bin/sh\\necho "%s %s $*" >> "$LOG"\\n\' "$(basename "$3")" "$name" > "$3/bin/$name"; chmod +x "$3/bin/$name"; done',
    "setpriv": 'while [ "$1" != env ]; do shift; done; exec "$@"',
    "systemctl": 'unit="$UNITS/$(echo "$2" | sed s/@.*/@/).service"; [ -f "$unit" ] || { echo "no unit $2" >&2; exit 1; }; echo "systemctl $*" >> "$LOG"\n'
    'case "$1" in start|restart) exec $(sed -n s/^ExecStart=//p "$unit");; esac',
    "systemd-sysusers": "",
}


def test_O3_the_pages_on_deployment_and_upgrading_lead_to_the_new_release_and_back(tmp_path: Path) -> None:
    """The commands of both pages, as they are written, one after the other. Only the places and the programs that they call are others."""
    stubs, log = tmp_path / "stubs", tmp_path / "log"
    for folder in (stubs, tmp_path / "opt", tmp_path / "usr/local/bin"):
        folder.mkdir(parents=True)
    for name, script in STUBS.items():
        (stubs / name).write_text(f"#!/bin/sh\n{script}\n")
        (stubs / name).chmod(0o755)
    deployed = tmp_path / "heliograph" / "deploy" / "systemd"
    shutil.copytree(UNITS, deployed)
    for file in (deployed / "heliograph", *deployed.glob("*.service")):
        file.write_text(file.read_text("utf-8").replace("/opt/", f"{tmp_path}/opt/"), "utf-8")

    def commands(page: str, before: str, nth: int = 0) -> str:
        """Those of the console block that is the nth behind a text of a page of docs/running."""
        text = (source.ROOT / "docs" / "running" / page).read_text("utf-8").partition(before)[2]
        lines = [
            line.removeprefix("# ") for line in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[nth].splitlines()
        ]
        return re.sub(r"(?<![\w.])/(opt|usr|etc)/", rf"{tmp_path}/\1/", "\n".join(lines))

    def follow(script: str) -> list[str]:
        """Runs it, and returns what was called."""
        log.write_text("")
        path = f"{stubs}:{tmp_path}/usr/local/bin:/usr/bin:/bin"
        environment = {"PATH": path, "LOG": str(log), "UNITS": str(deployed)}
        subprocess.run(["sh", "-euc", script], cwd=tmp_path / "heliograph", env=environment, check=True)
        return [line for line in log.read_text().splitlines() if " pip " not in line]

    assert follow(commands("deployment.md", "**2. The program and its user**") + "\nheliograph doctor") == [
        "heliograph-0.1.0 heliograph doctor"
    ]
    assert follow(commands("upgrading.md", "## Before")) == ["heliograph-0.2.0 heliograph migrate --check"]
    assert follow(commands("upgrading.md", "## One machine")) == [
        "systemctl stop heliograph-serve",
        "systemctl start heliograph-serve",
        "heliograph-0.2.0 heliograph serve",
        "heliograph-0.2.0 heliograph doctor",
    ]
    assert follow(commands("upgrading.md", "## Several processes")) == [
        "heliograph-0.2.0 heliograph migrate",
        "systemctl restart heliograph-web",
        "heliograph-0.2.0 heliograph web",
        "systemctl restart heliograph-worker@*",
        "heliograph-0.2.0 heliograph worker",
        "heliograph-0.2.0 heliograph doctor",
    ]
    (back,) = re.findall(r"`(ln -sfn heliograph-0\.1\.0 \S+)`", (source.ROOT / "docs/running/upgrading.md").read_text("utf-8"))
    assert follow(back.replace("/opt/", f"{tmp_path}/opt/") + "; heliograph doctor") == ["heliograph-0.1.0 heliograph doctor"]
