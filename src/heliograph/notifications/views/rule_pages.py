"""Who is told about a connection or flow in place of everybody (B4): the list, and the rule of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import AccountRequest, may, require
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.natural_order import natural_order
from heliograph.domain.notification.kinds import OF_THINGS, Kind
from heliograph.domain.notification.notification_settings import Rule, connection_of, way_of_connection
from heliograph.notifications import stored_settings
from heliograph.notifications.kind_words import SHORT
from heliograph.notifications.views.settings_form import RuleForm
from heliograph.notifications.views.settings_pages import ENTRY, tabs
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import readonly
from heliograph.web.forms import posted, pressed
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

type Told = tuple[str, str]
"""A name, and how it is told."""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A row of the list."""

    name: str
    kind: str
    href: str
    """Of the connection or flow; "" for neither."""
    told: Sequence[Told]
    note: str
    about: str
    change_href: str
    """ "" if nothing of it can be chosen."""
    may_change: bool = False
    """The user may change it, not only read it."""


@require_safe
def notification_rules(request: AccountRequest) -> HttpResponse:
    """Who is told about what."""
    with account_reader(request.account.pk) as reader:
        config = reader.config
    rules = stored_settings.rules_of(request.account.pk)
    people = _people(request)
    is_planner = may(request.user, Role.PLANNER)
    rows = [_everything(request, config, people), _jobs()]
    things = [("connection", id, connection.name) for id, connection in config.connections.items()]
    things += [("flow", id, flow.name) for id, flow in config.flows.items()]
    named = sorted(things, key=lambda thing: ((thing[0], thing[1]) not in rules, thing[0], natural_order(thing[2]), thing[1]))
    makers = stored_settings.makers_of_flows(config)
    rows += [
        _row(
            scope,
            id,
            name,
            rules.get((scope, id)),
            config,
            people,
            maker=makers.get(id, 0) if scope == "flow" else 0,
            may_change=is_planner,
        )
        for scope, id, name in named
    ]
    return page(
        request,
        "notifications/rules.html",
        here=ENTRY,
        tabs=tabs("notification-rules"),
        rows=rows,
    )


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def notification_rule(request: AccountRequest, scope: str, thing: int) -> HttpResponse:
    """Who is told about one connection or flow."""
    with account_reader(request.account.pk) as reader:
        config = reader.config
    things: Any = {"connection": config.connections, "flow": config.flows}.get(scope, {})
    if thing not in things:
        raise Http404
    rule = stored_settings.rules_of(request.account.pk).get((scope, thing))
    form = RuleForm(posted(request), stored=_stored(rule))
    form.say("users", options=[Choice(str(id), name) for id, name in _people(request).items()])
    form.say(
        "connections",
        options=[
            Choice(way_of_connection(id), connection.name)
            for id, connection in config.connections.items()
            if (scope, id) != ("connection", thing)
        ],
    )
    form.say("kinds", options=[Choice(kind.value, SHORT[kind]) for kind in OF_THINGS])
    if request.method == "POST":
        require(request.user, Role.PLANNER)
        removes = pressed(request) == "remove"
        if removes or form.is_valid():
            try:
                stored_settings.save_rule(
                    request.account.pk, scope, thing, None if removes else _rule_of(form), config, by=request.user.actor
                )
            except Invalid as error:
                form.refuse(error)
            else:
                say(request, _("Saved."))
                return HttpResponseRedirect(reverse("notification-rules"))
    name = things[thing].name
    maker = stored_settings.makers_of_flows(config).get(thing, 0) if scope == "flow" else 0
    return page(
        request,
        "notifications/rule.html",
        here=ENTRY,
        status=form.status,
        told=form.draw_callout(),
        fields=form.draw_fields(),
        name=name,
        href=reverse(scope, args=(thing,)),
        has_rule=rule is not None,
        row=_row(scope, thing, name, rule, config, _people(request), maker=maker),
        maker="" if rule else _people(request).get(maker, ""),
        readonly=readonly(request, Role.PLANNER),
    )


def _rule_of(form: RuleForm) -> Rule:
    values = form.cleaned_data
    addresses = [address.strip().lower() for address in values["addresses"].split(",") if address.strip()]
    return Rule(
        frozenset(int(id) for id in values["users"]),
        tuple(dict.fromkeys([*values["connections"], *addresses])),
        frozenset(Kind(name) for name in values["kinds"]),
    )


def _stored(rule: Rule | None) -> dict[str, Any]:
    ways = rule.ways if rule else ()
    return {
        "users": [str(id) for id in sorted(rule.users)] if rule else [],
        "connections": [way for way in ways if connection_of(way) is not None],
        "addresses": ", ".join(way for way in ways if connection_of(way) is None),
        "kinds": sorted(kind.value for kind in (rule.kinds if rule else OF_THINGS)),
    }


def _people(request: AccountRequest) -> dict[int, str]:
    rows = User.objects.filter(account=request.account, is_active=True).order_by("name", "pk")
    return {user.pk: user.name for user in rows}


def _everything(request: AccountRequest, config: AccountConfig, people: dict[int, str]) -> RuleRow:
    audience = stored_settings.audience_of(request.account, config, frozenset())
    told = [(people.get(person.id, person.address), _("e-mail")) for person in audience.people if person.chooses]
    told += [_told_way(way, config) for way in audience.account.ways]
    return RuleRow(
        _("Everything"),
        _("Unless a rule below says otherwise"),
        "",
        told,
        _("Administrators by default, others once they save For you."),
        _("Problems, and when they are resolved"),
        reverse("notification-everything"),
        may_change=may(request.user, Role.ADMINISTRATOR),
    )


def _jobs() -> RuleRow:
    return RuleRow(_("Imports and replays"), _("All"), "", [(_("Whoever started it"), _("e-mail"))], "", _("Ended, stopped"), "")


def _row(
    scope: str,
    id: int,
    name: str,
    rule: Rule | None,
    config: AccountConfig,
    people: dict[int, str],
    *,
    maker: int,
    may_change: bool = False,
) -> RuleRow:
    """maker: the user who made the flow; 0 if it was none, and for a connection"""
    recipients: list[Told] = []
    about = ""
    if rule is not None:
        recipients = [(people[user], _("as they chose")) for user in sorted(rule.users) if user in people]
        recipients += [_told_way(way, config, rule.stopped.get(way, frozenset())) for way in rule.ways]
        about = ", ".join(str(SHORT[kind]) for kind in OF_THINGS if kind in rule.kinds)
    elif maker in people:
        recipients = [(people[maker], _("made it"))]
    return RuleRow(
        name,
        _("Connection") if scope == "connection" else _("Flow"),
        reverse(scope, args=(id,)),
        recipients,
        _("As Everything") if not recipients else "" if rule else _("And as Everything"),
        about,
        reverse("notification-rule", args=(scope, id)),
        may_change,
    )


def _told_way(way: str, config: AccountConfig, stopped: Collection[Kind] = ()) -> Told:
    """stopped: the kinds that an address has stopped by a link"""
    connection = connection_of(way)
    if connection is None and stopped:
        return way, _("e-mail, without %(kinds)s") % {"kinds": ", ".join(str(SHORT[kind]) for kind in Kind if kind in stopped)}
    if connection is None:
        return way, _("e-mail")
    known = config.connections.get(connection)
    return known.name if known else _("A deleted connection"), _("connection")
