"""Removing a source asks what happens to its registrations (S1)."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.test import Client
from django_scopes import scopes_disabled
from tests.api_client import ApiClient
from tests.builders import signal_account
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.sources import source_removal
from heliograph.sources.models import Source
from heliograph.store.source_registrations import count_registrations

LIST = "/settings/sources/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as site:
        yield site


def filled(site: SignalAccount) -> int:
    """A source with four registrations of its own, one of which was changed by hand, one by a file, and one of another source."""
    with scopes_disabled():
        now = site.store.now()
        id = int(
            Source.objects.create(account_id=site.account.pk, name="Shop", platform="webhook", created=now, created_by="x", changed=now).pk
        )
    own, other = f"source:{id}", f"source:{id + 1}"
    site.record(*(person(f"S-{n}", "Mira", "Vale", status="Attended") for n in range(1, 5)), by=own)
    site.record(person("O-1", "Ona", "Other", status="Attended"), by=other)
    site.record({"code": "S-2", "status": "New"}, by="user:7")
    site.record({"code": "S-3", "status": "New"}, by="import:3")
    site.record({"code": "O-1", "status": "New"}, by=own)
    return id


def runs(site: SignalAccount) -> Job:
    with scopes_disabled():
        job = Job.objects.get(kind=source_removal.KIND)
        return Runner(JobKinds([source_removal.kind()])).run_one(job.pk, stop=threading.Event())


def active(site: SignalAccount) -> set[str]:
    rows = site.store.all("SELECT code FROM registration WHERE account_id = :account AND is_active", {"account": site.account.pk})
    return {code for (code,) in rows if code[:2] in ("S-", "O-")}


def actions(site: SignalAccount) -> int:
    return sum(len(site.actions(f"S-{n}")) for n in range(1, 5))


def test_S1_what_came_only_by_a_source_is_told_by_the_history_of_changes(site: SignalAccount) -> None:
    id = filled(site)
    count = count_registrations(site.store, site.account.pk, id)
    assert (count.own, count.by_hand, count.shared, count.is_whole) == (3, 1, 1, True)
    site.record({"code": "S-1", "active": False}, by="user:7")
    assert count_registrations(site.store, site.account.pk, id).own == 2
    assert count_registrations(site.store, site.account.pk + 99, id).own == 0


def test_S1_the_question_says_how_many_and_keeping_them_changes_nothing(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    id = filled(site)
    asked = text_of(client.get(f"{LIST}{id}/remove/").content)
    assert "3 active registrations came only by it; 1 of them was changed by hand since." in asked
    assert "1 more came by it and was changed by another source, a file or a program: it stays in any case." in asked
    assert "If flows act, these send: All" in asked
    assert "You can set each one active again on its page" in asked
    confirms(client, f"{LIST}{id}/remove/", {"then": "keep"})
    with scopes_disabled():
        assert Source.objects.get(pk=id).deleted_at is not None
        assert not Job.objects.filter(kind=source_removal.KIND).exists()
    assert active(site) == {"S-1", "S-2", "S-3", "S-4", "O-1"}


@pytest.mark.parametrize(("then", "acts"), [("inactive", True), ("inactive quietly", False)])
def test_S1_what_came_only_by_it_becomes_inactive_by_a_job(site: SignalAccount, client: Client, then: str, acts: bool) -> None:
    site.signs_in(client)
    id = filled(site)
    before = actions(site)
    confirms(client, f"{LIST}{id}/remove/", {"then": then})
    job = runs(site)
    assert (job.state, job.counts) == (JobState.DONE, {"changed": 3})
    assert active(site) == {"S-3", "O-1"}
    assert (actions(site) > before) is acts
    page = text_of(client.get(f"/jobs/{job.pk}/").content)
    assert "The registrations are inactive" in page
    assert "Those that came only by “Shop”, which was removed." in page
    by = site.store.all("SELECT DISTINCT by FROM change WHERE quiet = :quiet AND version > 1 AND by LIKE 'user:%'", {"quiet": not acts})
    assert (site.administrator.actor,) in [tuple(row) for row in by]


def test_S1_a_flow_that_is_switched_meanwhile_asks_anew(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    id = filled(site)
    page = client.get(f"{LIST}{id}/remove/")
    promise = page.content.decode().partition('name="promise" value="')[2].partition('"')[0]
    with scopes_disabled():
        Source.objects.filter(pk=id).update(name="Shop 2")
    again = client.post(f"{LIST}{id}/remove/", {"promise": promise, "then": "inactive"})
    assert again.status_code == 409
    with scopes_disabled():
        assert Source.objects.get(pk=id).deleted_at is None


def test_S1_a_program_counts_first_and_removes_with_its_registrations(site: SignalAccount) -> None:
    id = filled(site)
    api = ApiClient.for_account(site.account.pk)
    preview = api.get(f"sources/{id}/removal")
    assert (preview["registrations"], preview["changed_by_hand"], preview["shared"], preview["tried"]) == (3, 1, 1, 3)
    assert {"flow": "All", "registrations": 3} in preview["acts"]
    started = api.ask("POST", f"sources/{id}/removal", {"registrations": "inactive quietly"}, status=202)
    assert (started["kind"], started["state"]) == ("set-inactive", "queued")
    runs(site)
    assert active(site) == {"S-3", "O-1"}
    api.get(f"sources/{id}", status=404)
    api.ask("POST", f"sources/{id}/removal", {"registrations": "inactive"}, status=404)
