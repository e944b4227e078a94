"""Refused sign-ins, pages and tokens: in the log and in the audit of their account, bounded however many there are (P1, O8)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.test import Client
from django_scopes import scope
from structlog.testing import capture_logs
from tests.builders import signal_account
from tests.builders.people import PASSWORD
from tests.builders.running_account import RunningAccount
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.doors import acme, document, opened
from tests.page_text import text_of
from tests.waiting import until

from heliograph.accounts.api_tokens import create_token, revoke_token
from heliograph.accounts.models import AuditEntry
from heliograph.accounts.people import switch
from heliograph.domain.retention import DAY
from heliograph.store import access_refusals
from heliograph.store.access_refusals import PROCESS, AccessRefusal, Reason, RefusalLog, RefusalWriter, write_refusals
from heliograph.store.queue.retention_round import RetentionRound
from heliograph.store.token_check import new_token, prefix_of

ADDRESS = "192.0.2.7"
__all__ = ["acme"]
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    PROCESS.take()


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    cache.clear()
    with signal_account.site(database) as made:
        yield made


@pytest.fixture
def stranger() -> Client:
    return Client(REMOTE_ADDR=ADDRESS)


def written(site: SignalAccount) -> list[dict[str, Any]]:
    """What a write puts into the log: its lines."""
    with capture_logs() as lines:
        write_refusals(site.store, PROCESS.take(), RefusalLog())
    return [{name: value for name, value in line.items() if value not in (None, "")} for line in lines if line["event"] == "access_refused"]


def entries(site: SignalAccount) -> list[tuple[str, str, int, dict[str, Any]]]:
    with scope(account=site.account.pk):
        rows = AuditEntry.objects.filter(what=access_refusals.REFUSED).order_by("id")
        return [(row.by, row.kind, row.object_id, row.after) for row in rows]


def is_counted(site: SignalAccount, times: int) -> bool:
    return [after["times"] for *_who, after in entries(site)] == [times]


def try_sign_in(client: Client, email: str, password: str = "wrong") -> None:
    client.post("/accounts/sign-in/", {"login": email, "password": password})


def test_P1_O8_a_wrong_password_is_in_the_log_and_the_audit(site: SignalAccount, stranger: Client) -> None:
    for _time in range(2):
        try_sign_in(stranger, site.planner.email.upper())
    (line,) = written(site)
    expected = {"reason": "wrong password", "address": ADDRESS, "times": 2, "account": site.account.pk, "user": site.planner.pk}
    assert {name: line[name] for name in expected} == expected
    assert site.planner.email not in json.dumps(line)
    ((by, kind, id, after),) = entries(site)
    assert (by, kind, id) == ("somebody", "user", site.planner.pk)
    assert (after["reason"], after["address"], after["times"]) == ("wrong password", ADDRESS, 2)
    try_sign_in(stranger, site.planner.email)
    written(site)
    assert [after["times"] for *_who, after in entries(site)] == [3], "one entry a day"


def test_P1_O8_of_a_name_that_nobody_has_nothing_that_was_typed_is_kept(site: SignalAccount, stranger: Client) -> None:
    try_sign_in(stranger, "my-password@example.org")
    (line,) = written(site)
    assert (line["reason"], line["address"]) == ("unknown user", ADDRESS)
    assert "my-password" not in json.dumps(line)
    assert "account" not in line
    assert not entries(site)


def test_P1_throttled_tries_are_noted(site: SignalAccount, stranger: Client) -> None:
    for _time in range(7):
        try_sign_in(stranger, site.viewer.email)
    assert {line["reason"]: line["times"] for line in written(site)} == {"wrong password": 5, "too many tries": 2}
    assert [after["times"] for *_who, after in entries(site)] == [5, 2]


def test_P1_wrong_codes_are_noted_and_throttled_ones(site: SignalAccount, stranger: Client) -> None:
    TOTP.activate(site.viewer, SECRET)
    try_sign_in(stranger, site.viewer.email, PASSWORD)
    for _time in range(6):
        stranger.post("/accounts/sign-in/code/", {"code": "000000"})
    assert {(line["reason"], line["user"], line["times"]) for line in written(site)} == {
        ("wrong code", site.viewer.pk, 5),
        ("too many tries", site.viewer.pk, 1),
    }


def test_P1_somebody_switched_off_with_the_right_password_is_noted(site: SignalAccount, stranger: Client) -> None:
    switch(site.account, site.viewer.pk, on=False, by="user:1")
    try_sign_in(stranger, site.viewer.email, PASSWORD)
    assert [(line["reason"], line["user"]) for line in written(site)] == [("switched off", site.viewer.pk)]


def test_P1_a_wrong_password_before_a_change_is_noted(site: SignalAccount, stranger: Client) -> None:
    try_sign_in(stranger, site.planner.email, PASSWORD)
    stranger.post("/accounts/me/confirm/", {"password": "wrong"})
    assert [(line["reason"], line["user"]) for line in written(site)] == [("wrong password", site.planner.pk)]
    assert [by for by, *_more in entries(site)] == [f"user:{site.planner.pk}"]


def test_P1_a_page_that_is_not_for_this_role_is_noted_without_its_codes(site: SignalAccount) -> None:
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(site.viewer)
    assert client.get(f"/settings/users/{site.planner.pk}/off/").status_code == 403
    (line,) = written(site)
    assert (line["reason"], line["user"], line["page"]) == ("not permitted", site.viewer.pk, "/settings/users/…/…/")
    ((by, kind, id, after),) = entries(site)
    assert (by, kind, id) == (f"user:{site.viewer.pk}", "user", site.viewer.pk)
    assert after["page"] == "/settings/users/…/…/"
    assert after["address"] == ADDRESS


def test_P1_a_form_without_its_token_is_noted(site: SignalAccount) -> None:
    client = Client(enforce_csrf_checks=True, REMOTE_ADDR=ADDRESS)
    client.force_login(site.viewer)
    assert client.post("/accounts/me/", {"name": "Other"}).status_code == 403
    assert [(line["reason"], line["user"]) for line in written(site)] == [("form without its token", site.viewer.pk)]


@pytest.mark.parametrize("ends", ["wrong", "revoked", "expired", "unknown", "none"])
def test_P1_O8_tokens_are_named_by_what_is_wrong_with_them(site: SignalAccount, ends: str) -> None:
    token = create_token(site.account.pk, "Forms", by="user:1")
    secret = new_token() if ends == "unknown" else token.secret
    if ends == "revoked":
        revoke_token(site.account.pk, token.row.pk, by="user:1")
    if ends == "expired":
        site.store.run("UPDATE api_token SET expires = 1 WHERE id = :id", {"id": token.row.pk})
    PROCESS.note(AccessRefusal(Reason.UNKNOWN_TOKEN, ADDRESS, token_prefix="" if ends == "none" else prefix_of(secret) or ""))
    (line,) = written(site)
    assert line["reason"] == ("unknown token" if ends in ("unknown", "none") else f"{ends} token")
    assert secret not in json.dumps(line)
    assert [(kind, id) for _by, kind, id, _after in entries(site)] == ([] if ends in ("unknown", "none") else [("token", token.row.pk)])


def test_P1_an_administrator_sees_them_and_nobody_else(site: SignalAccount, stranger: Client, client: Client) -> None:
    try_sign_in(stranger, site.planner.email)
    written(site)
    site.signs_in(client)
    for query in ("", "?kind=refusals", f"?q={ADDRESS}"):
        shown = text_of(client.get(f"/settings/audit/{query}").content)
        assert f"Was refused the sign-in as {site.planner.name}" in shown
        assert f"Address {ADDRESS}" in shown
    assert "Was refused" not in text_of(client.get("/settings/audit/?kind=people").content)
    for user in (site.planner, site.viewer):
        client.force_login(user)
        for query in ("", "?kind=refusals", f"?q={ADDRESS}"):
            shown = text_of(client.get(f"/settings/audit/{query}").content)
            assert ADDRESS not in shown
            assert "refused" not in shown.lower()


def test_P1_O8_a_flood_fills_neither_memory_nor_log_nor_database(site: SignalAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_refusals, "MOST_A_DAY", 20)
    times = 3 * access_refusals.MOST_COUNTED
    for _round in range(3):
        for number in range(times):
            PROCESS.note(AccessRefusal(Reason.PASSWORD, f"2001:db8::{number:x}", user=site.planner.pk))
        assert len(written(site)) == access_refusals.MOST_COUNTED + 1
    counted = entries(site)
    assert len(counted) == 21
    by, kind, id, after = counted[-1]
    assert (by, kind, id) == ("somebody", "account", site.account.pk), "what comes too often is counted without its address"
    assert "address" not in after
    assert sum(after["times"] for *_who, after in counted) == 3 * access_refusals.MOST_COUNTED


def test_P1_O8_the_log_of_a_flood_is_bounded_for_a_day_and_says_how_many_there_were(site: SignalAccount) -> None:
    """A day of guesses from ever other addresses, by a clock of its own: each write would be 200 lines every 5 seconds."""
    seconds = 0.0
    refusal_log = RefusalLog(lambda: seconds)

    def lines_of(hours: float) -> list[tuple[str, int]]:
        """The lines of so many hours, in which 40 addresses guess every 5 minutes."""
        nonlocal seconds
        ends = seconds + hours * 3_600
        with capture_logs() as logs:
            while seconds < ends:
                write_refusals(
                    site.store, {AccessRefusal(Reason.PASSWORD, f"2001:db8::{seconds:.0f}:{n:x}"): 2 for n in range(40)}, refusal_log
                )
                refusal_log.write_summary()
                seconds += 300
        return [(line["event"], line["times"]) for line in logs]

    day = lines_of(24)
    guesses = 24 * 12 * 40 * 2
    assert day[: access_refusals.LINES_A_DAY] == [("access_refused", 2)] * access_refusals.LINES_A_DAY
    sums = day[access_refusals.LINES_A_DAY :]
    assert {name for name, _times in sums} == {"more_access_refused"}
    assert sum(times for _name, times in day) == guesses, "nothing goes uncounted"
    assert lines_of(0.1) == [("access_refused", 2)] * 80, "the next day has lines of its own"


def test_P1_O8_one_sum_a_minute_also_after_the_flood_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_refusals, "LINES_A_DAY", 1)
    seconds = 0.0
    refusal_log = RefusalLog(lambda: seconds)
    with capture_logs() as logs:
        for second in range(180):
            seconds = float(second)
            refusal_log.write(1, "wrong password" if second % 3 else "wrong code")
            refusal_log.write_summary()
        assert refusal_log.seconds_to_summary == 2
        seconds = 181.0
        refusal_log.write_summary()
        refusal_log.write(5, "wrong password")
        refusal_log.write_summary(at_once=True)
        assert refusal_log.seconds_to_summary is None
    assert [(line["event"], line["times"]) for line in logs] == [
        ("access_refused", 1),
        ("more_access_refused", 1),
        ("more_access_refused", 60),
        ("more_access_refused", 60),
        ("more_access_refused", 58),
        ("more_access_refused", 5),
    ]
    assert logs[2]["reasons"] == {"wrong password": 40, "wrong code": 20}


def test_P1_O8_processes_that_write_at_once_lose_no_count(site: SignalAccount, database: DatabaseFacts) -> None:
    refusal = AccessRefusal(Reason.PASSWORD, ADDRESS, user=site.planner.pk)
    processes, writes = 4, 10
    start = threading.Barrier(processes)

    def write(_process: int) -> None:
        with closing(database.open()) as db:
            for _write in range(writes):
                start.wait()
                write_refusals(db, {refusal: 1}, RefusalLog())

    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(write, range(processes)))
    assert [after["times"] for *_who, after in entries(site)] == [processes * writes]


def test_P1_O4_old_refusals_go_and_nothing_else_of_the_audit(site: SignalAccount, stranger: Client) -> None:
    try_sign_in(stranger, site.planner.email)
    written(site)
    try_sign_in(stranger, site.planner.email, PASSWORD)
    with scope(account=site.account.pk):
        others = AuditEntry.objects.count() - 1
        assert others > 0
        for days, left in ((access_refusals.DAYS_KEPT - 1, 1), (access_refusals.DAYS_KEPT + 1, 0)):
            later = site.store.now() + days * DAY
            RetentionRound(site.store, later, threading.Event(), lambda _seconds: False).refusals(site.account.pk)
            assert AuditEntry.objects.count() == others + left


def test_O8_the_thread_writes_what_is_counted_also_at_its_end(
    site: SignalAccount, database: DatabaseFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_refusals, "WRITTEN_AFTER", 0.01)
    writer = RefusalWriter(database.open)
    for times in (1, 2):
        PROCESS.note(AccessRefusal(Reason.PASSWORD, ADDRESS, user=site.planner.pk))
        until(partial(is_counted, site, times))
    writer.close()
    monkeypatch.setattr(access_refusals, "WRITTEN_AFTER", 60)
    slow = RefusalWriter(database.open)
    PROCESS.note(AccessRefusal(Reason.PASSWORD, ADDRESS, user=site.planner.pk))
    slow.close()
    assert [after["times"] for *_who, after in entries(site)] == [3]


@pytest.mark.parametrize("door", ["fast", "pages"])
def test_P1_O8_both_doors_note_bad_tokens(acme: RunningAccount, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_refusals, "WRITTEN_AFTER", 60)
    with opened(acme, door) as sender:
        good = sender.token
        sender.token = good[:-1] + ("A" if good[-1] != "A" else "B")
        large = [document(f"R{number}", profile={"notes": "x" * 900}) for number in range(1_200)]
        assert sender.post(document()).status == 401
        with suppress(ConnectionError):  # refused by its head, so it may be cut off while it is sent
            assert sender.many(*large).status == 401
        sender.token = ""
        assert sender.post(document()).status == 401
    rows = acme.db.all("SELECT kind, CAST(after AS text) FROM audit_entry WHERE what = :what", {"what": access_refusals.REFUSED})
    assert [(kind, json.loads(after)["address"], json.loads(after)["times"]) for kind, after in rows] == [("token", "127.0.0.1", 2)]
