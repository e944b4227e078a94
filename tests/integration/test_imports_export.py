"""The export of an event platform arrives exactly as written, and every bad row is reported (I2, I4)."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from django.db import connections
from django_scopes import scope
from tests.import_runs import ALL, EXPORT, account, no_scope, run

from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.recording.contents import read_state
from heliograph.registrations.imports import import_job
from heliograph.registrations.imports.preparation import FileSettings, Wishes, draft, parameters, start
from heliograph.store.config_cache import Committed
from heliograph.store.django_database import of_django
from heliograph.store.models import Change, Event, Registration

__all__ = ["account", "no_scope"]
pytestmark = pytest.mark.django_db(transaction=True)


def rows_of(path):
    """(line, row) of a CSV file as the standard library reads it."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        names = next(reader)
        line = reader.line_num + 1
        for cells in reader:
            yield line, dict(zip(names, cells, strict=True))
            line = reader.line_num + 1


GOOD, REFUSED = 4950, 50
BAD = {
    "event_code": (9, "There is no event “SUMIT-26”."),
    "status": (12, "There is no status “Registred” in this event."),
    "attendee_type": (4, "There is no attendee type “Astronaut” in this event."),
    "complete": (8, "Is neither yes nor no."),
    "dietary": (9, "“Carnivore” is not an option."),
    "registration_code": (8, ""),  # three are missing, five are used twice
}
PROFILE = ("first_name", "last_name", "email", "organization", "position", "phone", "country", "notes")


def bad_lines():
    """The errors of the export according to README: line -> column."""
    found, first = {}, set()
    for line, row in rows_of(EXPORT):
        key = (row["event_code"], row["registration_code"])
        for column, wrong in (
            ("event_code", row["event_code"] == "SUMIT-26"),
            ("status", row["status"] == "Registred"),
            ("attendee_type", row["attendee_type"] == "Astronaut"),
            ("complete", row["complete"] not in ("Yes", "No")),
            ("dietary", row["dietary"] == "Carnivore"),
            ("registration_code", not row["registration_code"] or key in first),
        ):
            if wrong:
                found[line] = column
        first.add(key)
    return found


def stored(account):
    """(event code, registration code) -> the registration in words, from its state and current configuration."""
    db = of_django(connections["default"])
    provider = Committed(db)
    config = provider.account(account)
    out = {}
    with scope(account=account):
        events = {id: provider.event(id) for id in Event.objects.values_list("id", flat=True)}
        for row in Registration.objects.all():
            event, state = events[row.event_id], read_state(row.state)
            answers = {event.questions[q].label: values for q, values in state.answers.items()}
            out[event.code, row.code] = {
                "status": config.status(state.status, event).name,
                "attendee_type": event.types[state.attendee_type].name,
                **{name: state.profile.get(name, "") for name in PROFILE},
                **{
                    name: "Yes" if flag in state.properties else "No"
                    for name, flag in (("complete", -1), ("badge_printed", -2), ("test", -5))
                },
                "dietary": "|".join(answers.get("dietary", ())),
                "consent_marketing": "|".join(answers.get("consent_marketing", ())),
            }
            assert set(state.profile) <= set(PROFILE)
            assert state.active
    return out


def test_I2_every_good_row_of_the_export_arrives_exactly_as_written(account):
    ended = run(account, EXPORT)
    assert ended.counts == {"rows": 5000, "done": 5000, "created": GOOD, "refused": REFUSED}
    bad = bad_lines()
    assert len(bad) == REFUSED
    kept = stored(account)
    good = [row for line, row in rows_of(EXPORT) if line not in bad]
    assert len(good) == len(kept) == GOOD
    cells = 0
    for row in good:
        found = kept[row["event_code"], row["registration_code"]]
        for name, value in found.items():
            assert value == row[name], (row["registration_code"], name)
            cells += 1
    assert cells == GOOD * 15
    # what makes the export a good test: all scripts, line breaks, formulas, HTML, surrounding spaces
    notes = Counter(row["notes"] for row in kept.values())
    assert notes['=HYPERLINK("http://example.com","click")'] > 300
    assert notes["Arrives late;\nneeds seat near exit"] > 300
    assert any(row["first_name"] != row["first_name"].strip() for row in kept.values())
    with scope(account=account):
        assert Change.objects.filter(kind=1).count() == GOOD


