"""An account that is managed by a file: what was changed by hand since, and putting it back (B5)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import msgspec
from django.db import transaction as django_transaction
from django_scopes import scope

from heliograph.api.configuration.account_names import AccountNames, UnknownName, map_flow
from heliograph.api.configuration.configuration_file import SECTIONS, FileRefused, place_of, read_file
from heliograph.api.configuration.configuration_plan import NotAllowed, Plan
from heliograph.api.configuration.planned_changes import ChangeKind, FlowRules, PlannedChange, compared_accounts, drifted, read_all
from heliograph.api.configuration.section import EntryRefused, Saver, Section, StoredEntry, at_entry
from heliograph.api.documents.flow_documents import NewFlow
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow
from heliograph.domain.flow.sentence import SentenceNames
from heliograph.setup.models import AppliedFile
from heliograph.setup.services.applied_file_record import forget_applied, newest_applied
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import NotThere
from heliograph.web.field_names import flow_parts


def drift_of(applied: AppliedFile) -> list[PlannedChange]:
    """What was changed by hand since the file was applied, in the sections that it manages. Before = as the file says, after = as it is now."""
    with scope(account=applied.account_id):
        names = AccountNames.of_account(applied.account_id)
        changes = drifted(applied, read_all(names), names)
        if all(change.section != "flows" for change in changes):
            return changes
        with account_reader(applied.account_id) as reader:
            config = reader.config
        return [_with_rules(change, applied, names, config) if change.section == "flows" else change for change in changes]


def _with_rules(change: PlannedChange, applied: AppliedFile, names: AccountNames, config: AccountConfig) -> PlannedChange:
    """The change of a flow, with its sentence as the file says it, unless that names something that is gone, and as it is now."""
    document = next((document for id, _key, _name, document in (applied.state or {})["flows"] if id == change.id), None)
    now = config.flows.get(change.id)
    then: Flow | None = None
    if document is not None:
        with suppress(UnknownName):
            then = msgspec.convert(map_flow(document, names.id), NewFlow).facts
    sentence_names = SentenceNames.from_config(config)
    before, after = (() if flow is None else flow_parts(flow, sentence_names) for flow in (then, now))
    return replace(change, rules=(before, after))


def stop_managing(account: int, *, by: str) -> None:
    """Stops managing the account by a file: nothing is compared any more. What was applied stays as it is."""
    with saving(account, by=by, whole_account=True) as transaction:
        forget_applied(transaction)


def put_back(account: int, place: str, id: int, *, by: str, allow_wider: bool = False) -> Plan:
    """Puts one thing back to what the file says: changed or deleted by hand, it is saved again; created by hand, it is deleted.

    place: `place_of` its section
    allow_wider: whether a flow may act on more by that, or stop

    Raises NotThere if it is as the file says, FileRefused, NotAllowed.
    """
    with django_transaction.atomic(), scope(account=account):
        with saving(account, by=by, whole_account=True, one_version=True) as transaction:
            names = AccountNames.of_account(account)
            before, config = read_all(names), transaction.provider.account(account)
            applied = newest_applied()
            changes = drifted(applied, before, names) if applied else []
            change = next((each for each in changes if (each.section, each.id) == (place, id)), None)
            if applied is None or change is None:
                raise NotThere("This is as the file says.")
            section = next(each for each in SECTIONS if place_of(each) == place)
            stored = next((each for each in before[place] if each.id == id), None)
            try:
                if change.kind is ChangeKind.ADD:
                    _delete(transaction, section, stored)
                else:
                    _save_again(transaction, names, applied, section, id, stored)
            except EntryRefused as error:
                raise FileRefused([error]) from None
            transaction.write_account()
            rules = FlowRules(config, transaction.provider.account(account))
        after = read_all(AccountNames.of_account(account))
        plan = Plan(list(compared_accounts(before, after, rules)))
        if plan.refused and not allow_wider:
            raise NotAllowed(plan)
    return plan


def _delete(transaction: SetupTransaction, section: Section, stored: StoredEntry | None) -> None:
    assert stored is not None
    if not section.can_delete:
        raise EntryRefused(stored.name, "It cannot be deleted. Add it to the file.")
    with at_entry(stored.name):
        section.delete(transaction, stored)


def _save_again(
    transaction: SetupTransaction, names: AccountNames, applied: AppliedFile, section: Section, id: int, stored: StoredEntry | None
) -> None:
    place = place_of(section)
    assert applied.state is not None  # there is no drift without it
    assert applied.content is not None
    keys = [tuple(key) for then, key, _name, _document in applied.state[place] if then == id]
    key = keys[0] if keys else stored.key if stored else ()
    entry = next((each for each in read_file(applied.content, names).entries[place] if key in (each.key, (*each.was, *each.key[1:]))), None)
    if entry is None:
        raise EntryRefused(stored.name if stored else "", "The file does not have it: it was there before, and has been changed since.")
    with at_entry(entry.where):
        section.save(Saver(transaction, names, lambda _reference: None), entry, stored.id if stored else None)
