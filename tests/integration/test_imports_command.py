"""`heliograph import` and `heliograph jobs` as a person or a script runs them; also killed in the middle."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
from tests.jobs import newest_job, watched
from tests.waiting import until

from heliograph.setup.services.account_creation import AccountFacts, create_account

EXPORT = Path(__file__).parents[1] / "data" / "registrations-export.csv"


@pytest.fixture
def acme(heliograph, database):
    """Runs commands beside an account that is made here: the command that makes one has tests of its own."""
    create_account(AccountFacts("ACME", "ACME", "Europe/Berlin"), by="test")
    return heliograph


@pytest.fixture
def file(tmp_path):
    copy = tmp_path / "registrations-export.csv"
    copy.write_bytes(EXPORT.read_bytes())
    return copy


def answer(process):
    """The JSON that a command printed last."""
    return json.loads(process.output.splitlines()[-1])


def test_I4_it_asks_before_it_stores_then_imports_and_reports(acme, file):
    asked = acme.run("import", str(file), "--account", "ACME")
    assert asked.returncode == 3, asked.output
    assert "Nothing was stored" in asked.output
    assert "VIP hold" in asked.output
    done = acme.run("import", str(file), "--account", "ACME", "--create", "all")
    assert done.returncode == 4, done.output
    for words in ("4,950", "50", "There is no status", "Registred", "registrations-export.csv.refused.csv"):
        assert words in done.output
    with file.with_name("registrations-export.csv.refused.csv").open(encoding="utf-8-sig", newline="") as report:
        assert len(list(csv.DictReader(report))) == 50
    again = answer(acme.run("import", str(file), "--account", "ACME", "--create", "none", "--json"))
    assert again["counts"] == {"rows": 5000, "done": 5000, "unchanged": 4950, "refused": 50}


def test_I2_a_mapping_without_date_is_read_as_the_file_shows_and_doubt_is_reported(acme, tmp_path):
    file, mapping = tmp_path / "guests.csv", tmp_path / "mapping.json"
    mapping.write_text(json.dumps({"event": "GALA", "columns": {"changed": "modified"}}))
    command = ("import", str(file), "--account", "ACME", "--columns", str(mapping), "--dry-run")
    file.write_text("code,changed\nR-1,05/06/2026\nR-2,05/13/2026\n")
    (_code, column) = answer(acme.run(*command, "--json"))["columns"]
    assert (column["date"], column["doubt"]) == ("month first", "")
    file.write_text("code,changed\nR-1,05/06/2026\n")
    assert "changed goes to modified. Dates could be read day or month first" in acme.run(*command).output


def test_I4_a_plan_can_be_edited(acme, file, tmp_path):
    plan = tmp_path / "plan.json"
    dry = acme.run("import", str(file), "--account", "ACME", "--dry-run", "--write-plan", str(plan), "--json")
    assert answer(dry)["counts"]["refused"] == 5000
    rows = json.loads(plan.read_text())["create"]
    astronaut = next(row for row in rows if row["name"] == "Astronaut")
    assert not astronaut["create"]
    astronaut["create"] = True
    next(row for row in rows if row["name"] == "VIP hold")["facts"]["class"] = "Accepted"
    plan.write_text(json.dumps({"create": rows}))
    done = acme.run("import", str(file), "--account", "ACME", "--plan", str(plan), "--json")
    assert answer(done)["counts"] == {"rows": 5000, "done": 5000, "created": 4954, "refused": 46}


@pytest.mark.parametrize("phase", ["scanning", "importing"])
def test_I3_killed_and_started_again_it_goes_on_where_it_was(acme, database, file, phase):
    """kill -9 in the middle, then the same command: it goes on, and nothing is there twice."""
    with file.open("ab") as out:  # long enough to be met in the middle
        body = EXPORT.read_bytes().split(b"\n", 1)[1]
        out.write(body.replace(b",PAR0", b",P1R0").replace(b",SUM0", b",S1M0").replace(b",WEB0", b",W1B0").replace(b",ROA0", b",R1A0"))
    command = ("import", str(file), "--account", "ACME", "--create", "all", "--json")
    process = acme(*command)

    def in_the_middle():
        assert process.returncode is None, process.output
        id, now, done = newest()
        return now == phase and 0 < done < 10_000 and id

    with watched(database) as newest:
        before = until(in_the_middle, 60, every=0.005)
    process.kill()
    second = acme.run(*command, timeout=150)
    assert "Continues job" in second.output, second.output
    found = answer(second)
    assert found["job"] == before
    assert found["counts"] == {"rows": 10_000, "done": 10_000, "created": 9_900, "refused": 100}
    third = answer(acme.run("import", str(file), "--account", "ACME", "--create", "none", "--json", timeout=150))
    assert third["counts"] == {"rows": 10_000, "done": 10_000, "unchanged": 9_900, "refused": 100}


def terminated(acme, database, file):
    """An import that was asked to stop in the middle; its process."""
    process = acme("import", str(file), "--account", "ACME", "--create", "all")
    with watched(database) as newest:
        until(lambda: newest()[1] == "importing", 60, every=0.005)
    assert process.terminate() == 5, process.output
    return process


def test_ctrl_c_pauses_and_jobs_steer(acme, database, file):
    process = terminated(acme, database, file)
    assert "Paused after" in process.output
    (paused,) = answer(acme.run("jobs", "list", "--account", "ACME", "--json"))
    assert paused["state"] == "paused"
    shown = acme.run("jobs", "show", str(paused["id"]))
    assert "import of registrations-export.csv for ACME, paused" in shown.output
    resumed = acme.run("jobs", "resume", str(paused["id"]), "--here", "--json")
    assert answer(resumed)["state"] == "done"
    refused = acme.run("jobs", "cancel", str(paused["id"]))
    assert (refused.returncode, "is already done" in refused.output) == (1, True)
    assert answer(acme.run("jobs", "list", "--json")) == []
    assert len(answer(acme.run("jobs", "list", "--all", "--json"))) == 1


def half_done(acme, database, file):
    """An import that was paused in the middle; its job."""
    terminated(acme, database, file)
    return newest_job(database)[0]


@pytest.mark.parametrize("moved", [False, True])
def test_I4_a_touched_or_moved_file_with_the_same_bytes_goes_on(acme, database, file, moved):
    paused = half_done(acme, database, file)
    os.utime(file, (1, 1))
    if moved:
        file = file.rename(file.with_name("moved.csv"))
    done = acme.run("import", str(file), "--account", "ACME", "--create", "all", "--json")
    assert "Continues job" in done.output
    found = answer(done)
    assert (found["job"], found["state"], found["counts"]["rows"]) == (paused, "done", 5000)


def test_I4_a_touched_file_is_resumed_by_number_and_a_changed_one_is_not(acme, database, file):
    paused = half_done(acme, database, file)
    kept = file.read_bytes()
    file.write_bytes(kept.replace(b"Partner Day", b"Partner DAY"))
    refused = answer(acme.run("jobs", "resume", str(paused), "--here", "--json"))
    assert (refused["state"], "is missing or has changed" in refused["error"]) == ("failed", True)
    file.write_bytes(kept)
    assert answer(acme.run("jobs", "resume", str(paused), "--here", "--json"))["state"] == "done"


def test_I4_anew_forgets_the_job_before(acme, database, file):
    paused = half_done(acme, database, file)
    command = ("import", str(file), "--account", "ACME", "--create", "all", "--json")
    anew = acme.run(*command, "--anew")
    found = answer(anew)
    assert (found["job"] != paused, found["state"]) == (True, "done")
    assert f"Forgets job {paused}" in anew.output
    assert answer(acme.run("jobs", "show", str(paused), "--json"))["state"] == "cancelled"
    assert answer(acme.run("jobs", "list", "--json")) == []
    again = answer(acme.run(*command))
    assert again["job"] > found["job"], "nothing goes on with what was forgotten"
    assert again["counts"]["unchanged"] == again["counts"]["rows"] - again["counts"]["refused"]


def test_jobs_tell_a_dry_run_and_a_question_from_an_import(acme, file):
    told = (
        (("--dry-run",), "import, dry run", "5,000 of 5,000 rows checked, none stored"),
        ((), "import", "5,000 rows read, none stored"),
        (("--create", "all"), "import", "5,000 of 5,000 rows"),
    )
    jobs = [answer(acme.run("import", str(file), "--account", "ACME", "--json", *arguments))["job"] for arguments, _kind, _progress in told]
    lines = acme.run("jobs", "list", "--all").output.splitlines()
    for job, (_arguments, kind, progress) in zip(jobs, told, strict=True):
        (listed,) = [line for line in lines if line.split()[:1] == [str(job)]]
        shown = acme.run("jobs", "show", str(job)).output.splitlines()
        assert f"ACME     {kind}" in listed
        assert progress in listed
        assert shown[0] == f"Job {job}: {kind} of {file.name} for ACME, done"
        assert shown[1].startswith(progress)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.csv", "--account", "ACME"), "cannot be read"),
        ((str(EXPORT), "--account", "NONE"), "There is no account NONE. Accounts: ACME."),
        ((str(EXPORT), "--account", "ACME", "--encoding", "klingon"), "klingon"),
        ((str(EXPORT), "--account", "ACME", "--separator", ";"), "registration code"),
        ((str(EXPORT), "--account", "ACME", "--columns", str(EXPORT)), "is not a column mapping"),
        ((str(EXPORT), "--account", "ACME", "--plan", str(EXPORT)), "is not a plan"),
    ],
)
def test_what_is_wrong_is_a_sentence(acme, arguments, said):
    process = acme.run("import", *arguments)
    assert process.returncode == 1
    assert said in process.output
    assert "Traceback" not in process.output
