"""People are told: each kind, storms, resolve, quiet hours, by real mail of a real server (B4, O5)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError
from django_scopes import scope
from tests.authority import Authority
from tests.mail_server import Mailbox, html_of, text_of
from tests.receiver import Answer
from tests.story import BY, Story
from tests.told import Told
from tests.waiting import PATIENCE, until

from heliograph.accounts import api_tokens
from heliograph.accounts.models import Account, ApiToken, Role, User
from heliograph.connections.services.save_and_test import try_connection
from heliograph.domain.connection.diagnosis import DiagnosisVerdict
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.notification.audience import Topic
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import MAIL, Rule
from heliograph.domain.notification.problem_plan import Observed
from heliograph.domain.notification.quiet_hours import QuietHours
from heliograph.flows.models import Flow
from heliograph.jobs.models import Job, JobState
from heliograph.notifications import observations, operator_watch, post_office, stored_settings
from heliograph.notifications.delivered_yesterday import DeliveredYesterday
from heliograph.notifications.letter_words import Summary, letter_of, summary_letter
from heliograph.notifications.models import Message, Problem
from heliograph.notifications.observations import MOST
from heliograph.store.database import Database
from heliograph.store.disk_room import DiskRoom
from heliograph.store.instants import from_micros
from heliograph.store.restored_copy import unreleased_accounts

pytestmark = pytest.mark.django_db(transaction=True)

HOST = "http://127.0.0.1:8700"


@pytest.fixture
def told(story: Story) -> Iterator[Told]:
    with Mailbox() as mailbox, mailbox.settings():
        yield Told(story, mailbox)


@pytest.fixture
def ada(told: Told) -> User:
    """An Administrator who is told everything but the morning summary, which would come in between at some times of the day."""
    ada = told.story.person(name="Ada", email="ada@example.org")
    told.settings(ada)
    return ada


def refusing(
    told: Told, *codes: str, status: int = 401, body: str = "The token has expired", has_key: bool = True, until: str = "queued"
) -> int:
    """A CRM that refuses these registrations. until: the state of their actions in the end; "queued": they wait for a retry"""
    told.story.receiver.answer("/crm", Answer(status, body))
    signing_in: dict[str, Any] = {"auth": "API Key / Token", "secrets": {Secret.KEY: "k-of-crm"}} if has_key else {}
    crm = told.story.connection("CRM", "/crm", **signing_in)
    told.story.flow("Leads", [told.story.to(crm)])
    with told.story.worker():
        for code in codes:
            told.story.record(code, status="Attended", first="Zaphodina")
            told.story.until(code, until)
    return crm


def test_B4_a_connection_refuses_and_works_again(told: Told, ada: User) -> None:
    crm = refusing(told, "R1", "R2")
    assert told.turn() == []  # not for a minute yet
    told.passes(2)
    assert told.turn() == ["CRM refuses what we send"]
    (mail,) = told.mailbox.to("ada@example.org")
    text = text_of(mail)
    assert '"The token has expired"' in text
    assert "2 are waiting, and no new ones reach CRM." in text
    assert "Enter a new key:" in text
    assert f"{HOST}/signal/connections/{crm}/" in text
    assert "“The token has expired”" in html_of(mail)
    told.passes(5)
    assert told.turn() == []  # one message per cause

    told.story.receiver.answer("/crm", Answer(200))
    with told.story.worker():
        told.story.change_connection(crm, path="/crm", timeout=5)
        told.story.submit(*(each["key"] for each in told.story.actions()))
        for code in ("R1", "R2"):
            told.story.until(code, "success")
    assert told.turn() == []  # it has to stay well for a moment
    told.passes(1)
    assert told.turn() == ["Resolved: CRM works again"]
    opened, resolved = told.mailbox.mails
    assert resolved["In-Reply-To"] == opened["Message-ID"]
    told.passes(60)
    assert told.turn() == []


def test_B4_a_test_that_sends_nothing_does_not_resolve_a_refusal(told: Told, ada: User) -> None:
    crm = refusing(told, "R1")
    told.passes(2)
    assert told.turn() == ["CRM refuses what we send"]
    Account.objects.filter(pk=told.story.account).update(allowed_networks=["127.0.0.0/8"])
    assert try_connection(told.story.account, crm).verdict is DiagnosisVerdict.REACHED
    for _ in range(3):
        told.passes(2)
        assert told.turn() == []


def test_B4_no_key_is_asked_for_where_there_is_none(told: Told, ada: User) -> None:
    """What a refusal most likely means is the same in a message as on the connection's page."""
    refusing(told, "R1", status=403, body="Not allowed", has_key=False)
    told.passes(2)
    told.turn()
    (mail,) = told.mailbox.mails
    text = " ".join(text_of(mail).split())
    assert "Enter a new key" not in text
    assert "Most likely its key" not in text
    assert "what this address may do" in text
    assert "Open CRM: " in text


