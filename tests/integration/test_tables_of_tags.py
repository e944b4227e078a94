"""The tables of tags: one form with what is added below, so that no button loses what was typed for another (without script, too)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from tests.builders.platform_account import EVENT, PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.domain.setup.tag_kinds import TagKind

TABLES = {
    "custom-statuses": ("Paid", "Here", {"name": ["Visa pending"]}),
    "attendee-types": ("Guest", "Host", {"name": ["Press"]}),
    "configure": ("VIP guest", "VIP", {"name": ["Needs a visa"]}),
    "questions": ("Dietary needs", "There", {"label": ["Shoe size"], "code": ["shoe"]}),
}
"""Each table of an event: a row, a tag for it, and what is typed to add another."""


@pytest.fixture
def site(database: DatabaseFacts, client: Client) -> Iterator[PlatformAccount]:
    with planned(database) as made:
        for name, kind in (("Here", TagKind.REGISTRATION_STATUS), ("Host", TagKind.ATTENDEE_TYPE), ("There", TagKind.QUESTION)):
            made.tag(name, kind)
        made.signs_in(client)
        yield made


class Table:
    """A table with a row for which a tag was typed and not saved."""

    def __init__(self, site: PlatformAccount, client: Client, here: str) -> None:
        row, tag, self.new = TABLES[here]
        self.client, self.url = client, f"/events/{EVENT}/{here}/"
        self.field = f"tags-{site.ids[row]}"
        self.tag = str(site.acme.tags[tag].pk) if here == "questions" else tag
        self.form = self.shown()

    def shown(self, page: str = "") -> dict[str, list[str]]:
        return posted(page or self.client.get(self.url).content.decode(), "rows")

    def presses(self, do: str, **typed: list[str]) -> tuple[int, str]:
        answer = self.client.post(self.url, self.form | {self.field: [self.tag]} | typed | {"do": [do]}, follow=True)
        return answer.status_code, answer.content.decode()

    def is_there(self) -> bool:
        (name, *_rest) = self.new.values()
        return f">{name[0]}<" in self.client.get(self.url).content.decode()


@pytest.mark.parametrize("here", TABLES)
def test_adding_a_row_keeps_the_tags_that_were_typed_for_others(site: PlatformAccount, client: Client, here: str) -> None:
    table = Table(site, client, here)
    stored = table.form[table.field]
    status, page = table.presses("add", **table.new)
    assert status == 200
    assert table.is_there()
    assert table.shown()[table.field] == stored, "it is added, and nothing else is saved"
    kept = table.shown(page)
    assert kept[table.field] == [table.tag]
    assert "Your changes to tags are not saved yet." in text_of(page.encode())
    assert 'data-unsaved="typed"' in page
    assert not any(kept[name] == text for name, text in table.new.items()), "what was added is not offered once more"
    table.form = kept
    table.presses("save")
    assert table.shown()[table.field] == [table.tag]


@pytest.mark.parametrize("here", TABLES)
def test_adding_a_row_that_is_refused_keeps_them_too(site: PlatformAccount, client: Client, here: str) -> None:
    table = Table(site, client, here)
    status, page = table.presses("add", **{next(iter(table.new)): ["x" * 3_000]})
    assert status == 422
    kept = table.shown(page)
    assert kept[table.field] == [table.tag]
    assert kept[next(iter(table.new))] == ["x" * 3_000]
    assert 'data-unsaved="typed"' in page


@pytest.mark.parametrize("here", TABLES)
def test_saving_the_tags_keeps_what_was_begun_to_add(site: PlatformAccount, client: Client, here: str) -> None:
    table = Table(site, client, here)
    _status, page = table.presses("save", **table.new)
    assert table.shown()[table.field] == [table.tag]
    assert not table.is_there()
    kept = table.shown(page)
    assert all(kept[name] == text for name, text in table.new.items())
    assert "The new row is not added yet." in text_of(page.encode())


@pytest.mark.parametrize("here", TABLES)
def test_the_enter_key_adds_if_somebody_has_begun_to_and_else_saves(site: PlatformAccount, client: Client, here: str) -> None:
    table = Table(site, client, here)
    table.presses("enter")
    assert table.shown()[table.field] == [table.tag]
    table.form = table.shown()
    table.presses("enter", **table.new)
    assert table.is_there()


@pytest.mark.parametrize("here", TABLES)
def test_a_table_in_which_nothing_was_typed_is_not_unsaved(site: PlatformAccount, client: Client, here: str) -> None:
    table = Table(site, client, here)
    page = client.get(table.url).content.decode()
    assert re.search(r'<form class="rows"[^>]* data-unsaved>', page)
    answer = client.post(table.url, table.form | {"do": ["save"]})
    assert answer.status_code == 302
    added = client.post(table.url, table.form | table.new | {"do": ["add"]})
    assert added.status_code == 302, "and it is loaded anew, so that nothing is added twice"
