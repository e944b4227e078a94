"""The flow editor, its test panel, copies and versions on real rows (F1-F10)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from django.http import HttpResponse
from django.test import Client
from tests.builders import platform_account
from tests.builders.platform_account import PlatformAccount
from tests.confirming import confirms, promise_in
from tests.counted import counting_pages
from tests.databases import DatabaseFacts
from tests.forms import posted

from heliograph.accounts.models import Role
from heliograph.connections.services.connections import ConnectionFacts, delete_connection, save_connection
from heliograph.deliveries.explanation import not_triggered
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.decision import Reason
from heliograph.domain.flow.flow import GONE, Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.mapping.mapping import Mapping, MappingKind, MappingRow, SourceValue
from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.services.flows import save_flow, set_active
from heliograph.mappings.services import delete_mapping, save_mapping
from heliograph.recording.contents import read_changes
from heliograph.setup.services import event_setup
from heliograph.setup.services.custom_fields import FieldFacts, delete_field, save_field
from heliograph.setup.services.events import set_event_tags
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.tags import delete_tag
from heliograph.setup.setup_errors import InUse
from heliograph.store import configuration_versions
from heliograph.store.config_cache import Committed
from heliograph.store.configuration_versions import ACCOUNT

type Form = dict[str, object]


def text_of(answer: HttpResponse) -> str:
    """The visible text of a page, with whitespace collapsed."""
    body = answer.content.decode().partition("<main")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&quot;", '"').split())


def leads(plan: PlatformAccount) -> int:
    """The flow of tests/builders/account.py."""
    assert plan.acme.flow is not None
    return int(plan.acme.flow.pk)


def stored(plan: PlatformAccount, id: int | None = None) -> Flow:
    return plan.acme.config().flows[id or leads(plan)]


def form_of(client: Client, url: str) -> Form:
    """What a browser would post from the untouched form."""
    shown = client.get(url)
    assert shown.status_code == 200
    return dict(posted(shown.content.decode(), "form"))


@pytest.fixture
def plan(database: DatabaseFacts, client: Client) -> object:
    with platform_account.planned(database) as made:
        made.signs_in(client)
        yield made


# --- saving


def test_F2_a_flow_that_nobody_touched_is_saved_as_it_was(plan: PlatformAccount, client: Client) -> None:
    before = stored(plan)
    assert client.post(f"/signal/flows/{leads(plan)}/", form_of(client, f"/signal/flows/{leads(plan)}/")).status_code == 302
    assert stored(plan) == before


def test_F2_a_new_flow_is_saved_empty_and_says_what_is_missing(plan: PlatformAccount, client: Client) -> None:
    form = form_of(client, "/signal/flows/new/")
    answer = client.post("/signal/flows/new/", form)
    assert answer.status_code == 302
    id = int(answer["Location"].split("/")[-2])
    made = stored(plan, id)
    assert (made.active, made.mode, made.watch, made.destinations) == (True, Mode.TEST, None, ())
    shown = text_of(client.get(answer["Location"]))
    for said in ("Saved as a draft.", "A name", "What the flow watches for", "A destination"):
        assert said in shown, said


def test_F4_F8_everything_that_the_form_offers_is_saved(plan: PlatformAccount, client: Client) -> None:
    plan.tag("Present", TagKind.SESSION_STATUS)
    with plan.acme.setting_up() as transaction:
        header = save_mapping(
            transaction, Mapping("Version", MappingKind.HEADER, rows=(MappingRow("X-Version", (SourceValue("event.code"),)),))
        ).pk
    assert plan.acme.connection is not None
    assert plan.acme.mapping is not None
    form: Form = {
        "name": "Check-ins",
        "live": "on",
        "watch": Watch.SESSION_STATUS.value,
        "session_statuses": "present",
        "statuses": "Registered",
        "properties": "Complete; VIP",
        "row": ["0", "1", "2", "3"],
        "f0-key": "event.code",
        "f0-op": "is any of",
        "f0-values": "summit-26",
        "f1-key": "attendee_type.tags",
        "f1-op": "is none of",
        "f1-values": "Speaker",
        "f2-key": "profile.country",
        "f2-op": "starts with",
        "f2-values": "Aus; Ger",
        "f3-key": "profile.position",
        "f3-op": "is not empty",
        "f3-values": "",
        "destination": "0",
        "d0-integration": "Webhooks",
        "d0-name": "CRM",
        "d0-connection": str(plan.acme.connection.pk),
        "d0-action": "Webhook",
        "d0-does": "adds",
        "d0-payload": str(plan.acme.mapping.pk),
        "d0-header": str(header),
    }
    answer = client.post("/signal/flows/new/", form)
    assert answer.status_code == 302, text_of(answer)
    made = stored(plan, int(answer["Location"].split("/")[-2]))
    assert (made.name, made.mode, made.watch) == ("Check-ins", Mode.LIVE, Watch.SESSION_STATUS)
    assert made.session_statuses == (plan.acme.tags["Present"].pk,)
    assert made.statuses == (plan.acme.tags["Registered"].pk,)
    assert set(made.properties) == {-1, plan.acme.tags["VIP"].pk}
    assert made.filters == (
        FilterRow("event.code", Op.IS_ANY_OF, ("SUMMIT-26",)),
        FilterRow("attendee_type.tags", Op.IS_NONE_OF, (str(plan.acme.tags["Speaker"].pk),)),
        FilterRow("profile.country", Op.STARTS_WITH, ("Aus", "Ger")),
        FilterRow("profile.position", Op.IS_NOT_EMPTY),
    )
    (destination,) = made.destinations
    assert destination.does is Does.ADDS
    assert (destination.connection, destination.payload_mapping, destination.header_mapping) == (
        plan.acme.connection.pk,
        plan.acme.mapping.pk,
        header,
    )
    shown = client.get(answer["Location"])
    assert client.post(answer["Location"], posted(shown.content.decode(), "form")).status_code == 302
    assert stored(plan, made.id) == made


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": "x" * 201}, "Name: At most 200 characters are possible; this has 201."),
        ({"statuses": "Registered; Nobody knows"}, "The tag “Nobody knows” can’t be used for these. Choose from: Registered."),
        ({"properties": "Diet"}, "The tag “Diet” can’t be used for these."),
        (
            {"row": "0", "f0-key": "event.code", "f0-op": "is any of", "f0-values": "WINTER-99"},
            "“WINTER-99” can’t be chosen here. Choose from: SUMMIT-26.",
        ),
        ({"row": "0", "f0-key": "event.status", "f0-op": "is any of", "f0-values": "Dreamt of"}, "“Dreamt of” can’t be chosen here."),
        ({"row": "0", "f0-key": "event.tags", "f0-op": "is any of", "f0-values": "Speaker"}, "“Speaker” can’t be chosen here."),
        ({"row": "0", "f0-key": "profile.nonsense", "f0-op": "is empty"}, "There is no field"),
        ({"row": "0", "f0-key": "question.1", "f0-op": "is empty"}, "A flow cannot filter by"),
        ({"d0-connection": "999999"}, "What you chose here was deleted."),
        ({"d0-payload": "999999"}, "What you chose here was deleted."),
        ({"d0-id": "999999"}, "There is no destination 999999 in this flow."),
        ({"destination": ["0", "0"]}, "A destination occurs twice."),
        ({"d0-integration": "Fax"}, "Webhooks is the only integration."),
        ({"d0-name": "y" * 101}, "Destination 1:"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_nothing_typed_is_lost(plan: PlatformAccount, client: Client, typed: Form, said: str) -> None:
    url, before = f"/signal/flows/{leads(plan)}/", stored(plan)
    answer = client.post(url, form_of(client, url) | {"d0-does": "adds"} | typed)
    assert answer.status_code == 422
    assert said in text_of(answer)
    after = posted(answer.content.decode(), "form")
    assert after["d0-does"] == ["adds"]
    for name, value in typed.items():
        if isinstance(value, str) and not value.isdecimal() and name.endswith(("-values", "statuses", "properties")):
            assert after[name] == [value], name
    assert stored(plan) == before


def test_F6_what_a_flow_filters_by_may_stay_though_it_is_gone(plan: PlatformAccount, client: Client) -> None:
    """The value existed when the flow was saved: another person's deletion does not prevent saving."""
    with plan.acme.setting_up() as transaction:
        before = stored(plan)
        save_flow(
            transaction,
            Flow(**{**{n: getattr(before, n) for n in Flow.__slots__}, "filters": (FilterRow("event.code", Op.IS_ANY_OF, ("OLD; ONE",)),)}),
            before.id,
        )
    url = f"/signal/flows/{leads(plan)}/"
    form = form_of(client, url)
    assert form["f0-values"] == ["OLD, ONE"]
    assert client.post(url, form).status_code == 302
    assert stored(plan).filters == (FilterRow("event.code", Op.IS_ANY_OF, ("OLD; ONE",)),)


