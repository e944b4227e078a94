"""The page Retention, and what other pages say of what is gone (O4, X6)."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.test import Client
from django_scopes import scope
from tests.aging import age
from tests.confirming import confirms, promise_in
from tests.page_text import text_of
from tests.story import Story
from tests.waiting import until

from heliograph.accounts.models import Account, AuditEntry, Role
from heliograph.domain.delivery.webhook_id import webhook_id
from heliograph.domain.retention import DAY, GRACE, Terms
from heliograph.setup.services import retention_terms
from heliograph.store import retention_record
from heliograph.store.queue.removal import survey
from heliograph.store.queue.retention_round import RetentionRound

PAGE = "/settings/retention/"
USUAL = Terms(180, 400)


@pytest.fixture
def story(forgetful_story: Story) -> Story:
    return forgetful_story


def delivered(story: Story) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended", first="Eva")
        story.record("R1", first="Ewa")
        story.until("R1", "success", "success")
    before = story.db.now()
    until(lambda: story.db.now() > before + 1000)


def turn(story: Story) -> None:
    account = Account.objects.get(pk=story.account)
    terms = USUAL.shortened(account.content_days, account.row_days)
    RetentionRound(story.db, story.db.now(), threading.Event(), lambda _s: False).account(story.account, terms)


def terms(story: Story) -> tuple[int | None, int | None]:
    account = Account.objects.get(pk=story.account)
    return account.content_days, account.row_days


def test_O4_an_administrator_shortens_the_terms(story: Story, client: Client) -> None:
    ada = story.signs_in(client)
    page = text_of(ada.get(PAGE).content)
    assert "Nothing is older than the limit." in page
    assert confirms(ada, PAGE, {"content": "90", "rows": ""}).status_code == 302
    assert terms(story) == (90, None)
    assert 'value="90"' in ada.get(PAGE).content.decode()
    with scope(account=story.account):
        entry = AuditEntry.objects.filter(kind="account").latest("pk")
    assert (entry.before, entry.after) == ({"content_kept_(days)": 180}, {"content_kept_(days)": 90})
    assert "Content kept (days)" in text_of(ada.get("/settings/audit/").content)
    assert ada.post(PAGE, {"content": "", "rows": "400"}).status_code == 302
    assert terms(story) == (None, None)


@pytest.mark.parametrize(
    ("content", "rows", "field"),
    [("181", "", "content"), ("0", "", "content"), ("x", "", "content"), ("", "401", "rows"), ("90", "30", "content")],
)
def test_O4_terms_that_cannot_be_stand_at_their_field(story: Story, client: Client, content: str, rows: str, field: str) -> None:
    refused = story.signs_in(client).post(PAGE, {"content": content, "rows": rows})
    assert refused.status_code == 422
    assert f'id="{field}-error"' in refused.content.decode()
    assert terms(story) == (None, None)


@pytest.mark.parametrize("role", [Role.PLANNER, Role.VIEWER])
def test_P1_others_read_the_terms(story: Story, client: Client, role: Role) -> None:
    other = story.signs_in(client, role)
    assert "180 days" in text_of(other.get(PAGE).content)
    for sent in ({"content": "1", "rows": "1"}, {"begin": "1"}):
        assert other.post(PAGE, sent).status_code == 403
    assert terms(story) == (None, None)
    assert retention_record.announcement(story.db, story.account) is None


def test_O4_the_page_shows_what_goes_and_an_administrator_starts_it(story: Story, client: Client) -> None:
    ada = story.signs_in(client)
    delivered(story)
    age(story.db, story.account, 200)
    page = text_of(ada.get(PAGE).content)
    # two requests, the older change and what the newest replaced, and the first state of each event
    assert "Contents 4" in page
    assert "announced within the hour" in page
    turn(story)
    told = retention_record.announcement(story.db, story.account)
    assert told is not None
    assert told.begins == told.at + GRACE * DAY
    assert "The removal starts on" in text_of(ada.get(PAGE).content)
    asked = ada.post(PAGE, {"begin": "1"})
    assert "Contents: 4" in text_of(asked.content)
    assert retention_record.announcement(story.db, story.account) == told
    assert confirms(ada, PAGE, {"begin": "1"}).status_code == 302
    turn(story)
    page = text_of(ada.get(PAGE).content)
    assert "Nothing is older than the limit." in page
    assert "What was removed" in page
    with scope(account=story.account):
        assert AuditEntry.objects.filter(kind="account").latest("pk").after == {"removal_begins": "at once"}


def test_O4_what_is_not_looked_at_is_not_called_nothing(story: Story, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = story.signs_in(client)
    for n in range(3):
        story.record(f"Q{n}", status="Attended", first="Quiet")
    age(story.db, story.account, 200)
    with story.db.transaction():
        retention_record.agree(story.db, story.account, USUAL, story.db.now(), "user:1")
    turn(story)
    with story.db.transaction():
        story.db.run("DELETE FROM retention WHERE account_id = :account", {"account": story.account})
    assert "Nothing is older than the limit." in text_of(ada.get(PAGE).content)
    monkeypatch.setattr(retention_terms, "survey", partial(survey, most=1))
    monkeypatch.setattr(retention_terms, "STEPS", 1)
    page = text_of(ada.get(PAGE).content)
    assert "Nothing is older than the limit." not in page
    assert "If anything is removed, it is announced within the hour" in page
    assert "more may be removed than is counted" in page
    assert ada.post(PAGE, {"begin": "1"}).status_code == 302, "whoever is to agree is told of all: nothing goes"
    monkeypatch.setattr(retention_terms, "MOST_STEPS", 1)
    asked = ada.post(PAGE, {"content": "90", "rows": "90"})
    assert asked.status_code == 200
    assert "more may be removed than is counted" in text_of(asked.content)
    assert terms(story) == (None, None)
    assert confirms(ada, PAGE, {"content": "90", "rows": "90"}).status_code == 302
    assert terms(story) == (90, 90)
    agreed = retention_record.announcement(story.db, story.account)
    assert agreed is not None
    assert agreed.agreed is not None


@pytest.mark.parametrize("typed", [{"content": "90", "rows": "90"}, {"begin": "1"}], ids=["shorter terms", "at once"])
@pytest.mark.parametrize("steps", [(300, 1), (1, 300)], ids=["not all is looked at any more", "all is looked at by now"])
def test_O4_an_agreement_to_a_removal_holds_only_while_the_page_knows_as_much_of_it(
    story: Story, client: Client, monkeypatch: pytest.MonkeyPatch, typed: dict[str, str], steps: tuple[int, int]
) -> None:
    """ "This is removed" is another statement than "at least so much goes". The numbers themselves may move."""
    ada = story.signs_in(client)
    delivered(story)
    age(story.db, story.account, 200)
    monkeypatch.setattr(retention_terms, "survey", partial(survey, most=1))
    monkeypatch.setattr(retention_terms, "MOST_STEPS", steps[0])
    asked = ada.post(PAGE, typed)
    monkeypatch.setattr(retention_terms, "MOST_STEPS", steps[1])
    asked_again = ada.post(PAGE, typed | promise_in(asked))
    assert asked_again.status_code == 409
    for page, number in ((asked, steps[0]), (asked_again, steps[1])):
        assert ("At least this much is removed" in text_of(page.content)) is (number == 1)
    assert terms(story) == (None, None)
    assert retention_record.announcement(story.db, story.account) is None
    story.record("R1", first="Eve")  # what was the newest is replaced: more goes than was said
    age(story.db, story.account, 200)
    assert ada.post(PAGE, typed | promise_in(asked_again)).status_code == 302
    agreed = retention_record.announcement(story.db, story.account)
    assert agreed is not None
    assert agreed.agreed is not None


def test_O4_an_agreement_to_a_removal_does_not_cover_what_waits_for_a_tag_since(story: Story, client: Client) -> None:
    ada = story.signs_in(client)
    delivered(story)
    story.flow("Waiting list", [story.to(story.connection("Chat", "/chat"))], statuses=["Waiting"])
    age(story.db, story.account, 200)
    asked = ada.post(PAGE, {"begin": "1"})
    assert "for a tag" not in text_of(asked.content)
    with story.worker():
        story.record("R2", status="Waitlist Hold")
        story.record("R2", status="Attended")
        story.wait_for(lambda: story.has_compared() and {item["due"] for item in story.stuck()} == {None})
        story.until("R2", "success", "success")
    age(story.db, story.account, 200)
    asked_again = ada.post(PAGE, {"begin": "1"} | promise_in(asked))
    assert asked_again.status_code == 409
    assert "1 of the older changes waits for somebody to set something right, such as a tag or a flow that is off" in text_of(
        asked_again.content
    )
    assert ada.post(PAGE, {"begin": "1"} | promise_in(asked_again)).status_code == 302


def test_O4_a_shorter_term_asks_with_what_it_removes(story: Story, client: Client) -> None:
    ada = story.signs_in(client)
    delivered(story)
    age(story.db, story.account, 40)
    asked = ada.post(PAGE, {"content": "30", "rows": "30"})
    assert asked.status_code == 200
    assert "Actions: 2" in text_of(asked.content)
    assert terms(story) == (None, None)
    assert confirms(ada, PAGE, {"content": "30", "rows": "30"}).status_code == 302
    assert terms(story) == (30, 30)
    turn(story)
    assert story.actions() == []


def test_X6_pages_say_when_content_was_removed(story: Story, client: Client) -> None:
    ada = story.signs_in(client)
    delivered(story)
    action = story.action("R1")["id"]
    age(story.db, story.account, 200)
    with story.db.transaction():
        retention_record.agree(story.db, story.account, USUAL, story.db.now(), "user:1")
    turn(story)
    timeline = text_of(ada.get("/signal/registrations/SUMMIT/R1/").content)
    assert timeline.count("Content removed on") == 2
    assert "Eva" not in timeline
    for n in (action, action - 1):
        item = ada.get(f"/signal/retry/a{n}/")
        assert item.status_code == 200
        assert "Content removed on" in text_of(item.content)


def test_X6_figures_stay_unlinked_with_the_day_of_removal(story: Story, client: Client) -> None:
    ada = story.signs_in(client)
    delivered(story)
    age(story.db, story.account, 100)
    period = "/signal/metrics/?days=200"
    before = ada.get(period).content.decode()
    assert "/records/" in before
    assert "Details are kept until" not in before
    with story.db.transaction():
        retention_record.agree(story.db, story.account, Terms(90, 90), story.db.now(), "user:1")
    Account.objects.filter(pk=story.account).update(content_days=90, row_days=90)
    turn(story)
    assert story.actions() == []
    after = ada.get(period).content.decode()
    text = text_of(after.encode())
    assert "Details are kept until" in text
    assert "Changes Processed 2" in text
    assert "Actions Triggered 2" in text
    for address in ("/signal/metrics/?days=200", "/signal/metrics/troubleshooting/?days=200"):
        assert 'href=""' not in ada.get(address).content.decode()
    old = [link for link in after.split('"') if "/records/changes" in link]
    assert old == []
    story.record("R2", status="Attended")
    assert "/records/" in ada.get("/signal/metrics/?days=80").content.decode()


def records_gone(story: Story) -> None:
    """Everything of R1 that was delivered is removed but its newest change."""
    age(story.db, story.account, 100)
    with story.db.transaction():
        retention_record.agree(story.db, story.account, Terms(90, 90), story.db.now(), "user:1")
    Account.objects.filter(pk=story.account).update(content_days=90, row_days=90)
    turn(story)
    assert story.actions() == []


def test_X6_every_list_that_reaches_back_says_until_when_details_were_kept(story: Story, client: Client) -> None:
    ada = story.signs_in(client)
    delivered(story)
    ((flow,),) = story.db.all("SELECT DISTINCT flow_id FROM run")
    day = (datetime.now(UTC) - timedelta(days=100)).date()
    lists = (
        "/signal/registrations/SUMMIT/R1/",
        "/signal/registrations/SUMMIT/R1/?show=sent",
        "/signal/metrics/feed/",
        f"/signal/metrics/feed/?date={day}",
        f"/signal/metrics/feed/?jump={day}T12:00",
        f"/signal/metrics/?from={day}&to={day}",
        f"/signal/metrics/records/triggered/?from={day}&to={day}",
        "/signal/retry/?status=Failed",
        f"/signal/flows/{flow}/decisions/",
    )
    for address in lists:
        page = ada.get(address)
        assert page.status_code == 200, address
        assert "Details are kept until" not in text_of(page.content), address
    records_gone(story)
    story.record("R2", status="Waitlist Hold")
    for address in lists:
        assert "Details are kept until" in text_of(ada.get(address).content), address
    find = text_of(ada.get("/signal/find/", {"q": webhook_id(story.db.now() - 100 * DAY, 1)}).content)
    assert "Details are kept until" in find
    assert "no action has it as its webhook-id" not in find
    young = text_of(ada.get("/signal/registrations/SUMMIT/R2/").content)
    assert "Details are kept until" not in young


def test_X6_an_item_that_is_gone_says_until_when_details_were_kept(story: Story, client: Client) -> None:
    """The sentence is the account's, whatever is asked for: it does not say which items there were."""
    ada = story.signs_in(client)
    delivered(story)
    action = story.actions()[0]
    addresses = (f"/signal/retry/a{action['id']}/", f"/signal/retry/a{2**60}/")
    assert "Details are kept until" not in text_of(ada.get(addresses[1]).content)
    records_gone(story)
    for address in addresses:
        page = ada.get(address)
        assert page.status_code == 404, address
        assert "There is no such item in your account. Details are kept until" in text_of(page.content), address


