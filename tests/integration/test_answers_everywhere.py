"""Every type of answer is set and emptied wherever there are answers: events, registrations, in forms and documents (P2, P6)."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.builders.platform_account import EVENT, PlatformAccount, planned, registration_state
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.forms import posted

from heliograph.accounts.models import Role
from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.setup.services import custom_fields, event_setup
from heliograph.store.config_cache import Committed

ANSWERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    QuestionType.TEXT: ((), ("A line",)),
    QuestionType.NUMBER: ((), ("12.5",)),
    QuestionType.DATE: ((), ("2026-10-12",)),
    QuestionType.SELECT: (("North", "South"), ("South",)),
    QuestionType.MULTI_SELECT: (("North", "South", "East"), ("North", "East")),
    QuestionType.CHECKBOX: ((), ("Yes",)),
    QuestionType.RADIO: (("North", "South"), ("North",)),
}
"""(options, an answer) of every type."""


def test_every_type_has_an_answer_here() -> None:
    assert set(ANSWERS) == set(QuestionType.ALL)


def fields(site: PlatformAccount, kind: str) -> dict[str, int]:
    """A custom field of every type; their ids by type."""
    with site.acme.setting_up() as transaction:
        return {
            shape: custom_fields.save_field(
                transaction, custom_fields.FieldFacts(kind, f"x-{shape}", f"An answer of {shape}", shape, options)
            ).pk
            for shape, (options, _answer) in ANSWERS.items()
        }


def questions(site: PlatformAccount) -> dict[str, int]:
    """A question of every type; their ids by type."""
    with site.acme.planning() as transaction:
        return {
            shape: event_setup.save_question(
                transaction, site.acme.event, event_setup.QuestionFacts(f"x-{shape}", f"An answer of {shape}", shape, options)
            ).pk
            for shape, (options, _answer) in ANSWERS.items()
        }


def answered(ids: dict[str, int], prefix: str) -> dict[str, list[str]]:
    return {f"{prefix}.{id}": list(ANSWERS[shape][1]) for shape, id in ids.items()}


def emptied(form: dict[str, list[str]], ids: dict[str, int], prefix: str) -> dict[str, list[str]]:
    """As a browser posts it: a line that is empty is there, a list of boxes of which none is ticked is not."""
    out = {name: values for name, values in form.items() if name not in {f"{prefix}.{id}" for id in ids.values()}}
    return out | {f"{prefix}.{id}": [""] for shape, id in ids.items() if shape != QuestionType.MULTI_SELECT}


@pytest.mark.parametrize("before", [False, True], ids=["nothing stored", "answers stored"])
def test_P2_an_event_takes_and_loses_every_type_of_answer(database: DatabaseFacts, client: Client, before: bool) -> None:
    with planned(database) as site:
        ids = fields(site, "event")
        site.signs_in(client, Role.PLANNER)
        url = f"/events/{EVENT}/details/"
        form = posted(client.get(url).content.decode(), "form")
        if before:
            assert client.post(url, form | answered(ids, "custom")).status_code == 302
            state = Committed(site.store).event(site.acme.event).state
            assert {shape: state.custom[id] for shape, id in ids.items()} == {shape: answer for shape, (_o, answer) in ANSWERS.items()}
            form = posted(client.get(url).content.decode(), "form")
        saved = client.post(url, emptied(form, ids, "custom") | {"name": ["Summit again"]})
        assert saved.status_code == 302
        state = Committed(site.store).event(site.acme.event).state
        assert not set(state.custom) & set(ids.values())
        assert state.name == "Summit again"


def test_P2_events_are_added_and_copied_where_every_type_of_field_exists(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        ids = fields(site, "event")
        site.signs_in(client, Role.PLANNER)
        form = posted(client.get("/events/add/").content.decode(), "form")
        assert client.post("/events/add/", form | {"code": ["GALA-26"], "name": ["Gala"]}).status_code == 302
        url = "/events/GALA-26/details/"
        form = posted(client.get(url).content.decode(), "form")
        assert client.post(url, form | answered(ids, "custom")).status_code == 302
        copied = confirms(client, "/events/GALA-26/copy/", {"code": ["GALA-27"], "name": ["Gala again"], "start": [""], "end": [""]})
        assert copied.status_code == 302
        ((id,),) = site.store.all("SELECT id FROM event WHERE code = 'GALA-27'")
        state = Committed(site.store).event(id).state
        assert {shape: state.custom[id] for shape, id in ids.items()} == {shape: answer for shape, (_o, answer) in ANSWERS.items()}


def test_P2_what_is_no_answer_is_refused_and_stays(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        ids = fields(site, "event")
        site.signs_in(client, Role.PLANNER)
        url = f"/events/{EVENT}/details/"
        form = posted(client.get(url).content.decode(), "form")
        for shape in (QuestionType.NUMBER, QuestionType.DATE, QuestionType.SELECT, QuestionType.MULTI_SELECT, QuestionType.CHECKBOX):
            refused = client.post(url, form | {f"custom.{ids[shape]}": ["no answer at all"]})
            assert refused.status_code == 422, shape
            assert "no answer at all" in refused.content.decode(), shape


@pytest.mark.parametrize("area", ["answer", "custom"], ids=["questions", "profile fields"])
def test_P6_a_registration_takes_and_loses_every_type_of_answer(database: DatabaseFacts, client: Client, area: str) -> None:
    with planned(database) as site:
        ids = questions(site) if area == "answer" else fields(site, "profile")
        site.signs_in(client, Role.PLANNER)
        site.record("S-1", profile={"first_name": "Ada"})
        url = f"/registrations/{EVENT}/S-1/"
        form = posted(client.get(url).content.decode(), "form")
        assert client.post(url, form | answered(ids, area)).status_code == 302

        def stored() -> dict[str, tuple[str, ...]]:
            state = registration_state(site, "S-1")
            found = state.answers if area == "answer" else state.custom
            return {shape: tuple(found[id]) for shape, id in ids.items() if id in found}

        assert stored() == {shape: answer for shape, (_o, answer) in ANSWERS.items()}
        form = posted(client.get(url).content.decode(), "form")
        assert client.post(url, emptied(form, ids, area)).status_code == 302
        assert stored() == {}


@pytest.mark.parametrize("empty", [None, "", [], [""], [None]], ids=["null", "empty text", "empty list", "list of nothing", "list of null"])
def test_P6_a_document_sets_and_clears_every_type_of_answer(database: DatabaseFacts, empty: object) -> None:
    with planned(database) as site:
        asked, of_profile = questions(site), fields(site, "profile")
        given = {f"x-{shape}": list(answer) if len(answer) > 1 else answer[0] for shape, (_options, answer) in ANSWERS.items()}
        site.record("S-1", answers=given, profile={"custom": given})
        state = registration_state(site, "S-1")
        assert set(state.answers) >= set(asked.values())
        assert set(state.custom) >= set(of_profile.values())
        nothing = dict.fromkeys(given, empty)
        site.record("S-1", answers=nothing, profile={"custom": nothing})
        state = registration_state(site, "S-1")
        assert not set(state.answers) & set(asked.values())
        assert not set(state.custom) & set(of_profile.values())


def test_P4_a_custom_property_is_set_and_cleared_in_the_form(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        site.record("S-1", profile={"first_name": "Ada"})
        url = f"/registrations/{EVENT}/S-1/"
        for wanted, stored in ((["VIP guest"], (site.ids["VIP guest"],)), ([], ())):
            form = posted(client.get(url).content.decode(), "form")
            form.pop("properties", None)
            assert client.post(url, form | ({"properties": wanted} if wanted else {})).status_code == 302
            assert registration_state(site, "S-1").properties == stored
