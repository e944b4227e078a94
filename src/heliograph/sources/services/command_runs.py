"""What people decide about a command source: which program it runs, how often, and when at once (S6)."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.accounts.models import Account
from heliograph.domain.source.platforms import COMMAND
from heliograph.domain.source.singer import SingerError, SingerReader, SingerRecord
from heliograph.domain.source.source_states import SourceState
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.command_job import CommandSettings, command_settings
from heliograph.sources.commands_file import Command, CommandsError, command_of
from heliograph.sources.models import Source
from heliograph.sources.program_run import ProgramFailed, ProgramRun
from heliograph.sources.services.sources import KIND, ask_for_reading, lock_source
from heliograph.store import source_reads
from heliograph.store.instants import from_micros

SAMPLE: Final = 100
"""Records that are kept as a sample for the mapping."""
SAMPLE_SECONDS: Final = 20.0
"""How long a program may take until its first records; a page waits for them."""


def save_command(transaction: SetupTransaction, id: int, settings: CommandSettings) -> Source:
    """Saves which program a source runs. Another program begins without a state. Raises NotThere, Invalid."""
    row = lock_source(id)
    if row.platform != COMMAND:
        raise NotThere("This source runs no command.")
    try:
        command_of(settings.name, _code(transaction.account))
    except CommandsError as error:
        raise Invalid({"name": [error.sentence]}) from None
    stored: dict[str, Any] = json.loads(row.settings or "{}")
    before, body = stored.get("command"), settings.to_body()
    if before == body:
        return row
    now: Any = from_micros(transaction.db.now())
    row.settings = json.dumps(stored | {"command": body}, ensure_ascii=False)
    row.version += 1
    row.changed = now
    ask_for_reading(transaction, row)
    if before is not None and before["name"] != settings.name:
        row.cursor = "{}"
        source_reads.forget_items(transaction.db, row.pk)
    row.save()
    transaction.note(Deed.CHANGED, KIND, row, {"command": before}, {"command": body})
    return row


def run_now(account: int, id: int, *, by: str) -> int | None:
    """Has a source run its program as soon as it is free. Of one that is not switched on the first records are kept, as a sample for its mapping;
    returns their number. Call it outside of a transaction. Raises NotThere, Invalid."""
    with saving(account, by=by) as transaction:
        row = lock_source(id)
        if row.platform != COMMAND:
            raise NotThere("This source runs no command.")
        if "command" not in json.loads(row.settings or "{}"):
            raise Invalid({"source": [_("No command is chosen yet.")]})
        if row.state != SourceState.DRAFT:
            ask_for_reading(transaction, row)
            row.save(update_fields=["due_at", "asked_at"])
            return None
    try:
        records = _first_records(command_of(command_settings(row.settings).name, _code(account)), id)
    except (CommandsError, ProgramFailed, SingerError) as error:
        raise Invalid({"source": [error.sentence]}) from None
    if not records:
        raise Invalid({"source": [_("It printed no record.")]})
    body = json.dumps([record.entry for record in records], ensure_ascii=False).encode("utf-8", "replace")
    with saving(account, by=by) as transaction:
        lock_source(id)
        source_reads.store_records(transaction.db, account, id, body, "{}", transaction.db.now())
    return len(records)


def _first_records(command: Command, source: int) -> list[SingerRecord]:
    """The first records that the program prints, after which it is killed. Raises CommandsError, ProgramFailed, SingerError."""
    program = ProgramRun(command, None, source)
    try:
        reader, records = SingerReader(), list[SingerRecord]()
        until = time.monotonic() + SAMPLE_SECONDS
        for piece in program.read(SAMPLE_SECONDS):
            records += (record for batch in reader.feed(piece) for record in batch.records)
            if len(records) >= SAMPLE:
                return records[:SAMPLE]
        ended = reader.end() if program.is_over else reader.so_far()
        records += (record for batch in ended for record in batch.records)
        if program.is_over:
            program.check_end()
        elif not records and time.monotonic() >= until:
            raise ProgramFailed(
                _("%(name)s printed no record within %(seconds)s seconds. Switch the source on without a sample.")
                % {"name": command.label, "seconds": f"{SAMPLE_SECONDS:.0f}"}
            )
        return records[:SAMPLE]
    finally:
        program.close()


def _code(account: int) -> str:
    code: str = Account.objects.get(pk=account).code
    return code