def test_I4_every_bad_row_of_the_export_is_named_with_what_would_be_accepted(account):
    ended = run(account, EXPORT)
    report = Path(ended.result["report"])
    rows = [row for _, row in rows_of(report)]
    assert {int(row["refused_line"]): row["refused_field"] for row in rows} == bad_lines()
    text = EXPORT.read_text("utf-8-sig").split("\n")
    for row in rows:
        column, line = row["refused_field"], int(row["refused_line"])
        assert text[line - 1].startswith(row["event_code"])
        assert row["refused_value"] == (row[column] if row["refused_value"] else "")
        assert row["refused_reason"].startswith(BAD[column][1])
        assert row["refused_accepted"]
    assert Counter(row["refused_field"] for row in rows) == {column: n for column, (n, _) in BAD.items()}
    by_column = {row["refused_field"]: row for row in rows}
    assert by_column["event_code"]["refused_accepted"].startswith("SUMMIT-26, ")
    assert by_column["complete"]["refused_accepted"] == "Yes, No"
    assert set(by_column["dietary"]["refused_accepted"].split(", ")) == {"Gluten free", "Vegetarian", "Kosher", "Vegan", "Halal"}
    assert set(by_column["attendee_type"]["refused_accepted"].split(", ")) == {"Attendee", "Exhibitor", "Press", "Speaker", "VIP"}
    reasons = Counter(row["refused_reason"].split(" ", 1)[0] for row in rows if row["refused_field"] == "registration_code")
    assert reasons == {"Is": 3, "Line": 5}
    summary = {(entry["field"], entry["rows"]) for entry in ended.result["refused"]}
    assert {("status", 12), ("dietary", 9), ("event_code", 9), ("complete", 8), ("registration_code", 5)} <= summary


def test_I4_the_events_and_all_they_need_are_created_from_the_file(account):
    ended = run(account, EXPORT)
    provider = Committed(of_django(connections["default"]))
    with scope(account=account):
        events = {e.code: provider.event(e.id) for e in Event.objects.all()}
    assert set(events) == {"SUMMIT-26", "PARTNER-26", "WEBINAR-11", "ROADSHOW-TYO"}
    summit = events["SUMMIT-26"]
    assert summit.state.name == "Annual Summit 2026"
    assert provider.account(account).event_statuses[summit.state.status].name == "Live"
    assert (summit.state.timezone, summit.state.start.isoformat()) == ("Europe/Berlin", "2026-12-02T08:00:00+00:00")
    assert {s.name for s in summit.statuses.values()} == {"VIP hold", "Registered - paid", "Registered - invoice"}
    assert {q.code: q.type for q in summit.questions.values()} == {"dietary": "multi-select", "consent_marketing": "radio"}
    assert {s.name for s in events["PARTNER-26"].statuses.values()} == {"Partner confirmed"}
    assert not events["WEBINAR-11"].statuses
    doubtful = {(lack["kind"], lack["name"]) for lack in ended.result["lacks"] if lack["doubt"]}
    assert doubtful == {("events", "Annual Summit 2026"), ("statuses", "Registred"), ("types", "Astronaut"), ("options", "Carnivore")}
    assert not [lack for lack in ended.result["lacks"] if lack["created"] == bool(lack["doubt"])]


