"""The results of the search in Signal's header (X5)."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.removed_content import removed_records
from heliograph.domain.delivery.webhook_id import created_of
from heliograph.timeline.found_registrations import action_href, found_row
from heliograph.timeline.registration_search import RegistrationSearch
from heliograph.web.cursor import LookingEnd, Pager, address, read_cursor
from heliograph.web.list_filters import ListFilters, SearchFilter
from heliograph.web.pages import page


class FindFilters(ListFilters):
    """The typed words."""

    q = SearchFilter()


@require_safe
def find(request: AccountRequest) -> HttpResponse:
    """Registrations by words; one hit alone opens its timeline at once, a webhook-id at its change."""
    text = FindFilters(request).cleaned_data["q"]
    cursor = read_cursor(request, (int, int))
    with account_reader(request.account.pk) as reader:
        search = RegistrationSearch(reader, text)
        action = search.action()
        rows = search.page(cursor) if action is None else None
        created = created_of(search.text.lower())
        kept_text = removed_records(reader, created) if created is not None else ""
    if action is not None:
        return HttpResponseRedirect(action_href(action))
    assert rows is not None
    whole = cursor is None and not (rows.older or rows.further)
    if whole and len(rows.rows) == 1:
        only = rows.rows[0].registration
        return HttpResponseRedirect(reverse("timeline", args=(only.event, only.code)))
    return page(
        request,
        "timeline/find.html",
        here="",
        find=search.text,
        kept_text=kept_text,
        heading=_heading(search.text, len(rows.rows), whole=whole),
        hits=[found_row(match) for match in rows.rows],
        pager=Pager.from_page(request, rows, ""),
        looked=LookingEnd.from_page(request, rows, cursor),
        start_href=address(request, at=None) if cursor else "",
    )


def _heading(text: str, count: int, *, whole: bool) -> str:
    if not text:
        return _("Find a registration")
    if not count:
        return _("“%(text)s”") % {"text": text}
    if not whole:
        return _("“%(text)s”: several registrations") % {"text": text}
    return ngettext("“%(text)s”: %(n)d registration", "“%(text)s”: %(n)d registrations", count) % {"text": text, "n": count}
