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


REFUSED = """
from heliograph.commands import ready
ready()
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation, TooManyFilesSent
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.test import Client
from django.urls import path
from django.contrib.auth.decorators import login_not_required
import sys, types

def raising(error):
    @login_not_required
    def view(request, **_):
        raise error
    return view

settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
settings.ROOT_URLCONF = table = types.ModuleType("table")
errors = [PermissionDenied("no\\nTraceback"), SuspiciousOperation("odd\\nTraceback"), BadRequest("bad"), Http404(), TooManyFilesSent("many"),
    MultiPartParserError("parts")]
table.urlpatterns = [path(f"{n}/<path:more>", raising(error)) for n, error in enumerate(errors)]
sys.modules["table"] = table
client = Client(enforce_csrf_checks=True, raise_request_exception=False)
for n, _error in enumerate(errors):
    print(client.get(f"/{n}/a%1B[31m", headers={"host": "localhost"}).status_code)
print(client.post("/0/x", headers={"host": "localhost"}).status_code)
print(client.get("/0/x", headers={"host": "evil.example"}).status_code)
print(client.get("/nothing%0A%1B", headers={"host": "localhost"}).status_code)
"""


def test_O8_A12_what_is_refused_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    """Every way in which Django refuses a request, with a URL that would start a new line in the log."""
    for log_format in ("console", "json"):
        done = _run(tmp_path, REFUSED, HELIOGRAPH_LOG_FORMAT=log_format)
        assert done.stdout.split() == ["403", "400", "400", "404", "400", "400", "403", "400", "404"], done.stderr
        lines = done.stderr.splitlines()
        assert len(lines) == 9, done.stderr
        assert not [line for line in lines if "Error" in line or 'File "' in line or "exception" in line]
        assert "\x1b" not in done.stderr


def test_O8_A12_an_error_of_ours_keeps_its_traceback(tmp_path: Path) -> None:
    program = REFUSED.replace('BadRequest("bad")', 'ZeroDivisionError("ours")')
    done = _run(tmp_path, program, HELIOGRAPH_LOG_FORMAT="console")
    assert "500" in done.stdout
    assert "ZeroDivisionError: ours" in done.stderr


def test_O8_tokens_of_one_time_links_are_not_logged(tmp_path: Path) -> None:
    """Django logs the URL of each request it refuses, and the link of a refused form is still valid."""
    program = PROGRAM + "\n".join(
        f'logging.getLogger("django.request").warning("Unprocessable Content: %s", "/accounts/{kind}/S3cret-of_the-link/")'
        for kind in ("invitation", "new-password", "first-start")
    )
    for log_format in ("console", "json"):
        done = _run(tmp_path, program, HELIOGRAPH_LOG_FORMAT=log_format)
        assert "S3cret" not in done.stderr
        assert done.stderr.count("/…/") == 3
