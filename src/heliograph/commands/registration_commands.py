"""`heliograph registration`: a registration as it is now, and what happened to it (guide: Registrations; X5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from heliograph.commands.operator_output import OfAccount, in_account, print_documents, print_rows, print_text
from heliograph.commands.setup_commands import CommandError, Json

if TYPE_CHECKING:
    from heliograph.api.documents.registration_documents import RegistrationDocument
    from heliograph.api.documents.timeline_documents import TimelineEntry


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Registrations: show one with its timeline.", no_args_is_help=True)
    group.command("show")(show)
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
    yield f"{moment(entry.at)}  {entry.text} (change {entry.id}, {by}{', recorded without being judged' if entry.quiet else ''})"
    if entry.removed:
        yield f"  {entry.removed}"
    for decision in entry.decisions:
        waits = f" ({decision.item})" if decision.item else ""
        yield f"  {decision.flow.name}: {decision.text or 'Triggered.'}{waits}"
        for action in decision.actions:
            yield f"    a{action.id}: {action.text}"
