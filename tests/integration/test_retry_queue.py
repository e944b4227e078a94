"""The Retry Queue with the real engine and a receiver: causes heal, all that match go, a file's rows go again, one item goes as it was."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import fields

from django.test import Client
from tests.builders.people import user
from tests.page_text import text_of
from tests.receiver import Answer, Receiver
from tests.retry_story import RETRY, newest, queued, refused, runs
from tests.story import Story
from tests.waiting import PATIENCE

from heliograph.accounts.models import Account, Role
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.action import OPEN_STATUSES, QueueStatus
from heliograph.domain.delivery.retry_policy import Category
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.retry import downloads, submit_job
from heliograph.retry.cause_groups import CauseGroups
from heliograph.retry.downloads import FailedRows
from heliograph.retry.retry_items import RetryFilter
from heliograph.retry.submit_job import MatchingItems
from heliograph.retry.views.group_rows import became, group_row
from heliograph.setup.services.account_creation import AccountFacts, create_account


def causes(client: Client) -> str:
    """What stands above the list."""
    return text_of(client.get(RETRY).content).partition("All Integrations")[0]


# --- a cause heals (D6, D7)


def test_D6_D7_a_cured_cause_says_what_became_of_it(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    crm = refused(story, receiver, *[f"R{n}" for n in range(7)])
    before = causes(client)
    assert "7 wait for a retry (1 reason)" in before
    assert "Sales CRM answered 401 Unauthorized: invalid_token" in before
    assert re.search(r"7 actions of Leads since \d\d:\d\d", before)
    assert "Submit all 7" in before
    with story.worker():
        story.record("R1", status="Cancelled")  # a newer change of the same person: it is refused too, and supersedes the older
        story.until("R1", "superseded", "queued")
        assert "1 replaced by newer data so far" in causes(client)
        receiver.answer("/crm", Answer(200))
        story.change_connection(crm, secrets={Secret.KEY: "renewed"})
        story.wait_for(lambda: Counter(story.states()) == {"success": 7, "superseded": 1})
    after = causes(client)
    assert "1 reason fixed just now" in after
    assert "7 sent, 1 replaced by newer data" in after
    assert re.search(r"Connection Setup was saved at \d\d:\d\d:\d\d", after)
    assert "Submit all" not in after
    link = re.search(r'href="(/signal/retry/\?cause=[^"#]+)#items"[^>]*>.{0,200}?7 sent', client.get(RETRY).content.decode(), re.DOTALL)
    assert link
    listed = client.get(link[1].replace("&amp;", "&")).content.decode().partition("<tbody>")[2]
    assert listed.count("<tr>") == 8


def test_D6_F7_untagged_runs_heal_into_sent_and_not_selected(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    crm = story.connection("CRM", "/crm")
    story.flow("Waiting list", [story.to(crm)], statuses=["Waiting"])
    story.flow("Attended only", [story.to(crm)], statuses=["Attended"])
    with story.worker():
        story.record_many([{"code": f"R{n}", "status": "Waitlist Hold"} for n in range(3)])
        before = causes(client)
        assert "“Waitlist Hold” of SUMMIT has no tag" in before
        assert "3 registrations, 2 flows" in before
        assert "Check all 6 again" in before
        story.tag_status("Waitlist Hold", "Waiting")
        story.arrived("/crm", 3)
        story.wait_for(lambda: story.states() == ["success"] * 3)
    after = causes(client)
    assert "3 sent, 3 not selected" in after
    assert "It has a tag now." in after
    assert "“Waitlist Hold” of SUMMIT has no tag" in after
    with account_reader(story.account) as reader:
        (healing,) = CauseGroups(reader, most_runs=6).overview().healed
    assert became(healing) == "at least 3 sent, at least 3 not selected"


def test_D6_F7_a_run_that_can_no_longer_be_judged_is_no_cured_cause(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    crm = story.connection("CRM", "/crm")
    gone = story.flow("Gone", [story.to(crm)], statuses=["Waiting"])
    story.flow("Waiting list", [story.to(crm)], statuses=["Waiting"])
    story.record("R1", status="Waitlist Hold")
    story.delete_flow(gone)
    with story.worker():
        story.wait_for(lambda: [item["cause"] for item in story.stuck()] == ["flow_deleted", "untagged"])
        after = causes(client)
        assert "not delivered yet" not in after
        assert "fixed just now" not in after
        story.tag_status("Waitlist Hold", "Waiting")
        story.until("R1", "success")
    after = causes(client)
    assert "1 reason fixed just now" in after
    assert "1 sent" in after
    assert "not delivered yet" not in after


def test_D6_a_cause_of_more_runs_than_are_looked_at_says_at_least(story: Story) -> None:
    story.flow("Waiting list", [story.to(story.connection("CRM", "/crm"))], statuses=["Waiting"])
    story.record_many([{"code": f"R{n}", "status": "Waitlist Hold"} for n in range(3)])
    ada = user(Account.objects.get(pk=story.account))
    with account_reader(story.account) as of:
        (few,) = CauseGroups(of, most_runs=2).groups(OPEN_STATUSES)
        (all_of_them,) = CauseGroups(of, most_runs=4).groups(OPEN_STATUSES)
        words = [group_row(group, of, ada, open=True) for group in (few, all_of_them)]
    assert [row["text"] for row in words] == ["at least 2 registrations of Waiting list", "3 registrations of Waiting list"]
    assert [row["submit"] for row in words] == ["Check all of them again", "Check all 3 again"]


def test_D6_the_causes_refresh_themselves_only_where_they_have_changed(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    refused(story, receiver, "R1")
    headers = {"HX-Request": "true"}
    first = client.get(RETRY, headers=headers)
    assert "R1" not in first.content.decode()
    assert "<form" not in first.content.decode()
    assert client.get(RETRY, headers=headers | {"If-None-Match": first["ETag"]}).status_code == 304
    story.submit(story.action("R1")["key"])
    receiver.answer("/crm", Answer(200))
    with story.worker():
        story.until("R1", "success")
    then = client.get(RETRY, headers=headers | {"If-None-Match": first["ETag"]})
    assert then.status_code == 200
    shown = text_of(b'<main id="main">' + then.content)
    assert "1 sent" in shown
    assert "Recovered, or resubmitted." in shown


# --- all that match (D8, P10)


def test_D8_all_that_match_a_filter_go_and_no_others(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    refused(story, receiver, "R1", "R2", "R3")
    receiver.answer("/other", Answer(500))
    other = story.flow("Others", [story.to(story.connection("Other", "/other"))], statuses=["Cancelled"])
    with story.worker():
        story.record_many([{"code": code, "status": "Cancelled"} for code in ("X1", "X2")])
        queued(story, 7)
    shown = client.get(f"{RETRY}?flow={other}").content.decode()
    assert "All 2 that match" in shown
    receiver.answer("/crm", Answer(200))
    receiver.answer("/other", Answer(200))
    answer = client.post(f"{RETRY}submit/?flow={other}", {"all": "1"}, follow=True)
    assert "2 items are sent next on their connection." in text_of(answer.content)
    with story.worker():
        story.wait_for(lambda: Counter(story.states()) == {"success": 2, "queued": 5})
    assert {a["flow"] for a in story.actions() if a["state"] == "success"} == {other}


def test_D8_a_job_acts_on_what_the_whole_filter_selects() -> None:
    every = RetryFilter((QueueStatus.FAILED,), Category.CONFIG, 1, 2, 3, "ana", "answer~3~401~", 5, untagged=False)
    assert all(getattr(every, field.name) != field.default for field in fields(RetryFilter)), "each is chosen"
    assert RetryFilter.from_json(json.loads(json.dumps(every.as_json()))) == every


KILLED = """
import sys
import django
django.setup()
from heliograph.jobs.registry import JobKind, JobKinds
from heliograph.jobs.runner import Runner
from heliograph.retry.submit_job import KIND, RetryItems

