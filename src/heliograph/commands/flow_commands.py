"""`heliograph flow`: lists and shows flows (guide: Setting Up Flows; F1)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from heliograph.commands.connection_commands import find_connection
from heliograph.commands.operator_output import OfAccount, find_flow, in_account, print_documents, print_table, print_text
from heliograph.commands.setup_commands import CommandError, Json
from heliograph.domain.flow.flow import Mode

if TYPE_CHECKING:
    from heliograph.api.documents.flow_documents import FlowDocument
    from heliograph.deliveries.account_reader import AccountReader

Name = Annotated[str, typer.Argument(help="The flow's name or id.")]


class Completeness(StrEnum):
    """Whether something is missing in a flow, as in the address of the Flow List."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Flows: list them, show one with its rule.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
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
            print_text("No flow is like this." if flows.config.flows else "There are no flows.")
        else:
            print_table(
                ("Flow", "Name", "Mode", "State", "Waits", "Untagged", "Failed", "Validation", "Last run"),
                [
                    (
                        each.id,
                        each.name,
                        each.mode,
                        _state(each),
                        each.figures.queued,
                        each.figures.untagged,
                        each.figures.failed,
                        each.figures.validation,
                        minute(each.figures.last_run),
                    )
                    for each in documents
                ],
            )


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
