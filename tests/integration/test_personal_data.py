"""Where personal data is kept: every column of every table, and every file, after a history that one person was everywhere in (X6, B7).

What is found is the list of docs/design/retention.md, section 5. So whoever adds a table, a column or a file that holds something of a person
has to say there how it goes; and whoever erases a person has to reach all of it.
"""

from __future__ import annotations

import json
import re
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django_scopes import scope, scopes_disabled
from tests.api_client import ApiClient
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.personal_data import PLANTED, is_planted, kept_in, text_columns
from tests.receiver import Answer, Received
from tests.replays import checked
from tests.story import Story

from heliograph.connections.services.connections import save_rule
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.mapping.mapping import ValueType
from heliograph.domain.registration.erasure import ErasureReason
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.source.source_states import CallState
from heliograph.insights import record_export
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.mappings.services import save_mapping
from heliograph.recording.items import RecordItem
from heliograph.recording.record import record
from heliograph.registrations.erasures import erasure_job
from heliograph.registrations.erasures.person import person_of
from heliograph.registrations.erasures.person_erasure import start_erasure
from heliograph.registrations.erasures.quoted_texts import TABLES
from heliograph.registrations.imports import import_job
from heliograph.retry import downloads
from heliograph.sources.models import Source, SourceCall, SourceItem, SourceRefusedRow

REGISTER = Path(__file__).parents[2] / "docs/design/retention.md"
JOBS = JobKinds([record_export.kind(), downloads.kind(), import_job.kind(), erasure_job.kind()])


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


def import_rows(client: Client, rows: str) -> Job:
    """A file through the wizard: upload, columns, dry run, import."""
    answer = client.post("/import/", {"file": SimpleUploadedFile("people.csv", rows.encode()), "event": "SUMMIT"})
    id = str(answer["Location"].split("/")[2])
    client.post(f"/import/{id}/columns/", posted(client.get(f"/import/{id}/columns/").content.decode(), "columns"))
    run_jobs()
    page = client.get(f"/import/{id}/dry-run/").content.decode()
    client.post(f"/import/{id}/dry-run/", posted(page, "dry") | {"do": ["import"], "quiet": ["1"]})
    return run_jobs()[-1]


def run_jobs() -> list[Job]:
    """Runs the jobs that wait."""
    with scopes_disabled():
        waiting = list(Job.objects.filter(state=JobState.QUEUED).order_by("pk").values_list("pk", flat=True))
    return [Runner(JOBS).run_one(job) for job in waiting]


def plant(story: Story, client: Client) -> None:
    """A person who comes in by every door, is sent, refused, retried, replayed, searched for, exported and imported."""
    story.receiver.answer_all(echo)
    mapping = story.mapping("Person", {"code": "registration.code", "first": "profile.first_name", "email": "profile.email"})
    crm, archive = story.connection("CRM", "/crm"), story.connection("Archive", "/archive")
    with story.saving() as transaction:
        save_rule(transaction, crm, [{"if": [{"in": "status", "is": ["422"]}], "then": "failed", "says": "Not taken", "shows": "error"}])
    flow = story.flow("Leads", [story.to(crm, mapping=mapping)])
    story.flow("Archived", [story.to(archive, mapping=mapping)])
    person = {
        "first_name": PLANTED[0],
        "last_name": PLANTED[1],
        "email": f"z@{PLANTED[2]}",
        "organization": PLANTED[1],
        "phone": PLANTED[4],
    }
    with story.worker():
        story.record(PLANTED[3], status="Pre-Registered", profile=person, answers={"dietary": ["Vegan"]})
        story.record(PLANTED[3], status="Attended", profile=person | {"first_name": f"{PLANTED[0]} B."}, sessions=[{"code": "KEYNOTE"}])
        story.record(PLANTED[3], status="Waitlist Hold")  # carries no tag: a run waits for one
        story.wait_for(lambda: "queued" in story.states(PLANTED[3]) and "pending" not in story.states(PLANTED[3]))
    api = ApiClient.for_account(story.account)
    document = {"event": "SUMMIT", "code": PLANTED[3], "order_code": f"O-{PLANTED[3]}"}
    api.post("registrations", document, status=200, Idempotency_Key=f"{PLANTED[3]}-v4")
    sent = RecordItem(story.account, document | {"profile": {"mobile": PLANTED[4]}}, "token:1", key=f"{PLANTED[3]}-v5")
    with story.db.transaction():
        assert record(story.db, [sent], story.provider, endpoint="ingest")[0].outcome is ItemOutcome.UPDATED
    story.signs_in(client)
    done(client, f"/signal/metrics/records/triggered/export/?period=1h&q={PLANTED[0]}")
    done(client, f"/signal/retry/download/?q={PLANTED[0]}", column=list(downloads.COLUMNS))
    head = "code,first_name,last_name,email,status\n"
    import_rows(
        client, f"{head}{PLANTED[3]},{PLANTED[0]},{PLANTED[1]},z@{PLANTED[2]},Attended\n{PLANTED[3]}-2,{PLANTED[0]},X,z@{PLANTED[2]},Lost\n"
    )
    with story.saving() as transaction:  # today a name would have to be a number: the dry run says which is none
        today = transaction.provider.account(story.account).mappings[mapping]
        rows = tuple(replace(row, type=ValueType.NUMBER) if row.target == "first" else row for row in today.rows)
        save_mapping(transaction, replace(today, rows=rows), mapping, confirmed=True)
    checked(story, flow)
    called(
        story,
        json.dumps(
            {"orders": [{"code": PLANTED[3], "mail": f"z@{PLANTED[2]}", "given": PLANTED[0]}, {"code": "R2", "mail": "other@example.org"}]}
        ),
    )
    called(story, f"code={PLANTED[3]}&mail=z%40{PLANTED[2]}")
    page = client.get(f"/registrations/SUMMIT/{PLANTED[3]}/").content.decode()
    form = posted(page, "form")
    client.logout()
    client.post(f"/registrations/SUMMIT/{PLANTED[3]}/", form)  # kept until its author has signed in again


