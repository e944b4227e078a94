"""A save that makes a flow take more live changes asks first, with what it would have taken of last week's (F2)."""

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
from heliograph.domain.flow.flow import FilterRow, Flow, Mode, Op, Watch
from heliograph.flows.services.flows import save_flow


@pytest.fixture
def site(database: DatabaseFacts, client: Client) -> Iterator[PlatformAccount]:
    with planned(database) as made:
        made.signs_in(client, Role.ADMINISTRATOR)
        for n in range(3):
            made.record(f"S-{n}", profile={"first_name": "Ada", "country": "AT" if n else "DE"})
        yield made


def flow_of(site: PlatformAccount, **parts: object) -> Flow:
    """The account's flow, saved with these parts."""
    with site.acme.setting_up() as transaction:
        save_flow(transaction, replace(site.acme.flow_facts(), **parts), site.acme.flow_facts().id, confirmed=True)
    return site.acme.flow_facts()


def saves(client: Client, flow: Flow, **changed: str | None) -> tuple[int, str, dict[str, list[str]]]:
    """Posts the flow's form, without the fields that are None: (status, text of the answer, the question's form)."""
    url = f"/signal/flows/{flow.id}/"
    form = posted(client.get(url).content.decode(), "form")
    for name, text in changed.items():
        if text is None:
            form.pop(name.replace("_", "-"), None)
        else:
            form[name.replace("_", "-")] = [text]
    answer = client.post(url, form)
    return answer.status_code, text_of(answer.content) if answer.content else "", posted(answer.content.decode(), "dialog")


ONE = (FilterRow("profile.country", Op.IS_ANY_OF, ("DE",)),)


def test_F2_a_live_flow_that_loses_its_last_filter_asks_with_last_weeks_changes(site: PlatformAccount, client: Client) -> None:
    flow = flow_of(site, filters=ONE)
    _status, said, again = saves(client, flow, row=None)
    assert "Let Leads act on more?" in said
    assert "It would have acted on 3 of last week’s 3 changes that it watches. With the saved rules: 1." in said
    assert site.acme.flow_facts().filters == ONE, "nothing is saved before it is asked"
    assert confirms(client, f"/signal/flows/{flow.id}/", again).status_code == 302
    assert site.acme.flow_facts().filters == ()


def test_F2_a_live_flow_that_loses_the_last_tag_of_a_list_asks(site: PlatformAccount, client: Client) -> None:
    vip = site.acme.tags["VIP"].pk
    flow = flow_of(site, watch=Watch.REGISTRATION, statuses=(), properties=(vip,))
    _status, said, again = saves(client, flow, properties="")
    assert "Let Leads act on more?" in said
    assert site.acme.flow_facts().properties == (vip,)
    assert confirms(client, f"/signal/flows/{flow.id}/", again).status_code == 302
    assert site.acme.flow_facts().properties == ()


def test_F2_a_test_flow_that_goes_live_asks(site: PlatformAccount, client: Client) -> None:
    flow = flow_of(site, mode=Mode.TEST)
    _status, said, again = saves(client, flow, live="on")
    assert "Take Leads Live?" in said
    assert "It would have acted on 3 of last week’s 3 changes that it watches." in said
    assert site.acme.flow_facts().mode is Mode.TEST
    assert confirms(client, f"/signal/flows/{flow.id}/", again).status_code == 302
    assert site.acme.flow_facts().mode is Mode.LIVE


@pytest.mark.parametrize("parts", [{"active": False}, {"mode": Mode.TEST}], ids=["off", "Test"])
def test_F2_a_flow_that_takes_no_live_change_does_not_ask(site: PlatformAccount, client: Client, parts: dict[str, object]) -> None:
    flow = flow_of(site, filters=ONE, **parts)
    assert saves(client, flow, row=None)[0] == 302


def test_F2_a_live_flow_that_becomes_narrower_does_not_ask(site: PlatformAccount, client: Client) -> None:
    flow = flow_of(site, filters=(*ONE, FilterRow("event.code", Op.IS_ANY_OF, (EVENT, "GALA"))))
    assert saves(client, flow, f1_values=EVENT, name="Fewer")[0] == 302
    assert site.acme.flow_facts().name == "Fewer"


def test_F2_F10_restoring_a_wider_version_asks(site: PlatformAccount, client: Client) -> None:
    flow = flow_of(site, filters=ONE)
    url = f"/signal/flows/{flow.id}/versions/"
    asked = posted(client.get(f"{url}?version=1&restore=1").content.decode(), "actions")
    wider = client.post(url, asked)
    assert wider.status_code == 409
    assert "would act on changes that it leaves out now" in text_of(wider.content)
    assert site.acme.flow_facts().filters == ONE
    assert client.post(url, posted(wider.content.decode(), "actions")).status_code == 302
    assert site.acme.flow_facts().filters == ()
