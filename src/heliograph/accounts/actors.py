"""Names of actors: translates the actor of an audit entry or a change into a name and a place.

An actor is stored as a text: "user:7", "token:3", "import:12", "source:4" or "command".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext as _

from heliograph.accounts.models import Account, ApiToken, AuditEntry, User
from heliograph.store.access_refusals import SOMEBODY


@dataclass(frozen=True, slots=True)
class Actors:
    """The names of the given actors."""

    users: dict[int, str]
    tokens: dict[int, str]
    sources: dict[int, str]
    """As their newest audit entry names them."""

    @classmethod
    def from_stored(cls, account: Account, actors: Iterable[str]) -> Self:
        """Looks the names up, in at most four queries. A removed user keeps the name stored in the audit."""
        ids_by_kind: dict[str, set[int]] = {"user": set(), "token": set(), "source": set()}
        for actor in actors:
            kind, _colon, id = actor.partition(":")
            if kind in ids_by_kind and id.isascii() and id.isdecimal() and len(id) < 19:
                ids_by_kind[kind].add(int(id))
        users = (
            dict(User.objects.filter(pk__in=ids_by_kind["user"], account=account).values_list("pk", "name")) if ids_by_kind["user"] else {}
        )
        if gone := ids_by_kind["user"] - users.keys():
            entries = AuditEntry.objects.filter(kind="user", object_id__in=gone).order_by("id")
            users |= dict(entries.values_list("object_id", "name"))
        tokens = dict(ApiToken.objects.filter(pk__in=ids_by_kind["token"]).values_list("pk", "name")) if ids_by_kind["token"] else {}
        sources = dict[int, str]()
        if ids_by_kind["source"]:
            named = AuditEntry.objects.filter(kind="source", object_id__in=ids_by_kind["source"]).order_by("id")
            sources = dict(named.values_list("object_id", "name"))
        return cls(users, tokens, sources)

    def name(self, actor: str) -> str:
        """The actor's name."""
        kind, _colon, id = actor.partition(":")
        number = int(id) if id.isascii() and id.isdecimal() and len(id) < 19 else 0
        if kind == "user":
            return self.users.get(number) or _("A deleted user")
        if kind == "token":
            return self.tokens.get(number) or _("A deleted token")
        if kind == "source":
            return self.sources.get(number) or _("A deleted source")
        if kind == "import":
            return _("Import %(id)s") % {"id": id}
        words = {"command": _("The operator"), "first start": _("First start"), SOMEBODY: _("Somebody")}
        return words.get(actor, actor)

    @staticmethod
    def place(actor: str) -> str:
        """Where the actor acted."""
        kind = actor.partition(":")[0]
        words = {
            "user": _("These pages"),
            "token": _("API"),
            "import": _("Import"),
            "source": _("Live source"),
            "command": _("Command line"),
        }
        return words.get(kind, "")