class Stopped(RetryItems):
    def write(self, db, chunk):
        said = super().write(db, chunk)
        if said.done > 500:
            print("written", flush=True)
            sys.stdin.read()  # until it is killed: nothing of this chunk is committed
        return said

Runner(JobKinds([JobKind(KIND, Stopped)])).run_one(int(sys.argv[1]))
"""


def killed_in_its_second_chunk(story: Story, job: Job) -> None:
    """Runs the job in a process of its own, which is killed while its second chunk is written and not yet committed."""
    env = story.facts.env(DJANGO_SETTINGS_MODULE="heliograph.settings")
    with subprocess.Popen([sys.executable, "-c", KILLED, str(job.pk)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert any(line == b"written\n" for line in process.stdout)  # after lines of the log
        process.kill()
    assert process.returncode == -9


def test_D8_P10_many_are_a_job_that_is_killed_and_submits_each_once(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    codes = [f"R{n}" for n in range(700)]
    refused(story, receiver, *codes)
    tried = Counter(request.header("webhook-id") for request in receiver.at("/crm"))
    assert len(tried) == 700
    answer = client.post(f"{RETRY}submit/?status=waiting", {"all": "1"})
    job = newest(submit_job.KIND)
    assert answer["Location"] == f"{RETRY}jobs/{job.pk}/"
    killed_in_its_second_chunk(story, job)
    half = control.find(job.pk)
    assert (half.done, half.state) == (500, JobState.RUNNING)
    control.release(job.pk)
    receiver.answer("/crm", Answer(200))
    with story.worker():
        ended = runs(job)
        assert (ended.state, ended.done, ended.counts) == (JobState.DONE, 700, {"done": 700, "left": 0})
        story.wait_for(lambda: Counter(story.states()) == {"success": 700}, PATIENCE * 4)
    again = Counter(request.header("webhook-id") for request in receiver.at("/crm"))
    assert again == Counter(dict.fromkeys(tried, 2))  # the first attempt, and one by hand
    shown = text_of(client.get(f"{RETRY}jobs/{job.pk}/").content)
    assert "Sent next on their connection 700" in shown


def test_P10_a_job_is_paused_goes_on_and_is_cancelled_on_its_page(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    refused(story, receiver, "R1", "R2")
    with account_reader(story.account) as of:
        job = submit_job.start(MatchingItems.read(of, RetryFilter()), "submit", by="user:1")
    page = f"{RETRY}jobs/{job.pk}/"
    for deed, state, words in (("pause", JobState.PAUSED, "Paused at 0 of 2"), ("again", JobState.QUEUED, "It starts in a moment")):
        if deed == "pause":
            assert 'value="pause"' in client.get(page).content.decode()
        assert client.post(page, {"do": deed}).status_code == 302
        assert control.find(job.pk).state == state
        if words:
            assert words in text_of(client.get(page).content)
    client.post(page, {"do": "stop"})
    assert control.find(job.pk).state == JobState.CANCELLED
    assert [action["state"] for action in story.actions()] == ["queued", "queued"]
    assert {row for (row,) in story.db.all("SELECT rank FROM action")} == {20}


def test_P1_jobs_and_files_are_their_accounts(story: Story, receiver: Receiver, client: Client) -> None:
    refused(story, receiver, "R1")
    with account_reader(story.account) as of:
        job = submit_job.start(MatchingItems.read(of, RetryFilter()), "submit", by="user:1")
        file = runs(downloads.start(FailedRows.read(story.account, RetryFilter()), (), exact=True, by="user:1"))
    paths = (f"jobs/{job.pk}/", f"downloads/{file.pk}/", f"downloads/{file.pk}/failed.csv")
    story.signs_in(client, Role.PLANNER, name="Ada")
    assert [client.get(RETRY + path).status_code for path in paths] == [200, 200, 200]
    story.signs_in(client, Role.VIEWER)
    assert [client.get(RETRY + path).status_code for path in paths] == [200, 403, 403]
    assert client.post(RETRY + paths[0], {"do": "stop"}).status_code == 403
    assert client.post(f"{RETRY}downloads/{file.pk}/submit/").status_code == 403
    assert client.get(f"{RETRY}download/").status_code == 403
    resend = f"{RETRY}{story.action('R1')['key']}/resend/"
    assert client.post(resend).status_code == 403
    stranger = create_account(AccountFacts("OTHER", "Other", "Europe/Vienna"), by="user:1")
    client.force_login(user(stranger, Role.PLANNER))
    assert [client.get(RETRY + path).status_code for path in paths] == [404, 404, 404]
    assert client.post(f"{RETRY}downloads/{file.pk}/submit/").status_code == 404
    assert client.post(resend).status_code == 404
    assert "Nothing that waits for a retry or has failed matches the filters. Change one of them." in text_of(
        client.get(f"{RETRY}download/", follow=True).content
    )
    assert control.find(job.pk).state == JobState.QUEUED