def called(story: Story, body: str) -> None:
    """A call of a live source, as its door stores it."""
    with scope(account=story.account):
        source, _ = Source.objects.get_or_create(
            account_id=story.account, name="Tickets", defaults={"created": 1, "created_by": "user:1", "changed": 1}
        )
        SourceCall.objects.create(
            account_id=story.account,
            source=source,
            at=1,
            state=CallState.WAITING,
            sender_id=f"{PLANTED[3]}-{len(body)}",
            headers=json.dumps({"x-order": PLANTED[3]}),
            body=zlib.compress(body.encode()),
            problem=json.dumps({"reason": f"no event for {PLANTED[3]}"}),
        )
        documents, key = json.dumps([["SUMMIT-26", PLANTED[3]]]), f"{PLANTED[3]}-{len(body)}"
        SourceItem.objects.create(account_id=story.account, source=source, key=key, digest=b"d", documents=documents)
        SourceRefusedRow.objects.create(
            account_id=story.account, source=source, at=1, job_id=0, file="guests.csv", kept_as="1_guests.csv", line=2, event="SUMMIT",
            code=f"{PLANTED[3]}-{len(body)}", problem=json.dumps({"problems": [{"reason": f"no {PLANTED[0]}"}]}),
        )  # fmt: skip


def test_B7_whoever_was_planted_everywhere_is_nowhere_once_erased(story: Story, database: DatabaseFacts, client: Client) -> None:
    plant(story, client)
    assert sorted(kept_in(database, story.db)) == sorted(registered(database.vendor)), "docs/design/retention.md says where it is kept"
    with account_reader(story.account) as reader:
        person = person_of(reader, story.registrations[PLANTED[3]])
    erasure = start_erasure(
        story.account, person, why=ErasureReason.ASKED, reference="DSR-1", confirmation=f" Z@{PLANTED[2]} ", by="user:1"
    )
    assert erasure.job is not None
    job = Runner(JOBS).run_one(erasure.job)
    assert job.state == JobState.DONE, job.error
    assert kept_in(database, story.db) == set()
    bodies = [body and json.loads(zlib.decompress(body)) for (body,) in story.db.all("SELECT body FROM source_call ORDER BY id")]
    assert bodies == [{"orders": [{"code": "", "mail": "", "given": ""}, {"code": "R2", "mail": "other@example.org"}]}, None]
    for file in database.data.glob("heliograph.db*"):  # what is deleted is overwritten, too
        assert file.is_dir() or not is_planted(file.read_bytes()), file


