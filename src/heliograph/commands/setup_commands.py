"""Commands that set up an installation: migrate, createaccount, createuser, createtoken, setuplink, resetpassword (O3, O6)."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heliograph.commands import check_not_moved, ready, ready_for_data
from heliograph.domain.errors import HeliographError

if TYPE_CHECKING:
    from heliograph.accounts.models import Account

BY = "command"
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")]


class CommandError(HeliographError):
    """The command cannot be carried out."""


class RoleName(StrEnum):
    """A role, as spelled on the command line."""

    ADMINISTRATOR = "administrator"
    PLANNER = "planner"
    VIEWER = "viewer"


class ScopeName(StrEnum):
    """A scope of a token, as spelled on the command line: a value of `accounts.models.TokenScope`, which only Django's processes load."""

    INGEST = "ingest"
    READ = "read"
    SET_UP = "set-up"
    OPERATE = "operate"
    PEOPLE = "people"


def register(app: typer.Typer) -> None:
    app.command()(migrate)
    app.command()(createaccount)
    app.command()(createuser)
    app.command()(createtoken)
    app.command()(removesecondfactor)
    app.command()(setuplink)
    app.command()(resetpassword)
    app.command("retry-intervals")(retry_intervals)


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Only list the missing migrations; exit code 1 if there are any.")] = False,
    as_json: Json = False,
) -> None:
    """Update the database schema. Does nothing if it is up to date; only one process at a time can run it."""
    from heliograph.options import Options  # noqa: PLC0415

    check_not_moved(Options.load())
    ready(first_start=not check)
    from django.db import connection, transaction  # noqa: PLC0415

    from heliograph.accounts.vault import vault  # noqa: PLC0415
    from heliograph.store import schema_update  # noqa: PLC0415
    from heliograph.store.django_database import of_django  # noqa: PLC0415
    from heliograph.store.secrets import check_key  # noqa: PLC0415
    from heliograph.wiring import check_sessions  # noqa: PLC0415

    if check:
        missing = schema_update.unapplied()
        answer(as_json, {"missing": missing}, "\n".join(missing) or "The schema is up to date.")
        if missing:
            raise typer.Exit(1)
        return
    check_sessions(Options.load())  # the lock of migrations belongs to a session
    applied = schema_update.migrate(lambda names: None if as_json else typer.echo("\n".join(f"Applying {name}" for name in names)))
    with transaction.atomic():
        check_key(of_django(connection), vault())
    answer(as_json, {"applied": applied}, f"Applied {len(applied)} migrations." if applied else "The schema is up to date.")


def createaccount(
    code: Annotated[str, typer.Argument(help="1 to 25 letters, digits and dashes.")],
    name: Annotated[str, typer.Option(help="Name shown on pages. Default: the code.")] = "",
    timezone: Annotated[str, typer.Option(help="Time zone, such as Europe/Berlin.")] = "UTC",
    as_json: Json = False,
) -> None:
    """Create an account with its standard statuses."""
    ready_for_data()
    from heliograph.setup.services.account_creation import AccountFacts, create_account  # noqa: PLC0415

    account = create_account(AccountFacts(code, name or code, timezone), by=BY)
    answer(
        as_json,
        {"id": account.pk, "code": account.code, "name": account.name, "timezone": account.timezone},
        f"Created the account {account.code}.\nNext: heliograph createuser EMAIL --account {account.code} --role administrator",
    )


