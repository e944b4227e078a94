"""The pages of a source's mapping: from a real call by clicks to registrations, tried before it is switched on, and corrected afterwards (S2)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from tests.builders import signal_account
from tests.builders.planted_calls import ORDER, order_rows
from tests.builders.signal_account import SignalAccount
from tests.builders.stored_source import StoredSource, stored_source
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.accounts.models import User
from heliograph.domain.mapping.row import FixedText
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.recording.source_calls import process

DRAFT, ON = SourceState.DRAFT, SourceState.ON


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        yield made


@dataclass
class MappingEditor:
    """The editor of a source, as a browser without script uses it."""

    client: Client
    url: str
    page: bytes = b""
    fields: dict[str, Any] = field(default_factory=dict)

    def opens(self, query: str = "") -> str:
        return self._shown(self.client.get(self.url + query))

    def presses(self, do: str = "", *, pick: str = "", status: int = 200, **values: Any) -> str:
        """Posts the form as the page has it, with other values, by a button."""
        response = self.client.post(self.url, {**self.fields, **values, "do": do, "pick": pick})
        assert response.status_code == status, text_of(response.content)
        return self._shown(response) if status in (200, 422) else ""

    def _shown(self, response: Any) -> str:
        self.page = response.content
        text = self.page.decode()
        self.fields = {}
        for tag in re.findall(r"<input\b[^>]*>", text):
            given = {name: html.unescape(value) for name, value in re.findall(r'(\w+)="([^"]*)"', tag)}
            if "name" in given and (given.get("type") not in ("radio", "checkbox") or " checked" in tag):
                self.fields.setdefault(given["name"], [])
                self.fields[given["name"]].append(given.get("value", ""))
        for name, options in re.findall(r'<select[^>]*\bname="(\w+)"[^>]*>(.*?)</select>', text, re.DOTALL):
            chosen = re.search(r'<option value="([^"]*)" selected', options) or re.search(r'<option value="([^"]*)"', options)
            self.fields.setdefault(name, []).append(html.unescape(chosen[1]) if chosen else "")
        return text_of(self.page)

    @property
    def mapping(self) -> CallMapping:
        return CallMapping.from_body(json.loads(self.fields["mapping"][0]))

    def place(self, target: str) -> int:
        return next(number for number, row in enumerate(self.mapping.rows) if row.target == target)

    def sources(self, target: str) -> list[str]:
        row = self.mapping.row_of(target)
        assert row is not None
        return [part.text if isinstance(part, FixedText) else part.key for part in row.row.parts]


def editor(client: Client, source: StoredSource) -> MappingEditor:
    return MappingEditor(client, f"/settings/sources/{source.id}/mapping/")


def shop(site: SignalAccount, standing: SourceState = DRAFT, mapping: CallMapping | None = None) -> StoredSource:
    return stored_source(site.setup, mapping or CallMapping(), standing)


def run(source: StoredSource) -> None:
    while process(source.setup.db, source.setup.provider, source.id).halt is None:
        pass


def whole_mapping() -> CallMapping:
    return order_rows((("paid", "New"),))


def test_S2_a_mapping_is_made_by_clicks_tried_on_real_calls_and_switched_on_quietly(site: SignalAccount, client: Client) -> None:
    source = shop(site)
    source.call(ORDER)
    site.signs_in(client)
    edit = editor(client, source)

    page = edit.opens()
    assert "tickets" in page
    assert "Showing registration 1 of 2" in page
    assert edit.mapping.each == "tickets"
    assert edit.sources("profile.email") == ["tickets.mail"]  # proposed by its name
    assert "mira@example.org" in page

    edit.presses(f"open:{edit.place('event')}")
    edit.presses(pick="show")
    edit.presses(f"open:{edit.place('code')}")
    if edit.sources("code"):
        edit.presses(f"remove:{edit.place('code')}")
        edit.presses(f"open:{edit.place('code')}")
    edit.presses(pick="number")
    edit.presses(f"open:{edit.place('code')}", **{f"text-{edit.place('code')}": "-"})
    edit.presses(pick="tickets.id")
    assert edit.sources("code") == ["number", "-", "tickets.id"]
    assert "F-1-7" in text_of(edit.page)
    edit.presses(f"open:{edit.place('status')}")
    page = edit.presses(pick="tickets.state")
    assert "are not matched yet" in page
    page = edit.presses(f"chip:{edit.place('status')}.0")
    assert "Theirs" in page
    theirs = edit.fields["map_from"]
    ours = [{"paid": "New", "pending": "Pre-Registered"}.get(text, "") for text in theirs]
    page = edit.presses("close", map_to=ours)
    assert "2 values mapped" in page
    assert "are not matched yet" not in page
    edit.presses(f"open:{edit.place('profile.first_name')}")
    edit.presses(pick="tickets.given", **{f"how-{edit.place('profile.first_name')}": "Proper Case"})
    page = edit.presses("entry:1")
    assert "Showing registration 2 of 2" in page
    assert "F-1-8" in page

    edit.presses("save", status=302)
    assert source.calls("state") == [(CallState.STORED,)]
    edit.opens()
    assert edit.sources("code") == ["number", "-", "tickets.id"]

    page = edit.presses("try")
    assert "Looking records and sends nothing." in page
    assert "2 new" in page
    assert "Mira, Jonas" in page
    assert source.setup.db.all("SELECT count(*) FROM registration WHERE account_id = :a", {"a": site.account.pk}) == [(0,)]
    edit.presses("on", kept_calls="quiet", status=302)
    run(source)
    assert source.calls() == [(CallState.RECORDED, 2, 2, 0)]
    assert source.setup.db.all("SELECT count(*) FROM action WHERE account_id = :a", {"a": site.account.pk}) == [(0,)]
    source.call({**ORDER, "number": "F-2"})
    run(source)
    assert source.setup.db.all("SELECT count(*) FROM action WHERE account_id = :a", {"a": site.account.pk}) == [(2,)]


@pytest.mark.parametrize(("kept", "states", "actions"), [("leave", [CallState.NOTHING], 0), ("act", [CallState.WAITING], 1)])
def test_S2_kept_calls_can_be_left_out_or_acted_on(
    site: SignalAccount, client: Client, kept: str, states: list[CallState], actions: int
) -> None:
    source = shop(site, mapping=whole_mapping())
    source.call(ORDER)
    site.signs_in(client)
    edit = editor(client, source)
    edit.opens()
    page = edit.presses("try")
    assert "1 call would wait" in page
    assert "Status: “pending” is not in the value map." in page
    edit.presses("on", kept_calls=kept, status=302)
    run(source)
    assert [state for (state,) in source.calls("state")] == states
    assert source.setup.db.all("SELECT count(*) FROM action WHERE account_id = :a", {"a": site.account.pk}) == [(actions,)]


def test_S2_a_problem_of_the_trial_leads_to_its_row(site: SignalAccount, client: Client) -> None:
    source = shop(site, mapping=whole_mapping())
    source.call(ORDER)
    site.signs_in(client)
    edit = editor(client, source)
    edit.opens()
    edit.presses("try")
    page = edit.presses("fix:status")
    assert "Theirs" in page
    assert "pending" in edit.fields["map_from"]


def test_S2_what_lacks_an_event_or_a_code_is_not_switched_on(site: SignalAccount, client: Client) -> None:
    source = shop(site)
    source.call({"x": 1})
    site.signs_in(client)
    edit = editor(client, source)
    edit.opens()
    page = edit.presses("on", kept_calls="quiet", status=422)
    assert "Not saved" in page
    assert "Before you can switch it on, choose what fills: Event, Code." in page


def test_S2_a_mapping_that_somebody_saved_meanwhile_is_not_overwritten_unasked(site: SignalAccount, client: Client) -> None:
    source = shop(site, mapping=whole_mapping())
    site.signs_in(client)
    edit = editor(client, source)
    edit.opens()
    source.save(name="renamed")
    page = edit.presses("save", status=422)
    assert "Somebody else saved this source" in page
    edit.presses("save", status=302)


def test_S2_a_sample_can_be_pasted_before_the_first_call(site: SignalAccount, client: Client) -> None:
    source = shop(site)
    site.signs_in(client)
    edit = editor(client, source)
    assert "No call has come yet." in edit.opens()
    page = edit.presses("sample", sample="{", status=422)
    assert "not JSON" in page
    assert "You can try it and switch it on as soon as a call is stored" in edit.presses("sample", sample=json.dumps(ORDER))
    assert edit.mapping.each == "tickets"
    assert edit.sources("profile.email") == ["tickets.mail"]


def test_S2_calls_that_wait_are_listed_by_reason_and_cured_by_a_corrected_mapping(site: SignalAccount, client: Client) -> None:
    source = shop(site, ON, whole_mapping())
    for number in range(3):
        source.call({**ORDER, "number": f"F-{number}"})
    waiting = source.call(None, raw=b"no json")
    run(source)
    site.signs_in(client, site.viewer)
    page = text_of(client.get(f"/settings/sources/{source.id}/items/").content)
    assert "Status: “pending” is not in the value map." in page
    assert "F-0-7, F-0-8" in page
    assert "The call cannot be read" in page
    assert "Try again" not in page

    site.signs_in(client)
    edit = editor(client, source)
    edit.opens("?fix=status")
    edit.presses("save", map_from=["paid", "pending"], map_to=["New", "Pre-Registered"], status=302)
    run(source)
    assert [state for (state,) in source.calls("state")] == [CallState.RECORDED] * 3 + [CallState.WAITING]
    site.signs_in(client, site.planner)
    response = client.post(f"/settings/sources/{source.id}/again/", {"call": [waiting]}, follow=True)
    assert "1 call runs again." in text_of(response.content)
    assert source.calls("state")[-1] == (CallState.STORED,)
    run(source)
    for selection in ({}, {"call": ["x"]}, {"call": [waiting, ""]}, {"call": ["9" * 30]}, {"do": "al"}):
        response = client.post(f"/settings/sources/{source.id}/again/", selection, follow=True)
        assert "Nothing was done: these calls cannot be read. Choose them again." in text_of(response.content), selection
        assert source.calls("state")[-1] == (CallState.WAITING,), selection
    response = client.post(f"/settings/sources/{source.id}/again/", {"do": "all"}, follow=True)
    assert "1 call runs again." in text_of(response.content)


def test_S2_the_page_of_a_call_masks_personal_data_until_an_administrator_asks(site: SignalAccount, client: Client) -> None:
    source = shop(site, ON, whole_mapping())
    call = source.call(ORDER)
    run(source)
    url = f"/settings/sources/{source.id}/calls/{call}/"
    for user in (site.viewer, site.planner, site.administrator):
        site.signs_in(client, user)
        content = client.get(url).content
        page = text_of(content)
        assert "F-1-7" in page
        assert "pending" in page
        assert "is not in the value map." in page
        assert b"Mira" not in content
        assert b"mira" not in content
        assert b"jonas" not in content.lower()
        shown = text_of(client.post(url, {"do": "reveal"}).content)
        assert ("Mira@Example.org" in shown) == (user == site.administrator)


def roles(site: SignalAccount) -> list[tuple[User, int]]:
    return [(site.viewer, 403), (site.planner, 403), (site.administrator, 200)]


def test_S2_only_an_administrator_edits_and_a_viewer_runs_nothing_again(site: SignalAccount, client: Client) -> None:
    source = shop(site, ON, whole_mapping())
    call = source.call(ORDER)
    for user, status in roles(site):
        site.signs_in(client, user)
        assert client.get(f"/settings/sources/{source.id}/mapping/").status_code == status
        assert client.get(f"/settings/sources/{source.id}/calls/{call}/").status_code == 200
    site.signs_in(client, site.viewer)
    assert client.post(f"/settings/sources/{source.id}/again/", {"call": [call]}).status_code == 403


def test_S2_pages_of_another_account_s_source_are_not_there(site: SignalAccount, client: Client) -> None:
    other = signal_account.made(site.store, name="Other")
    source = shop(other, ON, whole_mapping())
    call = source.call(ORDER)
    site.signs_in(client)
    for more in ("mapping/", "items/", f"calls/{call}/"):
        assert client.get(f"/settings/sources/{source.id}/{more}").status_code == 404
    assert client.post(f"/settings/sources/{source.id}/again/").status_code == 404
    mine = shop(site, ON, whole_mapping())
    assert client.get(f"/settings/sources/{mine.id}/calls/{call}/").status_code == 404
