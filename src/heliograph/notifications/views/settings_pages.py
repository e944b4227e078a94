"""Notifications: what a person is told, and what the account tells to connections and other addresses (B4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, needs, require
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.notification.kinds import OF_ACCOUNT, Kind
from heliograph.domain.notification.notification_settings import MAIL, connection_of
from heliograph.notifications import stored_settings, trial_messages
from heliograph.notifications.kind_words import NAMES, NOTES
from heliograph.notifications.views.settings_form import SettingsForm
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import readonly
from heliograph.web.forms import posted
from heliograph.web.pages import page
from heliograph.web.toasts import say

ENTRY: Final = "notifications"


@dataclass(frozen=True, slots=True)
class Way:
    """A column of the table."""

    key: str
    name: str
    note: str


@dataclass(frozen=True, slots=True)
class KindRow:
    """A row of the table."""

    name: str
    note: str
    select: Any
    """The field beside the name: how long, or when; None for most kinds."""
    field: str
    boxes: Sequence[tuple[Way, bool]]


def tabs(current: str) -> list[tuple[str, str, bool]]:
    """The tabs of Notifications."""
    names = {"notifications": _("For you"), "notification-rules": _("Account rules"), "notification-log": _("Sent")}
    return [(text, reverse(name), name == current) for name, text in names.items()]


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def notifications(request: AccountRequest) -> HttpResponse:
    """What the user who is signed in is told, and where."""
    is_operator = request.user.pk in stored_settings.operator_users(request.account)
    kinds = [kind for kind in Kind if kind is not Kind.TROUBLE or is_operator]
    tested = trial_messages.shown(request.account.pk, request.user.pk, request.GET.get("test", ""))
    return _settings_page(
        request,
        request.user.pk,
        kinds,
        can_add=may(request.user, Role.PLANNER),
        template="notifications/mine.html",
        tabs=tabs("notifications"),
        tested=tested,
        is_test_open=any(step["state"] == "wait" for step in tested),
        lacks_mail_server=not settings.HELIOGRAPH.smtp_url.get_secret_value(),
        is_administrator=may(request.user, Role.ADMINISTRATOR),
        own_address=request.user.email,
    )


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def account_notifications(request: AccountRequest) -> HttpResponse:
    """What connections and other addresses are told about everything that no rule is about."""
    if request.method == "POST":
        require(request.user, Role.ADMINISTRATOR)
    return _settings_page(
        request,
        stored_settings.ACCOUNT,
        OF_ACCOUNT,
        can_add=may(request.user, Role.ADMINISTRATOR),
        template="notifications/everything.html",
        tabs=tabs("notification-rules"),
        readonly=readonly(request, Role.ADMINISTRATOR),
        own_address="",
    )


@needs(Role.VIEWER)
@require_POST
def notification_test(request: AccountRequest) -> HttpResponse:
    """Sends a test to each way of the user who is signed in."""
    with account_reader(request.account.pk) as reader:
        config = reader.config
    try:
        test = trial_messages.send_test(request.account, request.user, config)
    except trial_messages.TooSoon as error:
        say(request, translated(error))
        return HttpResponseRedirect(reverse("notifications"))
    return HttpResponseRedirect(f"{reverse('notifications')}?test={test}")


def _settings_page(
    request: AccountRequest, user: int, kinds: Sequence[Kind], *, can_add: bool, template: str, own_address: str, **context: Any
) -> HttpResponse:
    with account_reader(request.account.pk) as reader:
        config = reader.config
    saved = stored_settings.saved_settings(request.account.pk, user)
    connections = {id: connection.name for id, connection in sorted(config.connections.items(), key=lambda each: each[1].name.casefold())}
    form = SettingsForm(
        posted(request), settings=saved.settings, kinds=kinds, own_way=bool(own_address), connections=connections if can_add else {}
    )
    if request.method == "POST" and form.is_valid():
        try:
            stored_settings.save_settings(request.account.pk, user, form.chosen, config, by=request.user.actor)
        except Invalid as error:
            form.refuse(error)
        else:
            say(request, _("Saved."))
            return HttpResponseRedirect(request.path)
    return page(
        request,
        template,
        here=ENTRY,
        status=form.status,
        told=form.draw_callout(),
        ways=[_way(way, config, own_address) for way in form.ways],
        kinds=[_row(form, kind, config, own_address) for kind in kinds],
        quiet=[form.draw_field("quiet_from"), form.draw_field("quiet_to")],
        choices=[form.draw_field(name) for name in ("weekend", "urgent") if name in form.fields],
        add_connection=form.draw_field("add_connection") if can_add and form.field("add_connection").words["options"] else None,
        add_address=form.draw_field("add_address") if can_add and not own_address else None,
        opened=form.opened_field,
        zone=request.account.timezone,
        **context,
    )


def _way(way: str, config: AccountConfig, own_address: str) -> Way:
    if way == MAIL:
        return Way(way, _("E-mail"), own_address)
    connection = connection_of(way)
    if connection is None:
        return Way(way, way, _("E-mail"))
    known = config.connections.get(connection)
    return Way(way, known.name if known else _("A deleted connection"), _("Connection"))


def _row(form: SettingsForm, kind: Kind, config: AccountConfig, own_address: str) -> KindRow:
    value = {str(each) for each in form[kind.value].value() or ()}
    select = {Kind.WAITS: "waits_minutes", Kind.SUMMARY: "summary_at"}.get(kind)
    return KindRow(
        str(NAMES[kind]),
        str(NOTES.get(kind, "")),
        form.draw_field(select) if select else None,
        kind.value,
        [(_way(way, config, own_address), way in value) for way in form.ways],
    )
