"""The source fields offered to an account's mappings, by key and by name (guide: Mappings; M3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.mapping.chips import LineError
from heliograph.domain.mapping.mapping import NOT_OFFERED
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.fields import FieldError, FieldGroup, SourceField, Subject, catalogue, is_offered, parse_source
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.store.registrations import folded
from heliograph.web.field_names import field_label


@dataclass
class SourceFields:
    """The source fields for a mapping about `subject`."""

    subject: Subject
    groups: dict[FieldGroup, tuple[SourceField, ...]]
    gone: Mapping[str, str] = field(default_factory=dict)
    """The former names of fields that no longer exist, by key."""
    by_key: dict[str, SourceField] = field(init=False)
    _by_name: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_key = {each.key: each for fields in self.groups.values() for each in fields}
        self._by_name = {}
        for each in self.by_key.values():
            self._by_name.setdefault(folded(each.label), []).append(each.key)

    @classmethod
    def from_config(cls, config: AccountConfig, subject: Subject) -> SourceFields:
        """The source fields of an account with its current set-up."""
        questions, properties = (
            sorted((t for t in config.tags.values() if t.id > 0 and kind in t.kinds), key=lambda t: (natural_order(t.label), t.id))
            for kind in (TagKind.QUESTION, TagKind.REGISTRATION_PROPERTY)
        )
        return cls(
            subject,
            catalogue(
                subject,
                profile_fields=config.profile_fields.values(),
                event_fields=config.event_fields.values(),
                question_tags=questions,
                property_tags=properties,
            ),
        )

    def key_of(self, name: str) -> str:
        """The key for the text between braces: a key, or a field's name, ignoring case. Raises LineError."""
        if name in self.by_key:
            return name
        named = self._by_name.get(folded(name), []) or [key for key in self.by_key if folded(self.label(key)) == folded(name)]
        if len(named) == 1:
            return named[0]
        if named:
            problem = ngettext(
                "%(n)d field is called “%(name)s”: write %(keys)s", "%(n)d fields are called “%(name)s”: write %(keys)s", len(named)
            )
            raise LineError(problem % {"n": len(named), "name": name, "keys": _(" or ").join(f"{{{key}}}" for key in named)})
        try:
            key = parse_source(name)
        except FieldError:
            raise LineError(_("there is no field “%(name)s”") % {"name": name[:100]}) from None
        if not is_offered(key, self.subject):
            raise LineError(NOT_OFFERED[self.subject], name=name)
        raise LineError(_("your account has no field “%(name)s” any more") % {"name": name})

    def label(self, key: str) -> str:
        """A field's name on pages; its key if the account does not have it and its former name is unknown."""
        known = self.by_key.get(key)
        return field_label(key, known.label) if known else self.gone.get(key, key)


def any_key(name: str) -> str:
    """A key as written, whether or not the account has its field: for display. Raises LineError if it is not a key."""
    try:
        return parse_source(name).key
    except FieldError:
        raise LineError(_("there is no field “%(name)s”") % {"name": name[:100]}) from None
