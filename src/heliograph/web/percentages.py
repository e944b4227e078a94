"""Shares in percent as pages show them."""

from __future__ import annotations

import math

from django.utils import formats
from django.utils.translation import gettext as _


def percent(share: float) -> str:
    """A share as "96.1%", or "96,1 %" in a language that sets the sign apart. It is rounded down, so that only what is whole is "100%".

    share: 1.0 is the whole; it may be more
    """
    tenths = math.floor(share * 1000 + 1e-9)
    number = formats.number_format(tenths / 10, 1 if tenths % 10 else 0)
    # Translators: a percentage, with a space before the sign if your language has one: 96.1%, 96,1 %
    return _("%(number)s%%") % {"number": number}
