"""What a dry run says is what the import does, and what a file names is not made twice (I2, I4)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders.account import inside
from tests.builders.flow import destination, flow
from tests.builders.platform_account import EVENT, PlatformAccount, planned, registration_state
from tests.databases import DatabaseFacts

from heliograph.domain.flow.flow import FilterRow, Op
from heliograph.domain.registration.change import Facet
from heliograph.domain.setup.tag_kinds import StandardProperty
from heliograph.jobs.models import Job, JobState
from heliograph.recording.contents import read_state, write_state
from heliograph.registrations.imports.missing_setup import Lack
from heliograph.registrations.imports.name_corrections import NameCorrection
from heliograph.registrations.imports.preparation import FileSettings, Wishes, draft, parameters, start
from heliograph.registrations.imports.setup_choice import SetupChoice


def run(site: PlatformAccount, path: Path, choice: SetupChoice, *, dry: bool) -> Job:
    with inside(site.acme):
        found = draft(path, site.pk, FileSettings(event=EVENT))
        start(site.pk, parameters(found, Wishes(dry_run=dry, choice=choice)), by="test")
    (job,) = site.run_jobs()
    assert job.state == JobState.DONE, job.error
    return job


def acts_stored(site: PlatformAccount) -> Counter[int]:
    return Counter(flow for (flow,) in site.store.all("SELECT flow_id FROM run WHERE decision = 2"))


def flags(site: PlatformAccount, code: str) -> set[str]:
    """The names of the properties that a registration has."""
    names = {p.value: p.label for p in StandardProperty} | {id: p.name for id, p in site.acme.event_config().properties.items()}
    return {names[id] for id in registration_state(site, code).properties}


def ndjson(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def test_I4_the_dry_run_promises_what_the_import_does(database: DatabaseFacts, client: Client, tmp_path: Path) -> None:
    """Codes used twice, stale rows, sessions, what is created with tags, rows too large to record: the counts and the acts are the same."""
    with planned(database) as site:
        site.record("P-1", status="New", modified="2026-05-01T00:00:00Z")
        site.record("P-2", status="Paid")
        rows: list[dict[str, Any]] = [
            {"code": "P-1", "status": "Paid", "modified": "2026-04-01T00:00:00Z"},
            {"code": "P-2", "status": "Paid"},
            {"code": "P-3", "status": "Paid"},
            {"code": "P-3", "status": "New"},
            {"code": "P-4", "status": "Visa granted", "properties": {"Complete": True, "vip_lunch": True}},
            {"code": "P-5", "status": "Visa granted", "properties": {"VIP lunch": True}},
            {"code": "P-6", "status": "Nonsense"},
            {"code": "P-7", "active": False, "status": "Paid"},
            {"code": "P-8", "profile": {"notes": "x" * 20_000}, "answers": {f"q{n}": "y" * 19_000 for n in range(20)}},
            {"event": "NEW-EVENT", "code": "P-9", "status": "Paid"},
        ]
        path = ndjson(tmp_path / "rows.ndjson", rows)
        first = run(site, path, SetupChoice(everything=True), dry=True)
        lacks = [Lack.from_json({k: v for k, v in row.items() if k != "created"}) for row in first.result["lacks"]]
        tagged = tuple(
            Lack(x.kind, x.event, x.name, x.rows, x.parent, x.doubt, x.facts, ("Registered",) if x.kind == "statuses" else ())
            for x in lacks
            if x.name != "Nonsense"
        )
        choice = SetupChoice(plan=tagged)
        before = acts_stored(site)
        promised = run(site, path, choice, dry=True)
        assert acts_stored(site) == before
        done = run(site, path, choice, dry=False)
        counted = ("created", "updated", "unchanged", "stale", "refused", "rows")
        assert {name: promised.counts.get(name, 0) for name in counted} == {name: done.counts.get(name, 0) for name in counted}
        assert promised.counts["refused"] == 3
        assert promised.counts["stale"] == 1
        assert [(g["reason"], g["rows"]) for g in promised.result["refused"]] == [(g["reason"], g["rows"]) for g in done.result["refused"]]
        assert Counter({int(id): n for id, n in promised.result["acts"].items()}) == acts_stored(site) - before
        assert sum(promised.result["acts"].values()) > 0
        judged = f"facets <> {int(Facet.EVENT_UPDATED)}"
        ((changes,),) = site.store.all(f"SELECT count(*) FROM change WHERE by = 'import:{done.pk}' AND {judged}")
        assert promised.result["judged"] == changes - 1, "no flow looks at the one that is inactive"


def test_I4_flows_that_filter_by_the_time_of_creation_act_as_the_dry_run_says(
    database: DatabaseFacts, client: Client, tmp_path: Path
) -> None:
    """What a dry run plans has been created when it runs; what exists, when it was recorded. The account's days are those of Berlin."""
    with planned(database) as site:
        site.record("P-1", status="Paid")
        ((text,),) = site.store.all("SELECT state FROM registration WHERE code = 'P-1'")
        aged = replace(read_state(text), created=datetime(2020, 2, 29, 12, tzinfo=UTC))
        with site.store.transaction():
            site.store.run("UPDATE registration SET state = :state WHERE code = 'P-1'", {"state": write_state(aged)})
        days = {"That leap day": (Op.IS_BETWEEN, ("2020-02-29", "2020-02-29")), "Since then": (Op.IS_AFTER, ("2020-02-29",))}
        with site.acme.setting_up() as transaction:
            to = destination(site.acme.connection.pk, site.acme.mapping.pk)
            flows = {
                name: flow(transaction, name, [to], filters=(FilterRow("registration.created", op, days_given),)).pk
                for name, (op, days_given) in days.items()
            }
        rows: list[dict[str, Any]] = [
            {"code": "P-1", "status": "New"},
            {"code": "P-2", "status": "Paid"},
            {"code": "P-3", "status": "Paid"},
        ]
        path, before = ndjson(tmp_path / "rows.ndjson", rows), acts_stored(site)
        promised = run(site, path, SetupChoice(), dry=True)
        run(site, path, SetupChoice(), dry=False)
        acts = {int(id): n for id, n in promised.result["acts"].items()}
        assert {name: acts.get(id, 0) for name, id in flows.items()} == {"That leap day": 1, "Since then": 2}
        assert Counter(acts) == acts_stored(site) - before