def test_F6_days_numbers_answers_sessions_and_codes_are_filtered_by(plan: PlatformAccount, client: Client) -> None:
    with plan.acme.setting_up() as transaction:
        age = save_field(transaction, FieldFacts("profile", "age", "Age", QuestionType.NUMBER)).pk
        motto = save_field(transaction, FieldFacts("profile", "motto", "Motto", QuestionType.TEXT)).pk
    diet = plan.tag("Dietary needs", TagKind.QUESTION).pk
    plan.tag("Present", TagKind.SESSION_STATUS)
    rows = (
        ("event.start", "is between", "2027-01-31", "2027-01-01"),
        (f"profile.custom.{age}", "is at least", "18.0", ""),
        (f"profile.custom.{age}", "is any of", "3.0; 4", ""),
        (f"profile.custom.{motto}", "contains", "fi", ""),
        (f"answer.{diet}", "is before", "2027-01-01", ""),
        ("session.code", "is any of", "KEY", ""),
        ("registration.order_code", "starts with", "O-", ""),
    )
    form: Form = {
        "name": "Compared",
        "watch": Watch.SESSION_STATUS.value,
        "session_statuses": "Present",
        "row": [str(n) for n in range(len(rows))],
    }
    for n, (field, op, value, last) in enumerate(rows):
        form |= {f"f{n}-key": field, f"f{n}-op": op, f"f{n}-values": value, f"f{n}-last": last}
    answer = client.post("/signal/flows/new/", form)
    assert answer.status_code == 302, text_of(answer)
    made = stored(plan, int(answer["Location"].split("/")[-2]))
    assert made.filters == (
        FilterRow("event.start", Op.IS_BETWEEN, ("2027-01-31", "2027-01-01")),
        FilterRow(f"profile.custom.{age}", Op.IS_AT_LEAST, ("18",)),
        FilterRow(f"profile.custom.{age}", Op.IS_ANY_OF, ("3", "4")),
        FilterRow(f"profile.custom.{motto}", Op.CONTAINS, ("fi",)),
        FilterRow(f"answer.{diet}", Op.IS_BEFORE, ("2027-01-01",)),
        FilterRow("session.code", Op.IS_ANY_OF, ("KEY",)),
        FilterRow("registration.order_code", Op.STARTS_WITH, ("O-",)),
    )
    shown = client.get(answer["Location"])
    assert "Dietary needs (answer)" in text_of(shown)
    assert client.post(answer["Location"], posted(shown.content.decode(), "form")).status_code == 302
    assert stored(plan, made.id) == made
    with pytest.raises(InUse), plan.acme.setting_up() as transaction:
        delete_tag(transaction, diet)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"f0-key": "event.start", "f0-op": "is before", "f0-values": "soon"}, "“soon” cannot be compared"),
        ({"f0-key": "event.start", "f0-op": "is between", "f0-values": "2027-01-01", "f0-last": "later"}, "“later” cannot be compared"),
        ({"f0-key": "session.code", "f0-op": "is any of", "f0-values": "KEY"}, "Only a flow that watches sessions"),
        ({"f0-key": "answer.999999", "f0-op": "is empty"}, "There is no tag 999999."),
    ],
)
def test_F6_what_cannot_be_compared_is_refused_where_it_stands(plan: PlatformAccount, client: Client, typed: Form, said: str) -> None:
    url, before = f"/signal/flows/{leads(plan)}/", stored(plan)
    answer = client.post(url, form_of(client, url) | {"row": "0"} | typed)
    assert answer.status_code == 422
    assert said in text_of(answer)
    after = posted(answer.content.decode(), "form")
    for name, value in typed.items():
        assert after[name] == [value], name
    assert stored(plan) == before


def test_F6_answers_that_are_given_are_offered(plan: PlatformAccount, client: Client) -> None:
    row = {"row": "0", "f0-key": f"answer.{plan.acme.tags['Diet'].pk}", "f0-op": "is any of", "look": "1"}
    url = f"/signal/flows/{leads(plan)}/"
    shown = client.post(url, form_of(client, url) | row).content.decode()
    assert '<option value="Halal"></option>' in shown


