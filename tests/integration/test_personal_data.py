"""Where personal data is kept: every column of every table, and every file, after a history that one person was everywhere in (X6, B7).

What is found is the list of docs/design/retention.md, section 5. So whoever adds a table, a column or a file that holds something of a person
has to say there how it goes; and whoever erases a person has to reach all of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.receiver import Answer, Received
from tests.replays import checked
from tests.story import Story

from heliograph.connections.services.connections import save_rule
from heliograph.domain.mapping.mapping import ValueType
from heliograph.insights import record_export
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.mappings.services import save_mapping
from heliograph.retry import downloads
from heliograph.store.database import Database

PLANTED = ("Zaphodina", "Beeblebroxova", "planted.example", "PLNT-77")
"""First and last name, the host of the e-mail address, and the code of the registration."""
REGISTER = Path(__file__).parents[2] / "docs/design/retention.md"
JOBS = JobKinds([record_export.kind(), downloads.kind()])


def columns(db: Database) -> list[tuple[str, str]]:
    """Every column of every table; of partitioned ones once."""
    if db.vendor == "sqlite":
        sql = (
            "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"
            " AND t.sql NOT LIKE 'CREATE VIRTUAL%'"  # the tables that it is made of are read
        )
    else:
        sql = (
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"
        )
    return sorted((str(table), str(column)) for table, column in db.all(sql))


def holds(db: Database, table: str, column: str) -> bool:
    """Whether any row of the column has something of the person, in any spelling of JSON."""
    cells = (cell for (cell,) in db.all(f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL'))
    return any(is_planted(bytes(cell) if isinstance(cell, (bytes, memoryview)) else str(cell).encode()) for cell in cells)


def is_planted(content: bytes) -> bool:
    return any(word.lower().encode() in content.lower() for word in PLANTED)


def kept_in(facts: DatabaseFacts, db: Database) -> set[str]:
    """Tables with their columns, and folders of files, that hold something of the person."""
    found = {f"{table}.{column}" for table, column in columns(db) if holds(db, table, column)}
    files = [path for path in facts.data.rglob("*") if path.is_file() and not path.name.startswith("heliograph.db")]
    return found | {f"{path.relative_to(facts.data).parts[0]}/" for path in files if is_planted(path.read_bytes())}


def registered(vendor: str) -> set[str]:
    """What docs/design/retention.md says. What is kept on PostgreSQL alone is no text on SQLite."""
    section = REGISTER.read_text("utf-8").partition("## 5 ")[2].partition("\n## ")[0]
    where = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    where = [each for each in where if vendor == "postgresql" or "(PostgreSQL;" not in each]
    tables = {
        f"{table}.{column}"
        for each in where
        for table, names in re.findall(r"`(\w+)`: ([\w, ]+)", each)
        for column in names.strip().split(", ")
    }
    return tables | {folder for each in where for folder in re.findall(r"files in `(\w+/)`", each)}


def echo(request: Received) -> Answer:
    """A target that repeats what it refuses, as targets do."""
    said = {"error": f"unknown: {request.body.decode()}"}
    return Answer(422, json.dumps(said), {"content-type": "application/json"})


def done(client: Client, address: str, **form: object) -> Job:
    """Begins long work on a page, and does it."""
    answer = client.post(address, form)
    assert answer.status_code == 302
    number = re.findall(r"/(\d+)/", answer["Location"])[-1]
    job = Runner(JOBS).run_one(int(number))
    assert job.state == JobState.DONE
    return job


@pytest.mark.timeout(180)
def test_X6_all_places_that_keep_personal_data_are_registered(story: Story, database: DatabaseFacts, client: Client) -> None:
    story.receiver.answer_all(echo)
    mapping = story.mapping("Person", {"code": "registration.code", "first": "profile.first_name", "email": "profile.email"})
    crm = story.connection("CRM", "/crm")
    with story.saving() as transaction:
        save_rule(transaction, crm, [{"if": [{"in": "status", "is": ["422"]}], "then": "failed", "says": "Not taken", "shows": "error"}])
    flow = story.flow("Leads", [story.to(crm, mapping=mapping)])
    person = {"first_name": PLANTED[0], "last_name": PLANTED[1], "email": f"z@{PLANTED[2]}", "organization": PLANTED[1]}
    with story.worker():
        story.record(PLANTED[3], status="Pre-Registered", profile=person, answers={"dietary": ["Vegan"]})
        story.record(PLANTED[3], status="Attended", profile=person | {"first_name": f"{PLANTED[0]} B."}, sessions=[{"code": "KEYNOTE"}])
        story.wait_for(lambda: "queued" in story.states(PLANTED[3]))
    story.signs_in(client)
    done(client, f"/signal/metrics/records/triggered/export/?period=1h&q={PLANTED[0]}")
    done(client, f"/signal/retry/download/?q={PLANTED[0]}", column=list(downloads.COLUMNS))
    with story.saving() as transaction:  # today a name would have to be a number: the dry run says which is none
        today = transaction.provider.account(story.account).mappings[mapping]
        rows = tuple(replace(row, type=ValueType.NUMBER) if row.target == "first" else row for row in today.rows)
        save_mapping(transaction, replace(today, rows=rows), mapping, confirmed=True)
    checked(story, flow)
    page = client.get(f"/registrations/SUMMIT/{PLANTED[3]}/").content.decode()
    form = posted(page, "form")
    client.logout()
    client.post(f"/registrations/SUMMIT/{PLANTED[3]}/", form)  # kept until its author has signed in again
    found = kept_in(database, story.db)
    assert sorted(found) == sorted(registered(database.vendor))
