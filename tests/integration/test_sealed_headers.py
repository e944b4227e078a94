"""Headers whose names mark them as credentials (A14): a fixed header of a connection, a row of a header mapping. Their texts are sent, and
shown to nobody."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.test import Client
from django_scopes import scope
from tests.forms import posted
from tests.receiver import Answer, Received
from tests.rows import everything
from tests.story import Story

from heliograph.accounts.audit import Deed, note
from heliograph.accounts.models import Role
from heliograph.accounts.vault import vault
from heliograph.connections.models import Connection as ConnectionRow
from heliograph.connections.services.connections import copy_connection, delete_connection, restore_connection
from heliograph.connections.services.networks import allow_networks
from heliograph.domain.connection.connection import Connection
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.services import copy_mapping, delete_mapping, restore_mapping
from heliograph.setup.setup_errors import Invalid
from heliograph.store import configuration_versions
from heliograph.store.configuration_versions import ACCOUNT
from heliograph.store.rotation import renew
from heliograph.store.secrets import Vault, load_secrets

FIXED, ROW, TOKEN = "f1xed-Zq7-s3cr3t", "r0w-Zq8-s3cr3t", "t0ken-Zq9-s3cr3t"
NEEDLES = (FIXED, ROW, TOKEN, "s3cr3t")
ROWS = {"Authorization": f"=Bearer {ROW}", "X-Partner-Token": [f"={TOKEN}-", "registration.code"], "X-Version": "=7"}


@pytest.fixture
def made(story: Story) -> tuple[int, int]:
    """A connection and a header mapping with credentials."""
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
    crm = story.connection("CRM", "/crm", headers=[["X-API-Key", FIXED], ["X-Client", "brightfield"]])
    return crm, story.mapping("Headers", ROWS, kind=MappingKind.HEADER)


def browser(story: Story, role: Role) -> Client:
    client = Client()
    story.signs_in(client, role)
    return client


def kept(story: Story, kind: str, id: int) -> dict[str, str]:
    found = load_secrets(story.db, vault(), story.account, kind, [id]).get(id, {})
    return {field: text for field, text in found.items() if field.startswith("header ")}


def repeats(request: Received) -> Answer:
    """A target that refuses, and repeats what it was sent."""
    return Answer(400, json.dumps(dict(request.headers)), {"x-token": request.header("x-partner-token") or ""})


def nowhere(story: Story) -> None:
    found = [(table, needle) for table, content in everything(story.db).items() for needle in NEEDLES if needle.encode() in content]
    assert not found


def test_C5_A14_credentials_in_headers_are_sent_and_neither_stored_nor_shown(story: Story, made: tuple[int, int]) -> None:
    crm, headers = made
    story.receiver.answer("/crm", repeats)
    flow = story.flow("All", [story.to(crm, header=headers)])
    with story.worker():
        story.record("R1", status="Attended")
        (sent, *_) = story.arrived("/crm", 1)
        story.wait_for(lambda: story.action("R1")["queue"])
    assert (sent.header("x-api-key"), sent.header("authorization")) == (FIXED, f"Bearer {ROW}")
    assert (sent.header("x-partner-token"), sent.header("x-version"), sent.header("x-client")) == (f"{TOKEN}-R1", "7", "brightfield")
    nowhere(story)
    ((response,),) = story.db.all("SELECT response FROM attempt_content LIMIT 1") or [("",)]
    assert "…" in str(response)

    versions = [f"/signal/connections/{crm}/versions/", f"/signal/mappings/{headers}/versions/?version=1"]
    places = [f"/signal/connections/{crm}/", f"/signal/mappings/{headers}/?preview_format=headers", "/settings/audit/", *versions]
    places += [
        "/signal/registrations/SUMMIT/R1/",
        f"/signal/retry/{story.action('R1')['key']}/",
        f"/signal/flows/{flow}/",
        "/signal/mappings/",
    ]
    for role in Role:
        client = browser(story, role)
        for place in places:
            answer = client.get(place)
            assert answer.status_code == 200, place
            shown = html.unescape(answer.content.decode())
            assert not [needle for needle in NEEDLES if needle in shown], (role, place)
    nowhere(story)


def test_C5_A14_a_form_saves_without_typing_it_again_and_replaces_what_is_typed(story: Story, made: tuple[int, int]) -> None:
    crm, headers = made
    ada = browser(story, Role.ADMINISTRATOR)
    page = ada.get(f"/signal/connections/{crm}/").content.decode()
    form = dict(posted(page, "form"))
    assert form["headers"][0].split("\r\n") == ["X-API-Key: …", "X-Client: brightfield"]
    assert ada.post(f"/signal/connections/{crm}/", form).status_code == 302
    assert kept(story, "connection", crm) == {"header x-api-key": FIXED}
    assert ada.post(f"/signal/connections/{crm}/", {**form, "headers": "X-API-Key: an0ther-s3cr3t"}).status_code == 302
    assert kept(story, "connection", crm) == {"header x-api-key": "an0ther-s3cr3t"}
    form = dict(posted(ada.get(f"/signal/connections/{crm}/").content.decode(), "form"))
    assert ada.post(f"/signal/connections/{crm}/", {**form, "headers": "X-Other-Key: …"}).status_code == 302
    assert kept(story, "connection", crm) == {"header x-other-key": "an0ther-s3cr3t"}
    form = dict(posted(ada.get(f"/signal/connections/{crm}/").content.decode(), "form"))
    for wrong in ("X-Other-Key: …\nX-New-Key: …", "X-New-Key:", "X-Other-Key: a…b"):
        assert ada.post(f"/signal/connections/{crm}/", {**form, "headers": wrong}).status_code == 422, wrong
    assert kept(story, "connection", crm) == {"header x-other-key": "an0ther-s3cr3t"}
    assert ada.post(f"/signal/connections/{crm}/", {**form, "headers": ""}).status_code == 302
    assert kept(story, "connection", crm) == {}

    place = f"/signal/mappings/{headers}/"
    edit = posted(ada.get(place).content.decode(), "map-form")
    assert ada.post(place, {**edit, "do": "save"}).status_code == 302
    before = {"header authorization": f"Bearer {ROW}", "header x-partner-token": f"{TOKEN}-"}
    assert kept(story, "mapping", headers) == before
    assert ada.post(place, {**edit, "do": "save", "line-0": "Basic an0ther-s3cr3t", "target-1": "X-Other-Token"}).status_code == 302
    assert kept(story, "mapping", headers) == {"header authorization": "Basic an0ther-s3cr3t", "header x-other-token": f"{TOKEN}-"}
    nowhere(story)


def test_C5_A14_the_editor_offers_the_connection_and_no_answer_of_it_holds_the_text(story: Story, made: tuple[int, int]) -> None:
    crm, headers = made
    story.flow("All", [story.to(crm, header=headers)])
    ada = browser(story, Role.ADMINISTRATOR)
    for place in (f"/signal/mappings/{headers}/", "/signal/mappings/new/?kind=header"):
        edit = posted(ada.get(place).content.decode(), "map-form")
        if "new" in place:
            answer = ada.post(place, {**edit, "kind": "header", "do": "add", "name": "New", "new_name": "X-Secret"})
            edit = posted(answer.content.decode(), "map-form") | {"kind": ["header"]}
        typed = {**edit, "line-0": "n3w-s3cr3t"}
        for do in ("open:0.0", "show:headers", "preview", "add", "up:0"):
            answer = ada.post(place, {**typed, "do": do, "new_name": "X-Plain" if do == "add" else ""})
            assert answer.status_code == 200, do
            assert "s3cr3t" not in answer.content.decode(), do
        kind = {"kind": ["header"]} if "new" in place else {}
        again = posted(answer.content.decode(), "map-form") | kind
        refused = ada.post(place, {**again, "do": "save", "name": " "})
        assert refused.status_code == 422
        assert "s3cr3t" not in refused.content.decode()
        assert "/signal/connections/" in refused.content.decode()
        again = posted(refused.content.decode(), "map-form") | kind | {"name": again["name"]}
        saved = ada.post(place, {**again, "do": "save"})
        assert saved.status_code == 302, text_of(saved)
        id = int(saved["Location"].strip("/").rpartition("/")[2])
        assert "n3w-s3cr3t" in kept(story, "mapping", id).values()
    shown = ada.get(f"/signal/mappings/{headers}/").content.decode()
    assert f'href="/signal/connections/{crm}/"' in shown
    nowhere(story)


def text_of(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def test_C5_A14_a_refused_connection_keeps_what_was_typed_and_shows_it_nowhere(story: Story, made: tuple[int, int]) -> None:
    crm, _headers = made
    ada = browser(story, Role.ADMINISTRATOR)
    form = dict(posted(ada.get(f"/signal/connections/{crm}/").content.decode(), "form"))
    answer = ada.post(f"/signal/connections/{crm}/", {**form, "rate": "many", "headers": "X-API-Key: n3w-s3cr3t"})
    assert answer.status_code == 422
    assert "s3cr3t" not in answer.content.decode()
    again = dict(posted(answer.content.decode(), "form"))
    assert again["headers"] == ["X-API-Key: …"]
    assert ada.post(f"/signal/connections/{crm}/", {**again, "rate": "5"}).status_code == 302
    assert kept(story, "connection", crm) == {"header x-api-key": "n3w-s3cr3t"}
    nowhere(story)


def test_C5_A14_another_host_asks_for_fixed_headers_again(story: Story, made: tuple[int, int]) -> None:
    crm, _headers = made
    ada = browser(story, Role.ADMINISTRATOR)
    form = dict(posted(ada.get(f"/signal/connections/{crm}/").content.decode(), "form")) | {"url": "https://elsewhere.example.org/"}
    renamed = {**form, "headers": "X-Renamed-Key: …"}
    for asked in (form, renamed):
        answer = ada.post(f"/signal/connections/{crm}/", asked)
        assert answer.status_code == 422
        assert "The host changed" in answer.content.decode()
    assert kept(story, "connection", crm) == {"header x-api-key": FIXED}
    assert ada.post(f"/signal/connections/{crm}/", {**form, "headers": "X-API-Key: n3w-s3cr3t"}).status_code == 302
    assert kept(story, "connection", crm) == {"header x-api-key": "n3w-s3cr3t"}


def test_C5_A14_copies_have_the_texts_and_what_is_deleted_loses_them(story: Story, made: tuple[int, int]) -> None:
    crm, headers = made
    with story.saving() as transaction:
        again, too = copy_connection(transaction, crm, "Copy").pk, copy_mapping(transaction, headers).pk
    assert kept(story, "connection", again) == kept(story, "connection", crm) == {"header x-api-key": FIXED}
    assert kept(story, "mapping", too) == kept(story, "mapping", headers)
    with story.saving() as transaction:
        delete_connection(transaction, crm)
        delete_mapping(transaction, headers)
    assert kept(story, "connection", crm) == kept(story, "mapping", headers) == {}
    assert len(kept(story, "mapping", too)) == 2
    nowhere(story)


def test_F10_C5_A14_an_old_version_comes_back_with_the_texts_of_today(story: Story, made: tuple[int, int]) -> None:
    crm, headers = made
    story.change_connection(crm, headers=[["X-API-Key", "t0day-s3cr3t"], ["X-Later", "1"]])
    story.mapping("Headers", {"Authorization": "=Bearer t0day-s3cr3t", "X-Later": "=1"}, kind=MappingKind.HEADER, id=headers)
    ada = browser(story, Role.ADMINISTRATOR)
    asked = text_of(ada.get(f"/signal/mappings/{headers}/versions/?version=1&restore=1"))
    assert "X-Partner-Token" in asked
    assert "a secret" in asked
    with story.saving() as transaction:
        restore_connection(transaction, crm, 1)
        found = restore_mapping(transaction, headers, 1)
    assert kept(story, "connection", crm) == {"header x-api-key": "t0day-s3cr3t"}
    assert kept(story, "mapping", headers) == {"header authorization": "Bearer t0day-s3cr3t"}
    assert [each.target for each in found.gone] == ["X-Partner-Token"]
    story.change_connection(crm, headers=[])
    with pytest.raises(Invalid), story.saving() as transaction:
        restore_connection(transaction, crm, 1)
    nowhere(story)


def test_D7_A14_another_text_is_another_version_and_is_sent_at_once(story: Story, made: tuple[int, int]) -> None:
    crm, headers = made
    story.flow("All", [story.to(crm, header=headers)])
    with story.worker():
        story.record("R1", status="Attended")
        story.arrived("/crm", 1)
        story.change_connection(crm, headers=[["X-API-Key", "t0day-s3cr3t"]])
        story.mapping("Headers", ROWS | {"Authorization": "=Bearer t0day-s3cr3t"}, kind=MappingKind.HEADER, id=headers)
        story.record("R2", status="Attended")
        *_, last = story.arrived("/crm", 2)
    assert (last.header("x-api-key"), last.header("authorization")) == ("t0day-s3cr3t", "Bearer t0day-s3cr3t")
    with scope(account=story.account):
        assert (StoredMapping.objects.get(pk=headers).number, ConnectionRow.objects.get(pk=crm).number) == (2, 2)
    nowhere(story)


def test_C5_A14_rotate_key_seals_them_anew(story: Story, made: tuple[int, int]) -> None:
    crm, headers = made
    new = Fernet.generate_key().decode()
    renew(story.db, Vault([new, *settings.HELIOGRAPH.keys]))
    for kind, id, text in (("connection", crm, FIXED), ("mapping", headers, f"Bearer {ROW}")):
        assert text in load_secrets(story.db, Vault([new]), story.account, kind, [id])[id].values()


OLD: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "connection": lambda body: body | {"headers": [["X-API-Key", "0ld-s3cr3t"]]},
    "mapping": lambda body: body | {"rows": [{"target": "X-Token", "parts": [{"text": "0ld-s3cr3t"}]}]},
}


@pytest.mark.parametrize("role", list(Role))
def test_C5_A14_versions_and_entries_of_before_say_a_secret(story: Story, made: tuple[int, int], role: Role) -> None:
    for kind, id in zip(("connection", "mapping"), made, strict=True):
        with scope(account=story.account):
            body = json.loads(json.dumps((ConnectionRow if kind == "connection" else StoredMapping).objects.get(pk=id).body))
        with story.saving() as transaction:
            transaction.needs_account()
            configuration_versions.save(
                transaction.db, transaction.account, ACCOUNT, transaction.account, {(kind, id): OLD[kind](body)}, by=transaction.by
            )
            configuration_versions.save(
                transaction.db, transaction.account, ACCOUNT, transaction.account, {(kind, id): body}, by=transaction.by
            )
            note(
                transaction.db,
                transaction.account,
                by=transaction.by,
                what=Deed.CHANGED,
                kind=kind,
                id=id,
                name="x",
                before=body,
                after=OLD[kind](body),
            )
    client = browser(story, role)
    crm, headers = made
    for n in (1, 2, 3):
        shown = text_of(client.get(f"/signal/mappings/{headers}/versions/?version={n}"))
        assert "s3cr3t" not in shown
        assert ("a secret" in shown) is (n > 1)
        shown = text_of(client.get(f"/signal/connections/{crm}/versions/?version={n}"))
        assert "s3cr3t" not in shown
        assert ("a secret" in shown) is (n > 1 and role is Role.ADMINISTRATOR)
    assert "s3cr3t" not in text_of(client.get("/settings/audit/"))
    assert Connection.from_body(OLD["connection"](body | {"origin": "https://a.example", "auth": "Open / No Auth"})).headers
