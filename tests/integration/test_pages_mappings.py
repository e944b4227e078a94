"""The pages of mappings (guide: Mappings; M1-M9, F10): by form only, as without script; by role; and with another account's ids."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client
from tests import mapping_examples
from tests.builders import platform_account
from tests.builders.account import inside
from tests.builders.platform_account import PlatformAccount, planned
from tests.confirming import confirms
from tests.counted import counting_pages
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.mapping_examples import HANA, Examples
from tests.page_text import text_of

from heliograph.accounts.models import AuditEntry, Role
from heliograph.domain.mapping.mapping import (
    MAX_NAME,
    DateFormat,
    EmptyPolicy,
    FixedText,
    Mapping,
    MappingKind,
    MappingRow,
    Otherwise,
    SourceValue,
    ValueMap,
    ValueType,
)
from heliograph.domain.setup.fields import Subject
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.preset_starts import starts
from heliograph.mappings.services import save_mapping
from heliograph.setup.services import event_setup
from heliograph.setup.services.versions import history

type Form = dict[str, list[str]]


@pytest.fixture
def site(request: pytest.FixtureRequest, database: DatabaseFacts) -> Iterator[PlatformAccount]:
    """With the examples, if the test asks for them."""
    with planned(database, mapping_examples.make if "made" in request.fixturenames else None) as account:
        yield account


@pytest.fixture
def made(site: PlatformAccount) -> Examples:
    return site.added


def at(row: StoredMapping, more: str = "") -> str:
    return f"/signal/mappings/{row.pk}/{more}"


def form_of(client: Client, url: str) -> Form:
    """What the untouched form would post, including the preview's fields beside it."""
    page = client.get(url)
    assert page.status_code == 200
    return posted(page.content.decode(), "map-form")


def stored(site: PlatformAccount, row: StoredMapping) -> Mapping:
    return site.acme.config().mappings[row.pk]


def read(content: bytes) -> Form:
    return posted(content.decode(), "map-form")


# --- the list


