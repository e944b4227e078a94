"""The versions of flows, mappings and connections: any two are compared, all are listed, and a restore overwrites nothing unseen (F10, P14)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts.models import Role
from heliograph.connections.services.connections import ConnectionFacts, connection_row, save_connection
from heliograph.domain.flow.flow import Flow
from heliograph.domain.mapping.mapping import Mapping
from heliograph.flows.services.flows import flow_row, save_flow
from heliograph.mappings.services import mapping_row, save_mapping

KINDS = ("flow", "mapping", "connection")


@pytest.fixture
def site(database: DatabaseFacts, client: Client) -> Iterator[PlatformAccount]:
    with planned(database) as made:
        made.signs_in(client, Role.ADMINISTRATOR)
        yield made


def row_of(site: PlatformAccount, kind: str) -> int:
    found = {"flow": site.acme.flow, "mapping": site.acme.mapping, "connection": site.acme.connection}[kind]
    assert found is not None
    return int(found.pk)


def renamed(site: PlatformAccount, kind: str, *names: str) -> None:
    """Each name makes a version."""
    id = row_of(site, kind)
    for name in names:
        with site.acme.setting_up() as transaction:
            if kind == "flow":
                save_flow(transaction, replace(Flow.from_body(id, 0, flow_row(id).body), name=name), id)
            elif kind == "mapping":
                save_mapping(transaction, replace(Mapping.from_body(mapping_row(id).body), name=name), id)
            else:
                save_connection(transaction, ConnectionFacts({**connection_row(id).body, "name": name}), id)


def row_of_kind(kind: str) -> Callable[[int], Any]:
    rows: dict[str, Callable[[int], Any]] = {"flow": flow_row, "mapping": mapping_row, "connection": connection_row}
    return rows[kind]


def url_of(site: PlatformAccount, kind: str) -> str:
    return f"/signal/{kind}s/{row_of(site, kind)}/versions/"


def name_now(site: PlatformAccount, kind: str) -> str:
    with site.acme.setting_up():
        return str(row_of_kind(kind)(row_of(site, kind)).name)


def shown(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return text_of(answer.content)


@pytest.mark.parametrize("kind", KINDS)
def test_F10_P14_restoring_does_not_overwrite_what_the_page_did_not_show(site: PlatformAccount, client: Client, kind: str) -> None:
    renamed(site, kind, "Second")
    url = url_of(site, kind)
    asked = posted(client.get(f"{url}?version=1&restore=1").content.decode(), "actions")
    renamed(site, kind, "Of somebody else")
    refused = client.post(url, asked)
    assert refused.status_code == 409
    assert name_now(site, kind) == "Of somebody else"
    said = text_of(refused.content)
    assert "saved version 3 meanwhile" in said
    assert "Of somebody else" in said, "the comparison shows what would be overwritten"
    again = posted(refused.content.decode(), "actions")
    assert client.post(url, again).status_code == 302
    assert name_now(site, kind) not in ("Second", "Of somebody else")
    assert "Restored from version 1" in shown(client, url)


@pytest.mark.parametrize("kind", KINDS)
def test_F10_P14_a_restore_that_saw_no_version_is_asked_about(site: PlatformAccount, client: Client, kind: str) -> None:
    renamed(site, kind, "Second")
    assert client.post(url_of(site, kind), {"version": "1"}).status_code == 409
    assert name_now(site, kind) == "Second"


@pytest.mark.parametrize("kind", KINDS)
def test_F10_any_two_versions_are_compared(site: PlatformAccount, client: Client, kind: str) -> None:
    renamed(site, kind, "Second", "Third", "Fourth")
    url = url_of(site, kind)
    for asked in ("?version=2&with=3", "?version=3&with=2"):
        said = shown(client, f"{url}{asked}")
        assert "From version 2 to version 3" in said
        differs = said.partition("From version 2 to version 3")[2]
        assert "Second" in differs
        assert "Third" in differs
        assert "Restore version" not in differs, "what is restored is compared with what is in use"
    assert "From version 2 to version 4, now in use" in shown(client, f"{url}?version=4&with=2")
    for none in ("?version=2&with=9", "?version=99"):
        assert client.get(f"{url}{none}").status_code == 404
    assert "From version 2 to version 4" in shown(client, f"{url}?version=2&with=x")


@pytest.mark.parametrize("kind", KINDS)
def test_F10_versions_beyond_a_page_are_listed_too(
    site: PlatformAccount, client: Client, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heliograph.setup.views.versions_page.SHOWN", 3)
    renamed(site, kind, *(f"Name {n}" for n in range(2, 9)))
    url, seen = url_of(site, kind), list[str]()
    page = client.get(url).content.decode()
    while True:
        seen += re.findall(r"<b>Version (\d+)</b>", page)
        if 'rel="next" href="' not in page:
            break
        page = client.get(f"{url}{page.partition('rel="next" href="')[2].partition('"')[0].replace('&amp;', '&')}").content.decode()
    assert seen == ["8", "7", "6", "5", "4", "3", "2", "1"]
    assert "The first one" in page
    newer = page.partition('rel="prev" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "Version 5" in shown(client, f"{url}{newer}")
    assert client.get(f"{url}?at=nonsense").status_code == 404


def test_C7_F10_each_clause_of_a_rule_is_one_sentence(site: PlatformAccount, client: Client) -> None:
    rule = [{"if": [{"in": "status", "is": [status]}], "then": then} for status, then in (("202", "delivered"), ("409", "failed"))]
    id = row_of(site, "connection")
    with site.acme.setting_up() as transaction:
        save_connection(transaction, ConnectionFacts({**connection_row(id).body, "rule": rule}), id)
    assert "If the status is 202: delivered. If the status is 409: failed." in shown(client, url_of(site, "connection"))
