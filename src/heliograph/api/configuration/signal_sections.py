"""The sections of what sends: connections with their response rules, mappings, flows (guide: Setting Up Flows)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from heliograph.api.configuration.account_names import AccountNames, Mapped, Named, map_flow, map_mapping
from heliograph.api.configuration.entries import ConnectionEntry, FlowEntry, MappingEntry
from heliograph.api.configuration.section import Entry, Path, Saver, Section, StoredEntry
from heliograph.api.documents.connection_documents import ConnectionDocument, document_members
from heliograph.api.documents.flow_documents import NewFlow, settings_of
from heliograph.api.documents.mapping_documents import MappingDocument, NewMapping, at_members
from heliograph.api.documents.rule_documents import RuleDocument
from heliograph.api.documents.rule_documents import at_members as at_clauses
from heliograph.connections.answers import parse_rule
from heliograph.connections.models import Connection
from heliograph.connections.services.connections import delete_connection, save_connection
from heliograph.connections.services.entered_connection import at_entered_fields
from heliograph.domain.connection import connection as rules
from heliograph.domain.connection.response_rule import Rule
from heliograph.domain.connection.secret import Secret
from heliograph.domain.flow.flow import Destination
from heliograph.domain.flow.flow import Flow as FlowFacts
from heliograph.domain.mapping.headers import SEALED, is_secret_name
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.flows.filter_values import FilterValues
from heliograph.flows.models import Flow
from heliograph.flows.services.flows import delete_flow, save_flow
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.services import delete_mapping, entered_mapping, save_mapping
from heliograph.setup.name_fields import folded
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid

_MEMBER_OF: Final[Mapping[Secret, str]] = {
    Secret.PATH: "url",
    Secret.TEST_PATH: "test_url",
    Secret.AUTHORIZATION_QUERY: "authorization_url",
    Secret.ACCESS_TOKEN_QUERY: "access_token_url",
    Secret.REFRESH_TOKEN_QUERY: "refresh_token_url",
}
"""The members of the file whose values contain these secrets; the others are members of their own names."""
_MEMBERS: Final = frozenset(_MEMBER_OF.get(secret, secret.value) for secret in Secret if secret is not Secret.SIGNING_BEFORE)
"""The members of secrets."""
_WRITTEN: Final = _MEMBERS - rules.TOKEN_QUERIES.keys()
"""Those whose whole values are secrets."""
_OF_DOCUMENT: Final = ("id", "version", "host", "test_host", "secrets", "lacks")
"""The members of a connection's document that the file does not have."""


