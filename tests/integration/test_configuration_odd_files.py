"""Configuration files that are wrong, ambiguous or unusual (B5): each is refused with a sentence, or does what it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django_scopes import scope
from tests.configuration_files import WHOLE, applied, new_account, planned

from heliograph.api.configuration.configuration_file import MOST_PROBLEMS, FileRefused
from heliograph.api.configuration.configuration_plan import FileToApply, NotAllowed, apply_file, export_account
from heliograph.api.configuration.configuration_text import write_yaml
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.models import Destination, Flow
from heliograph.setup.models import Tag
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.tags import TagFacts, save_tag
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid

pytestmark = pytest.mark.django_db

OPEN = "connections:\n  - {name: X, auth: Open / No Auth, url: {env: HELIOGRAPH_SECRET_X_URL}, "


@pytest.fixture
def account() -> Iterator[int]:
    """An account to which the whole file was applied."""
    id = new_account("ACME")
    applied(id, WHOLE)
    with scope(account=id):
        yield id


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("flows:\n  - name: F\n    filters:\n" + "      - {field: event.code, op: is empty}\n" * 51, "flows, F", "length <= 50"),
        (f"flows:\n  - {{name: F, filters: [{{field: event.code, op: is any of, values: {['v'] * 501}}}]}}\n", "flows, F", "length <= 500"),
        ('events:\n  - {code: E, name: E, start: "0001-01-01T00:00:00+05:00"}\n', "events, E", "The year is to be"),
        ('events:\n  - {code: E, name: E, end: "9999-12-31T23:00:00-05:00"}\n', "events, E", "The year is to be"),
        (
            'events:\n  - {code: E, name: E, sessions: [{code: S, name: S, start: "0001-01-01T00:00:00+05:00"}]}\n',
            "events, E, sessions, S",
            "year",
        ),
        ("events:\n  - {code: E, name: '', attendee_types: [{code: A, name: A}]}\n", "events, E", "needed"),
        ("events:\n  - {code: \u212a, name: E, attendee_types: [{code: A, name: A}]}\n", "events, \u212a", "Letters, digits and dashes"),
        (
            f"mappings:\n  - {{name: M, rows: [{{target: a, parts: [{{kind: field, field: {'previous.' * 2000}x}}]}}]}}\n",
            "mappings, M",
            "255",
        ),
        (
            "events:\n  - {code: E, name: E, questions: [{code: Q, label: Q, type: essay}]}\n",
            "events, E, questions, Q",
            "'essay' is not possible",
        ),
        (OPEN + "rule: [{conditions: [], then: failed}]}\n", "connections, X", "rule[0].conditions: A clause needs a condition"),
        (OPEN + "headers: {env: HELIOGRAPH_SECRET_H}}\n", "connections, X", "cannot stand here"),
        (OPEN + "path: {env: HELIOGRAPH_SECRET_H}}\n", "connections, X", "cannot stand here"),
        (OPEN + "headers: [{name: X-Source, value: {env: HELIOGRAPH_SECRET_H}}]}\n", "connections, X", "would not be encrypted"),
        (
            "mappings:\n  - {name: M, rows: [{target: a, parts: [{kind: secret, value: {env: HELIOGRAPH_SECRET_H}}]}]}\n",
            "mappings, M",
            "credential",
        ),
        ("mappings:\n  - {name: M, kind: header, rows: [{target: X-A, parts: [{kind: secret}]}]}\n", "mappings, M", "credential"),
    ],
    ids=range(15),
)
def test_B5_a_file_that_nothing_can_be_made_of_is_refused_at_its_entry(account: int, text: str, place: str, sentence: str) -> None:
    with pytest.raises(FileRefused) as refused:
        planned(account, text)
    (problem,) = refused.value.problems
    assert problem.where == place
    assert sentence in problem.reason


def test_B5_what_is_wrong_is_said_up_to_a_number(account: int) -> None:
    for kinds in ("[sauce]", "[]"):
        with pytest.raises(FileRefused) as refused:
            planned(account, "tags:\n" + "".join(f"  - {{name: T{number}, kinds: {kinds}}}\n" for number in range(MOST_PROBLEMS + 50)))
        assert len(refused.value.problems) == MOST_PROBLEMS


@pytest.mark.parametrize("secret", ["signing_secret", "password", "test_url"])
def test_B5_a_new_connection_needs_each_secret_that_the_file_names(account: int, secret: str) -> None:
    text = "connections:\n  - {name: X, auth: Basic Authentication, url: 'https://target.example.org/', user_name: u, %s: {env: HELIOGRAPH_SECRET_X}}\n"
    with pytest.raises(FileRefused, match="HELIOGRAPH_SECRET_X was not brought along"):
        apply_file(account, FileToApply(text % secret), by="test")
    text = text.replace("Basic Authentication", "OAuth2").replace("user_name: u, ", "")
    with pytest.raises(FileRefused, match="HELIOGRAPH_SECRET_X was not brought along"):
        apply_file(account, FileToApply(text % "access_token_url"), by="test")


# --- which thing an entry is about


def test_B5_two_entries_are_never_about_one_thing(account: int) -> None:
    kinds = "kinds: [attendee_type, registration_property]"
    for other in ("name: VIP", "name: Guest, was: VIP"):
        with pytest.raises(FileRefused, match="Another entry is about “VIP”"):
            planned(account, f"tags:\n  - {{{other}, {kinds}}}\n  - {{name: Very important, was: VIP, {kinds}}}\n")
    assert Tag.objects.filter(name="VIP").exists()


def test_B5_of_flows_of_one_name_the_one_that_is_left_is_renamed(account: int) -> None:
    applied(account, "flows:\n  - {name: Twin, watch: Event Create Update}\n  - {name: Twin}\n")
    first, second = Flow.objects.filter(name="Twin").order_by("pk")
    plan = planned(account, "flows:\n  - {name: Twin, watch: Event Create Update}\n  - {name: Other, was: Twin}\n")
    assert [(change.id, [member.path for member in change.members]) for change in plan.changes] == [(second.pk, [("name",)])]
    assert first.pk != second.pk


def test_B5_a_mapping_may_be_named_0(account: int) -> None:
    """A header mapping that was deleted has the same name in a file."""
    text = """\
