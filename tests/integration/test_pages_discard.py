"""What was made in a flow's other mode, Live or Test, can be discarded (F3, D6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from tests.builders import signal_account
from tests.builders.outcome import BUSY
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.domain.delivery.outcomes import Cause, CouldNotBegin

MADE_IN_LIVE = CouldNotBegin(Cause.FLOW_MODE, "It was made in Live, but the flow is now Test.")


@pytest.fixture
def site(database: DatabaseFacts, client: Client) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        made.record(person("S-1", "Ada", "Lovelace"), person("S-2", "Joe", "Citizen"), person("S-3", "Noor", "Haddad"))
        for code in ("S-1", "S-2"):
            made.ends(made.actions(code)[0], MADE_IN_LIVE)
        made.ends(made.actions("S-3")[0], BUSY)
        made.signs_in(client)
        yield made


def state_of(site: SignalAccount, code: str) -> tuple[int, str]:
    ((state, cause),) = site.store.all("SELECT state, cause FROM action WHERE id = :id", {"id": site.actions(code)[0]})
    return int(state), str(cause)


def test_F3_D6_it_is_discarded_on_its_page_and_waits_no_more(site: SignalAccount, client: Client) -> None:
    before = state_of(site, "S-2")
    key = f"a{site.actions('S-1')[0]}"
    page = client.get(f"/signal/retry/{key}/").content.decode()
    assert 'formaction="/signal/retry/discard/"' in page
    answer = client.post("/signal/retry/discard/", {"item": [key], "back": "item"}, follow=True)
    assert "1 item is discarded." in answer.content.decode()
    assert "somebody discarded it" in text_of(answer.content)
    assert state_of(site, "S-1")[1] == Cause.DISCARDED
    assert state_of(site, "S-2") == before
    again = client.post("/signal/retry/discard/", {"item": [key]}, follow=True)
    assert "none of these was" in again.content.decode()


def test_F3_D6_nothing_else_is_discarded(site: SignalAccount, client: Client) -> None:
    busy = state_of(site, "S-3")
    keys = [f"a{site.actions(code)[0]}" for code in ("S-1", "S-2", "S-3")]
    assert "Discard those of the other mode" in client.get("/signal/retry/").content.decode()
    answer = client.post("/signal/retry/discard/", {"item": [*keys, "r1", "a999999", "x"]}, follow=True)
    assert "2 items are discarded." in answer.content.decode()
    assert [state_of(site, code)[1] for code in ("S-1", "S-2")] == [Cause.DISCARDED, Cause.DISCARDED]
    assert state_of(site, "S-3") == busy
    assert "Discard" not in client.get(f"/signal/retry/{keys[2]}/").content.decode()


def test_D6_D8_what_was_discarded_can_still_be_submitted(site: SignalAccount, client: Client) -> None:
    key = f"a{site.actions('S-1')[0]}"
    client.post("/signal/retry/discard/", {"item": [key]})
    assert "is sent next" in client.post("/signal/retry/submit/", {"item": [key]}, follow=True).content.decode()


def test_P1_a_viewer_discards_nothing(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.viewer)
    key = f"a{site.actions('S-1')[0]}"
    assert client.post("/signal/retry/discard/", {"item": [key]}).status_code == 403
    assert state_of(site, "S-1")[1] == Cause.FLOW_MODE
    assert "/signal/retry/discard/" not in client.get(f"/signal/retry/{key}/").content.decode()


def test_P1_nobody_discards_items_of_another_account(site: SignalAccount, client: Client) -> None:
    other = signal_account.made(site.store, name="Others")
    site.signs_in(client, other.administrator)
    client.post("/signal/retry/discard/", {"item": [f"a{site.actions('S-1')[0]}"]})
    assert state_of(site, "S-1")[1] == Cause.FLOW_MODE
