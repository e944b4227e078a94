"""How a process of ours ends when it cannot go on."""

from __future__ import annotations

from typing import Final

UNCLEAN: Final = 3
"""One of its threads died; its supervisor starts it again."""
FATAL: Final = 78
"""It would fail again, because only the operator can fix the cause (sysexits: EX_CONFIG)."""
