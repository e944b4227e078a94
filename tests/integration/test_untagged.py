"""What waits for a tag: one number everywhere, apart from failures; what becomes of it at retention, and of what an older release gave up (F7)."""

from __future__ import annotations

import importlib
import re
import threading
from typing import Any, Final

import pytest
from django.db import connection
from django.test import Client
from tests.page_text import text_of
from tests.story import Story
from tests.waiting import until

from heliograph.accounts.models import Role
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.delivery.retry_policy import DAY, MINUTE
from heliograph.domain.flow.flow import Mode
from heliograph.domain.retention import Terms
from heliograph.insights.record_kinds import RecordFilter, RecordKind
from heliograph.insights.records import Records
from heliograph.setup.models import RegistrationProperty
from heliograph.setup.services import event_setup
from heliograph.store import retention_record
from heliograph.store.database import Database
from heliograph.store.installation_state import read_status
from heliograph.store.queue.retention_round import RetentionRound

TERMS: Final = Terms(180, 400)


@pytest.fixture
def waiting(story: Story) -> Story:
    """Three registrations wait for a tag in two flows: five decisions, of which one is made already. Nothing has failed."""
    crm = story.connection("CRM", "/crm")
    story.flow("First", [story.to(crm)], statuses=["Registered"])
    with story.worker():
        story.record("R1", status="New", first="Eva")
        story.flow("Second", [story.to(crm)], statuses=["Registered"])
        for code in ("R2", "R3"):
            story.record(code, status="New", first=code)
        story.record("R4", status="Cancelled", first="Not selected")
        story.record("R5", status="Pre-Registered", first="Sent")
        story.until("R5", "success", "success")
    return story


def summary_of(client: Client, part: str = "") -> str:
    return text_of(client.get(f"/signal/metrics/{part}?period=1h").content).replace(" :", ":")


def listed(story: Story, kind: RecordKind) -> int:
    now = story.db.now() // MINUTE * MINUTE + MINUTE
    with account_reader(story.account) as of:
        return len(Records(of, RecordFilter(kind, now - DAY, now)).page(None, size=1_000).rows)


def test_F7_X2_one_number_says_what_waits_for_a_tag_on_every_page(waiting: Story, client: Client) -> None:
    waiting.signs_in(client, Role.ADMINISTRATOR)
    figures = waiting.figures()
    assert (figures.not_triggered, figures.untagged, figures.not_selected, figures.not_judged, figures.failed) == (7, 5, 2, 0, 0)
    assert listed(waiting, RecordKind.UNTAGGED) == listed(waiting, RecordKind.IN_RETRY_QUEUE) == figures.untagged
    assert listed(waiting, RecordKind.NOT_TRIGGERED) == figures.not_triggered
    assert (
        read_status(waiting.db).as_json()["queue"] | {"untagged": 5, "waiting": 0, "failed": 0}
        == read_status(waiting.db).as_json()["queue"]
    )
    summary = summary_of(client)
    assert "2 not selected, 5 wait for a tag" in summary
    assert "No action failed. 5 wait for a tag: nothing is sent for a status or property without a tag." in summary
    assert "Nothing failed" not in summary
    troubleshooting = summary_of(client, "troubleshooting/")
    assert "0 actions, 5 wait for a tag" in troubleshooting
    assert "What to do, by cause 5 wait for a tag: nothing is sent for a status or property without a tag." in troubleshooting
    retry = text_of(client.get("/signal/retry/").content)
    assert "5 wait for a tag (1 reason)" in retry
    assert "5 items: 5 Retry (5 wait for a tag), 0 Error, 0 Failed, 0 Done" in retry
    flows = text_of(client.get("/signal/flows/").content)
    for flow, n in (("First", 3), ("Second", 2)):
        row = flows[flows.rindex(f"Open {flow}") if f"Open {flow}" in flows else flows.index(flow) :]
        assert f"{n} wait for a tag" in row
    panel = client.get("/signal/connections/").content.decode()
    assert "5 wait for a tag" in " ".join(panel[: panel.index("<main")].split())


def test_D7_what_is_judged_again_is_not_said_to_be_on_its_way_while_a_pause_keeps_it(story: Story, client: Client) -> None:
    story.signs_in(client, Role.PLANNER)
    crm = story.connection("CRM", "/crm")
    story.flow("First", [story.to(crm)], statuses=["Registered"])
    with story.worker():
        story.record("R1", status="New", first="Eva")
        story.pause(crm)
        story.tag_status("New", "Registered")
        story.wait_for(lambda: [item["queue"] for item in story.stuck()] == ["Done"])
    queue = text_of(client.get("/signal/retry/").content)
    assert "1 not delivered yet" in queue
    assert "being sent" not in queue