class Connections(Section):
    """The connections of the account."""

    name = "connections"
    label = gettext_noop("Connection")
    audited = "connection"
    entry = ConnectionEntry
    defines = Named.CONNECTION

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        stored = []
        for row in Connection.objects.filter(deleted_at=None).order_by("pk"):
            connection = rules.Connection.from_body(row.body)
            document = msgspec.to_builtins(ConnectionDocument.from_row(row, whole=True))
            facts = {"host": document["host"], "test_host": document["test_host"], "secrets": document["secrets"]}
            facts["edition"] = row.body.get("edition", 0)
            plain = {name: value for name, value in document.items() if name not in _OF_DOCUMENT}
            plain["rule"] = msgspec.to_builtins(RuleDocument.from_rule(connection.rule).clauses)
            secrets: list[Path] = [
                (_MEMBER_OF.get(secret, secret.value),)
                for secret in Secret
                if secret in connection.secrets and secret != Secret.SIGNING_BEFORE
            ]
            secrets += [("headers", index, "value") for index, (name, _) in enumerate(connection.headers) if is_secret_name(name)]
            stored.append(StoredEntry(row.pk, (folded(row.name),), row.name, plain, facts, secrets))
        return stored

    def completed(self, struct: msgspec.Struct, document: dict[str, Any]) -> dict[str, Any]:
        """With the members that the Authentication Type has, and no others, as a stored connection's document has them."""
        assert isinstance(struct, ConnectionEntry)
        rule = _rule_of(struct)
        fields = {**struct.facts(None).fields, "origin": "https://example.org", "rule": [clause.to_body() for clause in rule]}
        connection = rules.Connection.from_body(fields)
        members = document_members(0, 0, connection, whole=True)
        plain = {name: value for name, value in members.items() if name not in _OF_DOCUMENT}
        plain["headers"] = msgspec.to_builtins(plain["headers"])
        plain["rule"] = msgspec.to_builtins(RuleDocument.from_rule(rule).clauses)
        written = {name: value for name, value in document.items() if name in _MEMBERS}
        typed = {each.name: each.value for each in struct.headers} if isinstance(struct.headers, list) else {}
        for header in plain["headers"]:
            if is_secret_name(header["name"]) and isinstance(typed.get(header["name"]), str):
                header["value"] = typed[header["name"]]
        completed: dict[str, Any] = msgspec.to_builtins(plain)
        return completed | written

    def can_refer(self, path: Path, document: Mapping[str, Any]) -> bool:
        match path:
            case (str(member),):
                return member in _MEMBERS
            case ("headers", int(at), "value"):
                return is_secret_name(document["headers"][at]["name"])
        return False

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        document = dict(entry.document)
        headers = [dict(header) for header in document["headers"]]
        body = Connection.objects.get(pk=id).body if id else {}
        signing = None
        for path, reference in entry.references.items():
            value, member = saver.value(reference), str(path[0])
            if member == "headers":
                headers[int(path[1])]["value"] = value if value is not None else SEALED
            elif value is None and id is None:
                sentence = Sentence("%(secret)s was not brought along, and a new connection needs it.", secret=reference.words)
                raise Invalid({member: [sentence]})
            elif member == Secret.SIGNING:
                signing = value
            elif value is not None:
                document[member] = value
            elif member in rules.TOKEN_QUERIES:
                document[member] = body.get(member, "")
        for header in headers:
            if is_secret_name(header["name"]):
                header.setdefault("value", SEALED)
        document["headers"] = headers
        struct = msgspec.convert(document, ConnectionEntry)
        facts = struct.facts(None)
        rule = [clause.to_body() for clause in _rule_of(struct)]
        facts = replace(
            facts, fields={**facts.fields, "rule": rule}, secrets={**facts.secrets, **({Secret.SIGNING: signing} if signing else {})}
        )
        if id is None and facts.url is None:
            raise Invalid({"url": [Sentence("A new connection needs its URL.")]})
        try:
            return save_connection(saver.transaction, facts, id, confirmed=True).pk
        except Invalid as error:
            raise at_entered_fields(error) from None

    def delete(self, transaction: SetupTransaction, stored: StoredEntry) -> None:
        delete_connection(transaction, stored.id)


def _rule_of(entry: ConnectionEntry) -> Rule:
    """The response rule of an entry. Raises Invalid, at `rule[0].conditions`."""
    try:
        with at_clauses():
            return parse_rule(RuleDocument(clauses=entry.rule).body)
    except Invalid as error:
        raise Invalid({f"rule{place.removeprefix('clauses')}": sentences for place, sentences in error.fields.items()}) from None


