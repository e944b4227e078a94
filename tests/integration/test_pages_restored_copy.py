"""The page Restored copy, the banner on every page, and what pages do not send meanwhile (O14, D7)."""

from __future__ import annotations

import pytest
from django.test import Client
from django_scopes import scope
from tests.confirming import promise_in
from tests.page_text import text_of
from tests.story import Story

from heliograph.accounts.models import AuditEntry, Role
from heliograph.connections.services.oauth_grant import NotConnected, asker
from heliograph.connections.services.save_and_test import CopyUnreleased, try_connection
from heliograph.store.restored_copy import mark_restored, unreleased_copy

PAGE = "/settings/restored-copy/"
BANNER = "This is a restored copy: changes are recorded, but nothing is sent."


@pytest.fixture
def copy(story: Story) -> Story:
    """A restored account with an action that waits."""
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.record("R1", status="Attended")
    with story.db.transaction():
        mark_restored(story.db, 1_790_000_000_000_000, 1_789_999_999_000_000)
    return story


def test_O14_an_administrator_lets_the_copy_send(copy: Story, client: Client) -> None:
    ada = copy.signs_in(client)
    for path in ("/registrations/", "/settings/account/", "/signal/flows/", "/signal/metrics/", "/help/"):
        assert BANNER in ada.get(path).content.decode(), path
    asked = ada.get(PAGE)
    page = text_of(asked.content)
    for sentence in ("1 action that was not sent yet", "Changes accepted between", "make sure that the original has stopped"):
        assert sentence in page
    assert ada.post(PAGE, promise_in(asked)).status_code == 302
    assert unreleased_copy(copy.db, copy.account) is None
    assert BANNER not in ada.get("/registrations/").content.decode()
    with scope(account=copy.account):
        entry = AuditEntry.objects.filter(kind="account").latest("pk")
    assert (entry.before, entry.after) == ({"sends": False}, {"sends": True})
    assert ada.get(PAGE)["Location"] == "/settings/account/"


def test_O14_others_only_read_it(copy: Story, client: Client) -> None:
    for role in (Role.PLANNER, Role.VIEWER):
        person = copy.signs_in(client, role)
        shown = person.get(PAGE)
        assert "An Administrator of your account can do this." in text_of(shown.content)
        assert person.post(PAGE, promise_in(shown)).status_code == 403
    assert unreleased_copy(copy.db, copy.account) is not None


def test_O14_no_page_promises_or_sends_anything(copy: Story, client: Client) -> None:
    """Not the Retry Queue, not the band, and not Save & Test or a sign-in at an authority."""
    ada = copy.signs_in(client)
    connection = copy.connection_of("R1")
    with pytest.raises(CopyUnreleased, match="no connection tested"):
        try_connection(copy.account, connection)
    with pytest.raises(NotConnected, match="restored copy"):
        asker(copy.account, connection)
    timeline = text_of(ada.get("/signal/registrations/SUMMIT/R1/").content)
    assert "This is a restored copy: nothing is sent until an Administrator lets it send." in timeline
    assert "being sent" not in ada.get("/signal/flows/").content.decode()
    assert not copy.receiver.requests
