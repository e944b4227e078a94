"""The load beside the work of a scenario: people on the pages, a reader of the REST API, a full read, an import; and paused connections."""

from __future__ import annotations

import csv
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
MOMENT: Final = 0.2
"""Seconds for which a person looks at a page."""
LOOKED_AT: Final = ("/signal/flows/", "/signal/metrics/feed/", "/signal/retry/", "/registrations/")
INSIGHTS_READERS: Final = 4
INSIGHTS_MOMENT: Final = 2.0
INSIGHTS_PAGES: Final = (
    "/signal/metrics/?period=1h",
    "/signal/metrics/records/changes/?period=1h",
    "/signal/metrics/troubleshooting/?period=1d",
    "/signal/metrics/feed/",
    "/signal/metrics/?period=30d",
    "/signal/metrics/records/triggered/?period=1d",
    "/signal/metrics/feed/?result=not-triggered",
)
OVERVIEW_PAGES: Final = ("/signal/overview/", "/signal/notifications/", "/signal/notifications/rules/", "/signal/notifications/sent/")
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


class PageReads:
    """How long each page took, by its path. Readers go on as soon as a page is there, so what a page costs shows in how many they get."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    def add(self, address: str, seconds: float) -> None:
        self._seconds.setdefault(urlsplit(address).path, []).append(seconds)

    @property
    def is_empty(self) -> bool:
        return not self._seconds

    def figures(self) -> Mapping[str, Mapping[str, float]] | None:
        """The number of reads of each page and their mean milliseconds, by path; None if no page was read."""
        return {
            path: {"read": len(seconds), "ms": round(statistics.mean(seconds) * 1e3, 1)} for path, seconds in sorted(self._seconds.items())
        } or None


class PageReaders:
    """People who open one page after another.

    reads: gets the time of each page
    moment: seconds for which a person looks at a page
    """

    def __init__(
        self,
        site: Site,
        account: int,
        reads: PageReads,
        addresses: Sequence[str],
        *,
        people: int = INSIGHTS_READERS,
        moment: float = INSIGHTS_MOMENT,
    ) -> None:
        self._site, self._addresses, self._moment, self._reads = site, addresses, moment, reads
        self._cookie = signed_in(account)
        self.stopped = threading.Event()
        self._threads = [threading.Thread(target=self._look_around, args=(n,), daemon=True) for n in range(people)]
        self.failed: list[str] = []

    def beside(self, target: Callable[[], None]) -> None:
        """Adds a function that runs at the same time, on a thread of its own. It must return soon after `stopped` is set."""
        self._threads.append(threading.Thread(target=target, daemon=True))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self._threads:
            thread.join(30)
        if self.failed or self._reads.is_empty:
            raise BenchError(f"The work beside the deliveries failed: {self.failed[0] if self.failed else 'no page was answered'}")

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self._site.pages).netloc, timeout=60)

    def get(self, connection: http.client.HTTPConnection, path: str) -> bytes:
        """Reads a page to its end. Other answers than 200 are a failure of the run."""
        began = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": self._cookie, "Host": urlsplit(self._site.pages).netloc})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != HTTPStatus.OK:
            self.failed.append(f"{path} answered {answer.status}.")
        self._reads.add(path, time.perf_counter() - began)
        return body

    def _look_around(self, first: int) -> None:
        number = first
        with closing(self.connection()) as connection:
            while not self.stopped.wait(self._moment):
                self.get(connection, self._addresses[number % len(self._addresses)])
                number += 1


def insights_readers(site: Site, account: int, reads: PageReads) -> PageReaders:
    """Four people who read Metrics."""
    return PageReaders(site, account, reads, INSIGHTS_PAGES)


def overview_readers(site: Site, account: int, reads: PageReads, connection: int) -> PageReaders:
    """Four people who read the Overview, Notifications and the page of a connection."""
    pages = (*OVERVIEW_PAGES, f"/signal/connections/{connection}/overview/")
    return PageReaders(site, account, reads, pages)


class ApiReader:
    """A program that reads all registrations of an account page by page, as fast as it gets answers, and begins again."""

    PAGE: Final = "/api/v1/registrations?limit=200"

    def __init__(self, site: Site, account: int, say: Callable[[str], None]) -> None:
        from heliograph.accounts.api_tokens import create_token  # noqa: PLC0415
        from heliograph.accounts.models import Role, TokenScope  # noqa: PLC0415

        self._site, self._say = site, say
        self._token = create_token(account, "bench reader", by=BY, scopes=[TokenScope.READ], role=Role.VIEWER).secret
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._rows, self._failed = 0, ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(60)
        if self._failed or not self._rows:
            raise BenchError(f"The reader beside the deliveries failed: {self._failed or 'it has read nothing'}")
        self._say(f"the reader has read {self._rows:,} registrations")

    def _read(self) -> None:
        host = urlsplit(self._site.pages).netloc
        path = self.PAGE
        with closing(http.client.HTTPConnection(host, timeout=60)) as connection:
            while not self._stopped.is_set():
                connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}", "Host": host})
                answer = connection.getresponse()
                body = json.loads(answer.read())
                if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                    self._stopped.wait(float(answer.headers["Retry-After"]))
                    continue
                if answer.status != HTTPStatus.OK:
                    self._failed = f"{path} answered {answer.status}: {body.get('detail')}"
                    return
                self._rows += len(body["items"])
                path = body["next"] or self.PAGE


class Busy:
    """People who open one page after another, one who reads all registrations page by page, and an import."""

    def __init__(self, ground: Ground, site: Site, account: int, reads: PageReads) -> None:
        from heliograph.accounts.models import Account  # noqa: PLC0415

        self._ground = ground
        self._readers = PageReaders(site, account, reads, LOOKED_AT, people=PEOPLE, moment=MOMENT)
        self._readers.beside(self._read_all)
        self._code = str(Account.objects.get(pk=account).code)
        self._import: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._readers.__enter__()
        file = self._ground.folder / f"import-{os.urandom(4).hex()}.csv"
        with file.open("w", newline="", encoding="utf-8") as output:
            rows = csv.writer(output)
            rows.writerow(["Event Code", "Registration Code", "First Name", "Last Name", "Email"])
            rows.writerows([EVENT, f"{file.stem[-8:]}-{n:06}", "Zoë", f"Lindqvist {n}", f"zoe{n}@example.org"] for n in range(ROWS))
        argv = [sys.executable, "-m", "heliograph", "import", str(file), "--account", self._code, "--record-without-sending", "--json"]
        env = self._ground.environment(log_level="error")
        self._import = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 -- our own command
        return self

    def __exit__(self, *caught: object) -> None:
        self._readers.stopped.set()
        if self._import is not None:
            if (ended := self._import.poll()) not in (None, 0):
                self._readers.failed.append(f"The import ended with exit code {ended}.")
            self._import.terminate()
            self._import.wait(30)
        self._readers.__exit__(*caught)

    def _read_all(self) -> None:
        with closing(self._readers.connection()) as connection:
            path = "/registrations/"
            while not self._readers.stopped.is_set():
                older = _OLDER.search(self._readers.get(connection, path))
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
