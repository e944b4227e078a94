"""Configuration as code: plan, apply, export (B5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django_scopes import scope
from tests.configuration_files import WHOLE, applied, new_account, planned, value

from heliograph.accounts.models import Account, AuditEntry
from heliograph.accounts.vault import vault
from heliograph.api.configuration.account_names import AccountNames
from heliograph.api.configuration.applied_configuration import drift_of, put_back, stop_managing
from heliograph.api.configuration.configuration_file import OF_SIGNAL, SECTIONS, FileRefused, place_of
from heliograph.api.configuration.configuration_plan import FileToApply, NotAllowed, apply_file, export_account, plan_file
from heliograph.api.configuration.configuration_text import read_text, write_json, write_yaml
from heliograph.api.configuration.planned_changes import ChangeKind, PlannedChange
from heliograph.api.configuration.section import Entry, Saver, Section
from heliograph.connections.models import Connection
from heliograph.connections.services.connections import OWNER
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.models import Flow
from heliograph.flows.services.flows import set_active
from heliograph.mappings.models import Mapping
from heliograph.setup.models import AppliedFile, Tag
from heliograph.setup.services.applied_file_record import newest_applied
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.tags import TagFacts, save_tag
from heliograph.store.django_database import of_django
from heliograph.store.models import ConfigHistory
from heliograph.store.secrets import load_secrets

pytestmark = pytest.mark.django_db

LEADS = """\
flows:
  - name: Leads to the CRM
    mode: Live
    watch: Registration Status Change
    statuses: [Registered]
    properties: [Complete, VIP]
    destinations:
      - {name: CRM, connection: Sales CRM, payload_mapping: Lead, header_mapping: Head, does: adds}