connections:
  - {name: "0", auth: Open / No Auth, url: {env: HELIOGRAPH_SECRET_0_URL}}
mappings:
  - {name: "0", kind: header, rows: [{target: X-A, parts: [{kind: text, text: a}]}]}
flows:
  - {name: Zero, destinations: [{name: D, connection: "0", header_mapping: "0"}]}
  - {name: Gone, destinations: [{name: D}]}
"""
    applied(account, text)
    assert planned(account, text).changes == []
    assert Destination.objects.get(flow__name="Zero").header_mapping.name == "0"
    other = new_account("OTHER")
    exported = write_yaml(export_account(account, ["tags", "profile_fields", "event_fields", "events", "connections", "mappings", "flows"]))
    applied(other, exported)
    gone = "flows:\n  - {name: Gone, destinations: [{name: D, header_mapping: '0'}]}\n"
    applied(third := new_account("THIRD"), gone)
    assert planned(third, gone).changes == []
    assert "header_mapping: '0'" in write_yaml(export_account(third, ["flows"]))


def test_F8_a_destination_that_is_renamed_stays_the_same_one(account: int) -> None:
    """What waits for it is not lost."""
    before = Destination.objects.get(flow__name="Leads to the CRM", removed_at=None)
    applied(account, WHOLE.replace("{name: CRM, connection", "{name: The CRM, connection"))
    after = Destination.objects.get(flow__name="Leads to the CRM", removed_at=None)
    assert (after.pk, after.name) == (before.pk, "The CRM")


# --- flows that act on more


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    statuses: [Registered]\n    properties", "    statuses: [Registered, Second]\n    properties"),
        ("values: [SUMMIT-26]", "values: [SUMMIT-26, OTHER-27]"),
        ("event.code, op: is any of, values: [SUMMIT-26]", "event.code, op: is none of, values: [OTHER-27]"),
        ("attendee_type.tags, op: is none of, values: [VIP]", "attendee_type.tags, op: is none of, values: [Third]"),
        ('is more than, values: ["100"]', 'is more than, values: ["50"]'),
        ("watch: Registration Status Change\n    statuses: [Registered]", "watch: Registration Create Update\n    statuses: [Registered]"),
    ],
    ids=["a tag more", "a value more", "another comparison", "another value kept out", "another bound", "another watch"],
)
def test_B5_a_live_flow_that_lets_other_changes_through_acts_on_more(account: int, old: str, new: str) -> None:
    assert old in WHOLE
    tags = "tags:\n  - {name: Second, kinds: [registration_status]}\n  - {name: Third, kinds: [attendee_type]}\n"
    events = "events:\n  - {code: OTHER-27, name: Other}\n"
    applied(account, tags)
    applied(account, events)
    text = WHOLE.replace(old, new)
    assert [change.name for change in planned(account, text).changes if change.widens] == ["Leads to the CRM"]
    with pytest.raises(NotAllowed):
        applied(account, text)
    applied(account, text, allow_wider=True)
    back = planned(account, WHOLE)
    narrows = old.startswith(("    statuses", "values"))
    assert [change.widens for change in back.changes if change.section == "flows"] == [not narrows]


def of_summit(members: str) -> str:
    """The event of the whole file as it is, with other members of its set-up."""
    return (
        f"events:\n  - code: SUMMIT-26\n{WHOLE.partition('  - code: SUMMIT-26')[2].partition('    registration_statuses:')[0]}{members}\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "registration_statuses:\n  - {name: Attended, tags: [Registered]}\n",
        "events:\n  - {code: OTHER-27, name: Other, tags: [Flagship]}\n",
        of_summit("    registration_statuses: [{code: HOLD, name: Hold, class: Pending, tags: [Registered]}]"),
        of_summit("    attendee_types: [{code: SPEAKER, name: Speaker, tags: []}]"),
        of_summit("    properties: [{code: HAT, name: Got the hat, tags: [VIP]}]"),
    ],
    ids=["a status", "an event", "a status of an event", "an attendee type that was kept out", "a property"],
)
def test_B5_a_thing_that_gets_a_tag_lets_a_live_flow_act_on_more(account: int, text: str) -> None:
    """The flow itself is the same."""
    applied(account, "events:\n  - {code: OTHER-27, name: Other}\n")
    things = "    registration_statuses: [{code: HOLD, name: Hold, class: Pending}]\n    properties: [{code: HAT, name: Got the hat}]"
    applied(account, of_summit(things))
    change = planned(account, text).changes[-1]
    assert (change.section, change.name, change.members, change.widens) == ("flows", "Leads to the CRM", (), True)
    with pytest.raises(NotAllowed, match="Leads to the CRM"):
        applied(account, text)
    applied(account, text, allow_wider=True)


def test_B5_a_tag_that_is_renamed_lets_no_flow_act_on_more(account: int) -> None:
    plan = planned(account, "tags:\n  - {name: Is registered, was: Registered, kinds: [registration_status]}\n")
    assert not plan.refused


# --- a part that is rolled back


def test_B5_what_is_rolled_back_to_a_savepoint_is_not_remembered(account: int) -> None:
    """Otherwise later saves would go into a version that was not made, and see what was rolled back."""
    with saving(account, by="test", whole_account=True, one_version=True) as transaction:
        with pytest.raises(Invalid):
            refused_save(transaction)
        assert "Refused" not in {tag.label for tag in transaction.provider.account(account).tags.values()}
        save_tag(transaction, TagFacts("Saved", frozenset({TagKind.EVENT})))
        transaction.write_account()
        labels = {tag.label for tag in transaction.provider.account(account).tags.values()}
        assert "Saved" in labels
        assert "Refused" not in labels


def refused_save(transaction: SetupTransaction) -> None:
    """Saves a tag and reads the configuration with it, in a savepoint that is rolled back."""
    with transaction.savepoint():
        save_tag(transaction, TagFacts("Refused", frozenset({TagKind.EVENT})))
        transaction.write_account()
        assert "Refused" in {tag.label for tag in transaction.provider.account(transaction.account).tags.values()}
        raise Invalid({})
