"""Settings and rules as they are stored, and everybody who can be told (B4)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.conf import settings as django_settings
from django.db import connections, transaction
from django.utils.translation import gettext as _

from heliograph.accounts import audit
from heliograph.accounts.languages import chosen_language
from heliograph.accounts.models import Account, Role, User
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.notification import notification_settings as defaults
from heliograph.domain.notification.audience import Audience, Person
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import BadSettings, Rule, Settings, connection_of
from heliograph.flows.models import Flow
from heliograph.notifications.models import Message, MessageState, NotificationRule, NotificationSettings
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros

ACCOUNT: Final = 0
"""The user of the account's own settings."""
USER: Final = "user:"
"""The beginning of an actor that is a person."""
_BY_LINK: Final = {"by_link": True}
"""Part of the body of settings that nobody has saved: only links of e-mails have changed them."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Settings with the version that a form shows."""

    settings: Settings
    version: int = 0
    """0: nothing was saved yet."""


def saved_settings(account: int, user: int) -> Saved:
    """The settings of a person, or of the account (user ACCOUNT), in the account's scope."""
    row = NotificationSettings.objects.filter(account_id=account, user_id=user).first()
    if row is None:
        return Saved(defaults.OF_ACCOUNT if user == ACCOUNT else defaults.OF_PERSON)
    return Saved(_settings(row.body, defaults.OF_PERSON if user else defaults.OF_ACCOUNT), row.version)


def save_settings(account: int, user: int, settings: Settings, config: AccountConfig, *, by: str) -> Saved:
    """Saves the settings of a person, or of the account. Raises Invalid."""
    try:
        settings.check()
    except BadSettings as error:
        raise Invalid({"": [error.sentence]}) from None
    _check_ways(settings.ways, config, addresses=user == ACCOUNT)
    with transaction.atomic():
        db = of_django(connections["default"])
        row, _is_new = NotificationSettings.objects.select_for_update().get_or_create(
            account_id=account, user_id=user, defaults={"body": "{}", "changed": db.now(), "version": 0}
        )
        before = json.loads(row.body)
        row.body, row.changed, row.version = json.dumps(settings.to_body()), from_micros(db.now()), row.version + 1
        row.save(update_fields=["body", "changed", "version"])
        if user == ACCOUNT:  # what a person wants is theirs
            audit.note(
                db, account, by=by, what=audit.Deed.CHANGED, kind="notifications", id=0, name="", before=before, after=settings.to_body()
            )
    return Saved(settings, row.version)


def rules_of(account: int) -> dict[tuple[str, int], Rule]:
    """The rules of the account in scope, by scope and id."""
    rows = NotificationRule.objects.filter(account_id=account)
    return {(row.scope, row.thing_id): rule for row in rows if (rule := _rule(row.body)) is not None}


def save_rule(account: int, scope: str, thing: int, rule: Rule | None, config: AccountConfig, *, by: str) -> None:
    """Saves or removes (None) the rule of a connection or flow. Raises Invalid and NotThere."""
    things: Mapping[int, Any] = config.connections if scope == "connection" else config.flows
    if thing not in things:
        raise NotThere
    if rule is not None:
        try:
            rule.check()
        except BadSettings as error:
            raise Invalid({"": [error.sentence]}) from None
        _check_ways(rule.ways, config, addresses=True)
        known = set(User.objects.filter(account_id=account, pk__in=rule.users).values_list("pk", flat=True))
        if rule.users - known:
            raise Invalid({"users": [_("Choose people of this account.")]})
    with transaction.atomic():
        db = of_django(connections["default"])
        row = NotificationRule.objects.select_for_update().filter(account_id=account, scope=scope, thing_id=thing).first()
        before = json.loads(row.body) if row else {}
        stored = _rule(row.body) if row else None
        rule = rule.keeping(stored.stopped) if rule and stored else rule
        if rule is None:
            if row is not None:
                row.delete()
        elif row is None:
            NotificationRule.objects.create(
                account_id=account, scope=scope, thing_id=thing, body=json.dumps(rule.to_body()), changed=db.now()
            )
        else:
            row.body, row.changed, row.version = json.dumps(rule.to_body()), from_micros(db.now()), row.version + 1
            row.save(update_fields=["body", "changed", "version"])
        after = rule.to_body() if rule else {}
        audit.note(
            db, account, by=by, what=audit.Deed.CHANGED, kind="notifications", id=thing, name=things[thing].name, before=before, after=after
        )


def unsubscribe(account: int, user: int, address: str, kinds: list[Kind]) -> None:
    """Stops messages of these kinds to an address, in the account's scope: in its person's settings, or in the account's and its rules. Those
    that wait for the end of quiet hours, or for another try, are no longer sent."""
    now = from_micros(of_django(connections["default"]).now())
    waiting = Message.objects.filter(account_id=account, user_id=user, way=defaults.MAIL, state=MessageState.WAITING, kind__in=kinds)
    (waiting if user else waiting.filter(address=address)).update(state=MessageState.NOT_NEEDED, ended=now)
    NotificationSettings.objects.select_for_update().filter(account_id=account, user_id=user).first()
    if user:
        settings = saved_settings(account, user).settings
        stopped = {kind for kind in kinds if defaults.MAIL in settings.ways_of(kind)}
        _store(account, user, settings.without(kinds), sorted(stopped | set(_stopped(account, user))))
        return
    stored = saved_settings(account, ACCOUNT)
    _store(account, ACCOUNT, stored.settings.without(kinds, address))
    for row in NotificationRule.objects.select_for_update().filter(account_id=account).order_by("pk"):
        rule = _rule(row.body)
        if rule is None or address not in rule.ways:
            continue
        rule = rule.without(kinds, address)
        if rule.ways or rule.users:
            row.body = json.dumps(rule.to_body())
            row.version += 1
            row.save(update_fields=["body", "version"])
        else:  # nobody is left in it: everybody is told again, in place of nobody
            row.delete()


