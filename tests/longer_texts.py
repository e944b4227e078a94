"""Django's settings with a German that is English, between ⟦ and ⟧ and two fifths longer (35.10).

What stands outside of the marks on a page is in no catalogue; and a page that has room for these texts has room for German and French.
"""

from __future__ import annotations

import tempfile
from itertools import cycle, islice
from pathlib import Path

import polib

from heliograph.settings import *  # noqa: F403 - the product's, with other translations
from heliograph.settings import LOCALE_PATHS as _PRODUCT

_MORE = "länger und länger "


def longer(text: str) -> str:
    """The text as this German has it: marked, and longer by two fifths, in words. Spaces at its ends stay at the ends."""
    core = text.strip()
    if not core:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    more = "".join(islice(cycle(_MORE), len(core) * 2 // 5)).strip()
    return f"{before}⟦{core} {more}⟧{after}" if more else f"{before}⟦{core}⟧{after}"


def _catalogue() -> Path:
    source = polib.pofile(str(_PRODUCT[0] / "de" / "LC_MESSAGES" / "django.po"))
    for entry in source:
        if entry.msgid_plural:
            entry.msgstr_plural = {0: longer(entry.msgid), 1: longer(entry.msgid_plural)}
        else:
            entry.msgstr = longer(entry.msgid)
    folder = Path(tempfile.mkdtemp(prefix="hg-longer-texts-"))
    file = folder / "de" / "LC_MESSAGES" / "django.mo"
    file.parent.mkdir(parents=True)
    file.write_bytes(source.to_binary())
    return folder


LOCALE_PATHS = [_catalogue()]
