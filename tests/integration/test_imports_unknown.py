"""Files of rows that nobody has seen before: in every format no cell is altered, and the dry run's promise is kept (I2, I4)."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest
import structlog
from django.db import connections
from django_scopes import scope
from tests import unknown_rows
from tests.import_runs import account, no_scope, run
from tests.unknown_rows import FORMATS, Row

from heliograph.recording.contents import read_state
from heliograph.registrations.imports.preparation import Wishes
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.store.config_cache import PROCESS, Committed
from heliograph.store.django_database import of_django
from heliograph.store.models import Event, Registration, SessionRegistration

__all__ = ["account", "no_scope"]
pytestmark = [pytest.mark.django_db(transaction=True)]
log = structlog.get_logger(__name__)
SEEDS = [int(seed) for seed in os.environ.get("HELIOGRAPH_TEST_SEEDS", "61,62,63").split(",")]
"""Of the trials; HELIOGRAPH_TEST_SEEDS names others."""
PARTS = ("profile.first_name", "profile.last_name", "profile.email", "profile.organization", "profile.phone", "profile.notes")


@pytest.fixture(autouse=True)
def no_memory() -> None:
    """Another test's database had other rows under the same ids."""
    PROCESS.forget()


def stored(account: int) -> dict[tuple[str, str], Row]:
    """What is stored, by target as in `unknown_rows`."""
    provider = Committed(of_django(connections["default"]))
    config = provider.account(account)
    fields = {id: f.label for id, f in config.profile_fields.items()}
    found: dict[tuple[str, str], Row] = {}
    with scope(account=account):
        events = {id: provider.event(id) for id in Event.objects.values_list("id", flat=True)}
        sessions = dict(SessionRegistration.objects.values_list("registration_id", "status_id"))
        for row in Registration.objects.iterator():
            event, state = events[row.event_id], read_state(row.state)
            answers = {event.questions[q].label: list(values) for q, values in state.answers.items()}
            custom = {fields[f]: values for f, values in state.custom.items()}
            flags = {event.properties[p].name for p in state.properties if p in event.properties}
            assert state.attendee_type is not None
            found[event.code, row.code] = {
                "event": event.code,
                "code": row.code,
                "status": config.status(state.status, event).name,
                "attendee_type": event.types[state.attendee_type].name,
                **{part: state.profile.get(part.removeprefix("profile."), "") for part in PARTS},
                "properties.Complete": -1 in state.properties,
                "properties.Needs a lift": "Needs a lift" in flags,
                "answers.Dietary needs": sorted(answers.get("Dietary needs", [])),
                "answers.What do you expect?": "".join(answers.get("What do you expect?", [])),
                "profile.custom.Badge text": "".join(custom.get("Badge text", ())),
                "sessions.KEYNOTE": config.session_statuses[sessions[row.pk]].name if row.pk in sessions else "",
            }
    return found


def tried(account: int, folder: Path, kind: str, n: int, seed: int) -> None:
    path, began = folder / f"rows{FORMATS[kind].suffix}", time.monotonic()
    FORMATS[kind].write(path, unknown_rows.rows(seed, n))
    written = time.monotonic()
    choice = SetupChoice(everything=True)
    promised = run(account, path, Wishes(dry_run=True, choice=choice))
    checked = time.monotonic()
    done = run(account, path, Wishes(choice=choice))
    imported = time.monotonic()
    assert promised.result["refused"] == done.result["refused"] == []
    assert (promised.counts["created"], done.counts["created"]) == (n, n)
    assert not [row for row in promised.result["lacks"] if row["doubt"]]
    kept = stored(account)
    altered = Counter[str]()
    examples: list[tuple[str, object, object]] = []
    for row in unknown_rows.rows(seed, n):
        row["answers.Dietary needs"] = sorted(row["answers.Dietary needs"])
        found = kept.pop((row["event"], row["code"]))
        for target, value in row.items():
            if found[target] != value:
                altered[target] += 1
                examples.append((target, value, found[target]))
    log.info(
        "import_of_unknown_rows",
        format=kind,
        seed=seed,
        rows=n,
        cells=n * len(unknown_rows.COLUMNS),
        altered=altered.total(),
        write_s=round(written - began, 1),
        dry_run_s=round(checked - written, 1),
        import_s=round(imported - checked, 1),
    )
    assert not altered, (altered, examples[:5])
    assert not kept


@pytest.mark.parametrize("kind", FORMATS)
def test_I4_no_cell_of_unknown_rows_is_altered(account: int, tmp_path: Path, kind: str) -> None:
    tried(account, tmp_path, kind, 240, 6)


@pytest.mark.trial
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("n", [20_000, 200_000])
def test_I4_no_cell_of_many_unknown_rows_is_altered(account: int, tmp_path: Path, kind: str, n: int, seed: int) -> None:
    tried(account, tmp_path, kind, n, seed)
