"""Notifications in a configuration file: what the account tells, and who is told about each connection and flow (B4, B5)."""

from __future__ import annotations

import pytest
from django_scopes import scope
from tests.configuration_files import applied, new_account, planned

from heliograph.accounts.models import AuditEntry, User
from heliograph.api.configuration.configuration_file import FileRefused
from heliograph.api.configuration.configuration_plan import export_account
from heliograph.domain.notification.kinds import OF_THINGS, Kind
from heliograph.domain.notification.notification_settings import Rule
from heliograph.notifications import stored_settings

pytestmark = pytest.mark.django_db(transaction=True)

SECTIONS = ("notifications", "connection_notifications", "flow_notifications")
THINGS = """
connections: [{name: CRM, auth: Open / No Auth, url: "https://crm.example.org/"}, {name: Chat, auth: Open / No Auth, url: "https://chat.example.org/"}]
flows: [{name: Leads}, {name: Leads}, {name: Badges}]
"""
TOLD = """
notifications:
  places: [{connection: chat, kinds: [failed, refuses]}, {address: Team@Example.org, kinds: [summary]}]
  waits_minutes: 15
  quiet_hours: {first: "22:00", last: "06:30"}
connection_notifications: [{connection: CRM, users: [Ada@example.org], connections: [Chat], kinds: [ends, refuses]}]
flow_notifications: [{flow: leads, number: 2, addresses: [leads@example.org]}]
"""


@pytest.fixture
def account() -> int:
    account = new_account("ACME")
    User.objects.create_user("ada@example.org", name="Ada", account_id=account)
    applied(account, THINGS)
    return account


def rules(account: int) -> dict[tuple[str, int], Rule]:
    with scope(account=account):
        return stored_settings.rules_of(account)


def test_B5_a_file_says_who_is_told_and_an_export_says_the_same(account: int) -> None:
    assert sorted({change.section for change in planned(account, TOLD).changes}) == sorted(SECTIONS)
    assert not rules(account)
    applied(account, TOLD)
    ada = User.objects.get(email="ada@example.org")
    by_connection, by_flow = sorted(rules(account).values(), key=lambda rule: len(rule.kinds))
    assert by_connection.users == {ada.pk}
    assert by_connection.kinds == {Kind.REFUSES, Kind.ENDS}
    assert by_flow == Rule(frozenset(), ("leads@example.org",), frozenset(OF_THINGS))
    content = export_account(account, SECTIONS)
    assert content["notifications"] == {
        "places": [{"connection": "Chat", "kinds": ["refuses", "failed"]}, {"address": "team@example.org", "kinds": ["summary"]}],
        "waits_minutes": 15,
        "summary_at": "08:00",
        "quiet_hours": {"first": "22:00", "last": "06:30", "weekend": False},
    }
    assert content["connection_notifications"] == [
        {"users": ["ada@example.org"], "connections": ["Chat"], "kinds": ["refuses", "ends"], "connection": "CRM"}
    ]
    assert content["flow_notifications"] == [{"addresses": ["leads@example.org"], "flow": "Leads", "number": 2}]
    assert not planned(account, TOLD, prune=True).changes
    with scope(account=account):
        assert AuditEntry.objects.filter(kind="notifications", by="test").count() == 3


def test_B5_an_absent_member_of_notifications_stays_and_what_is_left_out_is_removed_only_if_asked(account: int) -> None:
    applied(account, TOLD)
    applied(account, "notifications: {summary_at: '09:00'}")
    assert export_account(account, ["notifications"])["notifications"]["waits_minutes"] == 15
    applied(account, "flow_notifications: []")
    assert len(rules(account)) == 2
    plan = applied(account, "flow_notifications: []\nconnection_notifications: []", prune=True)
    assert [(change.section, change.kind.value, change.name) for change in plan.changes] == [
        ("connection_notifications", "delete", "CRM"),
        ("flow_notifications", "delete", "Leads"),
    ]
    assert not rules(account)


def test_B5_a_rule_stays_with_a_connection_that_the_file_renames(account: int) -> None:
    applied(account, TOLD)
    before = rules(account)
    renamed = """
connections: [{name: Sales, was: CRM, auth: Open / No Auth}, {name: Chat, auth: Open / No Auth}]
connection_notifications: [{connection: Sales, users: [ada@example.org], connections: [Chat], kinds: [ends, refuses]}]
"""
    applied(account, renamed, prune=True)
    assert rules(account) == before
    assert not planned(account, renamed, prune=True).changes


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("connection_notifications: [{connection: Nowhere, users: [ada@example.org]}]", "connection_notifications, 1: There is no connection “Nowhere”."),
        ("flow_notifications: [{flow: Leads, number: 3, users: [ada@example.org]}]", "There is no flow “Leads”."),
        ("flow_notifications: [{flow: Leads, users: [eve@example.org]}]", "There is no person “eve@example.org”."),
        ("flow_notifications: [{flow: Leads}]", "Choose who is told"),
        ("flow_notifications: [{flow: Leads, addresses: [nobody]}]", "“nobody” is not an e-mail address."),
        ("flow_notifications: [{flow: Leads, addresses: [a@b.org], kinds: [ended]}]", "kinds"),
        ("notifications: {places: [{kinds: [failed]}]}", "Name a connection or an address"),
        ("notifications: {places: [{kinds: [failed], address: a@b.org, connection: Chat}]}", "Name a connection or an address"),
        ("notifications: {waits_minutes: 17}", "waits_minutes"),
        ("notifications: {quiet_hours: {first: '25:00'}}", "first"),
    ],
)  # fmt: skip
def test_B5_what_cannot_be_told_is_refused_at_its_place(account: int, text: str, problem: str) -> None:
    with pytest.raises(FileRefused, match=problem.replace("(", r"\(")):
        applied(account, text)
    assert not rules(account)
