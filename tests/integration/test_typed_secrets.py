"""Secrets typed into a form that was refused (C5): nobody types them again, and no page and no row contains them in plain text."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django_scopes import scope
from tests.forms import posted
from tests.story import Story

from heliograph.accounts.vault import vault
from heliograph.connections.models import Connection
from heliograph.connections.services.networks import allow_networks
from heliograph.domain.connection.secret import Secret
from heliograph.store.secrets import load_secrets

NEW = "/signal/connections/new/webhook/"
KEY = "s3cr3t-typed-once"
type Form = dict[str, Any]


@pytest.fixture
def ada(story: Story, client: Client) -> Client:
    """An Administrator's browser."""
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
    return story.signs_in(client, email="ada@example.org")


def _refused(client: Client, **typed: str) -> Form:
    """A refused form (its rate is wrong), as the browser shows it again."""
    form = {"name": "CRM", "auth": "API Key / Token", "key_place": "bearer", "content_type": "application/json", "method": "POST"}
    answer = client.post(NEW, {**form, "url": "https://crm.example.com/hook", "rate": "many", "key": KEY, **typed})
    assert answer.status_code == 422
    assert KEY not in answer.content.decode()
    return dict(posted(answer.content.decode(), "form"))


def _stored(story: Story) -> list[dict[str, str]]:
    """The secrets of every connection named CRM."""
    with scope(account=story.account):
        ids = list(Connection.objects.filter(name="CRM", deleted_at=None).values_list("pk", flat=True))
    return [load_secrets(story.db, vault(), story.account, "connection", [id])[id] for id in ids]


def _secrets_of(story: Story, name: str) -> object:
    with scope(account=story.account):
        return Connection.objects.get(name=name).body["secrets"]


def _rows() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_data FROM django_session")
        return " ".join(data for (data,) in cursor.fetchall()) + str([each.get_decoded() for each in Session.objects.all()])


def test_C5_a_refused_form_keeps_what_was_typed_and_shows_it_nowhere(story: Story, ada: Client) -> None:
    form = _refused(ada)
    assert form["key"] == [""]
    assert KEY not in _rows()
    again = ada.post(NEW, form)  # refused once more: what was typed is kept under another name
    assert again.status_code == 422
    assert KEY not in again.content.decode()
    form = dict(posted(again.content.decode(), "form")) | {"rate": "60"}
    assert ada.post(NEW, form).status_code == 302
    assert [secrets["key"] for secrets in _stored(story)] == [KEY]
    assert "typed-secrets" not in ada.session
    used = ada.post(NEW, form | {"name": "Another"})  # the name is valid for one save
    assert used.status_code == 302
    assert _secrets_of(story, "Another") == ["path"]


def test_C5_what_was_typed_serves_no_other_form_person_or_time(story: Story, ada: Client) -> None:
    form = _refused(ada) | {"rate": ""}
    stored = story.connection("Stored", "/x", auth="API Key / Token")
    ada.post(f"/signal/connections/{stored}/", form | {"name": "Stored"})
    assert "key" not in load_secrets(story.db, vault(), story.account, "connection", [stored])[stored]
    form = _refused(ada) | {"rate": ""}
    other = Client()
    story.signs_in(other, email="bea@example.org")
    session = other.session
    session["typed-secrets"] = ada.session["typed-secrets"]  # even with her session's content
    session.save()
    other.post(NEW, form)
    assert [secrets.get("key") for secrets in _stored(story)] == [None]
    session = ada.session
    for each in session["typed-secrets"].values():
        each["until"] = int(time.time()) - 1
    session.save()
    ada.post(NEW, form | {"name": "Late"})
    assert _secrets_of(story, "Late") == ["path"]


def test_C5_what_is_typed_anew_counts_and_a_refused_secret_is_not_kept(story: Story, ada: Client) -> None:
    form = _refused(ada) | {"rate": "", "key": "typed-anew"}
    assert ada.post(NEW, form).status_code == 302
    assert [secrets["key"] for secrets in _stored(story)] == ["typed-anew"]
    broken = ada.post(NEW, form | {"name": "Broken", "key": "a\nb"})
    assert broken.status_code == 422
    assert "Typed just now" not in broken.content.decode()


def test_C5_an_applications_form_keeps_its_token(story: Story, ada: Client) -> None:
    story.connection("Taken", "/x")
    url = "/signal/connections/new/hubspot_contact/"
    refused = ada.post(url, {"name": "Taken", "token": "pat-s3cr3t"})
    assert refused.status_code == 422
    assert "pat-s3cr3t" not in refused.content.decode()
    form = dict(posted(refused.content.decode(), "form"))
    assert ada.post(url, form | {"name": "CRM"}).status_code == 302
    assert [secrets[Secret.KEY] for secrets in _stored(story)] == ["pat-s3cr3t"]
