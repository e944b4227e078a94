"""What people decide about a watched folder: which reading of the columns it remembers (S7)."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.domain.source.platforms import FOLDER
from heliograph.domain.source.watched_folder import is_finished_name, shown_name
from heliograph.registrations.imports import uploads
from heliograph.registrations.imports.import_errors import ImportFileError
from heliograph.registrations.imports.uploads import Upload
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.folder_columns import FolderReading
from heliograph.sources.folder_place import FileChanged, FolderPlace, FolderUnusable, base_folder
from heliograph.sources.models import Source
from heliograph.sources.services.sources import KIND, lock_source
from heliograph.store.instants import from_micros

BLOCK = 1 << 20


def save_reading(transaction: SetupTransaction, id: int, reading: FolderReading) -> Source:
    """Saves the reading of a folder's files. A folder that could not be used is looked at again at once. Raises NotThere."""
    row = lock_source(id)
    if row.platform != FOLDER:
        raise NotThere("This source takes no files.")
    settings: dict[str, Any] = json.loads(row.settings or "{}")
    before, body = settings.get("folder"), reading.to_body()
    if before == body:
        return row
    row.settings = json.dumps(settings | {"folder": body}, ensure_ascii=False)
    row.version += 1
    now: Any = from_micros(transaction.db.now())
    row.changed, row.due_at = now, None
    row.save()
    transaction.note(Deed.CHANGED, KIND, row, {"folder": before}, {"folder": body})
    return row


def upload_of_first_file(account: int, source: int, *, by: str) -> Upload:
    """Puts the oldest file of a folder into the import wizard, where its columns are chosen. The file stays in the folder. Raises Invalid."""
    base = base_folder()
    if base is None:
        raise Invalid({"folder": [_("Whoever runs Heliograph has set no folder for files yet (HELIOGRAPH_FOLDERS).")]})
    try:
        place = FolderPlace.open(base, source)
        try:
            files = {name: facts for name, facts in place.files().items() if is_finished_name(name) and facts.size}
            if not files:
                raise Invalid({"folder": [_("There is no file in the folder yet.")]})
            name = min(files, key=lambda each: (files[each].modified, each))
            with place.opened(name, files[name]) as file:
                return uploads.keep(account, shown_name(name), iter(lambda: file.read(BLOCK), b""), event="", by=by)
        finally:
            place.close()
    except ImportFileError as error:
        raise Invalid({"folder": [error.sentence]}) from None
    except (FolderUnusable, FileChanged) as error:
        raise Invalid({"folder": [error.sentence]}) from None
    except OSError as error:
        raise Invalid({"folder": [_("The file cannot be read: %(reason)s.") % {"reason": error.strerror}]}) from None
