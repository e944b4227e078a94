"""Numbers of outcomes in words, for what charts say of a column: "3 failed"."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import ngettext


def _in_words(one: str, many: str) -> Callable[[int], str]:
    return lambda n: ngettext(one, many, n) % {"n": intcomma(n)}


changes = _in_words("%(n)s change", "%(n)s changes")
delivered = _in_words("%(n)s delivered", "%(n)s delivered")
failed = _in_words("%(n)s failed", "%(n)s failed")
failed_again = _in_words("%(n)s failed again", "%(n)s failed again")
waiting = _in_words("%(n)s waiting", "%(n)s waiting")
invalid = _in_words("%(n)s invalid", "%(n)s invalid")
