"""Account Settings > Management > Users: the people of the account and their roles (P1).

Everyone can read the page; only an Administrator can change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db.models import Max
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.link_mail import link_message, mail_link
from heliograph.accounts.links import NewLink
from heliograph.accounts.models import Account, EntryLink, Purpose, Role, User
from heliograph.accounts.people import LastAdministrator, PersonFacts, PersonRefused, change_user, invite, new_link, refusal_within
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.setup.views.setup_frame import form_page, readonly, settings_page
from heliograph.setup.views.shared_form import SharedForm
from heliograph.web.form_fields import Choices, Radios, TextLine
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import minute
from heliograph.web.toasts import say

TABS: Final = (
    ("users", gettext_lazy("Users")),
    ("sign-in-rules", gettext_lazy("Signing in")),
    ("api-tokens", gettext_lazy("API tokens")),
    ("audit", gettext_lazy("Audit")),
)
ROLES: Final = {
    Role.ADMINISTRATOR: (gettext_lazy("Everything, account settings too"), gettext_lazy("Everything")),
    Role.PLANNER: (
        gettext_lazy("Events and registrations with their tags"),
        gettext_lazy("Reads everything; Submit to Retry Queue, sync now, replay"),
    ),
    Role.VIEWER: (gettext_lazy("Reads"), gettext_lazy("Reads")),
}
OFFERED: Final = {
    Role.ADMINISTRATOR: gettext_lazy("Everything"),
    Role.PLANNER: gettext_lazy("Events and registrations with their tags; in Signal reads, retries, syncs and replays"),
    Role.VIEWER: gettext_lazy("Reads"),
}


class PersonForm(SharedForm):
    """A user's name, e-mail, role and second factor."""

    pairs = (("name", "email"),)

    name = TextLine(gettext_lazy("Name"), required=True, autocomplete="off")
    email = TextLine(gettext_lazy("E-mail"), required=True, type="email", autocomplete="off")
    role = Radios(gettext_lazy("Role"), options=lambda: [Choice(role.value, role.label, sub=OFFERED[role]) for role in Role])

    def __init__(self, *args: Any, second: Choice, **given: Any) -> None:
        """second: the checkbox that requires a second factor, as this page words it."""
        super().__init__(*args, **given)
        self.fields["second"] = Choices(gettext_lazy("Second factor"), options=[second], any_value=True)  # by any value

    def facts(self, account: Account) -> PersonFacts:
        """The typed data, for the services."""
        typed = self.cleaned_data
        return PersonFacts(typed["email"], typed["name"], typed["role"], account, second_factor=bool(typed["second"]))


def tabs(at: str) -> list[tuple[str | Promise, str, bool]]:
    """The pages about access: text, URL, whether it is open."""
    return [(text, reverse(name), name == at) for name, text in TABS]


@require_safe
def users(request: AccountRequest) -> HttpResponse:
    """Lists all users of the account, including invited ones."""
    rows = list(User.objects.select_related("account").filter(account=request.account).order_by("invited", "name", "pk"))
    return settings_page(
        request,
        "administration/users.html",
        entry="users",
        tabs=tabs("users"),
        users=_rows(request, rows),
        roles=[(role.label, *ROLES[role]) for role in Role],
        readonly=readonly(request, Role.ADMINISTRATOR),
    )


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def add(request: AccountRequest) -> HttpResponse:
    """Invites a user. The link is shown, and mailed if mail is set up."""
    form = PersonForm(
        request.POST if request.method == "POST" else None,
        initial={"role": Role.PLANNER.value, "second": ("1",)},
        second=Choice("1", _("Required: set up at the first sign-in")),
    )
    if form.is_valid():
        try:
            user, link = invite(form.facts(request.account), by=request.user.actor)
        except PersonRefused as error:
            _refuse(request, form, error)
        else:
            return _link_page(request, user, link)
    return form_page(
        request,
        form,
        _("Invite a user"),
        entry="users",
        crumbs=[(_("Users"), reverse("users"))],
        lead=_("They get a link that is valid for 7 days, and choose their own password."),
        button=_("Make the invitation"),
        cancel_href=reverse("users"),
    )


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def user(request: AccountRequest, id: int) -> HttpResponse:
    """A user's name, e-mail, role and second factor."""
    row = person(request, id)
    factor = _second_factor(row) or _("Not set up yet. While it is required, they must set it up before they can use anything else.")
    form = PersonForm(
        request.POST if request.method == "POST" else None,
        stored={"name": row.name, "email": row.email, "role": row.role, "second": ("1",) if row.second_factor_required else ()},
        second=Choice("1", _("Required"), sub=factor),
    )
    if form.is_valid():
        try:
            change_user(request.account, id, form.facts(request.account), by=request.user.actor)
        except LastAdministrator:
            form.add_error("role", _("Not saved: this is the only Administrator. Make somebody else one first."))
        except PersonRefused as error:
            _refuse(request, form, error)
        else:
            say(request, _("“%(name)s” saved.") % {"name": form.cleaned_data["name"]})
            return HttpResponseRedirect(reverse("users"))
    actions = (
        []
        if not row.is_active
        else [(_("Invitation link") if row.invited else _("Link for a new password"), reverse("user-act", args=(row.pk, "link")))]
    )
    return form_page(
        request,
        form,
        row.name,
        entry="users",
        crumbs=[(_("Users"), reverse("users"))],
        lead=_("You.") if row.pk == request.user.pk else "",
        actions=actions,
        cancel_href=reverse("users"),
    )


