"""Codes that look like parts of a URL: each page, form and link still belongs to its own record (docs/reference/security.md, A2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import Resolver404, URLPattern, get_resolver, resolve, reverse
from django.urls.converters import IntConverter, SlugConverter
from django_scopes import scope
from tests.addresses import HOSTILE, browsed, decoded, written_on
from tests.confirming import confirms
from tests.receiver import Answer
from tests.story import Story

from heliograph.accounts.models import User
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.registrations import bulk_change
from heliograph.setup.services import event_setup, tags

PLAIN = re.compile(r"[A-Za-z0-9/_~-]*")
"""A path that every browser, proxy and server reads alike, whatever it decodes or normalizes."""


resolved = lru_cache(None)(resolve)
"""The pages have 20,000 links, most of them to the same addresses."""


def with_texts() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and converters of each named URL with a text in its path. (A shortened address has no name: nobody links to it.)"""

    def walk(patterns: list[Any], before: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for each in patterns:
            converters = before | each.pattern.converters
            if not isinstance(each, URLPattern):
                yield from walk(each.url_patterns, converters)
            elif each.name and any(not isinstance(c, (IntConverter, SlugConverter)) for c in converters.values()):
                yield each.name, converters

    yield from walk(get_resolver().url_patterns, {})


@pytest.fixture
def ada(story: Story) -> User:
    cache.clear()
    return story.person(name="Ada", email="ada@example.org")


@pytest.mark.parametrize("code", HOSTILE)
def test_P13_A2_a_text_in_any_address_comes_back_as_it_was_however_the_address_is_read(code: str) -> None:
    tried = 0
    for name, converters in with_texts():
        given = {
            key: 7 if isinstance(c, IntConverter) else "signal" if isinstance(c, SlugConverter) else code for key, c in converters.items()
        }
        address = reverse(name, kwargs=given)
        assert PLAIN.fullmatch(address), (name, address)
        for read in (browsed("/", address).path, decoded(address), decoded(decoded(address)), browsed("/", decoded(address)).path):
            match = resolve(read)
            assert (match.url_name, {k: v for k, v in match.kwargs.items() if k in given}) == (name, given)
        tried += 1
    assert tried > 15


@pytest.mark.parametrize("spelling", ["~2e", "~41", "~", "~2", "~FF", "a~7e", "~25", "a.b", "é"])
def test_P13_A2_a_text_has_one_spelling(spelling: str) -> None:
    """~25 alone is the only correct spelling here, of a percent sign."""
    path = reverse("timeline", args=("SUMMIT", "x")).replace("/x/", f"/{spelling}/")
    if spelling == "~25":
        assert resolve(path).kwargs["code"] == "%"
    else:
        with pytest.raises(Resolver404):
            resolve(path)


def variants(path: str) -> set[str]:
    return {path, path.replace("..", "%2e%2e"), path.replace("..", ".%2E"), path.replace("/..", "%2f.."), path.replace("/..", "/%252e%252e"),
            path.replace("/", "\\").replace("\\", "/", 1), path.replace("/..", "%5c.."), path.replace("..", ".")}  # fmt: skip


def test_P13_A2_addresses_with_dot_segments_are_refused(client: Client, story: Story, ada: User) -> None:
    client.force_login(ada)
    crm = story.connection("CRM", "/crm")
    tried = 0
    for path in (
        f"/signal/sync/SUMMIT/../../connections/{crm}/pause/",
        "/registrations/SUMMIT/../",
        "/registrations/..",
        "/../registrations/",
        "/settings/../registrations/",
    ):
        for spelled in variants(path):
            for ask in (client.get, client.post):
                answer = ask(spelled, follow=True)
                assert answer.status_code == 400, (spelled, answer.status_code)
                tried += 1
    assert tried > 50
    assert story.paused(crm) == (False, "")


def planted(story: Story, codes: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """Makes every possible text hostile. Returns the name of each code, and the page of a job that names them all."""
    evil = "../../x?planted=1&planted=2#planted"
    with story.saving("SUMMIT", "REHEARSAL") as transaction:
        summit = story.events["SUMMIT"]
        kinds = frozenset(TagKind) - {TagKind.REGISTRATION_PROPERTY}
        tag = tags.save_tag(transaction, tags.TagFacts(f"T{evil}", kinds, label=f"T{evil}")).pk
        event_setup.save_type(transaction, summit, event_setup.TypeFacts("a.b", f"Type {evil}", (tag,)))
        event_setup.save_session(transaction, summit, event_setup.SessionFacts("a..b", f"Session {evil}"))
        event_setup.save_question(transaction, summit, event_setup.QuestionFacts("c.d", f"Question {evil}", "select", (evil, "b"), tag))
        event_setup.save_property(transaction, summit, event_setup.PropertyFacts("e.f", f"Property {evil}"))
    crm = story.connection(f"C {evil}", "/crm")
    story.flow(f"F {evil}", [story.to(crm)], statuses=["Attended"])
    mapping = story.mapping(f"M {evil}", {evil: "registration.code"}, required=[evil])
    story.flow(f"G {evil}", [story.to(crm, mapping=mapping)])
    names = {}
    for n, code in enumerate(codes):
        names[code] = f"Person{n:02d}"
        story.record(code, status="Attended", attendee_type="a.b", order_code=evil, profile={"first_name": names[code], "last_name": evil})
    story.receiver.answer("/crm", Answer(422, evil))
    with story.worker():  # every action fails permanently, and is thus in Retry
        story.wait_for(lambda: all(action["sent"] for action in story.actions()), 60)
    job = control.create(bulk_change.KIND, story.account, {"status": "Attended", "total": len(codes)}, by="user:1")
    refused = [{"event": "SUMMIT", "code": code, "status": evil, "reason": bulk_change.LATER} for code in codes]
    with scope(account=story.account):
        Job.objects.filter(pk=job.pk).update(
            state=JobState.DONE, counts={"refused": len(codes)}, result={"refused": refused}, done=len(codes)
        )
    return names, reverse("job", args=(job.pk,))


@pytest.mark.parametrize("apart", [4, pytest.param(1, marks=pytest.mark.trial)])
def test_P13_A2_every_link_and_form_of_every_page_leads_to_its_own_record(client: Client, story: Story, ada: User, apart: int) -> None:
    """Follows all links through all pages, with hostile texts in everything an account can store. apart: of the codes, every so many."""
    codes = HOSTILE[::apart]
    names, job = planted(story, codes)
    client.force_login(ada)
    rows = story.db.all("SELECT code FROM registration WHERE account_id = :a", {"a": story.account})
    assert {code for (code,) in rows} == set(names)
    waiting = [
        "/registrations/",
        job,
        *(reverse(name, args=("SUMMIT", code)) for code in codes for name in ("registration", "timeline", "registration-active")),
    ]
    seen: set[Any] = set()
    told: dict[str, set[str]] = {}
    looked = 0
    while waiting:
        base = waiting.pop()
        at = resolve(base.partition("?")[0])
        answer = client.get(base)
        if answer.status_code in (301, 302):
            address = browsed(base, answer["Location"])
            assert not address.netloc, (base, answer["Location"])
            resolve(address.path)
            continue
        assert answer.status_code == 200, (base, answer.status_code)
        if "html" not in answer["Content-Type"]:
            continue
        text = answer.content.decode()
        if "code" in at.kwargs:
            assert names[at.kwargs["code"]] in text, base
        for tag, place, written in written_on(text):
            if written.startswith(("#", "/static/", "data:image/")) or not written or tag in ("link", "img", "script", "use"):
                continue
            address = browsed(base, written)
            where = (base, tag, place, written)
            if address.netloc or address.scheme:
                assert address.netloc not in ("evil.example", ""), where
                continue
            looked += 1
            assert PLAIN.fullmatch(address.path.replace("/api/v1/openapi.json", "/api/")), where
            assert "planted" not in dict(parse_qsl(address.query, keep_blank_values=True)), where
            assert "planted" not in address.fragment, where
            try:
                match = resolved(address.path)
            except Resolver404:
                pytest.fail(f"leads nowhere: {where}")
            given = {key: value for key, value in match.kwargs.items() if key in ("event", "code")}
            assert given.get("event", "SUMMIT") in story.events, where
            if "code" in given:
                assert given["code"] in names, where
                told.setdefault("job" if base == job else match.url_name, set()).add(given["code"])
                if "code" in at.kwargs:
                    assert given["code"] == at.kwargs["code"], where
            if tag == "a" or place == "hx-get":
                query = dict(parse_qsl(address.query, keep_blank_values=True))
                key = (match.url_name, tuple(sorted(given.items())), "" if "code" in given else tuple(sorted(query)))
                if key not in seen and match.url_name != "account_logout":
                    seen.add(key)
                    waiting.append(address.path + (f"?{address.query}" if address.query else ""))
    assert looked > 5_000 // apart
    visited = {name for name, *_ in seen}
    assert {"retry-item", "connection-rule", "event-details", "questions-edit", "tag", "flow", "mapping"} <= visited
    for name in ("registration", "timeline", "sync-now", "registration-active", "job"):
        assert told[name] == set(names), (name, set(names) - told[name])


def test_P13_A2_sync_now_and_is_active_change_their_own_registration(client: Client, story: Story, ada: User) -> None:
    """The form is posted where a browser resolves its action, and only its own record changes."""
    client.force_login(ada)
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)], statuses=["Attended"])
    for code in HOSTILE:
        story.record(code, status="Attended")
    assert len(story.actions()) == len(HOSTILE)
    for code in HOSTILE:
        before = {action["id"] for action in story.actions()}
        page = reverse("timeline", args=("SUMMIT", code))
        syncs = [w for tag, place, w in written_on(client.get(page).content.decode()) if (tag, place) == ("form", "action") and "sync" in w]
        assert len(syncs) == 1, code
        back = client.post(browsed(page, syncs[0]).path)
        assert browsed(page, back["Location"]).path == page, code
        new = [action["id"] for action in story.actions() if action["id"] not in before]
        assert new == [story.action(code)["id"]], code
    for n, code in enumerate(HOSTILE):
        page = reverse("registration-active", args=("SUMMIT", code))
        answer = confirms(client, page, {"to": "inactive"})
        shown = browsed(page, answer["Location"]).path
        assert client.get(shown).status_code == 200, code
        assert resolve(shown).kwargs["code"] == code
        versions = dict(story.db.all("SELECT code, version FROM registration WHERE account_id = :a", {"a": story.account}))
        assert {each for each, version in versions.items() if version == 2} == set(HOSTILE[: n + 1])
    assert story.paused(crm) == (False, "")


def test_P13_A2_a_query_keeps_a_hostile_text_together(client: Client, story: Story, ada: User) -> None:
    """A search text is kept in the links of its result page: filters, pages, ways back."""
    client.force_login(ada)
    for n in range(60):
        story.record(f"R{n:02d}", profile={"first_name": "&planted=1#planted"})
    lost = "&planted=1#planted"
    kept = 0
    for name in (
        "registrations",
        "feed",
        "retry",
        "flow-list",
        "connection-list",
        "mapping-list",
        "events",
        "tags",
        "users",
        "audit",
        "tag-coverage",
    ):
        page = f"{reverse(name)}?q={quote(lost)}"
        answer = client.get(page)
        assert answer.status_code == 200, name
        for _tag, _place, written in written_on(answer.content.decode()):
            address = browsed(page, written)
            query = dict(parse_qsl(address.query, keep_blank_values=True))
            assert "planted" not in query, (name, written)
            assert "planted" not in address.fragment, (name, written)
            kept += query.get("q") == lost
    assert kept > 5
