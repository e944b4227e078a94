"""The page on which a REST list is described, and reading it now (S3)."""

from __future__ import annotations

import html
import json
import random
import re
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django_scopes import scopes_disabled
from tests.builders.connection import connection
from tests.builders.platform_account import PlatformAccount, made, planned
from tests.databases import DatabaseFacts
from tests.forms import posted as posted_fields
from tests.page_text import text_of
from tests.rest_platform import MINUTE, Manners, Platform
from tests.rest_stub import RestStub

from heliograph.accounts.models import Account, Role
from heliograph.domain.connection.secret import Secret
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
        "first_page": "1",
        "zone": "UTC",
        "clock": "Date",
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
            stub.write(f"k{number:02}", {"state": "new", "number": number, "answers": [{"question": 1}]})
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
    mapping = client.get(f"{LIST}{id}/mapping/").content.decode()
    assert re.search(r'<option value="\[\]"\s+selected', mapping)  # one registration for each item, not for each answer
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
        ({"rate": "²"}, "Type a whole number."),
        ({"rate": "0"}, "whole number from 1"),
        ({"modified": ""}, "needs the time of change"),
        ({"item_address": "https://platform.example/one"}, "needs {key}"),
    ],
    ids=["address", "key", "number", "raised digit", "bounds", "modified", "item"],
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


def filled(manners: Manners) -> Platform:
    """A platform with 25 items, each changed a minute after the one before."""
    platform = Platform(manners, random.Random(5))
    for number in range(25):
        platform.write(f"k{number:02}", {"state": "new", "number": number}, platform.clock - (25 - number) * MINUTE)
    return platform


def click(page: bytes, name: str) -> str:
    """The path of the line of the sample with this name."""
    found = re.search(rf'name="pick" value="([^"]*)"[^>]*>\s*<span class="key">&quot;{name}&quot;', page.decode())
    assert found is not None, name
    return html.unescape(found[1])


def as_posted(answer: Any) -> dict[str, str]:
    """What a browser would post of the page without any change."""
    return {name: values[0] for name, values in posted_fields(answer.content.decode(), "rest").items()}


@pytest.mark.parametrize("paging", ["number", "offset", "cursor", "link"])
def test_S3_a_list_is_described_by_clicks_into_a_sample_answer(site: PlatformAccount, client: Client, paging: str) -> None:
    site.signs_in(client)
    Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
    with RestStub(filled(Manners(paging=paging))) as stub:
        id, page = added(client)
        typed = as_posted(client.get(page)) | {"address": f"{stub.origin}/items?size=10", "do": "fetch"}
        fetched = client.post(page, typed)
        form = as_posted(fetched)
        assert (form["items"], form["key"], form["modified"]) == ("items", "id", "changed")
        assert (form["size_parameter"], form["size"], form["address"]) == ("size", "10", f"{stub.origin}/items")
        assert "Just fetched: 10 items" in text_of(fetched.content)
        # Another member is the key: choose, then click. And back.
        chosen = client.post(page, form | {"do": "choose key"})
        clicked = client.post(page, as_posted(chosen) | {"pick": click(chosen.content, "number")})
        assert as_posted(clicked)["key"] == "number"
        form = as_posted(client.post(page, as_posted(clicked) | {"pick": click(clicked.content, "id")}))
        assert form["key"] == "id"
        # What the stub's answers do not tell is chosen: its parameters.
        parameters = {"number": "page", "offset": "offset", "cursor": "after", "link": "page"}
        form |= {"paging": paging, "page_parameter": parameters[paging], "since_parameter": "since"}
        if paging == "cursor":
            chosen = client.post(page, form | {"do": "choose next"})
            form = as_posted(client.post(page, as_posted(chosen) | {"pick": click(chosen.content, "after")}))
            assert form["next"] == "after"
        before = len(stub.urls)
        tested = client.post(page, form | {"do": "test"})
        assert tested.status_code == 200
        assert len(stub.urls) == before + 3
        assert "Test read: everything fits" in text_of(tested.content)
        assert "Page 2 begins with other items" in text_of(tested.content)
        assert "none older" in text_of(tested.content)
        with scopes_disabled():
            assert "list" not in Source.objects.get(pk=id).settings
            assert SourceCall.objects.count() == 0
        assert client.post(page, as_posted(tested) | {"do": "next"})["Location"] == f"{LIST}{id}/mapping/"
        with scopes_disabled():
            assert json.loads(Source.objects.get(pk=id).settings)["list"]["paging"] == paging
            assert SourceCall.objects.count() == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"since_parameter": "changed_after"}, "the same items came, older ones too"),
        ({"page_parameter": "p"}, "Page 2 has the same items as page 1"),
        ({"key": "state"}, "have the key of another"),
        ({"modified": "state"}, "No item has a time there"),
        ({"items": "rows"}, "There is no list at “rows” of the answer."),
        ({"zone": "Nowhere"}, "is no time zone"),
        ({"clock": "member"}, "Choose the member with the server"),
        ({"query": "order=changed\nfilter=after:{since}\nstate={key}"}, "Test read: everything fits"),
    ],
    ids=["since", "page", "key", "modified", "items", "zone", "clock", "query"],
)
def test_S3_a_test_read_says_what_does_not_fit(site: PlatformAccount, client: Client, more: dict[str, str], words: str) -> None:
    site.signs_in(client)
    Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
    with RestStub(filled(Manners())) as stub:
        _id, page = added(client)
        answer = client.post(page, fields(stub.origin, do="test", **more))
        assert words in text_of(answer.content)