def test_O5_alerts_are_on_from_the_start_for_administrators_alone(told: Told, ada: User) -> None:
    told.story.person(Role.PLANNER, name="Pia")
    told.story.person(Role.VIEWER, name="Vic")
    refusing(told, "R1")
    told.passes(2)
    told.turn()
    assert [str(mail["To"]) for mail in told.mailbox.mails] == ["ada@example.org"]


def test_B4_a_paused_connection_is_told_with_who_paused_it(told: Told, ada: User) -> None:
    crm = told.story.connection("CRM", "/crm")
    told.story.pause(crm, "Maintenance")
    told.passes(2)
    assert told.turn() == ["CRM is paused"]
    assert "Nothing waits yet, and nothing new reaches CRM." in text_of(told.mailbox.mails[0])
    told.story.resume(crm)
    told.turn()
    told.passes(1)
    assert told.turn() == ["Resolved: CRM is no longer paused"]


def test_B4_what_waits_longer_than_a_person_wants(told: Told, ada: User) -> None:
    bob = told.story.person(Role.PLANNER, name="Bob", email="bob@example.org")
    told.settings(bob, waits_minutes=240)
    told.story.record("R1", status="Waitlist Hold")  # no tag
    told.story.flow("By status", [told.story.to(told.story.connection("CRM", "/crm"))], statuses=["Attended"])
    told.story.record("R2", status="Waitlist Hold")
    told.passes(20)
    assert told.turn() == []
    told.passes(11)
    assert told.turn() == ["1 is waiting for a tag"]
    assert str(told.mailbox.mails[-1]["To"]) == "ada@example.org"
    assert "Something in SUMMIT has no tag that a flow needs." in text_of(told.mailbox.mails[-1])
    told.passes(240)
    told.turn()
    assert "bob@example.org" in [str(mail["To"]) for mail in told.mailbox.mails]


def failed_for_good(told: Told, code: str) -> None:
    told.story.receiver.answer("/crm", Answer(422, f"'{code}' is not one of AT, CZ"))
    told.story.retries(0.01, 0.01, 0.01)
    with told.story.worker():
        told.story.record(code, status="Attended")
        told.story.until(code, "failed")


def test_B4_something_failed_for_good_once_per_cause(told: Told, ada: User) -> None:
    crm = told.story.connection("CRM", "/crm")
    told.story.flow("Leads", [told.story.to(crm)])
    failed_for_good(told, "R1")
    assert told.turn() == ["1 failed for good: CRM answered with an error"]
    text = text_of(told.mailbox.mails[0])
    assert f"{HOST}/signal/retry/?status=Failed&connection={crm}" in text
    assert "All retries are used up, so it is not sent again automatically." in text
    assert "See it in Retry" in text
    failed_for_good(told, "R2")
    assert told.turn() == []
    with scope(account=told.story.account):
        assert Problem.objects.get(kind="failed").number == 2
    told.story.receiver.answer("/crm", Answer(200))
    with told.story.worker():
        told.story.submit(*(each["key"] for each in told.story.actions()))
        told.story.until("R1", "success")
        told.story.until("R2", "success")
    told.turn()
    told.passes(1)
    assert told.turn() == ["Resolved: no such failure is left: CRM answered with an error"]


