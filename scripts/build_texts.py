"""Compiles the translations: for each src/heliograph/locale/*/LC_MESSAGES/django.po the django.mo beside it, which Django reads.

Run by `make setup` and by the build of the wheel; the results are not committed (docs/adr/0034-languages.md). Needs polib, and none of
gettext's programs. A message without a translation is left out, so that it is shown in English.
"""

from __future__ import annotations

from pathlib import Path

import polib

LOCALE = Path(__file__).resolve().parent.parent / "src" / "heliograph" / "locale"


def build(folder: Path = LOCALE) -> list[Path]:
    """Compiles every django.po that is newer than its django.mo. Returns the files that it wrote."""
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/django.po")):
        compiled = source.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        part = compiled.with_suffix(".part")
        part.write_bytes(polib.pofile(str(source)).to_binary())
        part.replace(compiled)
        written.append(compiled)
    return written


if __name__ == "__main__":
    for file in build():
        print(file)
