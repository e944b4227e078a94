"""`heliograph seed` invents what could have happened: figures, lanes, attempts and pages agree with each other (X2, X3, D2)."""

from __future__ import annotations

import html
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from django.test import Client
from tests.builders.people import user
from tests.processes import Starter
from tests.recounts import Recount, wrong_lanes
from tests.seeded import CHANGES, Seeded, db, invented

from heliograph.accounts.models import Account
from heliograph.deliveries.exchanges import exchange
from heliograph.domain.delivery.action import ActionState, Origin, QueueStatus
from heliograph.domain.delivery.retry_policy import DAY, MINUTE, Category
from heliograph.domain.delivery.webhook_id import created_of
from heliograph.domain.figures import Period
from heliograph.domain.flow.decision import decide, mode_of
from heliograph.domain.flow.flow import Mode
from heliograph.insights.period import fixed_window
from heliograph.insights.period_figures import PeriodFigures
from heliograph.recording.contents import read_changes
from heliograph.seed.history_account import NotSeeded, prepare
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database

__all__ = ["db"]
BOUND = re.compile(r"\b(since|until)=\d+&?")
LINK = re.compile(r'<a[^>]*href="(?P<href>[^"]*/records/[^"]*)"[^>]*>(?P<inside>.*?)</a>', re.DOTALL)


def figures(seeded: Seeded, since: int, until: int, mode: Mode) -> PeriodFigures:
    return PeriodFigures(seeded.reader, fixed_window(since, until), mode)


def paused(db: Database) -> list[int]:
    """The connections that are paused."""
    return [id for (id,) in db.all("SELECT connection_id FROM connection_state WHERE paused")]


@pytest.mark.parametrize("copies", [1, 4])
def test_X2_the_figures_of_a_seeded_history_are_a_recount_of_its_rows(db: Database, copies: int) -> None:
    seeded = invented(db, changes=CHANGES * copies, copies=copies)
    rows = Recount(db, seeded.account, paused(db))
    chance, end = random.Random(5), seeded.until // MINUTE
    ends = [(end - 30 * 1_440, end), *(tuple(sorted(chance.sample(range(end - 43_200, end + 1), 2))) for _ in range(25))]
    seen = set()
    for since, until in ends:
        for mode in Mode:
            period = Period(since * MINUTE, until * MINUTE, mode.code)
            found = figures(seeded, period.since, period.until, mode).tiles
            assert found == rows.figures(period), (since, until, mode)
            seen.add(found.changes)
    assert len(seen) > 30


def test_X2_every_figure_of_a_seeded_history_counts_something(db: Database) -> None:
    seeded = invented(db)
    since = seeded.until - 30 * DAY
    whole = figures(seeded, since, seeded.until, Mode.LIVE).tiles
    assert min(whole.success, whole.superseded, whole.queued, whole.failed, whole.validation, whole.held_count, whole.untagged) > 0
    assert min(whole.retried, whole.abandoned, whole.leads_created, whole.leads_updated, whole.not_triggered) > 0
    assert figures(seeded, since, seeded.until, Mode.TEST).tiles.success > 0


def test_D2_D4_Y1_a_seeded_history_has_everything(db: Database) -> None:
    seeded = invented(db, days=3)

    def kinds(column: str, table: str = "action") -> set[int]:
        return {n for (n,) in db.all(f"SELECT DISTINCT {column} FROM {table} WHERE account_id = :a", {"a": seeded.account})}

    assert kinds("state") == set(ActionState)
    assert kinds("queue") == {0, *(status.code for status in QueueStatus)}
    assert kinds("origin") == {Origin.RECORDED, Origin.REPLAY}
    assert kinds("category", "attempt") - {None} == {category.code for category in Category}
    assert kinds("kind", "attempt") == {1, 2, 3}
    assert kinds("kind", "change") == {1, 2, 3}  # an event's changes are those of its set-up


