"""A list asks the database as often for many rows as for one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django_scopes import scopes_disabled
from tests.builders import deeds_account
from tests.counted import counting_pages
from tests.databases import DatabaseFacts

from heliograph.domain.source.source_states import CallState
from heliograph.jobs.models import Job
from heliograph.replay.models import Replay
from heliograph.sources.models import CallKind, Source, SourceCall


def copied(row: Model, **changes: Any) -> Any:
    """Another row like this one."""
    row.pk = None
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


def statements(browser: Client, path: str) -> int:
    """How often a page asks the database."""
    browser.get(path)
    with counting_pages() as cost:
        assert browser.get(path).status_code == 200
    return cost.statements


@pytest.mark.django_db(transaction=True)
def test_Y1_cancelled_replays_among_the_earlier_ones(database: DatabaseFacts) -> None:
    account = deeds_account.put(database)
    with scopes_disabled():
        row = Replay.objects.get(pk=account.ids["checked_replay"])
        send = copied(Job.objects.get(pk=row.check_job), parameters={"replay": row.pk, "total": 1})
        copied(row, send_job=send.pk, started=row.created, stopped=row.created)
    one = statements(account.browser, "/signal/replay/")
    with scopes_disabled():
        for _ in range(3):
            copied(row)
    assert statements(account.browser, "/signal/replay/") == one


@pytest.mark.django_db(transaction=True)
def test_S9_watched_folders_of_the_ledger(database: DatabaseFacts) -> None:
    account = deeds_account.put(database)

    def reads_of_files() -> int:
        account.browser.get("/settings/sources/ledger/")
        with counting_pages() as cost:
            page = account.browser.get("/settings/sources/ledger/").content.decode()
        assert page.count("“guests.csv”") == files
        return sum(f'"source_call"."kind" = {CallKind.FILE.value}' in text or '"source_call"."id" IN' in text for text in cost.texts)

    with scopes_disabled():
        folder = Source.objects.get(pk=account.ids["folder_source"])
        facts = {"account_id": account.account, "at": folder.changed, "kind": CallKind.FILE, "state": CallState.RECORDED}
        file = SourceCall.objects.create(source=folder, headers=json.dumps({"file": "guests.csv"}), **facts)
    files = 1
    one = reads_of_files()
    for number in range(3):
        with scopes_disabled():
            copied(file, source=copied(folder, name=f"Folder {number}", path=f"folder-{number}"))
        files += 1
    assert reads_of_files() == one
