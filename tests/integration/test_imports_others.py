"""Exports from other systems, four times as long as ours: every good row arrives exactly, every bad row is reported (I2, I4)."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from django.db import connections
from django_scopes import scope
from tests import exports
from tests.exports import STYLES, Export
from tests.import_runs import account, no_scope, run

from heliograph.recording.contents import read_state
from heliograph.registrations.imports.preparation import Wishes
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.store.config_cache import PROCESS, Committed
from heliograph.store.django_database import of_django
from heliograph.store.models import Change, Event, Registration

__all__ = ["account", "no_scope"]
pytestmark = pytest.mark.django_db(transaction=True)
FLAGS = {"complete": -1, "test": -5}


def stored(account: int, made: Export) -> dict[tuple[str, str], dict[str, object]]:
    """(event, code) -> what is stored, by our names for the export's columns."""
    provider = Committed(of_django(connections["default"]))
    config = provider.account(account)
    found = {}
    with scope(account=account):
        events = {id: provider.event(id) for id in Event.objects.values_list("id", flat=True)}
        for row in Registration.objects.all():
            event, state = events[row.event_id], read_state(row.state)
            answers = {event.questions[q].label: list(values) for q, values in state.answers.items()}
            profile = dict(state.profile)
            if made.style.names["phone"] == "Mobile":
                profile["phone"] = profile.pop("mobile", "")
            found[event.code, row.code] = {
                **{name: profile.get(name, "") for name in ("first_name", "last_name", "email", "organization", "phone", "notes")},
                "status": config.status(state.status, event).name,
                "attendee_type": event.types[state.attendee_type].name,
                **{name: flag in state.properties for name, flag in FLAGS.items() if name in made.style.names},
                **{name: answers.get(made.column(name), []) for name in ("dietary", "consent")},
            }
    return found


def refused(path: Path) -> dict[int, dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        names = next(reader)
        return {int(cells[0]): dict(zip(names, cells, strict=False)) for cells in reader}


@pytest.fixture(autouse=True)
def no_memory() -> None:
    """Clears the cache: another test's database had other rows under the same ids."""
    PROCESS.forget()


def check(account: int, made: Export) -> None:
    ended = run(account, made.path, Wishes(choice=SetupChoice(everything=True)))
    told = refused(Path(ended.result["report"]))
    wrongly = {line: row for line, row in told.items() if line not in made.bad}
    assert not wrongly, (len(wrongly), list(wrongly.items())[:3], [x for x in ended.result["lacks"] if x["doubt"]])
    missed = {line: column for line, column in made.bad.items() if line not in told}
    assert not missed, (
        len(missed),
        list(missed.items())[:5],
        [(x["kind"], x["name"], x["rows"], x["doubt"]) for x in ended.result["lacks"]],
    )
    for line, column in made.bad.items():
        assert column in told[line]["refused_field"].split("\n"), (line, column, told[line])
        assert told[line]["refused_reason"], told[line]
        assert told[line]["refused_accepted"], told[line]
    assert ended.counts == {"rows": made.rows, "done": made.rows, "created": len(made.good), "refused": len(made.bad)}
    kept = stored(account, made)
    assert kept.keys() == made.good.keys()
    different = {
        key: {name: (kept[key][name], value) for name, value in values.items() if kept[key][name] != value}
        for key, values in made.good.items()
        if kept[key] != values
    }
    assert not different, (len(different), list(different.items())[:2])
    with scope(account=account):
        assert Change.objects.filter(kind=1).count() == len(made.good)


@pytest.mark.parametrize("style", STYLES)
def test_I4_an_export_of_another_system_arrives_exactly(account: int, tmp_path: Path, style: str) -> None:
    check(account, exports.write(tmp_path / "export.csv", STYLES[style], 2_000))


def test_I4_a_workbook_of_another_system_arrives_exactly(account: int, tmp_path: Path) -> None:
    check(account, exports.as_workbook(tmp_path / "export.xlsx", STYLES["cp1252"], 2_000))


@pytest.mark.trial
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("style", STYLES)
def test_I4_a_long_export_of_another_system_arrives_exactly(account: int, tmp_path: Path, style: str, seed: int) -> None:
    check(account, exports.write(tmp_path / "export.csv", STYLES[style], 20_000, seed=seed))


@pytest.mark.trial
def test_I4_a_long_workbook_of_another_system_arrives_exactly(account: int, tmp_path: Path) -> None:
    check(account, exports.as_workbook(tmp_path / "export.xlsx", STYLES["utf16"], 20_000, seed=4))