@require_POST
@needs(Role.ADMINISTRATOR)
@never_cache
def link(request: AccountRequest, id: int) -> HttpResponse:
    """Creates another link, which invalidates the previous one."""
    row, made = new_link(request.account, id, by=request.user.actor)
    return _link_page(request, row, made)


def person(request: AccountRequest, id: int) -> User:
    """A user of this account. Raises Http404."""
    row = User.objects.filter(pk=id, account=request.account).first()
    if row is None:
        raise Http404
    return row


def _link_page(request: AccountRequest, row: User, made: NewLink) -> HttpResponse:
    """Shows the link, once; and mails it if the operator has set mail up."""
    invited = made.row.purpose == Purpose.INVITATION
    mailed = mail_link(request.account, request.user.name, row, made)
    mail_text = {
        True: _("It was also mailed to %(email)s."),
        False: _("It could not be mailed to %(email)s: give it to them yourself."),
        None: _("Give it to %(email)s yourself: no mail server is set up."),
    }[mailed] % {"email": row.email}
    return settings_page(
        request,
        "administration/shown_once.html",
        entry="users",
        crumbs=[(_("Users"), reverse("users"))],
        heading=_("Invitation for %(name)s") % {"name": row.name} if invited else _("New password for %(name)s") % {"name": row.name},
        lead=_("Valid for one use, until %(until)s.") % {"until": minute(made.expires)},
        told={"title": _("Copy it now: it is shown only once"), "text": mail_text},
        label=_("Link"),
        secret=made.address,
        message=link_message(request.account, request.user.name, made)[1] if not mailed else "",
        note="",
        facts=[(_("E-mail"), row.email), (_("Role"), row.get_role_display())],
        done=_("Back to Users"),
        done_href=reverse("users"),
    )


def _refuse(request: AccountRequest, form: PersonForm, error: PersonRefused) -> None:
    """Adds the refusal to the form's errors."""
    form.refuse(refusal_within(request.account, error, form.cleaned_data["email"]))


def _second_factor(row: User) -> str:
    """The user's second factor in words: since when, and how many recovery codes are left; "" if there is none."""
    authenticators = {each.type: each for each in Authenticator.objects.filter(user=row)}
    if Authenticator.Type.TOTP not in authenticators:
        return ""
    codes = authenticators.get(Authenticator.Type.RECOVERY_CODES)
    words = {
        "since": minute(authenticators[Authenticator.Type.TOTP].created_at),
        "left": len(codes.wrap().get_unused_codes()) if codes else 0,
        "all": 10,
    }
    return _("Set up on %(since)s. %(left)s of %(all)s recovery codes are left. While it is required, they can only replace it.") % words


def _rows(request: AccountRequest, rows: Iterable[User]) -> list[dict[str, Any]]:
    rows = list(rows)
    ids = [row.pk for row in rows]
    factors = set(Authenticator.objects.filter(user__in=ids, type=Authenticator.Type.TOTP).values_list("user_id", flat=True))
    seen = dict(UserSession.objects.filter(user__in=ids).values_list("user_id").annotate(last=Max("last_seen_at")))
    links = {link.user_id: link for link in EntryLink.objects.filter(user__in=ids, purpose=Purpose.INVITATION, used=None)}
    elsewhere = set(SocialAccount.objects.filter(user__in=ids).values_list("user_id", flat=True))
    administers = may(request.user, Role.ADMINISTRATOR)
    now = timezone.now()
    return [
        {
            "id": row.pk,
            "name": row.name,
            "email": row.email,
            "role": row.get_role_display(),
            "me": row.pk == request.user.pk,
            "by": "" if row.invited else _signs_in_by(row, openid=row.pk in elsewhere),
            "second": "" if row.invited else _second(row, has=row.pk in factors),
            "seen": max(filter(None, (seen.get(row.pk), row.last_login)), default=None),
            "off": not row.is_active,
            "invited": row.invited,
            "until": links[row.pk].expires if row.pk in links else None,
            "ran_out": row.invited and (row.pk not in links or links[row.pk].expires <= now),
            "menu": _menu(row, has_factor=row.pk in factors) if administers else [],
            "menu_label": _("More for %(name)s") % {"name": row.name},
        }
        for row in rows
    ]


def _second(row: User, *, has: bool) -> str:
    if row.needs_second_factor:
        return _("On, required") if has else _("To be set up")
    return _("On") if has else _("Off")


def _signs_in_by(row: User, *, openid: bool) -> str:
    ways = [_("Password")] if row.has_usable_password() else []
    if openid:
        ways.append(settings.HELIOGRAPH.oidc_name)
    return ", ".join(ways) or _("No password yet")


def _menu(row: User, *, has_factor: bool) -> list[tuple[str, str]]:
    def act(name: str) -> str:
        return reverse("user-act", args=(row.pk, quote(name)))

    if row.invited:
        return [
            (_("Edit"), reverse("user", args=(row.pk,))),
            (_("Make another link"), act("link")),
            (_("Withdraw the invitation"), act("remove")),
        ]
    switch = (_("Switch off"), act("off")) if row.is_active else (_("Switch on"), act("on"))
    more = [(_("Link for a new password"), act("link")), (_("Sign out everywhere"), act("sign-out"))] if row.is_active else []
    lost = [(_("Remove the second factor"), act("second-factor"))] if has_factor else []
    return [(_("Edit"), reverse("user", args=(row.pk,))), *more, *lost, switch, (_("Remove"), act("remove"))]
