"""The set-up of accounts and events, as the services save it (P1-P12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db.transaction import atomic, set_rollback
from django_scopes import scope
from tests.builders.account import BY, Acme, acme

from heliograph.accounts.models import AuditEntry
from heliograph.connections.services.networks import allow_networks
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.domain.setup.statuses import EVENT_STATUSES, REGISTRATION_STATUSES, SESSION_STATUSES, StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.recording.items import RecordItem
from heliograph.recording.record import record
from heliograph.setup.models import RegistrationProperty
from heliograph.setup.services import event_setup
from heliograph.setup.services.account_creation import AccountFacts, change_account, create_account
from heliograph.setup.services.custom_fields import FieldFacts, delete_field, save_field
from heliograph.setup.services.events import MarksFirst, copy_event, save_event, set_event_tags
from heliograph.setup.services.object_tags import add_tag, set_question_tag, set_tags
from heliograph.setup.services.retry_intervals import FIELDS, save_intervals
from heliograph.setup.services.tags import TagFacts, delete_tag, merge_tags, save_tag
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import InUse, Invalid, NotThere
from heliograph.setup.version_bodies import account_bodies
from heliograph.store import configuration_versions
from heliograph.store.models import Change

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> Acme:
    return acme()


def register(made: Acme, code: str, **document: object) -> None:
    """Records a registration."""
    with made.planning() as transaction:
        answers = record(
            transaction.db, [RecordItem(made.pk, {"event": "SUMMIT-26", "code": code, **document}, by=BY)], transaction.provider
        )
    assert answers[0].is_recorded, answers[0].problems


# --- accounts


def test_P3_an_account_begins_with_its_standard_statuses(made: Acme) -> None:
    config = made.config()
    assert {s.name: s.cls for s in config.statuses.values()} == REGISTRATION_STATUSES
    assert [s.name for s in config.session_statuses.values()] == list(SESSION_STATUSES)
    assert [s.name for s in config.event_statuses.values()] == list(EVENT_STATUSES)


@pytest.mark.parametrize(
    ("facts", "field"),
    [(AccountFacts("a b", "X"), "code"), (AccountFacts("OK", ""), "name"), (AccountFacts("OK", "X", "Mars"), "timezone")],
)
def test_P1_an_account_that_cannot_be_is_refused(facts: AccountFacts, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        create_account(facts, by=BY)
    assert list(refused.value.fields) == [field]


def test_P1_codes_of_accounts_differ_by_more_than_case() -> None:
    create_account(AccountFacts("ZETA", "Zeta"), by=BY)
    with pytest.raises(Invalid, match="already"):
        create_account(AccountFacts("zeta", "Zeta"), by=BY)


def test_N4_signal_off_rests_the_flows(made: Acme) -> None:
    with made.setting_up() as transaction:
        change_account(transaction, AccountFacts(made.account.code, "Acme", "UTC", signal_enabled=False))
    config = made.config()
    assert not config.signal_enabled
    assert not any(config.by_facet.values())


# --- tags


def test_a_tags_name_is_unique_whatever_its_case(made: Acme) -> None:
    for name in ("registered", "REGISTERED", " Registered "):
        with pytest.raises(Invalid, match="already"), made.setting_up() as transaction:
            save_tag(transaction, TagFacts(name, frozenset({TagKind.EVENT})))
    with made.setting_up() as transaction:
        save_tag(transaction, TagFacts("Straße", frozenset({TagKind.EVENT})))
    with pytest.raises(Invalid, match="already"), made.setting_up() as transaction:
        save_tag(transaction, TagFacts("STRASSE", frozenset({TagKind.EVENT})))


@pytest.mark.parametrize("name", ["Test", "complete", "BADGE PRINTED"])
def test_P4_no_tag_and_no_property_takes_a_standard_name(name: str, made: Acme) -> None:
    with pytest.raises(Invalid, match="standard"), made.setting_up() as transaction:
        save_tag(transaction, TagFacts(name, frozenset({TagKind.EVENT})))
    with pytest.raises(Invalid, match="standard"), made.planning() as transaction:
        event_setup.save_property(transaction, made.event, event_setup.PropertyFacts("X", name))


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb", "a\0b", "a\ud800b"])
def test_what_a_database_cannot_hold_is_refused_before(name: str, made: Acme) -> None:
    with pytest.raises(Invalid), made.setting_up() as transaction:
        save_tag(transaction, TagFacts(name, frozenset({TagKind.EVENT})))


def test_a_tag_serves_only_the_kinds_it_was_made_for(made: Acme) -> None:
    with pytest.raises(Invalid, match="not made for"), made.setting_up() as transaction:
        set_tags(transaction, TagKind.REGISTRATION_STATUS, made.status("Attended"), [made.tags["Diet"].pk])


def test_P12_a_kind_in_use_cannot_be_taken_from_a_tag(made: Acme) -> None:
    tag = made.tags["Registered"]
    with pytest.raises(InUse) as refused, made.setting_up() as transaction:
        save_tag(transaction, TagFacts("Registered", frozenset({TagKind.EVENT})), tag.pk)
    assert {use.kind for use in refused.value.uses} == {"registration status", "flow"}
    with made.setting_up() as transaction:  # nothing uses the other one
        save_tag(transaction, TagFacts("Registered", frozenset({TagKind.REGISTRATION_STATUS})), tag.pk)


def test_P11_many_rows_get_a_tag_at_once(made: Acme) -> None:
    tag = made.tags["Registered"].pk
    with made.planning() as transaction:
        ids = [event_setup.save_status(transaction, made.event, event_setup.StatusFacts(c, c, StatusClass.ACCEPTED)).pk for c in ("A", "B")]
        add_tag(transaction, TagKind.REGISTRATION_STATUS, ids, tag)
    assert all(made.event_config().statuses[id].tags == {tag} for id in ids)


def test_P6_a_question_has_one_tag_or_none(made: Acme) -> None:
    with made.planning() as transaction:
        question = event_setup.save_question(
            transaction, made.event, event_setup.QuestionFacts("diet", "Diet?", "select", ("Vegan",), made.tags["Diet"].pk)
        )
    assert made.event_config().questions[question.pk].tag == made.tags["Diet"].pk
    with scope(account=made.pk):
        entry = AuditEntry.objects.get(kind="question", object_id=question.pk)
        assert entry.after["event"] == made.event_config().code, "its list has the questions of all events"
    with made.planning() as transaction:
        set_question_tag(transaction, question.pk, None)
    assert made.event_config().questions[question.pk].tag is None


def test_tags_are_merged_everywhere(made: Acme) -> None:
    old = made.tags["Registered"].pk
    with made.setting_up() as transaction:
        new = save_tag(transaction, TagFacts("Joined", frozenset({TagKind.QUESTION}))).pk
    with made.planning() as transaction:
        set_event_tags(transaction, made.event, [old])
    with made.setting_up() as transaction:
        merge_tags(transaction, old, new)
    config = made.config()
    assert old not in config.tags
    assert config.statuses[made.status("New")].tags == {new}
    assert made.event_config().state.tags == (new,)
    assert made.flow_facts().statuses == (new,)
    assert config.by_facet[made.flow_facts().watch.facets]  # it runs on


def test_P12_a_deleted_tag_is_taken_off_events_quietly(made: Acme) -> None:
    with made.setting_up() as transaction:
        tag = save_tag(transaction, TagFacts("Big", frozenset({TagKind.EVENT}))).pk
    with made.planning() as transaction:
        set_event_tags(transaction, made.event, [tag])
    with made.setting_up() as transaction:
        delete_tag(transaction, tag)
    assert made.event_config().state.tags == ()
    with scope(account=made.pk):
        last = Change.objects.filter(subject_id=made.event).order_by("version").last()
    assert last is not None
    assert last.quiet


# --- events and their set-up


def test_P10_each_save_of_an_event_makes_one_change(made: Acme) -> None:
    def changes() -> list[int]:
        with scope(account=made.pk):
            return [c.facets for c in Change.objects.filter(subject_id=made.event).order_by("version")]

    assert changes() == [16]
    state = made.event_config().state
    with made.planning() as transaction:
        save_event(transaction, state, made.event)
    assert changes() == [16]
    with made.planning() as transaction:
        save_event(transaction, replace(state, name="Summit 2026", location="Hall 3"), made.event)
    assert changes() == [16, 32]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"code": "with space"}, "code"),
        ({"code": "x" * 26}, "code"),
        ({"name": " "}, "name"),
        ({"timezone": "Nowhere"}, "timezone"),
        ({"status": 1}, "status"),
        ({"start": datetime(2026, 5, 2, tzinfo=UTC), "end": datetime(2026, 5, 1, tzinfo=UTC)}, "end"),
        ({"start": datetime(2026, 5, 2)}, "start"),  # noqa: DTZ001
        ({"custom": {999: ("x",)}}, "custom.999"),
        ({"tags": (999_999,)}, "tags"),
    ],
)
def test_P2_an_event_that_cannot_be_is_refused(wrong: dict[str, object], field: str, made: Acme) -> None:
    if wrong.get("status") == 1:
        wrong = {"status": made.status("New") + 1_000_000}
    with pytest.raises(Invalid) as refused, made.planning() as transaction:
        save_event(transaction, replace(made.event_config().state, **wrong), made.event)
    assert list(refused.value.fields) == [field]


def test_P2_a_code_is_unique_in_the_account(made: Acme) -> None:
    with pytest.raises(Invalid, match="code"), made.planning() as transaction:
        save_event(transaction, EventState("SUMMIT-26", "Another", made.event_status("Live")))


def test_P2_a_copied_event_has_the_set_up_with_tags_and_no_registrations(made: Acme) -> None:
    tag = made.tags["Registered"].pk
    with made.planning() as transaction:
        set_event_tags(transaction, made.event, [tag])
        event_setup.save_status(transaction, made.event, event_setup.StatusFacts("VIP", "VIP guest", StatusClass.ACCEPTED, (tag,)))
        event_setup.save_question(
            transaction, made.event, event_setup.QuestionFacts("diet", "Diet?", "select", ("Vegan",), made.tags["Diet"].pk)
        )
        event_setup.save_session(transaction, made.event, event_setup.SessionFacts("KEY", "Keynote", datetime(2026, 5, 1, 9, tzinfo=UTC)))
    register(made, "S1")
    with made.planning() as transaction:
        copied = copy_event(transaction, made.event, code="SUMMIT-27", name="Summit 2027")
    original, copy = made.event_config(), Acme(made.account, event=copied).event_config()
    assert copy.state.tags == (tag,)
    assert copy.state.status == made.event_status("Testing")
    assert [(x.code, x.name, x.cls, x.tags) for x in copy.statuses.values()] == [
        (x.code, x.name, x.cls, x.tags) for x in original.statuses.values()
    ]
    assert [(q.code, q.options, q.tag) for q in copy.questions.values()] == [("diet", ("Vegan",), made.tags["Diet"].pk)]
    assert [(x.code, x.start) for x in copy.sessions.values()] == [(x.code, x.start) for x in original.sessions.values()]
    assert not set(copy.statuses) & set(original.statuses)


def test_P9_an_event_leaves_testing_only_after_its_registrations_are_marked(made: Acme) -> None:
    with made.planning() as transaction:
        event = save_event(transaction, EventState("DRY-RUN", "Dry run", made.event_status("Testing")))
    trying = Acme(made.account, event=event)
    with trying.planning() as transaction:
        record(
            transaction.db,
            [RecordItem(made.pk, {"event": "DRY-RUN", "code": "D1", "properties": {"Test": False}}, by=BY)],
            transaction.provider,
        )
    live = replace(trying.event_config().state, status=made.event_status("Live"))
    with pytest.raises(MarksFirst) as refused, trying.planning() as transaction:
        save_event(transaction, live, event)
    assert refused.value.registrations == 1


@pytest.mark.parametrize("taken", ["NEW", "New", "no-show", "pre-registered"])
def test_P3_a_custom_status_is_not_called_like_a_standard_one(taken: str, made: Acme) -> None:
    for facts in (event_setup.StatusFacts(taken, "Other", StatusClass.DENIED), event_setup.StatusFacts("OTHER", taken, StatusClass.DENIED)):
        with pytest.raises(Invalid, match="standard"), made.planning() as transaction:
            event_setup.save_status(transaction, made.event, facts)


def test_P4_at_most_30_custom_properties(made: Acme) -> None:
    with made.planning() as transaction:
        for n in range(RegistrationProperty.MOST):
            event_setup.save_property(transaction, made.event, event_setup.PropertyFacts(f"P{n}", f"Property {n}"))
    with pytest.raises(Invalid, match="30"), made.planning() as transaction:
        event_setup.save_property(transaction, made.event, event_setup.PropertyFacts("P30", "Property 30"))


@pytest.mark.parametrize(
    "facts",
    [
        event_setup.QuestionFacts("q", "Q", "select"),
        event_setup.QuestionFacts("q", "Q", "text", ("A",)),
        event_setup.QuestionFacts("q", "Q", "select", ("A", "a")),
        event_setup.QuestionFacts("q", "Q", "colour"),
        event_setup.QuestionFacts("-q", "Q"),
        event_setup.QuestionFacts("q", ""),
    ],
    ids=str,
)
def test_P6_a_question_that_cannot_be_is_refused(facts: event_setup.QuestionFacts, made: Acme) -> None:
    with pytest.raises(Invalid), made.planning() as transaction:
        event_setup.save_question(transaction, made.event, facts)


def test_P6_a_code_that_is_left_out_is_made_of_the_label(made: Acme) -> None:
    with made.planning() as transaction:
        questions = [
            event_setup.save_question(transaction, made.event, event_setup.QuestionFacts("", "What do you eat?")).code for _n in range(2)
        ]
        session = event_setup.save_session(transaction, made.event, event_setup.SessionFacts(" ", "基調講演")).code
    with made.setting_up() as transaction:
        fields = [save_field(transaction, FieldFacts(kind, "", "T-shirt size")).code for kind in ("profile", "event", "event")]
    assert (questions, session) == (["What-do-you-eat", "What-do-you-eat-2"], "基調講演")
    assert fields == ["T-shirt-size", "T-shirt-size", "T-shirt-size-2"]


def test_P12_what_registrations_use_is_not_deletable(made: Acme) -> None:
    with made.planning() as transaction:
        status = event_setup.save_status(transaction, made.event, event_setup.StatusFacts("VIP", "VIP guest", StatusClass.ACCEPTED)).pk
        kind = event_setup.save_type(transaction, made.event, event_setup.TypeFacts("SPK", "Speaker")).pk
        flag = event_setup.save_property(transaction, made.event, event_setup.PropertyFacts("GALA", "Gala dinner")).pk
        question = event_setup.save_question(
            transaction, made.event, event_setup.QuestionFacts("diet", "Diet?", "multi-select", ("Vegan", "None"))
        ).pk
        session = event_setup.save_session(transaction, made.event, event_setup.SessionFacts("KEY", "Keynote")).pk
    for used in (False, True):
        if used:
            register(
                made,
                "S1",
                status="VIP guest",
                attendee_type="Speaker",
                properties={"Gala dinner": True},
                answers={"diet": ["Vegan"]},
                sessions=[{"code": "KEY"}],
            )
        for delete, id in (
            (event_setup.delete_status, status),
            (event_setup.delete_type, kind),
            (event_setup.delete_property, flag),
            (event_setup.delete_question, question),
            (event_setup.delete_session, session),
        ):
            if used:
                with pytest.raises(InUse, match="1 registration of SUMMIT-26"), made.planning() as transaction:
                    delete(transaction, made.event, id)
            else:
                with atomic():
                    with made.planning() as transaction:
                        delete(transaction, made.event, id)
                    set_rollback(True)


def test_P6_custom_fields_are_checked_and_kept_while_used(made: Acme) -> None:
    with made.setting_up() as transaction:
        size = save_field(transaction, FieldFacts("event", "size", "Size", "select", ("S", "M"))).pk
        save_field(transaction, FieldFacts("profile", "size", "Size"))  # the same code for another kind
    with pytest.raises(Invalid), made.planning() as transaction:
        save_event(transaction, replace(made.event_config().state, custom={size: ("XL",)}), made.event)
    with made.planning() as transaction:
        save_event(transaction, replace(made.event_config().state, custom={size: ("M",)}), made.event)
    with pytest.raises(InUse, match="SUMMIT-26"), made.setting_up() as transaction:
        delete_field(transaction, size)
    with pytest.raises(Invalid, match="already"), made.setting_up() as transaction:
        save_field(transaction, FieldFacts("event", "SIZE", "Other"))


@pytest.mark.parametrize(
    "save",
    [
        pytest.param(lambda s, made: change_account(s, AccountFacts("NEW", "New", "Europe/Paris", signal_enabled=False)), id="account"),
        pytest.param(lambda s, made: save_intervals(s, {FIELDS[Category.CONFIG]: "1200, 2400, 4800"}), id="retry intervals"),
        pytest.param(lambda s, made: allow_networks(s, ["10.0.0.0/8"]), id="networks"),
        pytest.param(lambda s, made: save_tag(s, TagFacts("One more", frozenset({TagKind.EVENT}))), id="a new tag"),
        pytest.param(lambda s, made: delete_tag(s, made.tags["Registered"].pk), id="a tag is deleted"),
        pytest.param(lambda s, made: merge_tags(s, made.tags["Diet"].pk, made.tags["Registered"].pk), id="tags are merged"),
        pytest.param(
            lambda s, made: set_tags(s, TagKind.REGISTRATION_STATUS, made.status("Attended"), [made.tags["Registered"].pk]), id="tags"
        ),
        pytest.param(lambda s, made: save_field(s, FieldFacts("profile", "vip", "VIP")), id="a field"),
    ],
)
def test_F10_whatever_changes_the_account_is_in_its_next_version(save: Callable[[SetupTransaction, Acme], object], made: Acme) -> None:
    """A transaction writes the account's part only if a service has said that it changes it."""
    before = made.config()
    with made.setting_up() as s:
        save(s, made)
    after = made.config()
    assert after.version > before.version
    with scope(account=made.pk):
        bodies = account_bodies(made.pk)
    with made.setting_up() as s:
        configuration_versions.save(s.db, made.pk, configuration_versions.ACCOUNT, made.pk, bodies, by=BY)
    assert made.config().version == after.version, "nothing was left to be written"


