"""Account Settings > Management > Users > Signing in: the sign-in rules for all users of the account (P1)."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Account, Role, User
from heliograph.accounts.people import PersonRefused, SignInRules, check_idle_minutes, save_sign_in_rules
from heliograph.accounts.roles import AccountRequest, require
from heliograph.administration.views.users import tabs
from heliograph.setup.views.setup_frame import form_page, readonly
from heliograph.setup.views.shared_form import SharedForm
from heliograph.web.form_fields import Choices, TextLine
from heliograph.web.forms import posted
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say


class SignInForm(SharedForm):
    """The sign-in rules: whether every user must have a second factor, and when a session ends."""

    second = Choices(gettext_lazy("Second factor"), options=[Choice("1", gettext_lazy("Required for everybody"))], any_value=True)
    """Checked by any value: one that cannot be read does not weaken the rule."""
    idle = TextLine(gettext_lazy("Sign out after, in minutes without use"), inputmode="numeric", autocomplete="off")

    def clean_idle(self) -> int | None:
        """The minutes; None for as long as the operator allows."""
        text = str(self.cleaned_data["idle"]).strip()
        if not text:
            return None
        minutes = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
        try:
            check_idle_minutes(minutes)
        except PersonRefused as error:
            raise ValidationError(error.fields["idle_minutes"]) from None
        return minutes


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_rules(request: AccountRequest) -> HttpResponse:
    """Shows and saves the rules."""
    row = Account.objects.get(pk=request.account.pk)  # the request's instance is older than its count of saves (accounts/save_order.py)
    longest = settings.HELIOGRAPH.session_idle
    stored = {"second": ("1",) if row.second_factor_required else (), "idle": str(row.session_idle_minutes or "")}
    form = SignInForm(posted(request), stored=stored)
    if request.method == "POST":
        require(request.user, Role.ADMINISTRATOR)
        if form.is_valid():
            rules = SignInRules(bool(form.cleaned_data["second"]), form.cleaned_data["idle"])
            save_sign_in_rules(request.account, rules, by=request.user.actor)
            say(request, _("Sign-in rules saved."))
            return HttpResponseRedirect(request.path)
    # Users who would have to set up a second factor before any other page opens.
    have_one = Authenticator.objects.filter(type=Authenticator.Type.TOTP).values("user")
    missing = User.objects.filter(account=row, is_active=True).exclude(pk__in=have_one).count()
    effect = ngettext(
        "%(n)d user has none yet and must set one up before using anything else.",
        "%(n)d users have none yet and must set one up before using anything else.",
        missing,
    ) % {"n": missing}
    form.say("second", options=[Choice("1", _("Required for everybody"), sub=effect if missing else _("Everybody has one."))])
    form.say(
        "idle", help=_("At most %(most)s, which applies if you leave it empty.") % {"most": intcomma(longest)}, placeholder=str(longest)
    )
    minutes = row.session_idle_minutes or longest
    return form_page(
        request,
        form,
        _("Signing in"),
        entry="users",
        lead=_("Rules for everybody in this account. They apply from their next page on."),
        cancel_href="",
        tabs=tabs("sign-in-rules"),
        tabs_label=_("Users"),
        readonly=readonly(request, Role.ADMINISTRATOR),
        facts=[
            (
                _("Second factor"),
                _("Required for everybody") if row.second_factor_required else _("Each user’s own choice, unless required in Users"),
            ),
            (_("Sign out after"), _("%(n)s minutes without use") % {"n": intcomma(min(minutes, longest))}),
        ],
    )