def test_F7_a_flow_that_is_off_is_named_as_the_cause_once_the_tag_is_there(story: Story, client: Client) -> None:
    """Before it said that the status has no tag, and the button led to a page that had nothing to tag."""
    story.signs_in(client, Role.ADMINISTRATOR)
    crm = story.connection("CRM", "/crm")
    flow = story.flow("First", [story.to(crm)], statuses=["Registered"])
    story.record("R1", status="New", first="Eva")
    story.change_flow(flow, active=False)
    assert "The registration status “New” of SUMMIT has no tag" in text_of(client.get("/signal/retry/").content)
    with story.worker():
        story.tag_status("New", "Registered")
        story.wait_for(lambda: story.db.all("SELECT 1 FROM stuck_run WHERE message <> ''"))
    for page in ("/signal/retry/", "/signal/overview/"):
        response = client.get(page)
        shown = text_of(response.content)
        assert ("“First” is off" if "overview" in page else "The flow is off") in shown, page
        assert "1 waits for its flow" in shown or "overview" in page
        everything = " ".join(response.text.split())  # with the panel
        assert "1 waiting" in everything, page
        assert "1 waits for a tag" not in everything, page
        assert "The flow is off: nothing is sent until you switch it on." in shown, page
        assert "Open the flow" in shown, page
        assert "has no tag" not in shown, page
    (item,) = story.stuck()
    story_page = text_of(client.get(f"/signal/retry/{item['key']}/").content)
    assert "Open the flow" in story_page
    assert "once it has a tag" not in story_page
    with story.worker():
        story.change_flow(flow, active=True)
        story.wait_for(lambda: [item["queue"] for item in story.stuck()] == ["Done"])
    assert "All is well" in text_of(client.get("/signal/overview/").content)


def test_P1_a_viewer_reads_who_can_give_what_waits_its_tag(waiting: Story, client: Client) -> None:
    waiting.signs_in(client, Role.VIEWER)
    summary = summary_of(client)
    assert "A planner or administrator can give it one; then its changes are checked right away." in summary
    assert "Give it one" not in summary


def test_F7_what_waits_for_a_tag_is_never_listed_among_failures(waiting: Story, client: Client) -> None:
    waiting.signs_in(client, Role.ADMINISTRATOR)
    for url in ("/signal/metrics/feed/?result=failure", "/signal/retry/?status=Failed", "/signal/retry/?status=waiting"):
        assert "R1" not in text_of(client.get(url).content), url
    assert "R1" in text_of(client.get("/signal/retry/?status=untagged").content)
    item = text_of(client.get(f"/signal/retry/{waiting.stuck()[0]['key']}/").content)
    assert "It waits for a tag. If you submit it, it is checked again, which does not count as a retry." in item
    assert "It has not failed: once it has a tag, it is checked right away, however long it has waited." in item
    for word in ("Next look", "Next try", "of 3"):
        assert word not in item


def removed(db: Database, account: int, terms: Terms, now: int) -> None:
    """A round, to which an Administrator has agreed."""
    with db.transaction():
        retention_record.agree(db, account, terms, now, "user:1")
    RetentionRound(db, now, threading.Event(), lambda _seconds: False).account(account, terms)


def test_F7_X6_it_ends_with_its_content_and_says_so(waiting: Story, client: Client) -> None:
    """R1 has a newer change, so that its first one's content goes; of R2 and R3 the newest stays, and waits on."""
    waiting.record("R1", first="Newer")
    before = waiting.db.now()
    until(lambda: waiting.db.now() > before + 1000)
    figures = waiting.figures()
    waiting.signs_in(client, Role.ADMINISTRATOR)
    removed(waiting.db, waiting.account, TERMS, waiting.db.now() + TERMS.content * DAY + MINUTE)
    waiting.is_sound()
    ended = [item for item in waiting.stuck() if item["queue"] == "Done"]
    assert {(item["cause"], item["due"]) for item in ended} == {("content_removed", None)}
    after = waiting.figures()
    assert (after.untagged, after.not_judged) == (figures.untagged - len(ended), len(ended))
    assert (after.not_triggered, after.not_selected, after.failed) == (figures.not_triggered, figures.not_selected, 0)
    assert len(ended) >= 1
    item = text_of(client.get(f"/signal/retry/{ended[0]['key']}/").content)
    assert "Too late: its details were removed with age while it waited." in item
    assert "decision was not made" in summary_of(client) or "decisions were not made" in summary_of(client)
    assert "Too late" in text_of(client.get("/signal/retry/?status=Done").content)
    with waiting.worker():
        waiting.tag_status("New", "Registered")
        waiting.wait_for(lambda: {item["queue"] for item in waiting.stuck()} == {"Done"})
        waiting.wait_for(lambda: set(waiting.states()) == {"success"})
    waiting.is_sound()


def test_F7_D7_nothing_waits_for_the_tag_of_a_deleted_property(story: Story) -> None:
    flow = story.flow("VIPs", [story.to(story.connection("CRM", "/crm"))], properties=["VIP"])
    with story.worker():
        story.record("R1", status="New", properties={"PRESS": True}, first="Eva")
        assert [item["cause"] for item in story.stuck()] == ["untagged"]
        story.record("R1", properties={"PRESS": False})
        with story.saving("SUMMIT") as transaction:
            event = story.events["SUMMIT"]
            event_setup.delete_property(transaction, event, RegistrationProperty.objects.get(event=event, code="PRESS").pk)
        story.wait_for(lambda: {item["queue"] for item in story.stuck()} == {"Done"})
    assert {reason for _decision, reason in story.runs(flow)} == {"not selected"}
    story.is_sound()


