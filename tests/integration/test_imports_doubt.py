"""What an import is not sure of is not ticked, is explained, and is not created by "create all" (I4); nobody answers both Yes and No."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from django_scopes import scope
from tests.import_runs import account, no_scope, run

from heliograph.registrations.imports.preparation import Wishes
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.store.config_cache import PROCESS
from heliograph.store.models import Event, Registration

__all__ = ["account", "no_scope"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_memory() -> None:
    """Clears the cache: another test's database had other rows under the same ids."""
    PROCESS.forget()


def write(path: Path, head: str, *rows: str) -> Path:
    path.write_text("\n".join((head, *rows)) + "\n", "utf-8")
    return path


def lacks(job: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(lack["kind"], lack["name"]): lack for lack in job.result["lacks"]}


@pytest.mark.parametrize(
    ("column", "first", "other", "word"),
    [
        ("Event Name", "Summit", "Gala", "name"),
        ("Event Start", "2026-05-01T09:00", "2026-06-01T09:00", "start date"),
        ("Event Location", "Berlin", "Paris", "location"),
    ],
)
def test_I4_an_event_whose_rows_disagree_about_it_is_explained_and_not_created(
    account: int, tmp_path: Path, column: str, first: str, other: str, word: str
) -> None:
    rows = [f"NEW-1,R{n},Attended,{other if n % 3 else first}" for n in range(9)]
    sound = [f"NEW-2,S{n},Attended,{first}" for n in range(9)]
    path = write(tmp_path / "rows.csv", f"Event Code,Registration Code,Status,{column}", *rows, *sound)
    dry = run(account, path, Wishes(dry_run=True))
    doubtful = next(lack for lack in dry.result["lacks"] if lack["kind"] == "events" and lack["event"] == "NEW-1")
    assert f"its 9 rows disagree about the {word} of the event: “{other}” in 6, “{first}” in 3" in doubtful["doubt"]
    done = run(account, path)  # with everything that is not in doubt
    with scope(account=account):
        assert list(Event.objects.values_list("code", flat=True)) == ["NEW-2"]
        assert Registration.objects.count() == 9
    assert sum(group["rows"] for group in done.result["refused"]) == 9


def test_I4_an_event_is_named_as_most_rows_name_it_and_case_is_no_doubt(account: int, tmp_path: Path) -> None:
    rows = ["NEW-1,R0,Attended,SUMMIT", *(f"NEW-1,R{n},Attended,Summit" for n in range(1, 9))]
    run(account, write(tmp_path / "rows.csv", "Event Code,Registration Code,Status,Event Name", *rows))
    with scope(account=account):
        assert [event.name for event in Event.objects.all()] == ["Summit"]


@pytest.mark.parametrize("column", ["answers.Consent", "profile.custom.Consent"])
@pytest.mark.parametrize("both", ["Yes|No", "Yes; No", "no|yes", "Yes/No", "yes and no"])
def test_I4_a_cell_with_both_Yes_and_No_is_refused_in_a_column_of_either(account: int, tmp_path: Path, column: str, both: str) -> None:
    answers = ["Yes", "No", "Yes", both, "No", "Yes", "No", "Yes"]
    rows = [f"NEW-1,R{n},Attended,{answer}" for n, answer in enumerate(answers)]
    done = run(account, write(tmp_path / "rows.csv", f"Event Code,Registration Code,Status,{column}", *rows))
    with scope(account=account):
        assert sorted(Registration.objects.values_list("code", flat=True)) == [f"R{n}" for n in range(8) if n != 3]
    with Path(done.result["report"]).open(encoding="utf-8-sig", newline="") as file:
        (refused,) = csv.DictReader(file)
    assert refused["Registration Code"] == "R3"
    assert re.search("Takes one value only|is not an option", " ".join(refused.values()))
    kind = lacks(done).get(("questions", "Consent")) or lacks(done)["fields", "Consent"]
    assert kind["facts"]["type"] == "radio"


def test_I4_several_answers_that_are_not_Yes_and_No_stay_a_choice_of_several(account: int, tmp_path: Path) -> None:
    answers = ["Vegan", "Halal", "Vegan|Halal", "Vegan", "Halal", "Vegan"]
    rows = [f"NEW-1,R{n},Attended,{answer}" for n, answer in enumerate(answers)]
    done = run(account, write(tmp_path / "rows.csv", "Event Code,Registration Code,Status,answers.Diet", *rows))
    assert lacks(done)["questions", "Diet"]["facts"]["type"] == "multi-select"
    with scope(account=account):
        assert Registration.objects.count() == 6


@pytest.mark.parametrize(("column", "parent"), [("answers.Diet", "questions"), ("profile.custom.Diet", "fields")])
@pytest.mark.parametrize("chosen", [True, False])
def test_I4_an_option_is_created_with_its_question_or_field_alone(
    account: int, tmp_path: Path, column: str, parent: str, chosen: bool
) -> None:
    answers = ["Vegan", "Halal"] * 200 + ["Vegam"]
    rows = [f"NEW-1,R{n},Attended,{answer}" for n, answer in enumerate(answers)]
    choice = SetupChoice(
        kinds=frozenset({"events", "options", parent} if chosen else {"events", "options"}), names=frozenset({("options", "Vegam")})
    )
    done = run(account, write(tmp_path / "rows.csv", f"Event Code,Registration Code,Status,{column}", *rows), Wishes(choice=choice))
    assert lacks(done)["options", "Vegam"]["created"] is chosen
    assert any("Vegam" in created for created in done.result["created"]) is chosen
