"""URLs of Account Settings > Management, signing in and out, one-time links, the own profile, and jobs.

Of allauth's pages only these are used: there is no sign-up, and an Administrator manages people.
"""

from __future__ import annotations

from allauth.account import views as account
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache

from heliograph.administration.views import account_page as account_settings
from heliograph.administration.views import (
    api_token_page,
    audit_page,
    job_page,
    language_forms,
    one_time_links,
    openid_redirects,
    profile_page,
    restored_copy_page,
    retention_page,
    retry_intervals_page,
    saved_view_forms,
    sign_in_rules,
    user_actions,
    users,
)
from heliograph.administration.views.first_start_page import first_start
from heliograph.administration.views.second_factor import (
    Activate,
    Authenticate,
    Deactivate,
    NewCodes,
    Reauthenticate,
    Replace,
    recovery_codes,
)

urlpatterns: list[URLPattern] = [
    path("accounts/sign-in/", account.login, name="account_login"),
    path("accounts/sign-in/code/", Authenticate.as_view(), name="mfa_authenticate"),
    path("accounts/sign-in/refused/", account.account_inactive, name="account_inactive"),
    path("accounts/openid/<slug:provider_id>/", openid_redirects.leave, name="openid_connect_login"),
    path("accounts/openid/<slug:provider_id>/return/", openid_redirects.back, name="openid_connect_callback"),
    path("accounts/sign-out/", login_not_required(account.logout), name="account_logout"),
    path("accounts/invitation/<segment:token>/", one_time_links.invitation, name="invitation"),
    path("accounts/new-password/<segment:token>/", one_time_links.new_password, name="new-password"),
    path("accounts/me/", profile_page.me, name="me"),
    path("accounts/me/appearance/", profile_page.appearance, name="appearance"),
    path("accounts/me/language/", language_forms.own, name="own-language"),
    path("accounts/language/", language_forms.of_browser, name="language"),
    path("accounts/me/sessions/", profile_page.end_session, name="end-session"),
    path("accounts/me/views/", saved_view_forms.save, name="view-save"),
    path("accounts/me/views/<int:id>/", saved_view_forms.rename, name="view-rename"),
    path("accounts/me/views/<int:id>/delete/", saved_view_forms.delete, name="view-delete"),
    path("accounts/me/password/", profile_page.ChangePasswordView.as_view(), name="account_change_password"),
    path("accounts/me/confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("accounts/me/confirm/code/", Reauthenticate.as_view(), name="mfa_reauthenticate"),
    path("accounts/me/second-factor/", never_cache(Activate.as_view()), name="mfa_activate_totp"),
    path("accounts/me/second-factor/replace/", never_cache(Replace.as_view()), name="second-factor-replace"),
    path("accounts/me/second-factor/remove/", Deactivate.as_view(), name="mfa_deactivate_totp"),
    path("accounts/me/recovery-codes/", never_cache(recovery_codes), name="mfa_view_recovery_codes"),
    path("accounts/me/recovery-codes/new/", NewCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("settings/users/", users.users, name="users"),
    path("settings/users/invite/", users.add, name="user-invite"),
    path("settings/users/<int:id>/", users.user, name="user"),
    path("settings/users/<int:id>/<slug:act>/", user_actions.act, name="user-act"),
    path("settings/sign-in/", sign_in_rules.sign_in_rules, name="sign-in-rules"),
    path("settings/tokens/", api_token_page.tokens, name="api-tokens"),
    path("settings/tokens/new/", api_token_page.add, name="api-token-new"),
    path("settings/tokens/<int:id>/revoke/", api_token_page.revoke, name="api-token-revoke"),
    path("settings/audit/", audit_page.audit, name="audit"),
    path("settings/retry/", retry_intervals_page.retry_intervals, name="retry-intervals"),
    path("settings/retention/", retention_page.retention, name="retention"),
    path("settings/restored-copy/", restored_copy_page.restored_copy, name="restored-copy"),
    path("settings/account/", account_settings.account, name="account-settings"),
    path("first-start/<segment:token>/", first_start, name="first-start"),
    path("jobs/<int:id>/", job_page.job, name="job"),
]