def subscribe(account: int, user: int, kinds: list[Kind]) -> None:
    """Takes an `unsubscribe` of a person back, in the account's scope: what they had before is told again."""
    NotificationSettings.objects.select_for_update().filter(account_id=account, user_id=user).first()
    stopped = [kind for kind in kinds if kind in _stopped(account, user)]
    settings = saved_settings(account, user).settings
    chosen = dict(settings.chosen) | {kind: settings.ways_of(kind) | {defaults.MAIL} for kind in stopped}
    _store(account, user, replace(settings, chosen=chosen, no_mail=settings.no_mail - set(kinds)))


def _stopped(account: int, user: int) -> list[Kind]:
    """The kinds that links have stopped since the person saved their settings."""
    row = NotificationSettings.objects.filter(account_id=account, user_id=user).first()
    return [Kind(name) for name in (json.loads(row.body) if row else {}).get("stopped", ()) if name in set(Kind)]


def _store(account: int, user: int, settings: Settings, stopped: Sequence[Kind] = ()) -> None:
    """stopped: the kinds that a link has just stopped, which it can begin again."""
    body: dict[str, Any] = settings.to_body() | ({"stopped": [kind.value for kind in stopped]} if stopped else {})
    body_by_link = body | (_BY_LINK if user != ACCOUNT else {})
    now = of_django(connections["default"]).now()
    row, is_new = NotificationSettings.objects.select_for_update().get_or_create(
        account_id=account, user_id=user, defaults={"body": json.dumps(body_by_link), "changed": now}
    )
    if not is_new:
        row.body = json.dumps(body if _is_saved(row) else body_by_link)
        row.changed, row.version = from_micros(now), row.version + 1
        row.save(update_fields=["body", "changed", "version"])


def _is_saved(row: NotificationSettings) -> bool:
    """Whether somebody has saved the settings, rather than only used the links of e-mails."""
    return not _BY_LINK.items() <= json.loads(row.body).items()


def audience_of(account: Account, config: AccountConfig, in_trouble: frozenset[int]) -> Audience:
    """Everybody in the account in scope who can be told.

    in_trouble: connections that refuse or are paused
    """
    stored = {row.user_id: row for row in NotificationSettings.objects.filter(account_id=account.pk)}
    operators = operator_users(account)
    people = [
        Person(
            user.pk,
            user.email,
            user.role == Role.ADMINISTRATOR,
            user.pk in operators,
            _settings(stored[user.pk].body, defaults.OF_PERSON) if user.pk in stored else None,
            chosen_language(user),
            has_saved=user.pk in stored and _is_saved(stored[user.pk]),
        )
        for user in User.objects.filter(account=account, is_active=True, invited=False).order_by("pk")
    ]
    own = _settings(stored[ACCOUNT].body, defaults.OF_ACCOUNT) if ACCOUNT in stored else defaults.OF_ACCOUNT
    usable = frozenset(id for id, connection in config.connections.items() if not set(connection.lacks) - {"connected"})
    return Audience(people, own, rules_of(account.pk), usable, in_trouble, makers_of_flows(config))


def makers_of_flows(config: AccountConfig) -> dict[int, int]:
    """The user who made each flow of the account in scope; none for a flow that a program or a file made."""
    made_by = Flow.objects.filter(deleted_at=None, created_by__startswith=USER).values_list("pk", "created_by")
    return {flow: int(by.removeprefix(USER)) for flow, by in made_by if flow in config.flows and by.removeprefix(USER).isdecimal()}


def operator_users(account: Account | None) -> frozenset[int]:
    """The users of an account who look after the installation: those whose address the operator has named; if none are, the Administrators
    of the only account."""
    named = operator_addresses()
    users = User.objects.filter(account=account, is_active=True, invited=False)
    if named:
        return frozenset(users.filter(email__in=named).values_list("pk", flat=True))
    if Account.objects.count() != 1:
        return frozenset()
    return frozenset(users.filter(role=Role.ADMINISTRATOR).values_list("pk", flat=True))


def operator_addresses() -> list[str]:
    """The addresses that HELIOGRAPH_OPERATOR_MAIL names, in lower case."""
    return [address.strip().lower() for address in django_settings.HELIOGRAPH.operator_mail.split(",") if address.strip()]


def _settings(body: str, otherwise: Settings) -> Settings:
    try:
        return Settings.from_body(json.loads(body))
    except BadSettings:
        return otherwise


def _rule(body: str) -> Rule | None:
    try:
        return Rule.from_body(json.loads(body))
    except BadSettings:
        return None


def _check_ways(ways: tuple[str, ...], config: AccountConfig, *, addresses: bool) -> None:
    """Raises Invalid if a way is a connection of nobody, or an address where none may be."""
    for way in ways:
        connection = connection_of(way)
        if connection is not None and connection not in config.connections:
            raise Invalid({"ways": [_("This connection is gone. Choose another one.")]})
        if connection is None and not addresses:
            raise Invalid({"ways": [_("Messages go to your own address. Ask an Administrator to tell another one.")]})
