"""The page on which a REST list is described, and reading it now (S3)."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator

import pytest
from django.test import Client
from django_scopes import scopes_disabled
from tests.builders.platform_account import PlatformAccount, made, planned
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.rest_platform import Manners, Platform
from tests.rest_stub import RestStub

from heliograph.accounts.models import Account, Role
from heliograph.domain.source.source_states import SourceState
from heliograph.sources.models import Source, SourceCall

LIST = "/settings/sources/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


def fields(origin: str, **more: str) -> dict[str, str]:
    return {
        "address": f"{origin}/items",
        "items": "items",
        "key": "id",
        "modified": "changed",
        "paging": "number",
        "page_parameter": "page",
        "size_parameter": "size",
        "size": "10",
        "since_parameter": "since",
        "since_format": "2026-10-14T12:30:00Z",
        "ordered": "on",
        "overlap": "300",
        "every": "15",
        "rate": "60",
        **more,
    }


def added(client: Client) -> tuple[int, str]:
    """A new source, and the page to which adding it leads."""
    answer = client.post(f"{LIST}new/rest/", {"name": "Partner portal"})
    with scopes_disabled():
        return Source.objects.get().pk, answer["Location"]


def test_a_list_is_described_and_one_page_is_the_sample_of_its_mapping(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
    with RestStub(Platform(Manners(), random.Random(5))) as stub:
        for number in range(25):
            stub.write(f"k{number:02}", {"state": "new", "number": number})
        id, page = added(client)
        assert page == f"{LIST}{id}/list/"
        assert "Address of the list" in text_of(client.get(page).content)
        assert client.post(page, fields(stub.origin)).status_code == 302
        assert client.get(page).content.decode().count(f'value="{stub.origin}/items"') == 1
        assert client.post(f"{LIST}{id}/read/")["Location"] == f"{LIST}{id}/"
        with scopes_disabled():
            call = SourceCall.objects.get()
        assert len(json.loads(zlib.decompress(call.body))) == 10
        assert "A page with 10 items is kept for the mapping." in text_of(client.get(f"{LIST}{id}/").content)
        stub.kill()
    client.post(f"{LIST}{id}/read/")
    with scopes_disabled():
        assert SourceCall.objects.count() == 1
        Source.objects.filter(pk=id).update(state=SourceState.ON, due_at=None)
    client.post(f"{LIST}{id}/read/")
    with scopes_disabled():
        assert Source.objects.get(pk=id).due_at is not None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"address": "portal"}, "begins with https://"),
        ({"key": ""}, "Key"),
        ({"rate": "many"}, "Type a whole number."),
        ({"rate": "0"}, "whole number from 1"),
        ({"modified": ""}, "needs the time of change"),
        ({"item_address": "https://platform.example/one"}, "needs {key}"),
    ],
    ids=["address", "key", "number", "bounds", "modified", "item"],
)
def test_a_fault_stands_at_its_field(site: PlatformAccount, client: Client, more: dict[str, str], words: str) -> None:
    site.signs_in(client)
    _id, page = added(client)
    answer = client.post(page, fields("https://platform.example", **more))
    assert answer.status_code == 422
    assert words in text_of(answer.content)


def test_only_an_administrator_of_the_account_describes_a_list(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    id, page = added(client)
    for role in (Role.PLANNER, Role.VIEWER):
        site.signs_in(client, role)
        assert client.get(page).status_code == client.post(page, {}).status_code == client.post(f"{LIST}{id}/read/").status_code == 403
    made(site.store).signs_in(client)
    assert client.get(page).status_code == client.post(f"{LIST}{id}/read/").status_code == 404
