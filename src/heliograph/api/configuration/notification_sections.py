"""The sections of notifications (B4): what the account tells connections and addresses, and who is told about each connection and flow.

What a person wants to be told is theirs: it is neither the account's set-up nor in the file, like the person (docs/guide/configuration.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from heliograph.api.configuration.account_names import AccountNames, Mapped, Named, UnknownName
from heliograph.api.configuration.account_sections import OfAccount
from heliograph.api.configuration.entries import ConnectionRuleEntry, FlowRuleEntry, NotificationsEntry, RuleEntry
from heliograph.api.configuration.section import Entry, Saver, Section, StoredEntry
from heliograph.api.documents.notification_documents import NotificationRuleDocument, NotificationsDocument, Scope
from heliograph.connections.models import Connection
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.flows.models import Flow
from heliograph.notifications import stored_settings
from heliograph.setup.name_fields import folded
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid

_AUDITED: Final = "notifications"


class Notifications(OfAccount):
    """What connections and addresses are told about everything that no rule is about."""

    name = "notifications"
    label = gettext_noop("Notifications")
    audited = _AUDITED
    entry = NotificationsEntry

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        settings = stored_settings.saved_settings(names.account, stored_settings.ACCOUNT).settings
        document = self.mapped(msgspec.to_builtins(NotificationsDocument.from_settings(settings)), names.name)
        document["places"] = [place for place in document["places"] if place.get("address") or place.get("connection")]
        return [StoredEntry(stored_settings.ACCOUNT, (), "", document)]

    def mapped(self, raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
        return raw | {"places": [_mapped_place(place, mapped) for place in raw["places"]]} if "places" in raw else raw

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        (stored,) = self.stored(saver.names)
        document = self.mapped(stored.document | entry.document, saver.names.id)
        settings = msgspec.convert(document, NotificationsDocument).settings
        account = saver.transaction.account
        stored_settings.save_settings(account, stored_settings.ACCOUNT, settings, _config(saver.transaction), by=saver.transaction.by)
        return stored_settings.ACCOUNT


def _mapped_place(place: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
    """A place with the one member that identifies it, and its kinds in one order."""
    kinds = {"kinds": _in_order(place["kinds"])}
    if place.get("connection") is not None and place.get("address") is None:
        return {"connection": mapped(Named.CONNECTION, place["connection"])} | kinds
    if place.get("address") is not None and place.get("connection") is None:
        return {"address": place["address"].lower()} | kinds
    raise Invalid({"places": [Sentence("Name a connection or an address, one of the two.")]})


class RulesOfThings(Section):
    """Who is told about each thing of one kind, in place of everybody else."""

    audited = _AUDITED
    entry: ClassVar[type[RuleEntry]]
    scope: ClassVar[Scope]

    def stored(self, names: AccountNames) -> list[StoredEntry]:
        rules = stored_settings.rules_of(names.account)
        stored = []
        for id, name, own in self._things():
            rule = rules.get((self.scope, id))
            if rule is None:
                continue
            # without what does not exist any more
            mapped = _mapped_people(msgspec.to_builtins(NotificationRuleDocument.from_rule(rule)), names.name)
            document = {**own, **{member: [each for each in values if each] for member, values in mapped.items()}}
            if any(document.get(member) for member in ("users", "connections", "addresses")):
                stored.append(StoredEntry(id, self.key_of(document), name, document))
        return stored

    def _things(self) -> list[tuple[int, str, dict[str, Any]]]:
        """The id and name of each thing, and the members by which an entry names it."""
        raise NotImplementedError

    def mapped(self, raw: dict[str, Any], mapped: Mapped) -> dict[str, Any]:
        return raw | {self.scope: mapped(Named(self.scope), raw[self.scope])} | _mapped_people(raw, mapped)

    def key_of(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        return (folded(document[self.scope]),)

    def name_of(self, document: Mapping[str, Any]) -> str:
        return str(document[self.scope])

    def save(self, saver: Saver, entry: Entry, id: int | None) -> int:
        thing = next((id for id, _name, own in self._things() if self.key_of(own) == entry.key), None)
        if thing is None:
            raise UnknownName(Named(self.scope), entry.name)
        people = _mapped_people(entry.document, saver.names.id)
        rule = msgspec.convert(people, NotificationRuleDocument).rule
        transaction = saver.transaction
        stored_settings.save_rule(transaction.account, self.scope, thing, rule, _config(transaction), by=transaction.by)
        return thing

    def delete(self, transaction: SetupTransaction, stored: StoredEntry) -> None:
        """Removes a rule, unless its thing was renamed meanwhile: then the file knows the rule by the new name."""
        if any(id == stored.id and self.key_of(own) == stored.key for id, _name, own in self._things()):
            stored_settings.save_rule(transaction.account, self.scope, stored.id, None, _config(transaction), by=transaction.by)


def _mapped_people(raw: Mapping[str, Any], mapped: Mapped) -> dict[str, Any]:
    """The members of a rule that say who is told and about what, each in one order."""
    return {
        "users": sorted(mapped(Named.PERSON, user) for user in raw["users"]),
        "connections": sorted(mapped(Named.CONNECTION, name) for name in raw["connections"]),
        "addresses": sorted(address.lower() for address in raw["addresses"]),
        "kinds": _in_order(raw["kinds"]),
    }


class ConnectionRules(RulesOfThings):
    """Who is told about a connection."""

    name = "connection_notifications"
    label = gettext_noop("Notifications about the connection")
    entry = ConnectionRuleEntry
    scope = "connection"

    def _things(self) -> list[tuple[int, str, dict[str, Any]]]:
        rows = Connection.objects.filter(deleted_at=None).order_by("pk").values_list("pk", "name")
        return [(id, name, {"connection": name}) for id, name in rows]


class FlowRules(RulesOfThings):
    """Who is told about a flow. Flows of the same name are told apart by their order."""

    name = "flow_notifications"
    label = gettext_noop("Notifications about the flow")
    entry = FlowRuleEntry
    scope = "flow"

    def _things(self) -> list[tuple[int, str, dict[str, Any]]]:
        seen: Counter[str] = Counter()
        things = []
        for id, name in Flow.objects.filter(deleted_at=None).order_by("pk").values_list("pk", "name"):
            seen[folded(name)] += 1
            things.append((id, name, {"flow": name, "number": seen[folded(name)]}))
        return things

    def key_of(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        return (*super().key_of(document), str(document["number"]))


def _in_order(kinds: list[str]) -> list[str]:
    return [kind.value for kind in Kind if kind in kinds]


def _config(transaction: SetupTransaction) -> AccountConfig:
    return transaction.watched or transaction.provider.account(transaction.account)
