"""URLs of notifications."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.notifications.views import log_page, rule_pages, settings_pages, unsubscribe_page

urlpatterns: list[URLPattern] = [
    path("signal/notifications/", settings_pages.notifications, name="notifications"),
    path("signal/notifications/test/", settings_pages.notification_test, name="notification-test"),
    path("signal/notifications/rules/", rule_pages.notification_rules, name="notification-rules"),
    path("signal/notifications/rules/everything/", settings_pages.account_notifications, name="notification-everything"),
    path("signal/notifications/rules/<slug:scope>/<int:thing>/", rule_pages.notification_rule, name="notification-rule"),
    path("signal/notifications/sent/", log_page.notification_log, name="notification-log"),
    path("unsubscribe/<segment:token>/", unsubscribe_page.unsubscribe, name="notifications-unsubscribe"),
]
