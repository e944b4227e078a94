"""A German for tests of one process: the given English messages between ⟦ and ⟧, so that a test sees what a page translates."""

from __future__ import annotations

import runpy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import polib
from django.conf import settings
from django.test import override_settings
from django.utils import translation

from heliograph.web.isolation import translated_once


@cache
def source_messages() -> Sequence[polib.POEntry]:
    """Every message of the sources, as `make texts` finds them. Needs gettext's programs."""
    texts: dict[str, Any] = runpy.run_path(str(Path(__file__).resolve().parents[1] / "scripts" / "texts.py"))
    return [*texts["messages_of_sources"]()]


@contextmanager
def marked_german(folder: Path, messages: Iterable[polib.POEntry]) -> Iterator[None]:
    """German is these messages, marked. Those with a plural stay German.

    folder: an empty one
    """
    german = polib.pofile(str(settings.LOCALE_PATHS[0] / "de" / "LC_MESSAGES" / "django.po"))
    catalogue = polib.POFile()
    catalogue.metadata = german.metadata
    catalogue.extend(entry for entry in german if entry.msgid_plural)
    for message in messages:
        if not message.msgid_plural:
            catalogue.append(polib.POEntry(msgctxt=message.msgctxt, msgid=message.msgid, msgstr=f"⟦{message.msgid}⟧"))
    file = folder / "de" / "LC_MESSAGES" / "django.mo"
    file.parent.mkdir(parents=True)
    file.write_bytes(catalogue.to_binary())
    with override_settings(LOCALE_PATHS=[folder]), translation.override("en"):
        translated_once.cache_clear()  # of the other German
        yield
    translated_once.cache_clear()