def test_X6_a_timeline_does_not_say_that_no_flow_took_what_is_no_longer_stored(story: Story, client: Client) -> None:
    ada = story.signs_in(client)
    delivered(story)
    records_gone(story)
    page = text_of(ada.get("/signal/registrations/SUMMIT/R1/").content)
    assert "No flow acted on it." not in page
    assert "Decisions and deliveries of flows are no longer stored." in page
    story.record("QUIET", event="REHEARSAL")
    assert "No flow acted on it." in text_of(ada.get("/signal/registrations/REHEARSAL/QUIET/").content)


def test_X6_why_says_that_a_change_without_content_can_no_longer_be_explained(story: Story, client: Client) -> None:
    ada = story.signs_in(client)
    delivered(story)
    age(story.db, story.account, 200)
    with story.db.transaction():
        retention_record.agree(story.db, story.account, USUAL, story.db.now(), "user:1")
    turn(story)
    ((flow,),) = story.db.all("SELECT DISTINCT flow_id FROM run")
    change = min(id for (id,) in story.db.all("SELECT change_id FROM action"))
    for address in (f"/signal/why/{change}/{flow}/", f"/signal/registrations/SUMMIT/R1/?why-change={change}&why-flow={flow}"):
        page = ada.get(address)
        assert page.status_code == 200
        assert "it can no longer be explained" in text_of(page.content), address
    assert ada.get(f"/signal/why/{2**60}/{flow}/").status_code == 404
    gone = text_of(ada.get(f"/signal/registrations/SUMMIT/R1/?why-change=999999&why-flow={flow}").content)
    assert "This registration has no such change." in gone
