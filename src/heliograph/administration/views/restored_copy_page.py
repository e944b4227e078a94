"""The page Restored copy: what the account was restored from, and the button that lets it send (O14)."""

from __future__ import annotations

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection, transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import WHO, AccountRequest, may, require
from heliograph.setup.services.copy_release import release_copy
from heliograph.setup.views.setup_frame import settings_page
from heliograph.store.django_database import of_django, read_database
from heliograph.store.instants import from_micros
from heliograph.store.restored_copy import RestoredCopy, WaitingActions, unreleased_copy, waiting_actions
from heliograph.web.confirmation import Breaks, LinkedThing, Moving, is_agreed, question
from heliograph.web.templatetags.moments import moment
from heliograph.web.toasts import say


@require_http_methods(["GET", "HEAD", "POST"])
def restored_copy(request: AccountRequest) -> HttpResponse:
    """Says what a release sends and what is lost, and releases the account. Once it is released, the page leads to the account's settings."""
    account = request.account
    with read_database() as db:
        copy, waiting = unreleased_copy(db, account.pk), waiting_actions(db, account.pk)
    if request.method == "POST":
        require(request.user, Role.ADMINISTRATOR)
        with transaction.atomic():
            copy = unreleased_copy(of_django(connection), account.pk, lock=True)
            if copy is not None and is_agreed(request, _question(copy, waiting, may_release=True)):
                release_copy(account, by=request.user.actor)
                say(request, _("This account sends again."))
                return HttpResponseRedirect(reverse("account-settings"))
    if copy is None:
        say(request, _("This account already sends. There is nothing to release."))
        return HttpResponseRedirect(reverse("account-settings"))
    confirmation = _question(copy, waiting, may_release=may(request.user, Role.ADMINISTRATOR))
    is_agreed(request, confirmation)  # marks the question as changed, if it is another one than was answered
    return settings_page(request, "confirmation.html", entry="account", **confirmation)


def _question(copy: RestoredCopy, waiting: WaitingActions, *, may_release: bool) -> dict[str, Any]:
    """The page. It promises the instants of the backup; the numbers of waiting actions move, because changes are recorded meanwhile."""
    last = from_micros(copy.last_change) if copy.last_change is not None else None
    notes = [
        _("Changes accepted between %(backup)s and the restoration at %(restored)s are lost, though their senders got an answer.")
        % {"backup": moment(from_micros(copy.instant)), "restored": moment(from_micros(copy.restored))},
        _("The last change of the installation in the backup is of %(when)s.") % {"when": moment(last)}
        if last
        else _("The backup contained no changes."),
        _("Before you let it send, make sure that the original has stopped for good. Otherwise both send everything."),
    ]
    if not may_release:
        notes.append(str(WHO[Role.ADMINISTRATOR]))
    return question(
        _("Let this restored copy send?"),
        lead=_("This account was restored from a backup of %(when)s. Changes are recorded, but nothing is sent.")
        % {"when": moment(from_micros(copy.instant))},
        notes=notes,
        breaks=[
            Breaks(title=_("This is sent, perhaps for the second time"), items=[LinkedThing(text) for text in _waiting_words(waiting)])
        ],
        thing=copy,
        button=_("Let it send") if may_release else "",
        cancel=_("Not yet") if may_release else _("Back"),
        cancel_href=reverse("account-settings"),
    )


def _waiting_words(waiting: WaitingActions) -> list[str]:
    first = ngettext("%(n)s action that was not sent yet", "%(n)s actions that were not sent yet", waiting.first_attempts)
    retries = ngettext("%(n)s retry", "%(n)s retries", waiting.retries)
    words: list[str] = [
        Moving(first % {"n": intcomma(waiting.first_attempts)}),
        Moving(retries % {"n": intcomma(waiting.retries)}),
    ]
    if not waiting.is_complete:
        words.append(Moving(_("and more: counting stopped at a limit")))
    return words
