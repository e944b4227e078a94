"""Why a flow did not take a change: the words of its gates are in the reader's language (35.10)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext
from polib import POEntry
from tests.marked_german import marked_german, source_messages
from tests.page_text import text_of
from tests.story import Story

from heliograph.deliveries import explanation
from heliograph.domain.flow.completeness import FlowLack
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.change import Facet


@pytest.fixture
def german(tmp_path: Path) -> Iterator[None]:
    """German is every English message, marked."""
    with marked_german(tmp_path, source_messages()):
        yield


def test_every_part_that_a_flow_lacks_and_every_kind_of_change_has_words() -> None:
    assert set(explanation._LACKS) == set(FlowLack)
    assert set(explanation._FACETS) == {word for facet in Facet for word in facet.words}


def test_a_catalogue_that_is_exchanged_is_seen_at_once(tmp_path: Path) -> None:
    """Pages keep what they have looked up, by language."""

    def live() -> str:
        with translation.override("de"):
            return gettext("Live")

    assert live() == "Live"
    with marked_german(tmp_path, [POEntry(msgid="Live")]):
        assert live() == "⟦Live⟧"
    assert live() == "Live"


@pytest.mark.needs("gettext")
def test_the_gates_of_a_change_are_said_in_german(story: Story, client: Client, german: None) -> None:
    flow = story.flow("To it", [story.to(story.connection("CRM", "/crm"))], mode=Mode.TEST)
    story.record("R1", status="Attended")
    ((change,),) = story.db.all("SELECT max(id) FROM change")
    story.signs_in(client)
    url = reverse("why", args=(change, flow))
    english = text_of(client.get(url).content)
    says = text_of(client.get(url, headers={"accept-language": "de"}).content)
    assert "the flow takes Test, and this was Live." in english
    assert "⟦Filtered: the flow takes ⟦Test⟧, and this was ⟦Live⟧.⟧" in says, says
    assert "created, status changed" in english
    assert "⟦created⟧, ⟦status changed⟧" in says, says
