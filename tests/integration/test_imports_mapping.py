"""A column mapping names a column's target; what it leaves open (the order of dates, the separator) is found as for guessed columns (I2)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django_scopes import scope
from tests.import_runs import account, no_scope, run

from heliograph.registrations.imports.columns import read_given
from heliograph.registrations.imports.preparation import FileSettings, Wishes, draft
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.store.config_cache import PROCESS
from heliograph.store.models import Registration

__all__ = ["account", "no_scope"]
pytestmark = pytest.mark.django_db(transaction=True)
MAY, JUNE = datetime(2026, 5, 6, tzinfo=UTC), datetime(2026, 6, 5, tzinfo=UTC)
AMBIGUOUS, MONTH_FIRST, DAY_FIRST = "05/06/2026", "05/13/2026", "13/05/2026"


@pytest.fixture(autouse=True)
def no_memory() -> None:
    """Clears the cache: another test's database had other rows under the same ids."""
    PROCESS.forget()


def settings(folder: Path, **columns: object) -> FileSettings:
    mapping = folder / "mapping.json"
    mapping.write_text(json.dumps({"columns": {"zone": "event.timezone", **columns}}))
    return FileSettings(columns=read_given(mapping))


def table(folder: Path, name: str, cells: list[str]) -> Path:
    file = folder / "guests.csv"
    file.write_text(f"event;zone;code;{name}\n" + "".join(f"E;UTC;R-{n};{cell}\n" for n, cell in enumerate(cells)))
    return file


@pytest.mark.parametrize(
    ("target", "others", "date"),
    [
        ("modified", [MONTH_FIRST], MAY),
        ({"to": "modified"}, [MONTH_FIRST], MAY),
        ({"to": "modified"}, [AMBIGUOUS] * 2_000 + [MONTH_FIRST], MAY),  # beyond the rows that columns are guessed from
        ("modified", [DAY_FIRST], JUNE),
        ("modified", [AMBIGUOUS], JUNE),
        ({"to": "modified", "date": "day first"}, [MONTH_FIRST] * 3, JUNE),
        ({"to": "modified", "date": "month first"}, [AMBIGUOUS], MAY),
    ],
)
def test_I2_the_dates_of_the_file_decide_their_order_unless_the_mapping_does(
    account: int, tmp_path: Path, target: object, others: list[str], date: datetime
) -> None:
    file = table(tmp_path, "changed", [AMBIGUOUS, *others])
    run(account, file, Wishes(choice=SetupChoice(everything=True)), settings(tmp_path, changed=target))
    with scope(account=account):
        assert Registration.objects.get(code="R-0").sent_modified == date


@pytest.mark.parametrize(
    ("target", "others", "doubt"),
    [
        ("modified", [AMBIGUOUS], "Dates could be read day or month first; unless later rows say otherwise, day first."),
        ("modified", [MONTH_FIRST], ""),
        ({"to": "modified", "date": "day first"}, [AMBIGUOUS], ""),
    ],
)
def test_I2_doubt_about_the_order_is_reported_unless_the_mapping_gives_it(
    account: int, tmp_path: Path, target: object, others: list[str], doubt: str
) -> None:
    upload = draft(table(tmp_path, "changed", [AMBIGUOUS, *others]), account, settings(tmp_path, changed=target))
    assert [(column.name, column.doubt) for column in upload.doubts] == ([("changed", doubt)] if doubt else [])


@pytest.mark.parametrize(
    ("target", "separator"),
    [
        ("answers.diet", ";"),
        ({"to": "answers.diet"}, ";"),
        ({"to": "answers.diet", "split": ""}, ""),
        ({"to": "answers.diet", "split": ","}, ","),
    ],
)
def test_I2_an_empty_separator_in_a_mapping_stays(account: int, tmp_path: Path, target: object, separator: str) -> None:
    cells = ["Vegan", "Halal", '"Vegan;Halal"'] * 4
    upload = draft(table(tmp_path, "diet", cells), account, settings(tmp_path, diet=target))
    assert [column.split for column in upload.columns if column.name == "diet"] == [separator]
