"""Connections, mappings and flows, as the services save them (C1, F2, M1, P12, D7)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from django.db import connection as django_connection
from django_scopes import scope
from tests.authority import Authority
from tests.builders.account import BY, Acme, acme

from heliograph.accounts.models import AuditEntry
from heliograph.connections.services.connections import ConnectionFacts, SecretsAgain, connection_url, delete_connection, save_connection
from heliograph.connections.services.networks import allow_networks
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.action import ActionState, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.completeness import FlowLack, Missing
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.mapping.mapping import FixedText, Mapping, MappingRow, SourceValue, Subject
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.models import Destination as DestinationRow
from heliograph.flows.models import Flow as FlowRow
from heliograph.flows.services import flows
from heliograph.mappings.services import delete_mapping, mapping_uses, save_mapping
from heliograph.recording.items import RecordItem
from heliograph.recording.record import record
from heliograph.setup.models import CustomField
from heliograph.setup.save_questions import AsksFirst
from heliograph.setup.services import event_setup
from heliograph.setup.services.custom_fields import FieldFacts, delete_field, save_field
from heliograph.setup.services.object_tags import set_tags
from heliograph.setup.services.tags import TagFacts, delete_tag, merge_tags, save_tag
from heliograph.setup.services.versions import history
from heliograph.setup.setup_errors import InUse, Invalid, NotThere
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.django_database import of_django
from heliograph.store.models import Action, ConfigHistory, StuckRun
from heliograph.store.models import Secret as SecretRow
from heliograph.store.queue import stuck_runs

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> Acme:
    return acme()


def pk(row: object) -> int:
    return row.pk  # type: ignore[attr-defined]


def lacks(made: Acme) -> tuple[Missing, ...]:
    return flows.lacks(made.flow_facts(), made.config())


# --- connections


def test_C5_no_secret_is_in_a_version_the_audit_or_a_row(made: Acme) -> None:
    with scope(account=made.pk):
        texts = [h.body for h in ConfigHistory.objects.all()]
        texts += [json.dumps([e.before, e.after]) for e in AuditEntry.objects.all()]
        texts += [json.dumps(made.connection.body), made.connection.host]
        stored = [bytes(row.value) for row in SecretRow.objects.all()]
    for secret in ("old password", "s3cr3t", "/hooks/"):
        assert not any(secret in text for text in texts)
        assert not any(secret.encode() in value for value in stored)
    assert made.config().connections[pk(made.connection)].secrets == {Secret.PATH, Secret.PASSWORD}


def test_C5_a_new_password_is_a_new_version_the_same_one_is_none(made: Acme) -> None:
    id, facts = pk(made.connection), {"name": "CRM", "auth": "Basic Authentication", "user_name": "crm"}
    with made.setting_up() as transaction:
        assert save_connection(transaction, ConnectionFacts(facts, secrets={Secret.PASSWORD: "old password"}), id).number == 1
        assert save_connection(transaction, ConnectionFacts(facts), id).number == 1
        assert save_connection(transaction, ConnectionFacts(facts, secrets={Secret.PASSWORD: "new password"}), id).number == 2
        assert connection_url(transaction.db, transaction.account, id) == ("https://crm.example.com/hooks/s3cr3t?event={event.code}", "")


def test_C5_another_host_asks_for_the_secrets_again(made: Acme) -> None:
    id, facts = pk(made.connection), {"name": "CRM", "auth": "Basic Authentication", "user_name": "crm"}
    with pytest.raises(SecretsAgain) as refused, made.setting_up() as transaction:
        save_connection(transaction, ConnectionFacts(facts, url="https://evil.example.net/x"), id)
    assert refused.value.names == {Secret.PASSWORD}
    with made.setting_up() as transaction:
        save_connection(transaction, ConnectionFacts(facts, url="https://new.example.net/x", secrets={Secret.PASSWORD: "p"}), id)
    assert made.config().connections[id].origin == "https://new.example.net"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.com/",
        "https://",
        "https://u:p@example.com/",
        "http://example.com/",
        "https://ex ample.com/",
        "https://{event.code}.example.com/",
    ],
)
def test_C2_a_url_that_cannot_be_is_refused(url: str, made: Acme) -> None:
    with pytest.raises(Invalid) as refused, made.setting_up() as transaction:
        save_connection(transaction, ConnectionFacts({"name": "X", "auth": "Open / No Auth"}, url=url))
    assert list(refused.value.fields) == ["url"]


def test_F2_a_connection_that_loses_its_password_asks_first(made: Acme) -> None:
    facts = ConnectionFacts({"name": "CRM", "auth": "Basic Authentication", "user_name": "crm"}, forget=frozenset({Secret.PASSWORD}))
    with pytest.raises(AsksFirst) as asked, made.setting_up() as transaction:
        save_connection(transaction, facts, pk(made.connection))
    assert [(stop.flow, [m.lack for m in stop.missing]) for stop in asked.value.stops] == [(pk(made.flow), [FlowLack.CONNECTION])]
    assert lacks(made) == ()
    with made.setting_up() as transaction:
        save_connection(transaction, facts, pk(made.connection), confirmed=True)
    assert [m.lack for m in lacks(made)] == [FlowLack.CONNECTION]


def test_names_are_unique_whatever_their_case(made: Acme) -> None:
    with pytest.raises(Invalid, match="already"), made.setting_up() as transaction:
        save_connection(transaction, ConnectionFacts({"name": "crm", "auth": "Open / No Auth"}, url="https://a.example/"))
    with pytest.raises(Invalid, match="already"), made.setting_up() as transaction:
        save_mapping(transaction, Mapping("LEAD"))


def test_P12_what_a_flow_uses_is_not_deletable(made: Acme) -> None:
    for delete, id in ((delete_connection, pk(made.connection)), (delete_mapping, pk(made.mapping))):
        with pytest.raises(InUse, match="flow Leads"), made.setting_up() as transaction:
            delete(transaction, id)
    with made.setting_up() as transaction:
        assert [use.id for use in mapping_uses(made.pk, pk(made.mapping))] == [pk(made.flow)]
        flows.delete_flow(transaction, pk(made.flow))
        delete_connection(transaction, pk(made.connection))
        delete_mapping(transaction, pk(made.mapping))
    with scope(account=made.pk):
        assert not SecretRow.objects.exists()
    config = made.config()
    assert not config.connections
    assert not config.mappings
    with made.setting_up() as transaction:  # its name is available again
        save_mapping(transaction, Mapping("Lead"))


# --- mappings


def test_a_mapping_names_only_what_the_account_has(made: Acme) -> None:
    for source in ("answer.999999", f"answer.{made.tags['Registered'].pk}", "profile.custom.999999", "event.custom.999999"):
        with pytest.raises(Invalid, match="There is no"), made.setting_up() as transaction:
            save_mapping(transaction, Mapping("X", rows=(MappingRow("a", (SourceValue(source),)),)))
    with made.setting_up() as transaction:
        save_mapping(
            transaction,
            Mapping(
                "X",
                rows=(
                    MappingRow("a", (SourceValue("property.-1"), FixedText("!"), SourceValue(f"previous.answer.{made.tags['Diet'].pk}"))),
                ),
            ),
        )


def test_P12_a_tag_or_field_that_a_mapping_takes_is_not_deletable(made: Acme) -> None:
    with pytest.raises(InUse, match="mapping Lead"), made.setting_up() as transaction:
        delete_tag(transaction, made.tags["Diet"].pk)
    with made.setting_up() as transaction:
        size = save_field(transaction, FieldFacts("profile", "size", "Size"))
        save_mapping(transaction, Mapping("Sizes", rows=(MappingRow("a", (SourceValue(f"profile.custom.{size.pk}"),)),)))
    with pytest.raises(InUse, match="mapping Sizes"), made.setting_up() as transaction:
        delete_field(transaction, size.pk)


def test_F2_a_mapping_made_for_something_else_asks_first(made: Acme) -> None:
    with pytest.raises(AsksFirst), made.setting_up() as transaction:
        save_mapping(transaction, Mapping("Lead", subject=Subject.EVENT), pk(made.mapping))


# --- flows


def test_F2_an_incomplete_flow_can_be_saved(made: Acme) -> None:
    with made.setting_up() as transaction:
        row = flows.save_flow(transaction, Flow(0))
    assert not row.is_complete
    assert row.is_active
    assert row.mode == Mode.TEST
    made.flow = row
    assert [m.lack for m in lacks(made)] == [FlowLack.NAME, FlowLack.WATCH, FlowLack.DESTINATION]


def test_F2_making_a_running_flow_incomplete_asks_first(made: Acme) -> None:
    facts = replace(made.flow_facts(), statuses=())
    with pytest.raises(AsksFirst), made.setting_up() as transaction:
        flows.save_flow(transaction, facts, facts.id)
    assert made.flow_facts().statuses
    with made.setting_up() as transaction:
        assert not flows.save_flow(transaction, facts, facts.id, confirmed=True).is_complete
    with made.setting_up() as transaction:  # it does not run: nothing to confirm
        flows.save_flow(transaction, replace(facts, watch=None), facts.id)


def test_F8_destinations_keep_their_ids(made: Acme) -> None:
    facts = made.flow_facts()
    first = facts.destinations[0]
    with made.setting_up() as transaction:
        flows.save_flow(transaction, replace(facts, destinations=(replace(first, id=0, name="Second"), first)), facts.id)
    second, same = made.flow_facts().destinations
    assert same.id == first.id
    assert second.id not in (0, first.id)
    with made.setting_up() as transaction:
        flows.save_flow(transaction, replace(facts, destinations=(second,)), facts.id)
    with scope(account=made.pk):
        assert DestinationRow.objects.get(pk=first.id).removed_at is not None
    with pytest.raises(Invalid, match="no destination"), made.setting_up() as transaction:  # a removed destination does not return
        flows.save_flow(transaction, replace(facts, destinations=(first,)), facts.id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"statuses": (999_999,)},
        {"statuses": (-1,)},
        {"filters": (FilterRow("registration.modified", Op.IS_ANY_OF, ("x",)),)},
        {"filters": (FilterRow("event.tags", Op.IS_ANY_OF, ("x",)),)},
        {"filters": (FilterRow("event.tags", Op.IS_ANY_OF, ("999999",)),)},
        {"filters": (FilterRow("profile.custom.999999", Op.IS_ANY_OF, ("x",)),)},
        {"watch": Watch.EVENT, "statuses": (), "filters": (FilterRow("profile.email", Op.CONTAINS, ("@",)),)},
        {"destinations": (Destination(0, connection=999_999),)},
        {"destinations": (Destination(0, payload_mapping=999_999),)},
        {"destinations": (Destination(0, integration="Pigeons"),)},
        {"name": "x" * 201},
        {"name": "a\0b"},
    ],
    ids=str,
)
def test_what_no_flow_can_be_is_refused(wrong: dict[str, object], made: Acme) -> None:
    with pytest.raises(Invalid), made.setting_up() as transaction:
        flows.save_flow(transaction, replace(made.flow_facts(), **wrong), pk(made.flow), confirmed=True)


def test_F6_custom_fields_of_every_type_can_be_filtered_by_and_are_in_use_then(made: Acme) -> None:
    with made.setting_up() as transaction:
        free = save_field(transaction, FieldFacts("profile", "hobby", "Hobby")).pk
        chosen = save_field(transaction, FieldFacts("profile", "size", "Size", "select", ("S", "M"))).pk
    facts = made.flow_facts()
    rows = (FilterRow(f"profile.custom.{free}", Op.CONTAINS, ("x",)), FilterRow(f"profile.custom.{chosen}", Op.IS_ANY_OF, ("S",)))
    with made.setting_up() as transaction:
        flows.save_flow(transaction, replace(facts, filters=rows), facts.id)
    for field in (free, chosen):
        with pytest.raises(InUse, match="flow Leads"), made.setting_up() as transaction:
            delete_field(transaction, field)
    with scope(account=made.pk):
        assert CustomField.objects.filter(pk__in=(free, chosen)).count() == 2


def test_P12_the_tag_of_an_answer_that_is_filtered_by_is_in_use_and_can_be_replaced(made: Acme) -> None:
    with made.setting_up() as transaction:
        diet, food = (save_tag(transaction, TagFacts(name, frozenset({TagKind.QUESTION}))).pk for name in ("Meals", "Food"))
        facts = made.flow_facts()
        flows.save_flow(transaction, replace(facts, filters=(FilterRow(f"answer.{diet}", Op.IS_NOT_EMPTY),)), facts.id)
    with pytest.raises(InUse, match="flow Leads"), made.setting_up() as transaction:
        delete_tag(transaction, diet)
    with made.setting_up() as transaction:
        merge_tags(transaction, diet, food)
    assert made.flow_facts().filters == (FilterRow(f"answer.{food}", Op.IS_NOT_EMPTY),)


def test_P12_deleting_a_lists_last_tag_makes_the_flow_incomplete(made: Acme) -> None:
    with made.setting_up() as transaction:
        vip = save_tag(transaction, TagFacts("VIP", frozenset({TagKind.REGISTRATION_PROPERTY}))).pk
    facts = made.flow_facts()
    # An optional list: emptying it by a deletion would widen the rule, so it makes the flow incomplete too.
    with made.setting_up() as transaction:
        flows.save_flow(transaction, replace(facts, watch=Watch.REGISTRATION, properties=(vip,)), facts.id)
        delete_tag(transaction, vip)
    assert made.flow_facts().emptied == ("properties",)
    assert lacks(made) == (Missing(FlowLack.LIST, "properties"),)
    with scope(account=made.pk):
        assert not FlowRow.objects.get(pk=facts.id).is_complete
    assert not any(made.config().by_facet.values())
    with made.setting_up() as transaction:  # left empty on purpose
        flows.save_flow(transaction, replace(made.flow_facts(), emptied=()), facts.id)
    assert lacks(made) == ()


def test_P12_deleting_one_tag_of_several_narrows_the_list(made: Acme) -> None:
    with made.setting_up() as transaction:
        other = save_tag(transaction, TagFacts("Other", frozenset({TagKind.REGISTRATION_STATUS}))).pk
        flows.save_flow(transaction, replace(made.flow_facts(), statuses=(made.tags["Registered"].pk, other)), pk(made.flow))
        delete_tag(transaction, other)
    assert made.flow_facts().statuses == (made.tags["Registered"].pk,)
    assert lacks(made) == ()


def test_P12_a_tag_that_a_filter_keeps_out_stops_the_flow_when_it_is_deleted(made: Acme) -> None:
    row = FilterRow("event.tags", Op.IS_NONE_OF, (str(made.tags["Registered"].pk),))
    with made.setting_up() as transaction:
        flows.save_flow(transaction, replace(made.flow_facts(), filters=(row,)), pk(made.flow))
    with made.setting_up() as transaction:
        delete_tag(transaction, made.tags["Registered"].pk)
    assert made.flow_facts().filters == (replace(row, values=()),)
    assert Missing(FlowLack.FILTER_VALUES, "0") in lacks(made)


def test_F1_a_copy_is_off_and_test_with_destinations_of_its_own(made: Acme) -> None:
    with made.setting_up() as transaction:
        row = flows.copy_flow(transaction, pk(made.flow), name="Leads, copy")
    copy = made.config().flows[row.pk]
    original = made.flow_facts()
    assert (copy.active, copy.mode, copy.statuses) == (False, Mode.TEST, original.statuses)
    assert {d.id for d in copy.destinations}.isdisjoint(d.id for d in original.destinations)


def test_F10_versions_can_be_looked_at_and_restored(made: Acme) -> None:
    id = pk(made.flow)
    with made.setting_up() as transaction:
        flows.set_active(transaction, id, active=False)
        flows.save_flow(transaction, replace(made.flow_facts(), active=False, mode=Mode.TEST), id, confirmed=True)
        found = history(transaction.db, made.pk, "flow", id)
        assert [(v.number, v.body["active"], v.body["mode"]) for v in found] == [(3, False, "Test"), (2, False, "Live"), (1, True, "Live")]
        assert flows.restore_flow(transaction, id, 1).number == 4
        with pytest.raises(NotThere):
            flows.restore_flow(transaction, id, 9)
    assert made.flow_facts() == replace(made.flow_facts(), active=False, mode=Mode.LIVE, number=4)


def test_the_audit_says_that_a_flow_was_switched(made: Acme) -> None:
    with made.setting_up() as transaction:
        flows.set_active(transaction, pk(made.flow), active=False)
        flows.set_active(transaction, pk(made.flow), active=False)
        flows.set_active(transaction, pk(made.flow), active=True)
    with scope(account=made.pk):
        said = AuditEntry.objects.filter(kind="flow").order_by("id").values_list("what", flat=True)
        assert list(said) == ["created", "switched off", "switched on"]


# --- versions with validity ranges (F9, F10)


def test_F9_an_older_version_gives_the_older_configuration_tag_assignments_included(made: Acme) -> None:
    tag = made.tags["Registered"].pk
    with made.planning() as transaction:
        vip = event_setup.save_status(transaction, made.event, event_setup.StatusFacts("VIP", "VIP guest", StatusClass.ACCEPTED)).pk
    account_then, event_then = made.config().version, made.event_config().version
    with made.setting_up() as transaction:
        flows.set_active(transaction, pk(made.flow), active=False)
        set_tags(transaction, TagKind.REGISTRATION_STATUS, made.status("New"), [])
    with made.planning() as transaction:
        set_tags(transaction, TagKind.REGISTRATION_STATUS, vip, [tag])
        event_setup.save_status(
            transaction, made.event, event_setup.StatusFacts("VIP", "Guest of honour", StatusClass.ACCEPTED, (tag,)), vip
        )
    provider = Committed(of_django(django_connection), ConfigCache())
    now, then = provider.account(made.pk), provider.account(made.pk, account_then)
    assert now.version > account_then
    assert (then.flows[pk(made.flow)].active, now.flows[pk(made.flow)].active) == (True, False)
    new = made.status("New")
    assert (then.statuses[new].tags, now.statuses[new].tags) == (frozenset({tag}), frozenset[int]())
    event_now, event_then_config = provider.event(made.event), provider.event(made.event, event_then)
    assert (event_then_config.statuses[vip].name, event_then_config.statuses[vip].tags) == ("VIP guest", frozenset[int]())
    assert (event_now.statuses[vip].name, event_now.statuses[vip].tags) == ("Guest of honour", frozenset({tag}))


def test_F10_a_save_that_changes_nothing_makes_no_version(made: Acme) -> None:
    before = made.config().version, made.event_config().version
    with made.setting_up() as transaction:
        flows.save_flow(transaction, made.flow_facts(), pk(made.flow))
        set_tags(transaction, TagKind.REGISTRATION_STATUS, made.status("New"), [made.tags["Registered"].pk])
    with made.planning():
        pass
    assert (made.config().version, made.event_config().version) == before


def test_the_loader_compiles_a_version_once_and_forgets_the_oldest(made: Acme) -> None:
    provider = Committed(of_django(django_connection), ConfigCache(accounts=1))
    first = provider.account(made.pk)
    assert provider.account(made.pk, first.version) is first
    with made.setting_up() as transaction:
        flows.set_active(transaction, pk(made.flow), active=False)
    assert provider.account(made.pk) is not first
    assert provider.account(made.pk, first.version) is not first
    with pytest.raises(KeyError):
        provider.account(999_999)
    with pytest.raises(KeyError):
        provider.event(999_999)


# --- what a fix resolves, what a deletion ends


def register(made: Acme, code: str, status: str) -> None:
    with made.planning() as transaction:
        answers = record(
            transaction.db, [RecordItem(made.pk, {"event": "SUMMIT-26", "code": code, "status": status}, by=BY)], transaction.provider
        )
    assert answers[0].is_recorded, answers[0].problems


def test_D7_a_tag_makes_due_exactly_what_waited_for_it(made: Acme) -> None:
    register(made, "S1", "Attended")
    register(made, "S2", "Invited")

    def waiting() -> dict[str, bool]:
        with scope(account=made.pk):
            now = of_django(django_connection).now()
            found = StuckRun.objects.filter(queue__lt=3)
            return {str(j.registration_id): StuckRun.objects.filter(pk=j.pk, due_at__lte=now).exists() for j in found}

    assert list(waiting().values()) == [False, False]
    with made.setting_up() as transaction:
        set_tags(transaction, TagKind.REGISTRATION_STATUS, made.status("Attended"), [made.tags["Registered"].pk])
    with made.setting_up() as transaction:  # the worker's step
        assert stuck_runs.compare_next(transaction.db, made.pk) == 2
    assert sorted(waiting().values()) == [False, True]


def test_P12_deleting_a_flow_ends_its_actions_as_failed(made: Acme) -> None:
    register(made, "S1", "New")
    register(made, "S2", "Invited")
    with made.setting_up() as transaction:
        flows.delete_flow(transaction, pk(made.flow))
    with scope(account=made.pk):
        assert [(a.state, a.cause) for a in Action.objects.all()] == [(ActionState.FAILED, "flow_deleted")]
        assert [(j.queue, j.cause) for j in StuckRun.objects.all()] == [(QueueStatus.RETRY.code, "untagged")]
        assert FlowRow.objects.get(pk=pk(made.flow)).deleted_at is not None  # its figures refer to it
    assert pk(made.flow) not in made.config().flows
    with made.setting_up() as transaction:  # the worker's step, which then ends what is due
        assert transaction.db.all("SELECT flow_id FROM saved_cure") == [(pk(made.flow),)]
        assert stuck_runs.compare_next(transaction.db, made.pk) == 1
        assert transaction.db.all("SELECT count(*) FROM stuck_run WHERE due_at <= :now", {"now": transaction.db.now()}) == [(1,)]


def test_F8_removing_a_destination_ends_its_actions_as_failed(made: Acme) -> None:
    register(made, "S1", "New")
    with made.setting_up() as transaction:
        flows.save_flow(transaction, replace(made.flow_facts(), destinations=()), pk(made.flow), confirmed=True)
    with scope(account=made.pk):
        assert [(a.state, a.cause) for a in Action.objects.all()] == [(ActionState.FAILED, "destination_removed")]


@pytest.mark.parametrize(("url", "due"), [("https://crm.example.com:8443/hooks", 1), ("https://crm.example.com/elsewhere", 0), (None, 0)])
def test_D7_a_mended_port_makes_due_what_was_not_reached(made: Acme, url: str | None, due: int) -> None:
    register(made, "S1", "New")
    with scope(account=made.pk):
        far = of_django(django_connection).now() + 10**12
        Action.objects.update(state=2, queue=1, category=2, cause="refused", due_at=far, tries=1, sent=1)
        with made.setting_up() as transaction:
            transaction.db.run("UPDATE lane SET state = 2, due_at = :due WHERE account_id = :account", {"due": far, "account": made.pk})
            transaction.db.run(
                "INSERT INTO connection_state (connection_id, account_id, paused, paused_why, failures) VALUES (:c, :a, :no, '', 9)",
                {"c": pk(made.connection), "a": made.pk, "no": False},
            )
            facts = {"name": "CRM", "auth": "Basic Authentication", "user_name": "crm"}
            save_connection(transaction, ConnectionFacts(facts, url=url, secrets={Secret.PASSWORD: "right"}), pk(made.connection))
            assert transaction.db.all(
                "SELECT count(*) FROM lane WHERE account_id = :a AND (state = 1 OR due_at <= :now)",
                {"a": made.pk, "now": transaction.db.now()},
            ) == [(due,)]
            assert transaction.db.all("SELECT failures FROM connection_state WHERE connection_id = :c", {"c": pk(made.connection)}) == [
                (0 if due else 9,)
            ]


def test_D7_a_new_password_makes_refused_items_due(made: Acme) -> None:
    register(made, "S1", "New")
    with scope(account=made.pk):
        far = of_django(django_connection).now() + 10**12
        Action.objects.update(state=2, queue=1, category=5, cause="answer", due_at=far, tries=1, sent=1)
        with made.setting_up() as transaction:
            transaction.db.run("UPDATE lane SET state = 2, due_at = :due WHERE account_id = :account", {"due": far, "account": made.pk})
            facts = ConnectionFacts({"name": "CRM", "auth": "Basic Authentication", "user_name": "crm"}, secrets={Secret.PASSWORD: "right"})
            save_connection(transaction, facts, pk(made.connection))
            assert transaction.db.all(
                "SELECT count(*) FROM lane WHERE account_id = :a AND (state = 1 OR due_at <= :now)",
                {"a": made.pk, "now": transaction.db.now()},
            ) == [(1,)]


# --- what cures nothing makes nothing due (D7)

BASIC: Final = {"name": "CRM", "auth": "Basic Authentication", "user_name": "crm"}


def waits_after_failure(made: Acme, cause: Cause, category: Category) -> None:
    """An action that failed once waits for its second try, far in the future."""
    register(made, "S1", "New")
    with scope(account=made.pk):
        far = of_django(django_connection).now() + 10**12
        Action.objects.update(state=2, queue=1, category=category.code, cause=cause.value, due_at=far, tries=1, sent=1)
    with made.setting_up() as transaction:
        transaction.db.run("UPDATE lane SET state = 2, due_at = :due WHERE account_id = :account", {"due": far, "account": made.pk})


def count_due(made: Acme) -> int:
    with made.setting_up() as transaction:
        ((due,),) = transaction.db.all(
            "SELECT count(*) FROM lane WHERE account_id = :a AND (state = 1 OR due_at <= :now)", {"a": made.pk, "now": transaction.db.now()}
        )
    return int(due)


@pytest.mark.parametrize(
    ("cause", "category"),
    [
        (Cause.ANSWER, Category.CONFIG),
        (Cause.RULE, Category.CONFIG),
        (Cause.BLOCKED, Category.CONFIG),
        (Cause.BAD_REQUEST, Category.CONFIG),
        (Cause.TLS, Category.CONNECTION),
        (Cause.TIMEOUT, Category.CONNECTION),
    ],
)
@pytest.mark.parametrize(
    "facts",
    [
        ConnectionFacts(BASIC),
        ConnectionFacts(BASIC, secrets={Secret.PASSWORD: "old password"}),
        ConnectionFacts(BASIC, url="https://crm.example.com/hooks/s3cr3t?event={event.code}"),
        ConnectionFacts({**BASIC, "name": "CRM of sales"}),
        ConnectionFacts({**BASIC, "primary": True}),
    ],
    ids=["nothing", "stored password", "stored URL", "name", "primary"],
)
def test_D7_a_save_that_changes_nothing_of_a_cause_makes_nothing_due(
    made: Acme, facts: ConnectionFacts, cause: Cause, category: Category
) -> None:
    waits_after_failure(made, cause, category)
    with made.setting_up() as transaction:
        save_connection(transaction, facts, pk(made.connection))
    assert count_due(made) == 0


def test_D7_a_client_certificate_typed_again_ends_no_probing(made: Acme, tmp_path: Path) -> None:
    certificate = Authority(tmp_path).identity("crm")
    with made.setting_up() as transaction:
        save_connection(transaction, ConnectionFacts(BASIC, secrets={Secret.CLIENT_CERTIFICATE: certificate}), pk(made.connection))
    waits_after_failure(made, Cause.TLS, Category.CONNECTION)
    with made.setting_up() as transaction:
        transaction.db.run(
            "INSERT INTO connection_state (connection_id, account_id, paused, paused_why, failures) VALUES (:c, :a, :no, '', 9)",
            {"c": pk(made.connection), "a": made.pk, "no": False},
        )
        save_connection(transaction, ConnectionFacts(BASIC, secrets={Secret.CLIENT_CERTIFICATE: certificate}), pk(made.connection))
        assert transaction.db.all("SELECT failures FROM connection_state WHERE connection_id = :c", {"c": pk(made.connection)}) == [(9,)]
    assert count_due(made) == 0


def test_D7_a_mapping_saved_again_makes_nothing_due_and_another_one_does(made: Acme) -> None:
    waits_after_failure(made, Cause.BAD_REQUEST, Category.CONFIG)
    mapping = made.config().mappings[pk(made.mapping)]
    with made.setting_up() as transaction:
        save_mapping(transaction, mapping, pk(made.mapping))
    assert count_due(made) == 0
    with made.setting_up() as transaction:
        save_mapping(transaction, replace(mapping, rows=mapping.rows[:1]), pk(made.mapping))
    assert count_due(made) == 1


def test_D7_networks_saved_again_make_nothing_due_and_others_do(made: Acme) -> None:
    with made.setting_up() as transaction:
        allow_networks(transaction, ["10.0.0.0/8"])
    waits_after_failure(made, Cause.BLOCKED, Category.CONFIG)
    with made.setting_up() as transaction:
        allow_networks(transaction, ["10.0.0.0/8"])
    assert count_due(made) == 0
    with made.setting_up() as transaction:
        allow_networks(transaction, ["10.0.0.0/8", "192.168.7.0/24"])
    assert count_due(made) == 1
