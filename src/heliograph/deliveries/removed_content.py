"""The sentences about content and records that are no longer stored (X6)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.store.instants import from_micros
from heliograph.web.templatetags.moments import day, minute


def removed_content(reader: AccountReader, at: int, ended: int = 0) -> str:
    """The sentence that says when the content of a change or an attempt was removed; "" if it was not.

    at: its instant (microseconds)
    ended: the instant until which an action of it waited (microseconds)
    """
    removed = reader.removals.content_removed_at(at, ended)
    return _("Content removed on %(day)s.") % {"day": day(from_micros(removed))} if removed is not None else ""


def removed_records(reader: AccountReader, since: int = 0) -> str:
    """The sentence that says until when records were kept, for a list that reaches back to an instant; "" if no records of it were removed.

    since: that instant (microseconds); 0 for a list without a beginning
    """
    removed = reader.removals.records_removed_at(since)
    if removed is None:
        return ""
    return _("Details are kept until %(day)s. Changes before %(since)s can no longer be listed.") % {
        "day": day(from_micros(removed)),
        "since": minute(from_micros(reader.removals.records_kept_since)),
    }
