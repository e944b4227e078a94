"""Faults of a running Heliograph, provoked: each lasts while its block runs, and is cured at its end."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
from django_scopes import scope
from tests.builders import planted_ledger
from tests.chaos.watched_site import DISK, OF_A_WORKER, Site, meanwhile, status_of
from tests.processes import free_port
from tests.receiver import Answer
from tests.waiting import PATIENCE, until

from heliograph.domain.delivery.retry_policy import DAY
from heliograph.store.restored_copy import mark_restored

type Fault = Callable[[Site], AbstractContextManager[None]]


@contextmanager
def set_back(site: Site, statement: str) -> Iterator[None]:
    """The newest backup is another; a real one follows."""
    site.sql(statement, days=3 * DAY)
    yield
    site.backs_up()


def old_backup(site: Site) -> AbstractContextManager[None]:
    return set_back(site, "UPDATE backup_run SET begun = begun - :days WHERE size IS NOT NULL")


def no_backup(site: Site) -> AbstractContextManager[None]:
    return set_back(site, "UPDATE backup_run SET size = NULL, begun = begun + 0 * :days")


@contextmanager
def unreleased(site: Site) -> Iterator[None]:
    with site.story.db.transaction():
        mark_restored(site.story.db, site.story.db.now(), None)
    yield
    assert site.heliograph.run("release", "--yes").returncode == 0, site.heliograph.started[-1].output


@contextmanager
def gaps(site: Site) -> Iterator[None]:
    """Two registrations of a source are not here; they come, and the gaps are counted once more."""
    with scope(account=site.story.account):
        source = planted_ledger.plant(site.story.db, site.story.account, "SUMMIT")
    yield
    site.sql("DELETE FROM source_item WHERE source_id = :source", source=source)
    site.sql("UPDATE source SET gaps_counted = NULL WHERE id = :source", source=source)


@contextmanager
def silence(site: Site) -> Iterator[None]:
    site.sends.clear()
    yield
    site.sends.set()


@contextmanager
def refused_documents(site: Site) -> Iterator[None]:
    assert [site.post("R", "No such status") for _ in range(8)] == [400] * 8
    yield


@contextmanager
def refused_tokens(site: Site) -> Iterator[None]:
    doors = (site.edge, site.pages)
    assert {site.post("R", token="hg_unknown", door=doors[n % 2]) for n in range(10)} == {401}
    yield


@contextmanager
def overload(site: Site) -> Iterator[None]:
    headers = {"Authorization": f"Bearer {site.token}"}
    until(lambda: status_of(f"{site.pages}/api/v1/tags", **headers) == 429)
    with meanwhile(lambda: status_of(f"{site.pages}/api/v1/tags", **headers)):
        yield


@contextmanager
def failing_sign_ins(site: Site) -> Iterator[None]:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    address = f"{site.pages}/accounts/sign-in/"
    with opener.open(address, timeout=PATIENCE) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token
    names = itertools.count()

    def guess() -> None:
        guessed = {"login": f"nobody{next(names)}@example.org", "password": "a guess", "csrfmiddlewaretoken": token[1]}
        request = urllib.request.Request(address, urllib.parse.urlencode(guessed).encode(), {"Origin": site.pages})
        with contextlib.suppress(urllib.error.HTTPError):  # 429, once there were too many
            opener.open(request, timeout=PATIENCE).close()

    with meanwhile(guess), meanwhile(guess), meanwhile(guess):
        yield


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Another transaction holds what recording has to write."""
    if site.story.db.vendor == "postgresql":
        with psycopg.connect(site.story.facts.url) as other:
            other.execute("LOCK TABLE change, change_content IN EXCLUSIVE MODE")
            yield
        return
    with contextlib.closing(site.story.open()) as db, db.transaction():
        db.run("UPDATE sequence SET last = last", {})
        yield


@contextmanager
def server_errors(site: Site) -> Iterator[None]:
    """Nothing can be stored, though the database answers: twelve senders get 503 after half a minute."""
    senders = [threading.Thread(target=site.post, args=(f"E{n}",)) for n in range(12)]
    with locked(site):
        for each in senders:
            each.start()
        for each in senders:
            each.join()
    yield


def submit_all(site: Site) -> None:
    """Submits what is in Retry."""
    site.story.submit(*[f"a{each['id']}" for each in site.story.actions() if each["state"] in ("queued", "failed")])


@contextmanager
def probe(site: Site, *answers: Answer, count: int = 1) -> Iterator[None]:
    """Deliveries of the connection Probe get these answers, then are accepted, and what waits is submitted."""
    site.story.receiver.answer("/probe", *answers)
    for n in range(count):
        assert site.post(f"P{time.monotonic_ns()}-{n}", "Cancelled") == 201
    yield
    site.story.receiver.answer("/probe", Answer(200))
    submit_all(site)


def late_delivery(site: Site) -> AbstractContextManager[None]:
    return probe(site, Answer(delay=6.0), count=60)


def dead_connection(site: Site) -> AbstractContextManager[None]:
    return probe(site, Answer(500))


def many_failures(site: Site) -> AbstractContextManager[None]:
    return probe(site, Answer(500), count=40)


def resting(site: Site) -> AbstractContextManager[None]:
    return probe(site, Answer(429, headers={"Retry-After": "12"}))


@contextmanager
def paused(site: Site) -> Iterator[None]:
    site.story.pause(site.probe)
    yield
    site.story.resume(site.probe)


