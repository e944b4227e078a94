"""What is deleted between two readings of one request is a 404, on every page and for every post (accounts/middleware.py)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver
from django_scopes import scope
from tests.asking_pages import asked_about, of
from tests.builders.people import user
from tests.builders.platform_account import EVENT, PlatformAccount, planned
from tests.builders.tag import tag
from tests.databases import DatabaseFacts
from tests.form_client import Forms
from tests.readings import Gaps

from heliograph.accounts.api_tokens import create_token, revoke_token
from heliograph.accounts.models import Role
from heliograph.accounts.people import remove
from heliograph.connections.services.connections import copy_connection, delete_connection
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.services.flows import copy_flow, delete_flow
from heliograph.jobs.models import Job
from heliograph.mappings.services import copy_mapping, delete_mapping
from heliograph.replay import replays
from heliograph.replay.models import Replay
from heliograph.replay.selection import Selection
from heliograph.setup.services import custom_fields, event_setup
from heliograph.setup.services.tags import delete_tag
from heliograph.sources.services.sources import add_source
from heliograph.sources.services.sources import remove as remove_source

type Site = PlatformAccount
_names = itertools.count(1)


@dataclass(frozen=True)
class Thing:
    """Something that can be deleted. part: of the addresses of its pages; its id stands where `{id}` does. act: further arguments, as in the address."""

    part: str
    makes: Callable[[Site, str], int]
    deletes: Callable[[Site, int], object]
    acts: tuple[str, ...] = ()


def makes_replay(site: Site, _name: str) -> int:
    with scope(account=site.pk):
        Job.objects.filter(account=site.pk).delete()  # a flow has one dry run at a time
    return int(replays.create(site.pk, of(site.acme.flow), Selection(until=site.store.now()), by="user:1").pk)


def deletes_replay(site: Site, id: int) -> None:
    with scope(account=site.pk):
        Replay.objects.filter(pk=id).delete()
        Job.objects.filter(account=site.pk).delete()


def of_account(makes: Callable[[Any, Site, str], Any]) -> Callable[[Site, str], int]:
    def made(site: Site, name: str) -> int:
        with site.acme.setting_up() as transaction:
            return int(makes(transaction, site, name).pk)

    return made


def of_event(makes: Callable[[Any, int, str], Any]) -> Callable[[Site, str], int]:
    def made(site: Site, name: str) -> int:
        with site.acme.planning() as transaction:
            return int(makes(transaction, site.acme.event, name).pk)

    return made


def gone_from_account(deletes: Callable[[Any, int], object]) -> Callable[[Site, int], None]:
    def done(site: Site, id: int) -> None:
        with site.acme.setting_up() as transaction:
            deletes(transaction, id)

    return done


def gone_from_event(deletes: Callable[[Any, int, int], object]) -> Callable[[Site, int], None]:
    def done(site: Site, id: int) -> None:
        with site.acme.planning() as transaction:
            deletes(transaction, site.acme.event, id)

    return done


def field(kind: str) -> Callable[[Site, str], int]:
    return of_account(lambda s, _site, name: custom_fields.save_field(s, custom_fields.FieldFacts(kind, name, name, "select", ("A", "B"))))


THINGS: dict[str, Thing] = {
    "connection": Thing(
        "signal/connections/{id}/",
        of_account(lambda s, site, name: copy_connection(s, of(site.acme.connection), name)),
        gone_from_account(delete_connection),
    ),
    "flow": Thing(
        "signal/flows/{id}/", of_account(lambda s, site, name: copy_flow(s, of(site.acme.flow), name=name)), gone_from_account(delete_flow)
    ),
    "recipe-done": Thing(
        "signal/recipes/slack/{id}/",
        of_account(lambda s, site, name: copy_flow(s, of(site.acme.flow), name=name)),
        gone_from_account(delete_flow),
    ),
    "mapping": Thing(
        "signal/mappings/{id}/",
        of_account(lambda s, site, _name: copy_mapping(s, of(site.acme.mapping))),
        gone_from_account(delete_mapping),
    ),
    "source": Thing(
        "settings/sources/{id}/",
        of_account(lambda s, _site, name: add_source(s, "tito", name)),
        gone_from_account(remove_source),
    ),
    "notification rule": Thing(
        "signal/notifications/rules/connection/{id}/",
        of_account(lambda s, site, name: copy_connection(s, of(site.acme.connection), name)),
        gone_from_account(delete_connection),
    ),
    "replay": Thing("signal/replay/{id}/", makes_replay, deletes_replay),
    "tag": Thing(
        "settings/tags/{id}/",
        of_account(lambda s, _site, name: tag(s, name, TagKind.REGISTRATION_STATUS)),
        gone_from_account(delete_tag),
    ),
    "event field": Thing("settings/event-data/{id}/", field("event"), gone_from_account(custom_fields.delete_field)),
    "profile field": Thing("settings/profile-data/{id}/", field("profile"), gone_from_account(custom_fields.delete_field)),
    "user": Thing(
        "settings/users/{id}/",
        lambda site, name: int(user(site.acme.account, Role.PLANNER, name=name).pk),
        lambda site, id: remove(site.acme.account, id, by="user:1"),
        ("link", "sign-out", "second-factor", "off", "on", "remove"),
    ),
    "token": Thing(
        "settings/tokens/{id}/",
        lambda site, name: int(create_token(site.pk, name, by="user:1").row.pk),
        lambda site, id: revoke_token(site.pk, id, by="user:1"),
    ),
    "status": Thing(
        f"events/{EVENT}/custom-statuses/{{id}}/",
        of_event(lambda s, at, name: event_setup.save_status(s, at, event_setup.StatusFacts(name, name, StatusClass.ACCEPTED))),
        gone_from_event(event_setup.delete_status),
    ),
    "attendee type": Thing(
        f"events/{EVENT}/attendee-types/{{id}}/",
        of_event(lambda s, at, name: event_setup.save_type(s, at, event_setup.TypeFacts(name, name))),
        gone_from_event(event_setup.delete_type),
    ),
    "question": Thing(
        f"events/{EVENT}/questions/{{id}}/",
        of_event(lambda s, at, name: event_setup.save_question(s, at, event_setup.QuestionFacts(name, name, "text"))),
        gone_from_event(event_setup.delete_question),
    ),
    "session": Thing(
        f"events/{EVENT}/sessions/{{id}}/",
        of_event(lambda s, at, name: event_setup.save_session(s, at, event_setup.SessionFacts(name, name))),
        gone_from_event(event_setup.delete_session),
    ),
    "property": Thing(
        f"events/{EVENT}/configure/{{id}}/",
        of_event(lambda s, at, name: event_setup.save_property(s, at, event_setup.PropertyFacts(name, name))),
        gone_from_event(event_setup.delete_property),
    ),
}
STAYS = {
    "erase-person": "of a registration, which nobody deletes: its person is erased",
    "erase-told": "as erase-person",
    "erase-confirm": "as erase-person",
    "erase-done": "an erasure stays in the list",
    "erase-resume": "as erase-done",
    "erase-report": "as erase-done",
    "source-call": "a call goes with the content of its time",
    "configuration-applied": "what was applied stays in the list",
    "job": "a job goes with the content of its time, weeks after its page was of use",
    "job-refused": "as a job",
    "retry-job": "as a job",
    "retry-download-ready": "as a job",
    "retry-download-file": "as a job",
    "retry-download-again": "as a job",
    "records-download": "as a job",
    "view-rename": "only its own person sees and deletes it: test_saved_views.py tries one that is gone",
    "view-delete": "as view-rename",
    "why": "of a change, which only retention removes",
    "why-others": "of a change, which only retention removes",
}
"""Pages with a number in their address of which nobody deletes anything."""


def routes() -> Iterator[tuple[str, str]]:
    """(name, route) of all pages; what has no name only leads to one."""

    def walk(patterns: list[Any], before: str) -> Iterator[tuple[str, str]]:
        for each in patterns:
            route = before + str(each.pattern)
            if isinstance(each, URLPattern):
                if each.name:
                    yield each.name, route
            else:
                yield from walk(each.url_patterns, route)

    yield from walk(get_resolver().url_patterns, "")


def pages_of(thing: Thing) -> list[str]:
    """The addresses of its pages, with `{id}`."""
    found = []
    for _name, route in routes():
        filled = route.replace("<segment:event>", EVENT).replace("<int:change>", "1").replace("<slug:recipe>", "slack")
        filled = filled.replace("<slug:scope>", "connection")
        path = re.sub(r"<int:(?!change)\w+>", "{id}", filled)
        if path.startswith(thing.part) and path.count("{id}") == 1:
            found += [path.replace("<slug:act>", act) for act in thing.acts] if "<slug:act>" in path else [path]
    return [f"/{path}" for path in found]


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[Site]:
    with planned(database, asked_about) as made:
        yield made


type Ask = Callable[[int], Callable[[], Any]]
"""Prepares a request about the thing with this id, such as by reading its form."""


def errors_of(site: Site, thing: Thing, prepare: Ask) -> list[str]:
    """Asks once for each gap between two readings, in which the thing is deleted; the answers that are errors."""
    ask = prepare(thing.makes(site, f"T{next(_names)}"))
    with Gaps() as counted:
        ask()
    errors = []
    for at in range(1, counted.n + 1):
        id = thing.makes(site, f"T{next(_names)}")
        ask = prepare(id)
        with Gaps(at, partial(thing.deletes, site, id)):
            answer = ask()
        if answer.status_code >= 500:
            errors.append(f"{answer.request['REQUEST_METHOD']} {answer.request['PATH_INFO']}, in gap {at}: {answer.exc_info[1]!r}")
    return errors


def forms_of(client: Client, path: str) -> list[tuple[str, dict[str, str]]]:
    """(address, fields) of the forms of a page, as they are posted untouched."""
    parser = Forms(path, "")
    parser.feed(client.get(path).content.decode())
    parser.close()
    return [(form.path, form.fields) for form in parser.found.values()]


@pytest.mark.parametrize("name", THINGS)
def test_what_is_deleted_while_a_page_is_made_or_posted_is_a_404_and_no_error(site: Site, name: str) -> None:
    thing, client = THINGS[name], Client(raise_request_exception=False)
    site.signs_in(client)
    errors: list[str] = []
    for page in pages_of(thing):
        errors += errors_of(site, thing, lambda id, page=page: partial(client.get, page.format(id=id)))  # type: ignore[misc]
        id = thing.makes(site, f"T{next(_names)}")
        own = [n for n, (path, _fields) in enumerate(forms_of(client, page.format(id=id))) if f"/{id}/" in path]
        for n in own:

            def posts_form(id: int, page: str = page, n: int = n) -> Callable[[], Any]:
                path, fields = forms_of(client, page.format(id=id))[n]
                return partial(client.post, path, fields)

            errors += errors_of(site, thing, posts_form)
        if not own:
            errors += errors_of(site, thing, lambda id, page=page: partial(client.post, page.format(id=id), {"active": "off"}))  # type: ignore[misc]
    assert not errors, "\n".join(errors)


def test_every_page_of_something_that_can_be_deleted_is_tried() -> None:
    tried = {re.sub(r"\{id\}", "<>", page) for thing in THINGS.values() for page in pages_of(thing)}
    for name, route in routes():
        if "<int:" in route and name not in STAYS:
            path = "/" + re.sub(r"<int:\w+>", "<>", route.replace("<segment:event>", EVENT).replace("<int:change>", "1"))
            assert any(each.startswith(path.partition("<slug")[0]) for each in tried), f"{name}: add it to THINGS"


def test_a_missing_thing_is_a_404_before_anything_else(site: Site, client: Client) -> None:
    site.signs_in(client)
    for thing in THINGS.values():
        for page in pages_of(thing):
            assert client.get(page.format(id=999_999)).status_code in (404, 405), page
            assert client.post(page.format(id=999_999), {"active": "off"}).status_code in (404, 405), page
