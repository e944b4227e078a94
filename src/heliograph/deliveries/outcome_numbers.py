"""Numbers of outcomes in words, for what charts say of a column: "3 failed"."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import ngettext


def _counted(one: str, many: str) -> Callable[[int], str]:
    return lambda n: ngettext(one, many, n) % {"n": intcomma(n)}


changes = _counted("%(n)s change", "%(n)s changes")
delivered = _counted("%(n)s delivered", "%(n)s delivered")
failed = _counted("%(n)s failed", "%(n)s failed")
failed_again = _counted("%(n)s failed again", "%(n)s failed again")
waiting = _counted("%(n)s waiting", "%(n)s waiting")
invalid = _counted("%(n)s invalid", "%(n)s invalid")
