"""What pages say where content is no longer stored (X6)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.deliveries.database import AccountReader
from heliograph.store.moments import from_micros
from heliograph.store.retention import content_removed_at
from heliograph.web.templatetags.moments import day


def removed_content(of: AccountReader, at: int, ended: int = 0) -> str:
    """When the content of a change or an attempt of that moment was removed, as a sentence; "" if no removal has reached it. ended: until when
    something of it waited. Microseconds."""
    removed = content_removed_at(of.db, of.account, at, ended)
    return _("Content removed on %(day)s.") % {"day": day(from_micros(removed))} if removed is not None else ""
