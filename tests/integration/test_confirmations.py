"""P15: a page that asks acts only on what it has shown. What has changed since is shown, and asked about once more."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.aging import age
from tests.asking_pages import PAGES, Asking, Site, asked_about
from tests.builders.platform_account import planned
from tests.confirming import promise_in
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.readings import Readings
from tests.receiver import Answer, Receiver
from tests.replays import checked
from tests.story import Story

import heliograph
from heliograph.accounts.models import Account
from heliograph.domain.flow.flow import Mode
from heliograph.replay import replays
from heliograph.replay.replays import Stage
from heliograph.setup.services import retention_terms as terms_service
from heliograph.store.retention_record import announcement
from heliograph.web.confirmation import Breaks, LinkedThing, Moving, promise_of, shortened

CHANGED = "Nothing was done: something has changed"
OURS = Path(heliograph.__file__).parent
COMPARES = ("is_agreed", "agrees", "save_confirmed")
"""Functions that compare what a page promised with what is so now."""
ELSEWHERE = {
    "setup.views.confirmed_save.save_confirmed": "the comparison itself",
    "web.confirmation.is_agreed": "the comparison itself",
    "connections.views.connection_actions.sign": "posts back the edition of its secrets, which each of its deeds raises",
    "mappings.views.mappings._save": "a stored mapping keeps its kind and its subject, so no flow stops by it; it asks all the same if one ever does",
    "connections.views.response_rule_page.response_rule": "test_response_rules: saved again, it is saved; what it asks is of the posted rule alone",
    "recipes.views.recipe_undo_page.recipe_undo": "test_P15_B3_a_recipe_is_undone_by_what_was_shown: it needs a session that has switched one on",
    "retry.views.item_operations._discard_cause": "test_P15_items_are_discarded_by_what_was_said_of_their_flow",
    "retry.views.item_operations.resend_item": "test_P15_a_delivery_is_sent_again_by_what_was_said_of_its_connection",
    "replay.views.replay_steps.send": "test_P15_a_replay_is_sent_by_the_flow_that_was_shown",
    "administration.views.retention_page._begun": "test_P15_a_removal_begins_by_the_terms_that_were_shown",
    "administration.views.retention_page._posted": "test_P15_shorter_terms_are_saved_by_what_they_removed",
}
"""Places without an entry in the table, and why, or the test that tries them: they need another account."""


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[Site]:
    with planned(database, asked_about) as made:
        yield made


class Answers:
    """An Administrator who has opened a page that asks."""

    def __init__(self, site: Site, page: Asking) -> None:
        self.site, self.page, self.client = site, page, Client()
        site.signs_in(self.client)
        page.before(site)
        self.url = page.url(site)
        self.typed = page.posts(site, self.client)

    def opens(self) -> dict[str, str]:
        """The promise of the page as it is now."""
        shown = self.client.post(self.url, self.typed) if self.page.by_post else self.client.get(self.url)
        assert not self.page.done(self.site)
        promise = promise_in(shown)
        assert promise, text_of(shown.content)
        assert CHANGED not in text_of(shown.content)
        return promise

    def confirms(self, promise: dict[str, str]) -> Any:
        return self.client.post(self.url, self.typed | promise)


@pytest.mark.parametrize("name", PAGES)
def test_P15_what_has_changed_since_it_was_shown_is_shown_and_asked_about_once_more(site: Site, name: str) -> None:
    person_asked = Answers(site, PAGES[name])
    promise = person_asked.opens()
    PAGES[name].changes(site)
    refused = person_asked.confirms(promise)
    shown = text_of(refused.content)
    assert refused.status_code == 409
    assert not PAGES[name].done(site)
    assert PAGES[name].shows in shown
    assert CHANGED in shown or "would take more" in shown
    again = promise_in(refused)
    assert again != promise
    assert person_asked.confirms(again).status_code in (200, 302)
    assert PAGES[name].done(site)


@pytest.mark.parametrize("name", PAGES)
def test_P15_what_was_shown_is_done_at_once(site: Site, name: str) -> None:
    person_asked = Answers(site, PAGES[name])
    assert person_asked.confirms(person_asked.opens()).status_code in (200, 302)
    assert PAGES[name].done(site)


@pytest.mark.parametrize("name", PAGES)
def test_P15_nothing_is_done_without_a_promise_or_with_another_ones(site: Site, name: str) -> None:
    person_asked = Answers(site, PAGES[name])
    for promise in ({}, {"promise": "0" * 32}, {"promise": "yes"}):
        assert person_asked.confirms(promise).status_code in (200, 409)
        assert not PAGES[name].done(site)


@pytest.mark.parametrize("name", PAGES)
def test_P15_a_change_between_the_comparison_and_the_act_is_met(site: Site, name: str) -> None:
    page = PAGES[name]
    person_asked = Answers(site, page)
    promise = person_asked.opens()
    with Readings() as counted:
        person_asked.confirms({"promise": "0" * 32})  # reads as much, and does nothing
    at = counted.first_save or counted.n
    with Readings(at, lambda: page.changes(site)) as at_last:
        refused = person_asked.confirms(promise)
    if at_last.n < at:  # it was done before so much was read
        assert page.done(site)
        return
    assert refused.status_code == 409
    assert not page.done(site)
    assert page.shows in text_of(refused.content)


def test_P15_every_page_that_asks_is_tried() -> None:
    compares, asks, tried = set(), set(), {page.place for page in PAGES.values()} | ELSEWHERE.keys()
    for path in OURS.rglob("*.py"):
        module = ".".join(path.relative_to(OURS).with_suffix("").parts)
        for function in ast.parse(path.read_text()).body:
            if isinstance(function, ast.FunctionDef):
                called = {each.func.id for each in ast.walk(function) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)}
                if called & set(COMPARES):
                    compares.add(f"{module}.{function.name}")
                if "question" in called:
                    asks.add(module)
    assert compares - tried == set(), "add your page to PAGES in tests/asking_pages.py"
    assert tried - compares - {"connections.views.connection_actions.sign"} == set(), "there is no such place any more"
    written_for_others = {"flows.views.editor_questions", "setup.views.uses"}
    assert asks - {place.rpartition(".")[0] for place in tried} - written_for_others == set(), "a page asks, and compares nothing"


# --- what is promised


def test_P15_figures_that_move_by_themselves_are_not_promised() -> None:
    def page(n: int, flow: str) -> str:
        items = [LinkedThing(flow, f"/flows/{n}/" if n < 0 else "/flows/1/", Moving(f"{n} waiting"))]
        return promise_of(Moving(f"Discard {n} items?"), [f"Of {flow}", Moving(f"{n} wait")], [Breaks(Moving(f"{n} change"), items=items)])

    assert page(1, "Leads") == page(300_000, "Leads")
    assert page(1, "Leads") != page(1, "Badges")


def test_P15_things_that_are_only_counted_are_promised_too() -> None:
    def page(*names: str) -> str:
        return promise_of([Breaks("They stop", items=shortened([LinkedThing(name) for name in names]))])

    flows = [f"Flow {n}" for n in range(20)]
    assert page(*flows) == page(*reversed(flows))
    assert page(*flows) != page(*flows[:-1], "Another")


def test_P15_a_page_says_nothing_twice_in_one_digest() -> None:
    assert promise_of("a", "bc") != promise_of("ab", "c")
    assert promise_of(["a"], []) != promise_of([], ["a"])


# --- pages that need another account


def test_P15_items_are_discarded_by_what_was_said_of_their_flow(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client)
    receiver.answer("/crm", Answer(503))
    flow = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])

    with story.worker():
        story.record_many([{"code": code, "status": "Attended"} for code in ("R1", "R2", "R3")])
        for code in ("R1", "R2", "R3"):
            story.until(code, "queued")
        story.change_flow(flow, mode=Mode.TEST)
        story.submit(*[action["key"] for action in story.actions()])
        story.wait_for(lambda: {action["cause"] for action in story.actions()} == {"flow_mode"})
        link = re.search(r'href="(/signal/retry/discard/\?[^"]+)">Discard', client.get("/signal/retry/").content.decode())
        assert link
        url = html.unescape(link[1])
        asked = client.get(url)
        assert "Discard all 3 items?" in text_of(asked.content)
        promise = promise_in(asked)
        client.post("/signal/retry/discard/", {"item": [story.action("R3")["key"]]})
        assert "Discard all 2 items?" in text_of(client.get(url).content)
        assert promise_in(client.get(url)) == promise, "how many there are moves by itself"
        story.change_flow(flow, name="Leads of today")
        refused = client.post(url, promise)
        assert refused.status_code == 409
        assert "Leads of today" in text_of(refused.content)
        assert CHANGED in text_of(refused.content)
        assert [story.action(code)["cause"] for code in ("R1", "R2")] == ["flow_mode", "flow_mode"]
        assert client.post(url, promise_in(refused)).status_code == 302
        assert {action["cause"] for action in story.actions()} == {"discarded"}


def test_P15_a_delivery_is_sent_again_by_what_was_said_of_its_connection(story: Story, client: Client) -> None:
    story.signs_in(client)
    crm = story.connection("CRM", "/crm")
    story.flow("Leads", [story.to(crm)])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    url = f"/signal/retry/{story.action('R1')['key']}/resend/"
    asked = client.get(url)
    assert "Send it to CRM again?" in text_of(asked.content)
    story.change_connection(crm, name="CRM of today")
    refused = client.post(url, promise_in(asked))
    assert "Send it to CRM of today again?" in text_of(refused.content)
    assert len(story.actions()) == 1
    assert client.post(url, promise_in(refused)).status_code == 302
    assert len(story.actions()) == 2


def test_P15_a_replay_is_sent_by_the_flow_that_was_shown(story: Story, client: Client) -> None:
    story.signs_in(client)
    flow = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    story.set_active(flow, False)
    story.record("R1", status="Attended")
    story.set_active(flow, True)
    replay = checked(story, flow)
    url, typed = f"/signal/replay/{replay}/send/", {"send": ["new"], "rate": "60", "reason": "A wider filter"}
    promise = promise_in(client.get(f"/signal/replay/{replay}/"))
    assert promise
    story.change_flow(flow, name="Leads of today")
    refused = client.post(url, typed | promise)
    assert refused.status_code == 409
    assert CHANGED in text_of(refused.content)
    assert "The set-up was changed since this dry run" in text_of(refused.content)
    assert "A wider filter" in refused.content.decode()
    assert replays.find(story.account, replay).stage is Stage.CHECKED
    assert client.post(url, typed | promise_in(refused)).status_code == 302
    assert replays.find(story.account, replay).stage is Stage.WAITING


RETENTION = "/settings/retention/"


def shortens(story: Story, content: int, rows: int) -> None:
    """Another Administrator's save."""
    with story.saving() as transaction:
        terms_service.save_terms(transaction, content, rows, seen=False)


