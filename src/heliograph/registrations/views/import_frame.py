"""What the steps of an import share: their frame, the uploaded file, and the notice while another file is read."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from heliograph.accounts.languages import translated
from heliograph.accounts.roles import AccountRequest
from heliograph.registrations.imports import uploads
from heliograph.registrations.imports.reader_slots import ReadingBusy
from heliograph.registrations.imports.uploads import Upload
from heliograph.registrations.views import import_words as words
from heliograph.web.pages import page


def import_page(request: AccountRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """A page of the wizard."""
    return page(request, template, section="registrations", here="registrations", status=status, crumbs=words.crumbs(), **context)


def get_upload(request: AccountRequest, id: str) -> Upload:
    """The uploaded file. Raises Http404 if the account has none of this id."""
    try:
        return uploads.find(request.account.pk, id)
    except uploads.NoUpload:
        raise Http404 from None


def busy_notice(busy: ReadingBusy) -> dict[str, Any]:
    """The notice that another file must be finished first, with a link to it."""
    notice: dict[str, Any] = {
        "tone": "wait",
        "title": _("Not started: another file is being read"),
        "text": translated(busy),
        "items": [],
    }
    if busy.reading is not None:
        place = reverse("job", args=(busy.reading.job,)) if busy.reading.job else reverse("import-columns", args=(busy.reading.upload,))
        notice |= {"link": _("Go to %(name)s") % {"name": busy.reading.name}, "href": place}
    return notice
