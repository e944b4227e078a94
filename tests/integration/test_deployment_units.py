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
