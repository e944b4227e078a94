"""Signal's pages on real rows: the feed, the Retry Queue and its items, the timeline, the Flow List."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial

import pytest
from django.test import Client
from tests.builders import signal_account
from tests.builders.outcome import REFUSED
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.counted import counting_pages
from tests.databases import DatabaseFacts
from tests.looked_through import is_broken_off, pages_from
from tests.page_text import text_of
from tests.story import Story
from tests.tables import table_rows
from tests.waiting import until

from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.delivery.outcomes import Cause, Delivered, Refused
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.flow import Mode
from heliograph.insights.feed import PARTS, Feed
from heliograph.insights.feed_lines import FeedFilter, FeedResult
from heliograph.insights.views import feed_page
from heliograph.retry.retry_queue import RetryQueue
from heliograph.retry.views import retry as retry_page
from heliograph.retry.views import retry_jobs
from heliograph.store import connection_states
from heliograph.web.cursor import Cursor

# --- the feed


def changes_of(site: SignalAccount, wanted: FeedFilter, size: int) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Keys of all changes, page by page: there, and back again."""
    with account_reader(site.account.pk) as of:
        feed = Feed(of, wanted)
        there, page = [], feed.page(None, size=size)
        there += [row.key for row in page.rows]
        while page.older:
            page = feed.page(Cursor.read(page.older, parts=PARTS), size=size)
            there += [row.key for row in page.rows]
        again = [row.key for row in reversed(page.rows)]
        while page.newer:
            page = feed.page(Cursor.read(page.newer, parts=PARTS), size=size)
            again += [row.key for row in reversed(page.rows)]
        return there, again


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("result", list(FeedResult))
def test_X4_the_feed_is_walked_without_a_gap_there_and_back(database: DatabaseFacts, size: int, result: FeedResult) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        there, again = changes_of(site, FeedFilter(result=result), size)
        assert there == sorted(set(there), reverse=True)
        assert again == list(reversed(there))
        whole, _ = changes_of(site, FeedFilter(result=FeedResult.NOT_TRIGGERED), 1000)
        assert {row[0] for row in there} <= {row[0] for row in whole} or result is not FeedResult.NOT_TRIGGERED
        acted = "SELECT change_id FROM action WHERE mode = 1"
        runs = {
            FeedResult.ALL: " UNION SELECT change_id FROM stuck_run WHERE mode = 1 AND queue IN (1, 2, 3)",
            FeedResult.NOT_TRIGGERED: " UNION SELECT change_id FROM run WHERE mode = 1 AND decision = 1",
            FeedResult.FAILURE: " AND state IN (2, 11, 12) UNION SELECT change_id FROM stuck_run WHERE mode = 1 AND queue IN (1, 2, 3)"
            " AND cause = 'exception'",
            FeedResult.SUCCESS: " AND state = 10",
            FeedResult.VALIDATION: " AND state = 12",
        }[result]
        ((changes,),) = site.store.all(f"SELECT count(*) FROM ({acted}{runs}) found")
        assert len(there) == changes > 0


