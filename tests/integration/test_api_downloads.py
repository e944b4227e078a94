"""Files by the REST API: failed rows of the Retry Queue, and exports of lists of records; made by jobs, as by the pages."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, get_args

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_scopes import scope
from tests.api_client import ApiClient
from tests.receiver import Answer, Receiver
from tests.retry_story import TOKEN, newest, queued, refused, runs
from tests.story import Story
from tests.waiting import PATIENCE

from heliograph.accounts.models import ApiToken, AuditEntry, Role, TokenScope
from heliograph.api.documents.download_documents import Column
from heliograph.domain.connection.secret import Secret
from heliograph.insights import record_export
from heliograph.jobs import control
from heliograph.retry import downloads, submit_job
from heliograph.setup.services.account_creation import AccountFacts, create_account


@pytest.fixture
def api(story: Story) -> ApiClient:
    return ApiClient.for_account(story.account)


def rows_of(api: ApiClient, address: str) -> list[dict[str, str]]:
    """The rows of a file."""
    response = api.send("GET", address)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith("attachment; filename=")
    assert response["RateLimit"]
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def audited(story: Story) -> list[dict[str, Any]]:
    """What the audit says of files, without who began them and which job it is."""
    with scope(account=story.account):
        entries = AuditEntry.objects.filter(kind__in=("failed rows", "record list")).order_by("pk")
        return [{"what": entry.what, "kind": entry.kind, "name": entry.name, "after": entry.after} for entry in entries]


def test_every_column_has_its_name() -> None:
    assert get_args(Column.__value__) == downloads.COLUMNS


def test_D8_P10_failed_rows_are_a_file_whose_rows_go_again(story: Story, receiver: Receiver, api: ApiClient) -> None:
    refused(story, receiver, "R1", "R2")
    made = api.post("retry/downloads", {"status": "waiting", "columns": ["http_status", "registration"]}, status=202, idempotency_key="one")
    assert (
        api.post("retry/downloads", {"status": "waiting", "columns": ["http_status", "registration"]}, status=202, idempotency_key="one")
        == made
    )
    assert (made["form"], made["columns"], made["file"], made["can_submit"]) == ("exact", ["registration", "http_status"], None, 0)
    assert (made["job"]["kind"], made["job"]["total"]) == ("retry-download", 2)
    api.get(f"retry/downloads/{made['id']}/file", status=404)
    api.post(f"retry/downloads/{made['id']}/submit", status=404)
    runs(newest(downloads.KIND))
    ready = api.get(f"retry/downloads/{made['id']}")
    assert (ready["job"]["state"], ready["can_submit"]) == ("done", 2)
    assert rows_of(api, ready["file"]) == [{"registration": code, "http_status": "401"} for code in ("R1", "R2")]
    head = api.send("HEAD", ready["file"])
    assert (head.status_code, head["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert b"".join(head.streaming_content) == b""  # type: ignore[attr-defined]
    with story.worker():
        story.record("R3", status="Attended")
        queued(story, 3)
    job = api.post(f"retry/downloads/{made['id']}/submit", status=202)
    runs(newest(submit_job.KIND))
    assert api.get(f"jobs/{job['id']}")["counts"] == {"done": 2, "left": 0}
    ranks = [rank for (rank,) in story.db.all("SELECT rank FROM action ORDER BY id")]
    assert ranks[0] == ranks[1] != ranks[2]


@contextmanager
def writing() -> Iterator[threading.Event]:
    """Another request writes meanwhile. The event is set to end it; it ends by itself after PATIENCE, which is an error."""
    begun, ended = threading.Event(), threading.Event()
    in_time: list[bool] = []

    def write() -> None:
        with transaction.atomic():
            begun.set()
            in_time.append(ended.wait(PATIENCE / 4))
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(PATIENCE)
    try:
        yield ended
    finally:
        ended.set()
        thread.join()
    assert in_time == [True], "the request has waited for the other one"


def test_rows_are_counted_while_others_write(story: Story, receiver: Receiver, api: ApiClient) -> None:
    """I3, ARCHITECTURE.md, rule 5: what counts rows, and what repeats an answer, waits for no writer, with or without a key."""
    refused(story, receiver, "R1")
    wish = {"status": "Attended", "filters": {}}  # what R1 has
    (cause,) = api.get("retry/causes")["items"]
    started: dict[str, dict[str, str]] = {
        "retry/submit-all": {"status": "waiting"},
        "retry/downloads": {"status": "waiting"},
        "records/changes/export": {},
        "retry/discard-cause?confirmed=true": {"cause": cause["cause"]},
    }
    with scope(account=story.account):
        ApiToken.objects.update(last_used=timezone.now() + timedelta(days=1))  # so that no request notes the use of the token
    answers = {path: api.post(path, body, status=202, idempotency_key="once") for path, body in started.items()}
    for key in ({}, {"idempotency_key": "other"}):
        with writing():
            assert api.post("registrations/set-status", wish, status=409, **key)["type"].endswith(":conflict")
            api.post("retry/downloads", {"status": "waiting", "q": "nobody"}, status=409, **key)
    with writing():
        for path, body in started.items():
            assert api.post(path, body, status=202, idempotency_key="once") == answers[path]
        assert api.post("retry/submit-all", {"q": "R1"}, status=422, idempotency_key="once")["type"].endswith(":key-reused")
        api.get(f"retry/downloads/{answers['retry/downloads']['id']}")


def test_P1_the_audit_of_a_file_does_not_say_for_whom_it_was(story: Story, receiver: Receiver, api: ApiClient) -> None:
    refused(story, receiver, "R1")
    api.post("retry/downloads", {"status": "waiting", "q": "r1", "columns": ["registration"]}, status=202)
    (entry,) = audited(story)
    assert "r1" not in str(entry["after"]).replace("registration", "").lower()


def test_X3_a_list_is_exported(story: Story, receiver: Receiver, api: ApiClient) -> None:
    refused(story, receiver, "R1", "R2")
    made = api.post("records/queued/export?days=2&q=R1", {"form": "exact"}, status=202)
    assert (made["kind"], made["form"], made["file"], made["job"]["kind"]) == ("queued", "exact", None, "export-records")
    api.get(f"exports/{made['id']}/file", status=404)
    runs(newest(record_export.KIND))
    ready = api.get(f"exports/{made['id']}")
    (row,) = rows_of(api, ready["file"])
    assert (row["Registration"], row["HTTP status"], row["webhook-id"]) == ("R1", "401", receiver.at("/crm")[0].header("webhook-id"))
    assert api.post("records/queued/export?facet=created", {}, status=400)["errors"][0]["field"] == "facet"


def test_what_is_empty_or_too_much_is_refused(story: Story, receiver: Receiver, api: ApiClient) -> None:
    problem = api.post("retry/downloads", {"status": "Failed"}, status=409)
    assert problem["detail"] == "Nothing that waits for a retry or has failed matches the filters. Change one of them."
    assert api.post("retry/downloads", {"columns": ["secret"]}, status=400)["errors"][0]["field"] == "columns[0]"
    for _time in range(record_export.MOST_OPEN):
        api.post("records/changes/export", {}, status=202)
    assert api.post("records/changes/export", {}, status=429)["type"].endswith(":too-much-work")


def test_no_file_has_a_secret(story: Story, receiver: Receiver, api: ApiClient) -> None:
    crm = refused(story, receiver, "R1", answer=Answer(401, {"error": TOKEN}, {"content-type": "application/json"}))
    story.change_connection(crm, secrets={Secret.KEY: TOKEN})
    with story.worker():
        story.wait_for(lambda: len(receiver.at("/crm")) == 2)
        queued(story, 1)
    api.post("retry/downloads", {"columns": list(downloads.COLUMNS)}, status=202)
    runs(newest(downloads.KIND))
    file = api.get(f"retry/downloads/{newest(downloads.KIND).pk}")["file"]
    assert TOKEN not in str(rows_of(api, file))


def test_P1_files_are_their_accounts_and_need_a_planner(story: Story, receiver: Receiver, api: ApiClient) -> None:
    crm = refused(story, receiver, "R1")
    download, export = api.post("retry/downloads", {}, status=202)["id"], api.post("records/queued/export", {}, status=202)["id"]
    runs(newest(downloads.KIND))
    runs(newest(record_export.KIND))
    paths = (f"retry/downloads/{download}", f"retry/downloads/{download}/file", f"exports/{export}", f"exports/{export}/file")
    assert [api.send("GET", path).status_code for path in paths] == [200] * 4
    other = ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)
    viewer = ApiClient.for_account(story.account, tuple(TokenScope), Role.VIEWER)
    for path in paths:
        other.get(path, status=404)
        viewer.get(path, status=403)
    other.post(f"retry/downloads/{download}/submit", status=404)
    assert other.post("retry/downloads", {"connection": str(crm)}, status=400)["errors"][0]["field"] == "connection"
    api.get(f"exports/{download}", status=404)  # a job of another kind
    api.get(f"retry/downloads/{export}", status=404)
    assert control.find(int(download)).account_id == story.account