def test_a_refused_save_leaves_nothing_behind(made: Acme) -> None:
    before = made.config().version

    def save_two() -> None:
        with made.setting_up() as transaction:
            save_tag(transaction, TagFacts("Kept?", frozenset({TagKind.EVENT})))
            save_tag(transaction, TagFacts("kept?", frozenset({TagKind.EVENT})))

    with pytest.raises(Invalid):
        save_two()
    assert made.config().version == before
    assert "Kept?" not in {tag.name for tag in made.config().tags.values()}


def test_what_was_not_locked_cannot_be_changed(made: Acme) -> None:
    with pytest.raises(AssertionError), made.planning() as transaction:
        save_tag(transaction, TagFacts("X", frozenset({TagKind.EVENT})))
    with pytest.raises(NotThere), made.setting_up() as transaction:
        event_setup.save_type(transaction, made.event, event_setup.TypeFacts("X", "X"))


# --- audit


def test_every_deed_is_in_the_audit_with_what_differs(made: Acme) -> None:
    with made.setting_up() as transaction:
        save_tag(transaction, TagFacts("Diet", frozenset({TagKind.QUESTION}), "What they eat"), made.tags["Diet"].pk)
    with scope(account=made.pk):
        last = AuditEntry.objects.first()
        assert last is not None
        assert (last.what, last.kind, last.object_id, last.by) == ("changed", "tag", made.tags["Diet"].pk, BY)
        assert (last.before, last.after) == ({"label": "Dietary needs"}, {"label": "What they eat"})
        assert {"account", "tag", "connection", "mapping", "flow", "event"} <= set(AuditEntry.objects.values_list("kind", flat=True))
