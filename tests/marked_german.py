"""A German for tests of one process: the given English messages between ⟦ and ⟧, so that a test sees what a page translates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polib
from django.conf import settings
from django.test import override_settings
from django.utils import translation


@contextmanager
def marked_german(folder: Path, messages: Iterable[str]) -> Iterator[None]:
    """German is these messages, marked; whatever else is German stays.

    folder: an empty one
    """
    catalogue = polib.pofile(str(settings.LOCALE_PATHS[0] / "de" / "LC_MESSAGES" / "django.po"))
    known = {entry.msgid: entry for entry in catalogue if not entry.msgctxt and not entry.msgid_plural}
    for message in messages:
        if message not in known:
            known[message] = polib.POEntry(msgid=message)
            catalogue.append(known[message])
        known[message].msgstr = f"⟦{message}⟧"
    file = folder / "de" / "LC_MESSAGES" / "django.mo"
    file.parent.mkdir(parents=True)
    file.write_bytes(catalogue.to_binary())
    with override_settings(LOCALE_PATHS=[folder]), translation.override("en"):
        yield
