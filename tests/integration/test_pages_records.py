"""The lists behind the numbers of Insights: filtered, sorted, exported, and what has changed since (X3)."""

from __future__ import annotations

import csv
import datetime
import html
import io
import os
import re
import time
from functools import partial
from typing import Any

import pytest
from django.test import Client
from tests.builders import signal_account
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.looked_through import pages_from
from tests.page_text import text_of
from tests.tables import table_rows
from tests.waiting import until

from heliograph.domain.delivery.outcomes import Delivered
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.insights import record_export, record_list
from heliograph.insights.record_kinds import RecordKind, RowKind
from heliograph.insights.records import Records
from heliograph.jobs import control
from heliograph.jobs.models import JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner

RECORDS = "/signal/metrics/records"


def codes(client: Client, address: str) -> list[str]:
    """The registrations of a list, row by row."""
    return codes_in(client.get(address).content.decode())


def codes_in(shown: str) -> list[str]:
    body = shown.partition("<tbody>")[2].partition("</tbody>")[0]
    return re.findall(r">(S26-\d)<", "\n".join(re.findall(r'<td class="row-lead">(.*?)</td>', body, re.DOTALL)))


def walked(client: Client, address: str) -> list[str]:
    """The same of all pages."""
    found, url = [], address
    while url:
        shown = client.get(url).content.decode()
        found += codes(client, url)
        older = re.search(r'rel="next" href="([^"]+)"', shown)
        url = address.partition("?")[0] + html.unescape(older[1]) if older else ""
    return found


@pytest.mark.parametrize(
    ("kind", "query", "found"),
    [
        ("changes", "outcome=success", {"S26-1"}),
        ("changes", "outcome=waiting", {"S26-2", "S26-6"}),
        ("changes", "outcome=failed", {"S26-5"}),
        ("changes", "outcome=validation", {"S26-3"}),
        ("changes", "outcome=not-triggered", {f"S26-{n}" for n in range(1, 7)}),  # the second flow takes cancellations only
        ("registrations", "outcome=pending", {"S26-4", "S26-6"}),
        ("registrations", "outcome=success", {"S26-1"}),
        ("triggered", "outcome=superseded", set()),
        ("triggered", "outcome=validation", {"S26-3"}),
        ("failures", "outcome=waiting", {"S26-2", "S26-6"}),
        ("failures", "outcome=success", {"S26-2", "S26-3", "S26-5", "S26-6"}),  # an outcome that no failure has does not narrow
        ("in-retry-queue", "outcome=not-triggered", {"S26-4"}),
        ("attempts", "outcome=success", {"S26-1"}),
        ("retries", "outcome=failed", {"S26-5"}),
        ("triggered", "q=s26-3", {"S26-3"}),
        ("triggered", "q=zo%C3%AB", {"S26-1"}),
        ("untagged", "q=ife", {"S26-4"}),
        ("flows", "outcome=success&connection=1", set()),
    ],
)
def test_X3_a_list_is_narrowed_by_outcome_and_text(site: SignalAccount, client: Client, kind: str, query: str, found: set[str]) -> None:
    site.signs_in(client)
    assert set(walked(client, f"{RECORDS}/{kind}/?{query}")) == found


