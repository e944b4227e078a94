"""The second factor: asked for at the door, set up, and taken away again. The steps are allauth's, the pages ours."""

from __future__ import annotations

from typing import Any

from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.internal.flows.trust import trust_browser
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _

from heliograph.web.toasts import say


@method_decorator(login_not_required, name="dispatch")
class Authenticate(AuthenticateView):  # type: ignore[misc]
    """The code, and whether to ask for it on this device within the next 30 days."""

    def form_valid(self, form: Any) -> HttpResponse:
        user = self.stage.login.user
        response: HttpResponse = super().form_valid(form)
        if self.request.POST.get("trust"):
            trust_browser(self.request, user, response)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "email": self.stage.login.user.email}


class Activate(ActivateTOTPView):  # type: ignore[misc]
    """A key for the authenticator app, and its first code."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = super().get_context_data(**kwargs)
        secret = found["form"].secret
        return {**found, "key": " ".join(secret[n : n + 4] for n in range(0, len(secret), 4)), "due": self.request.user.second_factor_due}

    def get_success_url(self) -> str:
        return reverse("mfa_view_recovery_codes") if self.did_generate_recovery_codes else reverse("me")


class Deactivate(DeactivateTOTPView):  # type: ignore[misc]
    """Whether it is really to go."""

    success_url = reverse_lazy("me")

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        say(self.request, _("The second factor is removed."))
        return response


class NewCodes(GenerateRecoveryCodesView):  # type: ignore[misc]
    """Ten new recovery codes, in the place of what is left of the old ones."""