def test_F6_a_comparison_without_its_values_is_incomplete_and_another_rule_asks_for_others(plan: PlatformAccount, client: Client) -> None:
    url = f"/signal/flows/{leads(plan)}/"
    row = {"row": "0", "f0-key": "event.start", "f0-was": "event.start", "f0-op": "is between", "f0-op_was": "is any of"}
    shown = client.post(url, form_of(client, url) | row | {"f0-values": "2027-01-01; tomorrow", "look": "1"})
    assert "Still missing: two values." in text_of(shown)
    form = posted(shown.content.decode(), "form")
    assert (form["f0-values"], form["f0-last"]) == (["2027-01-01"], [""])
    shown = client.post(url, form | {"f0-key": "profile.city", "look": "1"})
    assert posted(shown.content.decode(), "form")["f0-op"] == ["is any of"], "a city is not between two others"


def test_F2_stopping_a_running_flow_asks_first(plan: PlatformAccount, client: Client) -> None:
    url = f"/signal/flows/{leads(plan)}/"
    form = form_of(client, url) | {"d0-payload": "", "name": "Without a mapping"}
    asked = client.post(url, form)
    assert asked.status_code == 200
    assert "Stop Without a mapping?" in text_of(asked)
    assert "A payload mapping for destination" in text_of(asked)
    assert stored(plan).name == "Leads"
    typed = posted(asked.content.decode(), "dialog")
    back = client.post(url, typed | {"look": "1"})
    assert posted(back.content.decode(), "form")["name"] == ["Without a mapping"]
    assert stored(plan).name == "Leads"
    assert confirms(client, url, typed).status_code == 302
    assert (stored(plan).name, stored(plan).destinations[0].payload_mapping) == ("Without a mapping", None)


def test_P12_a_list_that_lost_its_last_tag_is_filled_or_left_empty_on_purpose(plan: PlatformAccount, client: Client) -> None:
    tag = plan.tag("Press", TagKind.REGISTRATION_STATUS).pk
    with plan.acme.setting_up() as transaction:
        id = save_flow(transaction, Flow(0, name="Press", watch=Watch.REGISTRATION, statuses=(tag,))).pk
        delete_tag(transaction, tag)
    url = f"/signal/flows/{id}/"
    assert stored(plan, id).emptied == ("statuses",)
    form = form_of(client, url)
    assert "Its last tag was deleted." in text_of(client.get(url))
    assert client.post(url, form).status_code == 302
    assert stored(plan, id).emptied == ("statuses",)
    assert client.post(url, form_of(client, url) | {"on_purpose": "statuses"}).status_code == 302
    assert stored(plan, id).emptied == ()


def test_F2_a_flow_with_unsaved_changes_never_says_complete_and_what_is_missing_follows_the_form(
    plan: PlatformAccount, client: Client
) -> None:
    url = f"/signal/flows/{leads(plan)}/"

    def state(answer: HttpResponse) -> str:
        found = re.search(r'id="flow-state" data-follows>(.*?)</span>\s*</span>', answer.content.decode(), re.DOTALL)
        assert found
        return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())

    form = form_of(client, url)
    assert state(client.get(url)) == "Complete"
    assert state(client.post(f"{url}test/", form)) == "Complete"
    assert state(client.post(f"{url}test/", form | {"name": "Renamed"})) == "Not saved yet"
    without = client.post(
        f"{url}test/", form | {"d0-name": "", "d0-connection": "", "name": "", "statuses": "", "watch": Watch.STATUS.value}
    )
    assert state(without) == "Incomplete"
    told = dict(
        re.findall(
            r'<span id="([\w-]+)-todo" data-follows>(?:\s*<span class="todo">.*?</svg>([^<]*)</span>)?', without.content.decode(), re.DOTALL
        )
    )
    for name in ("name", "statuses", "d0-name", "d0-connection"):
        assert told[name].strip().startswith("Still missing: "), name
    assert told["d0-payload"] == ""
    form = form_of(client, "/signal/flows/new/")
    assert "Still missing: a name." not in text_of(client.post("/signal/flows/new/test/", form | {"watch": Watch.STATUS.value})), (
        "nothing was saved yet"
    )


# --- the form without script


def test_the_buttons_of_the_form_change_it_and_save_nothing(plan: PlatformAccount, client: Client) -> None:
    url, before = f"/signal/flows/{leads(plan)}/", stored(plan)
    form = form_of(client, url) | {"name": "Not saved yet"}
    form = dict(posted(client.post(url, form | {"add": "filter"}).content.decode(), "form"))
    assert (form["row"], form["name"]) == (["0"], ["Not saved yet"])
    form = dict(posted(client.post(url, form | {"f0-key": "profile.custom.1", "look": "1"}).content.decode(), "form"))
    assert form["f0-was"] == ["profile.custom.1"]
    form = dict(posted(client.post(url, form | {"add": "destination"}).content.decode(), "form"))
    assert form["destination"] == ["0", "1"]
    form = dict(posted(client.post(url, form | {"d1-name": "Second", "remove_destination": "0"}).content.decode(), "form"))
    assert (form["destination"], form["d0-name"]) == (["0"], ["Second"])
    form = dict(posted(client.post(url, form | {"remove_filter": "0"}).content.decode(), "form"))
    assert "row" not in form
    form = dict(posted(client.post(url, form | {"watch": Watch.EVENT.value, "look": "1"}).content.decode(), "form"))
    assert form["event_statuses"] == [""]
    assert form["statuses"] == ["Registered"], "another watch finds its list again"
    assert stored(plan) == before


def test_F5_the_sentence_is_that_of_the_form(plan: PlatformAccount, client: Client) -> None:
    url = f"/signal/flows/{leads(plan)}/"
    shown = text_of(client.post(url, form_of(client, url) | {"watch": Watch.REGISTRATION.value, "look": "1"}))
    assert "When a registration is created or updated, and its status is Registered , send Lead to CRM ." in shown


# --- concurrent saves


def test_somebody_else_saved_meanwhile(plan: PlatformAccount, client: Client) -> None:
    url = f"/signal/flows/{leads(plan)}/"
    mine = form_of(client, url) | {"name": "Mine"}
    assert client.post(url, form_of(client, url) | {"name": "Theirs", "d0-name": "Their CRM"}).status_code == 302
    answer = client.post(url, mine)
    assert answer.status_code == 409
    shown = text_of(answer)
    for said in ("Administrator saved this flow while you were editing it", "Leads", "Theirs", "Their CRM"):
        assert said in shown, said
    assert posted(answer.content.decode(), "form")["name"] == ["Mine"]
    assert stored(plan).name == "Theirs"
    over = re.search(r'name="over" value="(\d+)"', answer.content.decode())
    assert over
    again = dict(posted(answer.content.decode(), "form")) | {"over": over[1]}
    assert client.post(url, again).status_code == 302
    assert stored(plan).name == "Mine"


