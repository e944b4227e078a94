"""Nothing is removed that was not announced 14 days before, or begun by an Administrator who has seen it (O4): any order of events.

Time passes by making everything older that the database holds, with what it knows of announcements. What was announced is read from the
page, as an Administrator would.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field

import pytest
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.aging import age
from tests.confirming import confirms
from tests.page_text import text_of
from tests.story import Story

from heliograph.accounts.models import Account
from heliograph.domain.retention import DAY, GRACE, Terms
from heliograph.store.queue.retention_round import RetentionRound
from heliograph.store.retention_record import Removed

PAGE = "/settings/retention/"
INSTALLATION = Terms(180, 400)
CODES = itertools.count(1)

days = st.sampled_from([1, 5, 13, 14, 15, 30, 90, 200])
lengths = st.sampled_from([(None, None), (10, 10), (10, 60), (30, 30), (30, 60), (100, 200)])
steps = st.one_of(
    st.tuples(st.just("pass"), days),
    st.tuples(st.just("save"), lengths),
    st.tuples(st.just("save, unconfirmed"), lengths),
    st.tuples(st.just("begin"), st.none()),
    st.tuples(st.just("record"), st.none()),
    st.tuples(st.just("round"), st.none()),
)


@pytest.fixture
def story(forgetful_story: Story) -> Story:
    return forgetful_story


@dataclass(frozen=True, slots=True)
class Moment:
    """What an Administrator could know on a day. announced: the page shows a removal, with counts; begun: they have confirmed one."""

    day: int
    terms: Terms
    announced: bool
    begun: bool


@dataclass
class Witness:
    """Somebody who watches the page Retention, and what rounds remove."""

    story: Story
    browser: Client
    day: int = 0
    moments: list[Moment] = field(default_factory=list)

    def terms(self) -> Terms:
        account = Account.objects.get(pk=self.story.account)
        return INSTALLATION.shortened(account.content_days, account.row_days)

    def watch(self, *, begun: bool = False) -> None:
        page = text_of(self.browser.get(PAGE).content)
        announced = "The removal starts on" in page or "The removal runs every hour" in page
        self.moments.append(Moment(self.day, self.terms(), announced, begun))

    def take(self, step: str, value: object) -> None:
        story, begun = self.story, False
        if step == "pass":
            assert isinstance(value, int)
            self.day += value
            age(story.db, story.account, value)
            with story.db.transaction():
                story.db.run(f"UPDATE retention SET announced = announced - {value * DAY}, agreed = agreed - {value * DAY}")
        elif step == "record":
            code = f"R{next(CODES)}"
            for first in ("Eva", "Ewa"):
                story.record(code, first=first)
        elif step == "begin":
            question = self.browser.post(PAGE, {"begin": "1"})
            if question.status_code == 200:
                assert "This is removed" in text_of(question.content)
                begun = confirms(self.browser, PAGE, {"begin": "1"}).status_code == 302
            else:
                confirms(self.browser, PAGE, {"begin": "1"})  # nothing was shown: it agrees to nothing
        elif step.startswith("save"):
            assert isinstance(value, tuple)
            typed = {"content": str(value[0] or ""), "rows": str(value[1] or "")}
            question = self.browser.post(PAGE, typed)
            if question.status_code == 200 and step == "save":
                assert "This is removed" in text_of(question.content)
                begun = confirms(self.browser, PAGE, typed).status_code == 302
        else:
            self.judge(RetentionRound(story.db, story.db.now(), threading.Event(), lambda _s: False).all_accounts(INSTALLATION))
        self.watch(begun=begun)

    def judge(self, removed: Removed) -> None:
        """Whether what a round removed was allowed to go: the terms were announced or begun, and nothing longer was saved since."""
        if not removed:
            return
        terms = self.terms()
        for moment in reversed(self.moments):
            if terms.removes_more_than(moment.terms):
                break
            if moment.begun or (moment.announced and moment.day <= self.day - GRACE):
                return
        raise AssertionError(f"removed on day {self.day} by {terms}, unannounced: {removed}\n" + "\n".join(map(str, self.moments)))


@pytest.mark.django_db(transaction=True)
@given(st.lists(steps, min_size=4, max_size=14))
@example([("save", (30, 30)), ("record", None), ("pass", 90), ("round", None)])
@example([("record", None), ("pass", 90), ("save", (30, 30)), ("round", None), ("save", (None, None)), ("save", (30, 30)), ("record", None),
          ("pass", 90), ("round", None)])  # fmt: skip
@example([("pass", 200), ("round", None), ("pass", 15), ("record", None), ("pass", 200), ("round", None)])
@example([("begin", None), ("record", None), ("pass", 200), ("round", None)])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_O4_nothing_goes_that_was_not_announced_whatever_the_order(story: Story, client: Client, order: list[tuple[str, object]]) -> None:
    with story.db.transaction():
        for table in ("retention", "retention_day"):
            story.db.run(f"DELETE FROM {table}")
        story.db.run("DELETE FROM change_content WHERE change_id IN (SELECT id FROM change WHERE registration_id IS NOT NULL)")
        story.db.run("DELETE FROM change WHERE registration_id IS NOT NULL")
    Account.objects.filter(pk=story.account).update(content_days=None, row_days=None)
    witness = Witness(story, story.signs_in(client) if not client.session.get("_auth_user_id") else client)
    witness.watch()
    for step, value in order:
        witness.take(step, value)


def test_O4_what_is_announced_goes_after_its_time(story: Story, client: Client) -> None:
    witness = Witness(story, story.signs_in(client))
    witness.take("record", None)
    for step, value in (("save", (30, 30)), ("pass", 31), ("round", None), ("pass", GRACE), ("record", None)):
        witness.take(step, value)
    removed = RetentionRound(story.db, story.db.now(), threading.Event(), lambda _s: False).all_accounts(INSTALLATION)
    assert removed.changes > 0


def test_O4_a_round_stops_where_longer_terms_are_saved_meanwhile(story: Story, client: Client) -> None:
    browser = story.signs_in(client)
    for n in range(60):
        story.record(f"M{n}", first="Eva")
        story.record(f"M{n}", first="Ewa")
    age(story.db, story.account, 40)
    assert confirms(browser, PAGE, {"content": "30", "rows": "30"}).status_code == 302
    saved = []

    def pause(_seconds: float) -> bool:
        if not saved:
            saved.append(browser.post(PAGE, {"content": "", "rows": ""}).status_code)
        return False

    removed = RetentionRound(story.db, story.db.now(), threading.Event(), pause).all_accounts(INSTALLATION)
    assert saved == [302]
    assert 0 < removed.contents < 100
    assert removed.changes == 0