def test_M1_the_list_says_where_each_is_used(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    shown = text_of(client.get("/signal/mappings/").content)
    for said in (
        "4 of 4 mappings",
        "Lead mapping 15 fields: FirstName, LastName, Email, Title … Several questions share the tag Dietary needs",
        "Completed registrations to marketing Registered attendees to CRM",
        "API version header 3 fields: X-Api-Version, X-Sent-By, X-Notes Http Header Registrations Not used",
    ):
        assert said in shown, said
    assert "1 of 4" in text_of(client.get("/signal/mappings/?kind=header").content)
    assert "1 of 4" in text_of(client.get("/signal/mappings/?q=attendees+crm").content)
    assert "Nothing matches" in text_of(client.get("/signal/mappings/?subject=event").content)


def test_the_list_and_the_editor_take_a_bounded_number_of_queries(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)

    def asked(url: str) -> int:
        client.get(url)
        with counting_pages() as cost:
            assert client.get(url).status_code == 200
        return cost.statements

    urls = ("/signal/mappings/", at(made.lead), at(made.lead, "versions/"), "/signal/mappings/new/")
    before = [asked(url) for url in urls]
    with site.acme.setting_up() as transaction:
        for n in range(20):
            save_mapping(
                transaction, Mapping(f"Further {n}", rows=(MappingRow("a", (SourceValue(f"answer.{site.acme.tags['Diet'].pk}"),)),))
            )
        rows = tuple(MappingRow(f"t{n}", (SourceValue("profile.email"), FixedText("x"))) for n in range(100))
        save_mapping(transaction, Mapping("Lead mapping", rows=rows), made.lead.pk, confirmed=True)
    for n in range(20):
        site.record(f"MORE-{n}")
    assert all(now <= then for now, then in zip((asked(url) for url in urls), before, strict=True))
    assert max(before) <= 30


# --- the editor, without script


def test_M1_an_untouched_form_changes_nothing(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    for row in (made.lead, made.contact, made.header):
        before = stored(site, row)
        answer = client.post(at(row), form_of(client, at(row)))
        assert answer.status_code == 302, text_of(answer.content)
        assert stored(site, row) == before


def test_M1_a_new_mapping_by_form_alone(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    url = "/signal/mappings/new/"
    form = form_of(client, url)
    page = client.post(url, form | {"name": ["Lead Mapping"], "new_name": ["FirstName"], "do": ["add"]})
    page = client.post(url, read(page.content) | {"new_name": ["address.city"], "new_nested": ["on"], "do": ["add"]})
    form = read(page.content)
    assert form["target-1"] == ["city"]
    assert "address" in text_of(page.content)
    answer = client.post(
        url, form | {"line-0": ["{First Name} {{x}} {registration.status}"], "line-1": ["{profile.city}"], "trim-1": ["on"], "do": ["save"]}
    )
    assert answer.status_code == 302, text_of(answer.content)
    with inside(site.acme):
        row = StoredMapping.objects.get(name="Lead Mapping")
    assert answer["Location"] == at(row)
    assert stored(site, row).rows == (
        MappingRow("FirstName", (SourceValue("profile.first_name"), FixedText(" {x} "), SourceValue("registration.status")), tidy=True),
        MappingRow("address.city", (SourceValue("profile.city"),), nested=True, trim=True),
    )
    with inside(site.acme):
        assert AuditEntry.objects.filter(kind="mapping", object_id=row.pk).exists()
    site.signs_in(client, Role.VIEWER)
    assert text_of(client.get(at(row)).content).count("Leave out typed text beside an empty field") == 1


def test_M2_a_sample_makes_rows_that_keep_shape_and_types(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    form = form_of(client, at(made.contact))
    page = client.post(at(made.contact), form | {"do": ["sample"]})
    assert "Sample JSON" in text_of(page.content)
    sample = '{"email": "a", "Score": 12,\r\n "Newsletter": true, "billing": {"vat": "x"}}'
    page = client.post(at(made.contact), read(page.content) | {"sample": [sample], "do": ["take"]})
    shown = text_of(page.content)
    assert "Rows that stay as they are: email." in shown
    assert "Add 3 rows" in shown
    form = read(page.content)
    assert form["sample_row"] == ["Score", "Newsletter", "billing.vat"]
    page = client.post(at(made.contact), form | {"sample_row": ["Score", "billing.vat"], "do": ["take"]})
    assert client.post(at(made.contact), read(page.content)).status_code == 302
    *_, score, vat = stored(site, made.contact).rows
    assert score == MappingRow("Score", type=ValueType.NUMBER)
    assert vat == MappingRow("billing.vat", nested=True)
    page = client.post(at(made.contact), form | {"sample": ["[1"], "do": ["take"]})
    assert "This is not JSON" in text_of(page.content)
    assert read(page.content)["sample"] == ["[1"]


def test_M2_proposed_fields_are_taken_in_one_click_and_constants_kept(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    form = form_of(client, at(made.contact))
    sample = '{"GivenName": "Ann", "ListId": "a1b2", "Level": 3}'
    page = client.post(at(made.contact), form | {"sample": [sample], "keep_values": ["on"], "do": ["take"]})
    shown = text_of(page.content)
    assert "Proposed: First Name" in shown
    assert "ListId Text, “a1b2”" in shown
    assert "Add them with the proposed fields" in shown
    page = client.post(at(made.contact), read(page.content) | {"do": ["take-proposed"]})
    assert client.post(at(made.contact), read(page.content)).status_code == 302
    assert stored(site, made.contact).rows[-3:] == (
        MappingRow("GivenName", (SourceValue("profile.first_name"),)),
        MappingRow("ListId", (FixedText("a1b2"),)),
        MappingRow("Level", (FixedText("3"),), type=ValueType.NUMBER),
    )


def test_M2_what_is_proposed_is_no_way_in(site: PlatformAccount, made: Examples, client: Client) -> None:
    """Whoever posts another key than the one that was proposed has the row checked as any other."""
    site.signs_in(client)
    form = form_of(client, at(made.contact))
    page = client.post(at(made.contact), form | {"sample": ['{"GivenName": ""}'], "do": ["take"]})
    forged = read(page.content) | {"proposed": ["session.name GivenName", "nonsense", " x"], "do": ["take-proposed"]}
    page = client.post(at(made.contact), forged)
    assert "has no field “session.name”" in text_of(client.post(at(made.contact), read(page.content)).content)


def test_M4_a_value_map_offers_the_options_and_names_those_without_a_row(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    tag = site.acme.tags["Diet"].pk
    with site.acme.planning() as transaction:
        event_setup.save_question(
            transaction, site.acme.event, event_setup.QuestionFacts("meal", "Meal", "select", ("Kosher", "Vegan", "Halal"), tag)
        )
    source = SourceValue(f"answer.{tag}", value_map=ValueMap((("vegan ", "1"), ("Halal", "2"))))
    status = SourceValue("registration.status", value_map=ValueMap((("New", "n"),), Otherwise.ERROR))
    with site.acme.setting_up() as transaction:
        row = save_mapping(
            transaction,
            Mapping(
                "Meals",
                rows=(MappingRow("meal", (source,)), MappingRow("state", (status,)), MappingRow("city", (SourceValue("profile.city"),))),
            ),
        )

    def panel(n: int) -> str:
        return client.post(at(row), form_of(client, at(row)) | {"do": [f"open:{n}.0"]}).content.decode()

    found = panel(0)
    assert re.findall(r'<option value="([^"]*)"></option>', found.partition('<datalist id="map-options">')[2].partition("</datalist>")[0])[
        :3
    ] == ["Vegan", "Halal", "Kosher"]
    named = re.search(r"Without a row: ([^<]*)\.", found)
    assert named
    assert "Kosher" in named[1]
    assert "Vegan" not in named[1]
    assert "Invited by partner" in panel(1), "a custom status of an event"
    assert "map-options" not in panel(2), "any text is possible"


def test_M4_what_is_behind_a_chip_is_set_without_script(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    url = at(made.lead)
    rows = [row.target for row in stored(site, made.lead).rows]
    country, created = rows.index("address.country"), rows.index("RegisteredOn")
    page = client.post(url, form_of(client, url) | {"do": [f"open:{country}.0"]})
    assert "hana KOVÁŘ: Czechia becomes CZ" in text_of(page.content)
    form = read(page.content)
    assert form["map_from"] == ["Czechia", "Austria", "Germany", ""]
    form |= {
        "map_from": ["Czechia", "Norway"],
        "map_to": ["CS", "NO"],
        "otherwise": ["text"],
        "otherwise_text": ["XX"],
        "if_empty": ["none"],
        "escape": ["HTML"],
    }
    page = client.post(url, form | {"do": ["unmap:1"]})
    assert read(page.content)["map_from"] == ["Czechia", ""]
    page = client.post(url, read(page.content) | {"do": [f"open:{created}.0"]})
    assert "2 values mapped" not in text_of(page.content)
    form = read(page.content)
    assert form["date"] == ["Date only"]
    assert client.post(url, form | {"date": ["In words"], "do": ["save"]}).status_code == 302
    saved = stored(site, made.lead).rows
    (source,) = saved[country].sources
    assert source.value_map is not None
    assert (source.value_map.entries, source.value_map.otherwise, source.value_map.text) == ((("Czechia", "CS"),), Otherwise.TEXT, "XX")
    assert (source.if_empty, source.escape) == ("none", "HTML")
    assert saved[created].parts == (SourceValue("registration.created", date_format=DateFormat.WORDS),)


def test_M2_rows_are_moved_deleted_and_added_within_objects_and_lists(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    url = at(made.lead)
    page = client.post(url, form_of(client, url) | {"do": ["down:0"]})
    page = client.post(url, read(page.content) | {"do": ["remove:5"]})
    page = client.post(url, read(page.content) | {"do": ["entry:phones"]})
    assert "Entry 2" in text_of(page.content)
    page = client.post(url, read(page.content) | {"do": ["inside:address"]})
    form = read(page.content)
    empty = next(name for name, value in form.items() if name.startswith("target-") and value == [""])
    refused = client.post(url, form | {"do": ["save"]})
    assert refused.status_code == 422
    assert "The name of the target field is missing." in text_of(refused.content)
    assert client.post(url, form | {empty: ["zip.code"], "do": ["save"]}).status_code == 302
    targets = [row.target for row in stored(site, made.lead).rows]
    assert targets[:2] == ["LastName", "FirstName"]
    assert "Guests" not in targets
    assert targets[-4:] == ["phones[0].kind", "phones[0].number", "phones[1].kind", "phones[1].number"]
    assert 'address["zip.code"]' in targets


def test_M2_objects_and_lists_are_renamed_with_what_is_in_them(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    url = at(made.lead)
    form = read(client.get(url).content)
    paths = form["object"]
    names = {"address": "home", "phones": "tele.phones"}
    page = client.post(url, form | {"object_name": [names.get(path, path) for path in paths], "do": ["inside:address"]})
    assert "Name of the target" not in text_of(page.content)
    form = read(page.content)
    assert set(form["object"]) == {"home", '["tele.phones"]'}
    empty = next(name for name, value in form.items() if name.startswith("target-") and value == [""])
    emptied = form | {
        empty: ["zip"],
        "object_name": ["" for _ in form["object"]],
        "do": ["save"],
    }  # an empty name is ignored: they keep their names
    assert client.post(url, emptied).status_code == 302
    targets = [row.target for row in stored(site, made.lead).rows]
    assert [target for target in targets if "address" in target or target.startswith("phones")] == []
    assert {"home.zip", '["tele.phones"][0].number'} <= set(targets)
    clash = read(client.get(url).content)
    refused = client.post(
        url, clash | {"object_name": ["LastName" if path == "home" else path for path in clash["object"]], "do": ["save"]}
    )
    assert refused.status_code == 422
    assert "LastName" in text_of(refused.content)


def test_B3_a_new_mapping_starts_from_an_application(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    url = "/signal/mappings/new/"
    page = client.get(url)
    assert "Or start from an application" in text_of(page.content)
    taken = client.post(url, read(page.content) | {"start": ["slack_text"], "do": ["start"]})
    form = read(taken.content)
    assert form["target-0"] == ["text"]
    assert form["name"] == ["Slack message mapping"]
    assert "Or start from an application" not in text_of(taken.content)
    answer = client.post(url, form | {"do": ["save"]})
    assert answer.status_code == 302, text_of(answer.content)
    again = client.post(url, form | {"name": ["Mine"], "start": ["ntfy"], "do": ["start"]})  # existing rows are not replaced
    assert read(again.content)["target-0"] == ["text"]
    nothing = client.post(url, read(page.content) | {"start": ["nonsense"], "do": ["start"]})
    assert nothing.status_code == 200
    for kind, subject in (("header", "registration"), ("payload", "event")):
        assert "Or start from" not in text_of(client.get(f"{url}?kind={kind}&subject={subject}").content)
    for key, (_name, mapping) in starts(MappingKind.PAYLOAD, Subject.SESSION).items():
        assert mapping.rows, key


def test_M3_the_field_list_has_every_group_with_what_the_person_has(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    page = client.post(at(made.contact), form_of(client, at(made.contact)) | {"do": ["fields:0"]})
    shown = text_of(page.content)
    for said in (
        "Profile Standard Fields",
        "Shirt empty",
        "Dietary needs (question)",
        "City praha",
        "Region",
        "Macros",
        "Profile Custom Fields",
    ):
        assert said in shown, said
    page = client.post(at(made.contact), read(page.content) | {"do": ["field:0/profile.city"]})
    assert read(page.content)["line-0"][-1] == "{profile.email}{profile.city}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target-1": ["email"]}, "There is a row “email” already."),
        ({"line-1": ["{profile.email"]}, "The brace at character 1 is not closed"),
        ({"line-1": ["a } b"]}, "The brace at character 3 closes nothing"),
        ({"line-1": ["{profile.nonsense}"]}, "There is no field “profile.nonsense”."),
        ({"line-1": ["{profile.custom.999}"]}, "Your account has no field “profile.custom.999” any more."),
        ({"line-1": ["{session.name}"]}, "A mapping for a registration has no field “session.name”."),
        ({"line-1": ["x" * 10_001]}, "A text is at most 10,000 characters long."),
        ({"target-1": ["x" * 501]}, "A name is at most 500 characters long."),
        ({"target-1": [" "]}, "The name of the target field is missing."),
        ({"name": [""]}, "a mapping needs a name"),
        ({"name": ["Lead mapping"]}, "There is a mapping of this name already."),
    ],
)
def test_M2_what_cannot_be_is_refused_at_its_row_and_nothing_is_lost(
    site: PlatformAccount, made: Examples, client: Client, changes: Form, said: str
) -> None:
    site.signs_in(client)
    url = at(made.contact)
    before = stored(site, made.contact)
    form = form_of(client, url) | {"target-0": ["email"], "line-3": ["typed meanwhile {profile.city}"]} | changes
    answer = client.post(url, form)
    assert answer.status_code == 422
    assert said in text_of(answer.content).replace("&#x27;", "'")
    again = read(answer.content)
    for name, (*_, value) in changes.items():
        assert again[name][-1] == value, name
    assert again["line-3"][-1] == "typed meanwhile {profile.city}"
    assert stored(site, made.contact) == before


def test_M9_a_header_that_heliograph_sets_itself_is_refused(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    answer = client.post(at(made.header), form_of(client, at(made.header)) | {"target-2": ["webhook-id"]})
    assert answer.status_code == 422
    assert "is a header that Heliograph sets itself" in text_of(answer.content)


def test_a_broken_form_breaks_nothing(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    url = at(made.contact)
    form = form_of(client, url)
    for garbage in (
        {"parts-0": ["["], "at-1": ["[]"], "type-0": ["x"], "case-0": ["x"], "empty": ["?"], "panel": ["9.9"]},
        {"parts-0": ['[{"source": 7}]'], "at-0": ['{"under": "a[", "entry": -4, "nested": true}'], "panel": ["0.0"], "date": ["x"]},
        {"number": ["x"], "preview_format": ["nowhere"], "key": ["\ufdd0 \ufdd0"], "person": ["\ufdd0%_!"]},
    ):
        for do in (
            "preview",
            "open:7.7",
            "cut:0.9",
            "up:99",
            "field:0/nonsense",
            "unmap:5",
            "entry:email",
            "inside:",
            "show:x",
            "whom:x",
            "take",
            "x:y",
        ):
            assert client.post(url, form | garbage | {"do": [do]}).status_code == 200, (garbage, do)


# --- preview


def test_M7_every_row_says_what_it_gives_for_a_real_registration(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    shown = text_of(client.get(f"{at(made.lead)}?person=hana+oakline").content)
    for said in (
        "2 validation errors: nothing would be sent for hana KOVÁŘ",
        "“2 and a baby” is not a number. A validation error: not sent, not retried.",
        "2 entries: Sustainability, Venues",
        "Vegan; No nuts",
        "Head of Events @ Oakline",
    ):
        assert said in shown, said


def test_M8_joined_answers_are_warned_about(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    said = "In SUMMIT-26 2 questions have the tag Dietary needs: “Dietary needs”, “Allergies and intolerances”. Their answers are joined with “; ”. Questions"
    assert said in text_of(client.get(at(made.lead)).content)
    assert "are joined" not in text_of(client.get(at(made.contact)).content)


def test_M7_the_preview_comes_as_parts_where_script_asks(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    form = form_of(client, at(made.contact)) | {
        "line-1": ["Dr. {profile.last_name}"],
        "key": [f"SUMMIT-26 {HANA}"],
        "preview_format": ["form"],
        "do": ["preview"],
    }
    answer = client.post(at(made.contact), form, headers={"HX-Request": "true"})
    body = answer.content.decode()
    assert "<html" not in body
    assert "<form" not in body
    assert re.search(r'id="told-1" hx-swap-oob="true"><output class="map-result">Dr. KOVÁŘ<', body)
    assert "Dr.+KOV%C3%81%C5%98" in body
    assert stored(site, made.contact).rows[1].parts == (SourceValue("profile.last_name"),), "nothing is saved by looking"


def test_M7_a_code_that_was_typed_is_that_registration_whatever_else_holds_it(
    site: PlatformAccount, made: Examples, client: Client
) -> None:
    site.signs_in(client)
    site.record("R-1", profile={"last_name": "Wanted"})
    for n in range(12):  # more than a search shows, and all of them newer
        site.record(f"R-1{n:02}", profile={"last_name": f"Other{n}", "organization": "R-1 Limited"})
    for typed in ("R-1", "r-1", " R-1 "):
        shown = client.get(at(made.contact), {"person": typed}).content.decode()
        assert re.search(r'name="key" form="map-form" value="SUMMIT-26 R-1"', shown), typed
    event = mapping_examples.of_events(site)
    platform_account.event_in_testing(site, "SUMMIT-26-B")
    assert re.search(r'name="key" form="map-form" value="SUMMIT-26"', client.get(at(event), {"person": "summit-26"}).content.decode())


def test_M4_a_pattern_is_typed_behind_a_chip_and_a_wrong_one_says_so(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    url = at(made.lead)
    created = [row.target for row in stored(site, made.lead).rows].index("RegisteredOn")
    form = read(client.post(url, form_of(client, url) | {"do": [f"open:{created}.0"]}).content)
    wrong = client.post(url, form | {"date": ["A pattern"], "date_pattern": ["soon"]})
    assert wrong.status_code == 422
    assert "A pattern names parts of a date" in text_of(wrong.content)
    assert read(wrong.content)["date_pattern"] == ["soon"]
    assert client.post(url, form | {"date": ["A pattern"], "date_pattern": ["DD.MM.YYYY"]}).status_code == 302
    assert stored(site, made.lead).rows[created].parts == (
        SourceValue("registration.created", date_format=DateFormat.PATTERN, date_pattern="DD.MM.YYYY"),
    )


def test_M4_a_value_map_with_an_empty_from_is_refused_at_its_row(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    url = at(made.lead)
    country = [row.target for row in stored(site, made.lead).rows].index("address.country")
    form = read(client.post(url, form_of(client, url) | {"do": [f"open:{country}.0"]}).content)
    answer = client.post(url, form | {"map_from": [" "], "map_to": ["XX"]})
    assert answer.status_code == 422
    assert "An empty value has no entry" in text_of(answer.content)


def test_M7_nobody_and_made_up_data(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    assert "Nobody matches, so the data is made up." in text_of(client.get(f"{at(made.contact)}?person=nobody+at+all").content)
    assert "ada.sample@example.org" in text_of(client.get(f"{at(made.contact)}?made_up=1").content)


@pytest.mark.parametrize("kind", ["events", "sessions"])
def test_M3_mappings_for_events_and_sessions(site: PlatformAccount, made: Examples, client: Client, kind: str) -> None:
    site.signs_in(client)
    row = mapping_examples.of_events(site) if kind == "events" else mapping_examples.of_sessions(site)
    if kind == "sessions":
        site.record("S26-9", profile={"first_name": "Noor"}, sessions=[{"code": "KEYNOTE", "status": "Attended"}])
    shown = text_of(client.get(at(row)).content)
    assert ("Summit" if kind == "events" else "Opening: Attended") in shown
    assert f"Payload, for {kind}." in shown
    german = text_of(client.get(at(row), headers={"accept-language": "de"}).content)
    assert "veranstaltungen" not in german, "a noun begins with a capital letter"
    assert "für sessions" not in german
    page = client.post(at(row), form_of(client, at(row)) | {"do": ["fields:0"]})
    assert ("Profile Standard Fields" in text_of(page.content)) == (kind == "sessions")
    refused = client.post(at(row), form_of(client, at(row)) | {"line-0": ["{profile.email}"] if kind == "events" else ["{nonsense}"]})
    assert refused.status_code == 422


def test_a_name_that_is_markup_is_only_a_name(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    evil = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
    site.record("EVIL", profile={"first_name": evil, "last_name": evil, "email": "</textarea><b>", "city": "]]><svg/onload=alert(3)>"})
    with site.acme.setting_up() as transaction:
        save_mapping(
            transaction,
            Mapping(
                evil,
                rows=(
                    MappingRow(evil, (SourceValue("profile.last_name"), FixedText(evil))),
                    MappingRow("b", (SourceValue("profile.city"),)),
                ),
            ),
            made.contact.pk,
        )
    for url in (f"{at(made.contact)}?key=SUMMIT-26+EVIL", "/signal/mappings/", at(made.contact, "versions/"), at(made.contact, "delete/")):
        page = client.get(url).content.decode()
        for mark in ("<script>alert", "<img src=x", "<svg/onload", "</textarea><b>"):
            assert mark not in page, (url, mark)
    form = form_of(client, f"{at(made.contact)}?key=SUMMIT-26+EVIL")
    parts = client.post(
        at(made.contact), form | {"key": ["SUMMIT-26 EVIL"], "do": ["preview"]}, headers={"HX-Request": "true"}
    ).content.decode()
    for mark in ("<script>alert", "<img src=x", "<svg/onload"):
        assert mark not in parts


def test_C2_personal_fields_in_the_address_of_a_get_are_warned_about(site: PlatformAccount, made: Examples, client: Client) -> None:
    from heliograph.connections.models import Connection
    from heliograph.connections.services.connections import ConnectionFacts, save_connection

    site.signs_in(client)
    assert "uses GET" not in text_of(client.get(at(made.lead)).content)
    assert site.acme.connection is not None
    with site.acme.setting_up() as transaction:
        fields = {"name": "CRM", "auth": "Basic Authentication", "user_name": "crm", "method": "GET"}
        save_connection(transaction, ConnectionFacts(fields), site.acme.connection.pk)
    with inside(site.acme):
        assert Connection.objects.get().body["method"] == "GET"
    shown = text_of(client.get(at(made.lead)).content)
    assert "CRM uses GET: these fields go into the address" in shown


def test_M6_a_header_is_never_null(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    with site.acme.setting_up() as transaction:
        save_mapping(transaction, replace(stored(site, made.header), empty=EmptyPolicy.NULL), made.header.pk)
    for who in (Role.ADMINISTRATOR, Role.VIEWER):
        site.signs_in(client, who)
        shown = text_of(client.get(at(made.header)).content)
        assert "Send it without a value" in shown
        assert "null" not in shown
    site.signs_in(client)
    assert "Leave the header out" in text_of(client.get(at(made.header)).content)


def test_M9_a_header_value_beyond_ascii_is_warned_of_at_its_row(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    before = stored(site, made.header)
    assert "outside ASCII" not in text_of(client.get(at(made.header)).content)
    with site.acme.setting_up() as transaction:
        row = MappingRow("X-Room", (FixedText("Grüner Saal"),))
        save_mapping(transaction, replace(before, rows=(*before.rows, row)), made.header.pk)
    assert "X-Room: letters outside ASCII" in text_of(client.get(at(made.header)).content)


# --- saved meanwhile, versions, copies, deletions


def test_F10_nobody_overwrites_a_version_that_they_have_not_seen(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    url = at(made.contact)
    mine = form_of(client, url) | {"line-1": ["mine {profile.last_name}"]}
    theirs = form_of(client, url) | {"name": ["Theirs"]}
    assert client.post(url, theirs).status_code == 302
    answer = client.post(url, mine)
    assert answer.status_code == 409
    assert "Administrator saved version 2 while you were writing" in text_of(answer.content)
    assert read(answer.content)["line-1"][-1] == "mine {profile.last_name}"
    assert stored(site, made.contact).name == "Theirs"
    assert client.post(url, read(answer.content)).status_code == 302
    assert stored(site, made.contact).rows[1].parts == (FixedText("mine "), SourceValue("profile.last_name"))
    assert len(history(site.store, site.pk, "mapping", made.contact.pk)) == 3


def test_F10_versions_are_compared_and_restored(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    shown = text_of(client.get(at(made.lead, "versions/")).content)
    for said in (
        "Version 2",
        "Now in use. Changed: Title; Added: phones[0].number",
        "2 differences.",
        "Restore version 1",
        "Position , · Head of Events,",
        "Not there",
    ):
        assert said in shown, said
    asked = text_of(client.get(at(made.lead, "versions/?version=1&restore=1")).content)
    assert "Restore version 1?" in asked
    assert "Completed registrations to marketing, Registered attendees to CRM" in asked
    answer = confirms(client, at(made.lead, "versions/"), {"version": "1", "seen": "2"})
    assert answer["Location"] == at(made.lead)
    assert stored(site, made.lead).rows[3].parts == (SourceValue("profile.position"), FixedText(", "))
    assert [v.number for v in history(site.store, site.pk, "mapping", made.lead.pk)] == [3, 2, 1]
    assert client.get(at(made.lead, "versions/?version=9")).status_code == 404
    assert client.post(at(made.lead, "versions/"), {"version": "9"}).status_code == 404


def newest_of(site: PlatformAccount, row: StoredMapping) -> int:
    return history(site.store, site.pk, "mapping", row.pk)[0].number


def test_F10_P12_a_version_that_names_what_is_gone_is_restored_without_it(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    url, number = at(made.lead, "versions/"), mapping_examples.names_what_is_gone(site, made.lead)
    lost = (
        "Email: the field Extra (answer) (deleted)",
        "Title: the field Badge colour (deleted), and with it the text “Badge ”. The row will have no source",
        "Dietary: the field Extra (answer) (deleted). The row will have no source",
    )
    asked = text_of(client.get(f"{url}?version={number}&restore=1").content)
    for said in (*lost, "Some of its parts no longer exist. These are left out:", "These required fields would have no source."):
        assert said in asked, said
    assert asked.count("Badge colour (deleted)") == 2, "in the list, and in the row of the comparison"
    after = text_of(confirms(client, url, {"version": str(number), "seen": str(newest_of(site, made.lead))}, follow=True).content)
    for said in (*lost, f"Version {number} is restored", "Required, but without a source: Title.", "No source yet: it is always empty"):
        assert said in after, said
    email, title, dietary = stored(site, made.lead).rows
    assert (email.parts, title.parts, dietary.parts) == ((SourceValue("profile.email"), FixedText(" ")), (), ())
    assert client.post(at(made.lead), form_of(client, at(made.lead))).status_code == 302


def test_P12_only_an_unused_mapping_is_deleted(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    assert "cannot be deleted yet" in text_of(client.get(at(made.lead, "delete/")).content)
    assert "Registered attendees to CRM" in text_of(confirms(client, at(made.lead, "delete/")).content)
    assert confirms(client, at(made.contact, "delete/"))["Location"] == "/signal/mappings/"
    assert client.get(at(made.contact)).status_code == 404
    assert client.get(at(made.lead)).status_code == 200


def test_M1_a_copy_is_used_by_no_flow(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    for name in ("Copy of Lead mapping", "Copy of Lead mapping 2"):
        place = confirms(client, at(made.lead, "copy/"))["Location"]
        shown = text_of(client.get(place).content)
        assert name in shown
        assert "Used by no flow yet" in shown


def test_M1_the_longest_name_is_stored_and_copied_and_a_longer_one_refused(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    form = form_of(client, at(made.contact))
    refused = client.post(at(made.contact), form | {"name": ["N" * (MAX_NAME + 1)]})
    assert refused.status_code == 422
    assert f"a name is at most {MAX_NAME} characters long" in text_of(refused.content).lower()
    assert client.post(at(made.contact), form | {"name": ["N" * MAX_NAME]}).status_code == 302
    for _copy in range(2):
        assert confirms(client, at(made.contact, "copy/")).status_code == 302
    blanks = {"name": "N" * MAX_NAME, "url": "https://crm.example.com/"}
    assert client.post("/signal/connections/new/generic_json/", blanks).status_code == 302
    names = {mapping.name for mapping in site.acme.config().mappings.values()}
    assert {name for name in names if "NNN" in name} == {
        "N" * MAX_NAME,
        f"Copy of {'N' * (MAX_NAME - 30)}",
        f"Copy of {'N' * (MAX_NAME - 30)} 2",
        f"{'N' * (MAX_NAME - 30)} mapping",
    }


# --- for a flow


def test_M1_a_new_mapping_leads_back_to_the_flow_it_is_for(site: PlatformAccount, made: Examples, client: Client) -> None:
    site.signs_in(client)
    assert site.acme.flow is not None
    url = f"/signal/mappings/new/?for={site.acme.flow.pk}&connection=1&action=Webhook"
    form = form_of(client, url) | {"name": ["Made on the way"], "new_name": ["a"], "do": ["add"]}
    form = read(client.post(url, form).content)
    answer = client.post(url, form | {"do": ["save"]})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/signal/flows/")
    other = platform_account.made(site.store)
    assert other.acme.flow is not None
    for foreign in (other.acme.flow.pk, "x", 999_999_999_999, "-1"):
        assert client.get(f"/signal/mappings/new/?for={foreign}").status_code == 404


# --- permissions


def test_P1_planners_and_viewers_read_and_change_nothing(site: PlatformAccount, made: Examples, client: Client) -> None:
    before = stored(site, made.lead)
    for role in (Role.PLANNER, Role.VIEWER):
        site.signs_in(client, role)
        for url in ("/signal/mappings/", at(made.lead), at(made.lead, "versions/"), at(made.lead, "versions/?version=1&restore=1")):
            page = client.get(url)
            assert page.status_code == 200, (role, url)
            assert 'method="post"' not in page.content.decode().partition("<main")[2].partition("</main>")[0], (role, url)
        shown = text_of(client.get(at(made.lead)).content)
        for said in ("Head of Events @ Oakline", "Email Required", "Guests Number", "address.country Required", "topics List of text"):
            assert said in shown, (role, said)
        assert "If an optional field is empty: Send an empty text, or null." in shown
        for url in ("/signal/mappings/new/", at(made.lead, "copy/"), at(made.lead, "delete/")):
            assert client.get(url).status_code == 403, (role, url)
        for url in ("/signal/mappings/new/", at(made.lead), at(made.lead, "copy/"), at(made.lead, "delete/"), at(made.lead, "versions/")):
            for do in ("save", "preview", "open:0.0"):
                assert client.post(url, {"name": "Mine", "do": do, "version": "1"}).status_code == 403, (role, url)
    assert stored(site, made.lead) == before


def test_P1_another_accounts_mapping_is_not_there(site: PlatformAccount, made: Examples, client: Client) -> None:
    other = platform_account.made(site.store)
    assert other.acme.mapping is not None
    site.signs_in(client)
    for more in ("", "copy/", "delete/", "versions/"):
        assert client.get(at(other.acme.mapping, more)).status_code == 404, more
        assert client.post(at(other.acme.mapping, more), {"name": "Mine", "version": "1"}).status_code == 404, more
    other.record("THEIRS", profile={"first_name": "Secret"})
    with other.acme.planning() as transaction:
        assert transaction.account == other.pk
    page = client.get(f"{at(made.contact)}?person=secret").content.decode()
    assert "Nobody matches" in page
    form = form_of(client, at(made.contact))
    theirs = json.loads(json.dumps(form)) | {"line-0": [f"{{answer.{other.acme.tags['Diet'].pk}}}"], "do": ["save"]}
    assert client.post(at(made.contact), theirs).status_code == 422


def test_P1_nobody_sees_a_mapping_without_signing_in(site: PlatformAccount, made: Examples, client: Client) -> None:
    for url in ("/signal/mappings/", "/signal/mappings/new/", at(made.lead), at(made.lead, "versions/")):
        assert client.get(url)["Location"].startswith("/accounts/sign-in/"), url
