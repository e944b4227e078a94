"""Canaille: an OAuth2 and OpenID Connect server that none of us wrote, in an environment of its own (requirements.txt is its lock).

`make test` makes the environment before it leaves the network; a plain pytest makes it when it is first asked for.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Self

from tests.processes import free_port
from tests.waiting import PATIENCE

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LOCK = HERE / "requirements.txt"
PLACE = ROOT / ".tools" / "canaille"
USER = {
    "user_name": "ada",
    "formatted_name": "Ada Lindqvist",
    "family_name": "Lindqvist",
    "emails": ["ada@example.org"],
    "password": "correct horse battery",
}
COMMON = {"client_uri": "https://heliograph.example"}


def environment() -> Path:
    """The Python of canaille's environment, made if it is not as the lock says. Safe to call from several processes at once."""
    python = PLACE / "bin" / "python"
    mark = PLACE / "lock"
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    with (ROOT / ".tools" / "canaille.turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not mark.is_file() or mark.read_text() != wanted:
            uv = str(ROOT / ".tools" / "bin" / "uv")
            subprocess.run([uv, "venv", "--quiet", "--clear", "--no-project", "--python", sys.executable, str(PLACE)], check=True)
            subprocess.run([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(LOCK)], check=True)
            mark.write_text(wanted)
    return python


class Canaille:
    """A server on this machine, with a client for each grant and one user. Everything of it lies in `folder`."""

    def __init__(self, folder: Path, redirect_url: str) -> None:
        self.port = free_port()
        self.credentials = {**COMMON, "client_id": "credentials", "client_secret": "of-the-credentials", "client_name": "Credentials"}
        self.code = {**COMMON, "client_id": "code", "client_secret": "of-the-code", "client_name": "Heliograph"}
        self.facts = {
            "clients": [
                {**self.credentials, "grant_types": ["client_credentials"], "scope": ["profile"]},
                {
                    **self.code,
                    "grant_types": ["authorization_code", "refresh_token"],
                    "scope": ["openid", "profile", "email"],
                    "redirect_uris": [redirect_url],
                },
            ],
            "user": USER,
        }
        self.log = folder / "canaille.log"
        self._folder = folder

    def __enter__(self) -> Self:
        self._errors = self.log.open("wb")
        self._process = subprocess.Popen(
            [str(environment()), str(HERE / "serve.py"), str(self._folder), str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=self._folder,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self.facts).encode())
        self._process.stdin.close()
        watchdog = threading.Timer(55, self._process.kill)
        watchdog.start()
        said = self._process.stdout.readline()
        watchdog.cancel()
        if said != b"ready\n":
            self.__exit__()
            raise AssertionError(f"canaille did not start:\n{self.log.read_text('utf-8', 'replace')[-3000:]}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def fields(self, client: dict[str, str], **more: Any) -> dict[str, Any]:
        """The OAuth2 fields of a connection's body."""
        return {
            "auth": "OAuth2",
            "client_id": client["client_id"],
            "access_token_url": self.url("/oauth/token"),
            "authorization_url": self.url("/oauth/authorize"),
            **more,
        }

    def posts(self, path: str, client: dict[str, str], **form: str) -> Any:
        """Posts a form as a client, by Basic; the JSON that is answered."""
        request = urllib.request.Request(self.url(path), urllib.parse.urlencode(form).encode())
        pair = f"{client['client_id']}:{client['client_secret']}".encode()
        request.add_header("authorization", f"Basic {base64.b64encode(pair).decode()}")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or b"null")

    def knows(self, client: dict[str, str], token: str) -> dict[str, Any]:
        """What it says of a token (RFC 7662)."""
        found: dict[str, Any] = self.posts("/oauth/introspect", client, token=token)
        return found

    def revoke(self, client: dict[str, str], token: str) -> None:
        """Makes a token void (RFC 7009)."""
        self.posts("/oauth/revoke", client, token=token)
