"""Commands for connections: test-connection (C3), sign-connection (C7)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from heliograph.commands import ready_for_data
from heliograph.commands.setup_commands import BY, CommandError, Json, answer, find_account

if TYPE_CHECKING:
    from heliograph.accounts.models import Account

Name = Annotated[str, typer.Argument(help="The connection's name.")]
OfAccount = Annotated[str, typer.Option("--account", help="Code of the account.")]


class Signing(StrEnum):
    """What to do with a connection's signing secret."""

    NEW = "new"
    ANOTHER = "another"
    FINISH = "finish"
    STOP = "stop"


def register(app: typer.Typer) -> None:
    app.command("test-connection")(run_test)
    app.command("sign-connection")(sign_connection)


def run_test(
    name: Name,
    account: OfAccount,
    sample: Annotated[
        bool, typer.Option("--sample", help="Send one real request with sample values instead of calling the test URL.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Test a connection step by step. Without a test URL it only connects; only --sample posts anything. Exit code 1 if it fails."""
    ready_for_data()
    from heliograph.connections import diagnosis_words as words  # noqa: PLC0415
    from heliograph.connections.services.save_and_test import try_connection  # noqa: PLC0415
    from heliograph.domain.connection.diagnosis import DiagnosisVerdict  # noqa: PLC0415

    account_row = find_account(account)
    id = find_connection(account_row, name)
    report = try_connection(account_row.pk, id, sample=sample)
    summary, remedy = words.summary(report), words.remedy(report)
    lines = [
        f"{number}. {words.step_name(each.step)}: {words.state_name(each.state)}"
        + (f" ({each.seconds * 1000:.0f} ms)" if each.seconds else "")
        for number, each in enumerate(report.steps, 1)
    ]
    facts = {
        "connection": id,
        "name": name,
        "verdict": report.verdict.value,
        "failed_at": report.failed_at.value if report.failed_at else None,
        "finding": report.finding.value if report.finding else None,
        "said": summary,
        "remedy": remedy,
        "target": report.target,
        "status": report.status,
        "answer": report.answer,
        "steps": [{"step": each.step.value, "result": each.state.value, "seconds": each.seconds} for each in report.steps],
    }
    answer(as_json, facts, "\n".join([*lines, summary, *filter(None, [remedy])]))
    if report.verdict is DiagnosisVerdict.FAILED:
        raise typer.Exit(1)


def sign_connection(
    name: Name,
    account: OfAccount,
    change: Annotated[
        Signing,
        typer.Option(
            "--secret",
            help="new: sign with a new secret and with the one that the target knows; another: replace a new one that is not finished;"
            " finish: sign with the newest only; stop: no longer sign.",
        ),
    ] = Signing.NEW,
    as_json: Json = False,
) -> None:
    """Sign a connection's requests (Standard Webhooks), or change the secret. A new secret is printed once; enter it at the target."""
    ready_for_data()
    from heliograph.connections.services import signing_secrets  # noqa: PLC0415
    from heliograph.setup.services.setup_save import saving  # noqa: PLC0415

    account_row = find_account(account)
    id = find_connection(account_row, name)
    secret = None
    with saving(account_row.pk, by=BY, whole_account=True) as transaction:
        match change:
            case Signing.NEW | Signing.ANOTHER:
                try:
                    secret = signing_secrets.rotate(transaction, id, again=change is Signing.ANOTHER)
                except signing_secrets.RotationOpen:
                    raise CommandError(
                        "A new secret was made and is not finished. Run it with --secret finish once the target knows it,"
                        " or with --secret another for one in its place."
                    ) from None
            case Signing.FINISH:
                signing_secrets.finish(transaction, id)
            case Signing.STOP:
                signing_secrets.stop(transaction, id)
    message = f"{secret}\nThis is shown once. Enter it at the target." if secret else "Saved."
    answer(as_json, {"connection": id, "name": name, **({"secret": secret} if secret else {})}, message)


def find_connection(account: Account, name: str) -> int:
    """The connection of this name. Raises CommandError, which lists the existing ones."""
    from django_scopes import scope  # noqa: PLC0415

    from heliograph.connections.models import Connection  # noqa: PLC0415
    from heliograph.setup.name_fields import folded  # noqa: PLC0415

    with scope(account=account.pk):
        rows = Connection.objects.filter(deleted_at=None)
        connection = rows.filter(folded_name=folded(name)).first()
        if connection is None:
            known = list(rows.values_list("name", flat=True)[:20])
            raise CommandError(
                f"There is no connection {name!r} in {account.code}." + (f" Connections: {', '.join(known)}." if known else "")
            )
        return int(connection.pk)
