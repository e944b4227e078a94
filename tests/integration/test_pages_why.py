"""Why, or why not, on real rows: then and today, who else stopped, and judging them again (F9, D7)."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from tests.builders import signal_account
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.explanation_pair import RecordedChange, why_both
from heliograph.domain.flow.decision import FlowVerdict
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.timeline.alike_changes import stopped_alike
from heliograph.timeline.flow_decisions import FlowDecisions
from heliograph.web.cursor import Cursor, ListPage

STATUSES = ("New", "Attended", "Invited", "Cancelled", "Waitlist Hold")


def history(site: SignalAccount, seed: int = 3) -> list[int]:
    """Changes, and saves of rules and tags between them. Returns the flows."""
    setup, random_ = site.setup, random.Random(seed)
    tags = setup.tags
    every = setup.flows["All"]
    some = Flow(setup.id(902), 1, "Some", Mode.LIVE, True, Watch.STATUS, statuses=(tags["Cancelled"],))
    setup.save_flow(some)
    codes = [f"H-{n}" for n in range(8)]
    for n in range(12):
        for _change in range(4):
            code, status = random_.choice(codes), random_.choice(STATUSES)
            site.record(person(code, random_.choice("ABC"), "X", status=status, properties={"Test": random_.random() < 0.2}))
        if n % 4 == 0:
            setup.save({("statuses", setup.account): setup.statuses_body(untagged=tuple(random_.sample(STATUSES, 2)))})
        elif n % 4 == 1:
            some = setup.save_flow(replace(some, number=some.number + 1, statuses=(tags[random_.choice(STATUSES)],)))
        elif n % 4 == 2:
            filters = (FilterRow("profile.first_name", random_.choice((Op.IS_ANY_OF, Op.IS_NONE_OF)), ("A",)),)
            some = setup.save_flow(replace(some, number=some.number + 1, filters=filters))
        else:
            flow = setup.provider.account(setup.account).flows[every]
            setup.save_flow(replace(flow, number=flow.number + 1, active=not flow.active))
    return [every, some.id]


def recorded(site: SignalAccount, of: AccountReader) -> dict[int, RecordedChange]:
    ids = [id for (id,) in site.store.all("SELECT id FROM change WHERE account_id = :a ORDER BY id", {"a": site.account.pk})]
    return {id: RecordedChange(change, at[1], at[2], at[3]) for id, (change, at) in of.changes(ids).items() if change}


def test_F9_then_is_what_was_decided_and_today_what_would_be(database: DatabaseFacts) -> None:
    """Every change and flow of a history with saves in between: the stored run is the answer of then."""
    with signal_account.site(database) as site:
        flows = history(site)
        of = AccountReader(site.store, site.account.pk)
        runs = {
            (change, flow): (decision, reason)
            for change, flow, decision, reason in site.store.all(
                "SELECT change_id, flow_id, decision, reason FROM run WHERE account_id = :a", {"a": site.account.pk}
            )
        }
        seen = Counter[str]()
        for id, one in recorded(site, of).items():
            for flow in flows:
                both = why_both(of, one, flow, lambda why: why)
                if both is None or both.then is None:
                    assert (id, flow) not in runs
                    continue
                decision, _reason = runs.get((id, flow), (0, ""))
                stored = {0: FlowVerdict.FILTERED, 1: FlowVerdict.NOT_TRIGGERED, 2: FlowVerdict.TRIGGERED}[decision]
                assert both.then.verdict is stored, (id, flow)
                assert (both.reason is None) == (stored is FlowVerdict.TRIGGERED)
                now = FlowDecisions(of, flow)
                assert both.today is not None
                seen[f"{stored}, {both.today.verdict}, {both.differs}"] += 1
                assert now.flow == flow
        assert len(seen) > 6, seen


def test_F9_the_number_of_others_is_their_list(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        flows = history(site)
        of = AccountReader(site.store, site.account.pk)
        known = recorded(site, of)
        reasons = {
            (id, flow): both.reason
            for id, one in known.items()
            for flow in flows
            if (both := why_both(of, one, flow, lambda why: why)) and both.then and both.reason
        }
        site.signs_in(client)
        sizes = Counter[int]()
        for (id, flow), reason in list(reasons.items())[::7]:
            rules = why_both(of, known[id], flow, lambda why: why)
            assert rules is not None
            assert rules.then is not None
            alike = {other for (other, at), same in reasons.items() if at == flow and same == reason and other != id}
            found = stopped_alike(of, rules.then.flow, known[id], reason)
            assert {row.id for row in found.rows} == alike
            sizes[len(alike)] += 1
            html = client.get(f"/signal/why/{id}/{flow}/others/").content.decode()
            listed, url = list[str](), ""
            while True:
                listed += re.findall(rf'class="sub" href="/signal/why/(\d+)/{flow}/"', html.partition("<tbody>")[2])
                older = re.search(r'rel="next" href="([^"]+)"', html)
                if not older:
                    break
                url = f"/signal/why/{id}/{flow}/others/{older[1].replace('&amp;', '&')}"
                html = client.get(url).content.decode()
            assert {int(each) for each in listed} == alike
            assert len(listed) == len(alike)
            number = client.get(f"/signal/why/{id}/{flow}/others/", headers={"HX-Request": "true"}).content.decode()
            said = re.search(r">(\d+) others? stopped for the same reason in the last 7 days", number)
            assert (int(said[1]) if said else 0) == len(alike)
        assert len(sizes) > 3


def test_F9_a_list_is_walked_there_and_back(database: DatabaseFacts) -> None:
    with signal_account.site(database) as site:
        flow = site.setup.flows["All"]
        known = site.setup.provider.account(site.setup.account).flows[flow]
        site.setup.save_flow(replace(known, active=False))
        site.record(*(person(f"R-{n:02}", "A", "B") for n in range(12)))
        of = AccountReader(site.store, site.account.pk)
        one = list(recorded(site, of).values())[3]
        both = why_both(of, one, flow, lambda why: why)
        assert both is not None
        assert both.then is not None
        assert both.reason == ("active", "inactive")
        found = stopped_alike(of, both.then.flow, one, both.reason)
        assert len(found.rows) == 11
        walks: list[Callable[..., ListPage[Any]]] = [found.page, FlowDecisions(of, flow).page]
        for walk in walks:
            page = walk(None, size=5)
            there = [row.id for row in page.rows]
            while page.older:
                page = walk(Cursor.read(page.older, parts=(int, int)), size=5)
                there += [row.id for row in page.rows]
            again = [row.id for row in reversed(page.rows)]
            while page.newer:
                page = walk(Cursor.read(page.newer, parts=(int, int)), size=5)
                again += [row.id for row in reversed(page.rows)]
            assert there == list(reversed(again)) == sorted(set(there), reverse=True)


def test_D7_those_that_wait_are_judged_again(site: SignalAccount, client: Client) -> None:
    slack = site.setup.id(902)
    site.record(*(person(f"U-{n}", "A", "B", status="Invited") for n in range(3)))
    site.record(person("W-1", "A", "B", status="Waitlist Hold"))
    ((change,),) = site.store.all("SELECT c.id FROM change c JOIN registration r ON r.id = c.registration_id WHERE r.code = 'S26-4'")
    address = f"/signal/why/{change}/{slack}/others/"
    site.signs_in(client, site.viewer)
    assert "Check all" not in client.get(address).content.decode()
    assert client.post(address).status_code == 403
    site.signs_in(client, site.planner)
    shown = text_of(client.get(address).content)
    assert "3 others stopped for the same reason in the last 7 days" in shown
    assert "3 of them wait in Retry." in shown
    assert "3 are checked again, by today’s rules." in text_of(client.post(address, follow=True).content)
    rows = site.store.all(
        "SELECT r.code, j.due_at FROM stuck_run j JOIN registration r ON r.id = j.registration_id WHERE j.account_id = :a AND j.queue = 1",
        {"a": site.account.pk},
    )
    assert {code for code, due in rows if due == 0} == {"U-0", "U-1", "U-2"}, "others wait on: W-1 has another status"


def test_F7_what_is_final_is_not_judged_again(site: SignalAccount, client: Client) -> None:
    slack = site.setup.id(902)
    ((change,),) = site.store.all(
        "SELECT c.id FROM change c JOIN registration r ON r.id = c.registration_id WHERE r.code = 'S26-5' AND c.kind = 1"
    )
    address = f"/signal/why/{change}/{slack}/others/"
    site.signs_in(client)
    shown = text_of(client.get(address).content)
    assert "None of them waits" in shown
    assert "None of them is waiting any more." in text_of(client.post(address, follow=True).content)


def test_F9_an_event_has_a_why_of_its_own(database: DatabaseFacts, client: Client) -> None:
    """A change of an event has no timeline: feed, records and the flow's decisions lead to the page of the change."""
    with signal_account.site(database) as site:
        setup = site.setup
        rows = [{"target": "event", "parts": [{"source": "event.code"}]}]
        setup.save({("mapping", setup.id(403)): {"name": "Event", "kind": "payload", "subject": "event", "empty": "empty", "rows": rows}})
        to = Destination(setup.id(915), "CRM", connection=setup.connection, payload_mapping=setup.id(403))
        flow = Flow(setup.id(905), 1, "Events", Mode.LIVE, True, Watch.EVENT, event_statuses=(setup.tags["New"],), destinations=(to,))
        setup.save_flow(flow)
        change = setup.save_event(EventState(setup.event_code, "Summit, renamed", setup.event_statuses["Live"]))
        assert change is not None
        site.signs_in(client)
        address = f"/signal/why/{change}/{flow.id}/"
        assert address in client.get("/signal/metrics/records/not-triggered/").content.decode()
        assert address in client.get("/signal/metrics/feed/?result=not-triggered").content.decode()
        assert address in client.get(f"/signal/flows/{flow.id}/decisions/").content.decode()
        shown = text_of(client.get(address).content)
        assert "Summit, renamed , SUMMIT-26: 2 fields changed" in shown
        assert "Not triggered" in shown
        site.signs_in(client, site.viewer)
        assert f'href="/signal/flows/{flow.id}/#source"' not in client.get(address).content.decode()


