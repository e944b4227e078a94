"""A mapping is saved that says something else than what was sent: the page offers the replay, whose dry run shows the difference (M1, Y1)."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from tests.forms import posted
from tests.page_text import text_of
from tests.replays import KINDS
from tests.story import Story

from heliograph.jobs.runner import Runner
from heliograph.replay import replays

SENT_BEFORE = "What was sent before stays as it was sent."


@pytest.fixture
def flow(story: Story, client: Client) -> int:
    """R1 was sent by this flow with the story's mapping, which has its code, status and first name."""
    made = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended", profile={"first_name": "Zoë", "last_name": "Marin"})
        story.until("R1", "success")
    story.signs_in(client)
    return made


def saves(client: Client, mapping: int, **changed: list[str]) -> str:
    """The page after the mapping was saved with these changes."""
    url = f"/signal/mappings/{mapping}/"
    form = posted(client.get(url).content.decode(), "map-form")
    answer = client.post(url, form | changed | {"do": ["save"]}, follow=True)
    assert answer.redirect_chain
    return answer.content.decode()


def test_Y1_a_saved_mapping_that_changes_what_was_sent_offers_its_replay_with_the_difference(
    story: Story, flow: int, client: Client
) -> None:
    shown = saves(client, story.lead, **{"line-4": ["{profile.first_name} {profile.last_name}"]})
    assert SENT_BEFORE in text_of(shown.encode())
    link = re.search(r'<a[^>]*href="([^"]+)"[^>]*>Replay it</a>', shown)
    assert link is not None
    form = client.get(link[1]).content.decode()
    assert re.search(rf'<option value="{flow}"[^>]* selected', form)
    answer = client.post("/signal/replay/", {"flow": str(flow), "since": "2020-01-01", "which": "latest"})
    made = int(re.search(r"/signal/replay/(\d+)/", answer["Location"])[1])
    Runner(KINDS).run_one(replays.find(story.account, made).check.pk)
    found = text_of(client.get(answer["Location"]).content)
    assert "Different: 1" in found
    assert "Zoë Marin" in found
    assert len(story.receiver.at("/crm")) == 1, "nothing was sent"


def test_Y1_no_replay_is_offered_where_nothing_would_be_sent_otherwise(story: Story, flow: int, client: Client) -> None:
    assert SENT_BEFORE not in text_of(saves(client, story.lead, name=["Another name"]).encode())
    unused = story.mapping("Unused", {"code": "registration.code"})
    assert SENT_BEFORE not in text_of(saves(client, unused, **{"line-0": ["{registration.status}"]}).encode())
    off = story.mapping("Off", {"code": "registration.code"})
    story.set_active(story.flow("Off", [story.to(story.connection("Off", "/off"), mapping=off)]), active=False)
    assert SENT_BEFORE not in text_of(saves(client, off, **{"line-0": ["{registration.status}"]}).encode())