def test_B4_two_causes_of_one_connection_or_flow_are_told_apart() -> None:
    facts = {"name": "CRM", "scope": "connection", "thing": 1, "flows": ["Leads"]}
    of_flow = facts | {"name": "Leads", "scope": "flow"}
    titles = [
        letter_of(Observed("failed", Kind.FAILED, 0, 1, facts={**each, "cause": cause.value}), "Account").title
        for each, cause in ((facts, Cause.ANSWER), (facts, Cause.RESET), (of_flow, Cause.FLOW_INACTIVE))
    ]
    causes = ["CRM answered with an error", "CRM closed the connection", "The flow is off (Leads)"]
    assert titles == [f"1 failed for good: {cause}" for cause in causes]


@pytest.mark.parametrize(
    ("takes_others", "subject"),
    [(True, "more than 10,000 failed for good: CRM answered with an error"), (False, "CRM refuses what we send")],
    ids=["single", "everything"],
)
def test_B4_a_storm_is_one_message(forgetful_story: Story, takes_others: bool, subject: str) -> None:
    """10,000 failures of one cause, each with an answer of its own: of single records, or of a target that refuses everything."""
    with Mailbox() as mailbox, mailbox.settings():
        told = Told(forgetful_story, mailbox)
        told.settings(told.story.person(name="Ada", email="ada@example.org"))
        crm = told.story.connection("CRM", "/crm")
        told.story.flow("Leads", [told.story.to(crm)])
        failed_for_good(told, "R0")
        if takes_others:
            told.story.receiver.answer("/crm", Answer(200))
            with told.story.worker():
                told.story.record("R1", status="Attended")
                told.story.until("R1", "success")
        storm(told, told.story.action("R0")["id"], 10_000)
        subjects = []
        for _turn in range(4):
            subjects += told.turn()
            told.passes(10)
        assert subjects == [subject]
        assert len(told.messages()) == 1


def storm(told: Told, copied: int, number: int) -> None:
    """Copies of a failed action, as if so many registrations had failed: what is read of them is their row and their lane."""
    db = told.story.db
    columns = [name for name in columns_of(told, "action") if name not in ("id", "uid", "message")]
    listed = ", ".join(columns)
    with db.transaction():
        ((last,),) = db.all("SELECT max(id) FROM action")
        numbers = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :most)"
            if db.vendor == "sqlite"
            else "WITH n AS (SELECT generate_series(1, :most) AS i)"
        )
        db.run(
            f"INSERT INTO action (id, uid, message, {listed}) {numbers}"
            f" SELECT :last + n.i, 'storm-' || n.i, 'It answers ' || n.i, {', '.join(f'a.{name}' for name in columns)} FROM action a, n WHERE a.id = :copied",
            {"last": last, "copied": copied, "most": number},
        )


def columns_of(told: Told, table: str) -> list[str]:
    db = told.story.db
    if db.vendor == "sqlite":
        return [name for (name,) in db.all(f"SELECT name FROM pragma_table_info('{table}')")]
    sql = "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped"
    return [name for (name,) in db.all(sql, {"table": table})]


def test_B4_what_a_refusing_connection_stops_is_no_message_of_its_own(told: Told, ada: User) -> None:
    told.story.retries(0.01, 0.01, 0.01)
    refusing(told, "R1", until="failed")
    assert told.turn() == []
    told.passes(60)
    assert told.turn() == ["CRM refuses what we send"]


