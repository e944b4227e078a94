"""The contents of an audit entry in words: ids as current names, and of lists only the differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, pgettext

from heliograph.accounts.audit import MASK
from heliograph.accounts.models import TokenScope
from heliograph.connections import rule_words
from heliograph.connections.answers import parse_rule
from heliograph.connections.connection_facts import CLIENT_AUTHS, KEY_PLACES, SECRETS
from heliograph.connections.does_words import DOES
from heliograph.connections.services.connections import REPLACED
from heliograph.domain.connection.secret import Secret
from heliograph.domain.connection.shown_connection import NOT_SHOWN
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Mode
from heliograph.domain.flow.sentence import SentenceNames
from heliograph.domain.ids import read_id
from heliograph.domain.mapping.headers import is_secret_name
from heliograph.domain.mapping.mapping import EmptyPolicy, MappingKind
from heliograph.domain.setup.fields import Subject, catalogue
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.services.versions import RESTORED
from heliograph.setup.setup_errors import Invalid
from heliograph.web.templatetags.moments import minute

VALUE: Final = 400
"""Most characters that are shown of a value."""
TAGGED: Final = frozenset({"tag", "tag_id", "tags", "statuses", "properties", "session_statuses", "event_statuses", "sessions"})
"""Fields that hold ids of tags."""
CALLED: Final = {
    "active": gettext_noop("On"),
    "auth": gettext_noop("Authentication type"),
    "client_auth": gettext_noop("Client credentials go"),
    "cls": gettext_noop("Class"),
    "content_type": gettext_noop("Content type"),
    "destinations": gettext_noop("Destinations"),
    "does": gettext_noop("At the target"),
    "email": gettext_noop("E-mail"),
    "empty": gettext_noop("An empty field"),
    "emptied": gettext_noop("Left empty on purpose"),
    "end": gettext_noop("Ends"),
    "grant": gettext_noop("Grant type"),
    "key_name": gettext_noop("Name of the header or parameter"),
    "key_place": gettext_noop("Where the key goes"),
    "kinds": gettext_noop("Object(s)"),
    "method": gettext_noop("Request method"),
    "mode": gettext_noop("Runs for"),
    "origin": gettext_noop("Address"),
    "rule": gettext_noop("Response rule"),
    "second_factor_required": gettext_noop("Second factor required"),
    "secrets": gettext_noop("Secrets, never shown"),
    "signal_enabled": gettext_noop("Signal enabled"),
    "statuses": gettext_noop("Status becomes"),
    "subject": gettext_noop("What it is for"),
    "tag_id": gettext_noop("Tag"),
    "timezone": gettext_noop("Time zone"),
    "user_name": gettext_noop("User Name"),
    "watch": gettext_noop("Watches"),
    "expires": gettext_noop("Ends"),
    "last": gettext_noop("Last time"),
    "replaced": gettext_noop("Secrets replaced"),
    "restored": gettext_noop("Restored from"),
    "valid secrets": gettext_noop("Valid secrets"),
    "calls that run again": gettext_noop("Calls that run again"),
    "registrations that are read again": gettext_noop("Registrations that are read again"),
    "registrations that may become inactive": gettext_noop("Registrations that may become inactive"),
    "a minute": gettext_noop("A minute"),
}
"""The pages' names of fields that have another name in the code, and phrases that entries have as names."""
VALUES: Final[Mapping[str, Mapping[Any, Promise]]] = {
    "client_auth": CLIENT_AUTHS,
    "does": DOES,
    "empty": {
        EmptyPolicy.KEY: gettext_lazy("is sent as empty text, or null"),
        EmptyPolicy.LEAVE_OUT: gettext_lazy("is left out"),
        EmptyPolicy.NULL: gettext_lazy("is sent as null"),
    },
    "key_place": KEY_PLACES,
    "kind": {MappingKind.PAYLOAD: gettext_lazy("the payload"), MappingKind.HEADER: gettext_lazy("headers")},
    "mode": {Mode.LIVE: gettext_lazy("Live registrations"), Mode.TEST: gettext_lazy("Test registrations")},
}
"""The pages' words for values of fields."""
INSTANTS: Final = frozenset({"expires", "last", "start", "end"})
"""Fields that hold an instant."""
EDITION: Final = "edition"
"""The field with the edition of the secrets, in entries of mappings and of older releases. A changed number means changed secrets."""
_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {}, [None])


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One field of an entry."""

    name: str
    before: str
    """"" for none."""
    after: str
    """"" for none."""


@dataclass(frozen=True, slots=True)
class AuditNames:
    """The names of ids in the configuration of that time, and today's for ids that it does not know."""

    tags: Mapping[int, str]
    names: SentenceNames
    events: Mapping[int, str]
    custom: Mapping[int, str]
    sources: Mapping[str, str]

    @classmethod
    def from_config(cls, config: AccountConfig, tags: Mapping[int, str] | None = None) -> Self:
        """The names in force in a configuration.

        tags: labels of further tags, by id.
        """
        profile_fields, event_fields = config.profile_fields.values(), config.event_fields.values()
        custom = {field.id: field.label for field in (*profile_fields, *event_fields)}
        offered = catalogue(
            Subject.REGISTRATION,
            profile_fields=profile_fields,
            event_fields=event_fields,
            question_tags=[tag for tag in config.tags.values() if TagKind.QUESTION in tag.kinds],
            property_tags=[tag for tag in config.tags.values() if TagKind.REGISTRATION_PROPERTY in tag.kinds and tag.id > 0],
        )
        sources = {field.key: field.label for group in offered.values() for field in group}
        events = {id: status.name for id, status in config.event_statuses.items()}
        names = SentenceNames.from_config(config)
        return cls({**(tags or {}), **names.tags}, names, events, custom, sources)

    def over(self, today: AuditNames) -> AuditNames:
        """These names, completed by today's."""
        names = SentenceNames(
            tags={},
            fields={**today.names.fields, **self.names.fields},
            connections={**today.names.connections, **self.names.connections},
            mappings={**today.names.mappings, **self.names.mappings},
        )
        return AuditNames(
            {**today.tags, **self.tags},
            names,
            {**today.events, **self.events},
            {**today.custom, **self.custom},
            {**today.sources, **self.sources},
        )

    def lines(self, kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[AuditLine]:
        """The fields of an entry that have a value.

        kind: the kind of the object.
        """
        lines = []
        for key in dict.fromkeys([*before, *after]):
            if key == EDITION:
                lines.append(AuditLine(_("A secret"), "", _("replaced")))
                continue
            was, became = before.get(key), after.get(key)
            if isinstance(was, list) and isinstance(became, list) and any(isinstance(row, Mapping) for row in [*was, *became]):
                # Of two lists, only the rows that the other does not contain.
                was, became = [row for row in was if row not in became], [row for row in became if row not in was]
            line = AuditLine(words(key), self.text(key, was, kind), self.text(key, became, kind))
            if line.before or line.after:
                lines.append(line)
        return lines

    def text(self, key: str, value: Any, kind: str = "") -> str:
        """A value as text, "" for nothing."""
        if value in _NOTHING:
            return ""
        text = self._text(key, value, kind)
        return f"{text[:VALUE]}…" if len(text) > VALUE else text

    def _text(self, key: str, value: Any, kind: str) -> str:
        if value == MASK:
            return _("A secret, never shown")
        if value == NOT_SHOWN and kind == "connection":
            return _("Shown to Administrators in its Connection Setup")
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        if key == "rule" and kind == "connection" and (rule := _rule(value)):
            return rule
        if isinstance(value, list):
            return (", " if all(isinstance(each, (str, int, float)) for each in value) else "; ").join(
                self._text(key, each, kind) for each in value if each not in _NOTHING
            )
        if isinstance(value, Mapping):
            return self._mapping(key, value)
        if isinstance(value, int) and (known := self._called(key, kind)) is not None:
            return known.get(value) or _("(deleted)")
        if key == RESTORED:
            return _("version %(number)s") % {"number": value}
        return self._string(key, value) if isinstance(value, str) else str(value)

    @staticmethod
    def _string(key: str, value: str) -> str:
        if choice := VALUES.get(key, {}).get(value):
            return str(choice)
        if key == "cls":  # a name of the guide, in every language; "Cancelled" is what a job is elsewhere
            return value
        if key == "secrets" and value in set(Secret):
            return str(SECRETS[Secret(value)])
        if key == REPLACED:
            # The field of a secret that was replaced or removed.
            if value in (Secret.PATH, Secret.TEST_PATH):
                return _("%(url)s: another path or query") % {"url": SECRETS[Secret(value)]}
            return str(SECRETS[Secret(value)]) if value in set(Secret) else _("Header %(name)s") % {"name": value.removeprefix("header ")}
        if key == "scopes" and value in TokenScope.values:
            return str(TokenScope(value).label)
        if key in INSTANTS:
            try:
                at = datetime.fromisoformat(value)
            except ValueError:
                return value
            return minute(at) if at.tzinfo else value
        return _(value) if value else value

    def _called(self, key: str, kind: str) -> Mapping[int, str] | None:
        """The names for the ids in a field; None if its numbers are not ids."""
        if key in TAGGED:
            return self.tags
        if key in ("payload_mapping", "header_mapping"):
            return self.names.mappings
        if key == "connection":
            return self.names.connections
        return self.events if key == "status" and kind == "event" else None

    def _mapping(self, key: str, value: Mapping[str, Any]) -> str:
        """A nested value as text: parts of a flow or mapping as on their pages, anything else as names with values."""
        if {"field", "op", "values"} <= value.keys():
            of_tags = value["field"] in (EVENT_TAGS, ATTENDEE_TYPE_TAGS)
            values = value["values"]
            if of_tags:
                values = [self.tags.get(read_id(str(id)) or 0) or _("(deleted)") for id in values]
            return f"{self._field(value['field'], self.names.fields)} {_(value['op'])} {self._text('', values, '')}".rstrip()
        if "target" in value and "parts" in value:
            rest = {name: each for name, each in value.items() if name not in ("target", "parts")}
            more = f" ({self._mapping('', rest)})" if any(each not in _NOTHING and each is not False for each in rest.values()) else ""
            parts = list(value["parts"])
            if is_secret_name(value["target"]):  # Typed text would be a credential. Entries of older releases may contain it, too.
                parts = [MASK if isinstance(part, Mapping) and "text" in part else part for part in parts]
            return f"{value['target']}: {self._text('', parts, '')}{more}"
        if "source" in value:
            return _(self._field(value["source"], self.sources))
        if "text" in value and len(value) == 1:
            return f"“{value['text']}”"
        if key == "custom":
            return "; ".join(
                f"{self.custom.get(read_id(str(id)) or 0) or _('(deleted)')}: {self._text('', each, '')}"
                for id, each in value.items()
                if each not in _NOTHING
            )
        fields: Sequence[tuple[str, Any]] = [(n, v) for n, v in value.items() if n != "id" and v not in _NOTHING and v is not False]
        return ", ".join(words(n) if v is True else f"{words(n)}: {self._text(n, v, '')}" for n, v in fields)

    @staticmethod
    def _field(key: str, known: Mapping[str, str]) -> str:
        """The name of a field. A field without a name is "(deleted)" if its key ends with an id, else its key."""
        return known.get(key) or (_("(deleted)") if key.rpartition(".")[2].lstrip("-").isdecimal() else key)


def _rule(value: Any) -> str:
    """A response rule, or some clauses of it, in sentences; "" if it cannot be read, as perhaps one of an older release."""
    try:
        return " ".join(rule_words.sentences(parse_rule(value)))
    except Invalid:
        return ""


def words(key: str) -> str:
    """The words for a key: "signal_enabled" becomes "Signal enabled"."""
    if key == "scopes":
        return pgettext("rights", "May")  # no month
    text = CALLED.get(key) or key.replace("_", " ")
    return _(text[:1].upper() + text[1:])