def test_the_toggle_is_nobodys_conflict(plan: PlatformAccount, client: Client) -> None:
    url = f"/signal/flows/{leads(plan)}/"
    mine = form_of(client, url) | {"name": "Renamed"}
    with plan.acme.setting_up() as transaction:
        set_active(transaction, leads(plan), active=False)
    assert client.post(url, mine).status_code == 302
    assert (stored(plan).name, stored(plan).active) == ("Renamed", False)


# --- the test panel


def test_F9_what_the_flow_would_do_gate_by_gate_as_it_is_edited_now(plan: PlatformAccount, client: Client) -> None:
    plan.record("R1", status="New", profile={"first_name": "Zoë", "last_name": "Marin", "email": "z@example.org"})
    url = f"/signal/flows/{leads(plan)}/test/"
    form = form_of(client, f"/signal/flows/{leads(plan)}/")
    shown = text_of(client.post(url, form | {"try_text": "zoe", "trial": "1"}))
    assert "It would be sent to CRM." in shown
    assert "Send this one now" in shown
    assert '"email" : "z@example.org"' in shown
    assert "POST crm.example.com/…" in shown
    whole = client.post(url, form | {"try_text": "R1", "trial": "1"}).content.decode()
    for secret in ("old password", "s3cr3t", "Y3JtOm9sZCBwYXNzd29yZA"):
        assert secret not in whole
    edited = {**form, "statuses": "", "watch": Watch.EVENT.value}
    edited = {**form, "row": "0", "f0-key": "profile.last_name", "f0-op": "is any of", "f0-values": "Citizen"}
    shown = text_of(client.post(url, edited | {"try_text": "R1", "trial": "1"}))
    assert "Filtered: Last Name was Marin." in shown
    assert "Needs Last Name is any of Citizen; it was Marin ." in shown
    unsaved = {key: value for key, value in form.items() if key != "live"}
    shown = text_of(client.post(url, unsaved | {"try_text": "R1", "trial": "1"}))
    assert "the flow takes Test, and this was Live" in shown
    assert plan.store.all("SELECT count(*) FROM action WHERE account_id = :a AND origin <> 0", {"a": plan.pk}) == [(0,)]


@pytest.mark.parametrize(
    ("properties", "answer", "marked"),
    [
        (
            "VIP",
            "Not triggered: none of the properties that this flow needs is set (VIP).",
            "Registered (passed) , and property VIP (stopped here)",
        ),
        ("", "It would be sent to CRM.", "Registered (passed)"),
    ],
)
def test_F9_the_list_that_says_no_is_the_one_that_is_named(
    plan: PlatformAccount, client: Client, properties: str, answer: str, marked: str
) -> None:
    recorded = plan.record("R1", status="New")
    form = form_of(client, f"/signal/flows/{leads(plan)}/") | {"properties": properties}
    shown = text_of(client.post(f"/signal/flows/{leads(plan)}/test/", form | {"try_text": "R1", "trial": "1"}))
    assert answer in shown
    assert marked in shown
    assert "does not act on New" not in shown
    with plan.acme.setting_up() as transaction:
        save_flow(transaction, replace(stored(plan), properties=(plan.acme.tags["VIP"].pk,)), leads(plan))
    change, of = read_changes(plan.store, recorded.changes[:1])[recorded.changes[0]]
    said, _state = not_triggered(Reason.NOT_SELECTED, None, change, plan.acme.config(), Committed(plan.store).event(of[1]), leads(plan))
    assert said == "None of the properties that this flow needs is set: VIP."


def test_F9_a_status_is_named_where_it_is_the_reason(plan: PlatformAccount, client: Client) -> None:
    plan.tag("Left", TagKind.REGISTRATION_STATUS)
    form = form_of(client, f"/signal/flows/{leads(plan)}/") | {"statuses": "Left"}
    plan.record("R1", status="New")
    shown = text_of(client.post(f"/signal/flows/{leads(plan)}/test/", form | {"try_text": "R1", "trial": "1"}))
    assert "Not triggered: tagged Registered, which this flow does not act on." in shown


def test_F9_filters_by_tags_are_explained_by_their_names_and_those_that_passed_say_so(plan: PlatformAccount, client: Client) -> None:
    partner, other = plan.tag("Partner event", TagKind.EVENT), plan.tag("Other", TagKind.EVENT)
    with plan.acme.planning() as transaction:
        set_event_tags(transaction, plan.acme.event, [partner.pk])
    plan.record("R1", status="New", profile={"city": "Wien"})
    form = form_of(client, f"/signal/flows/{leads(plan)}/") | {
        "row": ["0", "1", "2"],
        "f0-key": "profile.city",
        "f0-op": "is any of",
        "f0-values": "Wien",
        "f1-key": "event.tags",
        "f1-op": "is any of",
        "f1-values": other.label,
        "f2-key": "profile.country",
        "f2-op": "is empty",
    }
    shown = text_of(client.post(f"/signal/flows/{leads(plan)}/test/", form | {"try_text": "R1", "trial": "1"}))
    assert "Filtered: Event Tags was Partner event." in shown
    assert "Needs Event Tags is any of Other; it was Partner event ." in shown
    assert "City is Wien (passed) , and event tag is Other (stopped here) , and Country (not reached)" in shown
    assert str(partner.pk) not in re.findall(r"Was (\S+) \.", shown)


def test_a_flow_that_is_off_says_what_it_would_do(plan: PlatformAccount, client: Client) -> None:
    plan.record("R1", status="New", profile={"email": "z@example.org"})
    with plan.acme.setting_up() as transaction:
        set_active(transaction, leads(plan), active=False)
    form = form_of(client, f"/signal/flows/{leads(plan)}/")
    shown = text_of(client.post(f"/signal/flows/{leads(plan)}/test/", form | {"try_text": "R1", "trial": "1"}))
    assert "Once the flow is on and complete: It would be sent to CRM." in shown
    assert "Switch the flow on to send this one now." in shown


