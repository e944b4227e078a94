"""The folder of the guide's Markdown and pictures. Free of Django, because the settings read it."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_INSTALLED = _HERE / "pages"
"""Where a wheel contains docs/guide (pyproject.toml); a checkout reads it in place."""

GUIDE = _INSTALLED if _INSTALLED.is_dir() else _HERE.parents[2] / "docs" / "guide"
PICTURES = GUIDE / "pictures"
CONTENTS = "README.md"
"""The list of chapters, in reading order."""