@pytest.mark.parametrize("ended", [JobState.DONE, JobState.FAILED])
def test_B4_an_import_or_replay_that_ended_is_told_to_whoever_started_it(told: Told, ada: User, ended: JobState) -> None:
    bob = told.story.person(Role.VIEWER, name="Bob", email="bob@example.org")
    at = from_micros(told.now)
    with scope(account=told.story.account):
        common = {"account_id": told.story.account, "created_by": bob.actor, "finished": at, "state": ended}
        Job.objects.create(kind="import", parameters={"dry_run": False}, counts={"created": 146, "refused": 3}, **common)
        Job.objects.create(kind="import", parameters={"dry_run": True}, counts={"created": 146}, **common)
        Job.objects.create(kind="replay", parameters={"replay": 7}, counts={"sent": 12}, **common)
    word = "ended" if ended is JobState.DONE else "stopped"
    assert sorted(told.turn()) == [f"Your import {word}: 146 created, 3 refused", f"Your replay {word}: 12 sent"]
    assert {str(mail["To"]) for mail in told.mailbox.mails} == {"bob@example.org"}
    told.passes(30)
    assert told.turn() == []
    told.passes(26 * 60)
    assert told.turn() == []


def test_B4_a_token_that_ends_soon_is_told_twice(told: Told, ada: User) -> None:
    with scope(account=told.story.account):
        made = api_tokens.create_token(told.story.account, "Web site", by=BY)
        ApiToken.objects.filter(pk=made.row.pk).update(expires=from_micros(told.now) + timedelta(days=13))
    assert told.turn() == ["The API token Web site ends within 14 days"]
    told.passes(60 * 24)
    assert told.turn() == []
    told.passes(60 * 24 * 10.5)
    assert told.turn() == ["The API token Web site ends within 2 days"]
    told.passes(60 * 24 * 3)
    assert told.turn() == []


