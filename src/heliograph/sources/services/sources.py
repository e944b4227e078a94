"""Adds, renames, switches on, pauses and removes sources (S1)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.domain.source.platforms import COMMAND, FOLDER, PLATFORMS
from heliograph.domain.source.ready_mappings import READY_MAPPINGS
from heliograph.domain.source.source_states import SourceState
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere, check
from heliograph.sources.commands_file import has_commands
from heliograph.sources.folder_place import base_folder
from heliograph.sources.models import Source, SourceRing, SourceSecret
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


def platform_row(id: int, platform: str) -> Source:
    """A source of the account in scope that is of this platform. Raises NotThere."""
    row = source_row(id)
    if row.platform != platform:
        raise NotThere(f"Source {id} is of another platform.")
    return row


def add_source(transaction: SetupTransaction, platform: str, name: str) -> Source:
    """Adds a source that is not switched on. One that is called gets its address at once, and a known sender's settings. Raises Invalid."""
    if platform not in PLATFORMS:
        sentence = _("There is no platform “%(name)s”. Those that can be added: %(names)s.")
        raise Invalid({"platform": [sentence % {"name": platform, "names": ", ".join(PLATFORMS)}]})
    if platform == FOLDER and base_folder() is None:
        raise Invalid({"platform": [_("Whoever runs Heliograph has set no folder for files yet (HELIOGRAPH_FOLDERS).")]})
    if platform == COMMAND and not has_commands():
        raise Invalid({"platform": [_("Whoever runs Heliograph has listed no programs yet (HELIOGRAPH_COMMANDS).")]})
    now: Any = from_micros(transaction.db.now())
    row = Source(account_id=transaction.account, name=name, platform=platform, created=now, created_by=transaction.by[:60], changed=now)
    if PLATFORMS[platform].is_called:
        row.path = new_path()
    if platform in PRESETS:
        row.settings = json.dumps(preset_settings(platform))
    if platform in READY_MAPPINGS:
        row.mapping = json.dumps(READY_MAPPINGS[platform].to_body())
    check(row)
    row.save()
    transaction.note(Deed.CREATED, KIND, row, None, _audited(row))
    return row


def preset_settings(platform: str) -> dict[str, Any]:
    """The settings with which a source of a known sender begins."""
    preset = PRESETS[platform]
    return {"verification": preset.verification.to_body()} | ({"handshake": preset.handshake.to_body()} if preset.handshake else {})


def new_path() -> str:
    """The path of a new address: 80 random bits, in groups that can be read aloud."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def rename(transaction: SetupTransaction, id: int, name: str) -> Source:
    """Renames a source. Raises NotThere, Invalid."""
    row = lock_source(id)
    before = _audited(row)
    row.name = name
    check(row)
    return save_source(transaction, row, before, _audited(row))


def pause(transaction: SetupTransaction, id: int) -> Source:
    """Pauses a source that is on: what calls bring is kept, nothing is read or recorded. Raises NotThere, Invalid."""
    row = lock_source(id)
    if row.state == SourceState.DRAFT:
        raise Invalid({"source": [_("It is not switched on, so there is nothing to pause.")]})
    before = _audited(row)
    if row.state == SourceState.ON:
        row.state = SourceState.PAUSED
        row.paused, row.paused_by = from_micros(transaction.db.now()), transaction.by[:60]
    return save_source(transaction, row, before, _audited(row))


def resume(transaction: SetupTransaction, id: int) -> Source:
    """Resumes a paused source: what was kept is recorded in its order, and reading goes on where it stopped. Raises NotThere, Invalid."""
    row = lock_source(id)
    if row.state == SourceState.DRAFT:
        raise Invalid({"source": [_("It is not switched on yet. Finish its mapping, then switch it on.")]})
    before = _audited(row)
    if row.state == SourceState.PAUSED:
        row.state, row.paused, row.paused_by = SourceState.ON, None, ""
    return save_source(transaction, row, before, _audited(row))


def remove(transaction: SetupTransaction, id: int) -> None:
    """Removes a source: its address no longer answers, and its secrets are gone. Its registrations stay as they are. Raises NotThere."""
    row = lock_source(id)
    row.deleted_at, row.path, row.due_at = from_micros(transaction.db.now()), "", None
    row.save()
    SourceSecret.objects.filter(source=row).delete()
    SourceRing.objects.filter(source=row).delete()
    remove_secrets(transaction.db, transaction.account, KIND, row.pk)
    transaction.note(Deed.DELETED, KIND, row, _audited(row), None)


def lock_source(id: int) -> Source:
    """A source of the account in scope, locked for a change. Raises NotThere."""
    row: Source | None = Source.objects.select_for_update().filter(pk=id, deleted_at=None).first()
    if row is None:
        raise NotThere(f"There is no source {id} here.")
    return row


def ask_for_reading(transaction: SetupTransaction, row: Source) -> None:
    """Has a locked source read as soon as its reader is free, and once more if a reading is under way. The caller saves the row."""
    row.due_at = row.asked_at = from_micros(transaction.db.now())


def save_source(transaction: SetupTransaction, row: Source, before: Mapping[str, Any], after: Mapping[str, Any]) -> Source:
    """Writes a locked source and the audit entry of the change.

    before, after: what the entry says of it
    """
    row.changed = from_micros(transaction.db.now())
    row.save()
    transaction.note(Deed.CHANGED, KIND, row, before, after)
    return row


def _audited(row: Source) -> dict[str, Any]:
    """The source as an audit entry names it: never its address, which is as secret as a password where calls need no proof."""
    return {"name": row.name, "platform": row.platform, "state": SourceState(row.state).name.lower()}
