"""`heliograph registration`: a registration as it is now, what happened to it (guide: Registrations; X5), and the erasure of its person (guide:
Erasing a person; B7)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from heliograph.commands.operator_output import (
    NoWait,
    OfAccount,
    in_account,
    print_documents,
    print_rows,
    print_table,
    print_text,
    watch_job,
)
from heliograph.commands.setup_commands import BY, CommandError, Json

if TYPE_CHECKING:
    from heliograph.api.documents.erasure_documents import PersonDocument
    from heliograph.api.documents.registration_documents import RegistrationDocument
    from heliograph.api.documents.timeline_documents import TimelineEntry


class EraseReason(StrEnum):
    """Why a person is erased, as spelled on the command line: a value of `domain.registration.erasure.ErasureReason`."""

    ASKED = "asked"
    SOURCE = "source"
    OTHER = "other"


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Registrations: show one with its timeline, erase its person.", no_args_is_help=True)
    group.command("show")(show)
    group.command("erase")(erase)
    app.add_typer(group, name="registration")


def show(
    event: Annotated[str, typer.Argument(help="The code of the event.")],
    code: Annotated[str, typer.Argument(help="The registration code.")],
    account: OfAccount,
    changes: Annotated[int, typer.Option(min=0, max=200, help="How many changes of the timeline to show at most, the newest first.")] = 10,
    as_json: Json = False,
) -> None:
    """Show a registration with all its data; below, its timeline: changes, what flows decided, and what was sent. --json has the data alone."""
    with in_account(account, of_signal=False) as account_row:
        from heliograph.accounts.names_of_users import names_of_users  # noqa: PLC0415
        from heliograph.api.documents.registration_documents import RegistrationDocument  # noqa: PLC0415
        from heliograph.api.documents.timeline_documents import TimelineEntry  # noqa: PLC0415
        from heliograph.deliveries.account_reader import account_reader  # noqa: PLC0415
        from heliograph.registrations.draft import opened  # noqa: PLC0415
        from heliograph.timeline.timeline import Timeline  # noqa: PLC0415

        with account_reader(account_row.pk) as reader:
            registration = opened(reader.db, account_row.pk, event, code)
            if registration is None:
                raise CommandError(f"There is no registration {code!r} in the event {event!r}.")
            document = RegistrationDocument.from_opened(registration)
            if as_json:
                print_documents(document)
                return
            _say_registration(document)
            if not changes or not account_row.signal_enabled:
                return
            timeline = Timeline.of_id(reader, registration.id)
            entries = timeline.page(None, size=changes).rows
            names = names_of_users(account_row.pk, [entry.by for entry in entries])
            rows = [TimelineEntry.from_decided(entry, timeline, names) for entry in entries]
            counts = timeline.counts()
        print_text(f"Changes: {counts.changes:,}. Decisions: {counts.decisions:,}. Attempts: {counts.attempts:,}.")
        for row in rows:
            print_text(*_entry(row))


def erase(
    event: Annotated[str, typer.Argument(help="The code of the event.")],
    code: Annotated[str, typer.Argument(help="The registration code.")],
    account: OfAccount,
    confirm: Annotated[str, typer.Option(help="The person's e-mail address, else the code. Default: asked for at the terminal.")] = "",
    why: Annotated[EraseReason, typer.Option(help="Why.")] = EraseReason.ASKED,
    reference: Annotated[str, typer.Option(help="Your own reference; it stays, so it may name nobody.")] = "",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Erase the person of a registration everywhere; figures stay. Shows first what is known and who was told. This cannot be undone.

    Registrations with the same e-mail address are one person. Backups that exist keep the person until they are removed.
    """
    with in_account(account, of_signal=False) as account_row:
        from heliograph.api.documents.erasure_documents import ErasureDocument, PersonDocument  # noqa: PLC0415
        from heliograph.deliveries.account_reader import account_reader  # noqa: PLC0415
        from heliograph.domain.registration.erasure import ErasureReason  # noqa: PLC0415
        from heliograph.jobs import control  # noqa: PLC0415
        from heliograph.registrations.draft import opened  # noqa: PLC0415
        from heliograph.registrations.erasures.person import known_of, person_of, told_of  # noqa: PLC0415
        from heliograph.registrations.erasures.person_erasure import backups_left, erasure_of, start_erasure  # noqa: PLC0415

        with account_reader(account_row.pk) as reader:
            registration = opened(reader.db, account_row.pk, event, code)
            if registration is None:
                raise CommandError(f"There is no registration {code!r} in the event {event!r}.")
            person = person_of(reader, registration.id)
            known, backups = known_of(reader, person), backups_left(reader.db.now())
            document = PersonDocument.from_person(person, known, told_of(reader, person), backups)
        if not as_json:
            _say_person(document)
        if not confirm:
            if not sys.stdin.isatty():
                raise CommandError(f"Nothing is erased yet. To erase this person for good, give --confirm {document.confirmation}")
            confirm = typer.prompt(f"Type {document.confirmation} to erase this person for good")
        row = start_erasure(account_row.pk, person, why=ErasureReason(why.value), reference=reference, confirmation=confirm, by=BY)
        if not no_wait and row.job is not None:
            job = watch_job(control.find(row.job, account_row.pk), as_json=as_json)
            if job.error:
                raise CommandError(job.error)
        row = erasure_of(account_row.pk, row.id)
        if as_json:
            print_documents(ErasureDocument.from_row(row))
            return
        print_text(f"Erasure {row.id} {'has begun' if row.ended is None else 'is done'}, as job {row.job}.")
        print_rows([(name, f"{count:,}") for name, count in row.counts.items() if count])