class Mappings(Section):
    """The mappings of the account."""

    name = "mappings"
    label = gettext_noop("Mapping")
    audited = "mapping"
    entry = MappingEntry
    defines = Named.MAPPING

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        stored = []
        for row in StoredMapping.objects.filter(deleted_at=None).order_by("pk"):
            document = msgspec.to_builtins(MappingDocument.from_row(row))
            del document["id"], document["version"]
            secrets: list[Path] = [
                ("rows", at, "parts", number, "value")
                for at, each in enumerate(document["rows"])
                for number, part in enumerate(each["parts"])
                if part["kind"] == "secret"
            ]
            facts = {"edition": row.body.get("edition", 0)}
            stored.append(StoredEntry(row.pk, (folded(row.name),), row.name, self.mapped(document, names.name), facts, secrets))
        return stored

    def completed(self, struct: msgspec.Struct, document: dict[str, Any]) -> dict[str, Any]:
        is_header = document["kind"] == MappingKind.HEADER
        for row in document["rows"]:
            is_sealed = is_header and is_secret_name(row["target"])
            if not is_sealed and any(part["kind"] == "secret" for part in row["parts"]):
                sentence = Sentence("Only a header that is a credential by its name has a part of the kind secret.")
                raise Invalid({row["target"]: [sentence]})
        return document

    def mapped(self, raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
        return map_mapping(raw, mapped)

    def can_refer(self, path: Path, document: Mapping[str, Any]) -> bool:
        match path:
            case ("rows", int(row), "parts", int(part), "value"):
                return bool(document["rows"][row]["parts"][part]["kind"] == "secret")
        return False

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        document = msgspec.json.decode(msgspec.json.encode(entry.document))
        for path, reference in entry.references.items():
            value = saver.value(reference)
            if value is None and id is None:
                sentence = Sentence("%(secret)s was not brought along, and a new mapping needs it.", secret=reference.words)
                raise Invalid({document["rows"][path[1]]["target"]: [sentence]})
            if value is not None:
                document["rows"][path[1]]["parts"][path[3]] = {"kind": "text", "text": value}
        body = msgspec.convert(self.mapped(document, saver.names.id), NewMapping).body
        if id is not None:
            kind = StoredMapping.objects.get(pk=id)
            if (kind.kind, kind.subject) != (body["kind"], body["subject"]):
                sentence = Sentence("The kind of a mapping, and what it is for, stay as they are. Give the new one another name.")
                raise Invalid({"kind": [sentence]})
        with at_members():
            return save_mapping(saver.transaction, entered_mapping(body), id, confirmed=True).pk

    def delete(self, transaction: SetupTransaction, stored: StoredEntry) -> None:
        delete_mapping(transaction, stored.id)


class Flows(Section):
    """The flows of the account. Flows of the same name are told apart by their order."""

    name = "flows"
    label = gettext_noop("Flow")
    audited = "flow"
    entry = FlowEntry
    defines = Named.FLOW

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        stored = []
        seen: Counter[str] = Counter()
        for row in Flow.objects.filter(deleted_at=None).order_by("pk"):
            document = msgspec.to_builtins(settings_of(FlowFacts.from_body(row.pk, row.number, row.body)))
            for destination in document["destinations"]:
                destination.pop("id", None)
            name = folded(row.name)
            seen[name] += 1
            stored.append(StoredEntry(row.pk, (name, str(seen[name])), row.name, self.mapped(document, names.name)))
        return stored

    def mapped(self, raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
        return map_flow(raw, mapped)

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        transaction = saver.transaction
        document = self.mapped(entry.document, saver.names.id)
        config = transaction.watched or transaction.provider.account(transaction.account)
        before = config.flows[id] if id else None
        flow = msgspec.convert(document, NewFlow).facts
        if before is not None:
            flow = replace(flow, destinations=_with_ids(flow, before))
        flow = FilterValues(transaction.db, transaction.account, config).checked(flow, before)
        return save_flow(transaction, flow, id, confirmed=True).pk

    def delete(self, transaction: SetupTransaction, stored: StoredEntry) -> None:
        delete_flow(transaction, stored.id)


def _with_ids(flow: FlowFacts, before: FlowFacts) -> tuple[Destination, ...]:
    """The destinations of a flow, with the ids of the stored ones: what waits for a destination fails if that is removed.

    A destination has the id of the stored one of its name; several of one name have theirs in their order. A renamed destination is recognized by
    its connection, its mappings and `does`.
    """
    left = list(before.destinations)
    destinations = list(flow.destinations)
    for identity in (_name, _target):
        for at, destination in enumerate(destinations):
            stored = next((each for each in left if identity(each) == identity(destination)), None)
            if stored is not None and not destination.id:
                left.remove(stored)
                destinations[at] = replace(destination, id=stored.id)
    return tuple(destinations)


def _name(destination: Destination) -> str:
    return folded(destination.name)


def _target(destination: Destination) -> tuple[object, ...]:
    return destination.connection, destination.payload_mapping, destination.header_mapping, destination.does


def without_secrets(raw: dict[str, Any]) -> dict[str, Any]:
    """An entry of a connection or a mapping without the secrets that stand in it themselves; references stay."""
    plain = {
        name: value
        for name, value in raw.items()
        if not isinstance(value, str) or (name not in _WRITTEN and not (name in rules.TOKEN_QUERIES and "?" in value))
    }
    if "headers" in raw:
        plain["headers"] = [_without_value(header) for header in raw["headers"]]
    if "rows" in raw:
        is_header = raw.get("kind") == "header"
        plain["rows"] = [_without_text(row) if is_header and is_secret_name(row["target"]) else row for row in raw["rows"]]
    return plain


def _without_value(header: dict[str, Any]) -> dict[str, Any]:
    if is_secret_name(header["name"]) and isinstance(header.get("value"), str):
        return {name: value for name, value in header.items() if name != "value"}
    return header


def _without_text(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"parts": [{"kind": "secret"} if part.get("kind") == "text" else part for part in row.get("parts", [])]}