def test_a_code_that_was_typed_is_tried_whatever_else_holds_it(plan: PlatformAccount, client: Client) -> None:
    plan.record("R1", status="New", profile={"last_name": "Wanted"})
    for n in range(12):
        plan.record(f"R1{n:02}", status="New", profile={"last_name": "Other"})
    form = form_of(client, f"/signal/flows/{leads(plan)}/")
    shown = client.post(f"/signal/flows/{leads(plan)}/test/", form | {"try_text": "r1", "trial": "1"}).content.decode()
    assert 'name="try_text" form="flow" value="R1 Wanted"' in shown


def test_several_registrations_are_offered_and_one_is_picked(plan: PlatformAccount, client: Client) -> None:
    first = plan.record("R1", status="New", profile={"last_name": "Marin"})
    plan.record("R2", status="New", profile={"last_name": "Marin"})
    url, form = f"/signal/flows/{leads(plan)}/test/", form_of(client, f"/signal/flows/{leads(plan)}/")
    shown = text_of(client.post(url, form | {"try_text": "marin", "trial": "1"}))
    assert "Which one?" in shown
    assert "R1 Marin, SUMMIT-26" in shown
    answer = client.post(url, form | {"try_text": "marin", "pick": str(first.registration)})
    assert "It would be sent to CRM." in text_of(answer)
    assert f'name="picked" form="flow" value="{first.registration}"' in answer.content.decode()
    for typed, said in (
        ("nobody", "No registration has this code or name."),
        ("", "Type the code or the name"),
        ("\ufdd0", "No registration"),
    ):
        assert said in text_of(client.post(url, form | {"try_text": typed, "trial": "1"})), typed


def test_P9_a_test_registration_suits_the_flow_and_sends_nothing(plan: PlatformAccount, client: Client) -> None:
    with plan.acme.setting_up() as transaction:
        id = save_flow(
            transaction,
            Flow(
                0,
                name="Speakers",
                watch=Watch.STATUS,
                statuses=(plan.acme.tags["Registered"].pk,),
                filters=(FilterRow("attendee_type.tags", Op.IS_ANY_OF, (str(plan.acme.tags["Speaker"].pk),)),),
                destinations=(Destination(0, "CRM", connection=plan.acme.connection.pk, payload_mapping=plan.acme.mapping.pk),),
            ),
        ).pk
    form = form_of(client, f"/signal/flows/{id}/")
    shown = text_of(client.post(f"/signal/flows/{id}/test/", form | {"make": "TEST-1", "try_event": "SUMMIT-26"}))
    assert "It would be sent to CRM." in shown
    assert plan.store.all("SELECT count(*) FROM action WHERE account_id = :a", {"a": plan.pk}) == [(0,)]
    assert plan.store.all("SELECT is_test FROM registration WHERE account_id = :a AND code = 'TEST-1'", {"a": plan.pk}) == [(1,)]
    gone = text_of(client.post(f"/signal/flows/{id}/test/", form | {"make": "TEST-2", "try_event": "NOWHERE"}))
    assert "This event no longer exists." in gone


def test_F6_a_test_registration_meets_comparisons_too(plan: PlatformAccount, client: Client) -> None:
    with plan.acme.setting_up() as transaction:
        age = save_field(transaction, FieldFacts("profile", "age", "Age", QuestionType.NUMBER)).pk
        rows = (
            FilterRow(f"profile.custom.{age}", Op.IS_MORE, ("17",)),
            FilterRow("registration.order_code", Op.STARTS_WITH, ("O-",)),
            FilterRow(f"answer.{plan.acme.tags['Diet'].pk}", Op.IS_ANY_OF, ("Halal",)),
        )
        save_flow(transaction, replace(stored(plan), mode=Mode.TEST, filters=rows), leads(plan))
    form = form_of(client, f"/signal/flows/{leads(plan)}/")
    shown = text_of(client.post(f"/signal/flows/{leads(plan)}/test/", form | {"make": "TEST-1", "try_event": "SUMMIT-26"}))
    assert "It would be sent to CRM." in shown


def test_how_many_of_last_weeks_changes_it_would_have_taken(plan: PlatformAccount, client: Client) -> None:
    for n in range(3):
        plan.record(f"R{n}", status="New", profile={"last_name": "Marin" if n else "Citizen"})
    plan.record("R9", status="Cancelled", profile={"last_name": "Marin"})
    url, form = f"/signal/flows/{leads(plan)}/test/", form_of(client, f"/signal/flows/{leads(plan)}/")
    assert "It would have acted on 3 of the 4 changes of the last 7 days that it watches for. 1 more lacks a tag." in text_of(
        client.post(url, form | {"count": "1"})
    )
    narrowed = form | {"row": "0", "f0-key": "profile.last_name", "f0-op": "is any of", "f0-values": "Citizen"}
    assert "It would have acted on 1 of the 4 changes" in text_of(client.post(url, narrowed | {"count": "1"}))
    assert "First choose the flow’s source" in text_of(client.post(url, form | {"watch": Watch.EVENT.value, "count": "1"}))
    sessions = form | {"watch": Watch.SESSION_STATUS.value, "session_statuses": "Present", "count": "1"}
    plan.tag("Present", TagKind.SESSION_STATUS)
    assert "No change that it watches for was recorded" in text_of(client.post(url, sessions))


def test_F9_the_panel_says_what_would_differ_and_what_would_fail(plan: PlatformAccount, client: Client) -> None:
    """Of the page: both numbers, the rows, and nothing saved."""
    for n in range(9):
        plan.record(f"R{n}", status="New", profile={"first_name": "Zoë", "last_name": "Marin" if n % 3 else "Citizen", "email": ""})
    flow = leads(plan)
    url, form = f"/signal/flows/{flow}/test/", form_of(client, f"/signal/flows/{flow}/")
    before = text_of(client.post(url, form | {"past": "1"}))
    assert "Of the last 9 changes that it watches for, this rule would send" in before
    assert "Today’s rule sends" in before
    narrowed = form | {"row": "0", "f0-key": "profile.last_name", "f0-op": "is any of", "f0-values": "Citizen"}
    html = client.post(url, narrowed | {"past": "1"})
    shown = text_of(html)
    assert "this rule would send 3. Today’s rule sends 9." in shown
    assert "By both 3 Only by this rule 0 Only by today’s 6" in shown
    assert "All 6 that differ or would fail" in shown or "All 9 that differ or would fail" in shown
    assert html.content.decode().count(f'/{flow}/"><bdi>Zoë') in (6, 9), "each leads to why"
    assert "First choose the flow’s source" in text_of(client.post(url, form | {"watch": Watch.EVENT.value, "past": "1"}))
    assert form_of(client, f"/signal/flows/{flow}/") == form, "nothing was saved"


