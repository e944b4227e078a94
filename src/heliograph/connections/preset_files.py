"""The presets that ship with Heliograph, read from their files in `connections/presets` (B3).

The module does not need Django, because the reference is generated from the presets, too.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Final

from heliograph.domain.connection.presets import Preset, read_preset

ORDER: Final = (
    *("slack_text", "slack_blocks", "teams_card", "mattermost", "discord", "google_chat", "rocketchat", "telegram", "ntfy"),
    *("google_forms", "zapier", "make"),
    *("hubspot_form", "hubspot_contact", "salesforce_web_to_lead", "salesforce_upsert", "marketo_leads"),
    *("generic_json",),
)


@functools.cache
def presets() -> tuple[Preset, ...]:
    """All presets, in the order of the page."""
    folder = resources.files("heliograph.connections") / "presets"
    return tuple(read_preset(key, tomllib.loads((folder / f"{key}.toml").read_text("utf-8"))) for key in ORDER)