def set_retries(site: Site, seconds: float) -> None:
    """Saves the retry intervals, and waits until the worker goes by them: until it has delivered what was sent since."""
    site.story.retries(seconds, seconds, seconds)
    delivered = len(site.story.receiver.at("/well"))
    until(lambda: len(site.story.receiver.at("/well")) > delivered + 3)


@contextmanager
def late_retry(site: Site) -> Iterator[None]:
    """A failed delivery whose connection is then paused: it becomes due, and waits."""
    set_retries(site, 3)
    site.story.receiver.answer("/probe", Answer(500))
    code = f"P{time.monotonic_ns()}"
    failures = len(site.story.receiver.at("/probe"))
    assert site.post(code, "Cancelled") == 201
    until(lambda: len(site.story.receiver.at("/probe")) > failures)
    with paused(site):
        yield
        site.story.receiver.answer("/probe", Answer(200))
    set_retries(site, 3600)


@contextmanager
def failed_items(site: Site) -> Iterator[None]:
    set_retries(site, 0.2)
    with probe(site, Answer(500)):
        yield
    set_retries(site, 3600)


@contextmanager
def untagged(site: Site) -> Iterator[None]:
    assert site.post("U1", "New") == 201
    yield
    site.story.tag_status("New", "Waiting")


@contextmanager
def own_fault(site: Site) -> Iterator[None]:
    """A delivery at which the worker crashes, three times."""
    asked = len(site.story.receiver.at("/probe"))
    site.story.receiver.answer("/probe", Answer(then="hang"))
    assert site.post("Poison", "Cancelled") == 201
    for times in range(1, 4):
        site.story.receiver.wait_for(asked + times, 4 * PATIENCE, path="/probe")
        os.kill(until(lambda: site.pid("engine")), signal.SIGKILL)
    yield
    site.story.receiver.answer("/probe", Answer(200))
    submit_all(site)


@contextmanager
def failed_job(site: Site) -> Iterator[None]:
    """An import whose uploaded file is gone."""
    file = site.folder / "import.ndjson"
    file.write_text('{"event": "SUMMIT", "code": "J1", "status": "Attended"}\n')
    assert site.heliograph.run("import", str(file), "--account", "ACME").returncode == 0, site.heliograph.started[-1].output
    site.sql("UPDATE jobs_job SET state = 'failed'")
    yield
    site.sql("UPDATE jobs_job SET state = 'done'")


@contextmanager
def full_disk(site: Site) -> Iterator[None]:
    site.disk.fill()
    yield
    site.disk.free()


@contextmanager
def filling_disk(site: Site) -> Iterator[None]:
    def write(n: int) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(
                [*site.disk.within, "dd", "if=/dev/zero", f"of={site.disk.folder / f'part{n}'}", "bs=1M", "count=4"],
                check=True,
                capture_output=True,
            )

    parts = iter(range(DISK // 4 - 3))
    with meanwhile(lambda: write(next(parts, 0)), 1.0):
        yield
    subprocess.run([*site.disk.within, "sh", "-c", f"rm -f {site.disk.folder}/part*"], check=True)


@contextmanager
def dead_process(site: Site) -> Iterator[None]:
    """The pages die as soon as they are started."""

    def kill() -> None:
        if pid := site.pid("pages"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    with meanwhile(kill):
        yield
    until(lambda: status_of(f"{site.pages}/accounts/sign-in/") == 200, 3 * PATIENCE)


@contextmanager
def hanging_worker(site: Site) -> Iterator[None]:
    pid = until(lambda: site.pid("engine"))
    os.kill(pid, signal.SIGSTOP)
    yield
    with contextlib.suppress(ProcessLookupError):  # the supervisor has killed it by then, if the alert took long
        os.kill(pid, signal.SIGCONT)


@contextmanager
def shares_without_owner(site: Site) -> Iterator[None]:
    """Of two workers one stands still, and just before its lease ends the other: what the first owned has no owner while the lease of the second
    lasts."""
    second = site.heliograph("worker", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}", **OF_A_WORKER)
    pids = until(lambda: second.children().get("engine")), until(lambda: site.pid("engine"))
    until(lambda: sorted(site.slots().values()) == [32, 32])
    os.kill(pids[0], signal.SIGSTOP)
    until(lambda: site.shortest_lease() < 5.0)
    os.kill(pids[1], signal.SIGSTOP)
    yield
    os.kill(pids[1], signal.SIGCONT)
    until(lambda: list(site.slots().values()) == [64])
    os.kill(pids[0], signal.SIGCONT)
    assert second.terminate() == 0, second.output


@contextmanager
def database_gone(site: Site) -> Iterator[None]:
    """The server refuses connections to the database, and ends those that there are."""
    url = site.story.facts.url
    name = urllib.parse.urlsplit(url).path.strip("/")
    with psycopg.connect(url.replace(f"/{name}", "/postgres"), autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@contextmanager
def stopped(site: Site) -> Iterator[None]:
    assert site.serve
    site.sends.clear()
    assert site.serve.terminate() == 0
    yield
    site.start()
    site.sends.set()


@contextmanager
def no_target(site: Site) -> Iterator[None]:
    file, watcher = site.folder / "prometheus.yml", site.watcher
    assert watcher
    config = file.read_text("utf-8")
    file.write_text(re.sub(r"targets: \[.*\]", "targets: []", config), "utf-8")
    watcher.send_signal(signal.SIGHUP)
    yield
    file.write_text(config, "utf-8")
    watcher.send_signal(signal.SIGHUP)
