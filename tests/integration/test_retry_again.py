"""Failed rows as a file that can be sent again exactly, and one item sent as it was or with today's mapping, with the real engine."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import subprocess

import pytest
from django.test import Client
from django_scopes import scopes_disabled
from tests.confirming import confirms
from tests.page_text import text_of
from tests.receiver import Answer, Receiver
from tests.retry_story import NO, RETRY, newest, queued, refused, runs
from tests.story import LEAD, Story
from tests.tables import table_rows

from heliograph.accounts.models import Role
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Mode
from heliograph.domain.spreadsheet_cells import original_cell
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.retry import downloads
from heliograph.retry.models import DownloadedRow

TOKEN = "the-very-secret-token"
FORMULA = '=HYPERLINK("http://evil")'


def file_of(client: Client, page: str) -> list[dict[str, str]]:
    """The rows of a finished download."""
    answer = client.get(f"{page}failed.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def downloaded(client: Client, query: str, **choices: object) -> str:
    """The page of a download, once its job is done."""
    begun = client.post(f"{RETRY}download/{query}", {"column": "registration", **choices})
    assert begun.status_code == 302
    job = runs(newest(downloads.KIND))
    assert job.state == JobState.DONE
    return str(begun["Location"])


# --- the file (D8, P10)


@pytest.mark.parametrize("made_for", ["sheets", "programs"])
def test_D8_failed_rows_are_a_file_with_the_targets_words(story: Story, receiver: Receiver, client: Client, made_for: str) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    receiver_body = json.dumps({"error": FORMULA})
    refused(story, receiver, answer=Answer(422, receiver_body, {"content-type": "application/json"}))
    with story.worker():
        story.record("R1", status="Attended", profile={"first_name": FORMULA, "last_name": "Müller, 山田", "email": "r1@example.org"})
        queued(story, 1)
    asked = client.get(f"{RETRY}download/?status=waiting").content
    assert "Download 1 row" in text_of(asked)
    assert "Waiting, all flows and events" in text_of(asked)
    page = downloaded(client, "?status=waiting", made_for=made_for, column=list(downloads.COLUMNS))
    (row,) = file_of(client, page)
    assert list(row) == list(downloads.COLUMNS)
    mark = "" if made_for == "programs" else "'"
    assert row["name"].startswith(f"{mark}{FORMULA}")
    assert row["target_said"] == f"{mark}{FORMULA}"
    if made_for == "sheets":
        row = {name: original_cell(cell) for name, cell in row.items()}
    assert row["answer"] == receiver_body
    assert {name: row[name] for name in ("registration", "email", "event", "flow", "connection", "status", "category", "http_status")} == {
        "registration": "R1",
        "email": "r1@example.org",
        "event": "SUMMIT",
        "flow": "Leads",
        "connection": "Sales CRM",
        "status": "Retry",
        "category": "General",
        "http_status": "422",
    }
    assert row["webhook_id"] == receiver.at("/crm")[0].header("webhook-id")
    assert row["request_body"] == receiver.at("/crm")[0].body.decode()
    ready = text_of(client.get(page).content)
    assert "Made for " + ("Programs" if made_for == "programs" else "Spreadsheets") in ready
    assert "All 1 are still failed or waiting." in ready


def test_D8_exactly_the_rows_of_the_file_are_sent_again(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    refused(story, receiver, "R1", "R2", "R3")
    page = downloaded(client, "")
    rows = file_of(client, page)
    assert [row["registration"] for row in rows] == ["R1", "R2", "R3"]
    with story.worker():
        story.record("R4", status="Attended")  # fails later, and matches the filter as well
        queued(story, 4)
        receiver.answer("/crm", Answer(200))
        story.submit(story.action("R2")["key"])
        story.until("R2", "success")
        assert "2 of 3 are still failed or waiting; the others are left out." in text_of(client.get(page).content)
        answer = client.post(f"{page}submit/", follow=True)
        assert "2 items are sent next on their connection." in text_of(answer.content)
        story.wait_for(lambda: [story.states(code) for code in ("R1", "R2", "R3")] == [["success"]] * 3)
    assert story.states("R4") == ["queued"]
    sent = [request.json()["code"] for request in receiver.at("/crm")]
    assert sorted(sent) == ["R1", "R1", "R2", "R2", "R3", "R3", "R4"]


def test_P1_a_download_stands_in_the_audit_with_its_filter_and_without_who_was_searched_for(
    story: Story, receiver: Receiver, client: Client
) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    refused(story, receiver, "R1", "R2")
    downloaded(client, "?status=waiting&q=R1", column=["registration", "target_said"])
    (row,) = table_rows(client.get("/settings/audit/?kind=exports").content, "Who", "What", "Setting Before After")
    assert row["What"] == "Downloaded rows of Retry"
    assert "Rows 1" in row["Setting Before After"]
    assert "Waiting, a text in registration or reason, all flows and events" in row["Setting Before After"]
    assert "Columns registration, target said" in row["Setting Before After"]
    assert "R1" not in str(row)


def test_D8_a_file_is_kept_for_a_day(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    refused(story, receiver, "R1")
    page = downloaded(client, "")
    job = newest(downloads.KIND)
    assert downloads.forget_old() == 0
    with scopes_disabled():
        Job.objects.filter(pk=job.pk).update(created=control.now() - downloads.KEPT * 2)
        assert downloads.forget_old() == 1
        assert not DownloadedRow.objects.filter(job=job).exists()
    assert "The file is no longer stored" in text_of(client.get(page).content)
    assert client.get(f"{page}failed.csv").status_code == 404
    assert client.post(f"{page}submit/").status_code == 404


# --- one item


def item_page(client: Client, story: Story, code: str) -> str:
    return client.get(f"{RETRY}{story.action(code)['key']}/").content.decode()


def test_D8_C5_the_curl_command_runs_and_has_no_secret(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    receiver.answer("/in box/$(id)", Answer(500))
    crm = story.connection(
        "CRM", "/hook/T0P-S3CRET", auth="API Key / Token", key_place="header", key_name="X-Api-Key", secrets={Secret.KEY: TOKEN}
    )
    receiver.answer("/hook/T0P-S3CRET", Answer(500))
    story.flow("Leads", [story.to(crm)])
    nasty = 'it\'s $(touch /tmp/x) `id` "quoted" \\ \n@file …'
    with story.worker():
        story.record("R1", status="Attended", profile={"first_name": nasty})
        queued(story, 1)
    page = item_page(client, story, "R1")
    found = re.search(r'id="curl"[^>]*>(.*?)</pre>', page, re.DOTALL)
    assert found
    command = html.unescape(found[1])
    assert TOKEN not in command
    assert "T0P-S3CRET" not in command
    variables = {"SECRET_PATH": "hook/T0P-S3CRET", "SECRET_X_API_KEY": TOKEN}
    for name in variables:
        assert f"${name}" in command
    done = subprocess.run(
        ["/bin/sh", "-c", command], env={"PATH": "/usr/bin:/bin", **variables}, capture_output=True, check=True, timeout=20
    )
    assert done.returncode == 0
    ours, theirs = receiver.at("/hook/T0P-S3CRET")
    assert theirs.body == ours.body
    assert theirs.header("x-api-key") == TOKEN
    assert theirs.header("webhook-id") == ours.header("webhook-id")
    assert theirs.header("content-type") == ours.header("content-type")
    assert theirs.method == ours.method


def test_D8_each_attempt_shows_its_timing(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    refused(story, receiver, "R1", answer=Answer(401, b"no", delay=0.05))
    shown = text_of(item_page(client, story, "R1").encode())
    found = re.search(r"Timing, (\d+) ms (.*?) Response headers", shown)
    assert found
    steps = {name: int(ms) for name, ms in re.findall(r"(Name found|Connected|TLS|First byte|Body) (\d+) ms", found[2])}
    assert steps["First byte"] >= 50
    assert sum(steps.values()) == int(found[1])


def test_D8_an_item_is_sent_as_it_was_for_one_try_and_then_with_todays_mapping(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    refused(story, receiver, "R1")
    story.mapping("Lead", {**LEAD, "state": "registration.status", "first": "=nobody"}, id=story.lead)
    with story.worker():  # the saved mapping makes it due at once (D7)
        story.wait_for(lambda: len(receiver.at("/crm")) == 2)
        queued(story, 1)
        key = story.action("R1")["key"]
        story.mapping("Lead", {**LEAD, "state": "registration.status", "third": "=3"}, id=story.lead)
        story.wait_for(lambda: len(receiver.at("/crm")) == 3)
        queued(story, 1)
        client.post(f"{RETRY}submit/", {"item": key, "back": "item", "how": "today"})
        story.wait_for(lambda: len(receiver.at("/crm")) == 4)
        queued(story, 1)
    bodies = [set(request.json()) for request in receiver.at("/crm")]
    first, second, third, fourth = bodies
    assert "state" not in first
    assert {"state", "first"} <= second
    assert third == fourth == {*LEAD, "state", "third"}


def test_D8_as_it_was_is_the_mapping_of_the_last_attempt(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    refused(story, receiver, "R1", answer=Answer(500))  # General: a saved mapping makes nothing due
    key = story.action("R1")["key"]
    story.mapping("Lead", {"code": "registration.code", "state": "registration.status"}, id=story.lead)
    shown = text_of(item_page(client, story, "R1").encode())
    assert "With today’s mapping 5 fields differ" in shown
    assert "Mapping version 1, which it was sent with last" in shown
    assert "Lead, version 2" in shown
    with story.worker():
        client.post(f"{RETRY}submit/", {"item": key, "back": "item", "how": "was"})
        story.wait_for(lambda: len(receiver.at("/crm")) == 2)
        queued(story, 1)
        receiver.answer("/crm", Answer(200))
        client.post(f"{RETRY}submit/", {"item": key, "back": "item"})
        story.until("R1", "success")
    was, again, today = [request.json() for request in receiver.at("/crm")]
    assert again == was
    assert today == {"code": "R1", "state": "Attended"}
    ids = {request.header("webhook-id") for request in receiver.at("/crm")}
    assert len(ids) == 1  # one action (D1)
    assert "its mapping’s version 1" in text_of(item_page(client, story, "R1").encode())


def test_D1_D8_a_delivered_action_is_sent_again_as_a_new_one_that_names_it(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    crm = story.connection("CRM", "/crm")
    story.flow("Leads", [story.to(crm, does=Does.ADDS)])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
        old = story.action("R1")
        story.mapping("Lead", {"code": "registration.code"}, id=story.lead)
        assert "Resend" in item_page(client, story, "R1")
        for how in ("was", "today"):
            client.post(f"{RETRY}{old['key']}/resend/", {"how": how})
            story.wait_for(lambda: set(story.states("R1")) == {"success"})
    was, again, today = [request.json() for request in receiver.at("/crm")]
    assert again == was
    assert today == {"code": "R1"}
    assert len({request.header("webhook-id") for request in receiver.at("/crm")}) == 3
    assert story.db.all("SELECT repeated_id FROM action ORDER BY id") == [(None,), (old["id"],), (old["id"],)]


def test_D2_D8_what_newer_data_has_overtaken_is_not_sent_again(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
        story.record("R1", status="Cancelled")
        story.until("R1", "success", "success")
    old = story.action("R1", 0)
    answer = client.post(f"{RETRY}{old['key']}/resend/", {"how": "today"}, follow=True)
    assert "Newer data of this registration has been sent there since" in text_of(answer.content)
    assert len(story.actions()) == 2


# --- discarding a whole cause (F3)


def test_F3_D6_all_of_the_other_mode_are_discarded_after_a_question(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    receiver.answer("/crm", NO)
    flow = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record_many([{"code": f"R{n}", "status": "Attended"} for n in range(3)])
        queued(story, 3)
        story.change_flow(flow, mode=Mode.TEST)
        story.submit(*[action["key"] for action in story.actions()])
        story.wait_for(lambda: {action["cause"] for action in story.actions()} == {"flow_mode"})
    page = client.get(RETRY).content.decode()
    link = re.search(r'href="(/signal/retry/discard/\?[^"]+)">Discard all', page)
    assert link
    question = html.unescape(link[1])
    asked = text_of(client.get(question).content)
    assert "Discard all 3 items?" in asked
    assert "the other mode of Leads" in asked
    assert {action["state"] for action in story.actions()} == {"queued"}
    done = confirms(client, question, follow=True)
    assert "3 items are discarded. They are Failed, and are not sent." in text_of(done.content)
    assert {(action["state"], action["cause"]) for action in story.actions()} == {("failed", "discarded")}


def test_B7_a_list_of_what_is_done_offers_nothing_to_submit(story: Story, receiver: Receiver, client: Client) -> None:
    refused(story, receiver, "A-1", answer=Answer(503))
    story.signs_in(client, Role.PLANNER)
    button = "Submit to Retry Queue</button>"
    assert button in client.get(RETRY).content.decode()
    receiver.answer("/crm", Answer(200))
    client.post(f"{RETRY}submit/", {"all": "1"})
    with story.worker():
        story.until("A-1", "success")
    page = client.get(RETRY).content.decode()
    assert "Done" in text_of(page.encode())
    assert button not in page
    assert "data-tick-all" not in page
