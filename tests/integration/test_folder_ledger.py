"""The ledger counts what watched folders recorded, and names each row that was refused, until it is recorded or left out (S7, S9, B7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django_scopes import scope
from tests.api_client import ApiClient
from tests.builders.folder_source import FolderSource, folder_source, take_files
from tests.builders.platform_account import EVENT, PlatformAccount, planned
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.accounts.models import Role
from heliograph.domain.registration.erasure import PersonWords
from heliograph.domain.sentence_template import Sentence
from heliograph.domain.source.ledger_rules import GapCause, GapKind, Repair
from heliograph.recording.source_calls import read_problems
from heliograph.setup.services.setup_save import saving
from heliograph.sources.folder_watch import FolderWatch
from heliograph.sources.ledger_gaps import Gap
from heliograph.sources.services import ledger_repairs
from heliograph.sources.services.sources import pause
from heliograph.sources.source_ledger import LedgerRow, ledger_of
from heliograph.store import refused_rows

BY = "user:1"
HEAD = "Reg no,Firm,Mail,When"
LEDGER = "/settings/sources/ledger/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@pytest.fixture
def source(site: PlatformAccount, incoming: Path) -> FolderSource:
    return folder_source(site.store, site.pk, incoming)


@pytest.fixture
def watch(incoming: Path) -> FolderWatch:
    return FolderWatch(incoming)


def rows_of(source: FolderSource) -> dict[str, LedgerRow]:
    """The rows of the source by event."""
    with scope(account=source.account):
        return {row.event: row for row in ledger_of(source.db, source.account).rows if row.source.pk == source.id}


def gaps_of(source: FolderSource) -> list[Gap]:
    with scope(account=source.account):
        return [gap for gap in ledger_of(source.db, source.account).gaps if gap.source == source.id]


def repair(source: FolderSource, gaps: list[Gap]) -> ledger_repairs.Repaired:
    with scope(account=source.account):
        return ledger_repairs.repair(source.account, gaps, by=BY)


def places(source: FolderSource) -> list[tuple[str, str, str, int]]:
    """Kind, code, file and line of each gap."""
    return [(gap.verdict.kind, gap.code, gap.place_in_file.file, gap.place_in_file.line) for gap in gaps_of(source) if gap.place_in_file]


def test_S9_what_files_recorded_is_counted_and_refused_rows_are_gaps(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch
) -> None:
    source.drop("guests.csv", "A-1,North,a@example.org,", "A-2,South,nobody,", ",No code,b@example.org,", "A-3,East,c@example.org,")
    take_files(site, watch)
    rows = rows_of(source)
    assert {event: (row.balance.there, row.balance.recorded, row.balance.missing) for event, row in rows.items()} == {
        EVENT: (None, 2, 2),
    }
    assert sorted(places(source)) == [("missing", "", "guests.csv", 4), ("missing", "A-2", "guests.csv", 3)]
    verdicts = {(gap.verdict.kind, gap.verdict.cause, gap.verdict.repair) for gap in gaps_of(source)}
    assert verdicts == {(GapKind.MISSING, GapCause.REFUSED, Repair.IMPORT_AGAIN)}
    assert not any("nobody" in problem.reason or problem.value for gap in gaps_of(source) for problem in gap.problems)


def test_B7_a_reason_keeps_its_sentence_and_not_the_value(site: PlatformAccount, source: FolderSource, watch: FolderWatch) -> None:
    long, code = "zilpha-" * 200, "Zilpha " * 30
    source.drop("guests.csv", f"A-1,{long},a@example.org,", f"{code},North,b@example.org,", f"A-3,North,{long},")
    take_files(site, watch)
    problems = [text for (text,) in site.store.all("SELECT problem FROM source_refused_row ORDER BY line")]
    assert len(problems) == 3
    assert not any("zilpha" in text.lower() for text in problems), problems
    too_long = read_problems(problems[0])[0].reason
    assert isinstance(too_long, Sentence), "a page says it in the reader's language"


def test_S9_a_later_row_that_is_recorded_ends_the_gap(site: PlatformAccount, source: FolderSource, watch: FolderWatch) -> None:
    source.drop("one.csv", "A-1,North,nobody,", "A-2,South,nobody,")
    take_files(site, watch)
    source.drop("two.csv", "A-1,North,still nobody,", "A-2,South,b@example.org,")
    take_files(site, watch)
    assert places(source) == [("missing", "A-1", "two.csv", 2)]  # refused again: the newest row stands for it
    assert rows_of(source)[EVENT].balance.recorded == 1
    source.drop("three.csv", "A-1,North,a@example.org,")
    take_files(site, watch)
    assert places(source) == []
    assert rows_of(source)[EVENT].balance.recorded == 2


def test_S9_a_refused_row_of_a_registration_that_is_here_makes_it_older(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch
) -> None:
    source.drop("guests.csv", "A-1,North,a@example.org,", "A-1,South,a@example.org,")
    take_files(site, watch)
    assert places(source) == [("older", "A-1", "guests.csv", 3)]
    site.record("A-1", profile={"organization": "South"})  # somebody has put it right since
    assert places(source) == []


def test_S9_one_click_imports_the_refused_rows_again(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch, client: Client
) -> None:
    source.drop("guests.csv", "A-1,North,a@example.org,", "A-2,South,nobody,", ",No code,b@example.org,")
    take_files(site, watch)
    (name,) = [path.name for path in (source.folder / "done").iterdir() if path.name.endswith(".refused.csv")]
    path = source.folder / "done" / name
    path.write_text(path.read_text("utf-8-sig").replace(",A-2,South,nobody", ",A-2,South,b@example.org"), "utf-8")
    site.signs_in(client)
    (gap,) = [gap for gap in gaps_of(source) if gap.code == "A-2"]
    page = client.get(f"{LEDGER}event/?event={EVENT}")
    assert "“guests.csv”, line 3" in text_of(page.content)
    assert "Import the rows again" in text_of(page.content)
    client.post(f"{LEDGER}repair/", {"event": EVENT, "gap": gap.key})
    assert source.names() == [name]
    take_files(site, watch)
    assert source.firms() == {"A-1": "North", "A-2": "South"}
    assert places(source) == [("missing", "", name, 3)]  # the row without a code was refused again, in the new file
    repaired = repair(source, gaps_of(source))
    assert (repaired.begun, repaired.refused) == (1, "")


def test_S9_a_repair_without_its_file_says_what_to_do(site: PlatformAccount, source: FolderSource, watch: FolderWatch) -> None:
    source.drop("guests.csv", "A-1,North,a@example.org,", "A-2,South,nobody,")
    take_files(site, watch)
    for path in (source.folder / "done").iterdir():
        path.unlink()
    assert "no longer exists" in repair(source, gaps_of(source)).refused
    with saving(site.pk, by=BY) as transaction:
        pause(transaction, source.id)
    assert "Resume it first" in repair(source, gaps_of(source)).refused
    assert len(gaps_of(source)) == 1


def test_S9_a_file_that_cannot_be_imported_is_a_gap_until_it_comes_again(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch, client: Client
) -> None:
    source.drop("guests.csv", "A-1,North", head="Code,Company")
    take_files(site, watch)
    assert places(source) == [("missing", "", "guests.csv", 0)]
    site.signs_in(client)
    page = text_of(client.get(f"{LEDGER}event/?event=").content)
    assert "The file has no column" in page
    assert "guests.csv" in page
    source.drop("other.csv", "A-2,South,b@example.org,")
    take_files(site, watch)
    assert len(places(source)) == 1
    source.drop("guests.csv", "A-1,North,a@example.org,")
    take_files(site, watch)
    assert places(source) == []


def test_S9_a_refused_row_can_be_left_out_after_a_question(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch, client: Client
) -> None:
    source.drop("guests.csv", "A-1,North,a@example.org,", "A-2,South,nobody,")
    take_files(site, watch)
    (gap,) = gaps_of(source)
    href = f"{LEDGER}leave-out/?event={EVENT}&gap={gap.key}"
    site.signs_in(client, Role.PLANNER)
    assert client.get(href).status_code == 403
    site.signs_in(client)
    assert "Leave this row out?" in text_of(client.get(href).content)
    assert len(gaps_of(source)) == 1
    answer = confirms(client, href, follow=True)
    assert "1 refused row is left out." in text_of(answer.content)
    assert gaps_of(source) == []
    assert "no longer exists" in text_of(client.get(href, follow=True).content)


def test_S9_refused_rows_by_REST(site: PlatformAccount, source: FolderSource, watch: FolderWatch) -> None:
    source.drop("guests.csv", "A-1,North,a@example.org,", "A-2,South,nobody,")
    take_files(site, watch)
    api = ApiClient.for_account(site.pk)
    (gap,) = api.get(f"ledger/gaps?source={source.id}")["items"]
    assert (gap["file"], gap["line"], gap["code"], gap["repair"], gap["call"]) == ("guests.csv", 3, "A-2", "import_again", None)
    assert [reason["field"] for reason in gap["reasons"]] == ["Mail"]
    assert api.post("ledger/left-out", {"gaps": [gap["gap"], "a999"]}, status=200) == {"left_out": 1}
    assert api.get(f"ledger/gaps?source={source.id}")["items"] == []


def test_B7_refused_rows_of_an_erased_person_are_forgotten(site: PlatformAccount, source: FolderSource, watch: FolderWatch) -> None:
    source.drop("guests.csv", "A-1,North,a@example.org,", "A-2,South,nobody,")
    take_files(site, watch)
    with site.store.transaction():
        refused_rows.forget_person(site.store, site.pk, PersonWords(frozenset({"a-2"}), frozenset()))
    assert gaps_of(source) == []


def test_S9_another_accounts_rows_stay(site: PlatformAccount, source: FolderSource, watch: FolderWatch, incoming: Path) -> None:
    other = folder_source(site.store, site.pk, incoming, "Another box")
    for each in (source, other):
        each.drop("guests.csv", "A-2,South,nobody,", "A-1,North,a@example.org,")
        take_files(site, watch)
    (gap,) = gaps_of(source)
    with scope(account=site.pk):
        ledger_repairs.leave_out(site.pk, [gap], by=BY)
    assert gaps_of(source) == []
    assert len(gaps_of(other)) == 1