statuses = st.sampled_from(("New", "Paid", "Attended", "Cancelled") * 3 + ("Nonsense",))
codes = st.sampled_from([*(f"Q-{n}" for n in range(20)), "q-2", ""])
file_rows = st.fixed_dictionaries(
    {"code": codes},
    optional={
        "status": statuses,
        "active": st.booleans(),
        "modified": st.sampled_from(("2026-05-01T00:00:00Z", "2026-04-01T00:00:00Z", "yesterday")),
        "profile": st.dictionaries(st.sampled_from(("first_name", "last_name")), st.sampled_from(("", "Zoë", "Jo", "x" * 30_000))),
        "sessions": st.dictionaries(st.just("KEYNOTE"), st.sampled_from(("Registered", "Attended"))),
    },
)


def test_I4_the_dry_run_of_any_file_says_what_the_import_then_does(database: DatabaseFacts, client: Client, tmp_path: Path) -> None:
    """Each file meets what the ones before it have recorded."""
    with planned(database) as site:

        @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(file_rows, min_size=1, max_size=20))
        def check(rows: list[dict[str, Any]]) -> None:
            path = ndjson(tmp_path / "rows.ndjson", rows)
            before = acts_stored(site)
            promised = run(site, path, SetupChoice(), dry=True)
            done = run(site, path, SetupChoice(), dry=False)
            counted = ("created", "updated", "unchanged", "stale", "refused", "rows")
            assert {name: promised.counts.get(name, 0) for name in counted} == {name: done.counts.get(name, 0) for name in counted}
            assert [(g["reason"], g["rows"]) for g in promised.result["refused"]] == [
                (g["reason"], g["rows"]) for g in done.result["refused"]
            ]
            assert Counter({int(id): n for id, n in promised.result["acts"].items()}) == acts_stored(site) - before

        check()


