"""What pages say where content or whole records are no longer stored (X6)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.deliveries.database import AccountReader
from heliograph.store.moments import from_micros
from heliograph.store.retention import content_removed_at, records_kept_since, records_removed_at
from heliograph.web.templatetags.moments import day, minute


def removed_content(of: AccountReader, at: int, ended: int = 0) -> str:
    """When the content of a change or an attempt of that moment was removed, as a sentence; "" if no removal has reached it. ended: until when
    something of it waited. Microseconds."""
    removed = content_removed_at(of.db, of.account, at, ended)
    return _("Content removed on %(day)s.") % {"day": day(from_micros(removed))} if removed is not None else ""


def removed_records(of: AccountReader, since: int = 0) -> str:
    """Until when records were kept, as a sentence for a list that would reach back to a moment; "" if none of that time was removed.

    since: microseconds; 0 for a list of everything that ever happened.
    """
    removed = records_removed_at(of.db, of.account, since)
    if removed is None:
        return ""
    return _("Details kept until %(day)s. What happened before %(since)s can no longer be listed.") % {
        "day": day(from_micros(removed)),
        "since": minute(from_micros(records_kept_since(of.db, of.account))),
    }
