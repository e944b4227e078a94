"""Who saved what last, on Signal's home: what somebody saved at once is one line (N2)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django_scopes import scope, scopes_disabled
from tests.builders import planted_sources, signal_account
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.story import Story

from heliograph.accounts.audit import Deed
from heliograph.accounts.models import AuditEntry
from heliograph.overview.account_overview import SEARCHED_SAVES
from heliograph.presets.services import preset
from heliograph.recipes.recipe_file import recipe_of
from heliograph.recipes.services import apply_recipe
from heliograph.sources.models import Source

OVERVIEW = "/signal/overview/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        yield made


def changed(site: SignalAccount, kind: str, id: int, name: str, *, by: str = "command", seconds_ago: int = 0) -> None:
    """Writes an audit entry."""
    at = site.store.now() - seconds_ago * 1_000_000
    with scope(account=site.account.pk):
        AuditEntry.objects.create(account=site.account, at=at, by=by, what=Deed.CHANGED, kind=kind, object_id=id, name=name)


def last_changes(client: Client) -> list[str]:
    page = client.get(OVERVIEW).text
    changes = re.search(r'<ol class="changed-last">(.*?)</ol>', page, re.DOTALL)
    assert changes
    rows = re.findall(r"</time>(.*?)</li>", changes[1], re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", "", row)).split()) for row in rows]


def test_N2_what_a_recipe_saves_is_one_line_for_each_kind(story: Story, client: Client) -> None:
    story.signs_in(client)
    with story.saving() as transaction:
        values = preset("slack_text").sample["blanks"]
        applied = apply_recipe(transaction, recipe_of("slack"), values, events=["SUMMIT"])
    assert min(applied.tagged, len(applied.tags)) > 2
    changes = [line.partition(" ")[2] for line in last_changes(client)]
    (statuses,) = [line for line in changes if "registration status" in line]
    assert statuses.endswith(f" and {applied.tagged - 1} more")
    (tags,) = [line for line in changes if line.startswith("added the tag")]
    assert tags.endswith(f" and {len(applied.tags) - 1} more")


def test_N2_what_one_person_saves_at_once_is_one_line_for_each_kind(site: SignalAccount, client: Client) -> None:
    by = f"user:{site.administrator.pk}"
    for number in range(1, 12):
        changed(site, "registration status", number, f"Status {number}", by=by)
    changed(site, "tag", 1, "New", by=by)
    for _save in range(3):
        changed(site, "mapping", 1, "Badge", by=by)
    changed(site, "mapping", 2, "Lead", by=f"user:{site.planner.pk}")
    site.signs_in(client)
    administrator, planner = site.administrator.name, site.planner.name
    assert last_changes(client) == [
        f"{planner} changed the mapping Lead",
        f"{administrator} changed the mapping Badge",
        f"{administrator} changed the tag New",
        f"{administrator} changed the registration status Status 11 and 10 more",
    ]


def test_N2_saves_a_minute_apart_are_two_lines(site: SignalAccount, client: Client) -> None:
    for number, seconds in enumerate((90, 59, 30, 0), 1):
        changed(site, "tag", number, f"Tag {number}", seconds_ago=seconds)
    site.signs_in(client)
    assert [line.partition("changed the ")[2] for line in last_changes(client)] == ["tag Tag 4 and 2 more", "tag Tag 1"]


def test_N2_a_change_of_more_than_is_searched_says_that_there_is_more(site: SignalAccount, client: Client) -> None:
    for number in range(1, SEARCHED_SAVES + 1):
        changed(site, "tag", number, f"Tag {number}")
    site.signs_in(client)
    assert [line.partition("changed the ")[2] for line in last_changes(client)] == [f"tag Tag {SEARCHED_SAVES} … and more"]


def test_N2_a_saved_source_leads_to_its_page_until_it_is_removed(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        id = planted_sources.plant(site.store, site.account.pk)["Works"]
    changed(site, "source", id, "Works")
    site.signs_in(client)
    link = f'<a href="/settings/sources/{id}/">'
    assert link in client.get(OVERVIEW).text.partition('<ol class="changed-last">')[2]
    with scopes_disabled():
        Source.objects.filter(pk=id).update(deleted_at=site.store.now())
    assert link not in client.get(OVERVIEW).text
    assert last_changes(client) == ["The operator changed the source Works"]