@pytest.mark.parametrize("copies", [1, 3])
def test_D2_a_seeded_history_agrees_with_itself(db: Database, copies: int) -> None:
    seeded = invented(db, changes=CHANGES * copies, days=3, copies=copies)
    does = {d.id: d.does for flow in seeded.reader.config.flows.values() for d in flow.destinations}
    assert not (wrong := wrong_lanes(db, seeded.account, does)), "\n".join(wrong)
    ids = db.all("SELECT uid, created FROM action WHERE account_id = :a", {"a": seeded.account})
    assert [created_of(uid) for uid, _ in ids] == [created for _, created in ids]
    assert len({uid for uid, _ in ids}) == len(ids)
    for lost in (
        "SELECT count(*) FROM action a WHERE account_id = :account AND NOT EXISTS (SELECT 1 FROM lane l WHERE l.id = a.lane_id)",
        "SELECT count(*) FROM action a WHERE account_id = :account AND NOT EXISTS (SELECT 1 FROM change c WHERE c.id = a.change_id)",
        "SELECT count(*) FROM action a WHERE account_id = :account AND sent <> (SELECT count(*) FROM attempt t WHERE t.action_id = a.id)",
        "SELECT count(*) FROM action a WHERE account_id = :account AND a.ended IS NULL AND a.state >= 10",
        "SELECT count(*) FROM change c WHERE account_id = :account AND kind < 3 AND NOT EXISTS (SELECT 1 FROM registration r WHERE r.id = c.registration_id)",
        "SELECT count(*) FROM change c WHERE account_id = :account AND NOT EXISTS (SELECT 1 FROM change_content x WHERE x.change_id = c.id)",
        "SELECT count(*) FROM attempt t WHERE account_id = :account AND NOT EXISTS (SELECT 1 FROM attempt_content x WHERE x.action_id = t.action_id AND x.n = t.n)",
        "SELECT count(*) FROM registration r WHERE account_id = :account AND version <> (SELECT count(*) FROM change c WHERE c.subject_id = r.id)",
        "SELECT count(*) FROM stuck_run j WHERE account_id = :account AND NOT EXISTS (SELECT 1 FROM run r WHERE r.id = j.run_id AND r.decision = 1)",
    ):
        assert seeded.count(lost) == 0, lost


def test_F9_every_stored_decision_is_what_the_flows_decide(db: Database) -> None:
    seeded = invented(db, changes=1_500, copies=3)
    provider = Committed(db)
    ids = [id for (id,) in db.all("SELECT id FROM change WHERE account_id = :a AND kind < 3 ORDER BY id", {"a": seeded.account})]
    stored: dict[int, set[tuple[int, int, str]]] = {}
    for change, flow, decision, reason in db.all(
        "SELECT change_id, flow_id, decision, reason FROM run WHERE account_id = :a", {"a": seeded.account}
    ):
        stored.setdefault(change, set()).add((flow, decision, reason))
    found = read_changes(db, ids)
    assert len(found) == 1_500
    for id, (change, (account, event, account_version, event_version)) in found.items():
        assert change is not None
        config, of = provider.account(account, account_version), provider.event(event, event_version)
        decided = decide(change, config, of, mode=mode_of(change, config, of))
        said = {(d.flow.id, 1 if d.reason else 2, d.reason.value if d.reason else "") for d in decided}
        assert stored.get(id, set()) == said, id


def test_C5_the_requests_of_a_seeded_history_carry_the_guests_own_values(db: Database) -> None:
    seeded = invented(db, changes=1_500, copies=3)
    rows = db.all(
        "SELECT x.request, x.response, r.name, r.code, r.organization, f.name, a.uid FROM attempt_content x JOIN action a ON a.id = x.action_id"
        " JOIN registration r ON r.id = a.registration_id JOIN flow f ON f.id = a.flow_id WHERE a.account_id = :a AND x.request <> ''",
        {"a": seeded.account},
    )
    assert len(rows) > 1_000
    for request, response, name, code, organization, flow, uid in rows:
        sent = exchange(request, response)
        assert not re.search("[\u24b6-\u24e9]|%E2%9[23]", request)
        assert ("webhook-id", uid) in [(key.lower(), value) for key, value in sent.request_headers]
        assert "secret" not in request
        if flow in ("Registrants to the CRM", "CRM trial", "Partner portal"):
            body = json.loads(sent.request_body)
            assert (f"{body['FirstName']} {body['LastName']}", body["Company"]) == (name, organization)
            assert body["ExternalId"].endswith(f"/{code}")
        elif flow == "Badges at the door":
            assert parse_qs(sent.request_body)["company"] == [organization.upper()]


def test_the_same_seed_gives_the_same_history(db: Database) -> None:
    one, other, different = (invented(db, code, changes=800, seed=seed) for code, seed in (("ONE", 3), ("TWO", 3), ("THREE", 4)))

    def story(of: Seeded) -> list[tuple[object, ...]]:
        return db.all(
            "SELECT r.name, c.version, c.facets, a.state, a.tries, a.sent, a.cause, a.uid FROM action a JOIN change c ON c.id = a.change_id"
            " JOIN registration r ON r.id = a.registration_id WHERE a.account_id = :a ORDER BY a.created - :until, a.uid",
            {"a": of.account, "until": of.until},
        )

    assert len(story(one)) > 500
    # e-mail addresses and codes have the account's serials, which begin anew in no account: all else is equal
    assert story(one) == story(other)
    assert story(one) != story(different)