def test_I4_a_dry_run_says_the_same_and_stores_nothing(account):
    dry = run(account, EXPORT, Wishes(dry_run=True, choice=ALL))
    with scope(account=account):
        assert not Event.objects.exists()
        assert not Change.objects.exists()
    real = run(account, EXPORT)
    assert dry.counts == real.counts | {"cleared": 0, "rows_cleared": 0}
    assert dry.result["refused"] == real.result["refused"]
    assert rows_of_report(dry) == rows_of_report(real)
    again = run(account, EXPORT, Wishes(dry_run=True))
    assert again.counts == {"rows": 5000, "done": 5000, "unchanged": GOOD, "refused": REFUSED, "cleared": 0, "rows_cleared": 0}


def rows_of_report(job):
    return Path(job.result["report"]).read_text("utf-8-sig")


def test_P10_the_same_file_again_changes_nothing(account):
    run(account, EXPORT)
    again = run(account, EXPORT)
    assert again.counts == {"rows": 5000, "done": 5000, "unchanged": GOOD, "refused": REFUSED}
    with scope(account=account):
        assert Change.objects.filter(kind=1).count() == GOOD


def test_I4_nothing_is_recorded_before_somebody_has_seen_what_is_lacking(account):
    ended = run(account, EXPORT, Wishes(ask=True))
    assert ended.result["stopped"] == "lacks"
    assert not any(lack["created"] for lack in ended.result["lacks"])
    with scope(account=account):
        assert not Event.objects.exists()
    # without a choice, all rows that need something are refused
    ended = run(account, EXPORT, Wishes())
    assert ended.counts == {"rows": 5000, "done": 5000, "refused": 5000}


def test_I4_the_corrected_report_is_a_file_to_import(account, tmp_path):
    ended = run(account, EXPORT)
    mended = tmp_path / "mended.csv"
    fixes = {"SUMIT-26": "SUMMIT-26", "Registred": "New", "Astronaut": "Speaker", "Carnivore": "Vegan", "maybe": "Yes"}
    with mended.open("w", encoding="utf-8", newline="") as file:
        rows = [row for _, row in rows_of(Path(ended.result["report"]))]
        out = csv.DictWriter(file, rows[0].keys())
        out.writeheader()
        for i, row in enumerate(rows):
            cells = {k: fixes.get(v, v) for k, v in row.items()}
            if row["refused_field"] == "registration_code":
                cells["registration_code"] = f"NEW-{i}"
            out.writerow(cells)
    again = run(account, mended, Wishes())
    # nine rows name a wrong event: their types and statuses may be unknown in the right one
    assert again.counts["created"] + again.counts.get("refused", 0) == REFUSED
    assert again.counts["created"] >= REFUSED - 9


def test_P9_record_without_sending_is_quiet(account):
    run(account, EXPORT, Wishes(choice=ALL, quiet=True))
    with scope(account=account):
        assert Change.objects.filter(quiet=True).count() == GOOD + 4
        assert not Change.objects.filter(quiet=False).exists()


@pytest.mark.parametrize("chunk", [1, 7, 9])
def test_I3_a_run_that_breaks_between_chunks_goes_on_where_it_was(account, chunk):
    """A runner loses its job in the middle of a chunk, again and again: nothing is lost and nothing duplicated."""
    found = draft(EXPORT, account, FileSettings())
    job = start(account, parameters(found, Wishes(choice=ALL)), by="test")
    kinds = JobKinds([import_job.kind()])
    seen = 0

    def stop_often(row):
        nonlocal seen
        seen += 1
        if seen % chunk == 0 and row.state == JobState.RUNNING:
            raise KeyboardInterrupt

    for _ in range(100):
        try:
            ended = Runner(kinds).run_one(job.pk, watch=stop_often)
        except KeyboardInterrupt:
            Job.objects.filter(pk=job.pk).update(owner="")
            continue
        break
    assert ended.state == JobState.DONE
    assert ended.counts == {"rows": 5000, "done": 5000, "created": GOOD, "refused": REFUSED}
    assert {int(row["refused_line"]) for _, row in rows_of(Path(ended.result["report"]))} == set(bad_lines())
    with scope(account=account):
        assert Change.objects.filter(kind=1).count() == GOOD