def test_D1_send_this_one_now_names_its_target_asks_and_makes_one_action(plan: PlatformAccount, client: Client) -> None:
    answer = plan.record("R1", status="New", profile={"email": "z@example.org"})
    change = answer.changes[0]
    url = f"/signal/flows/{leads(plan)}/send/{change}/"
    before = plan.store.all("SELECT id FROM action WHERE account_id = :a", {"a": plan.pk})
    asked = text_of(client.get(url))
    assert "Send R1 now?" in asked
    assert "To CRM, crm.example.com" in asked
    assert plan.store.all("SELECT id FROM action WHERE account_id = :a", {"a": plan.pk}) == before
    sent = confirms(client, url, follow=True)
    assert "1 action is being sent, to CRM." in sent.content.decode()
    made = plan.store.all("SELECT origin, repeated_id, flow_id FROM action WHERE account_id = :a ORDER BY id DESC LIMIT 1", {"a": plan.pk})
    assert made == [(3, before[-1][0], leads(plan))]
    sent_page = client.get(url)
    with plan.acme.setting_up() as transaction:
        set_active(transaction, leads(plan), active=False)
    assert "nothing can be sent" in text_of(client.get(url))
    assert "nothing can be sent" in text_of(client.post(url, promise_in(sent_page)))
    assert client.get(f"/signal/flows/{leads(plan)}/send/999999/").status_code == 404


def test_M8_the_flow_warns_of_questions_that_share_a_tag_that_it_sends(plan: PlatformAccount, client: Client) -> None:
    url = f"/signal/flows/{leads(plan)}/"
    assert "Several questions share" not in text_of(client.get(url))
    with plan.acme.planning() as transaction:
        event_setup.save_question(
            transaction, plan.acme.event, event_setup.QuestionFacts("more", "Anything else", "text", (), plan.acme.tags["Diet"].pk)
        )
    shown = text_of(client.get(url))
    assert "Several questions share the tag Dietary needs" in shown
    assert "In SUMMIT-26: “Dietary needs”, “Anything else”. Their answers are sent joined with “; ”." in shown
    assert shown.count("Several questions share the tag") == 1
    filtered = {"row": "0", "f0-key": "event.code", "f0-op": "is none of", "f0-values": "SUMMIT-26", "look": "1"}
    assert "Several questions share" not in text_of(client.post(url, form_of(client, url) | filtered)), "an event that it never takes"


def test_M8_the_warning_passes_over_events_that_the_flow_cannot_take(plan: PlatformAccount, client: Client) -> None:
    """A newer event in Testing, with the same tag on two questions: a Live flow names the live one."""
    testing = platform_account.event_in_testing(plan)
    for event in (plan.acme.event, testing):
        with saving(plan.pk, by="user:1", events=[event]) as transaction:
            for code in ("first", "second"):
                event_setup.save_question(transaction, event, event_setup.QuestionFacts(code, code, "text", (), plan.acme.tags["Diet"].pk))
    url = f"/signal/flows/{leads(plan)}/"
    assert "In SUMMIT-26:" in text_of(client.get(url))
    form = {key: value for key, value in form_of(client, url).items() if key != "live"}
    assert "In SUMMIT-26:" not in text_of(client.post(url, form | {"look": "1"})), "a Test flow takes both, and the newer one is named"


# --- copies, deletion, versions


def test_F1_a_copy_is_off_and_in_test(plan: PlatformAccount, client: Client) -> None:
    url = f"/signal/flows/{leads(plan)}/copy/"
    form = dict(posted(client.get(url).content.decode(), "dialog"))
    assert form["name"] == ["Copy of Leads"]
    assert confirms(client, url, {"name": "x" * 201}).status_code == 422
    answer = confirms(client, url, {"name": "Leads again"})
    made = stored(plan, int(answer["Location"].split("/")[-2]))
    assert (made.name, made.active, made.mode, made.statuses) == ("Leads again", False, Mode.TEST, stored(plan).statuses)


def test_P12_deleting_a_flow_asks_and_says_what_becomes_of_the_rest(plan: PlatformAccount, client: Client) -> None:
    plan.record("R1", status="New", profile={"email": "z@example.org"})
    asked = text_of(client.get(f"/signal/flows/{leads(plan)}/delete/"))
    assert "1 of its actions is not delivered yet. It ends as Failed." in asked
    assert "in Retry for a tag" not in asked
    plan.record("R2", status="Invited by partner", profile={"email": "y@example.org"})
    asked = text_of(client.get(f"/signal/flows/{leads(plan)}/delete/"))
    assert "1 of its actions is not delivered yet. It ends as Failed." in asked
    assert "1 change waits for a tag. It will not be sent any more." in asked
    assert confirms(client, f"/signal/flows/{leads(plan)}/delete/")["Location"] == "/signal/flows/"
    ((run, queue),) = plan.store.all("SELECT id, queue FROM stuck_run WHERE account_id = :a", {"a": plan.pk})
    assert queue == 1, "the worker ends it"
    item = text_of(client.get(f"/signal/retry/r{run}/"))
    assert "Too late: the flow was deleted before it had a tag" in item
    assert "It ends as Done within minutes." in item
    assert "Nothing is left to send." in item
    assert "Submit to Retry Queue" not in item
    assert client.get(f"/signal/flows/{leads(plan)}/").status_code == 404


def test_F10_versions_are_compared_and_restored(plan: PlatformAccount, client: Client) -> None:
    url = f"/signal/flows/{leads(plan)}/"
    client.post(url, form_of(client, url) | {"name": "Second", "d0-does": "adds"})
    shown = text_of(client.get(f"{url}versions/"))
    for said in (
        "Version 2",
        "Version 1",
        "From version 1 to version 2, now in use",
        "Leads",
        "Second",
        "Posts a new message each time (chat, sheet)",
    ):
        assert said in shown, said
    assert "Restore version 1?" in text_of(client.get(f"{url}versions/?version=1&restore=1"))
    assert client.get(f"{url}versions/?version=9").status_code == 404
    assert client.post(f"{url}versions/", {"version": "9"}).status_code == 404
    assert client.post(f"{url}versions/", {"version": "x"}).status_code == 404
    assert confirms(client, f"{url}versions/", {"version": "1", "seen": "2"})["Location"] == url
    assert (stored(plan).name, stored(plan).destinations[0].does) == ("Leads", Does.UPDATES)
    assert "What version 3 changed, now in use" in text_of(client.get(f"{url}versions/?version=3"))