@pytest.mark.parametrize("shape", ["document", "flat", "csv"])
@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("badge_printed", "Badge Printed"),
        ("BADGE-PRINTED", "Badge Printed"),
        ("onToDoList", "On To Do List"),
        ("VIP", "VIP guest"),
        ("vip", "VIP guest"),
        ("vip_guest", "VIP guest"),
        ("VIP-Guest", "VIP guest"),
    ],
)
def test_P4_a_flag_by_code_or_name_is_no_second_property(
    database: DatabaseFacts, client: Client, tmp_path: Path, shape: str, name: str, means: str
) -> None:
    with planned(database) as site:
        count = len(site.acme.event_config().properties)
        if shape == "csv":
            path = tmp_path / "rows.csv"
            path.write_text(f"code,properties.{name}\nF-1,Yes\nF-2,no\n")
        elif shape == "flat":
            path = ndjson(
                tmp_path / "rows.ndjson", [{"code": "F-1", f"properties.{name}": True}, {"code": "F-2", f"properties.{name}": "no"}]
            )
        else:
            path = ndjson(
                tmp_path / "rows.ndjson", [{"code": "F-1", "properties": {name: True}}, {"code": "F-2", "properties": {name: False}}]
            )
        for dry in (True, False):
            job = run(site, path, SetupChoice(everything=True), dry=dry)
            assert job.result["lacks"] == []
            assert (job.counts.get("created"), job.counts.get("refused", 0)) == (2, 0)
        assert len(site.acme.event_config().properties) == count
        assert flags(site, "F-1") == {means}
        assert flags(site, "F-2") == set()


def test_I4_two_spellings_of_a_new_flag_make_one_property(database: DatabaseFacts, client: Client, tmp_path: Path) -> None:
    with planned(database) as site:
        rows = [{"code": f"N-{n}", "properties": {("Needs Visa", "needs_visa", "NEEDS-VISA")[n % 3]: True}} for n in range(30)]
        job = run(site, ndjson(tmp_path / "rows.ndjson", rows), SetupChoice(everything=True), dry=False)
        assert [row["name"] for row in job.result["lacks"]] == ["Needs Visa"]
        assert job.counts["created"] == 30
        assert flags(site, "N-2") == {"Needs Visa"}


@pytest.mark.parametrize("shape", ["document", "flat"])
def test_I4_a_code_twice_is_refused_in_ndjson_as_in_csv(database: DatabaseFacts, client: Client, tmp_path: Path, shape: str) -> None:
    with planned(database) as site:
        more: dict[str, Any] = {"profile": {"first_name": "Zoë"}} if shape == "document" else {"First name": "Zoë"}
        path = ndjson(tmp_path / "rows.ndjson", [{"code": code, **more} for code in ("D-1", "D-2", "D-1")])
        for dry in (True, False):
            job = run(site, path, SetupChoice(), dry=dry)
            assert (job.counts["created"], job.counts["refused"]) == (2, 1)
            (group,) = job.result["refused"]
            assert group["first"][0]["line"] == 3
            assert group["first"][0]["reason"] == "Line 1 has this code already."


@pytest.mark.parametrize(
    ("text", "name", "like"),
    [
        ("code,status\nS-1,Invited by partnr\n", "Invited by partnr", "Invited by partner"),
        ("code,status\n" + "".join(f"S-{n},Atended\n" for n in range(4)), "Atended", "Attended"),
        ("code,answers.diet\nS-1,Vegann\n", "Vegann", "Vegan"),
    ],
)
def test_I4_a_slip_is_doubted_though_few_rows_say_anything(
    database: DatabaseFacts, client: Client, tmp_path: Path, text: str, name: str, like: str
) -> None:
    with planned(database) as site:
        path = tmp_path / "rows.csv"
        path.write_text(text)
        job = run(site, path, SetupChoice(everything=True), dry=True)
        (lack,) = job.result["lacks"]
        assert (lack["name"], lack["created"]) == (name, False)
        assert f"looks like {like}" in lack["doubt"]


