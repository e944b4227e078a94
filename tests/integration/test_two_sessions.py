"""P14: two people have one page open. Whoever saves last is told what the other made of it, keeps what was typed, and chooses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import Resolver404, resolve
from tests.builders.platform_account import EVENT, PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.readings import Readings

from heliograph.accounts import kept_form
from heliograph.accounts.models import Role
from heliograph.accounts.vault import vault
from heliograph.connections.services.connections import connection_row
from heliograph.domain.connection.secret import Secret
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.store.secrets import load_secrets

type Post = dict[str, list[str]]


@dataclass(frozen=True)
class Page:
    """A page that saves. form: the class of its form; field: one that both change; other: one that one of them changes alone, with its new value."""

    url: Callable[[PlatformAccount], str]
    form: str
    field: str
    theirs: str
    mine: str
    other: tuple[str, str] | None = None


def _id(site: PlatformAccount, table: str, where: str) -> int:
    ((id,),) = site.store.all(f"SELECT id FROM {table} WHERE account_id = :a AND {where}", {"a": site.pk})
    return int(id)


def _made(row: Any) -> int:
    return int(row.pk)


PAGES: dict[str, Page] = {
    "tag": Page(lambda site: f"/settings/tags/{site.acme.tags['VIP'].pk}/", "form", "label", "Their VIPs", "My VIPs", ("name", "vip2")),
    "event field": Page(
        lambda site: f"/settings/event-data/{_id(site, 'custom_field', "code = 'region'")}/",
        "form",
        "label",
        "Their Region",
        "My Region",
        ("options", "North\r\nSouth\r\nEast"),
    ),
    "profile field": Page(
        lambda site: f"/settings/profile-data/{_id(site, 'custom_field', "code = 'shirt'")}/",
        "form",
        "label",
        "Their Shirt",
        "My Shirt",
        ("code", "shirt2"),
    ),
    "account": Page(lambda _site: "/settings/account/", "form", "name", "Their name", "My name", ("timezone", "Europe/Rome")),
    "user": Page(
        lambda site: f"/settings/users/{site.people[Role.VIEWER].pk}/",
        "form",
        "name",
        "Their name",
        "My name",
        ("role", Role.PLANNER.value),
    ),
    "oneself": Page(lambda _site: "/accounts/me/", "form", "name", "Their name", "My name"),
    "custom status": Page(
        lambda site: f"/events/{EVENT}/custom-statuses/{site.ids['Paid']}/", "form", "name", "Their Paid", "My Paid", ("cls", "Pending")
    ),
    "attendee type": Page(
        lambda site: f"/events/{EVENT}/attendee-types/{site.ids['Guest']}/", "form", "name", "Their Guest", "My Guest", ("tags", "Speaker")
    ),
    "question": Page(
        lambda site: f"/events/{EVENT}/questions/{site.ids['Dietary needs']}/", "form", "label", "Their diet", "My diet", ("tag", "")
    ),
    "session": Page(
        lambda site: f"/events/{EVENT}/sessions/{site.ids['KEYNOTE']}/",
        "form",
        "name",
        "Their keynote",
        "My keynote",
        ("end", "2026-03-01T18:00"),
    ),
    "property": Page(
        lambda site: f"/events/{EVENT}/configure/{site.ids['VIP guest']}/", "form", "name", "Their VIP", "My VIP", ("tags", "VIP")
    ),
    "event": Page(lambda _site: f"/events/{EVENT}/details/", "form", "name", "Their Summit", "My Summit", ("location", "Rome")),
    "registration": Page(
        lambda _site: f"/registrations/{EVENT}/S-1/", "form", "profile.first_name", "Theirs", "Mine", ("profile.last_name", "Lovelace")
    ),
    "registration statuses": Page(
        lambda _site: "/settings/registration-statuses/", "rows", "tags-1", "Attended", "Registered; Attended", ("tags-2", "Attended")
    ),
    "session statuses": Page(
        lambda _site: "/settings/session-registration-statuses/", "rows", "tags-1", "Opened", "Opened; Closed", ("tags-2", "Opened")
    ),
    "event statuses": Page(lambda _site: "/settings/event-statuses/", "rows", "tags-1", "Opened", "Opened; Closed", ("tags-2", "Opened")),
    "tags of types": Page(
        lambda _site: f"/events/{EVENT}/attendee-types/", "rows", "tags-{Guest}", "Speaker", "Speaker; Host", ("tags-{Speaker}", "")
    ),
    "tags of questions": Page(
        lambda _site: f"/events/{EVENT}/questions/", "rows", "tags-{Day of arrival}", "{Here}", "{There}", ("tags-{Dietary needs}", "")
    ),
    "connection": Page(
        lambda site: f"/signal/connections/{_made(site.acme.connection)}/",
        "form",
        "url",
        "https://crm.example.com/theirs",
        "https://crm.example.com/mine",
        ("rate", "60"),
    ),
    "flow": Page(lambda site: f"/signal/flows/{_made(site.acme.flow)}/", "form", "name", "Their flow", "My flow"),
    "mapping": Page(lambda site: f"/signal/mappings/{_made(site.acme.mapping)}/", "map-form", "name", "Their mapping", "My mapping"),
}


class TwoPeople:
    """Two Administrators who have a page open at once."""

    def __init__(self, site: PlatformAccount, page: Page) -> None:
        self.site, self.page = site, page
        self.url = page.url(site)
        self.she, self.he = Client(), Client()
        for client in (self.she, self.he):
            client.force_login(site.people[Role.ADMINISTRATOR])

    def named(self, text: str) -> str:
        """With the ids that it names."""
        return re.sub(r"\{([^}]+)\}", lambda found: str(self.site.ids.get(found[1]) or self.site.acme.tags[found[1]].pk), text)

    def form(self, client: Client) -> Post:
        return posted(client.get(self.url).content.decode(), self.page.form)

    def saves(self, client: Client, form: Post, name: str, text: str) -> Any:
        return client.post(self.url, form | {self.named(name): [self.named(text)]})

    def stored(self, name: str) -> str:
        """What the page shows now, of a field."""
        return ";".join(self.form(self.she).get(self.named(name), []))


def what_can_be_chosen(site: PlatformAccount) -> None:
    """Tags of every kind, and a registration."""
    for name, kind in (
        ("Attended", TagKind.REGISTRATION_STATUS),
        ("Host", TagKind.ATTENDEE_TYPE),
        ("Here", TagKind.QUESTION),
        ("There", TagKind.QUESTION),
    ):
        site.tag(name, kind)
    for name in ("Opened", "Closed"):
        site.tag(name, TagKind.SESSION_STATUS, TagKind.EVENT_STATUS)
    site.record("S-1", profile={"first_name": "Ada"})


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database, what_can_be_chosen) as made:
        yield made


@pytest.mark.parametrize("name", PAGES)
def test_P14_what_both_changed_is_asked_about_and_nothing_is_lost(site: PlatformAccount, name: str) -> None:
    of = TwoPeople(site, PAGES[name])
    field, theirs, mine = of.page.field, of.named(of.page.theirs), of.named(of.page.mine)
    hers, his = of.form(of.she), of.form(of.he)
    assert of.saves(of.she, hers, field, theirs).status_code == 302
    stored = of.stored(field)
    refused = of.saves(of.he, his, field, mine)
    assert refused.status_code in (409, 422)
    page = refused.content.decode()
    assert of.stored(field) == stored
    again = posted(page, of.page.form) or posted(page, "conflict")
    assert mine in ";".join(again.get(of.named(field), again.get(f"mine-{field}", [mine if mine in page else ""])))
    if not field.startswith("tags"):
        assert theirs in page
    if 'name="over"' in page:  # the button of a flow
        again |= {"over": [re.search(r'name="over" value="(\d+)"', page)[1]]}
    if of.page.form == "map-form":
        again |= {"do": ["save"]}
    if name == "registration":
        again |= {f"pick-{field}": ["mine"]}
    assert of.he.post(of.url, again).status_code == 302
    assert of.stored(field) != stored


@pytest.mark.parametrize("name", PAGES)
def test_P14_a_save_that_comes_between_reading_and_saving_is_not_overwritten(site: PlatformAccount, name: str) -> None:
    of = TwoPeople(site, PAGES[name])
    field = of.page.field
    hers = of.form(of.she)
    first = hers[of.named(field)]
    with Readings() as counted:
        assert of.saves(of.she, hers, field, of.page.theirs).status_code == 302
    assert counted.n
    for at in sorted({max(1, counted.n + ahead) for ahead in range(-5, 1)}):
        hers = his = of.form(of.he)  # both see the same
        saved: list[int] = []

        def she_saves(hers: Post = hers, saved: list[int] = saved) -> None:
            saved.append(of.she.post(of.url, hers | {of.named(field): first}).status_code)

        with Readings(at, she_saves):
            refused = of.saves(of.he, his, field, of.page.mine)
        assert saved == [302], at
        assert refused.status_code in (409, 422), at
        now = of.form(of.she)
        assert sorted(now[of.named(field)]) == sorted(first), at
        assert of.saves(of.she, now, field, of.page.theirs).status_code == 302


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.other])
def test_P14_what_only_one_of_them_changed_stays(site: PlatformAccount, name: str) -> None:
    of = TwoPeople(site, PAGES[name])
    assert of.page.other
    other, text = of.page.other
    hers, his = of.form(of.she), of.form(of.he)
    before = of.stored(other)
    assert of.saves(of.she, hers, other, text).status_code == 302
    assert of.stored(other) != before
    theirs = of.stored(other)
    assert of.saves(of.he, his, of.page.field, of.page.mine).status_code == 302
    assert of.stored(other) == theirs
    assert of.stored(of.page.field) != ";".join(his.get(of.named(of.page.field), []))


@pytest.mark.parametrize("name", PAGES)
def test_what_was_sent_after_the_session_ended_is_shown_and_not_saved(site: PlatformAccount, name: str) -> None:
    of = TwoPeople(site, PAGES[name])
    field, mine = of.named(of.page.field), of.named(of.page.mine)
    form, stored = of.form(of.he), of.stored(of.page.field)
    of.he.get(of.url)
    cache.clear()  # the forms that are kept for a user in a minute are counted
    del of.he.cookies["heliograph_session"]
    assert of.saves(of.he, form, field, mine).status_code == 302
    of.he.force_login(site.people[Role.ADMINISTRATOR])
    button = posted(of.he.get(of.url).content.decode(), "dialog") | {"do": ["show"]}
    shown = of.he.post(of.url, button)
    assert shown.status_code in (200, 422)
    assert of.stored(of.page.field) == stored
    again = posted(shown.content.decode(), of.page.form)
    assert ";".join(again[field]) == mine
    assert shown.content.decode().count("when your session ended") == 1
    assert kept_form.AGAIN not in again
    if of.page.form == "map-form":
        again |= {"do": ["save"]}
    assert of.he.post(of.url, again).status_code == 302
    assert sorted(of.stored(of.page.field).split("; ")) == sorted(mine.split("; "))


def test_P14_C5_secrets_that_both_typed_are_asked_about(site: PlatformAccount) -> None:
    of = TwoPeople(site, PAGES["connection"])
    id = _made(site.acme.connection)
    hers, his = of.form(of.she), of.form(of.he)

    def password() -> str:
        with site.acme.setting_up() as transaction:
            return load_secrets(transaction.db, vault(), site.pk, "connection", [id])[id][Secret.PASSWORD]

    assert of.saves(of.she, hers, "password", "of hers").status_code == 302
    refused = of.saves(of.he, his, "password", "of his")
    assert refused.status_code == 422
    assert "of his" not in refused.content.decode()
    assert password() == "of hers"
    again = posted(refused.content.decode(), "form")
    assert of.he.post(of.url, again).status_code == 302  # what was typed waits; nobody types it twice
    assert password() == "of his"


def test_P14_a_response_rule_that_both_changed_is_asked_about(site: PlatformAccount) -> None:
    page = Page(lambda site: f"/signal/connections/{_made(site.acme.connection)}/rule/", "rule-editor", "", "", "")
    of = TwoPeople(site, page)
    form = posted(of.she.post(of.url, of.form(of.she) | {"do": ["add"]}).content.decode(), page.form)
    ruled = form | {"c0-0-values": ["200"], "c0-says": ["Theirs"], "do": ["save"]}
    assert of.she.post(of.url, ruled).status_code == 302
    refused = of.he.post(of.url, ruled | {"c0-says": ["Mine"]})
    assert refused.status_code == 422
    assert "Theirs" in refused.content.decode()
    assert connection_row_of(site).body["rule"][0]["says"] == "Theirs"
    again = posted(refused.content.decode(), page.form) | {"do": ["save"]}
    assert again["c0-says"] == ["Mine"]
    assert of.he.post(of.url, again).status_code == 302
    assert connection_row_of(site).body["rule"][0]["says"] == "Mine"


def connection_row_of(site: PlatformAccount) -> Any:
    with site.acme.setting_up():
        return connection_row(_made(site.acme.connection))


class _PostForms(HTMLParser):
    """Forms that are posted: the names of their fields, and whether one shows a value that can be changed; and the page's links."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[set[str], list[str]]] = []
        self.links: set[str] = set()
        self._form: tuple[set[str], list[str]] | None = None
        self._name = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.add(given.get("href", ""))
        if tag == "form" and given.get("method") == "post":
            self._form = (set(), [])
            self.found.append(self._form)
        if self._form is None or not (name := given.get("name", "")):
            return
        self._form[0].add(name)
        kind = given.get("type", "text")
        if tag == "input" and kind not in ("hidden", "checkbox", "radio", "submit") and given.get("value"):
            self._form[1].append(name)
        self._name = name if tag == "textarea" else ""

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._name and data.strip():
            self._form[1].append(self._name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if tag == "textarea":
            self._name = ""


NEW = {
    "connection-copy": "a new thing",
    "connection-release": "a rate for once",
    "event-copy": "a new thing",
    "event-add": "a new thing",
    "flow-copy": "a new thing",
    "flow-new": "a new thing",
    "mapping-new": "a new thing",
    "connection-add": "a new thing",
    "registration-add": "a new thing",
    "tags": "a new thing",
    "recipe": "new things",
    "recipe-done": "a new registration",
    "source-add": "a new thing",
    "user-invite": "a new thing",
    "api-token-new": "a new thing",
    "event-data": "a new thing",
    "profile-data": "a new thing",
    "tag-coverage": "gives tags to what has none",
}
"""Pages whose forms overwrite nothing, and why."""


def test_P14_every_page_that_shows_what_can_be_changed_knows_what_it_showed(site: PlatformAccount) -> None:
    client = Client()
    client.force_login(site.people[Role.ADMINISTRATOR])
    waiting = [
        "/events/",
        "/registrations/",
        "/settings/account/",
        "/signal/flows/",
        "/signal/connections/",
        "/signal/mappings/",
        "/accounts/me/",
    ]
    waiting += [page.url(site) for page in PAGES.values()]
    waiting += [f"/signal/connections/{_made(site.acme.connection)}/rule/"]
    seen: set[str] = set()
    opened = Counter[str]()
    asked: set[str] = set()
    while waiting:
        url = urlsplit(waiting.pop()).path
        if url in seen:
            continue
        seen.add(url)
        try:
            route = resolve(url).url_name or ""
        except Resolver404:
            continue
        if opened[route] >= 3 or route == "account_logout":
            continue
        opened[route] += 1
        answer = client.get(url)
        if answer.status_code != 200 or not answer.get("Content-Type", "").startswith("text/html"):
            continue
        page = _PostForms()
        page.feed(answer.content.decode())
        waiting += [link for link in page.links if link.startswith("/")]
        for names, shown in page.found:
            if shown and route not in NEW:
                asked.add(route)
                assert any(name in ("opened", "number", "version") or name.startswith("was-") for name in names), (url, shown)
    assert len(asked) >= 15, asked
