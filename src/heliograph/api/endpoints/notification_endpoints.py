"""Notifications (B4): what the account tells, the rules of connections and flows, and what was sent."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

import msgspec
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.api_problems import Problem
from heliograph.api.controller import ApiController
from heliograph.api.documents.notification_documents import (
    NotificationMessageDocument,
    NotificationRuleDocument,
    NotificationsDocument,
    RuleOfThing,
    Scope,
)
from heliograph.api.documents.shared_forms import Document, Id, number_of
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import READ, SET_UP, SET_UP_EVENTS
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.notifications import stored_settings
from heliograph.notifications.models import Message
from heliograph.web.cursor import keyset


class RulePath(Document):
    """The address of a rule."""

    scope: Scope
    thing: Id


class NotificationController(ApiController):
    """What the endpoints of notifications share."""

    of_signal: ClassVar = True

    def config(self) -> AccountConfig:
        """The account's configuration."""
        with account_reader(self.account.pk) as reader:
            return reader.config


class AccountNotifications(NotificationController):
    """What connections and other addresses are told."""

    access: ClassVar = {"GET": READ, "PUT": SET_UP}
    has_etag: ClassVar = True

    def get(self) -> NotificationsDocument:
        """Read what connections and other addresses are told, unless a rule says otherwise."""
        saved = stored_settings.saved_settings(self.account.pk, stored_settings.ACCOUNT)
        return NotificationsDocument.from_settings(saved.settings)

    def put(self, parsed_body: Body[NotificationsDocument]) -> NotificationsDocument:
        """Replace what connections and other addresses are told. People choose for themselves, on the page Notifications."""
        settings = parsed_body.settings
        saved = stored_settings.save_settings(self.account.pk, stored_settings.ACCOUNT, settings, self.config(), by=self.actor)
        return NotificationsDocument.from_settings(saved.settings)


class NotificationRules(NotificationController):
    """The rules of connections and flows."""

    access: ClassVar = {"GET": READ}

    def get(self) -> Items[RuleOfThing]:
        """List the rules that name who is told about a connection or flow."""
        rules = sorted(stored_settings.rules_of(self.account.pk).items())
        items = [
            RuleOfThing(
                scope="flow" if scope == "flow" else "connection",
                thing=str(thing),
                **msgspec.structs.asdict(NotificationRuleDocument.from_rule(rule)),
            )
            for (scope, thing), rule in rules
        ]
        return Items(items=items, next=None)


class OneNotificationRule(NotificationController):
    """Who is told about one connection or flow."""

    access: ClassVar = {"GET": READ, "PUT": SET_UP_EVENTS, "DELETE": SET_UP_EVENTS}
    has_etag: ClassVar = True

    def get(self, parsed_path: Path[RulePath]) -> NotificationRuleDocument:
        """Read who is told about a connection or flow. Without a rule all lists are empty: everybody is told."""
        config, thing = self.config(), number_of(parsed_path.thing)
        if thing not in (config.connections if parsed_path.scope == "connection" else config.flows):
            raise Problem("not-found")
        return NotificationRuleDocument.from_rule(stored_settings.rules_of(self.account.pk).get((parsed_path.scope, thing)))

    def put(self, parsed_path: Path[RulePath], parsed_body: Body[NotificationRuleDocument]) -> NotificationRuleDocument:
        """Set who is told about a connection or flow, in place of everybody else."""
        rule, thing = parsed_body.rule, number_of(parsed_path.thing)
        stored_settings.save_rule(self.account.pk, parsed_path.scope, thing, rule, self.config(), by=self.actor)
        return NotificationRuleDocument.from_rule(rule)

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[RulePath]) -> None:
        """Remove the rule of a connection or flow: everybody is told again."""
        thing = number_of(parsed_path.thing)
        stored_settings.save_rule(self.account.pk, parsed_path.scope, thing, None, self.config(), by=self.actor)


class NotificationMessages(NotificationController):
    """What was sent."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[ListQuery]) -> Items[NotificationMessageDocument]:
        """List the messages of the last 30 days, the newest first: to whom, and whether they were taken."""
        rows = Message.objects.filter(account_id=self.account.pk)
        listed = keyset(rows, "created", "id", parsed_query.cursor_of(int, int), size=parsed_query.limit)
        return items_of(self.request, listed, NotificationMessageDocument.from_row)


ROUTES: Final = [
    path("notifications", AccountNotifications.as_view()),
    path("notifications/messages", NotificationMessages.as_view()),
    path("notifications/rules", NotificationRules.as_view()),
    path("notifications/rules/<str:scope>/<str:thing>", OneNotificationRule.as_view()),
]