def test_I4_an_event_like_one_that_more_rows_name_is_doubted(database: DatabaseFacts, client: Client, tmp_path: Path) -> None:
    with planned(database) as site:
        path = tmp_path / "rows.csv"
        path.write_text("event,code\n" + "".join(f"SUMMIT-26,S-{n}\n" for n in range(3)) + "SUMMIT-27,S-4\nGALA,G-1\n")
        job = run(site, path, SetupChoice(everything=True), dry=True)
        assert {lack["event"]: (lack["created"], lack["meant"]) for lack in job.result["lacks"]} == {
            "GALA": (True, ""),
            "SUMMIT-27": (False, "SUMMIT-26"),
        }
        assert next(lack["doubt"] for lack in job.result["lacks"] if lack["event"] == "SUMMIT-27") == "1 of 5 rows; it looks like SUMMIT-26"


def test_I4_a_typing_error_of_an_event_has_its_button_though_its_rows_name_several_events(
    database: DatabaseFacts, client: Client, tmp_path: Path
) -> None:
    rows = ["SUMMIT-26,Summit", "SUMIT-26,Summit", "SUMIT-26,Gala", *["SUMMIT-26,Summit"] * 5]
    with planned(database) as site:
        path = tmp_path / "rows.csv"
        path.write_text("event,event name,code\n" + "".join(f"{row},S-{n}\n" for n, row in enumerate(rows)))
        job = run(site, path, SetupChoice(everything=True), dry=True)
        lack = next(lack for lack in job.result["lacks"] if lack["event"] == "SUMIT-26")
        assert "disagree about the name" in lack["doubt"]
        assert (lack["created"], lack["meant"]) == (False, "SUMMIT-26")


@pytest.mark.parametrize("file", ["table", "documents"])
def test_I4_a_typing_error_is_read_as_what_was_meant(database: DatabaseFacts, client: Client, tmp_path: Path, file: str) -> None:
    with planned(database) as site:
        rows = [("SUMMIT-26", "Attended", "Vegan"), ("SUMMIT-26", "atended", "Vegann"), ("SUMIT-26", "Atended", "Vegan")]
        if file == "table":
            path = tmp_path / "rows.csv"
            path.write_text(
                "event,code,status,answers.diet\n"
                + "".join(f"{event},S-{n},{status},{diet}\n" for n, (event, status, diet) in enumerate(rows))
            )
        else:
            documents = [
                {"event": event, "code": f"S-{n}", "status": status, "answers": {"diet": diet}}
                for n, (event, status, diet) in enumerate(rows)
            ]
            path = ndjson(tmp_path / "rows.ndjson", documents)
        corrections = (
            NameCorrection("events", "", "SUMIT-26", "SUMMIT-26"),
            NameCorrection("statuses", "SUMMIT-26", "Atended", "Attended"),
            NameCorrection("options", "SUMMIT-26", "Vegann", "Vegan", parent="diet"),
        )
        for dry in (True, False):
            job = run(site, path, SetupChoice(corrections=corrections), dry=dry)
            assert (job.result["lacks"], job.counts["created"], job.counts["refused"]) == ([], 3, 0)


def test_I4_an_e_mail_that_is_none_is_refused_with_what_would_be(database: DatabaseFacts, client: Client, tmp_path: Path) -> None:
    with planned(database) as site:
        path = tmp_path / "rows.csv"
        emails = ["zoë@example.org", "not-an-email", "", "o'brien+x@例え.jp", "a@b@c", "a b@example.org"]
        path.write_text("code,email\n" + "".join(f"S-{n},{email}\n" for n, email in enumerate(emails)))
        for dry in (True, False):
            job = run(site, path, SetupChoice(), dry=dry)
            assert (job.counts["created"], job.counts["refused"]) == (3, 3)
            (group,) = job.result["refused"]
            assert (group["first"][0]["reason"], group["first"][0]["accepted"]) == ("Is not an e-mail address.", ["name@example.org"])
