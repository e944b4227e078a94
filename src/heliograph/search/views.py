"""The page of the search for everything, and the results that the palette shows while somebody types.

Both take the text in the body of a POST, so that no name or e-mail address stands in a history or a log.
"""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.models import User
from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.removed_content import removed_records
from heliograph.domain.delivery.webhook_id import created_of
from heliograph.overview.views.need_rows import need_rows
from heliograph.retry.needs import needs_of
from heliograph.search.account_search import PALETTE_ROWS, AccountSearch, ResultGroup, SearchResult
from heliograph.web.form_fields import TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.pages import page

OPERATIONS: Final = 4
"""Operations that the palette offers before anything is typed."""


class SearchForm(Form):
    """What is searched for."""

    q = TextLine(required=False)


def _text(request: HttpRequest) -> str:
    """The text of the search, "" for none."""
    form = SearchForm(posted(request))
    return str(form.cleaned_data["q"]) if form.is_valid() else ""


@require_http_methods(["GET", "HEAD", "POST"])
def find_all(request: AccountRequest) -> HttpResponse:
    """Everything that has the words; the only result opens at once."""
    with account_reader(request.account.pk) as reader:
        search = AccountSearch(reader, request.user, _text(request))
        groups = search.groups()
        only = search.only_href(groups)
        created = created_of(search.text.lower()) if not groups else None
        removed_text = removed_records(reader, created) if created is not None else ""
    if only:
        return HttpResponseRedirect(only)
    return page(
        request,
        "search/find_all.html",
        frame="signal.html" if search.has_signal else "platform.html",
        section="registrations",
        here="",
        find=search.text,
        heading=_heading(search.text, groups),
        groups=groups,
        removed_text=removed_text,
        people_href=f"{reverse('find')}?{urlencode({'q': search.text})}" if search.has_signal else "",
    )


@require_POST
def results(request: AccountRequest) -> HttpResponse:
    """The part of the palette that lists results; without a text, what needs somebody and what can be done."""
    with account_reader(request.account.pk) as reader:
        search = AccountSearch(reader, request.user, _text(request))
        groups = [group.shortened(PALETTE_ROWS) for group in search.groups()]
        if not search.text and search.has_signal:
            groups.append(_needs(reader, request.user))
    if not search.text:
        operations = [each for each in search.pages() if each.operation][:OPERATIONS]
        groups.append(ResultGroup(_("Do"), [SearchResult(each.icon, reverse(each.page), str(each.name)) for each in operations]))
    response = page(
        request,
        "search/palette_results.html",
        text=search.text,
        groups=[group for group in groups if group.rows],
        count=_count_words(groups) if search.text and groups else "",
    )
    response["Cache-Control"] = "no-store"
    return response


def _needs(reader: AccountReader, user: User) -> ResultGroup:
    """What needs somebody, as on the Overview. Each leads to what cures it, or for whom may not cure it to what waits."""
    rows = [
        SearchResult(
            row["icon"],
            row["href"] or row["waits_href"] or reverse("overview"),
            row["title"],
            sub=row["since"],
            tone="wait",
            state=", ".join(filter(None, (row["held"], row["waits"]))),
        )
        for row in need_rows(needs_of(reader).needs, reader, user)
    ]
    return ResultGroup(_("Needs you"), rows, page=reverse("overview")).shortened(PALETTE_ROWS)


def _count_words(groups: list[ResultGroup]) -> str:
    count = sum(group.count for group in groups)
    if any(group.has_more for group in groups):
        return _("more than %(n)d results") % {"n": count}
    return ngettext("%(n)d result", "%(n)d results", count) % {"n": count}


def _heading(text: str, groups: list[ResultGroup]) -> str:
    if not text:
        return _("Find anything")
    return _("“%(text)s”: %(count)s") % {"text": text, "count": _count_words(groups)} if groups else _("“%(text)s”") % {"text": text}