def _say_person(document: PersonDocument) -> None:
    """What is known of a person, and who was told."""
    print_text("Registrations: " + ", ".join(f"{each.code} in {each.event}" for each in document.registrations))
    print_rows(
        [
            ("sessions and answers", f"{document.sessions + document.answers:,}"),
            ("changes with content", f"{document.changes:,}"),
            ("requests and answers", f"{document.exchanges:,}"),
            ("not sent yet", f"{document.undelivered:,}"),
        ]
    )
    if document.applications:
        print_text("These applications got it, and keep it:")
        rows = [(each.name, each.host, ", ".join(each.fields), each.times, f"{each.last:%Y-%m-%d}") for each in document.applications]
        print_table(("application", "address", "what", "times", "last"), rows)
    if document.backups_until is not None:
        print_text(f"{document.backups:,} scheduled backups hold the person until {document.backups_until:%Y-%m-%d}.")
    print_text("Backups that were made by hand hold the person until they are deleted.")


def _say_registration(document: RegistrationDocument) -> None:
    custom = document.profile.get("custom", {})
    values = {name: value for name, value in document.profile.items() if isinstance(value, str)}
    lists = {**(custom if isinstance(custom, dict) else {}), **document.answers}
    state = [document.status, document.attendee_type, "active" if document.active else "not active", "Test" if document.is_test else ""]
    print_text(f"{document.event} {document.code}, version {document.version}: {', '.join(filter(None, state))}")
    print_rows(
        [
            *values.items(),
            *((name, ", ".join(texts)) for name, texts in lists.items()),
            *((name, "set") for name in document.properties),
            *((f"session {each.code}", each.status) for each in document.sessions),
            *([("order code", document.order_code)] if document.order_code else []),
        ]
    )


def _entry(entry: TimelineEntry) -> Iterator[str]:
    """The lines of a change: itself, what each flow decided, and what became of each action."""
    from heliograph.web.templatetags.moments import moment  # noqa: PLC0415

    by = entry.by_name or entry.by
    yield f"{moment(entry.at)}  {entry.text} (change {entry.id}, {by}{', recorded without being checked' if entry.quiet else ''})"
    if entry.removed:
        yield f"  {entry.removed}"
    for decision in entry.decisions:
        waits = f" ({decision.item})" if decision.item else ""
        yield f"  {decision.flow.name}: {decision.text or 'Triggered.'}{waits}"
        for action in decision.actions:
            yield f"    a{action.id}: {action.text}"