def test_F10_restoring_a_version_that_would_stop_the_flow_asks(plan: PlatformAccount, client: Client) -> None:
    url = f"/signal/flows/{leads(plan)}/"
    confirms(client, url, form_of(client, url) | {"d0-payload": ""})
    assert plan.acme.mapping is not None
    client.post(url, form_of(client, url) | {"d0-payload": str(plan.acme.mapping.pk)})
    asked = text_of(client.get(f"{url}versions/?version=2&restore=1"))
    assert "The flow stops, because this is missing:" in asked
    again = client.post(f"{url}versions/", {"version": "2", "seen": "3"})
    assert again.status_code == 409
    assert "Restore version 2?" in text_of(again)
    assert confirms(client, f"{url}versions/", {"version": "2", "seen": "3"}).status_code == 302
    assert stored(plan).destinations[0].payload_mapping is None


def _names_what_goes(plan: PlatformAccount) -> None:
    """Version 2 of the flow names a tag, a field, a connection and two mappings; version 3 equals version 1, and they are deleted."""
    first = stored(plan)
    extra = plan.tag("Extra", TagKind.REGISTRATION_STATUS, TagKind.EVENT).pk
    shirt = next(f.id for f in plan.acme.config().profile_fields.values() if f.code == "shirt")
    with plan.acme.setting_up() as transaction:
        facts = ConnectionFacts({"name": "Badges", "auth": "Open / No Auth"}, url="https://badges.example.com/print")
        badges = save_connection(transaction, facts).pk
        payload = save_mapping(transaction, Mapping("Badge", rows=(MappingRow("email", (SourceValue("profile.email"),)),))).pk
        header = save_mapping(
            transaction, Mapping("Version", MappingKind.HEADER, rows=(MappingRow("X-Version", (SourceValue("event.code"),)),))
        ).pk
        filters = (FilterRow(f"profile.custom.{shirt}", Op.IS_NONE_OF, ("S",)), FilterRow("event.tags", Op.IS_NONE_OF, (str(extra),)))
        to = replace(first.destinations[0], connection=badges, payload_mapping=payload, header_mapping=header)
        save_flow(transaction, replace(first, statuses=(extra,), filters=filters, destinations=(to,)), first.id)
        save_flow(transaction, first, first.id, confirmed=True)
    with plan.acme.setting_up() as transaction:
        delete_tag(transaction, extra)
        delete_field(transaction, shirt)
        delete_connection(transaction, badges)
        delete_mapping(transaction, payload)
        delete_mapping(transaction, header)


def test_F10_F2_a_version_that_names_what_is_gone_is_restored_incomplete(plan: PlatformAccount, client: Client) -> None:
    url = f"/signal/flows/{leads(plan)}/"
    _names_what_goes(plan)
    lost = (
        "Registration Statuses: the tag Extra (deleted)",
        "Filter 1: the field Shirt (deleted)",
        "Filter 2: the tag Extra (deleted)",
        "Destination “CRM”: the connection Badges (deleted)",
        "Destination “CRM”: the payload mapping Badge (deleted)",
        "Destination “CRM”: the header mapping Version (deleted)",
    )
    lacks = (
        "Registration Statuses: at least one tag",
        "Values for each filter row",
        "A usable connection for destination",
        "A payload mapping for destination",
    )
    asked = text_of(client.get(f"{url}versions/?version=2&restore=1"))
    for said in (*lost, *lacks, "Some of its parts no longer exist. These are left out:", "The flow stops, because this is missing:"):
        assert said in asked, said
    after = text_of(confirms(client, f"{url}versions/", {"version": "2", "seen": "3"}, follow=True))
    for said in (*lost, *lacks, "Version 2 is restored", "The flow is incomplete."):
        assert said in after, said
    found = stored(plan)
    assert (found.active, found.statuses, found.emptied, found.number) == (True, (), ("statuses",), 4)
    assert [row.values for row in found.filters] == [(), ()]
    plan.record("R7", status="New", profile={"email": "z@example.org"})
    assert plan.store.all("SELECT count(*) FROM action WHERE account_id = :a", {"a": plan.pk}) == [(0,)]
    # Nothing returns unnoticed: a deleted header mapping counts as missing until someone decides.
    assert plan.acme.connection is not None
    assert plan.acme.mapping is not None
    form = form_of(client, url) | {"statuses": "Registered", "row": [], "d0-connection": str(plan.acme.connection.pk)}
    mended = text_of(client.post(url, form | {"d0-payload": str(plan.acme.mapping.pk)}, follow=True))
    assert "The header mapping of “CRM” was deleted" in mended
    assert "What you chose here was deleted." in mended
    assert stored(plan).destinations[0].header_mapping == GONE
    client.post(url, form_of(client, url) | {"d0-header": ""})
    assert stored(plan).destinations[0].header_mapping is None
    assert "Incomplete" not in text_of(client.get(url))


# --- permissions and accounts


@pytest.mark.parametrize("role", list(Role))
def test_P1_each_role_on_each_address(plan: PlatformAccount, client: Client, role: Role) -> None:
    change = plan.record("R1", status="New", profile={"email": "z@example.org"}).changes[0]
    plan.signs_in(client, role)
    base, admin, planner = f"/signal/flows/{leads(plan)}/", role is Role.ADMINISTRATOR, role is not Role.VIEWER
    reads = {base: True, f"{base}versions/": True, "/signal/flows/new/": admin, f"{base}copy/": admin, f"{base}delete/": admin}
    for url, may in {**reads, f"{base}send/{change}/": planner}.items():
        assert client.get(url).status_code == (200 if may else 403), (role, url)
    writes = {
        base: ({"name": "x", "opened": "1"}, admin),
        "/signal/flows/new/": ({}, admin),
        f"{base}versions/": ({"version": "1", "seen": "1"}, admin),
        f"{base}copy/": ({"name": "y"}, admin),
        f"{base}send/{change}/": ({}, planner),
        f"{base}test/": ({"try_text": "R1", "trial": "1"}, True),
        f"{base}test/?": ({"make": "TEST-9", "try_event": "SUMMIT-26"}, planner),
        "/signal/flows/new/test/": ({"count": "1"}, admin),
        f"{base}delete/": ({}, admin),
    }
    for url, (form, may) in writes.items():
        assert (client.post(url, form).status_code != 403) is may, (role, url)
    shown = client.get("/signal/flows/").content.decode()
    assert ("ADD A FLOW" in shown) is admin


