"""Where the guide's Markdown and pictures are. Without Django: the settings read it."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_INSTALLED = _HERE / "pages"
"""The wheel brings docs/guide here (pyproject.toml); a checkout reads it where it is."""

GUIDE = _INSTALLED if _INSTALLED.is_dir() else _HERE.parents[2] / "docs" / "guide"
PICTURES = GUIDE / "pictures"
CONTENTS = "README.md"
"""The list of chapters, in the order in which they are read."""
