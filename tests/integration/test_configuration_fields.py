"""Every field that a page can set is in a configuration file (B5): a new column, or a new part of a body, without an entry here fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model
from tests.configuration_files import WHOLE, applied, new_account

from heliograph.accounts.models import Account, User
from heliograph.api.configuration.configuration_plan import export_account
from heliograph.connections.models import Connection as StoredConnection
from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.response_rule import Clause, Condition
from heliograph.domain.connection.secret import Secret
from heliograph.domain.flow.flow import Destination, FilterRow, Flow
from heliograph.domain.mapping.mapping import Mapping
from heliograph.domain.mapping.row import FixedText, MappingRow, SourceValue, ValueMap
from heliograph.domain.notification.notification_settings import Rule, Settings
from heliograph.domain.notification.quiet_hours import QuietHours
from heliograph.flows.models import Destination as StoredDestination
from heliograph.flows.models import Flow as StoredFlow
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.notifications.models import NotificationRule, NotificationSettings
from heliograph.sources.models import Source as StoredSource
from heliograph.store.models import Event

OF_ROWS = {"id", "account", "account_id", "position", "event", "folded_code", "folded_name", "created"}
"""Columns of the database itself: identity, order, names as they are compared, and when the row was made."""
OF_VERSIONS = {"number", "created_by", "changed", "changed_by", "deleted_at", "body"}
"""Columns of versions. Bodies are looked at by their classes, below."""

IN_FILE: dict[type[Model], dict[str, str]] = {
    Account: {
        "name": "account.name",
        "timezone": "account.timezone",
        "start_page": "account.start_page",
        "retry_intervals": "retry_intervals.system",
        "content_days": "retention.content",
        "row_days": "retention.rows",
    },
    Event: {
        "code": "events[].code",
        "name": "events[].name",
        "status_id": "events[].status",
        "start": "events[].start",
        "end": "events[].end",
        "timezone": "events[].timezone",
        "location": "events[].location",
        "custom": "events[].custom",
    },
    StoredConnection: {"name": "connections[].name", "type": "connections[].auth", "host": "connections[].url"},
    StoredMapping: {"name": "mappings[].name", "kind": "mappings[].kind", "subject": "mappings[].subject"},
    StoredFlow: {"name": "flows[].name", "mode": "flows[].mode", "is_active": "flows[].active", "watch": "flows[].watch"},
    StoredSource: {
        "name": "sources[].name",
        "platform": "sources[].platform",
        "state": "sources[].on",
        "settings": "sources[].verification",
        "mapping": "sources[].mapping",
    },
    NotificationSettings: {},
    NotificationRule: {"scope": "flow_notifications", "thing_id": "flow_notifications[].flow"},
    StoredDestination: {
        "name": "flows[].destinations[].name",
        "connection": "flows[].destinations[].connection",
        "payload_mapping": "flows[].destinations[].payload_mapping",
        "header_mapping": "flows[].destinations[].header_mapping",
        "does": "flows[].destinations[].does",
    },
}
"""The columns that pages set, and the member of the file that has each. Those of the set-up are below, by table."""
IN_FILE_OF_SETUP: dict[str, dict[str, str]] = {
    "tag": {"name": "tags[].name", "label": "tags[].label", "kinds": "tags[].kinds"},
    "custom_field": {
        "kind": "profile_fields",
        "code": "profile_fields[].code",
        "label": "profile_fields[].label",
        "type": "event_fields[].type",
        "options": "profile_fields[].options",
    },
    "registration_status": {
        "code": "events[].registration_statuses[].code",
        "name": "events[].registration_statuses[].name",
        "cls": "events[].registration_statuses[].class",
        "tags": "registration_statuses[].tags",
    },
    "session_status": {"name": "session_statuses[].name", "tags": "session_statuses[].tags"},
    "event_status": {"name": "event_statuses[].name", "tags": "event_statuses[].tags"},
    "attendee_type": {
        "code": "events[].attendee_types[].code",
        "name": "events[].attendee_types[].name",
        "tags": "events[].attendee_types[].tags",
    },
    "registration_property": {
        "code": "events[].properties[].code",
        "name": "events[].properties[].name",
        "tags": "events[].properties[].tags",
    },
    "question": {
        "code": "events[].questions[].code",
        "label": "events[].questions[].label",
        "type": "events[].questions[].type",
        "options": "events[].questions[].options",
        "tag": "events[].questions[].tag",
    },
    "session": {
        "code": "events[].sessions[].code",
        "name": "events[].sessions[].name",
        "start": "events[].sessions[].start",
        "end": "events[].sessions[].end",
    },
    "event_tag": {"tag": "events[].tags"},
}
NOT_IN_FILE: dict[str, dict[str, str]] = {
    "accounts_account": {
        "code": "two accounts cannot share it, so the file of one could not be applied to another",
        "signal_enabled": "the operator sets it",
        "allowed_networks": "the operator sets it",
        "second_factor_required": "how people sign in, which is not the set-up of Signal",
        "session_idle_minutes": "how people sign in, which is not the set-up of Signal",
    },
    "event": {"version": "counts changes", "modified": "is noted"},
    "session_status": {"code": "the standard ones are always the same"},
    "event_status": {"code": "the standard ones are always the same"},
    "flow": {"is_complete": "follows from the rest"},
    "source": {
        "path": "is drawn, and as secret as a password",
        "cursor": "says how far it was read",
        "version": "counts saves",
        "created_by": "is noted",
        "changed": "is noted",
        "deleted_at": "is noted",
        "switched_on": "is noted",
        "paused": "is noted",
        "paused_by": "is noted",
        "quiet_until": "is decided once, when it is switched on",
        **dict.fromkeys(
            (
                "due_at",
                "last_call_at",
                "last_read_at",
                "failures",
                "failing_since",
                "failure",
                "reader_job",
                "asked_at",
                "gaps",
                "gaps_counted",
            ),
            "is noted by its reader or the door",
        ),
    },
    "destination": {"flow": "stands below it", "removed_at": "is noted"},
    "notification_settings": {"user_id": "what a person wants to be told is theirs, like the person", "version": "counts saves"},
    "notification_rule": {"version": "counts saves"},
}
"""The columns that the file does not have, and why."""
OF_TAGS = {"registration_status_tag", "session_status_tag", "event_status_tag", "attendee_type_tag", "registration_property_tag"}
"""Tables between things and their tags, which are members of the things."""
RECORDS = {"applied_file"}

BODIES: dict[type, dict[str, str]] = {
    Flow: {
        **{name: f"flows[].{name}" for name in ("name", "mode", "active", "watch", "statuses", "properties", "session_statuses")},
        **{name: f"flows[].{name}" for name in ("event_statuses", "filters", "destinations", "emptied")},
    },
    FilterRow: {name: f"flows[].filters[].{name}" for name in ("field", "op", "values")},
    Destination: {name: f"flows[].destinations[].{name}" for name in ("name", "connection", "payload_mapping", "header_mapping", "does")},
    Mapping: {name: f"mappings[].{name}" for name in ("name", "kind", "subject", "empty", "rows")},
    MappingRow: {name: f"mappings[].rows[].{name}" for name in ("target", "parts", "type", "nested", "trim", "case", "required", "tidy")},
    SourceValue: {
        "key": "mappings[].rows[].parts[].field",
        **{
            name: f"mappings[].rows[].parts[].{name}"
            for name in ("value_map", "date_format", "date_pattern", "if_empty", "escape", "longest")
        },
    },
    FixedText: {"text": "mappings[].rows[].parts[].text"},
    ValueMap: {
        "entries": "mappings[].rows[].parts[].value_map.pairs",
        "otherwise": "mappings[].rows[].parts[].value_map.otherwise",
        "text": "mappings[].rows[].parts[].value_map.text",
    },
    Connection: {
        "origin": "connections[].url",
        "test_origin": "connections[].test_url",
        **{
            name: f"connections[].{name}"
            for name in (
                *("name", "auth", "content_type", "method", "primary", "user_name", "key_place", "key_name", "grant", "client_id"),
                *("authorization_url", "access_token_url", "refresh_token_url", "scope", "client_auth", "headers", "rate", "parallel"),
                *("patient", "connect_timeout", "total_timeout", "answer_cap", "authorities", "rule"),
            )
        },
    },
    Clause: {
        name: f"connections[].rule[].{name}" for name in ("conditions", "then", "lead", "category", "says", "shows", "retry_after", "renew")
    },
    Condition: {name: f"connections[].rule[].conditions[].{name}" for name in ("place", "how", "name", "values", "unless")},
    Settings: {
        "ways": "notifications.places[].address",
        "chosen": "notifications.places[].kinds",
        "waits_minutes": "notifications.waits_minutes",
        "summary_at": "notifications.summary_at",
        "quiet": "notifications.quiet_hours",
    },
    QuietHours: {name: f"notifications.quiet_hours.{name}" for name in ("first", "last", "weekend")},
    Rule: {
        "users": "flow_notifications[].users",
        "ways": "flow_notifications[].connections",
        "kinds": "connection_notifications[].kinds",
    },
}
"""The parts of bodies, and the member of the file that has each."""
NOT_OF_BODIES: dict[type, set[str]] = {
    Flow: {"id", "number"},
    Destination: {"id", "integration", "action"},  # Webhooks is the only integration, and Webhook its only action
    Connection: {"connected", "secrets"},  # somebody signs in; the secrets are members of their own, below
    Settings: {"urgent", "no_mail"},  # only a person's own settings have them
    Rule: {"stopped"},  # whoever gets the e-mails chose it, and a file does not undo it
}
SECRETS: dict[Secret, str] = {
    Secret.PATH: "connections[].url",
    Secret.TEST_PATH: "connections[].test_url",
    Secret.PASSWORD: "connections[].password",
    Secret.KEY: "connections[].key",
    Secret.CLIENT_SECRET: "connections[].client_secret",
    Secret.CLIENT_CERTIFICATE: "connections[].client_certificate",
    Secret.SIGNING: "connections[].signing_secret",
    Secret.AUTHORIZATION_QUERY: "connections[].authorization_url",
    Secret.ACCESS_TOKEN_QUERY: "connections[].access_token_url",
    Secret.REFRESH_TOKEN_QUERY: "connections[].refresh_token_url",
}


def columns(model: type[Model]) -> set[str]:
    return {each.name for each in (*model._meta.fields, *model._meta.many_to_many)} - OF_ROWS


@pytest.mark.parametrize("model", IN_FILE, ids=lambda model: model._meta.db_table)
def test_B5_every_column_of_what_sends_is_in_the_file_or_has_a_reason(model: type[Model]) -> None:
    versions = OF_VERSIONS if "body" in columns(model) else set()
    assert columns(model) - versions == IN_FILE[model].keys() | NOT_IN_FILE.get(model._meta.db_table, {}).keys()


@pytest.mark.parametrize("model", list(apps.get_app_config("setup").get_models()), ids=lambda model: model._meta.db_table)
def test_B5_every_column_of_the_set_up_is_in_the_file_or_has_a_reason(model: type[Model]) -> None:
    table = model._meta.db_table
    if table not in OF_TAGS | RECORDS:
        assert columns(model) == IN_FILE_OF_SETUP[table].keys() | NOT_IN_FILE.get(table, {}).keys()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_B5_every_part_of_a_body_is_in_the_file(body: type) -> None:
    parts = {each.name for each in fields(body) if each.init}
    assert parts - NOT_OF_BODIES.get(body, set()) == BODIES[body].keys()


def test_B5_every_secret_has_a_member_that_refers_to_it() -> None:
    assert set(Secret) - SECRETS.keys() == {Secret.SIGNING_BEFORE}, "it signs until a rotation is finished by hand"


@pytest.mark.django_db
def test_B5_the_whole_file_sets_every_member_and_an_export_has_it() -> None:
    """An export leaves out what has its default, so a member that is there was set, stored, and read again."""
    account = new_account("ACME")
    applied(account, WHOLE)
    User.objects.create_user("ada@example.org", name="Ada", account_id=account)
    applied(account, "flow_notifications: [{flow: Events, users: [ada@example.org], connections: [Chat of operations]}]")
    there = set(members(export_account(account)))
    expected = {path for table in (*IN_FILE.values(), *IN_FILE_OF_SETUP.values(), *BODIES.values()) for path in table.values()}
    assert sorted((expected | set(SECRETS.values())) - there - {"mappings[].subject"}) == []


def members(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all members of an export: `flows[].destinations[].name`."""
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from members(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for entry in value:
            yield from members(entry, f"{path}[]")
