"""Operations on a user, each with a confirmation page.

They make another link, sign the user out everywhere, remove the second factor, switch the user off or on, or remove the user.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role, User
from heliograph.accounts.people import LastAdministrator, remove, remove_second_factor, sign_out, switch
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.administration.views import users
from heliograph.setup.views.setup_frame import settings_page
from heliograph.web.confirmation import Breaks, is_agreed, question
from heliograph.web.toasts import say


@dataclass(frozen=True, slots=True)
class _Act:
    """The texts and the service of an operation. `done` is the message afterwards. A text may contain %(name)s, the user's name."""

    heading: str | Promise
    lead: str | Promise
    button: str | Promise
    done: str | Promise
    do: Callable[..., User]
    danger: bool = False


ACTS: Final = {
    "sign-out": _Act(
        gettext_lazy("Sign %(name)s out everywhere?"),
        gettext_lazy("Every browser in which they are signed in asks for the password again."),
        gettext_lazy("Sign out everywhere"),
        gettext_lazy("“%(name)s” is signed out everywhere."),
        sign_out,
    ),
    "second-factor": _Act(
        gettext_lazy("Remove the second factor of %(name)s?"),
        gettext_lazy(
            "For a lost phone: then their password alone is enough. If a second factor is required, they must set up another before they can use anything else."
        ),
        gettext_lazy("Remove it"),
        gettext_lazy("The second factor of “%(name)s” is removed."),
        remove_second_factor,
        danger=True,
    ),
    "off": _Act(
        gettext_lazy("Switch %(name)s off?"),
        gettext_lazy("They are signed out right away and cannot sign in until you switch them on again. Nothing else changes."),
        gettext_lazy("Switch off"),
        gettext_lazy("“%(name)s” is switched off."),
        lambda account, id, by: switch(account, id, on=False, by=by),
        danger=True,
    ),
    "on": _Act(
        gettext_lazy("Switch %(name)s on?"),
        gettext_lazy("They can sign in again, with the same password."),
        gettext_lazy("Switch on"),
        gettext_lazy("“%(name)s” is switched on."),
        lambda account, id, by: switch(account, id, on=True, by=by),
    ),
    "remove": _Act(
        gettext_lazy("Remove %(name)s?"),
        gettext_lazy(
            "They are signed out right away, and an open invitation stops working. What they did stays in Audit and in timelines."
        ),
        gettext_lazy("Remove"),
        gettext_lazy("“%(name)s” is removed."),
        remove,
        danger=True,
    ),
}


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def act(request: AccountRequest, id: int, act: str) -> HttpResponse:
    """Asks for confirmation, and performs the operation."""
    row = users.person(request, id)
    if act == "link":
        return _link(request, row)
    known = ACTS.get(act)
    if known is None:
        raise Http404
    words, last = {"name": row.name}, False
    confirmation = question(
        str(known.heading) % words,
        lead=str(known.lead),
        thing=_facts(row),
        button=str(known.button),
        button_class="danger" if known.danger else "primary",
    )
    if is_agreed(request, confirmation):
        try:
            known.do(request.account, id, by=request.user.actor)
        except LastAdministrator:
            last = True
        else:
            say(request, str(known.done) % words)
            return HttpResponseRedirect("/" if row.pk == request.user.pk else reverse("users"))
    if last:
        why = Breaks(_("This is the only Administrator"), _("Make somebody else one first."), "wait")
        return _confirmation_page(request, confirmation | {"breaks": [why], "button": "", "status": 409})
    return _confirmation_page(request, confirmation)


def _link(request: AccountRequest, row: User) -> HttpResponse:
    if not row.is_active:
        raise Http404
    heading = _("Make another invitation for %(name)s?") if row.invited else _("Make %(name)s a link for a new password?")
    lead = (
        _("It is valid for 7 days and for one use. Their current link stops working.")
        if row.invited
        else _("It is valid for one day and for one use. Their current password works until they choose another.")
    )
    confirmation = question(heading % {"name": row.name}, lead=lead, thing=_facts(row), button=_("Make the link"))
    if is_agreed(request, confirmation):
        response: HttpResponse = users.link(request, row.pk)
        return response
    return _confirmation_page(request, confirmation)


def _facts(row: User) -> tuple[object, ...]:
    """The facts about a user that a confirmation promises. If one of them has changed by the answer, the page asks again (P15)."""
    return row.pk, row.email, row.role, row.is_active, row.invited


def _confirmation_page(request: AccountRequest, confirmation: dict[str, Any]) -> HttpResponse:
    context = confirmation | {"crumbs": [(_("Users"), reverse("users"))], "cancel_href": reverse("users")}
    return settings_page(request, "confirmation.html", entry="users", **context)