def test_S3_a_test_read_says_what_the_list_refuses_and_how_it_is_sorted(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
    with RestStub(filled(Manners(ordered=False))) as stub:
        stub.write("k03", {"state": "new", "number": 3})
        _id, page = added(client)
        unsorted = client.post(page, fields(stub.origin, do="test", ordered="on"))
        assert "is described as sorted by the time of change" in text_of(unsorted.content)
        stub.refuses = "since="
        refused = text_of(client.post(page, fields(stub.origin, do="test")).content)
        assert "Asked since a time, the list failed" in refused
        assert "everything fits" not in refused


def test_S3_a_pasted_answer_is_a_sample_too_and_a_bad_one_loses_nothing(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    _id, page = added(client)
    form = as_posted(client.get(page)) | {"address": "https://portal.example/list?per_page=50"}
    sample = json.dumps({"data": [{"uuid": "<b>a", "updated_at": "2026-10-14T12:30:00Z"}], "next_page_token": "x"})
    pasted = client.post(page, form | {"do": "sample", "sample": sample})
    posted = as_posted(pasted)
    assert (posted["items"], posted["key"], posted["modified"], posted["paging"]) == ("data", "uuid", "updated_at", "cursor")
    assert (posted["next"], posted["page_parameter"], posted["size"]) == ("next_page_token", "page_token", "50")
    assert b"<b>a" not in pasted.content
    for bad, words in (("{", "The body is not JSON"), ('{"error": "no"}', "There is no list of objects in this answer.")):
        answer = client.post(page, form | {"do": "sample", "sample": bad, "key": "mine"})
        assert answer.status_code == 422
        assert words in text_of(answer.content)
        assert (as_posted(answer)["key"], as_posted(answer)["sample"].strip()) == ("mine", bad)
    outside = client.post(page, posted | {"picking": "key", "pick": "next_page_token"})
    assert "Click a field of an item" in text_of(outside.content)
    assert as_posted(outside)["key"] == "uuid"
    assert client.post(page, posted | {"pick": "[["}).status_code == 200
    other = client.post(page, posted | {"picking": "items", "pick": "data", "sample": json.dumps({"data": [{"code": 1}, {"code": 2}]})})
    assert (as_posted(other)["key"], as_posted(other)["modified"]) == ("code", "")


def test_S3_a_sample_is_fetched_only_from_where_the_account_may_go(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    with RestStub(Platform(Manners(), random.Random(5))) as stub:
        _id, page = added(client)
        for do in ("fetch", "test"):
            answer = client.post(page, fields(stub.origin, do=do))
            assert answer.status_code == 422
            assert 'id="address-error"' in answer.content.decode()
        assert stub.urls == []
        assert client.post(page, fields("ftp://x", do="fetch")).status_code == 422


class StrictList(BaseHTTPRequestHandler):
    """A list that wants a page number, and that repeats the key which it was sent."""

    def do_GET(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        if self.headers["X-Api-Key"] != KEY:
            self.reply(401, {"message": f"The key {self.headers['X-Api-Key']} is not known"})
        elif query.get("page") != "1":
            self.reply(400, {"message": f"pageNumber must be 1 or more (key {KEY})"})
        elif query.get("status") != "all":
            self.reply(404, {"error": {"message": "There is no such workspace"}})
        else:
            self.reply(200, {"guests": [{"_id": "a", "updatedAt": "2026-03-01T09:00:00Z"}]})

    def reply(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


KEY = "k3y-of-the-platform"


@pytest.fixture
def strict() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), StrictList) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_S3_C5_a_sample_is_asked_for_by_its_page_and_a_refusal_is_quoted_without_the_key(
    site: PlatformAccount, client: Client, strict: str
) -> None:
    site.signs_in(client)
    Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
    keys = {}
    with site.acme.setting_up() as transaction:
        for name, key in (("right", KEY), ("wrong", "k3y-of-another-one")):
            header = {"auth": "API Key / Token", "key_place": "header", "key_name": "X-Api-Key"}
            keys[name] = connection(transaction, name, strict, secrets={Secret.KEY: key}, http=True, **header).pk
    _id, page = added(client)

    def fetch(**more: str) -> tuple[int, str]:
        typed = as_posted(client.get(page)) | {"address": f"{strict}/guests", "do": "fetch", "connection": str(keys["right"]), **more}
        answer = client.post(page, typed)
        assert KEY not in answer.content.decode()
        return answer.status_code, text_of(answer.content)

    status, words = fetch(query="status=all")
    assert (status, "Just fetched: 1 item" in words) == (200, True)
    status, words = fetch(page_parameter="p", query="status=all")
    assert status == 422
    assert "The server answered 400 instead of a list. It says: “pageNumber must be 1 or more (key …)”" in words
    status, words = fetch()
    assert "There is no list at this address (404). It says: “There is no such workspace”" in words
    status, words = fetch(connection=str(keys["wrong"]))
    assert "Check the connection. It says: “The key … is not known”" in words
