"""The programs that a command source may run, as the operator lists them in a file (S6; docs/running/README.md).

    [commands."members"]
    argv = ["/opt/taps/rest/bin/tap-rest-api"]
    accounts = ["MAIN"]
    config = "/etc/heliograph/crm.json"

Pages choose a name from the file, and nothing else of it: nobody can run a program by a page. An entry names the accounts that may choose it,
because what the program reads with its secrets becomes theirs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.json_bodies import Body, BodyError

EVERY_ACCOUNT: Final = "*"
LONGEST_RUN: Final = 86_400
MOST_MEMORY: Final = 65_536
MOST_OUTPUT: Final = 65_536
MOST_COMMANDS: Final = 500
USUAL_TIMEOUT: Final = 3_600
USUAL_MEMORY: Final = 1_024
USUAL_OUTPUT: Final = 1_024
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KNOWN: Final = frozenset({"title", "argv", "accounts", "folder", "config", "catalog", "timeout", "memory", "output", "environment"})


class CommandsError(HeliographError):
    """The file of commands cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its bounds."""

    name: str
    argv: tuple[str, ...]
    """The program's absolute path and its arguments."""
    accounts: frozenset[str]
    """The codes of the accounts that may choose it."""
    title: str = ""
    """As pages name it."""
    folder: str = "/"
    """Its working folder."""
    config: str = ""
    """A file that it gets by `--config`: the place of its secrets. "" for none."""
    catalog: str = ""
    """A file that it gets by `--catalog`; "" for none."""
    timeout: int = USUAL_TIMEOUT
    """Seconds, of time and of CPU."""
    memory: int = USUAL_MEMORY
    """Megabytes of address space, of each of its processes."""
    output: int = USUAL_OUTPUT
    """Megabytes that it may print."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beside PATH, LANG and HOME. Nothing of ours is passed on."""

    @property
    def label(self) -> str:
        """As pages name it."""
        return self.title or self.name


def command_of(name: str, account: str) -> Command:
    """The command, if the account may use it. Raises CommandsError."""
    command = commands_of(account).get(name)
    if command is None:
        raise CommandsError(
            _(
                "The command “%(name)s” is not offered to this account any more. Choose another one, or ask whoever runs Heliograph to list it."
            )
            % {"name": name}
        )
    return command


def commands_of(account: str) -> dict[str, Command]:
    """The commands that an account may choose, by name; none if the operator has named no file. Raises CommandsError.

    account: its code
    """
    path: Path = settings.HELIOGRAPH.commands
    if path == Path():
        return {}
    return {name: command for name, command in read_commands(path).items() if command.accounts & {account, EVERY_ACCOUNT}}


def has_commands() -> bool:
    """Whether the operator has named a file."""
    return bool(settings.HELIOGRAPH.commands != Path())


def read_commands(path: Path) -> dict[str, Command]:
    """Reads the file. Raises CommandsError, in English: the doctor reads it, too, and has no translations."""
    try:
        body = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CommandsError(f"The commands in {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    try:
        entries = body.get("commands", {})
        if not isinstance(entries, dict) or len(entries) > MOST_COMMANDS or set(body) - {"commands"}:
            raise BodyError("", f"expected at most {MOST_COMMANDS} tables such as [commands.crm], and nothing else")
        return {name: _command(name, entry) for name, entry in entries.items()}
    except BodyError as error:
        raise CommandsError(f"The commands in {path} cannot be used: {error}.") from None


def _command(name: str, entry: object) -> Command:
    body = Body(entry, f"commands.{name}")
    if not _NAME.fullmatch(name):
        raise BodyError(body.where, "a name has up to 60 small letters, digits, - and _")
    assert isinstance(entry, Mapping)
    if unknown := set(entry) - _KNOWN:
        raise BodyError(body.at(min(unknown)), f"is not known; an entry has {', '.join(sorted(_KNOWN))}")
    argv = body.texts("argv", most=200, longest=4_000)
    if not argv or not Path(argv[0]).is_absolute():
        raise BodyError(body.at("argv"), "begins with the absolute path of a program")
    accounts = body.texts("accounts", most=1_000)
    if not accounts:
        raise BodyError(body.at("accounts"), f'names the accounts that may choose it, by their codes, or is ["{EVERY_ACCOUNT}"]')
    places = {key: body.text(key, longest=4_000) for key in ("folder", "config", "catalog")}
    for key, place in places.items():
        if place and not Path(place).is_absolute():
            raise BodyError(body.at(key), "is an absolute path")
    return Command(
        name,
        argv,
        frozenset(accounts),
        title=body.text("title"),
        folder=places["folder"] or "/",
        config=places["config"],
        catalog=places["catalog"],
        timeout=body.number("timeout", least=1, most=LONGEST_RUN) or USUAL_TIMEOUT,
        memory=body.number("memory", least=16, most=MOST_MEMORY) or USUAL_MEMORY,
        output=body.number("output", least=1, most=MOST_OUTPUT) or USUAL_OUTPUT,
        environment=_environment(body, entry),
    )


def _environment(body: Body, entry: Mapping[str, Any]) -> Mapping[str, str]:
    if not body.has("environment"):
        return {}
    variables = body.nested("environment")
    names = list(entry["environment"])
    for name in names:
        if not _VARIABLE.fullmatch(name):
            raise BodyError(variables.at(name), "is no name of a variable")
    return {name: variables.text(name, longest=10_000) for name in names}
