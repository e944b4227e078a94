"""What a flow's filter names goes away: asked first, with the flows' names, and no rule becomes wider (P12, F6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client
from tests.builders.platform_account import EVENT, PlatformAccount, planned
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts.models import Role
from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.flow import FilterRow, Op
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.services.flows import save_flow
from heliograph.setup.services.object_tags import set_tags


@pytest.fixture
def site(database: DatabaseFacts, client: Client) -> Iterator[PlatformAccount]:
    with planned(database) as made:
        made.signs_in(client, Role.ADMINISTRATOR)
        yield made


def filtering(site: PlatformAccount, *rows: FilterRow) -> None:
    """The account's flow, with these filters."""
    flow = site.acme.flow_facts()
    with site.acme.setting_up() as transaction:
        save_flow(transaction, replace(flow, filters=rows), flow.id)
    assert not lacks(site)


def filters(site: PlatformAccount) -> list[tuple[str, ...]]:
    return [row.values for row in site.acme.flow_facts().filters]


def lacks(site: PlatformAccount) -> bool:
    """Whether the flow is incomplete, as decisions see it and as its row says."""
    found = bool(missing(site.acme.flow_facts(), site.acme.config()))
    ((complete,),) = site.store.all("SELECT is_complete FROM flow WHERE id = :id", {"id": site.acme.flow_facts().id})
    assert bool(complete) is not found
    return found


def field_of(site: PlatformAccount, code: str) -> tuple[str, str]:
    """(address of its form, its field in filters) of a custom field."""
    ((id, kind),) = site.store.all("SELECT id, kind FROM custom_field WHERE code = :code AND account_id = :a", {"code": code, "a": site.pk})
    return f"/settings/{kind}-data/{id}/", f"{kind}.custom.{id}"


def asks(client: Client, url: str, **changed: str) -> dict[str, list[str]]:
    """Posts the page's form; the question's form that comes back, which names the flow."""
    form = posted(client.get(url).content.decode(), "form")
    answer = client.post(url, form | {name: [text] for name, text in changed.items()})
    assert answer.status_code == 409
    assert "Leads" in text_of(answer.content)
    return posted(answer.content.decode(), "dialog")


@pytest.mark.parametrize("code", ["region", "shirt"], ids=["event", "profile"])
@pytest.mark.parametrize(
    ("op", "values", "left", "stops"),
    [
        (Op.IS_ANY_OF, 1, (), True),
        (Op.IS_ANY_OF, 2, None, False),
        (Op.IS_NONE_OF, 1, (), True),
        (Op.IS_NONE_OF, 2, (), True),
    ],
)
def test_P12_F6_an_option_that_a_filter_names(
    site: PlatformAccount, client: Client, code: str, op: Op, values: int, left: tuple[str, ...] | None, stops: bool
) -> None:
    url, field = field_of(site, code)
    options = ("North", "South") if code == "region" else ("S", "M")
    filtering(site, FilterRow(field, op, options[:values]))
    again = asks(client, url, options=options[1])
    assert filters(site) == [options[:values]], "nothing is saved before it is asked"
    assert client.post(url, again).status_code == 302
    assert filters(site) == [options[1:values] if left is None else left]
    assert lacks(site) is stops


def test_P12_options_that_no_filter_names_go_without_a_question(site: PlatformAccount, client: Client) -> None:
    url, field = field_of(site, "region")
    filtering(site, FilterRow(field, Op.IS_ANY_OF, ("North",)))
    form = posted(client.get(url).content.decode(), "form")
    assert client.post(url, form | {"options": ["NORTH\nEast"]}).status_code == 302, "filters do not count capitals"
    assert filters(site) == [("North",)]


@pytest.mark.parametrize(("field", "value"), [("code", EVENT), ("name", "Summit")])
@pytest.mark.parametrize("op", [Op.IS_ANY_OF, Op.IS_NONE_OF])
def test_P12_the_code_or_name_of_an_event_that_a_filter_names(
    site: PlatformAccount, client: Client, field: str, value: str, op: Op
) -> None:
    filtering(site, FilterRow(f"event.{field}", op, (value,)))
    again = asks(client, f"/events/{EVENT}/details/", **{field: "FORUM-26"})
    assert filters(site) == [(value,)]
    site.signs_in(client, Role.PLANNER)
    assert client.post(f"/events/{EVENT}/details/", again).status_code == 302
    assert filters(site) == [()]
    assert lacks(site)


@pytest.mark.parametrize("place", ["lists", "filters"])
def test_P12_a_deleted_tag_is_taken_out_of_lists_and_filters_alike(site: PlatformAccount, client: Client, place: str) -> None:
    tag, other = (site.tag(name, TagKind.REGISTRATION_STATUS, TagKind.EVENT).pk for name in ("Gone", "Stays"))
    flow = site.acme.flow_facts()
    named = (
        {"statuses": (tag, other)} if place == "lists" else {"filters": (FilterRow("event.tags", Op.IS_ANY_OF, (str(tag), str(other))),)}
    )
    with site.acme.setting_up() as transaction:
        set_tags(transaction, TagKind.REGISTRATION_STATUS, site.acme.status("New"), [other])
        save_flow(transaction, replace(flow, **named), flow.id)
    for id, stops in ((tag, False), (other, True)):
        asked = client.get(f"/settings/tags/{id}/delete/")
        said = text_of(asked.content)
        assert "Leads" in said
        assert ("becomes incomplete" in said) is stops
        assert confirms(client, f"/settings/tags/{id}/delete/", {}).status_code == 302
        assert lacks(site) is stops


def test_P12_a_tag_that_a_filter_kept_out_stops_the_flow(site: PlatformAccount, client: Client) -> None:
    tag, other = (site.tag(name, TagKind.EVENT).pk for name in ("Gone", "Stays"))
    filtering(site, FilterRow("event.tags", Op.IS_NONE_OF, (str(tag), str(other))))
    assert confirms(client, f"/settings/tags/{tag}/delete/", {}).status_code == 302
    assert filters(site) == [()]
    assert lacks(site)


def test_P2_F6_codes_of_events_differ_as_filters_compare_them(site: PlatformAccount, client: Client) -> None:
    form = posted(client.get("/events/add/").content.decode(), "form") | {"name": ["Again"]}
    refused = client.post("/events/add/", form | {"code": [EVENT.lower()]})
    assert refused.status_code == 422
    assert f"The event {EVENT} has this code already. Capitals do not count." in refused.content.decode()
    assert client.post("/events/add/", form | {"code": ["Gala-26"]}).status_code == 302
    assert (
        confirms(client, f"/events/{EVENT}/copy/", {"code": ["GALA-26"], "name": ["Copy"], "start": [""], "end": [""]}).status_code == 422
    )
    filtering(site, FilterRow("event.code", Op.IS_ANY_OF, ("gala-26",)))
    details = posted(client.get("/events/Gala-26/details/").content.decode(), "form")
    assert client.post("/events/Gala-26/details/", details | {"code": ["GALA-26"]}).status_code == 302, (
        "the same to filters: nothing to ask"
    )
    flow = f"/signal/flows/{site.acme.flow_facts().id}/"
    edited = posted(client.get(flow).content.decode(), "form") | {"f0-values": ["gAla-26"]}
    assert client.post(flow, edited).status_code == 302
    assert [value.upper() for value in filters(site)[0]] == ["GALA-26"], "typed in any case, it is chosen"
