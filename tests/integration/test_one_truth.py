"""What waits, what waits for a tag and what failed is the same number on every page, at one moment."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import signal_account
from tests.builders.outcome import BUSY, REFUSED
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.tables import table_rows

from heliograph.domain.delivery.action import OPEN_STATUSES, QueueStatus
from heliograph.domain.delivery.item_state import ItemState, item_state_of
from heliograph.domain.delivery.outcomes import Cause

NUMBERS = {
    "waiting": re.compile(r"(\d+) waiting"),
    "failed": re.compile(r"(\d+) failed"),
    "untagged": re.compile(r"(\d+) waits? for a tag"),
}


def numbers_in(text: str) -> dict[str, int]:
    """The sum of each number that a text says."""
    return {name: sum(int(number) for number in pattern.findall(text)) for name, pattern in NUMBERS.items()}


def mixed(site: SignalAccount) -> None:
    """Six items wait, three failed, four wait for a tag; some were delivered or failed validation."""
    signal_account.fill(site)
    site.record(*(person(f"S27-{number}", "Ana", "Roth") for number in range(9)))
    site.record(*(person(f"S28-{number}", "Ivo", "Roth", status="Invited") for number in range(3)))
    first = [site.actions(f"S27-{number}")[0] for number in range(9)]
    for action in first[:4]:
        site.ends(action, BUSY)
    for action in first[4:6]:
        for _try in range(4):
            site.ends(action, REFUSED)


@given(queue=st.sampled_from([None, *QueueStatus]), cause=st.sampled_from([None, *Cause]))
def test_N2_every_item_has_one_state(queue: QueueStatus | None, cause: Cause | None) -> None:
    state = item_state_of(queue, cause)
    assert (state is None) is (queue in (None, QueueStatus.DONE))
    if state is not None:
        assert (state is ItemState.UNTAGGED) is (cause is Cause.UNTAGGED)
    if state is ItemState.FAILED:
        assert queue not in OPEN_STATUSES


@pytest.mark.parametrize("path", ["/signal/flows/", "/signal/metrics/", "/signal/metrics/feed/", "/signal/retry/"])
def test_N2_the_panel_stays_and_counts_the_same_on_every_page(database: DatabaseFacts, client: Client, path: str) -> None:
    with signal_account.site(database) as site:
        mixed(site)
        site.signs_in(client)
        page = client.get(path).content.decode()
    words = text_of(f"<main>{page[: page.index('<main')]}".encode())
    for place in ("Flows", "Connections", "Mappings", "Metrics", "Retry", "Replay"):
        assert place in words
    # In the panel, in the menu of a phone, and on that menu's button, where what waits for a tag is among what waits.
    assert numbers_in(words) == {"waiting": 22, "failed": 9, "untagged": 8}
    assert ("Webhook Posts" in words) is path.startswith("/signal/metrics/")


def test_N2_failed_is_one_number_on_all_pages(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        mixed(site)
        site.signs_in(client)
        flows = table_rows(client.get("/signal/flows/").content, "Flow", "Last activity")
        connections = table_rows(client.get("/signal/connections/").content, "Connection", "Used by")
        insights = text_of(client.get("/signal/metrics/").content)
        retry = text_of(client.get("/signal/retry/").content)
        listed = table_rows(client.get("/signal/retry/?status=Failed").content, "Registration", "Status")
    assert numbers_in(" ".join(row["Last activity"] for row in flows)) == {"waiting": 6, "failed": 3, "untagged": 4}
    assert numbers_in(" ".join(row["Used by"] for row in connections)) == {"waiting": 6, "failed": 3, "untagged": 0}
    assert re.findall(r"\+ (\d+) failed", insights) == ["3"], insights
    assert "6 wait for a retry, 4 wait for a tag" in retry
    assert "3 Failed" in retry
    assert len(listed) == 3