"""
"""A Live flow of the whole file without its filters: it acts on more."""


@pytest.fixture
def account() -> Iterator[int]:
    """An account to which the whole file was applied."""
    id = new_account("ACME")
    applied(id, WHOLE)
    with scope(account=id):
        yield id


def names(changes: Any) -> list[tuple[str, str, str]]:
    return [(change.kind.value, change.section, change.name) for change in changes]


def test_B5_a_file_is_applied_elsewhere_and_exported_identically() -> None:
    """export → apply elsewhere → export is identical, and then a plan of either has no changes. No export has a secret."""
    first, second = new_account("FIRST"), new_account("SECOND")
    applied(first, WHOLE)
    one = write_yaml(export_account(first))
    applied(second, one)
    assert write_yaml(export_account(second)) == one
    assert "planted" not in one
    for id, text in ((first, WHOLE), (second, one)):
        assert planned(id, text).changes == []
    as_json = write_json(export_account(first))
    assert read_text(as_json) == read_text(one)
    assert planned(second, as_json).changes == []


def test_B5_a_value_that_its_field_no_longer_takes_is_not_exported(account: int) -> None:
    """No account would accept it."""
    size = "event_fields:\n  - {code: budget, label: Budget, type: number}\n  - {code: size, label: Size, type: select, options: [%s]}\n"
    applied(account, size % "Small, Huge" + "events:\n  - {code: SUMMIT-26, name: Summit 2026, custom: {budget: ['12'], size: [Huge]}}\n")
    applied(account, size % "Small", allow_wider=True)
    exported = export_account(account, ["event_fields", "events"])
    (event,) = (each for each in exported["events"] if each["code"] == "SUMMIT-26")
    assert event["custom"] == {"budget": ["12"]}
    elsewhere = new_account("OTHER")
    applied(elsewhere, write_yaml(exported | export_account(account, ["tags", "event_statuses"])))
    assert export_account(elsewhere, ["event_fields", "events"]) == exported


def test_B5_a_plan_is_what_applying_does_and_saves_nothing() -> None:
    id = new_account("ACME")
    plan = planned(id, WHOLE)
    with scope(account=id):
        assert not Tag.objects.exists()
        assert not Flow.objects.exists()
        assert not AuditEntry.objects.filter(kind="flow").exists()
    done, row = apply_file(id, FileToApply(WHOLE, "account.yaml", value_of=value), by="test")
    assert names(done.changes) == names(plan.changes)
    assert row.counts == {"added": 34, "changed": 8, "deleted": 0}


def test_B5_applying_is_one_version(account: int) -> None:
    """All that a file changes is in force from one version of the account on, also what was changed twice on the way."""
    with scope(account=None):
        before = ConfigHistory.objects.filter(account_id=account, scope=1).order_by("-since").values_list("since", flat=True)[0]
        text = WHOLE.replace("label: Has cancelled", "label: Gone").replace(
            "name: Cancellations", "name: Cancelled ones\n    was: Cancellations"
        )
        applied(account, text + "  - name: Another\n    watch: Event Create Update\n    event_statuses: [Event is on]\n")
        rows = ConfigHistory.objects.filter(account_id=account, scope=1, since__gt=before)
        assert {row.since for row in rows} == {before + 1}
        assert {row.kind for row in rows} >= {"flow", "tags"}
        assert not ConfigHistory.objects.filter(account_id=account, scope=1, since=before + 1, until=before + 1).exists()


def test_B5_an_account_that_a_file_did_not_change_has_no_new_version_and_no_audit_entry(account: int) -> None:
    versions, entries = ConfigHistory.objects.count(), AuditEntry.objects.count()
    applied(account, WHOLE)
    assert ConfigHistory.objects.count() == versions
    assert AuditEntry.objects.count() == entries


def test_B5_the_same_file_applied_again_makes_no_new_record(account: int) -> None:
    applied(account, WHOLE)
    assert [row.number for row in AppliedFile.objects.all()] == [1]
    entries = AuditEntry.objects.filter(kind="configuration file")
    assert [(entry.what, entry.after) for entry in entries] == [("applied", {"version": 1, "added": 34, "changed": 8, "deleted": 0})]
    stop_managing(account, by="user:7")
    assert AuditEntry.objects.filter(kind="configuration file").count() == 2
    applied(account, WHOLE)
    assert [row.number for row in AppliedFile.objects.all()] == [2, 1]


def test_N4_what_sends_is_neither_exported_nor_applied_while_signal_is_off(account: int) -> None:
    Account.objects.filter(pk=account).update(signal_enabled=False)
    with saving(account, by="test", whole_account=True) as transaction:
        transaction.needs_account()
    content = export_account(account)
    assert "tags" in content
    assert not set(OF_SIGNAL) & content.keys()
    with pytest.raises(FileRefused) as refused:
        applied(account, WHOLE)
    assert [each.where for each in refused.value.problems] == list(OF_SIGNAL)
    assert planned(account, WHOLE[: WHOLE.index("connections:\n")]).changes == []


# --- what is refused


def test_B5_a_file_that_widens_a_rule_is_refused_unless_that_is_allowed(account: int) -> None:
    plan = planned(account, LEADS)
    (change,) = plan.changes
    assert (change.widens, change.stops) == (True, False)
    assert "Event Code is SUMMIT-26" in change.sentences[0]
    assert "Event Code is SUMMIT-26" not in change.sentences[1]
    before = export_account(account)
    with pytest.raises(NotAllowed, match="Leads to the CRM"):
        applied(account, LEADS)
    assert export_account(account) == before
    applied(account, LEADS, allow_wider=True)
    assert planned(account, LEADS).changes == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    mode: Live\n", "    mode: Live\n    active: false\n"),
        ("    statuses: [Registered]\n    properties", "    statuses: []\n    properties"),
        ("connection: Sales CRM, payload_mapping: Lead", "payload_mapping: Lead"),
    ],
    ids=["switched off", "incomplete", "without a connection"],
)
def test_B5_a_file_that_stops_a_running_flow_is_refused_unless_that_is_allowed(account: int, old: str, new: str) -> None:
    assert old in WHOLE
    text = WHOLE.replace(old, new)
    assert [change.name for change in planned(account, text).changes if change.stops] == ["Leads to the CRM"]
    with pytest.raises(NotAllowed):
        applied(account, text)
    applied(account, text, allow_wider=True)


def test_B5_a_running_flow_is_deleted_only_if_both_are_allowed(account: int) -> None:
    text = WHOLE[: WHOLE.index("flows:")] + "flows: []\n"
    assert planned(account, text).changes == []
    with pytest.raises(NotAllowed):
        applied(account, text, prune=True)
    applied(account, text, prune=True, allow_wider=True)
    assert not Flow.objects.filter(deleted_at=None).exists()


def test_B5_a_flow_that_does_what_another_one_does_is_refused_unless_that_is_allowed(account: int) -> None:
    """A flow that is renamed without `was` is a second one: everything would be sent twice."""
    text = WHOLE.replace("name: Leads to the CRM", "name: Leads")
    assert [(change.name, change.kind, change.widens) for change in planned(account, text).changes] == [("Leads", ChangeKind.ADD, True)]
    with pytest.raises(NotAllowed):
        applied(account, text)
    renamed = planned(account, text.replace("name: Leads\n", "name: Leads\n    was: Leads to the CRM\n")).changes
    assert [(change.name, change.kind, change.widens) for change in renamed] == [("Leads", ChangeKind.CHANGE, False)]


def test_B5_a_request_changes_only_so_much_at_once() -> None:
    """Nobody else saves while a file is saved, and on SQLite nothing is recorded. What does not differ does not count."""
    id = new_account("ACME")
    text = "tags:\n" + "".join(f"  - {{name: T{n}, kinds: [event]}}\n" for n in range(12))
    with pytest.raises(FileRefused, match="The file changes 12 things, and at most 10 are changed at once"):
        plan_file(id, FileToApply(text, most=10), by="test")
    applied(id, text)
    assert plan_file(id, FileToApply(text, most=10), by="test").changes == []


def test_B5_everything_that_is_wrong_is_said_with_its_place_and_nothing_is_applied() -> None:
    id = new_account("ACME")
    before = export_account(id)
    text = """\
