"""Plans and applies a configuration file (B5).

A plan is what applying does: it saves the file by the services of the pages and compares the account before and after, in a rehearsal, which
holds no lock that others need. Only entries that differ are saved, so a file that changes nothing costs a few reads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import transaction as django_transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django_scopes import scope

from heliograph.api.configuration.account_names import AccountNames
from heliograph.api.configuration.configuration_file import (
    EVENTS,
    MOST_PROBLEMS,
    OF_SIGNAL,
    SECTIONS,
    ConfigurationFile,
    FileRefused,
    check_sections,
    export,
    place_of,
    read_file,
)
from heliograph.api.configuration.configuration_text import read_text
from heliograph.api.configuration.entry_matches import EntryMatches
from heliograph.api.configuration.event_sections import EventSetup
from heliograph.api.configuration.plan_rehearsal import check_other_processes, hidden_tables, one_plan
from heliograph.api.configuration.planned_changes import (
    Account,
    ChangeKind,
    Drift,
    FlowRules,
    PlannedChange,
    compared_accounts,
    drifted,
    read_all,
    state_of,
)
from heliograph.api.configuration.secret_references import SecretReference
from heliograph.api.configuration.section import Entry, EntryRefused, Saver, Section, StoredEntry, at_entry
from heliograph.domain.errors import HeliographError
from heliograph.setup.models import AppliedFile
from heliograph.setup.services.applied_file_record import newest_applied, note_applied
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import watching_flows_once
from heliograph.setup.setup_errors import Invalid
from heliograph.store.rehearsal import hide_tables, rehearsal

MOST_AT_ONCE: Final = 500
"""How many things one request or one form may change."""
TOO_MANY: Final = gettext_noop(
    "The file changes %(count)s things, and at most %(most)s are changed at once. Apply it in parts, such as some of its sections, or on the"
    " server by `heliograph apply`."
)
type Values = Callable[[SecretReference], str | None]


@dataclass(frozen=True, slots=True)
class LeftEntry:
    """A thing that a section of the file leaves away. It stays, unless what is not in the file is deleted."""

    section: str
    label: str
    name: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a file does."""

    changes: Sequence[PlannedChange] = ()
    left: Sequence[LeftEntry] = ()
    """Not in the file; the plan does not delete them."""
    without_value: Sequence[str] = ()
    """References to secrets whose values were not brought along: what is stored stays."""
    sections: Sequence[str] = ()

    @property
    def refused(self) -> list[PlannedChange]:
        """The changes that are only applied if this is allowed: flows that act on more, or stop."""
        return [change for change in self.changes if change.widens or change.stops]

    @property
    def counts(self) -> dict[str, int]:
        """How many things are added, changed and deleted."""
        words = {ChangeKind.ADD: "added", ChangeKind.CHANGE: "changed", ChangeKind.DELETE: "deleted"}
        return {word: sum(change.kind is kind for change in self.changes) for kind, word in words.items()}


