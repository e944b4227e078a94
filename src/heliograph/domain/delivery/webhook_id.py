"""The webhook-id of an action (D1): the same in every try.

It begins with the instant of the action's creation, like a UUID of version 7, and ends with random bits. So an action is found by its
webhook-id through the index by time that lists use, and no index of random texts has to be written.
"""

from __future__ import annotations

import re
from typing import Final

_FORM: Final = re.compile(r"msg_([0-9a-f]{13})[0-9a-f]{13}")
CHANCE_BITS: Final = 52
"""So much of it is chance."""


def webhook_id(created: int, chance: int) -> str:
    """The webhook-id of an action.

    created: microseconds since the epoch, until 2112
    chance: CHANCE_BITS random bits
    """
    return f"msg_{created:013x}{chance:013x}"


def created_of(text: str) -> int | None:
    """The instant of creation in a webhook-id, in microseconds; None if the text is no webhook-id of this product."""
    match = _FORM.fullmatch(text)
    return int(match[1], 16) if match else None
