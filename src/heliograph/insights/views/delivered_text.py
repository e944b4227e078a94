"""The first line of Summary and of the Activity Feed: what was delivered in the period, compared with the period before (X2, X4)."""

from __future__ import annotations

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.web.percentages import difference


def delivered_text(delivered: int, before: int, before_text: str) -> str:
    """ "3,211 delivered, 12 % more than yesterday by this time."

    before: how many were delivered in the period before
    before_text: that period in words, after "than" (`Frame.before_text`)
    """
    text = ngettext("%(n)s delivered", "%(n)s delivered", delivered) % {"n": intcomma(delivered)}
    share = difference(delivered, before)
    if not share:
        return f"{text}."
    facts = {"delivered": text, "share": share, "before": before_text}
    if delivered == before:
        return _("%(delivered)s, as many as %(before)s.") % facts
    if delivered > before:
        return _("%(delivered)s, %(share)s more than %(before)s.") % facts
    return _("%(delivered)s, %(share)s fewer than %(before)s.") % facts
