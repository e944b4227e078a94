"""The forms of the page Configuration File, and the file on its way from the plan to being applied (B5, C5).

No page contains the file as text, because secrets may stand in it: the plan's form has it encrypted, for this account and this user. Values of
secrets that were typed besides are stored by the session (connections.views.typed_secrets).
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.accounts.roles import AccountRequest
from heliograph.accounts.vault import vault
from heliograph.api.configuration.configuration_text import LONGEST_TEXT
from heliograph.api.configuration.missing_secrets import MissingSecret
from heliograph.connections.views import typed_secrets
from heliograph.store.secrets import SecretError, SecretPlace
from heliograph.web.form_fields import Hidden, SecretLine, SecretLines, Ticks
from heliograph.web.forms import Form

LONGEST_SEALED: Final = 3_000_000
"""Characters of an encrypted file. A form has at most 4 MiB."""
SECRETS: Final = "configuration file"
"""The form whose typed secrets the session stores."""


class FileForm(Form):
    """A file, chosen or pasted."""

    file = forms.FileField(required=False, allow_empty_file=True)
    text = SecretLines(gettext_lazy("Or paste it"), longest=LONGEST_TEXT, extra="mono")
    """Not shown again, because secrets may stand in it."""

    def sent_file(self) -> SentFile | None:
        """The file; None if it is refused, with the reason at its field."""
        if not self.is_valid():
            return None
        upload, text = self.cleaned_data["file"], self.cleaned_data["text"]
        if upload is None and not text.strip():
            self.add_error("file", _("Choose a file, or paste it below."))
            return None
        if upload is None:
            return SentFile("", text)
        try:
            return SentFile((upload.name or "")[:200], upload.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            self.add_error("file", _("The file is not text in UTF-8."))
            return None


class PlanForm(Form):
    """What the page of a plan posts."""

    do = Hidden()
    """`file`: a file was chosen. `secrets`: its secrets were typed. `apply`: the plan is to be applied."""
    sent = Hidden(longest=LONGEST_SEALED)
    """The encrypted file."""
    promise = Hidden()
    """The digest of the plan that was shown."""
    prune = Hidden()
    """Not empty if things that are not in the file are to be deleted."""
    allow = Ticks()
    """The ids of the flows that may act on more, or stop."""


class EntryForm(Form):
    """The thing that is put back."""

    section = Hidden()
    id = Hidden()

    @property
    def entry(self) -> tuple[str, int] | None:
        """Its section and id; None for anything else."""
        section, id = self.posted.get("section", ""), self.posted.get("id", "")
        return (section, int(id)) if id.isascii() and id.isdecimal() and len(id) < 19 else None


class SecretsForm(Form):
    """The values of secrets that the account does not have. No page shows them again."""

    def __init__(self, missing: Sequence[MissingSecret], data: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        self.names: dict[str, str] = {}
        for each in missing:
            reference = each.reference
            field = f"{reference.place}-{reference.name}"
            self.names[field] = reference.name
            kind = SecretLines if each.is_certificate else SecretLine
            self.fields[field] = kind(reference.name, required=True, help=each.where)

    def clean(self) -> None:
        """Refuses a secret that is lacking."""
        for field in self.names:
            if not self.cleaned_data.get(field):
                self.add_error(field, _("Type it: nothing is stored for it."))

    @property
    def typed(self) -> dict[str, str]:
        """The values that were typed, by the names of the references."""
        return {name: self.posted[field] for field, name in self.names.items() if self.posted.get(field)}


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that somebody plans."""

    name: str
    """"" if it was pasted."""
    text: str

    def sealed(self, request: AccountRequest) -> str:
        """The file for the form of its plan; "" if it is too long for a form."""
        packed = base64.b85encode(zlib.compress(json.dumps([self.name, self.text]).encode())).decode("ascii")
        sealed = vault().seal(_place(request), packed).decode("ascii")
        return sealed if len(sealed) <= LONGEST_SEALED else ""

    @classmethod
    def from_sealed(cls, request: AccountRequest, sealed: str) -> Self | None:
        """The file that a plan's form has; None if it is another account's or another user's, or damaged."""
        try:
            packed = vault().open(_place(request), sealed.encode("ascii", "replace"))
        except SecretError:
            return None
        name, text = json.loads(zlib.decompress(base64.b85decode(packed)))
        return cls(name, text)


def typed_values(request: AccountRequest) -> dict[str, str]:
    """The secrets that were typed for the posted plan, by the names of the references."""
    return typed_secrets.recall(request, SECRETS)


def _place(request: AccountRequest) -> SecretPlace:
    return SecretPlace(request.account.pk, SECRETS, request.user.pk, "text")