def test_F9_every_gate_leads_to_where_it_is_changed(site: SignalAccount, client: Client) -> None:
    slack = site.setup.id(902)
    site.signs_in(client)
    html = client.get(f"/signal/registrations/SUMMIT-26/S26-6/?why-flow={slack}").content.decode().partition('id="why"')[2]
    gates = {name: href for href, name in re.findall(r'<span class="name"><a href="([^"]+)">([^<]+)</a>', html)}
    flow = f"/signal/flows/{slack}/"
    assert gates == {
        "Watch": f"{flow}#source",
        "Active and complete": flow,
        "Live or Test": flow,
        "Filters": f"{flow}#filters",
        "Activate for: Registration Statuses": f"{flow}#source",
        "Send": f"{flow}#destination",
    }
    assert client.get(flow).status_code == 200


def test_P1_another_accounts_why_is_not_there(site: SignalAccount, client: Client) -> None:
    ((change,),) = site.store.all("SELECT min(id) FROM change WHERE account_id = :a", {"a": site.account.pk})
    flow = site.setup.flows["All"]
    other = signal_account.made(site.store, name="Somebody else")
    other.signs_in(client)
    theirs = other.setup.flows["All"]
    big = 1 << 70
    for path in (f"{change}/{flow}", f"{change}/{theirs}", f"{big}/{flow}", f"{change}/{big}", "0/0"):
        assert client.get(f"/signal/why/{path}/").status_code == 404, path
        assert client.get(f"/signal/why/{path}/others/").status_code == 404, path
        assert client.post(f"/signal/why/{path}/others/").status_code == 404, path
    assert client.get(f"/signal/flows/{flow}/decisions/").status_code == 404
    site.signs_in(client)
    assert client.get(f"/signal/why/{change}/{theirs}/").status_code == 404
    assert client.get(f"/signal/why/{change}/{flow}/").status_code == 200
    assert client.get(f"/signal/why/{change}/{flow}/others/").status_code == 404, "it did not stop"


@pytest.mark.parametrize("chosen", ["", "All", "nothing"])
def test_X5_sync_now_goes_through_all_flows_or_one(database: DatabaseFacts, client: Client, chosen: str) -> None:
    with signal_account.site(database) as site:
        setup = site.setup
        setup.save_flow(Flow(setup.id(906), 1, "Also", Mode.LIVE, True, Watch.REGISTRATION))
        site.record(person("Y-1", "A", "B"))
        before = len(site.actions("Y-1"))
        site.signs_in(client, site.planner)
        html = client.get("/signal/registrations/SUMMIT-26/Y-1/").content.decode()
        for name in ("Through all flows", "All", "Also"):
            assert f">{name}</option>" in html.partition("/signal/sync/")[2]
        flow = {"": "", "All": setup.flows["All"], "nothing": setup.id(999)}[chosen]
        answer = text_of(client.post("/signal/sync/SUMMIT-26/Y-1/", {"flow": flow}, follow=True).content)
        made = len(site.actions("Y-1")) - before
        assert made == {"": 2, "All": 1, "nothing": 0}[chosen]
        assert ("This flow does not exist." in answer) == (chosen == "nothing")
