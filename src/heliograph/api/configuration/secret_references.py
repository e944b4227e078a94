"""Secrets of a configuration file: it names where each stands, in the environment or in a file (C5).

    password: {env: HELIOGRAPH_SECRET_SALES_CRM_PASSWORD}
    client_certificate: {file: sales-crm.pem}

Whoever plans or applies the file brings the values along: a command reads them, a request of the API has them in its body. A name of the
environment begins with HELIOGRAPH_SECRET_, and a file is one of the folder that the operator gives, so that no configuration file can make
anything else of a machine the header of a request.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence

ENVIRONMENT: Final = "HELIOGRAPH_SECRET_"
"""Begins every name of the environment that a file may refer to."""
_ENV: Final = re.compile(ENVIRONMENT + r"[A-Z0-9_]{1,180}")
_FILE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
LONGEST_SECRET: Final = 70_000
"""Bytes of a file that has a secret."""


class BadReference(HeliographError):
    """A reference to a secret is wrong, or its file cannot be read."""


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret stands."""

    place: str
    """"env" or "file"."""
    name: str

    @classmethod
    def from_member(cls, member: object) -> SecretReference | None:
        """The reference that a member of the file is; None if it is something else. Raises BadReference."""
        if not isinstance(member, dict) or len(member) != 1 or (place := next(iter(member))) not in ("env", "file"):
            return None
        name = member[place]
        if place == "env" and not (isinstance(name, str) and _ENV.fullmatch(name)):
            raise BadReference(
                "The name of a secret in the environment begins with %(beginning)s and has capitals, digits and underscores.",
                beginning=ENVIRONMENT,
            )
        if place == "file" and not (isinstance(name, str) and _FILE.fullmatch(name)):
            raise BadReference("The file of a secret is named without its folder, with letters, digits, dots, dashes and underscores.")
        return cls(place, name)

    @property
    def member(self) -> dict[str, str]:
        """The reference as it stands in the file."""
        return {self.place: self.name}

    @property
    def words(self) -> Sentence:
        """Where the secret stands, as a part of a sentence."""
        return Sentence(self.name) if self.place == "env" else Sentence("the file %(name)s", name=self.name)

    def __str__(self) -> str:
        return str(self.words)


def values_of(environment: Mapping[str, str], folder: Path | None) -> Callable[[SecretReference], str | None]:
    """Reads the values of references; None for one that is not there. A line break at the end of a file does not count.

    folder: the folder of the files; None if there is none
    """

    def value(reference: SecretReference) -> str | None:
        if reference.place == "env":
            return environment.get(reference.name)
        if folder is None:
            return None
        try:
            with (folder / reference.name).open("rb") as file:
                content = file.read(LONGEST_SECRET + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadReference(f"{folder / reference.name}: {error.strerror}.") from None
        if len(content) > LONGEST_SECRET:
            raise BadReference(f"{folder / reference.name} is longer than {LONGEST_SECRET:,} bytes.")
        try:
            return content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise BadReference(f"{folder / reference.name} is no text in UTF-8.") from None

    return value


def take_references(raw: Any, path: tuple[str | int, ...] = ()) -> tuple[Any, dict[tuple[str | int, ...], SecretReference]]:
    """A document without the members that refer to secrets, and the references by their paths. Raises BadReference."""
    if isinstance(raw, dict):
        without: dict[str, Any] = {}
        references: dict[tuple[str | int, ...], SecretReference] = {}
        for name, member in raw.items():
            reference = SecretReference.from_member(member)
            if reference is not None:
                references[*path, name] = reference
                continue
            without[name], below = take_references(member, (*path, name))
            references |= below
        return without, references
    if isinstance(raw, list):
        pairs = [take_references(entry, (*path, index)) for index, entry in enumerate(raw)]
        return [entry for entry, _ in pairs], {place: reference for _, below in pairs for place, reference in below.items()}
    return raw, {}


def proposed_reference(owner: str, secret: str, taken: Collection[str]) -> SecretReference:
    """A reference for a secret that an export names. The same account always gets the same names.

    owner: the name of the connection or mapping
    taken: the names that stand for other secrets
    """
    plain = unicodedata.normalize("NFKD", f"{owner}_{secret}").encode("ascii", "ignore").decode()
    stem = ENVIRONMENT + (re.sub(r"[^A-Z0-9]+", "_", plain.upper()).strip("_")[:150] or "VALUE")
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    return SecretReference("env", name)
