"""The pages that the search finds by name, with the role that opens each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_lazy

from heliograph.accounts.models import Role
from heliograph.web.shown_fields import AnyText


@dataclass(frozen=True, slots=True)
class SearchedPage:
    """A page without an object of its own."""

    name: AnyText
    page: str
    """The name of its URL."""
    role: Role = Role.VIEWER
    """The lowest role that opens it."""
    signal: bool = False
    """True if it is part of Signal, which can be off for an account (N4)."""
    icon: str = "list"
    operation: bool = False
    """True if it begins something, such as an import: the palette offers it before anything is typed."""


PAGES: Final = (
    SearchedPage(gettext_lazy("Add a flow"), "flow-new", Role.ADMINISTRATOR, signal=True, icon="plus", operation=True),
    SearchedPage(gettext_lazy("Add a connection"), "connection-new", Role.ADMINISTRATOR, signal=True, icon="plus", operation=True),
    SearchedPage(gettext_lazy("Import registrations"), "import", Role.PLANNER, icon="plus", operation=True),
    SearchedPage(gettext_lazy("Add a registration"), "registration-add", Role.PLANNER, icon="plus", operation=True),
    SearchedPage(gettext_lazy("Add an event"), "event-add", Role.PLANNER, icon="plus", operation=True),
    SearchedPage(gettext_lazy("Registrations"), "registrations"),
    SearchedPage(gettext_lazy("Events"), "events", icon="calendar"),
    SearchedPage(gettext_lazy("Overview"), "overview", signal=True, icon="home"),
    SearchedPage(gettext_lazy("Notifications"), "notifications", signal=True, icon="bell"),
    SearchedPage(gettext_lazy("Start from a recipe"), "recipes", Role.ADMINISTRATOR, signal=True, icon="plus"),
    SearchedPage(gettext_lazy("Flow List"), "flow-list", signal=True, icon="flow"),
    SearchedPage(gettext_lazy("Connection List"), "connection-list", signal=True, icon="plug"),
    SearchedPage(gettext_lazy("Mappings"), "mapping-list", signal=True, icon="map"),
    SearchedPage(gettext_lazy("Account Insights"), "insights", signal=True, icon="chart"),
    SearchedPage(gettext_lazy("Troubleshooting"), "troubleshooting", signal=True, icon="chart"),
    SearchedPage(gettext_lazy("Activity Feed"), "feed", signal=True, icon="chart"),
    SearchedPage(gettext_lazy("Retry"), "retry", signal=True, icon="retry"),
    SearchedPage(gettext_lazy("Replay"), "replay", signal=True, icon="replay"),
    SearchedPage(gettext_lazy("Set-up steps"), "signal-first", signal=True),
    SearchedPage(gettext_lazy("Tags"), "tags", icon="tag"),
    SearchedPage(gettext_lazy("Tag Coverage"), "tag-coverage", icon="tag"),
    SearchedPage(gettext_lazy("Registration Statuses"), "registration-statuses"),
    SearchedPage(gettext_lazy("Session Registration Statuses"), "session-registration-statuses"),
    SearchedPage(gettext_lazy("Event Statuses"), "event-statuses"),
    SearchedPage(gettext_lazy("Event Data"), "event-data"),
    SearchedPage(gettext_lazy("Profile Data"), "profile-data"),
    SearchedPage(gettext_lazy("Users"), "users", icon="user"),
    SearchedPage(gettext_lazy("API tokens"), "api-tokens"),
    SearchedPage(gettext_lazy("Audit"), "audit"),
    SearchedPage(gettext_lazy("Erase a person"), "erase", Role.ADMINISTRATOR),
    SearchedPage(gettext_lazy("Retry Intervals"), "retry-intervals"),
    SearchedPage(gettext_lazy("Retention"), "retention"),
    SearchedPage(gettext_lazy("Account"), "account-settings"),
    SearchedPage(gettext_lazy("Sources"), "sources"),
    SearchedPage(gettext_lazy("REST API"), "api-reference"),
    SearchedPage(gettext_lazy("Configuration File"), "configuration", Role.ADMINISTRATOR),
    SearchedPage(gettext_lazy("Your profile"), "me", icon="user"),
    SearchedPage(gettext_lazy("Help"), "help", icon="help"),
)
