"""Help: the table of contents with its search, and the chapters. All users of an account can read them, in their language or, with
`?language=en`, in English."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from heliograph.accounts.roles import AccountRequest
from heliograph.guide.chapter_file import SOURCE_LANGUAGE
from heliograph.guide.chapters import Guide, guide, readers_guide
from heliograph.guide.guide_search import LONGEST, find_hits
from heliograph.guide.markdown import GuidePage
from heliograph.web.list_filters import ListFilters, SearchFilter
from heliograph.web.pages import page


class GuideFilters(ListFilters):
    """The search of the guide."""

    button = gettext_lazy("Search")
    no_match = gettext_lazy("Nothing in the guide has all of these words")
    no_match_text = gettext_lazy("Try fewer words, or the beginning of one.")
    show_all = gettext_lazy("Show the contents")

    q = SearchFilter(gettext_lazy("Search the guide"), longest=LONGEST)


@require_safe
def contents(request: AccountRequest) -> HttpResponse:
    """The guide's contents, and the sections that match the search."""
    filters = GuideFilters(request)
    hits = find_hits(readers_guide(), filters.cleaned_data["q"])
    current_chapter = _asked_guide(request).contents
    return _page(request, "guide/contents.html", "", filters=filters, hits=hits, chapter=current_chapter, body=_html(current_chapter.text))


@require_safe
def chapter(request: AccountRequest, chapter: str) -> HttpResponse:
    """One chapter. Raises Http404."""
    current_chapter = _asked_guide(request).chapters.get(chapter)
    if current_chapter is None:
        raise Http404
    before, after = readers_guide().beside(chapter)
    return _page(
        request, "guide/chapter.html", chapter, chapter=current_chapter, body=_html(current_chapter.text), before=before, after=after
    )


def _asked_guide(request: AccountRequest) -> Guide:
    """The English guide if the request asks for it, else that of the reader's language."""
    return guide() if request.GET.get("language") == SOURCE_LANGUAGE else readers_guide()


def _html(text: GuidePage) -> str:
    """Our own HTML from our own Markdown, with raw HTML disabled."""
    return mark_safe(text.html)  # noqa: S308


def _page(request: AccountRequest, template: str, entry: str, **context: Any) -> HttpResponse:
    return page(request, template, section="help", here=entry, groups=readers_guide().groups, **context)