def test_a_history_is_only_added_where_that_is_wanted(db: Database) -> None:
    seeded = invented(db, changes=300)
    with pytest.raises(NotSeeded, match="--add"):
        prepare(db, "SEEDED", add=False)
    Account.objects.create(code="REAL", name="A real account")
    with pytest.raises(NotSeeded, match="not an account that"):
        prepare(db, "REAL", add=True)
    invented(db, changes=200, seed=2, add=True)
    assert seeded.count("SELECT count(*) FROM change WHERE account_id = :account AND kind < 3") == 500
    window = Period(seeded.until - 30 * DAY, seeded.until, 1)
    assert figures(seeded, seeded.until - 30 * DAY, seeded.until, Mode.LIVE).tiles == Recount(db, seeded.account, paused(db)).figures(
        window
    )


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.trial)])
def test_every_page_of_metrics_works_on_a_seeded_account(db: Database, client: Client, step: int) -> None:
    """step: of a chart's slices, each of which leads to its list, every so many of each colour, and the last; totals lead to theirs always."""
    seeded = invented(db, changes=2_500)
    client.force_login(user(Account.objects.get(pk=seeded.account)))

    def shown(url: str) -> str:
        answer = client.get(url)
        assert answer.status_code == 200, (url, answer.status_code)
        return answer.content.decode()

    lists = {}
    for address in ("/signal/metrics/", "/signal/metrics/troubleshooting/"):
        for asked in ("?period=30d", "?period=1d", "?period=30d&mode=test", "?days=12"):
            lists |= {html.unescape(link["href"]): link["inside"] for link in LINK.finditer(shown(address + asked))}
    assert len(lists) > 250
    totals = 0
    kinds: dict[str, list[str]] = defaultdict(list)
    for href in lists:
        kinds[BOUND.sub("", href)].append(href)
    assert len(kinds) > 80
    for href in (href for alike in kinds.values() for href in dict.fromkeys([*alike[::step], alike[-1]])):
        inside, page = lists[href], shown(href)
        said = re.search(r"<h1>[^<]*: ([\d,]+)</h1>", page)
        assert said, href
        tile = re.search(r'class="value">([\d,]+)<', inside)
        if tile:
            totals += 1
            assert said[1] == tile[1], href
        assert min(25, int(said[1].replace(",", ""))) == page.partition("<tbody>")[2].count("<tr>"), href
    assert totals > 20
    for asked in ("", "?result=success", "?result=failure", "?result=validation", "?result=not-triggered", "?mode=test", "?q=müller"):
        for link in _pages(shown, f"/signal/metrics/feed/{asked}"):
            assert link
    codes = db.all(
        "SELECT e.code, r.code FROM registration r JOIN event e ON e.id = r.event_id WHERE r.account_id = :a ORDER BY r.version DESC LIMIT 12",
        {"a": seeded.account},
    )
    for event, code in codes:
        for asked in ("", "?show=sent", "?show=trouble"):
            assert code in shown(f"/signal/registrations/{event}/{code}/{asked}")
    items = re.findall(
        r'href="(/signal/retry/[ar]\d+/)', "".join(shown(f"/signal/retry/{asked}") for asked in ("", "?status=Failed", "?status=Done"))
    )
    assert len(items) > 20
    for item in set(items):
        shown(item)


def _pages(shown: object, url: str) -> Iterator[str]:
    """Three pages of a list."""
    base = url.partition("?")[0]
    for _ in range(3):
        page = shown(url)  # type: ignore[operator]
        yield page
        older = re.search(r'rel="next" href="([^"]+)"', page)
        if not older:
            return
        url = base + html.unescape(older[1]) if older[1].startswith("?") else html.unescape(older[1])


def test_the_command_says_what_it_made_and_refuses_where_others_work(heliograph: Starter) -> None:
    done = heliograph("seed", "--changes", "500")
    assert done.wait(60) == 0, done.output
    assert "500 changes" in done.output.replace("\n", " ")
    again = heliograph("seed", "--changes", "500")
    assert again.wait(60) == 1
    assert "--add gives it another" in again.output.replace("\n", " ")
    other = heliograph("seed", "--changes", "500", "--account", "OTHER")
    assert other.wait(60) == 1
    assert "has other accounts: SEEDED" in other.output.replace("\n", " ")
    sure = heliograph("seed", "--changes", "500", "--account", "OTHER", "--yes")
    assert sure.wait(60) == 0, sure.output
