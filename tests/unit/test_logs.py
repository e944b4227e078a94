"""What a process logs, and where (O8)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet

PROGRAM = """
from heliograph.commands import ready
ready()
import logging, structlog
structlog.get_logger("ours").warning("delivery_failed", change=7)
structlog.get_logger("ours").info("not_shown")
logging.getLogger("django.request").error("Internal Server Error")
print("answer")
"""


def _run(tmp_path: Path, program: str = PROGRAM, **env: str) -> subprocess.CompletedProcess[str]:
    key = Fernet.generate_key().decode()
    given = {"HELIOGRAPH_DATA": str(tmp_path), "HELIOGRAPH_KEY": key, "HELIOGRAPH_LOG_LEVEL": "warning", **env}
    return subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True, check=True)


def test_O8_one_json_line_per_event_on_stderr_where_no_terminal_is(tmp_path: Path) -> None:
    done = _run(tmp_path)
    assert done.stdout == "answer\n"
    ours, djangos = (json.loads(line) for line in done.stderr.splitlines())
    assert (ours["event"], ours["level"], ours["change"]) == ("delivery_failed", "warning", 7)
    assert (djangos["event"], djangos["logger"]) == ("Internal Server Error", "django.request")
    assert ours["timestamp"].endswith("Z")


def test_O8_lines_for_people_where_asked_for(tmp_path: Path) -> None:
    ours, djangos = _run(tmp_path, HELIOGRAPH_LOG_FORMAT="console").stderr.splitlines()
    assert "delivery_failed" in ours
    assert "change=7" in ours
    assert "\x1b" not in ours
    assert "Internal Server Error" in djangos


def test_O8_tokens_of_one_time_links_are_not_logged(tmp_path: Path) -> None:
    """Django names the address of each request that it refuses, and the link of a refused form is still good."""
    program = PROGRAM + "\n".join(
        f'logging.getLogger("django.request").warning("Unprocessable Content: %s", "/accounts/{kind}/S3cret-of_the-link/")'
        for kind in ("invitation", "new-password", "first-start")
    )
    for log_format in ("console", "json"):
        done = _run(tmp_path, program, HELIOGRAPH_LOG_FORMAT=log_format)
        assert "S3cret" not in done.stderr
        assert done.stderr.count("/…/") == 3
