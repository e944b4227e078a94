"""`heliograph flow`: lists and shows flows, and explains what one decided (guide: Setting Up Flows; F1, F9)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from heliograph.commands.connection_commands import find_connection
from heliograph.commands.operator_output import OfAccount, find_flow, in_account, print_documents, print_rows, print_table, print_text
from heliograph.commands.setup_commands import CommandError, Json
from heliograph.domain.flow.flow import Mode

if TYPE_CHECKING:
    from heliograph.api.documents.flow_documents import FlowDocument
    from heliograph.deliveries.account_reader import AccountReader
    from heliograph.deliveries.explanation import GateRow

Name = Annotated[str, typer.Argument(help="The flow's name or id.")]
_STATES: Final = {"passed": "passed", "stopped": "stopped here", "wait": "waits", "unread": "not reached"}
"""What pages call the states of a gate."""


class Completeness(StrEnum):
    """Whether something is missing in a flow, as in the address of the Flow List."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Flows: list them, show one, explain what one decided.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("explain")(explain)
    app.add_typer(group, name="flow")


def list_(
    account: OfAccount,
    words: Annotated[str, typer.Option("--words", help="Words of the name or the sentence: tags, events, connections.")] = "",
    connection: Annotated[str, typer.Option("--connection", help="Only flows that send over this connection: its name.")] = "",
    mode: Annotated[Mode | None, typer.Option(case_sensitive=False, help="Only flows of this mode.")] = None,
    status: Annotated[Completeness | None, typer.Option(help="Only flows that are complete, or that are not.")] = None,
    as_json: Json = False,
) -> None:
    """List the flows by name, each with what waits and what failed in the last 24 hours."""
    with in_account(account) as account_row:
        from heliograph.api.documents.flow_documents import ListedFlow  # noqa: PLC0415
        from heliograph.domain.flow.sentence import SentenceNames  # noqa: PLC0415
        from heliograph.flows.flow_list import FlowList, FlowListFilter  # noqa: PLC0415
        from heliograph.store.django_database import read_database  # noqa: PLC0415
        from heliograph.web.templatetags.moments import minute  # noqa: PLC0415

        of_connection = find_connection(account_row, connection) if connection else None
        filters = FlowListFilter(words.strip(), of_connection, mode, None if status is None else status is Completeness.COMPLETE)
        with read_database() as db:
            flows = FlowList(db, account_row.pk)
            rows = flows.rows(flows.flows(filters))
        names = SentenceNames.from_config(flows.config)
        documents = [ListedFlow.from_listed(row, flows.config, names) for row in rows]
        if as_json:
            print_documents(documents)
        elif not documents:
            print_text("Nothing matches the search and filters. Change one of them." if flows.config.flows else "There are no flows.")
        else:
            print_table(
                ("Flow", "Name", "Mode", "State", "Held", "Waits", "Untagged", "Failed", "Validation", "Last run"),
                [
                    (
                        each.id,
                        each.name,
                        each.mode,
                        _state(each),
                        _counted(each.figures.held, is_more=each.figures.holds_more),
                        _counted(each.figures.queued, is_more=each.figures.is_more),
                        _counted(each.figures.untagged, is_more=each.figures.is_more),
                        _counted(each.figures.failed, is_more=each.figures.is_more),
                        each.figures.validation,
                        minute(each.figures.last_run),
                    )
                    for each in documents
                ],
            )


def _counted(number: int, *, is_more: bool) -> str:
    return f"{number} or more" if is_more else str(number)


def show(name: Name, account: OfAccount, as_json: Json = False) -> None:
    """Show a flow: its rule as a sentence, what it lacks, and where it sends."""
    with in_account(account) as account_row:
        from heliograph.api.documents.flow_documents import FlowDocument  # noqa: PLC0415
        from heliograph.deliveries.account_reader import account_reader  # noqa: PLC0415

        with account_reader(account_row.pk) as reader:
            flow = reader.config.flows.get(find_flow(reader, name))
            if flow is None:
                raise CommandError("This flow has been deleted.")
            document = FlowDocument.from_flow(flow, reader.config)
            if as_json:
                print_documents(document)
            else:
                _say_flow(document, reader)