def test_O5_operators_are_told_of_a_full_disk_and_of_missing_workers(told: Told, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    told.has_worker = False
    assert told.turn() == []  # a worker has two minutes to appear
    told.passes(3)
    assert told.turn() == ["No worker is sending"]
    monkeypatch.setattr(operator_watch, "disk_rooms", lambda _folders: {"data": DiskRoom(10_000_000, 1_000_000_000_000)})
    assert told.turn() == ["The disk of the folder “data” is nearly full: 0% free"]
    monkeypatch.setattr(operator_watch, "disk_rooms", lambda _folders: {"data": DiskRoom(10**12, 10**12)})
    told.turn()
    told.passes(1)
    assert told.turn() == ["Resolved: The disk of “data” has room again"]


def test_O5_operators_of_several_accounts_are_those_whom_the_operator_named(story: Story) -> None:
    with Mailbox() as mailbox, mailbox.settings(operator_mail="Ops@example.org, ada@example.org"):
        told = Told(story, mailbox, has_worker=False)
        ada = story.person(name="Ada", email="ada@example.org")
        story.person(name="Eve", email="eve@example.org")
        told.settings(ada, chosen={Kind.TROUBLE: frozenset()})
        told.turn()
        told.passes(3)
        assert told.turn() == ["No worker is sending"]
        assert [str(mail["To"]) for mail in mailbox.mails] == ["ops@example.org"]


def local(told: Told) -> datetime:
    return from_micros(told.now).astimezone(ZoneInfo("Europe/Berlin"))


def until_local(told: Told, hour: int, minute: int = 0) -> None:
    """Passes to the next time of this hour on a working day."""
    now = local(told)
    then = now.replace(hour=hour, minute=minute, second=0)
    while then <= now or then.weekday() >= 5:
        then += timedelta(days=1)
    pass_until(told, then)


def pass_until(told: Told, then: datetime) -> None:
    """Passes to this instant. Of two times of one zone Python subtracts what clocks show: in the night of a clock change, an hour off."""
    told.passes((then.astimezone(UTC) - local(told).astimezone(UTC)) / timedelta(minutes=1))


def test_B4_quiet_hours_hold_messages_and_leave_out_what_is_resolved(told: Told, ada: User) -> None:
    told.settings(ada, quiet=QuietHours(22 * 60, 7 * 60, weekend=True))
    until_local(told, 23)
    fair = told.story.connection("Fair", "/fair")
    gate = told.story.connection("Gate", "/gate")
    wall = told.story.connection("Wall", "/wall")
    for connection in (fair, gate, wall):
        told.story.pause(connection)
    told.passes(5)
    assert told.turn() == []
    assert {state for _to, _title, state in told.messages()} == {"waiting"}
    told.story.resume(wall)
    told.turn()
    told.passes(5)
    told.turn()
    assert ("ada@example.org", "Wall is paused", "not_needed") in told.messages()
    told.passes(6 * 60)
    assert told.turn() == []
    until_local(told, 7, 1)
    assert told.turn() == ["2 messages"]
    text = text_of(told.mailbox.mails[0])
    assert "Fair is paused" in text
    assert "Gate is paused" in text
    assert "Wall" not in text
    assert told.turn() == []


def test_B4_trouble_of_the_installation_does_not_wait_for_the_morning(told: Told, ada: User) -> None:
    told.settings(ada, quiet=QuietHours(0, 24 * 60 - 1))
    told.has_worker = False
    told.turn()
    told.passes(3)
    assert told.turn() == ["No worker is sending"]


def test_B4_the_morning_summary_comes_once_and_only_if_something_waits(told: Told, ada: User) -> None:
    told.settings(ada, chosen={Kind.SUMMARY: frozenset({MAIL}), Kind.FAILED: frozenset({MAIL})})
    until_local(told, 8, 5)
    assert told.turn() == []
    crm = told.story.connection("CRM", "/crm")
    told.story.flow("Leads", [told.story.to(crm)])
    failed_for_good(told, "R1")
    subjects = told.turn()
    assert "This morning: 1 failed" in subjects
    summary = text_of(told.mailbox.mails[subjects.index("This morning: 1 failed")])
    assert "Needs you\n- CRM: 1 failed (Leads)" in summary
    assert "This morning: 1 failed" not in told.turn()
    until_local(told, 11)
    assert "This morning: 1 failed" not in told.turn()
    until_local(told, 8, 1)
    assert told.turn() == ["This morning: 1 failed"]


def test_B4_the_morning_summary_says_what_was_delivered_yesterday_by_flow(told: Told, ada: User) -> None:
    told.settings(ada, chosen={Kind.SUMMARY: frozenset({MAIL}), Kind.FAILED: frozenset({MAIL})})
    crm = told.story.connection("CRM", "/crm")
    told.story.flow("Leads", [told.story.to(crm)])
    with told.story.worker():
        for code in ("W1", "W2"):
            told.story.record(code, status="Attended")
            told.story.until(code, "success")
    failed_for_good(told, "R1")
    tomorrow = local(told) + timedelta(days=1)
    pass_until(told, tomorrow.replace(hour=8, minute=1, second=0))
    told.turn()
    summary = next(text_of(mail) for mail in told.mailbox.mails if str(mail["Subject"]).startswith("This morning"))
    assert "Delivered yesterday\n- Leads: 2\n- All: 2" in summary


def test_B4_what_is_counted_no_further_is_not_said_to_be_all() -> None:
    held = Observed("refuses:connection:1", Kind.REFUSES, 0, MOST + 1, 1, facts={"name": "CRM", "health": "paused"})
    assert letter_of(held, "Acme").paragraphs[0].startswith("more than 10,000 are waiting")
    failed = Observed("failed:connection:1:answer", Kind.FAILED, 0, MOST + 1, 1, facts={"name": "CRM"})
    assert letter_of(failed, "Acme").title == "more than 10,000 failed for good: CRM"
    assert summary_letter(Summary([], MOST, MOST + 1, DeliveredYesterday()), "Acme", 0).title == (
        "This morning: more than 10,000 failed, 10,000 waiting"
    )


def test_B4_more_items_than_are_counted_are_more(told: Told, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(told, "R1", "R2")
    monkeypatch.setattr(observations, "MOST", 1)
    assert post_office.look_at(told.account).waiting == 2


@pytest.mark.parametrize(
    ("number", "compared"),
    [(300, ""), (20, "900% more than on the day before"), (1, "50% fewer than on the day before"), (2, "As many as on the day before")],
)
def test_B4_the_morning_summary_compares_in_percent_as_the_pages_do(number: int, compared: str) -> None:
    delivered = DeliveredYesterday([("Leads", number)], before=2)
    letter = summary_letter(Summary([], 0, 1, delivered), "Acme", 0)
    ((_heading, rows),) = letter.tables
    assert rows[-1] == ("All", compared, str(number))


def test_B4_whoever_made_a_flow_is_told_about_it_until_a_rule_names_others(told: Told, ada: User) -> None:
    eve = told.story.person(name="Eve", email="eve@example.org", role=Role.PLANNER)
    crm = told.story.connection("CRM", "/crm")
    flow = told.story.flow("Leads", [told.story.to(crm)])
    with scope(account=told.story.account):
        Flow.objects.filter(pk=flow).update(created_by=eve.actor)
    failed_for_good(told, "R1")
    told.turn()
    assert {str(mail["To"]) for mail in told.mailbox.mails} == {"ada@example.org", "eve@example.org"}
    with scope(account=told.story.account):
        rule = Rule(frozenset({ada.pk}))
        stored_settings.save_rule(told.story.account, "flow", flow, rule, told.config, by=BY)
        topic = Topic(Kind.FAILED, crm, frozenset({flow}))
        audience = stored_settings.audience_of(told.account, told.config, frozenset())
    assert [each.address for each in audience.recipients(topic)] == ["ada@example.org"]


def test_B4_a_client_certificate_that_ends_soon_is_told_and_a_new_one_ends_it(told: Told, ada: User, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    crm = told.story.connection("CRM", "/crm", secrets={Secret.CLIENT_CERTIFICATE: authority.identity("client", days=10)})
    assert told.turn() == ["A certificate of CRM ends within 14 days"]
    (mail,) = told.mailbox.to("ada@example.org")
    assert f"{HOST}/signal/connections/{crm}/" in text_of(mail)
    assert told.turn() == []
    told.passes(9 * 24 * 60)
    assert told.turn() == ["A certificate of CRM ends within 2 days"]
    told.story.change_connection(crm, secrets={Secret.CLIENT_CERTIFICATE: authority.identity("client", days=300)})
    assert told.turn() == []
    told.passes(2 * 24 * 60)
    assert told.turn() == []
    with scope(account=told.story.account):
        assert not Problem.objects.filter(resolved=None, kind=Kind.ENDS.value).exists()


def test_B4_a_target_that_fails_and_recovers_in_turn_stays_one_problem(told: Told, ada: User) -> None:
    crm = told.story.connection("CRM", "/crm")
    subjects = []
    for _flap in range(6):
        told.story.pause(crm)
        told.passes(2)
        subjects += told.turn()
        told.story.resume(crm)
        subjects += told.turn()
        told.passes(1)
        subjects += told.turn()
    assert subjects == ["CRM is paused", "Resolved: CRM is no longer paused", "CRM is paused"]
    told.passes(6)
    assert told.turn() == ["Resolved: CRM is no longer paused"]


def test_B4_a_rule_names_who_is_told_about_a_connection(told: Told, ada: User) -> None:
    crm = refusing(told, "R1")
    other = told.story.connection("Other", "/other")
    told.story.pause(other)
    bob = told.story.person(Role.VIEWER, name="Bob", email="bob@example.org")
    with scope(account=told.story.account):
        rule = Rule(frozenset({bob.pk}), ("crm-team@example.org",), frozenset({Kind.REFUSES}))
        stored_settings.save_rule(told.story.account, "connection", crm, rule, told.config, by=BY)
    told.passes(2)
    told.turn()
    assert {(address, title) for address, title, _state in told.messages()} == {
        ("bob@example.org", "CRM refuses what we send"),
        ("crm-team@example.org", "CRM refuses what we send"),
        ("ada@example.org", "Other is paused"),
    }


def test_B4_mail_that_cannot_be_sent_is_tried_again_and_none_is_lost(told: Told, ada: User) -> None:
    told.story.pause(told.story.connection("CRM", "/crm"))
    told.passes(2)
    told.mailbox.close()
    assert told.turn() == []
    assert told.messages() == [("ada@example.org", "CRM is paused", "waiting")]
    told.mailbox.reopen()
    assert told.turn() == []  # not due yet
    told.passes(2)
    assert told.turn() == ["CRM is paused"]


def test_B4_after_an_outage_of_the_database_the_next_look_comes_as_soon_as_ever(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look is followed by a pause of many times its duration, but an outage is none."""
    looks: list[int] = []

    def gone_at_first(db: Database) -> set[int]:
        looks.append(len(looks))
        if len(looks) == 1:
            raise OperationalError
        return unreleased_accounts(db)

    monkeypatch.setattr(post_office, "unreleased_accounts", gone_at_first)
    monkeypatch.setattr(post_office, "EVERY", 0.01)
    monkeypatch.setattr(post_office, "REST", 1_000_000)
    stop = threading.Event()
    thread = threading.Thread(target=post_office.care, args=(stop,))
    thread.start()
    try:
        until(lambda: len(looks) == 2)
    finally:
        stop.set()
        thread.join(PATIENCE)


def test_B4_an_address_that_its_server_refuses_is_given_up_and_the_log_says_why(told: Told, ada: User) -> None:
    told.mailbox.refuse("ada@example.org", "550 mailbox full")
    told.story.pause(told.story.connection("CRM", "/crm"))
    for _try in range(8):
        told.passes(61)
        told.turn()
    with scope(account=told.story.account):
        (message,) = Message.objects.all()
    assert (message.tries, message.result) == (5, "The mail server answers 550: mailbox full")
    assert told.messages() == [("ada@example.org", "CRM is paused", "not_sent")]


def test_B4_a_message_has_no_value_of_a_registration_and_no_secret(told: Told, ada: User) -> None:
    """The target repeats values and the key in its answer."""
    told.story.receiver.answer("/crm", Answer(401, "No access for zaphodina@planted.example with key sk-0123456789"))
    crm = told.story.connection("CRM", "/crm")
    told.story.flow("Leads", [told.story.to(crm)])
    with told.story.worker():
        told.story.record("PLNT-77", status="Attended", first="Zaphodina")
        told.story.until("PLNT-77", "queued")
    told.passes(2)
    assert told.turn() == ["CRM refuses what we send"]
    with scope(account=told.story.account):
        stored = [row.body for row in Message.objects.all()] + [row.facts for row in Problem.objects.all()]
    everything = "\n".join([str(mail) + text_of(mail) + html_of(mail) for mail in told.mailbox.mails] + stored)
    for planted in ("zaphodina", "planted.example", "sk-0123456789", "PLNT-77"):
        assert planted.lower() not in everything.lower()


def test_B4_a_mail_has_the_headers_that_stop_it_by_one_click(told: Told, ada: User) -> None:
    told.story.pause(told.story.connection("CRM", "/crm"))
    told.passes(2)
    told.turn()
    (mail,) = told.mailbox.mails
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith(f"<{HOST}/unsubscribe/")
    assert "?=" not in mail["List-Unsubscribe"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
