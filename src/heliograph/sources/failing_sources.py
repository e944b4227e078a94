"""The sources that cannot be read: items of the Retry Queue without a flow, of the category Source API (D4)."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from heliograph.domain.source.read_failure import VISIBLE_FROM
from heliograph.domain.source.source_states import SourceState
from heliograph.sources.models import Source
from heliograph.sources.source_words import failure_words
from heliograph.web.templatetags.moments import short_moment


@dataclass(frozen=True, slots=True)
class FailingSource:
    """A source that could not be read three times or more. It ends with the first answer that can be read."""

    title: str
    text: str
    href: str


def failing_sources() -> list[FailingSource]:
    """Those of the account in scope, the longest first."""
    rows = Source.objects.filter(deleted_at=None, state=SourceState.ON, failures__gte=VISIBLE_FROM).order_by("failing_since")
    sources = []
    for row in rows:
        title = _("“%(name)s” can’t be read since %(time)s") % {"name": row.name, "time": short_moment(row.failing_since)}
        words = {"why": failure_words(row), "time": short_moment(row.due_at)}
        if row.due_at is None:
            text = _("%(why)s Nothing is lost: we try again automatically and continue where it stopped.") % words
        else:
            text = _("%(why)s Nothing is lost: we try again automatically, next at %(time)s, and continue where it stopped.") % words
        sources.append(FailingSource(title, text, reverse("source", args=(row.pk,))))
    return sources