def _state(flow: FlowDocument) -> str:
    return ("on" if flow.active else "off") + ("" if flow.complete else ", incomplete")


def _say_flow(flow: FlowDocument, reader: AccountReader) -> None:
    from heliograph.connections.does_words import DOES  # noqa: PLC0415

    print_text(f"{flow.name} ({flow.id}): {flow.mode}, {_state(flow)}, version {flow.version}", flow.sentence)
    print_text(*(f"Missing: {each.text}" for each in flow.missing))
    connections = {str(id): connection.name for id, connection in reader.config.connections.items()}
    mappings = {str(id): mapping.name for id, mapping in reader.config.mappings.items()}
    rows = [
        (
            each.name,
            connections.get(each.connection or "", ""),
            mappings.get(each.payload_mapping or "", ""),
            mappings.get(each.header_mapping or "", ""),
            DOES[each.does],
        )
        for each in flow.destinations
    ]
    if rows:
        print_table(("Destination", "Connection", "Payload mapping", "Header mapping", "Does"), rows)


def explain(
    flow: Name,
    account: OfAccount,
    change: Annotated[str, typer.Option("--change", help="The id of a change, as timelines and items of the Retry Queue show it.")] = "",
    event: Annotated[str, typer.Option("--event", help="With --registration: the code of its event.")] = "",
    registration: Annotated[
        str, typer.Option("--registration", help="Instead of --change: the code of a registration, for its last change.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Explain why a flow took a change or did not: its gates, by the rules of then and of today."""
    if bool(change) is bool(event and registration):
        raise typer.BadParameter("give --change, or --event with --registration")
    with in_account(account) as account_row:
        from heliograph.api.documents.timeline_documents import ExplanationDocument  # noqa: PLC0415
        from heliograph.deliveries.account_reader import account_reader  # noqa: PLC0415
        from heliograph.timeline.recorded_changes import explanation_of, why_gone  # noqa: PLC0415

        with account_reader(account_row.pk) as reader:
            flow_id = find_flow(reader, flow)
            change_id = _change(change) if change else _last_change(reader, event, registration)
            gone = why_gone(reader, change_id)
            recorded, pair = (None, None) if gone else explanation_of(reader, change_id, flow_id)
            if as_json:
                print_documents(ExplanationDocument.from_pair(change_id, flow_id, pair, gone))
                return
            if recorded is None or pair is None:
                raise CommandError(gone)
            from heliograph.deliveries.delivery_words import sentence_of  # noqa: PLC0415
            from heliograph.domain.flow.sentence import plain  # noqa: PLC0415
            from heliograph.web.templatetags.moments import moment  # noqa: PLC0415

            what = sentence_of(recorded.change, reader.config, reader.provider.event(recorded.event))
            print_text(f"Change {change_id}, {moment(recorded.change.at)}: {what}", plain(pair.then_or_today.sentence))
            print_text(f"Then: {pair.then.answer if pair.then else 'The flow did not exist.'}")
            print_text(f"Today: {pair.today.answer if pair.today else 'The flow has been deleted.'}")
            rows = []
            for gate in pair.gates:  # each by the rules of then; below, by those of today if they differ
                rows.append((gate.name, _STATES[gate.state], _reason(gate)))
                rows += [("", f"today: {_STATES[now.state]}", _reason(now)) for now in gate.today]
            print_rows(rows)


def _change(id: str) -> int:
    from heliograph.domain.ids import read_id  # noqa: PLC0415

    number = read_id(id)
    if number is None:
        raise CommandError(f"There is no change {id}.")
    return number


def _last_change(reader: AccountReader, event: str, code: str) -> int:
    """The last change of a registration. Raises CommandError."""
    from heliograph.registrations.draft import opened  # noqa: PLC0415

    registration = opened(reader.db, reader.account, event, code)
    if registration is None or registration.last_change is None:
        raise CommandError(f"There is no registration {code!r} in the event {event!r}.")
    return registration.last_change


def _reason(gate: GateRow) -> str:
    return f"Needs {gate.expected}; it was {gate.actual}." if gate.expected else gate.note