tags:
  - {name: VIP, kinds: [attendee_type]}
  - {name: vip, kinds: [attendee_type]}
  - {name: Odd, kinds: [spaceship]}
registration_statuses:
  - {name: Gone fishing, tags: []}
  - {name: New, tags: [VIP]}
events:
  - {code: "A B", name: A}
connections:
  - {name: CRM, auth: Open / No Auth}
flows:
  - {name: F, statuses: [Nobody], colour: red}
  - {name: G, statuses: [Nobody]}
sauces: []
"""
    with pytest.raises(FileRefused) as refused:
        applied(id, text)
    places = [(each.where, each.reason) for each in refused.value.problems]
    assert [where for where, _ in places] == ["sauces", "tags, vip", "tags, Odd", "flows, F", "flows, G"]
    said = str(refused.value)
    for sentence in (
        "It is in the file twice",
        "'spaceship' is not possible here. Possible are: registration_status",
        "`colour`",
        "no tag “Nobody”",
    ):
        assert sentence in said
    text = text.replace("  - {name: vip, kinds: [attendee_type]}\n  - {name: Odd, kinds: [spaceship]}\n", "").replace("sauces: []\n", "")
    text = text.replace("  - {name: F, statuses: [Nobody], colour: red}\n  - {name: G, statuses: [Nobody]}\n", "  - {name: F}\n")
    with pytest.raises(FileRefused) as refused:
        applied(id, text)
    assert [each.where for each in refused.value.problems] == [
        "registration_statuses, Gone fishing",
        "registration_statuses, New",
        "events, A B",
        "connections, CRM",
    ]
    assert "is not made for" in str(refused.value)
    assert export_account(id) == before


# --- what is not in the file


def test_B5_a_section_that_is_absent_is_left_alone_and_one_that_is_there_is_pruned_only_if_asked(account: int) -> None:
    text = "tags:\n  - {name: New one, kinds: [event]}\n"
    plan = planned(account, text)
    assert names(plan.changes) == [("add", "tags", "New one")]
    assert {left.section for left in plan.left} == {"tags"}
    assert len(plan.left) == 6
    with pytest.raises(FileRefused) as refused:  # a mapping names Diet, so it cannot go
        applied(account, text, prune=True, allow_wider=True)
    assert [each.where for each in refused.value.problems] == ["tags, Diet", "tags, VIP"]
    assert Tag.objects.count() == 6


def test_B5_pruning_deletes_users_before_what_they_use(account: int) -> None:
    text = "tags: []\nflows: []\nmappings: []\nconnections: []\nprofile_fields: []\n"
    plan = planned(account, text, prune=True)
    assert {change.kind for change in plan.changes if change.section in ("tags", "flows", "mappings", "connections")} == {ChangeKind.DELETE}
    applied(account, text, prune=True, allow_wider=True)
    assert not Tag.objects.exists()
    assert not Connection.objects.filter(deleted_at=None).exists()
    assert not Mapping.objects.filter(deleted_at=None).exists()


def test_B5_what_events_are_set_up_with_is_managed_by_event(account: int) -> None:
    """A list below an event manages that event alone, and events themselves are never deleted."""
    applied(account, "events:\n  - {code: OTHER, name: Other, attendee_types: [{code: A, name: A}]}\n")
    text = "events:\n  - {code: OTHER, name: Other, attendee_types: []}\n"
    assert [(left.section, left.name) for left in planned(account, text).left] == [("events.attendee_types", "A (OTHER)")]
    applied(account, text, prune=True)
    other, summit = sorted(export_account(account, ["events"])["events"], key=lambda event: event["code"])
    assert other["attendee_types"] == []
    assert [each["code"] for each in summit["attendee_types"]] == ["SPEAKER", "GUEST"]


def test_B5_a_thing_is_renamed_by_what_it_was(account: int) -> None:
    """The flow stays the same one, with its history and its figures. Afterwards `was` does not count."""
    flow = Flow.objects.get(name="Leads to the CRM")
    text = LEADS.replace("name: Leads to the CRM", "name: Leads\n    was: Leads to the CRM")
    applied(account, text, allow_wider=True)
    flow.refresh_from_db()
    assert flow.name == "Leads"
    assert Flow.objects.filter(name="Leads to the CRM").count() == 0
    assert planned(account, text).changes == []


def rename_by_hand(account: int, place: str, name: str, new: str) -> None:
    """Saves a thing under another name, as its page does. place: of its section"""
    (section,) = (each for each in SECTIONS if place_of(each) == place)
    with saving(account, by="user:7", whole_account=True) as transaction:
        names = AccountNames.of_account(account)
        (stored,) = (each for each in section.stored(names) if each.name == name)
        section.save(
            Saver(transaction, names, lambda _reference: None), Entry("", (new,), new, {**stored.document, "name": new}), stored.id
        )


def test_B5_what_was_renamed_by_hand_gets_its_name_back(account: int) -> None:
    """It is not created once more: a second flow would send everything twice."""
    before = [(each.pk, each.name) for each in Flow.objects.order_by("pk")]
    for place, name in (("tags", "VIP"), ("connections", "Chat of operations"), ("mappings", "Lead"), ("flows", "Leads to the CRM")):
        rename_by_hand(account, place, name, f"{name}, renamed")
    plan = planned(account, WHOLE)
    changes = names(plan.changes)
    assert {("change", "mappings", "Lead"), ("change", "flows", "Leads to the CRM")} <= set(changes)
    assert {kind for kind, _section, _name in changes} == {"change"}
    assert not plan.left
    applied(account, WHOLE)
    assert [(each.pk, each.name) for each in Flow.objects.order_by("pk")] == before
    assert planned(account, WHOLE).changes == []


def test_B5_a_thing_that_was_renamed_by_hand_is_known_by_its_new_name_too(account: int) -> None:
    """The file follows: nothing changes."""
    rename_by_hand(account, "flows", "Leads to the CRM", "Leads")
    assert planned(account, WHOLE.replace("name: Leads to the CRM", "name: Leads")).changes == []


def test_B5_the_old_name_of_a_thing_is_free_if_the_file_has_the_new_one(account: int) -> None:
    """The file has both: the flow that was renamed by hand stays, and another one is created."""
    rename_by_hand(account, "flows", "Leads to the CRM", "Leads")
    both = f"{LEADS}  - {{name: Leads, mode: Test}}\n"
    assert names(planned(account, both).changes) == [("change", "flows", "Leads"), ("add", "flows", "Leads to the CRM")]


def test_B5_flows_of_one_name_are_told_apart_by_their_order(account: int) -> None:
    text = "flows:\n  - {name: Twin, watch: Event Create Update}\n  - {name: Twin, mode: Live}\n  - {name: ''}\n"
    applied(account, text)
    assert planned(account, text).changes == []
    assert list(Flow.objects.filter(name="Twin").order_by("pk").values_list("mode", flat=True)) == ["Test", "Live"]


# --- secrets


def test_B5_secrets_that_are_not_brought_along_stay_and_others_are_replaced(account: int) -> None:
    row = Connection.objects.get(name="Sales CRM")

    def secrets() -> dict[str, str]:
        return load_secrets(of_django(connection), vault(), account, OWNER, [row.pk])[row.pk]

    before = secrets()
    assert before["password"] == "planted-HELIOGRAPH_SECRET_SALES_CRM_PASSWORD"
    assert before["header x-api-key"] == "planted-crm-key"
    plan = plan_file(account, FileToApply(WHOLE), by="test")
    assert plan.changes == []
    assert "HELIOGRAPH_SECRET_SALES_CRM_PASSWORD" in plan.without_value
    assert "the file crm-key" in plan.without_value
    apply_file(account, FileToApply(WHOLE), by="test")
    assert secrets() == before
    other = FileToApply(WHOLE, value_of=lambda reference: "another" if reference.name.endswith("PASSWORD") else value(reference))
    (change,) = plan_file(account, other, by="test").changes
    assert [member.path for member in change.members] == [("edition",)]
    apply_file(account, other, by="test")
    assert secrets() == before | {"password": "another"}


def test_B5_a_new_connection_needs_its_secrets_and_a_wrong_reference_is_refused() -> None:
    id = new_account("ACME")
    crm = "connections:\n  - {name: CRM, auth: Open / No Auth, url: {env: %s}}\n"
    for name, sentence in (
        ("HELIOGRAPH_SECRET_CRM", "was not brought along"),
        ("HELIOGRAPH_KEYS", "begins with HELIOGRAPH_SECRET_"),
        ("PATH", "begins with HELIOGRAPH_SECRET_"),
    ):
        with pytest.raises(FileRefused, match=sentence):
            apply_file(id, FileToApply(crm % name), by="test")
    with pytest.raises(FileRefused, match="named without its folder"):
        applied(id, crm.replace("env: %s", "file: ../key"))
    with pytest.raises(FileRefused, match="cannot stand here"):
        applied(id, "flows:\n  - {name: {env: HELIOGRAPH_SECRET_NAME}}\n")
    with pytest.raises(FileRefused, match="cannot stand here"):
        applied(id, crm.replace("}}", "}, user_name: {env: HELIOGRAPH_SECRET_NAME}}") % "HELIOGRAPH_SECRET_URL")


def test_B5_what_is_remembered_of_a_file_has_no_secret(account: int) -> None:
    text = WHOLE.replace("{env: HELIOGRAPH_SECRET_CHAT_URL}", "https://chat.example.org/hooks/planted-path")
    text = text.replace("value: {file: crm-key}", "value: planted-header").replace(
        "{kind: secret, value: {env: HELIOGRAPH_SECRET_HEAD}}", "{kind: text, text: planted-text}"
    )
    text = text.replace("https://login.example.org/refresh", "https://login.example.org/refresh?key=planted-query")
    applied(account, text)
    rows = [(row.content, row.state) for row in AppliedFile.objects.all()]
    assert len(rows) == 2
    assert "planted" not in repr(rows)
    assert "planted" not in repr(list(AuditEntry.objects.values_list("before", "after")))


# --- what was changed by hand since


def changed_by_hand(account: int) -> list[PlannedChange]:
    row = newest_applied()
    assert row is not None
    return drift_of(row)


def test_B5_a_change_by_hand_is_drift_until_it_is_put_back_or_taken_into_the_file(account: int) -> None:
    assert changed_by_hand(account) == []
    flow = Flow.objects.get(name="Cancellations")
    with saving(account, by="user:7", whole_account=True) as transaction:
        set_active(transaction, flow.pk, active=True)
        tag = save_tag(transaction, TagFacts("By hand", frozenset({TagKind.EVENT})))
    assert names(changed_by_hand(account)) == [("add", "tags", "By hand"), ("change", "flows", "Cancellations")]
    assert [change.drift.by for change in changed_by_hand(account) if change.drift] == ["user:7", "user:7"]
    (planned_change,) = planned(account, WHOLE).changes
    assert planned_change.drift is not None
    assert planned_change.drift.by == "user:7"
    with pytest.raises(NotAllowed):  # it runs now, and putting it back stops it
        put_back(account, "flows", flow.pk, by="user:8")
    put_back(account, "flows", flow.pk, by="user:8", allow_wider=True)
    put_back(account, "tags", tag.pk, by="user:8")
    assert changed_by_hand(account) == []
    assert not Flow.objects.get(pk=flow.pk).is_active
    assert not Tag.objects.filter(name="By hand").exists()


def test_B5_what_was_deleted_by_hand_is_created_again(account: int) -> None:
    """Its id is another one, and nothing differs from the file afterwards."""
    from heliograph.flows.services.flows import delete_flow

    flow = Flow.objects.get(name="Sessions")
    with saving(account, by="user:7", whole_account=True) as transaction:
        delete_flow(transaction, flow.pk)
    assert names(changed_by_hand(account)) == [("delete", "flows", "Sessions")]
    put_back(account, "flows", flow.pk, by="user:8")
    assert changed_by_hand(account) == []
    assert Flow.objects.get(name="Sessions", deleted_at=None).pk != flow.pk
    assert planned(account, WHOLE).changes == []


def without(value: Any, name: str) -> Any:
    """JSON without the members of this name, as a release stores it that has no such member."""
    if isinstance(value, dict):
        return {each: without(of, name) for each, of in value.items() if each != name}
    return [without(each, name) for each in value] if isinstance(value, list) else value


def members(value: Any) -> set[str]:
    """The names of all members, at any depth."""
    if isinstance(value, dict):
        return value.keys() | set[str]().union(*map(members, value.values()))
    return set[str]().union(*map(members, value)) if isinstance(value, list) else set()


def test_B5_a_member_that_a_later_release_adds_is_no_drift(account: int) -> None:
    """After an upgrade nothing was changed by hand, though things have a member that the file left without; at any depth, each member in turn."""
    row = newest_applied()
    assert row is not None
    assert row.state is not None
    states = {place: [thing[3] for thing in things] for place, things in row.state.items()}
    every_member = set[str]().union(*(members(each) for each in states.values()))
    assert len(every_member) > 60
    for name in sorted(every_member):
        state = {place: [[*thing[:3], without(thing[3], name)] for thing in things] for place, things in row.state.items()}
        assert drift_of(AppliedFile(account_id=account, content=row.content, state=state)) == [], name


def test_B5_a_later_member_that_was_changed_by_hand_is_drift(account: int) -> None:
    row = newest_applied()
    assert row is not None
    assert row.state is not None
    row.state = {place: [[*thing[:3], without(thing[3], "label")] for thing in things] for place, things in row.state.items()}
    tag = Tag.objects.get(name="Cancelled")
    with saving(account, by="user:7", whole_account=True) as transaction:
        save_tag(transaction, TagFacts(tag.name, frozenset(map(TagKind, tag.kinds)), label="By hand"), tag.pk)
    (change,) = drift_of(row)
    assert [(each.path, each.before, each.after) for each in change.members] == [(("label",), "Has cancelled", "By hand")]


def test_B5_drift_is_told_only_of_the_sections_that_the_file_manages(account: int) -> None:
    applied(account, "flows: []\n")
    with saving(account, by="user:7", whole_account=True) as transaction:
        save_tag(transaction, TagFacts("By hand", frozenset({TagKind.EVENT})))
    assert changed_by_hand(account) == []


def test_B5_sections_have_places_of_their_own() -> None:
    from heliograph.api.configuration.configuration_file import SECTIONS

    places = [place_of(section) for section in SECTIONS]
    assert len(set(places)) == len(places)
    assert all(isinstance(section, Section) for section in SECTIONS)
