"""The pages of the second factor: entering its code, setting it up, replacing it, removing it. The steps are allauth's, the pages ours."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.mfa import signals
from allauth.mfa.base.views import AuthenticateView, ReauthenticateView
from allauth.mfa.internal.flows.trust import trust_browser
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from heliograph.accounts.models import User
from heliograph.accounts.recovery_codes import show_once
from heliograph.accounts.refused_access import note_refusal
from heliograph.store.access_refusals import Reason
from heliograph.web.form_fields import Box
from heliograph.web.forms import Form
from heliograph.web.pages import page
from heliograph.web.toasts import say


class TrustForm(Form):
    """The checkbox below the code."""

    trust = Box()


def _note_too_many(request: HttpRequest, form: Any, user: User | None = None) -> None:
    """Counts a code that was not checked, because too many were tried before it.

    user: at the sign-in, the user who has given the password.
    """
    if form.has_error("code", "too_many_login_attempts"):
        note_refusal(request, Reason.TOO_MANY_TRIES, user)


@method_decorator(login_not_required, name="dispatch")
class Authenticate(AuthenticateView):  # type: ignore[misc]
    """Asks for the code, and whether to skip it on this device for the next 30 days."""

    def form_invalid(self, form: Any) -> HttpResponse:
        _note_too_many(self.request, form, self.stage.login.user)
        response: HttpResponse = super().form_invalid(form)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        user = self.stage.login.user
        response: HttpResponse = super().form_valid(form)
        trust_form = TrustForm(self.request.POST)
        if trust_form.is_valid() and trust_form.cleaned_data["trust"]:
            trust_browser(self.request, user, response)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "email": self.stage.login.user.email}


class Reauthenticate(ReauthenticateView):  # type: ignore[misc]
    """Asks for the code before a change."""

    def form_invalid(self, form: Any) -> HttpResponse:
        _note_too_many(self.request, form)
        response: HttpResponse = super().form_invalid(form)
        return response


class Activate(ActivateTOTPView):  # type: ignore[misc]
    """Shows a key for the authenticator app, and asks for its first code."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        secret = context["form"].secret
        return {**context, "key": " ".join(secret[n : n + 4] for n in range(0, len(secret), 4)), "due": self.request.user.second_factor_due}

    def get_success_url(self) -> str:
        return reverse("mfa_view_recovery_codes") if self.did_generate_recovery_codes else reverse("me")


class Replace(Activate):
    """Replaces the key of the authenticator app.

    The current key is valid until somebody enters the new one's first code, so that a required second factor is never missing (A6).
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not _keys(request).exists():
            return HttpResponseRedirect(reverse("mfa_activate_totp"))
        response: HttpResponse = self._confirmed(request, *args, **kwargs)
        return response

    @method_decorator(reauthentication_required(app="allauth.mfa"))
    def _confirmed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # The dispatch of ActivateTOTPView redirects users who already have an app.
        response: HttpResponse = super(ActivateTOTPView, self).dispatch(request, *args, **kwargs)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=self.request.user.pk)  # of two requests at once, the later one counts
            for row in _keys(self.request):
                row.delete()
                signals.authenticator_removed.send(sender=Authenticator, request=self.request, user=self.request.user, authenticator=row)
            response: HttpResponse = super().form_valid(form)
        say(self.request, _("The second factor is replaced."))
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "replaces": True}


class Deactivate(DeactivateTOTPView):  # type: ignore[misc]
    """Removes the authenticator app, after a confirmation, unless an Administrator requires it (`SecondFactorAdapter.can_delete_authenticator`)."""

    success_url = reverse_lazy("me")

    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = self.render_to_response(self.get_context_data(form=form), status=409)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        say(self.request, _("The second factor is removed."))
        return response


class NewCodes(GenerateRecoveryCodesView):  # type: ignore[misc]
    """Ten new recovery codes, which replace the remaining old ones."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        # The context of GenerateRecoveryCodesView would read the old codes, of which only digests may exist.
        return {**super(GenerateRecoveryCodesView, self).get_context_data(**kwargs)}


@require_GET  # no HEAD, which would use up the codes without showing them
@reauthentication_required(app="allauth.mfa")  # type: ignore[untyped-decorator]
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """The recovery codes, the first time; then how many are left."""
    user = request.user
    assert isinstance(user, User)
    codes_and_left = show_once(user.pk)
    if codes_and_left is None:
        raise Http404
    codes, left = codes_and_left
    return page(request, "mfa/recovery_codes/index.html", codes=codes, left=left)


def _keys(request: HttpRequest) -> Any:
    """The authenticator app of the signed-in user."""
    return Authenticator.objects.filter(user=request.user, type=Authenticator.Type.TOTP)