# ---- what an older release gave up

MIGRATIONS: Final = ("0004_count_undecided_runs", "0005_untagged_runs_wait")


def migrated(name: str) -> Any:
    return importlib.import_module(f"heliograph.store.migrations.{name}")


class Editor:
    """As much of a schema editor as a data migration asks for."""

    connection = connection


def given_up_as_before(story: Story) -> None:
    """The rows and figures that an older release left: items that were looked at three times are Failed, and in no figure of what waits."""
    db = story.db
    with db.transaction():
        db.run("UPDATE stuck_run SET queue = 3, tries = 3, ended = created + 1, message = 'The flow is switched off.'")
        db.run(
            "UPDATE stuck_run SET queue = 2, tries = 2, ended = NULL, due_at = :later WHERE id = (SELECT max(id) FROM stuck_run)",
            {"later": 2**60},
        )
        db.run(
            "INSERT INTO figure_delta (account_id, minute, mode, integration, flow_id, connection_id, category, measure, n)"
            " SELECT r.account_id, r.at / 60000000, r.mode, 1, r.flow_id, 0, 0, 5, -1 FROM run r JOIN stuck_run j ON j.run_id = r.id WHERE j.queue = 3"
        )


def test_F7_what_an_older_release_gave_up_waits_again(waiting: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up_as_before(waiting)
    assert (waiting.figures().untagged, waiting.figures().not_selected) == (1, 6), "as it was said before"
    put_right = migrated(MIGRATIONS[1])
    monkeypatch.setattr(put_right, "CHUNK", 2)
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(put_right.log, "info", lambda event, **facts: said.append({"event": event, **facts}))
    for _ in range(2):  # the second finds nothing to do
        put_right.wait_again(None, Editor)
        figures = waiting.figures()
        assert (figures.untagged, figures.not_selected, figures.in_retry_queue) == (5, 2, 5)
        waiting.is_sound()
    assert said == [{"event": "untagged_runs_put_right", "account": waiting.account, "wait_again": 4, "no_longer_possible": 0}]
    assert {(item["queue"], item["tries"]) for item in waiting.stuck()} == {("Retry", 0)}
    with waiting.worker():
        waiting.wait_for(waiting.has_compared)
        assert {(item["queue"], item["due"]) for item in waiting.stuck()} == {("Retry", None)}
        waiting.tag_status("New", "Registered")
        waiting.wait_for(lambda: {item["queue"] for item in waiting.stuck()} == {"Done"})
    waiting.is_sound()


def test_F7_what_an_older_release_gave_up_and_removed_is_no_longer_possible(waiting: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up_as_before(waiting)
    with waiting.db.transaction():
        waiting.db.run("DELETE FROM change_content WHERE change_id = (SELECT min(change_id) FROM stuck_run)")
        waiting.db.run("UPDATE stuck_run SET cause = 'flow_deleted' WHERE id = (SELECT min(id) + 1 FROM stuck_run)")
    put_right = migrated(MIGRATIONS[1])
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(put_right.log, "info", lambda _event, **facts: said.append(facts))
    put_right.wait_again(None, Editor)
    assert said == [{"account": waiting.account, "wait_again": 2, "no_longer_possible": 2}]
    figures = waiting.figures()
    assert (figures.untagged, figures.not_judged, figures.not_selected) == (3, 2, 2)
    waiting.is_sound()


def test_X2_decisions_that_raised_are_counted_apart_from_what_waits_for_a_tag(waiting: Story) -> None:
    given_up_as_before(waiting)
    with waiting.db.transaction():
        waiting.db.run("UPDATE stuck_run SET cause = 'exception', category = 1 WHERE id >= (SELECT max(id) - 1 FROM stuck_run)")
    apart = migrated(MIGRATIONS[0])
    apart.count_apart(None, Editor)
    migrated(MIGRATIONS[1]).wait_again(None, Editor)
    figures = waiting.figures()
    assert (figures.untagged, figures.undecided, figures.ended, figures.not_selected) == (3, 1, 1, 2)
    waiting.is_sound()
    assert waiting.figures(Mode.TEST).untagged == 0


def test_F7_a_download_of_failed_rows_leaves_out_what_waits_for_a_tag(waiting: Story, client: Client) -> None:
    waiting.signs_in(client, Role.PLANNER)
    for query in ("", "?status=untagged", "?status=Retry"):
        assert not re.search(r"Download \S+ rows?\b", text_of(client.get(f"/signal/retry/{query}").content)), query
        assert client.get(f"/signal/retry/download/{query}").status_code in (302, 404), query
