"""Build hook of the wheel and the sdist: makes the pages' font, which is not committed (scripts/build_font.py)."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FontHook(BuildHookInterface):
    """Sees to it that src/heliograph/web/static/heliograph/fonts is there; pyproject.toml names it as an artifact."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        script = Path(self.root) / "scripts" / "build_font.py"
        if script.exists():  # an unpacked sdist brings the font itself
            runpy.run_path(str(script))["build"]()
