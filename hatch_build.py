"""Build hook of the wheel and the sdist: makes what is not committed: the pages' font and the compiled translations."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MadeFiles(BuildHookInterface):
    """Runs the scripts that make files of the package; pyproject.toml names their results as artifacts."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        for name in ("build_font.py", "build_texts.py"):
            script = Path(self.root) / "scripts" / name
            if script.exists():
                runpy.run_path(str(script))["build"]()
