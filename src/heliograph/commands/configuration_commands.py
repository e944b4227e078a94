"""`heliograph plan`, `apply` and `export`: an account's set-up as one file (B5)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heliograph.commands.operator_output import OfAccount, in_account, print_documents, print_rows, print_text
from heliograph.commands.setup_commands import BY, CommandError, Json

if TYPE_CHECKING:
    from heliograph.api.configuration.configuration_plan import FileToApply, Plan

File = Annotated[Path, typer.Argument(help="The configuration file, YAML or JSON; - for the standard input.")]
Secrets = Annotated[
    Path | None,
    typer.Option(
        "--secrets",
        envvar="CREDENTIALS_DIRECTORY",
        help="The folder of the secrets that the file names as `file`. Those it names as `env` are read from the environment.",
    ),
]
Prune = Annotated[bool, typer.Option("--prune", help="Delete what a section of the file leaves away.")]


def register(app: typer.Typer) -> None:
    app.command()(plan)
    app.command()(apply)
    app.command()(export)


def plan(
    file: File,
    account: OfAccount,
    secrets: Secrets = None,
    prune: Prune = False,
    check: Annotated[bool, typer.Option("--check", help="End with the exit code 1 if the file would change something.")] = False,
    as_json: Json = False,
) -> None:
    """Show everything that a configuration file would change, also what was changed by hand since the last one. Nothing is saved."""
    with in_account(account, of_signal=False) as account_row:
        from heliograph.api.configuration.configuration_documents import PlanDocument  # noqa: PLC0415
        from heliograph.api.configuration.configuration_plan import plan_file  # noqa: PLC0415

        planned = plan_file(account_row.pk, _file(file, secrets, prune=prune), by=BY)
        if as_json:
            print_documents(PlanDocument.from_plan(planned))
        else:
            _say_plan(planned)
            if planned.refused:
                print_text("heliograph apply does this only with --allow-wider.")
        if check and planned.changes:
            raise typer.Exit(1)


def apply(
    file: File,
    account: OfAccount,
    secrets: Secrets = None,
    prune: Prune = False,
    allow_wider: Annotated[
        bool, typer.Option("--allow-wider", help="Apply the file even if Live flows act on more by it, or running flows stop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Apply a configuration file: all of it, as one version, or nothing. What waits in Retry and is cured by that is tried again at once."""
    with in_account(account, of_signal=False) as account_row:
        from heliograph.api.configuration.configuration_documents import AppliedPlanDocument  # noqa: PLC0415
        from heliograph.api.configuration.configuration_plan import NotAllowed, apply_file  # noqa: PLC0415

        try:
            planned, row = apply_file(account_row.pk, _file(file, secrets, prune=prune, allow_wider=allow_wider), by=BY)
        except NotAllowed as error:
            if not as_json:
                _say_plan(error.plan)
            raise CommandError(f"{error} Allow it with --allow-wider.") from None
        if as_json:
            print_documents(AppliedPlanDocument.from_applied(planned, row))
        else:
            _say_plan(planned)
            print_text(f"Applied as version {row.number}.")


def export(
    account: OfAccount,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this section, such as flows; may be repeated.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write. Default: the standard output.")] = None,
    as_json: Json = False,
) -> None:
    """Export an account as a configuration file. Where a secret stands, the file has a reference to the environment."""
    with in_account(account, of_signal=False) as account_row:
        from heliograph.api.configuration.configuration_plan import export_account  # noqa: PLC0415
        from heliograph.api.configuration.configuration_text import write_json, write_yaml  # noqa: PLC0415

        content = export_account(account_row.pk, only or ())
    text = write_json(content) if as_json else write_yaml(content)
    if output is None:
        sys.stdout.write(text)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}.") from None


def _file(path: Path, secrets: Path | None, *, prune: bool, allow_wider: bool = False) -> FileToApply:
    """The file, with its secrets. Raises CommandError."""
    from heliograph.api.configuration.configuration_plan import FileToApply  # noqa: PLC0415
    from heliograph.api.configuration.secret_references import values_of  # noqa: PLC0415

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not text in UTF-8.") from None
    return FileToApply(text, "" if str(path) == "-" else path.name, values_of(os.environ, secrets), prune, allow_wider)


def _say_plan(plan: Plan) -> None:
    from heliograph.api.configuration.configuration_words import KINDS, heading, place, sides, warnings  # noqa: PLC0415

    print_text(heading(plan))
    for change in plan.changes:
        drift = "; takes back what was changed by hand" if change.drift else ""
        print_text(f"{KINDS[change.kind]} {change.label} {change.name}".rstrip() + drift, *(f"  ! {each}" for each in warnings(change)))
        before, after = change.sentences
        if before != after:
            print_rows([row for row in (("  now", before), ("  then", after)) if row[1]])
        if change.kind.value == "change":
            print_rows([(f"  {place(member)}", *sides(member)) for member in change.members])
    for left in plan.left:
        print_text(f"Not in the file, and stays: {left.label} {left.name}")
    for name in plan.without_value:
        print_text(f"Without a value: {name}. What is stored stays.")