DECIDED = {
    "a person's: erased by the id of the registration": """
        action message
        attempt message
        attempt_content request response
        change_content after before
        registration code name organization search state
        replay_line problem
        retry_download_row cells
        stuck_run message
        registration_search search
        registration_search_config k v
        registration_search_data block
        registration_search_idx pgno segid term""",
    "may quote a person: searched for the person's words": """
        audit_entry after before name
        connection_state paused_why test_result
        django_session session_data
        idempotency answer key
        jobs_job cursor error parameters result
        oauth_access failure
        replay reason selection
        source failure
        source_call body headers problem sender_id
        source_item documents key sessions
        source_refused_row code event file kept_as problem
        source_ring key""",
    "sealed and gone within 15 minutes: deleted": """
        kept_form name path sealed""",
    "of an erasure: names nobody, keyed or checked for the person's words": """
        erased_code digest
        erasure applications by counts reference why
        erasure_key key
        erasure_proposal by decided_by decision""",
    "words, digests and numbers of ours": """
        action cause uid
        attempt cause versions
        audit_entry by kind what
        backup_run failure file
        change by traceparent
        figure_bitmap bits
        figure_delta serials
        idempotency endpoint request_hash
        jobs_job counts created_by kind owner phase state
        people_sent bits
        remembered key value
        replay by choice flow_name started_by stopped_by
        replay_line note
        restored_copy released_by
        retention agreed_by
        retry_download_row item
        run reason
        saved_cure objects_tagged
        source_item digest
        source_refusal reason
        sequence name
        slot owner
        stuck_run cause
        worker id said
        auth_group name
        auth_permission codename name
        django_content_type app_label model
        django_migrations app name""",
    "set-up: what an account's own people write, with its history": """
        accounts_account allowed_networks code name retry_intervals start_page timezone
        source cursor created_by folded_name mapping name path paused_by platform settings
        source_secret created_by
        applied_file by content counts name sections state
        attendee_type code folded_code folded_name name
        config_history body by kind
        connection body changed_by created_by folded_name host name type
        custom_field code folded_code kind label options type
        destination does name
        event code custom location name timezone
        event_status code folded_code folded_name name
        flow body changed_by created_by mode name watch
        flow_tag place
        mapping body changed_by created_by folded_name kind name subject
        question code folded_code label options type
        registration_property code folded_code folded_name name
        registration_status class code folded_code folded_name name
        session code folded_code name
        session_status code folded_code folded_name name
        tag folded_name kinds label name""",
    "people who sign in, their secrets and those of connections": """
        account_emailaddress email
        account_emailconfirmation key
        accounts_user email language name password role
        api_token created_by digest name prefix role scopes
        saved_view list_name name query
        django_session session_key
        entry_link created_by digest purpose
        mfa_authenticator data type
        oauth_access bond connected_by holder refreshing_by scope sealed
        secret field kind value
        socialaccount_socialaccount extra_data provider uid
        socialaccount_socialapp client_id key name provider provider_id secret settings
        socialaccount_socialtoken token token_secret
        usersessions_usersession data ip session_key user_agent""",
    "who is told, and what they were told: addresses of people who sign in, names and codes, no value of a registration": """
        notification_message address body key kind owner phase result title uid way
        notification_problem facts key kind
        notification_rule body scope
        notification_settings body""",
}
"""Every column that can hold a text, by what becomes of it when a person is erased. A new one has to be put here, and into the code that erases."""
ONE_VENDOR = {
    *(("registration_search", column) for column in ("search",)),
    *(("registration_search_config", column) for column in ("k", "v")),
    ("registration_search_data", "block"),
    *(("registration_search_idx", column) for column in ("pgno", "segid", "term")),
    ("sequence", "name"),
    ("usersessions_usersession", "ip"),
}
"""Columns that only one of the databases has as a text."""


def test_B7_of_every_column_it_is_decided_what_an_erasure_does(database: DatabaseFacts) -> None:
    lines = [line.split() for block in DECIDED.values() for line in block.splitlines() if line.strip()]
    decided = [(table, column) for table, *columns in lines for column in columns]
    assert len(decided) == len(set(decided)), "each column once"
    with closing(database.open()) as db:
        stored = set(text_columns(db))
    assert sorted(stored - set(decided)) == [], "decide what an erasure does with it"
    assert sorted(set(decided) - stored - ONE_VENDOR) == [], "there is no such column"


def test_B7_the_tables_that_are_searched_are_those_that_are_decided() -> None:
    block = DECIDED["may quote a person: searched for the person's words"]
    decided = {table: set(columns) for table, *columns in (line.split() for line in block.splitlines() if line.strip())}
    by_rows = {table.name: set(table.columns) for table in TABLES}
    assert (
        by_rows
        | {
            "source_call": {"body", "headers", "problem", "sender_id"},
            "source_item": {"documents", "key", "sessions"},
            "source_refused_row": {"code", "event", "file", "kept_as", "problem"},
            "source_ring": {"key"},
        }
        | {"django_session": {"session_data"}, "idempotency": {"answer", "key"}}
        == decided
    )