class NotAllowed(HeliographError):
    """Flows would act on more, or stop, and nobody has allowed it. Nothing was changed. plan: what the file would do."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        names = ", ".join(change.name or _("a flow without a name") for change in plan.refused)
        super().__init__("Flows would act on more than before, or stop: %(names)s. Nothing was applied.", names=names)


@dataclass(frozen=True, slots=True)
class FileToApply:
    """A file, with what it is applied with."""

    text: str
    name: str = ""
    value_of: Values = lambda _reference: None
    prune: bool = False
    """Whether things that are not in the file are deleted."""
    allow_wider: bool = False
    """Whether flows may act on more, or stop."""
    allowed_flows: Collection[int] = ()
    """The ids of the flows that may do so all the same."""
    most: int | None = None
    """How many entries may differ from the account; None for any number. Nobody else saves meanwhile, and on SQLite nothing is recorded."""

    def allows(self, change: PlannedChange) -> bool:
        """Whether a change that lets a flow act on more, or stop, may be applied."""
        return self.allow_wider or change.id in self.allowed_flows


def plan_file(account: int, file: FileToApply, *, by: str) -> Plan:
    """What applying the file would do. Nothing is saved, and nobody waits for it. Raises BadText, FileRefused, PlanRunning."""
    content = read_text(file.text)
    check_sections(content)
    with one_plan(account), rehearsal(), scope(account=account):
        check_other_processes(account)
        names = AccountNames.of_account(account)
        drifts = _drifts(read_all(names), names)
        hide_tables(account, hidden_tables())
        plan, _file, _after = _saved(account, content, file, by=by, drifts=drifts)
    return plan


def apply_file(account: int, file: FileToApply, *, by: str) -> tuple[Plan, AppliedFile]:
    """Applies the file: all of it, as one version, or nothing. Returns what was changed, and its record.

    The same file applied again changes nothing and makes no new record.

    Raises BadText, FileRefused, NotAllowed.
    """
    return apply_content(account, read_text(file.text), file, by=by)


def apply_content(account: int, content: Mapping[str, Any], file: FileToApply, *, by: str) -> tuple[Plan, AppliedFile]:
    """Like `apply_file`, for a file that was read."""
    check_sections(content)
    with django_transaction.atomic(), scope(account=account):
        plan, read, after = _saved(account, content, file, by=by)
        if not all(file.allows(change) for change in plan.refused):
            raise NotAllowed(plan)
        newest = newest_applied()
        if newest is not None and not plan.changes and (newest.content, newest.sections) == (read.content, read.sections):
            return plan, newest
        with saving(account, by=by, whole_account=True) as transaction:
            state = {place: state_of(each) for place, each in after.items() if place.partition(".")[0] in read.sections}
            row = note_applied(transaction, file.name, read.sections, read.content, state, plan.counts)
    return plan, row


def export_account(account: int, only: Sequence[str] = ()) -> dict[str, Any]:
    """The account as the content of a file, with references where its secrets stand."""
    with scope(account=account):
        return export(AccountNames.of_account(account), only)


# --- saving


type Drifts = Mapping[tuple[str, int], Drift | None]
"""What was changed by hand since the newest file, by section and id."""


def _drifts(now: Account, names: AccountNames) -> Drifts:
    applied = newest_applied()
    return {(each.section, each.id): each.drift for each in drifted(applied, now, names)} if applied else {}


def _saved(
    account: int, content: Mapping[str, Any], file: FileToApply, *, by: str, drifts: Drifts | None = None
) -> tuple[Plan, ConfigurationFile, Account]:
    """Saves the file in the transaction that is open, and compares.

    drifts: read before, where a rehearsal hides the audit, which says who made a change; None to read them here
    """
    with saving(account, by=by, whole_account=True, one_version=True) as transaction:
        names = AccountNames.of_account(account)
        before, config_before = read_all(names), transaction.provider.account(account)
        applied = newest_applied()
        drifts = _drifts(before, names) if drifts is None else drifts
        read = read_file(content, names)
        if not config_before.signal_enabled:
            _refuse_signal(read)
        saver = Saver(transaction, names, file.value_of)
        try:
            with watching_flows_once(transaction):
                left = _save_entries(saver, read, before, applied, file.most)
                if file.prune:
                    _delete_left(transaction, left)
                    left = []
        except Invalid as error:  # a mapping and a connection do not go together
            raise FileRefused([EntryRefused("flows", reason) for reasons in error.fields.values() for reason in reasons]) from None
        config_after = transaction.provider.account(account)
    after = read_all(AccountNames.of_account(account))
    changes = [
        replace(change, drift=drifts.get((change.section, change.id)))
        for change in compared_accounts(before, after, FlowRules(config_before, config_after))
    ]
    left_entries = [LeftEntry(place_of(section), section.label, stored.name) for section, stored in left]
    return Plan(changes, left_entries, sorted(saver.without_value), read.sections), read, after


def _refuse_signal(file: ConfigurationFile) -> None:
    """Raises FileRefused for the sections of what sends: Signal is off for the account (N4)."""
    refused = [EntryRefused(name, "Signal is off for this account.") for name in OF_SIGNAL if name in file.sections]
    if refused:
        raise FileRefused(refused)


@dataclass(frozen=True, slots=True)
class _Differing:
    """The entries of a section that are saved, and the things that it leaves away."""

    section: Section
    entries: Sequence[tuple[Entry, StoredEntry | None]]
    left: Sequence[StoredEntry]


def _differing(file: ConfigurationFile, before: Account, applied: AppliedFile | None, refused: list[EntryRefused]) -> Iterator[_Differing]:
    """The entries that differ from what the account has, by section. Adds to `refused` those that are about a thing of another entry."""
    for section in SECTIONS:
        place = place_of(section)
        if place not in file.entries:
            continue
        matches = EntryMatches(before[place], file.entries[place], applied.ids(place) if applied else {})
        entries = []
        for entry in file.entries[place]:
            try:
                stored = matches.take(entry)
            except EntryRefused as error:
                refused.append(error)
                continue
            if stored is None or section.differs(entry, stored):
                entries.append((entry, stored))
        left = [stored for stored in before[place] if stored.id not in matches.taken and file.manages(section, stored.key)]
        yield _Differing(section, entries, left if section.can_delete else [])


def _save_entries(
    saver: Saver, file: ConfigurationFile, before: Account, applied: AppliedFile | None, most: int | None
) -> list[tuple[Section, StoredEntry]]:
    """Saves the entries that differ. Returns what the file leaves away. Raises FileRefused.

    applied: the newest file before this one
    most: how many entries may differ; None for any number
    """
    refused: list[EntryRefused] = []
    refused_events: set[str] = set()
    work = list(_differing(file, before, applied, refused))
    count = sum(len(each.entries) for each in work)
    if most is not None and count > most:
        raise FileRefused([EntryRefused("file", TOO_MANY, count=count, most=most)])
    for each in work:
        is_saved = False
        for entry, stored in each.entries:
            if isinstance(each.section, EventSetup) and entry.key[0] in refused_events:
                continue
            try:
                with at_entry(entry.where), saver.transaction.savepoint():
                    each.section.save(saver, entry, stored.id if stored else None)
                is_saved = True
            except EntryRefused as error:
                refused.append(error)
                if each.section is EVENTS:
                    refused_events.add(entry.key[0])
                if len(refused) >= MOST_PROBLEMS:
                    raise FileRefused(refused) from None
        if is_saved and each.section.defines is not None:
            saver.refresh()
    if refused:
        raise FileRefused(refused)
    return [(each.section, stored) for each in work for stored in each.left]


def _delete_left(transaction: SetupTransaction, left: Sequence[tuple[Section, StoredEntry]]) -> None:
    """Deletes what the file leaves away, users before what they use. Raises FileRefused."""
    refused: list[EntryRefused] = []
    for section, stored in reversed(left):
        try:
            with at_entry(f"{place_of(section)}, {stored.name}"), transaction.savepoint():
                section.delete(transaction, stored)
        except EntryRefused as error:
            refused.append(error)
    if refused:
        raise FileRefused(refused)