def test_X3_a_list_is_narrowed_by_connection_and_says_how_many_of_all(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    for kind in ("changes", "registrations", "triggered", "failures", "in-retry-queue", "attempts"):
        whole = walked(client, f"{RECORDS}/{kind}/")
        mine = walked(client, f"{RECORDS}/{kind}/?connection={site.setup.connection}")
        assert set(mine) == set(whole) - ({"S26-4"} if kind == "in-retry-queue" else set())
        assert walked(client, f"{RECORDS}/{kind}/?connection=9999") == []
    shown = text_of(client.get(f"{RECORDS}/triggered/?outcome=validation").content)
    assert "Actions Triggered: 1" in shown
    assert "1 of 8" in shown


@pytest.mark.parametrize(("order", "said"), [("", "Checked back to"), ("&sort=oldest", "Checked up to")])
def test_X3_a_narrowed_list_that_looked_far_says_how_far_and_goes_on(
    database: DatabaseFacts, client: Client, monkeypatch: pytest.MonkeyPatch, order: str, said: str
) -> None:
    monkeypatch.setattr(record_list, "Records", partial(Records, scan_limit=1))
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        address = f"{RECORDS}/triggered/?outcome=validation{order}"
        seen = list(pages_from(client, address))
        first = text_of(seen[0].encode())
        assert [code for shown in seen for code in codes_in(shown)] == ["S26-3"]
        assert sum(said in shown for shown in seen) > 2
        assert "Actions Triggered: none found yet" in first
        assert "No record matches" not in first
        assert "Actions Triggered: at least" not in text_of(client.get(f"{RECORDS}/triggered/").content)


def test_X3_very_many_registrations_are_not_sorted_by_their_changes(
    database: DatabaseFacts, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_list, "MOST_REGISTRATIONS_SORTED", 3)
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        shown = text_of(client.get(f"{RECORDS}/registrations/?sort=changes").content)
        assert "Choose a shorter period to see those with most changes first." in shown
        assert "Most changes first" not in shown
        assert walked(client, f"{RECORDS}/registrations/?sort=changes") == walked(client, f"{RECORDS}/registrations/")
        assert "Most changes first" in text_of(client.get(f"{RECORDS}/flows/").content)


@pytest.mark.parametrize("kind", [kind.value for kind in RecordKind])
def test_X3_a_list_goes_from_the_newest_or_from_the_oldest(site: SignalAccount, client: Client, kind: str) -> None:
    for n in range(30):
        site.record(person(f"S26-{n % 3 + 7}", "More", f"Of them {n}"))
    site.signs_in(client)
    shown = client.get(f"{RECORDS}/{kind}/").content.decode()
    assert '<nav class="crumbs" aria-label="Where you are">' in shown
    newest, oldest = walked(client, f"{RECORDS}/{kind}/"), walked(client, f"{RECORDS}/{kind}/?sort=oldest")
    assert oldest == list(reversed(newest))
    if kind == "registrations":
        assert len(newest) == len(set(newest)) == 9
        assert set(walked(client, f"{RECORDS}/{kind}/?sort=changes")[:3]) == {"S26-7", "S26-8", "S26-9"}
        first = client.get(f"{RECORDS}/{kind}/?sort=changes").content.decode()
        assert re.search(r'<td class="num" data-th="Changes">10</td>', first)


def address_of(client: Client, page: str, kind: str) -> str:
    """The link of a number."""
    shown = client.get(page).content.decode()
    return html.unescape(re.search(rf'href="([^"]*/records/{kind}/[^"]*n=\d[^"]*)"', shown)[1])


def ends_after(site: SignalAccount, code: str, outcome: Any) -> None:
    """Ends the first action of a registration once the clock has gone on: SQLite's has steps of a millisecond."""
    now = site.store.now()
    until(lambda: site.store.now() > now + 1_000)
    site.ends(site.actions(code)[0], outcome)


def test_X3_a_list_whose_states_have_moved_says_so_and_leads_to_where_they_are(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    address = address_of(client, "/signal/metrics/?period=1h", "queued")
    assert set(codes(client, address)) == {"S26-2", "S26-6"}
    assert "changed since" not in text_of(client.get(address).content)
    ends_after(site, "S26-2", Delivered(200))
    shown = client.get(address).content
    assert "Actions in the Retry Queue: 1" in text_of(shown)
    assert "1 of these 2 has changed since: 1 was delivered" in text_of(shown)
    there = html.unescape(re.search(r'href="([^"]*was=queued[^"]*)"', shown.decode())[1])
    assert codes(client, there) == ["S26-2"]
    failures = address_of(client, "/signal/metrics/?period=1h", "failures")
    ends_after(site, "S26-6", Delivered(200))
    assert "1 of these 3 has changed since: 1 was delivered" in text_of(client.get(failures).content)


def test_X3_what_came_or_was_submitted_since_is_said_too(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        site.signs_in(client)
        minute = site.store.now() // MINUTE
        an_hour = f"/signal/metrics/?since={minute - 50}&until={minute + 10}"  # of one that ends now, what comes after the next full minute is no part
        changes, failed = address_of(client, an_hour, "changes"), address_of(client, an_hour, "failed")
        site.record(person("S26-7", "Late", "Comer"))
        assert "1 is new since" in text_of(client.get(changes).content)
        client.post("/signal/retry/submit/", {"item": keys["failed"]})
        assert "1 of these 1 has changed since: 1 was submitted again" in text_of(client.get(failed).content)


# --- export


def exported(site: SignalAccount, client: Client, address: str, form: str = "") -> list[list[str]]:
    """The rows of an export, without its head."""
    kind, _, query = address.removeprefix(f"{RECORDS}/").partition("/?")
    answer = client.post(f"{RECORDS}/{kind.strip('/')}/export/?{query}", {"form": form} if form else {})
    assert answer.status_code == 302
    job = int(answer["Location"].strip("/").rpartition("/")[2])
    assert client.get(f"/signal/metrics/exports/{job}/").status_code == 404, "nothing before its end"
    assert Runner(JobKinds([record_export.kind()])).run_one(job).state == JobState.DONE
    assert f"/signal/metrics/exports/{job}/" in client.get(answer["Location"]).content.decode()
    file = client.get(f"/signal/metrics/exports/{job}/")
    assert 'attachment; filename="heliograph-' in file["Content-Disposition"]
    text = file.getvalue().decode()
    assert text.startswith("\ufeff") is (form != "exact")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1:]


@pytest.mark.parametrize("kind", [kind.value for kind in RecordKind])
def test_X3_a_list_is_exported_as_it_stands(site: SignalAccount, client: Client, kind: str) -> None:
    site.signs_in(client, site.planner)
    listed = walked(client, f"{RECORDS}/{kind}/?sort=oldest")
    if not listed and kind != "flows":
        return
    rows = exported(site, client, f"{RECORDS}/{kind}/?sort=oldest")
    if kind == "flows":
        assert sorted(row[0] for row in rows) == ["All", "Cancellations to Slack"]
    else:
        assert [row[1] for row in rows if row[1].startswith("S26")] == listed  # the event itself was recorded, too


def test_X3_an_export_for_spreadsheets_begins_no_formula_and_an_exact_one_is_exact(
    database: DatabaseFacts, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_export, "CHUNK", 3)  # several chunks
    with signal_account.site(database) as site:
        for n in range(8):
            site.record(person(f"S26-{n}", "=1+1", f"@SUM({n})"))
        site.signs_in(client)
        safe, exact = (exported(site, client, f"{RECORDS}/triggered/?q=S26", form) for form in ("spreadsheets", "exact"))
        assert [row[1] for row in safe] == [row[1] for row in exact] == [f"S26-{n}" for n in reversed(range(8))]
        assert exact[0][2] == "=1+1 @SUM(7)"
        assert safe[0][2] == "'=1+1 '@SUM(7)"
        when = datetime.datetime.fromisoformat(exact[0][0])
        assert when.utcoffset() == datetime.timedelta(0)
        assert exported(site, client, f"{RECORDS}/triggered/?q=S26-3", "nonsense")[0][1] == "S26-3"


@pytest.mark.parametrize("kind", [kind.value for kind in RecordKind if kind is not RecordKind.FLOWS])
def test_X3_an_exact_export_has_the_ids_by_which_another_program_finds_a_record(site: SignalAccount, client: Client, kind: str) -> None:
    site.signs_in(client, site.planner)
    if not walked(client, f"{RECORDS}/{kind}/"):
        return
    exact, safe = (exported(site, client, f"{RECORDS}/{kind}/", form) for form in ("exact", "spreadsheets"))
    changes = {str(id) for (id,) in site.store.all("SELECT id FROM change")}
    uids = {uid for (uid,) in site.store.all("SELECT uid FROM action")}
    added = len(exact[0]) - len(safe[0])
    is_about_actions = kind not in ("changes", "registrations", "recorded")
    assert added == 1 + is_about_actions
    assert {row[len(safe[0])] for row in exact} <= changes
    if is_about_actions:
        assert {row[-1] for row in exact} <= uids | ({""} if kind in ("not-triggered", "untagged", "in-retry-queue") else set())
        assert kind in ("not-triggered", "untagged") or any(row[-1] for row in exact)


@pytest.mark.parametrize("form", ["exact", "spreadsheets"])
@pytest.mark.parametrize("kind", ["triggered", "failures", "attempts", "in-retry-queue"])
def test_X3_an_export_has_the_status_of_the_last_answer(site: SignalAccount, client: Client, kind: str, form: str) -> None:
    site.signs_in(client, site.planner)
    last = "SELECT t.status FROM attempt t JOIN action a ON a.id = t.action_id AND a.sent = t.n JOIN registration r ON r.id = a.registration_id"
    for row in exported(site, client, f"{RECORDS}/{kind}/", form):
        statuses = {"" if status is None else str(status) for (status,) in site.store.all(f"{last} WHERE r.code = :code", {"code": row[1]})}
        assert row[9] in statuses | {""}
    assert any(row[9] for row in exported(site, client, f"{RECORDS}/{kind}/", form))
    delivered = exported(site, client, f"{RECORDS}/{kind}/?outcome=success&q=S26-1", form) if kind in ("triggered", "attempts") else []
    assert [row[9] for row in delivered] == ["200"] * len(delivered)
    assert bool(delivered) is (kind in ("triggered", "attempts"))


def test_X3_the_page_of_an_export_stands_in_signal(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    address = client.post(f"{RECORDS}/triggered/export/")["Location"]
    page = client.get(address).content.decode()
    assert 'href="/signal/metrics/"' in page, "the panel of Metrics"
    assert "Back to the platform" in page
    assert f'href="{RECORDS}/triggered/' in page, "the list that is exported"


def test_X3_an_export_goes_on_where_it_was_killed(database: DatabaseFacts, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_export, "CHUNK", 3)
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        answer = client.post(f"{RECORDS}/triggered/export/")
        job = int(answer["Location"].strip("/").rpartition("/")[2])
        runner = Runner(JobKinds([record_export.kind()]))
        runner.run_one(job, watch=lambda row: row.done == 3 and control.pause(row.pk))
        path = record_export.file_of(control.find(job))
        with path.open("ab") as file:  # a run that was killed before its cursor was saved
            file.write(b"half a li")
        control.resume(job)
        assert runner.run_one(job).state == JobState.DONE
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))[1:]
        assert [row[1] for row in rows] == walked(client, f"{RECORDS}/triggered/")


def test_P1_an_export_belongs_to_its_account_and_to_who_may_and_is_removed_after_a_week(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.viewer)
    assert "Export CSV" not in text_of(client.get(f"{RECORDS}/triggered/").content)
    assert client.post(f"{RECORDS}/triggered/export/").status_code == 403
    site.signs_in(client)
    assert "Export CSV" in text_of(client.get(f"{RECORDS}/triggered/").content)
    assert client.post(f"{RECORDS}/nonsense/export/").status_code == 404
    answer = client.post(f"{RECORDS}/triggered/export/")
    job = int(answer["Location"].strip("/").rpartition("/")[2])
    Runner(JobKinds([record_export.kind()])).run_one(job)
    other = signal_account.made(site.store, name="Somebody else")
    other.signs_in(client)
    assert client.get(f"/signal/metrics/exports/{job}/").status_code == 404
    assert client.get(answer["Location"]).status_code == 404
    site.signs_in(client, site.viewer)
    assert client.get(f"/signal/metrics/exports/{job}/").status_code == 403
    site.signs_in(client)
    path = record_export.file_of(control.find(job))
    assert record_export.forget_old() == 0
    old = time.time() - 8 * 24 * 3600
    os.utime(path, (old, old))
    assert record_export.forget_old() == 1
    assert client.get(f"/signal/metrics/exports/{job}/").status_code == 404
    assert "The file is no longer stored" in text_of(client.get(answer["Location"]).content)


def test_P1_an_export_stands_in_the_audit_with_its_filter_and_without_who_was_searched_for(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    everything = len(walked(client, f"{RECORDS}/triggered/"))
    exported(site, client, f"{RECORDS}/triggered/?event={site.setup.event}&outcome=success&q=Marin", "exact")
    exported(site, client, f"{RECORDS}/triggered/")
    whole, some = table_rows(client.get("/settings/audit/?kind=exports").content, "Who", "What", "Setting Before After")
    assert whole["What"] == "Exported the list Actions Triggered"
    assert f"Records {everything}" in whole["Setting Before After"]
    assert "Live Flows" in whole["Setting Before After"]
    assert "event SUMMIT-26, Success, a code or name" in some["Setting Before After"]
    assert "CSV exact" in some["Setting Before After"]
    assert "Marin" not in str(some)


def test_X3_an_account_has_few_exports_at_the_same_time(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    for _n in range(record_export.MOST_OPEN):
        assert "/jobs/" in client.post(f"{RECORDS}/triggered/export/")["Location"]
    answer = client.post(f"{RECORDS}/triggered/export/", follow=True)
    assert "5 exports of this account are still running" in text_of(answer.content)


def test_X3_an_address_may_ask_any_list_for_what_has_left_any_other(database: DatabaseFacts, client: Client) -> None:
    """A list of registrations, runs, flows or items has no actions by which their leaving could be told, and stays whole."""
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        for kind in RecordKind:
            whole = client.get(f"{RECORDS}/{kind}/").text.count("<tr")
            for was in (RecordKind.SUCCESS, RecordKind.IN_RETRY_QUEUE, RecordKind.UNTAGGED):
                rows = client.get(f"{RECORDS}/{kind}/?was={was}&seen=1").text.count("<tr")
                assert rows <= whole
                assert rows == whole or kind.row_kind in (RowKind.CHANGE, RowKind.ACTION, RowKind.ATTEMPT), (kind, was)
