"""What runs beside the work: paused connections, people on the pages, a full read, an import."""

from __future__ import annotations

import csv
import http.client
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import urlsplit

from heliograph.bench.fixture import BY
from heliograph.bench.site import BenchError, Site
from heliograph.bench.work import EVENT
from heliograph.options import Options
from heliograph.stage.ground import Ground

ROWS: Final = 20_000
"""Rows of the imported file."""
PEOPLE: Final = 3
LOOKED_AT: Final = ("/signal/flows/", "/signal/metrics/feed/", "/signal/retry/", "/registrations/")
_OLDER: Final = re.compile(rb'href="(/registrations/\?[^"]*)"[^>]*rel="next"|rel="next"[^>]*href="(/registrations/\?[^"]*)"')


@contextmanager
def paused(account: int, connections: Sequence[int], *, after: bool = False) -> Iterator[None]:
    """Pauses the connections during the block, or, with `after`, from its end on. Uses the same service as the pages' Pause, without the
    audit."""
    _pause(account, connections, not after)
    try:
        yield
    finally:
        _pause(account, connections, after)


def _pause(account: int, connections: Sequence[int], is_paused: bool) -> None:
    from heliograph.wiring import open_database  # noqa: PLC0415 -- reads Django's settings

    with closing(open_database(Options.load())) as db, db.transaction():
        db.many(
            "INSERT INTO connection_state (connection_id, account_id, paused, paused_why) VALUES (:id, :account, :paused, :why)"
            " ON CONFLICT (connection_id) DO UPDATE SET paused = excluded.paused, paused_why = excluded.paused_why",
            [{"id": id, "account": account, "paused": is_paused, "why": BY if is_paused else ""} for id in connections],
        )


class Busy:
    """People who open one page after another, one who reads all registrations page by page, and an import."""

    def __init__(self, ground: Ground, site: Site, account: int) -> None:
        self._ground, self._site = ground, site
        self._cookie = signed_in(account)
        self._stop = threading.Event()
        self._code = _code_of(account)
        self._import: subprocess.Popen[bytes] | None = None
        readers = [threading.Thread(target=self._look_around, args=(n,), daemon=True) for n in range(PEOPLE)]
        self._threads = [*readers, threading.Thread(target=self._read_all, daemon=True)]
        self.pages = 0
        self._failed: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        file = self._ground.folder / f"import-{os.urandom(4).hex()}.csv"
        with file.open("w", newline="", encoding="utf-8") as out:
            rows = csv.writer(out)
            rows.writerow(["Event Code", "Registration Code", "First Name", "Last Name", "Email"])
            rows.writerows([EVENT, f"{file.stem[-8:]}-{n:06}", "Zoë", f"Lindqvist {n}", f"zoe{n}@example.org"] for n in range(ROWS))
        argv = [sys.executable, "-m", "heliograph", "import", str(file), "--account", self._code, "--record-without-sending", "--json"]
        env = self._ground.environment(log_level="error")
        self._import = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 -- our own command
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._import is not None:
            if (ended := self._import.poll()) not in (None, 0):
                self._failed.append(f"The import ended with exit code {ended}.")
            self._import.terminate()
            self._import.wait(30)
        for thread in self._threads:
            thread.join(30)
        if self._failed or not self.pages:
            raise BenchError(f"The work beside the deliveries failed: {self._failed[0] if self._failed else 'no page was answered'}")

    def _get(self, connection: http.client.HTTPConnection, path: str) -> bytes:
        connection.request("GET", path, headers={"Cookie": self._cookie, "Host": urlsplit(self._site.pages).netloc})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != HTTPStatus.OK:
            self._failed.append(f"{path} answered {answer.status}.")
        self.pages += 1
        return body

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self._site.pages).netloc, timeout=60)

    def _look_around(self, first: int) -> None:
        n = first
        with closing(self._connection()) as connection:
            while not self._stop.wait(0.2):  # a person looks at a page for a moment
                self._get(connection, LOOKED_AT[n % len(LOOKED_AT)])
                n += 1

    def _read_all(self) -> None:
        with closing(self._connection()) as connection:
            path = "/registrations/"
            while not self._stop.is_set():
                older = _OLDER.search(self._get(connection, path))
                path = (older[1] or older[2]).decode().replace("&amp;", "&") if older else "/registrations/"


def signed_in(account: int) -> str:
    """The session cookie of an administrator of the account."""
    from django.conf import settings  # noqa: PLC0415
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: PLC0415
    from django.contrib.sessions.backends.db import SessionStore  # noqa: PLC0415

    from heliograph.accounts.models import Role, User  # noqa: PLC0415

    email = f"bench-{account}@example.org"
    user = User.objects.filter(email=email).first() or User.objects.create_user(
        email, os.urandom(12).hex(), name="Bench", account_id=account, role=Role.ADMINISTRATOR
    )
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def _code_of(account: int) -> str:
    from heliograph.accounts.models import Account  # noqa: PLC0415

    return str(Account.objects.get(pk=account).code)
