"""The choice of a language: a user's own, and that of a browser in which nobody is signed in."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from heliograph.accounts.languages import choose_language, chosen_language, is_offered, remember_language
from heliograph.accounts.models import User
from heliograph.accounts.return_address import readable_page
from heliograph.accounts.roles import AccountRequest
from heliograph.web.form_fields import Radios, TextLine
from heliograph.web.forms import Form
from heliograph.web.shown_fields import Choice, FormField, Pair
from heliograph.web.toasts import say


class OwnLanguageForm(Form):
    """A user's own language; "": the browser decides."""

    language = Radios(
        gettext_lazy("Language"),
        options=[Choice("", gettext_lazy("As my browser says")), *(Choice(code, name) for code, name in settings.LANGUAGES)],
        help=gettext_lazy("Of pages, e-mails and messages to you, on every device. The API and what is stored stay in English."),
    )


class BrowserLanguageForm(Form):
    """The language of a browser, and the page on which it was chosen."""

    language = TextLine()
    next = TextLine()


def language_fields(user: User) -> Sequence[FormField | Pair]:
    """The choice on the user's profile."""
    return OwnLanguageForm(initial={"language": chosen_language(user)}).draw_fields()


@require_POST
def own(request: AccountRequest) -> HttpResponse:
    """Saves the user's own language. The browser remembers it as well, for its pages without sign-in."""
    form = OwnLanguageForm(request.POST)
    response = HttpResponseRedirect(reverse("me"))
    if form.is_valid():
        code = form.cleaned_data["language"]  # "" for one that is not offered, too
        choose_language(request.user, code)
        remember_language(response, code)
        with translation.override(code or translation.get_language()):
            say(request, _("Your language is saved."))
    return response


@login_not_required
@require_POST
def of_browser(request: HttpRequest) -> HttpResponse:
    """Chooses the language of this browser, for whoever is not signed in or has chosen none."""
    form = BrowserLanguageForm(request.POST)
    code = form.cleaned_data["language"] if form.is_valid() else ""
    response = HttpResponseRedirect(readable_page(request, form.cleaned_data["next"] if form.is_valid() else ""))
    if is_offered(code):
        remember_language(response, code)
    return response