def test_X4_a_change_stands_once_where_it_was_acted_on_last(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    before, _ = changes_of(site, FeedFilter(), 100)
    client.post("/signal/sync/SUMMIT-26/S26-1/")
    with account_reader(site.account.pk) as of:
        page = Feed(of, FeedFilter()).page(None, size=100)
        one = Feed(of, FeedFilter()).page(None, size=1)
    assert len(page.rows) == len(before)
    top = page.rows[0]
    assert top.person is not None
    assert (top.person.code, one.rows[0].key) == ("S26-1", top.key)
    assert len(top.outcomes) == 2, "the one of then, and what was sent by hand"
    assert [row.key for row in page.rows[1:]] == [key for key in before if key != min(before)], "all others stay where they were"


def test_X4_the_feed_says_what_became_of_each(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    shown = text_of(client.get("/signal/metrics/feed/").content)
    for said in (
        "Zoë Marin S26-1, SUMMIT-26 Created CRM 200 , All: delivered",
        "S26-5, SUMMIT-26 Created CRM 401 , All: failed CRM answered 401 Unauthorized. Open Connection Setup",
        "山田 花子 S26-3, SUMMIT-26 Created CRM not sent , All: validation error email is required and empty; nothing was sent to CRM.",
        "Cancellations to Slack no tag , Cancellations to Slack: waits for a tag Waiting: the status has no tag. Tag it",
        "Mika Salo S26-6, SUMMIT-26 Status became Cancelled CRM on its way , All: on its way",
    ):
        assert said in shown, shown
    assert "not triggered" not in shown
    assert "<b>Haddad" not in client.get("/signal/metrics/feed/").content.decode()


@pytest.mark.parametrize(
    ("query", "there", "not_there"),
    [
        ("?result=success", "Zoë Marin", "Joe Citizen"),
        ("?result=failure", "Joe Citizen", "Zoë Marin"),
        ("?result=validation", "山田 花子", "Joe Citizen"),
        ("?result=not-triggered", "not triggered", "Nothing matches"),
        ("?q=zo%C3%AB+marin", "Zoë Marin", "Joe Citizen"),
        ("?q=S26-2", "Joe Citizen", "Zoë Marin"),
        ("?mode=test", "Nothing has happened yet", "Zoë Marin"),
        ("?date=2001-01-01", "Nothing matches", "Zoë Marin"),
        ("?result=x&event=-1&flow=%D9%A7", "Zoë Marin", "Nothing matches"),
    ],
)
def test_X4_the_feed_is_narrowed(site: SignalAccount, client: Client, query: str, there: str, not_there: str) -> None:
    site.signs_in(client)
    shown = text_of(client.get(f"/signal/metrics/feed/{query}").content)
    assert there in shown
    assert not_there not in shown


def test_X4_the_feed_is_sent_again_only_if_it_differs(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    whole = client.get("/signal/metrics/feed/").content.decode()
    etag = re.search(r'data-etag="([^"]+)"', whole)[1].replace("&quot;", '"')
    live = {"HX-Request": "true", "If-None-Match": etag}
    assert client.get("/signal/metrics/feed/", headers=live).status_code == 304
    site.ends(site.actions("S26-4")[0], Delivered(201))
    answer = client.get("/signal/metrics/feed/", headers=live)
    assert answer.status_code == 200
    assert answer["ETag"] != etag
    assert "<html" not in answer.content.decode()
    assert re.search(r'CRM</bdi> <span class="answer">201<', answer.content.decode())


def test_X4_a_paused_feed_stands_still(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    moment = site.store.now()
    until(lambda: site.store.now() > moment)  # SQLite's clock has millisecond steps
    site.record(person("S26-7", "Later", "Person"))
    shown = text_of(client.get(f"/signal/metrics/feed/?paused={moment}").content)
    assert "Later Person" not in shown
    assert "1 newer change" in shown
    assert "hx-get" not in client.get(f"/signal/metrics/feed/?paused={moment}").content.decode()
    # Pause is about the moment of the click, not that at which the page was loaded.
    answer = client.get("/signal/metrics/feed/?paused=now&result=failure", follow=True)
    ((there, _status),) = answer.redirect_chain
    assert re.fullmatch(r"\?paused=\d{16}&result=failure", there)
    assert "Paused at" in text_of(answer.content)


def test_X4_a_paused_feed_says_that_more_came_than_it_counts(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    moment = site.store.now()
    until(lambda: site.store.now() > moment)
    address = f"/signal/metrics/feed/?paused={moment}"
    site.record(*(person(f"R-{number}", "Ana", "Roth") for number in range(100)))
    shown = text_of(client.get(address).content)
    assert "100 newer changes" in shown
    assert "than 100" not in shown
    site.record(person("R-100", "Ana", "Roth"))
    assert "more than 100 newer changes" in text_of(client.get(address).content)


def test_X4_the_feed_begins_at_a_time_that_is_jumped_to(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    site.store.run("UPDATE action SET created = :at", {"at": 1_790_000_000_000_000})  # 21 Sep 2026, 16:13:20 in Vienna
    shown = client.get("/signal/metrics/feed/?jump=2026-09-21T16:13&result=success").content
    assert "Zoë Marin" in text_of(shown)
    assert "From 21 Sep 2026, 16:13 back." in text_of(shown)
    assert b'<option value="success" selected>' in shown, "the filter stays when one jumps again"
    assert b"hx-get" not in shown
    assert "Zoë Marin" not in text_of(client.get("/signal/metrics/feed/?jump=2026-09-21T16:12").content)


@pytest.mark.parametrize(("query", "there"), [("", True), ("&result=success", False), ("&result=not-triggered", True)])
def test_X4_the_feed_of_a_connection_has_what_was_sent_over_it(site: SignalAccount, client: Client, query: str, there: bool) -> None:
    site.signs_in(client)
    shown = text_of(client.get(f"/signal/metrics/feed/?connection={site.setup.connection}{query}").content)
    assert ("Joe Citizen" in shown) is there
    assert "Nothing matches" in text_of(client.get(f"/signal/metrics/feed/?connection=9999{query}").content)


def test_X4_a_feed_that_looked_far_says_how_far_and_goes_on(
    database: DatabaseFacts, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_page, "Feed", partial(Feed, scan=1))
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        seen = list(pages_from(client, "/signal/metrics/feed/?event=9999"))
        assert len(seen) > 1
        assert all(is_broken_off(shown) is ("Checked back to" in shown) for shown in seen)
        assert "Marin" not in "".join(seen)
        assert "There are no more." in seen[-1]


# --- Retry


def test_D8_the_queue_by_cause_and_by_item(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    shown = text_of(client.get("/signal/retry/").content)
    for said in (
        "2 wait for a retry, 1 waits for a tag (3 reasons)",
        "“Invited” of SUMMIT-26 has no tag",
        "CRM did not answer in time",
        "4 items: 3 Retry (1 waits for a tag), 0 Error, 1 Failed, 0 Done",
    ):
        assert said in shown, said


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("?status=waiting", {"S26-2", "S26-6"}),
        ("?status=untagged", {"S26-4"}),
        ("?status=Retry", {"S26-2", "S26-4", "S26-6"}),
        ("?status=Failed", {"S26-5"}),
        ("?category=Connection", {"S26-6"}),
        ("?category=Config&status=Retry", {"S26-2", "S26-4"}),
        ("?category=Config&status=waiting", {"S26-2"}),
        ("?q=joe", {"S26-2"}),
        ("?q=10+seconds", {"S26-6"}),
    ],
)
def test_D8_the_queue_is_narrowed(site: SignalAccount, client: Client, query: str, codes: set[str]) -> None:
    site.signs_in(client)
    rows = table_rows(client.get(f"/signal/retry/{query}").content, "Registration", "Reason")
    assert {code for row in rows for code in re.findall(r"S26-\d", row["Registration"])} == codes


def test_D8_a_narrowed_queue_that_looked_far_says_so_and_goes_on(
    database: DatabaseFacts, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_page, "RetryQueue", partial(RetryQueue, scan_limit=1))
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        seen = list(pages_from(client, "/signal/retry/?q=s26-5"))
        assert sum(map(is_broken_off, seen)) > 1
        assert all(is_broken_off(shown) is ("Not all items were checked." in shown) for shown in seen)
        assert "".join(seen).count(">S26-5</a>") == 1
        assert "There are no more." in seen[-1]
        first = text_of(client.get("/signal/retry/?q=s26-5").content)
        assert "none found yet of 4 items" in first
        monkeypatch.setattr(retry_jobs, "RetryQueue", partial(RetryQueue, scan_limit=1))
        assert "Download all rows that match" in text_of(client.get("/signal/retry/download/?q=s26-5").content)


def test_D8_a_cause_leads_to_exactly_its_items(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    html = client.get("/signal/retry/").content.decode().partition("<table")[0]
    found = re.findall(r'href="(/signal/retry/\?[^"]+)#items"[^>]*>.*?</svg>(\d+)', html)
    assert len(found) == 4
    for href, n in found:
        assert len(table_rows(client.get(href.replace("&amp;", "&")).content, "Registration", "Reason")) == int(n), href


def test_D6_each_cause_leads_to_the_page_that_cures_it(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        for code, status in (("S26-8", 401), ("S26-9", 422)):
            site.record(person(code, "Hana", "Kovář"))
            site.ends(
                site.actions(code)[0], Refused(Category.GENERAL, Cause.ANSWER, f"The target answered {status}.", left=True, status=status)
            )
        mapping, connection = (
            f'href="/signal/mappings/{site.setup.mapping}/">Edit Lead',
            f'href="/signal/connections/{site.setup.connection}/"',
        )
        for user, there in (
            (site.administrator, (mapping, f"{connection}>Open Connection Setup", ">Tag it<")),
            (site.planner, (">Tag it<",)),
            (site.viewer, ()),
        ):
            site.signs_in(client, user)
            html = client.get("/signal/retry/").content.decode().partition("<table")[0]
            for link in (mapping, f"{connection}>Open Connection Setup", ">Tag it<"):
                assert (link in html) == (link in there), (user.name, link)
            item = client.get(f"/signal/retry/{keys['waiting']}/").content.decode()
            assert ("Open Connection Setup" in item) == (user == site.administrator)


def refuses(site: signal_account.SignalAccount, code: str, status: int, said: str) -> str:
    """Somebody's delivery is refused with these words of the target; the item's address."""
    site.record(person(code, "Hana", "Kovář"))
    (action, *_others) = site.actions(code)
    site.ends(action, Refused(Category.CONFIG, Cause.ANSWER, f"The target answered {status}.", left=True, status=status))
    kept = json.dumps({"status": status, "headers": [["content-type", "text/plain"]], "body": said, "cut": False})
    site.store.run("UPDATE attempt_content SET response = :kept WHERE action_id = :action", {"kept": kept, "action": action})
    return f"/signal/retry/a{action}/"


@pytest.mark.parametrize(
    ("status", "said"), [(302, "Moved"), (403, "action_prohibited"), (404, "no_service"), (410, "channel_is_archived")]
)
def test_D6_an_address_that_is_gone_is_cured_in_connection_setup_with_the_targets_word(
    database: DatabaseFacts, client: Client, status: int, said: str
) -> None:
    with signal_account.site(database) as site:
        item = refuses(site, "S26-1", status, said)
        site.signs_in(client)
        for page in (item, "/signal/retry/"):
            html = client.get(page).content
            shown = text_of(html)
            assert f": {said}" in shown, page
            assert f'href="/signal/connections/{site.setup.connection}/">Open Connection Setup' in html.decode(), page
            assert "credentials" not in shown
            assert "Correct the mapping" not in shown
            assert "choose Release" not in shown
        with site.store.transaction():
            connection_states.pause(site.store, site.account.pk, site.setup.connection, "Gone")
        for page in (item, "/signal/retry/"):
            assert "until somebody chooses Release in its menu" in text_of(client.get(page).content), page


def test_D6_a_cause_is_listed_once_and_names_its_flow(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        for n, seconds in enumerate((5, 10, 20)):
            site.record(person(f"S26-{n}", "Hana", "Kovář"))
            late = Refused(Category.CONNECTION, Cause.TIMEOUT, f"No answer within {seconds} seconds.", left=True)
            site.ends(site.actions(f"S26-{n}")[0], late)
        site.signs_in(client)
        html = client.get("/signal/retry/").content
        groups = html.decode().partition('class="groups"')[2].partition("</section>")[0]
        assert groups.count("did not answer in time</b>") == 1
        assert re.search(r"3 actions of \w+", groups)
        href = re.search(r'href="(/signal/retry/\?cause=[^"#]+)', groups)
        assert href
        shown = text_of(client.get(href[1].replace("&amp;", "&")).content)
        assert all(f"S26-{n}" in shown for n in range(3))


def test_D6_a_flow_that_has_to_be_mended_is_one_cause_whatever_it_sends_to(story: Story, client: Client) -> None:
    first, second = story.connection("CRM", "/crm"), story.connection("Badges", "/badges")
    both = story.flow("Both", [story.to(first), story.to(second)])
    other = story.flow("Other", [story.to(first)])
    story.record("R1", status="Attended")
    for id in (both, other):
        story.change_flow(id, active=False)
    with story.worker():
        until(lambda: all(action["state"] == "queued" for action in story.actions("R1")))
    story.signs_in(client)
    html = client.get("/signal/retry/").content.decode()
    groups = html.partition('class="groups"')[2].partition("</section>")[0]
    assert [(n, flow) for n, flow in re.findall(r"(\d) actions? of (\w+)", groups)] == [("2", "Both"), ("1", "Other")]
    assert groups.count("Open the flow") == 2
    href = re.search(r'href="(/signal/retry/\?cause=[^"#]+)', groups)
    assert href
    rows = table_rows(client.get(href[1].replace("&amp;", "&")).content, "Registration", "Flow")
    assert [row["Flow"].split()[0] for row in rows] == ["Both", "Both"]


def test_F9_why_can_be_asked_by_the_rules_of_then_and_of_today(site: SignalAccount, client: Client) -> None:
    all_flow = site.setup.flows["All"]
    site.setup.save_flow(replace(site.setup.provider.account(site.setup.account).flows[all_flow], active=False))
    site.signs_in(client)
    address = f"/signal/registrations/SUMMIT-26/S26-1/?why-flow={all_flow}"
    html = client.get(address).content
    both = text_of(html)
    assert "Then Triggered: one request to CRM. Today Filtered: the flow was off." in both
    assert "Today: stopped here. Needs On, nothing missing; it was Off . Open the flow" in both
    assert "By the flow and tags at that time, and by today’s where they differ." in both
    assert "Change the tags of this flow" not in html.decode()
    slack = next(id for id in site.setup.provider.account(site.setup.account).flows if id != all_flow)
    not_triggered = f"/signal/registrations/SUMMIT-26/S26-1/?why-flow={slack}"
    assert f'href="/signal/flows/{slack}/#source">Change the tags of this flow' in client.get(not_triggered).content.decode()
    assert "Today’s decide the same." in text_of(client.get(not_triggered).content)
    site.signs_in(client, site.planner)
    assert "Change the tags of this flow" not in client.get(not_triggered).content.decode()
    assert ">Tag it<" in client.get("/signal/registrations/SUMMIT-26/S26-4/?why-flow=" + str(slack)).content.decode()


def test_D8_the_queue_is_read_on_to_its_end(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        for n in range(60):
            site.record(person(f"R-{n:03}", "A", "B"))
            site.ends(site.actions(f"R-{n:03}")[0], REFUSED)
        site.signs_in(client)
        codes: list[str] = []
        url = "/signal/retry/"
        while url:
            html = client.get(url).content.decode()
            codes += re.findall(r'class="name" href="[^"]+">(R-\d+)', html)
            older = re.search(r'rel="next" href="([^"]+)"', html)
            url = f"/signal/retry/{older[1].replace('&amp;', '&')}" if older else ""
        assert codes == [f"R-{n:03}" for n in reversed(range(60))]


def test_D8_an_item_shows_the_change_the_request_and_every_attempt(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        site.signs_in(client)
        html = client.get(f"/signal/retry/{keys['failed']}/").content
        shown = text_of(html)
        for said in (
            "CRM answered 401 Unauthorized",
            "New (tagged New)",
            "POST https://crm.example.com/…",
            "Retry 3",
            "First attempt",
            "Triggered: one request to CRM.",
            "by Planner, by hand",
        ):
            assert said in shown, said
        assert b"<script>alert" not in html
        assert "It waits for a tag" in text_of(client.get(f"/signal/retry/{keys['untagged']}/").content)


def test_D8_an_item_says_how_soon_its_next_try_is_and_which_of_how_many(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        waiting = signal_account.fill(site)["waiting"]
        site.signs_in(client)
        for which in ("first", "second", "last"):
            html = client.get(f"/signal/retry/{waiting}/").content
            assert re.search(rf"Next try in \d+ (s|min|h|h \d+ min) , the {which} of 3\.", text_of(html)), text_of(html)
            assert re.search(rb'<time datetime="[^"]+" title="[^"]*\d\d:\d\d(:\d\d)?" data-until="in # s"', html)
            site.ends(int(waiting[1:]), REFUSED)
        assert "Next try" not in text_of(client.get(f"/signal/retry/{waiting}/").content)


def test_D8_submitted_items_go_to_the_front(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        site.signs_in(client, site.planner)
        answer = client.post("/signal/retry/submit/", {"item": list(keys.values())}, follow=True)
        assert "2 items are sent next on their connection. 1 is checked again, which does not count as a retry." in answer.content.decode()
        waiting, failed = keys["waiting"][1:], keys["failed"][1:]
        rows = site.store.all(f"SELECT rank, state FROM action WHERE id IN ({waiting}, {failed})")
        assert rows == [(0, 2), (0, 2)]
        assert site.store.all("SELECT due_at FROM stuck_run WHERE id = :id", {"id": int(keys["untagged"][1:])}) == [(0,)]
        again = client.post("/signal/retry/submit/", {"item": "a1"}, follow=True)
        assert "1 was not submitted." in again.content.decode()


def test_D8_all_of_a_cause_are_submitted(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        for n in range(5):
            site.record(person(f"R-{n}", "A", "B"))
            site.ends(site.actions(f"R-{n}")[0], REFUSED)
        site.signs_in(client, site.planner)
        html = client.get("/signal/retry/").content.decode()
        cause = re.search(r'name="cause" value="([^"]+)"', html)[1]
        assert "Submit all 5" in html
        answer = client.post("/signal/retry/submit/", {"cause": cause}, follow=True)
        assert "5 items are sent next" in answer.content.decode()


# --- timeline


def test_X5_the_timeline_shows_changes_decisions_and_attempts(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    shown = text_of(client.get("/signal/registrations/SUMMIT-26/S26-6/").content)
    for said in (
        "Status became Cancelled",
        "New (tagged New)",
        "Cancelled (tagged Cancelled)",
        "2 changes, 4 decisions, 1 attempt",
        "Created",
    ):
        assert said in shown, said
    assert "Session KEYNOTE became Attended" in text_of(client.get("/signal/registrations/SUMMIT-26/S26-2/").content)


def test_F9_why_is_explained_by_what_was_in_force_then(site: SignalAccount, client: Client) -> None:
    setup = site.setup
    setup.save({("statuses", setup.account): setup.statuses_body()})  # Invited is tagged now
    site.signs_in(client)
    ((change,),) = site.store.all("SELECT c.id FROM change c JOIN registration r ON r.id = c.registration_id WHERE r.code = 'S26-4'")
    shown = text_of(client.get(f"/signal/registrations/SUMMIT-26/S26-4/?why-change={change}&why-flow={setup.id(902)}").content)
    assert "Not triggered yet: the status has no tag." in shown
    assert "it was without a tag ." in shown


def test_X5_sync_now_sends_the_registration_as_it_is(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    before = site.actions("S26-1")
    answer = client.post("/signal/sync/SUMMIT-26/S26-1/", follow=True)
    assert "Sync now: 1 action is being sent, to CRM." in answer.content.decode()
    made = sorted(set(site.actions("S26-1")) - set(before))
    rows = site.store.all("SELECT origin, repeated_id, state FROM action WHERE id = :id", {"id": made[0]})
    assert rows == [(3, before[0], 1)]
    assert len(made) == 1


def test_X5_nothing_is_synced_that_is_not_active(site: SignalAccount, client: Client) -> None:
    site.record({"code": "S26-1", "active": False})
    site.signs_in(client, site.planner)
    assert "not active" in client.post("/signal/sync/SUMMIT-26/S26-1/", follow=True).content.decode()


def test_F7_the_badge_of_retry_says_what_waits_for_a_retry_what_failed_and_what_waits_for_a_tag(
    site: SignalAccount, client: Client
) -> None:
    site.signs_in(client)
    for url in ("/signal/flows/", "/signal/retry/", "/signal/connections/"):
        n = dict(
            site.store.all(
                "SELECT CASE WHEN queue = 3 THEN 'failed' ELSE 'waiting' END AS said, count(*) FROM action WHERE queue IN (1, 2, 3) GROUP BY said"
            )
        )
        ((untagged,),) = site.store.all("SELECT count(*) FROM stuck_run WHERE queue = 1 AND cause = 'untagged'")
        assert min(n["failed"], n["waiting"]) > 0
        assert untagged == 1
        panel = client.get(url).content.decode()
        panel = panel[: panel.index("<main")]
        for line in (f"{n['waiting']} waiting", f"{n['failed']} failed", "1 waits for a tag"):
            assert f"{line}</span>" in panel, url


# --- flows


def test_F1_the_flow_list(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    shown = text_of(client.get("/signal/flows/").content)
    for said in (
        "When any registration is created or updated, send Lead to CRM .",
        "2 waiting",
        "1 failed",
        "1 validation error",
        "Registration Statuses: at least one tag",
        "3 of 3 flows",
    ):
        assert said in shown, said
    assert "Unfinished" not in text_of(client.get("/signal/flows/?status=complete").content)
    assert "Cancellations to Slack" in text_of(client.get("/signal/flows/?q=cancelled").content)


# --- how much is read


@pytest.mark.parametrize(
    "url",
    [
        "/signal/metrics/feed/",
        "/signal/metrics/",
        "/signal/metrics/troubleshooting/",
        "/signal/metrics/records/changes/",
        "/signal/metrics/records/triggered/",
        "/signal/retry/",
        "/signal/flows/",
        "/signal/connections/",
        "/signal/replay/",
        "/events/",
        "/registrations/",
        "/signal/registrations/SUMMIT-26/S26-2/",
    ],
)
def test_a_page_reads_the_same_however_much_there_is(site: SignalAccount, client: Client, url: str) -> None:
    site.signs_in(client)

    def asked() -> int:
        client.get(url)  # first compile what is compiled once
        with counting_pages() as cost:
            assert client.get(url).status_code == 200
        return cost.statements

    few = asked()
    for n in range(12):
        site.record(person(f"M-{n}", "A", str(n), status="Attended"))
        site.ends(site.actions(f"M-{n}")[0], REFUSED)
        site.record({"code": "S26-2", "profile": {"position": f"Nr {n}"}})
    assert asked() <= few


def test_both_modes_are_kept_apart(site: SignalAccount) -> None:
    assert changes_of(site, FeedFilter(mode=Mode.TEST), 10)[0] == []


@pytest.mark.parametrize("first", ["\u200b", "\u2066\u2069", "\u3164", "\u00ad", " "])
def test_X5_a_registration_without_a_name_that_can_be_seen_goes_by_its_code(database: DatabaseFacts, client: Client, first: str) -> None:
    with signal_account.site(database) as site:
        site.record(person("NAMELESS-1", first, ""))
        site.signs_in(client)
        page = client.get("/signal/registrations/SUMMIT-26/NAMELESS-1/").content.decode()
        assert "<title>Timeline of NAMELESS-1" in page
        assert "<h1><bdi>NAMELESS-1</bdi></h1>" in page
        for address in ("/signal/metrics/feed/", "/registrations/", "/registrations/SUMMIT-26/NAMELESS-1/", "/signal/find/?q=SUMMIT"):
            shown = client.get(address).content.decode()
            assert not re.search(r"<(a|b|h1|title)\b[^>]*>(<bdi>)?[\s\u200b\u2066\u2069\u3164\u00ad]*(</bdi>)?</\1>", shown), address


def test_C8_what_a_pause_holds_is_not_called_sending(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client)
        site.record(person("S-1", "Ada", "Lovelace"))

        def page() -> str:
            return text_of(b"<main>" + client.get("/signal/flows/").content.partition(b"<main")[0])

        assert "1 sending now" in page()
        account, connection = site.account.pk, site.setup.connection
        with site.store.transaction():
            connection_states.pause(site.store, account, connection, "Maintenance")
        assert "sending now" not in page()
        with site.store.transaction():
            connection_states.release(site.store, account, connection, 60)
            connection_states.renew(site.store, account, connection, site.store.now() + 60_000_000)
        assert "sending now" not in page(), "what a release has not let go yet is held, as its connection says"
