"""Account Settings > Management > Users > API tokens: keys for other programs.

Everyone can read the list; only an Administrator can create and revoke tokens.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from heliograph.accounts.actors import Actors
from heliograph.accounts.api_tokens import NewToken, TokenRefused, create_token, revoke_token
from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.languages import translated
from heliograph.accounts.models import ApiToken, Role, TokenScope
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.administration.views.users import tabs
from heliograph.setup.views.setup_frame import form_page, readonly, settings_page
from heliograph.web.confirmation import Breaks, LinkedThing, Moving, is_agreed, question
from heliograph.web.form_fields import Choices, Radios, Select, TextLine
from heliograph.web.forms import Form
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import minute
from heliograph.web.toasts import say

ENDS: Final = {
    "30": (gettext_lazy("In 30 days"), timedelta(days=30)),
    "365": (gettext_lazy("In one year"), timedelta(days=365)),
    "": (gettext_lazy("Never"), None),
}
SCOPES: Final = {
    TokenScope.INGEST: gettext_lazy("Create and update registrations, in small or large numbers"),
    TokenScope.READ: gettext_lazy("Everything on the pages, except secrets"),
    TokenScope.SET_UP: gettext_lazy("Tags, statuses, events, connections, mappings, flows"),
    TokenScope.OPERATE: gettext_lazy("Submit to Retry, replay, sync, pause and resume"),
    TokenScope.PEOPLE: gettext_lazy("Users, invitations, tokens. Whoever has the token can become any user"),
}
"""What each scope allows."""
ROLES: Final = {
    Role.ADMINISTRATOR: gettext_lazy("Everything selected above"),
    Role.PLANNER: gettext_lazy("What a Planner may do of it: events, registrations and their tags, Retry"),
    Role.VIEWER: gettext_lazy("Only reading"),
}
SOON: Final = timedelta(days=7)
SHOWN: Final = 200
"""Most tokens in the list, newest first; revoked ones are not shown."""


class TokenForm(Form):
    """The purpose, the rights and the lifetime of a token."""

    name = TextLine(
        gettext_lazy("Name"),
        help=gettext_lazy("The program that will use it. Audit and timelines show this name."),
        required=True,
        autocomplete="off",
    )
    may = Choices(
        pgettext_lazy("rights", "May"),
        options=[Choice(scope.value, scope.label, sub=allows) for scope, allows in SCOPES.items()],
        initial=(TokenScope.INGEST.value,),
    )
    role = Radios(
        gettext_lazy("As"),
        options=[Choice(role.value, role.label, sub=limits) for role, limits in ROLES.items()],
        initial=Role.ADMINISTRATOR.value,
    )
    ends = Select(gettext_lazy("Ends"), options=[Choice(key, words) for key, (words, _lasts) in ENDS.items()], initial="365")

    def clean_ends(self) -> str:
        """The lifetime; one year if the posted value is not an option. The option "" means that the token never expires."""
        typed = self["ends"].data
        return typed if typed in ENDS else "365"

    def clean_may(self) -> list[TokenScope]:
        """The scopes; at least one."""
        if not self.cleaned_data["may"]:
            raise ValidationError(_("Select what it may do."))
        return [TokenScope(value) for value in self.cleaned_data["may"]]

    def clean_role(self) -> Role:
        """The role. An unknown one counts as the lowest, so that no token gets more rights than somebody chose."""
        return Role(self.cleaned_data["role"] or Role.VIEWER)


@require_safe
def tokens(request: AccountRequest) -> HttpResponse:
    """Lists tokens that are not revoked."""
    rows = list(ApiToken.objects.filter(revoked=None)[:SHOWN])
    actors = Actors.from_stored(request.account, [row.created_by for row in rows])
    now = timezone.now()
    return settings_page(
        request,
        "administration/tokens.html",
        entry="users",
        tabs=tabs("api-tokens"),
        readonly=readonly(request, Role.ADMINISTRATOR),
        tokens=[
            {
                "id": row.pk,
                "name": row.name,
                "begins": row.prefix,
                "may": ", ".join(str(scope.label) for scope in TokenScope if scope.value in row.scopes),
                "role": "" if row.role == Role.ADMINISTRATOR else _("As a %(role)s") % {"role": Role(row.role).label},
                "by": actors.name(row.created_by),
                "made": row.created,
                "used": row.last_used,
                "ends": row.expires,
                "over": row.expires is not None and row.expires <= now,
                "soon": row.expires is not None and now < row.expires <= now + SOON,
            }
            for row in rows
        ],
    )


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def add(request: AccountRequest) -> HttpResponse:
    """Creates a token and shows it once."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        typed, lasts = form.cleaned_data, ENDS[form.cleaned_data["ends"]][1]
        try:
            token = create_token(
                request.account.pk,
                typed["name"],
                by=request.user.actor,
                scopes=typed["may"],
                role=typed["role"],
                expires=timezone.now() + lasts if lasts else None,
            )
            return _secret_page(request, token)
        except TokenRefused as error:
            form.add_error("name", translated(error))
    return form_page(
        request,
        form,
        _("Make a token"),
        entry="users",
        crumbs=[(_("API tokens"), reverse("api-tokens"))],
        lead=_("For a program. It can do only what you select here."),
        button=_("Make the token"),
        cancel_href=reverse("api-tokens"),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def revoke(request: AccountRequest, id: int) -> HttpResponse:
    """Asks for confirmation, and revokes a token."""
    if request.method == "POST":
        with transaction.atomic():
            return _revoke(request, ApiToken.objects.select_for_update().filter(pk=id, revoked=None).first())
    return _revoke(request, ApiToken.objects.filter(pk=id, revoked=None).first())


def _revoke(request: AccountRequest, row: ApiToken | None) -> HttpResponse:
    """Asks for confirmation, and revokes the token of this row.

    row: locked for a POST. Otherwise the token could be used for the first time after the promise of the page was compared.
    """
    if row is None:
        raise Http404
    used = (
        Breaks(
            _("It is in use"),
            Moving(_("Last on %(when)s.") % {"when": minute(row.last_used)}),
            items=[LinkedThing(_("See what it did, in Audit"), f"{reverse('audit')}?who=token:{row.pk}")],
        )
        if row.last_used
        else Breaks(_("It was never used"))
    )
    confirmation = question(
        _("Revoke the token “%(name)s”?") % {"name": row.name},
        lead=_("Requests with it are refused, within 2 seconds everywhere. You can’t undo this."),
        crumbs=[(_("API tokens"), reverse("api-tokens"))],
        breaks=[used],
        button=_("Revoke it"),
        button_class="danger",
        cancel=_("Keep it"),
        cancel_href=reverse("api-tokens"),
    )
    if is_agreed(request, confirmation):
        revoke_token(request.account.pk, row.pk, by=request.user.actor)
        say(request, _("“%(name)s” is revoked.") % {"name": row.name})
        return HttpResponseRedirect(reverse("api-tokens"))
    return settings_page(request, "confirmation.html", entry="users", **confirmation)


def _secret_page(request: AccountRequest, made: NewToken) -> HttpResponse:
    row = made.row
    return settings_page(
        request,
        "administration/shown_once.html",
        entry="users",
        crumbs=[(_("API tokens"), reverse("api-tokens"))],
        heading=_("Token “%(name)s”") % {"name": row.name},
        lead=_("Made just now."),
        told={
            "title": _("Copy it now: it is shown only once"),
            "text": _("We store only its first letters. If you lose it, revoke it and make another."),
        },
        label=_("Token"),
        secret=made.secret,
        note=_("It goes into the header Authorization of each request, after the word Bearer and a space."),
        facts=[
            (pgettext("rights", "May"), ", ".join(str(scope.label) for scope in TokenScope if scope.value in row.scopes)),
            (_("As"), Role(row.role).label),
            (_("Ends"), minute(made.expires) if made.expires else _("Never")),
        ],
        done=_("I have copied it"),
        done_href=reverse("api-tokens"),
    )
