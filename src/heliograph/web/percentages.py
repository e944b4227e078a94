"""Shares in percent as pages show them."""

from __future__ import annotations

import math
from typing import Final

from django.utils import formats
from django.utils.translation import gettext as _

MOST_TIMES: Final = 10
"""No difference is given in percent to a number more than this many times as large: the number before was only a beginning."""


def percent(share: float) -> str:
    """A share as "96.1%", or "96,1 %" in a language that sets the sign apart. It is rounded down, so that only what is whole is "100%".

    share: 1.0 is the whole; it may be more
    """
    return _in_words(math.floor(share * 1000 + 1e-9))


def difference(number: int, before: int) -> str:
    """How much more or less a number is than the one before, in percent, rounded to the nearest tenth; "" where a percentage says nothing (`MOST_TIMES`).

    Only what is gone entirely is 100% less, and only what is the same differs by 0%.
    """
    if not before or number > MOST_TIMES * before:
        return ""
    tenths = round(abs(number - before) * 1000 / before)
    if number != before:
        tenths = max(tenths, 1)
    return _in_words(min(tenths, 999) if 0 < number < before else tenths)


def _in_words(tenths: int) -> str:
    number = formats.number_format(tenths / 10, 1 if tenths % 10 else 0)
    # Translators: a percentage, with a space before the sign if your language has one: 96.1%, 96,1 %
    return _("%(number)s%%") % {"number": number}
