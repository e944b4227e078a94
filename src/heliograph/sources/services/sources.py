"""Adds, renames, switches on, pauses and removes sources (S1)."""

from __future__ import annotations

import secrets
from typing import Any, Final

from heliograph.accounts.audit import Deed
from heliograph.domain.source.platforms import PLATFORMS, Way
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere, check
from heliograph.sources.models import Source, SourceSecret, SourceState
from heliograph.store.instants import from_micros
from heliograph.store.secrets import remove_secrets

KIND: Final = "source"
"""As audit entries and the places of secrets name it."""
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Of the path of an address: no two of them look alike."""


def source_row(id: int) -> Source:
    """A source of the account in scope. Raises NotThere."""
    row: Source | None = Source.objects.filter(pk=id, deleted_at=None).first()
    if row is None:
        raise NotThere(f"There is no source {id} here.")
    return row


def add_source(transaction: SetupTransaction, platform: str, name: str) -> Source:
    """Adds a source that is not switched on. One that is called gets its address at once. Raises Invalid."""
    if platform not in PLATFORMS:
        raise Invalid({"platform": [f"There is no platform {platform!r}. Those that can be added: {', '.join(PLATFORMS)}."]})
    now: Any = from_micros(transaction.db.now())
    row = Source(account_id=transaction.account, name=name, platform=platform, created=now, created_by=transaction.by[:60], changed=now)
    if PLATFORMS[platform].way is Way.CALLED:
        row.path = new_path()
    check(row)
    row.save()
    transaction.note(Deed.CREATED, KIND, row, None, _audited(row))
    return row


def new_path() -> str:
    """The path of a new address: 80 random bits, in groups that can be read aloud."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def rename(transaction: SetupTransaction, id: int, name: str) -> Source:
    """Renames a source. Raises NotThere, Invalid."""
    row = _locked(id)
    before = _audited(row)
    row.name = name
    check(row)
    return _saved(transaction, row, before, Deed.CHANGED)


def pause(transaction: SetupTransaction, id: int) -> Source:
    """Pauses a source that is on: what calls bring is kept, nothing is read or recorded. Raises NotThere, Invalid."""
    row = _locked(id)
    if row.state == SourceState.DRAFT:
        raise Invalid({"source": ["It is not switched on, so there is nothing to pause."]})
    before = _audited(row)
    if row.state == SourceState.ON:
        row.state = SourceState.PAUSED
        row.paused, row.paused_by = from_micros(transaction.db.now()), transaction.by[:60]
    return _saved(transaction, row, before, Deed.CHANGED)


def resume(transaction: SetupTransaction, id: int) -> Source:
    """Resumes a paused source: what was kept is recorded in its order, and reading goes on where it stopped. Raises NotThere, Invalid."""
    row = _locked(id)
    if row.state == SourceState.DRAFT:
        raise Invalid({"source": ["It is not switched on yet. Finish its mapping, then switch it on."]})
    before = _audited(row)
    if row.state == SourceState.PAUSED:
        row.state, row.paused, row.paused_by = SourceState.ON, None, ""
    return _saved(transaction, row, before, Deed.CHANGED)


def remove(transaction: SetupTransaction, id: int) -> None:
    """Removes a source: its address no longer answers, and its secrets are gone. Its registrations stay as they are. Raises NotThere."""
    row = _locked(id)
    row.deleted_at, row.path, row.due_at = from_micros(transaction.db.now()), "", None
    row.save()
    SourceSecret.objects.filter(source=row).delete()
    remove_secrets(transaction.db, transaction.account, KIND, row.pk)
    transaction.note(Deed.DELETED, KIND, row, _audited(row), None)


def _locked(id: int) -> Source:
    row: Source | None = Source.objects.select_for_update().filter(pk=id, deleted_at=None).first()
    if row is None:
        raise NotThere(f"There is no source {id} here.")
    return row


def _saved(transaction: SetupTransaction, row: Source, before: dict[str, Any], deed: Deed) -> Source:
    row.changed = from_micros(transaction.db.now())
    row.save()
    transaction.note(deed, KIND, row, before, _audited(row))
    return row


def _audited(row: Source) -> dict[str, Any]:
    """The source as an audit entry names it: never its address, which is as secret as a password where calls need no proof."""
    return {"name": row.name, "platform": row.platform, "state": SourceState(row.state).name.lower()}