def retry_intervals(
    account: Annotated[str, typer.Argument(help="Code of the account.")],
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help='A category and its three intervals in minutes, such as General=15,60,240; may be repeated. "General=": its usual ones. "": the'
            " usual ones of every category.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or set when an account's failed deliveries are tried again, by the category of the cause."""
    ready_for_data()
    from heliograph.domain.delivery.retry_policy import SEVERITY  # noqa: PLC0415
    from heliograph.setup.services.retry_intervals import FIELDS, minutes_of, save_intervals  # noqa: PLC0415
    from heliograph.setup.services.setup_save import saving  # noqa: PLC0415
    from heliograph.setup.setup_errors import Invalid  # noqa: PLC0415

    account_row = find_account(account)
    with saving(account_row.pk, by=BY, whole_account=True) as transaction:
        policy = transaction.provider.account(account_row.pk).retry
        typed = {FIELDS[c]: minutes_of(policy.intervals[c]) for c in SEVERITY}
        for each in change or []:
            if not each.strip():
                typed = dict.fromkeys(typed, "")
                continue
            name, equals, minutes = each.partition("=")
            if not equals:
                raise CommandError(f'{each!r} has no "=" between a category and its intervals. Give it as General=15,60,240.')
            field = name.strip().lower().replace(" ", "_")
            if field not in typed:
                raise CommandError(f"There is no category {name!r}. Categories: {', '.join(SEVERITY)}.")
            typed[field] = minutes
        try:
            policy = save_intervals(transaction, typed) if change else policy
        except Invalid as error:
            raise CommandError(" ".join(f"{name}: {' '.join(sentences)}" for name, sentences in error.fields.items())) from None
    minutes_by_category = {c.value: minutes_of(policy.intervals[c]) for c in SEVERITY}
    answer(
        as_json,
        {"account": account_row.code, "minutes": minutes_by_category},
        "\n".join(f"{name}: {minutes} minutes" for name, minutes in minutes_by_category.items()),
    )


def createuser(
    email: Annotated[str, typer.Argument(help="E-mail address, used to sign in.")],
    account: Annotated[str, typer.Option(help="Code of the account. Without it, the user is an operator, who belongs to no account.")] = "",
    name: Annotated[str, typer.Option(help="Name shown on pages. Default: the e-mail address up to the @.")] = "",
    role: Annotated[RoleName, typer.Option(case_sensitive=False, help="What the user may do in the account.")] = RoleName.VIEWER,
    password_file: Annotated[Path | None, typer.Option(help="File whose first line is the password; - reads standard input.")] = None,
    generate: Annotated[bool, typer.Option("--generate", help="Generate a password and print it once.")] = False,
    as_json: Json = False,
) -> None:
    """Create a user. Asks for a password, unless --password-file or --generate is given."""
    if password_file and generate:
        raise typer.BadParameter("give --password-file or --generate, not both")
    ready_for_data()
    from heliograph.accounts.models import Role  # noqa: PLC0415
    from heliograph.accounts.people import PersonFacts, create_user, new_password  # noqa: PLC0415

    account_row = find_account(account) if account else None
    password = new_password() if generate else _password(password_file)
    user = create_user(PersonFacts(email, name or email.partition("@")[0], Role[role.name], account_row), password, by=BY)
    facts = {"id": user.pk, "email": user.email, "account": account_row.code if account_row else None, "role": user.role}
    message = f"Created the user {user.email}."
    if generate:
        facts["password"] = password
        message += f"\nPassword (shown only once): {password}"
    answer(as_json, facts, message)


def createtoken(
    account: Annotated[str, typer.Argument(help="Code of the account.")],
    name: Annotated[str, typer.Option(help="What the token is for, such as “badge desk”.")],
    scope: Annotated[
        list[ScopeName] | None,
        typer.Option(help="What the token may do; several times for several. Default: ingest, to send registrations."),
    ] = None,
    role: Annotated[RoleName, typer.Option(help="The role that limits what the scopes allow.")] = RoleName.ADMINISTRATOR,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until the token expires. Default: never.")] = None,
    as_json: Json = False,
) -> None:
    """Create an API token and print it once."""
    ready_for_data()
    from heliograph.accounts.api_tokens import create_token  # noqa: PLC0415
    from heliograph.accounts.models import Role, TokenScope  # noqa: PLC0415

    account_row = find_account(account)
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    made = create_token(
        account_row.pk,
        name,
        by=BY,
        scopes=[TokenScope(each.value) for each in scope or [ScopeName.INGEST]],
        role=Role(role.value.capitalize()),
        expires=expires,
    )
    facts = {
        "id": made.row.pk,
        "account": account_row.code,
        "name": made.row.name,
        "scopes": made.row.scopes,
        "role": made.row.role,
        "expires": expires.isoformat() if expires else None,
        "token": made.secret,
    }
    answer(as_json, facts, f"{made.secret}\nThis is shown only once. Send it as: Authorization: Bearer <token>")


def setuplink(as_json: Json = False) -> None:
    """Print a one-time link for creating the first account and Administrator, valid for 30 minutes. Only while there is no user."""
    ready_for_data()
    from heliograph.setup.services.first_start import first_link  # noqa: PLC0415

    link = first_link()
    if link is None:
        raise CommandError(
            "There are users already. To add one: heliograph createuser EMAIL. For a lost password: heliograph resetpassword EMAIL."
        )
    answer(as_json, {"link": link.address, "expires": link.expires.isoformat()}, f"{link.address}\nValid for 30 minutes, and only once.")


def resetpassword(email: Annotated[str, typer.Argument(help="E-mail address of the user.")], as_json: Json = False) -> None:
    """Print a one-time link for setting a new password. The old password works until then; a second factor is still asked for."""
    ready_for_data()
    from heliograph.accounts.people import NoSuchPerson, link_for  # noqa: PLC0415

    try:
        link = link_for(email, by=BY)
    except NoSuchPerson:
        raise CommandError(f"No user {email} may sign in.") from None
    message = f"{link.address}\nValid until {link.expires:%Y-%m-%d %H:%M} UTC, and only once."
    answer(as_json, {"link": link.address, "expires": link.expires.isoformat()}, message)


def removesecondfactor(email: Annotated[str, typer.Argument(help="E-mail address of the user.")], as_json: Json = False) -> None:
    """Remove a user's second factor and recovery codes, as for the lost phone of the only Administrator. If one is required, they must set up another
    first."""
    ready_for_data()
    from heliograph.accounts.people import NoSuchPerson, remove_second_factor_of  # noqa: PLC0415

    try:
        remove_second_factor_of(email, by=BY)
    except NoSuchPerson:
        raise CommandError(f"There is no user {email}.") from None
    answer(as_json, {"removed": email}, f"{email} has no second factor now.")


def find_account(code: str) -> Account:
    """The account of this code. Raises CommandError, which lists the existing ones."""
    from heliograph.accounts.models import Account  # noqa: PLC0415

    row = Account.objects.filter(code=code).first()
    if row is None:
        known = list(Account.objects.order_by("code").values_list("code", flat=True)[:20])
        raise CommandError(
            f"There is no account {code}. " + (f"Accounts: {', '.join(known)}." if known else "Create one: heliograph createaccount CODE")
        )
    return row


def _password(file: Path | None) -> str:
    """The password from the file's first line, from standard input, or prompted for twice. Raises CommandError."""
    if file is not None:
        try:
            text = sys.stdin.readline() if str(file) == "-" else file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"The password file cannot be read: {error}.") from None
        lines = text.splitlines()
        if not lines or not lines[0]:
            raise CommandError("The password file is empty.")
        return lines[0]
    if not sys.stdin.isatty():
        raise CommandError("There is no terminal to ask for a password. Use --password-file FILE or --generate.")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def answer(as_json: bool, facts: dict[str, Any], message: str) -> None:
    """Prints the facts as JSON, or the sentence."""
    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else message)
