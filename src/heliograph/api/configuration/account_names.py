"""Names in the place of ids: a configuration file names tags, connections, mappings, statuses and custom fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, Self

from django.utils.translation import gettext_noop

from heliograph.accounts.models import User
from heliograph.connections.models import Connection
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.flow import GONE, LISTS
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS
from heliograph.domain.setup.tag_kinds import STANDARD_TAGS
from heliograph.flows.models import Flow
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.setup.models import CustomField, EventStatus, Tag
from heliograph.setup.name_fields import folded


class Named(StrEnum):
    """The kinds of things that are named."""

    TAG = "tag"
    CONNECTION = "connection"
    MAPPING = "mapping"
    EVENT_STATUS = "event status"
    PROFILE_FIELD = "custom profile field"
    EVENT_FIELD = "custom event field"
    FLOW = "flow"
    PERSON = "person"


_THERE_IS_NO: Final = {
    Named.TAG: gettext_noop("There is no tag “%(name)s”."),
    Named.CONNECTION: gettext_noop("There is no connection “%(name)s”."),
    Named.MAPPING: gettext_noop("There is no mapping “%(name)s”."),
    Named.EVENT_STATUS: gettext_noop("There is no event status “%(name)s”."),
    Named.PROFILE_FIELD: gettext_noop("There is no custom profile field “%(name)s”."),
    Named.EVENT_FIELD: gettext_noop("There is no custom event field “%(name)s”."),
    Named.FLOW: gettext_noop("There is no flow “%(name)s”."),
    Named.PERSON: gettext_noop("There is no person “%(name)s”."),
}
type Mapped = Callable[[Named, str], str]
"""Makes a name of an id, or an id of a name."""

_KIND_OF_BEGINNING: Final = {
    "profile.custom.": Named.PROFILE_FIELD,
    "event.custom.": Named.EVENT_FIELD,
    "question.": Named.TAG,
    "answer.": Named.TAG,
    "property.": Named.TAG,
}
"""What follows the beginning of a field's key."""
_PREVIOUS: Final = "previous."
_TAG_FILTERS: Final = (EVENT_TAGS, ATTENDEE_TYPE_TAGS)


class UnknownName(HeliographError):
    """The file names something that neither the account nor the file has."""

    def __init__(self, kind: Named, name: str) -> None:
        super().__init__(_THERE_IS_NO[kind], name=name)


class AccountNames:
    """The names of an account's things."""

    def __init__(self, account: int, name_by_id: Mapping[Named, Mapping[str, str]]) -> None:
        self.account = account
        self._name_by_id = name_by_id
        self._id_by_name = {kind: {folded(name): id for id, name in names.items()} for kind, names in name_by_id.items()}

    @classmethod
    def of_account(cls, account: int) -> Self:
        """The names of an account, as its transaction sees them. It must be in scope."""
        fields = list(CustomField.objects.values_list("kind", "pk", "code"))
        return cls(
            account,
            {
                Named.TAG: {str(id): tag.name for id, tag in STANDARD_TAGS.items()} | _texts(Tag.objects.values_list("pk", "name")),
                Named.CONNECTION: _texts(Connection.objects.filter(deleted_at=None).values_list("pk", "name")),
                Named.MAPPING: _texts(StoredMapping.objects.filter(deleted_at=None).values_list("pk", "name")),
                Named.EVENT_STATUS: _texts(EventStatus.objects.values_list("pk", "name")),
                Named.PROFILE_FIELD: {str(id): code for kind, id, code in fields if kind == CustomField.Kind.PROFILE},
                Named.EVENT_FIELD: {str(id): code for kind, id, code in fields if kind == CustomField.Kind.EVENT},
                Named.FLOW: _texts(Flow.objects.filter(deleted_at=None).values_list("pk", "name")),
                Named.PERSON: _texts(User.objects.filter(account_id=account).values_list("pk", "email")),
            },
        )

    def id(self, kind: Named, name: str) -> str:
        """The id of a thing. Raises UnknownName."""
        try:
            return self._id_by_name[kind][folded(name)]
        except KeyError:
            raise UnknownName(kind, name) from None

    def name(self, kind: Named, id: str) -> str:
        """The name of a thing; "" for one that no longer exists, which only documents of earlier versions name."""
        return self._name_by_id[kind].get(id, "")

    def spelling(self, others: Mapping[Named, Mapping[str, str]]) -> Mapped:
        """Makes names as the account spells them; those of `others`, folded, are known, too. Raises UnknownName."""

        def spelled(kind: Named, name: str) -> str:
            id = self._id_by_name[kind].get(folded(name))
            if id is not None:
                return self._name_by_id[kind][id]
            try:
                return others.get(kind, {})[folded(name)]
            except KeyError:
                raise UnknownName(kind, name) from None

        return spelled


def _texts(rows: Any) -> dict[str, str]:
    return {str(id): name for id, name in rows}


def map_tags(raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
    """A document with `tags` or `tag`, which name tags."""
    changed = dict(raw)
    if "tags" in raw:
        changed["tags"] = sorted(mapped(Named.TAG, tag) for tag in raw["tags"])
    if raw.get("tag") is not None:
        changed["tag"] = mapped(Named.TAG, raw["tag"])
    return changed


def map_event(raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
    """The document of an event, which names its status and its tags."""
    changed = map_tags(raw, mapped)
    return changed | ({"status": mapped(Named.EVENT_STATUS, raw["status"])} if "status" in raw else {})


def map_mapping(raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
    """The document of a mapping, whose parts name fields."""
    return raw | {
        "rows": [
            row | {"parts": [part | {"field": _map_key(part["field"], mapped)} if "field" in part else part for part in row["parts"]]}
            for row in raw["rows"]
        ]
    }


def map_flow(raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
    """The document of a flow, which names tags, fields, connections and mappings."""
    lists = {name: [mapped(Named.TAG, tag) for tag in raw[name]] for name in LISTS}
    filters = [
        row
        | {"field": _map_key(row["field"], mapped)}
        | ({"values": [mapped(Named.TAG, value) for value in row["values"]]} if row["field"] in _TAG_FILTERS else {})
        for row in raw["filters"]
    ]
    destinations = [
        destination
        | {
            name: destination[name] and mapped(kind, destination[name])
            for name, kind in (("connection", Named.CONNECTION), ("payload_mapping", Named.MAPPING))
        }
        | {"header_mapping": destination["header_mapping"] and _map_header_mapping(destination["header_mapping"], mapped)}
        for destination in raw["destinations"]
    ]
    return raw | lists | {"filters": filters, "destinations": destinations}


def _map_header_mapping(header_mapping: str, mapped: Mapped) -> str:
    """A header mapping. Without a mapping of this name, “0” stands for one that was deleted, and no mapping has the id 0."""
    if header_mapping != str(GONE):
        return mapped(Named.MAPPING, header_mapping)
    try:
        return mapped(Named.MAPPING, header_mapping) or header_mapping
    except UnknownName:
        return header_mapping


def _map_key(key: str, mapped: Mapped) -> str:
    """The key of a field, in which the name of a tag or the code of a custom field stands for its id: `answer.Diet`, `event.custom.budget`."""
    previous = _PREVIOUS if key.startswith(_PREVIOUS) else ""
    field = key.removeprefix(previous)
    for beginning, kind in _KIND_OF_BEGINNING.items():
        if field.startswith(beginning):
            return previous + beginning + mapped(kind, field.removeprefix(beginning))
    return key
