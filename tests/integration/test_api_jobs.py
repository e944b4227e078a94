"""Jobs by the REST API: the list, progress and place in the queue, pause, resume and cancel."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django_scopes import scopes_disabled
from tests.api_client import ApiClient
from tests.builders.people import team
from tests.counted import counting_pages

from heliograph.accounts.models import Account, Role, TokenScope
from heliograph.administration.job_operations import OF_SIGNAL, JobOperation
from heliograph.insights import record_export
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.registrations import bulk_change
from heliograph.retry import submit_job
from heliograph.setup.services.account_creation import AccountFacts, create_account

REPLAY = "replay"


@pytest.fixture
def account(db: None) -> int:
    return create_account(AccountFacts("API", "API"), by="test").pk


@pytest.fixture
def api(account: int) -> ApiClient:
    return ApiClient.for_account(account)


def begun(account: int, kind: str = submit_job.KIND, **facts: Any) -> Job:
    return control.create(kind, account, {}, by="user:7", total=10, **facts)


def changed(job: Job, **fields: Any) -> None:
    with scopes_disabled():
        Job.objects.filter(pk=job.pk).update(**fields)


def test_P10_a_job_is_listed_paused_resumed_and_cancelled(account: int, api: ApiClient) -> None:
    job = begun(account)
    document = api.get(f"jobs/{job.pk}")
    assert api.get("jobs")["items"] == [document]
    assert document == {
        "id": str(job.pk),
        "kind": "retry-items",
        "state": "queued",
        "done": 0,
        "total": 10,
        "seconds_left": None,
        "place": {"ahead": 0, "shared": False},
        "counts": {},
        "reasons": {},
        "error": "",
        "operations": ["cancel", "pause", "resume"],
        "by": "user:7",
        "created": document["created"],
        "started": None,
        "finished": None,
    }
    assert document["created"].endswith("Z")
    paused = api.post(f"jobs/{job.pk}/pause", status=200)
    assert (paused["state"], paused["place"]) == ("paused", None)
    assert control.find(job.pk).state == JobState.PAUSED
    assert api.post(f"jobs/{job.pk}/resume", status=200)["state"] == "queued"
    assert api.post(f"jobs/{job.pk}/cancel", status=200)["state"] == "cancelled"
    problem = api.post(f"jobs/{job.pk}/pause", status=409)
    assert problem["type"].endswith(":conflict")
    assert "only a waiting or running job can be paused" in problem["detail"]


def test_P10_progress_and_reasons_are_those_of_the_jobs_page(account: int, api: ApiClient) -> None:
    job = begun(account)
    changed(
        job,
        state=JobState.RUNNING,
        owner="somebody",
        done=4,
        rate=2.0,
        counts={"done": 3, "left": 1},
        result={"reasons": {"It was delivered.": 1}},
    )
    document = api.get(f"jobs/{job.pk}")
    assert (document["done"], document["total"], document["seconds_left"], document["place"]) == (4, 10, 3, None)
    assert (document["counts"], document["reasons"]) == ({"done": 3, "left": 1}, {"It was delivered.": 1})


def test_the_list_is_filtered_and_read_page_by_page(account: int, api: ApiClient) -> None:
    jobs = [begun(account, kind) for kind in (submit_job.KIND, record_export.KIND, submit_job.KIND)]
    control.pause(jobs[0].pk)
    newest_first = [str(job.pk) for job in reversed(jobs)]
    assert [each["id"] for each in api.every("jobs?limit=2")] == newest_first
    assert [each["id"] for each in api.get("jobs?kind=retry-items")["items"]] == [str(jobs[2].pk), str(jobs[0].pk)]
    assert [each["id"] for each in api.get("jobs?state=paused")["items"]] == [str(jobs[0].pk)]
    assert [each["place"] for each in api.get("jobs")["items"]] == [
        {"ahead": 1, "shared": False},
        {"ahead": 0, "shared": False},
        None,
    ]
    assert api.get("jobs?state=over", status=400)["errors"][0]["field"] == "state"


def test_the_list_takes_as_many_statements_for_many_jobs_as_for_one(account: int, api: ApiClient) -> None:
    begun(account)
    api.get("jobs")  # notes the use of the token
    counts = []
    for _time in range(2):
        with counting_pages() as cost:
            api.get("jobs")
        counts.append(cost.statements)
        for _job in range(8):
            begun(account)
    assert counts[0] == counts[1]


def test_a_kind_takes_only_the_operations_of_its_page(account: int, api: ApiClient) -> None:
    export, replay = begun(account, record_export.KIND), begun(account, REPLAY, is_paced=True)
    assert api.get(f"jobs/{export.pk}")["operations"] == ["cancel", "resume"]
    assert api.get(f"jobs/{replay.pk}")["operations"] == []
    for job, operation in ((export, "pause"), (replay, "pause"), (replay, "cancel"), (replay, "resume")):
        assert "do not take this operation" in api.post(f"jobs/{job.pk}/{operation}", status=409)["detail"]
    assert {control.find(job.pk).state for job in (export, replay)} == {JobState.QUEUED}


def test_N4_jobs_of_signal_are_closed_while_signal_is_off_as_their_pages_are(account: int, api: ApiClient, client: Client) -> None:
    own = begun(account, bulk_change.KIND)
    jobs = [begun(account, kind) for kind in sorted(OF_SIGNAL)]
    with scopes_disabled():
        Account.objects.filter(pk=account).update(signal_enabled=False)
    client.force_login(team(Account.objects.get(pk=account))[Role.ADMINISTRATOR])
    assert [each["id"] for each in api.get("jobs")["items"]] == [str(own.pk)]
    for job in jobs:
        assert api.get(f"jobs/{job.pk}", status=403)["type"].endswith(":signal-off")
        for operation in JobOperation:
            assert api.post(f"jobs/{job.pk}/{operation}", status=403)["type"].endswith(":signal-off")
        for url in (f"/jobs/{job.pk}/", f"/signal/retry/jobs/{job.pk}/"):
            page = client.post(url, {})
            assert (page.status_code, b"Signal is off for this account" in page.content) == (403, True)
    assert {control.find(job.pk).state for job in jobs} == {JobState.QUEUED}
    assert api.post(f"jobs/{own.pk}/cancel", status=200)["state"] == "cancelled"


def test_P1_jobs_are_their_accounts_and_a_viewer_only_reads(account: int, api: ApiClient) -> None:
    job = begun(account)
    other = ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)
    assert other.get("jobs")["items"] == []
    other.get(f"jobs/{job.pk}", status=404)
    viewer = ApiClient.for_account(account, tuple(TokenScope), Role.VIEWER)
    assert viewer.get(f"jobs/{job.pk}")["id"] == str(job.pk)
    for operation in ("pause", "resume", "cancel"):
        other.post(f"jobs/{job.pk}/{operation}", status=404)
        viewer.post(f"jobs/{job.pk}/{operation}", status=403)
    assert control.find(job.pk).state == JobState.QUEUED
    for id in ("abc", "0", "-1", "99999999999999999999"):
        api.get(f"jobs/{id}", status=404)