def test_a_reader_tests_the_stored_flow_and_nothing_that_was_posted(plan: PlatformAccount, client: Client) -> None:
    plan.record("R1", status="New", profile={"email": "z@example.org"})
    plan.signs_in(client, Role.VIEWER)
    shown = text_of(client.post(f"/signal/flows/{leads(plan)}/test/", {"try_text": "R1", "trial": "1", "watch": Watch.EVENT.value}))
    assert "It would be sent to CRM." in shown
    assert "Send this one now" not in shown


def test_nothing_of_another_account_is_reached(plan: PlatformAccount, client: Client) -> None:
    change = plan.record("R1", status="New", profile={"email": "z@example.org"}).changes[0]
    other = platform_account.made(plan.store)
    other.signs_in(client)
    base = f"/signal/flows/{leads(plan)}/"
    for url in (base, f"{base}versions/", f"{base}copy/", f"{base}delete/", f"{base}send/{change}/"):
        assert client.get(url).status_code == 404, url
    for url in (base, f"{base}test/", f"{base}versions/", f"{base}copy/", f"{base}delete/", f"{base}send/{change}/"):
        assert client.post(url, {"version": "1", "name": "x", "try_text": "R1", "trial": "1"}).status_code == 404, url
    mine = f"/signal/flows/{leads(other)}/"
    assert client.get(f"{mine}send/{change}/").status_code == 404
    client.post(f"{mine}send/{change}/")
    assert plan.store.all("SELECT count(*) FROM action WHERE origin = 3") == [(0,)]
    form = form_of(client, mine)
    assert plan.acme.connection is not None
    assert client.post(mine, form | {"d0-connection": str(plan.acme.connection.pk)}).status_code == 422
    assert "No registration has this code or name." in text_of(client.post(f"{mine}test/", form | {"try_text": "R1", "trial": "1"}))
    ((theirs,),) = plan.store.all("SELECT id FROM registration WHERE account_id = :a", {"a": plan.pk})
    assert "no longer exists" in text_of(client.post(f"{mine}test/", form | {"pick": str(theirs)}))
    shown = client.get(f"{mine}?connection={plan.acme.connection.pk}").content.decode()
    assert "is chosen" not in shown


# --- the way to connections and mappings, and back


@pytest.mark.parametrize(
    ("button", "there"),
    [
        ({"new": "connection-0"}, "/signal/connections/new/?for={flow}"),
        ({"new": "payload-0"}, "/signal/mappings/new/?for={flow}&connection={connection}&action=Webhook&kind=payload&subject=registration"),
        ({"new": "header-0"}, "/signal/mappings/new/?for={flow}&connection={connection}&action=Webhook&kind=header&subject=registration"),
        ({"edit": "payload-0"}, "/signal/mappings/{mapping}/?for={flow}"),
        ({"preview": "payload-0"}, "/signal/mappings/{mapping}/?for={flow}#preview"),
        ({"new": "payload-7"}, "/signal/flows/{flow}/"),
        ({"edit": "header-0"}, "/signal/flows/{flow}/"),
        ({"new": "nonsense"}, "/signal/flows/{flow}/"),
    ],
)
def test_the_way_to_connections_and_mappings_saves_the_flow_first(plan: PlatformAccount, client: Client, button: Form, there: str) -> None:
    assert plan.acme.connection is not None
    assert plan.acme.mapping is not None
    url = f"/signal/flows/{leads(plan)}/"
    answer = client.post(url, form_of(client, url) | {"name": "Kept"} | button)
    wanted = there.format(flow=leads(plan), connection=plan.acme.connection.pk, mapping=plan.acme.mapping.pk)
    assert answer["Location"] == wanted
    assert stored(plan).name == "Kept"
    assert client.get(answer["Location"].partition("#")[0]).status_code == 200


def test_what_was_made_for_a_flow_is_chosen_in_it(plan: PlatformAccount, client: Client) -> None:
    with plan.acme.setting_up() as transaction:
        id = save_flow(transaction, Flow(0, name="Begun", watch=Watch.STATUS, destinations=(Destination(0),))).pk
    assert plan.acme.connection is not None
    assert plan.acme.mapping is not None
    answer = client.get(f"/signal/flows/{id}/?connection={plan.acme.connection.pk}")
    assert "“CRM” is chosen" in text_of(answer)
    form = posted(answer.content.decode(), "form")
    assert (form["d0-connection"], form["d0-name"]) == ([str(plan.acme.connection.pk)], ["CRM"])
    assert stored(plan, id).destinations[0].connection is None, "looking saves nothing"
    form = posted(client.get(f"/signal/flows/{id}/?mapping={plan.acme.mapping.pk}").content.decode(), "form")
    assert form["d0-payload"] == [str(plan.acme.mapping.pk)]
    both = client.get(f"/signal/flows/{id}/?mapping={plan.acme.mapping.pk}&connection={plan.acme.connection.pk}")
    assert "“CRM” and “Lead” are chosen" in text_of(both)
    for strange in ("connection=0", "connection=x", "mapping=99999999999999999999", "connection=%C2%B2"):
        assert client.get(f"/signal/flows/{id}/?{strange}").status_code == 200


# --- many


def test_500_flows_and_the_editor_take_as_many_queries_as_one(plan: PlatformAccount, client: Client) -> None:
    """A bounded number of queries, however many there are."""
    urls = ("/signal/flows/", f"/signal/flows/{leads(plan)}/", f"/signal/flows/{leads(plan)}/versions/")

    def asked() -> list[int]:
        counts = []
        for url in urls:
            client.get(url)  # first compile what is compiled once
            with counting_pages() as cost:
                assert client.get(url).status_code == 200
            counts.append(cost.statements)
        return counts

    few = asked()
    body = stored(plan).to_body()
    with plan.acme.setting_up() as transaction:
        many = {("flow", 1_000 + n): {**body, "name": f"Flow {n:03d}", "destinations": []} for n in range(500)}
        configuration_versions.save(transaction.db, plan.pk, ACCOUNT, plan.pk, many, by="test")
    assert all(now <= before for now, before in zip(asked(), few, strict=True)), few
    shown = client.get("/signal/flows/").content.decode()
    assert "501 of 501 flows" in shown
    assert shown.count('<tr id="flow-') == 25
    last = client.get("/signal/flows/?page=99&mode=Live").content.decode()
    assert "Page 21 of 21" in last
    assert "Leads" in last
    assert "?page=20&amp;mode=Live" in last
    assert "1 of 501 flows" in client.get("/signal/flows/?q=leads").content.decode()