def test_P15_a_removal_begins_by_the_terms_that_were_shown(forgetful_story: Story, client: Client) -> None:
    story = forgetful_story
    ada = story.signs_in(client)
    for first in ("Eva", "Ewa"):
        story.record("R1", first=first)
    age(story.db, story.account, 210)
    shortens(story, 100, 200)
    promise = promise_in(ada.post(RETENTION, {"begin": "1"}))
    shortens(story, 50, 60)
    refused = ada.post(RETENTION, {"begin": "1"} | promise)
    assert refused.status_code == 409
    assert "Content is kept for 50 days, records for 60 days." in text_of(refused.content)
    before = announcement(story.db, story.account)
    assert ada.post(RETENTION, {"begin": "1"} | promise_in(refused)).status_code == 302
    assert announcement(story.db, story.account) != before


def test_P15_shorter_terms_are_saved_by_what_they_removed(forgetful_story: Story, client: Client) -> None:
    story = forgetful_story
    ada = story.signs_in(client)
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended", first="Eva")
        story.until("R1", "success")
    age(story.db, story.account, 40)
    typed = {"content": "30", "rows": "30"}
    promise = promise_in(ada.post(RETENTION, typed))
    assert promise
    assert ada.post(RETENTION, {"content": "20", "rows": "30"} | promise).status_code == 409, "the promise is of other terms"
    assert Account.objects.get(pk=story.account).row_days is None
    assert ada.post(RETENTION, typed | promise).status_code == 302
    assert Account.objects.get(pk=story.account).row_days == 30
