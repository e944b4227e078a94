"""The page Configuration File says in the reader's language what is wrong with a file; programs read English (B5, 35.10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polib
import pytest
from django.test import Client
from django.utils import translation
from tests.builders.platform_account import PlatformAccount, planned
from tests.configuration_files import SECRETS
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts.languages import translated
from heliograph.api.api_problems import Problem
from heliograph.api.configuration.account_names import Named, UnknownName
from heliograph.api.configuration.configuration_file import SECTIONS, TOP, FileRefused
from heliograph.api.configuration.configuration_plan import FileToApply, export_account, plan_file
from heliograph.api.configuration.configuration_text import BadText, read_text, write_yaml
from heliograph.api.configuration.entries import ConnectionEntry, FlowRuleEntry, TagEntry
from heliograph.api.configuration.secret_references import BadReference, SecretReference
from heliograph.api.configuration.section import EntryRefused, at_entry, read_struct
from heliograph.api.configuration_lines import SECTION_WORDS
from heliograph.connections.models import Connection
from heliograph.connections.services.connections import delete_connection
from heliograph.domain.errors import HeliographError
from heliograph.flows.services.flows import delete_flow

PAGE, PLAN, PUT_BACK = "/settings/configuration/", "/settings/configuration/plan/", "/settings/configuration/put-back/"
GERMAN = {"accept-language": "de"}
PLACED = "%(field)s: %(reason)s"
type Kind = tuple[Callable[[], object], str, tuple[str, ...]]
"""What is wrong, its English, and the templates in it."""


def of_entry(error: Exception) -> None:
    with at_entry("flows, F"):
        raise error


KINDS: dict[str, Kind] = {
    "a text that is no YAML": (
        lambda: read_text("tags:\n  - {name: ["),
        "Line 3: This is not YAML: did not find expected node content.",
        ("Line %(line)s: This is not YAML: %(problem)s.", "did not find expected node content"),
    ),
    "a key that occurs twice": (
        lambda: read_text("tags: []\ntags: []"),
        "Line 2: “tags” occurs twice.",
        ("Line %(line)s: “%(key)s” occurs twice.",),
    ),
    "a text that is too long": (
        lambda: read_text("a" * 3_500_001),
        "The file is longer than 3,500,000 characters.",
        ("The file is longer than %(most)s characters.",),
    ),
    "a list of sections": (
        lambda: read_text("- tags"),
        "The file must be a mapping of sections, such as `tags:`.",
        ("The file must be a mapping of sections, such as `tags:`.",),
    ),
    "an unknown name": (
        lambda: of_entry(UnknownName(Named.CONNECTION, "Chat")),
        "flows, F: There is no connection “Chat”.",
        (PLACED, "There is no connection “%(name)s”."),
    ),
    "a member of another type": (
        lambda: read_struct({"name": 7, "kinds": []}, TagEntry, "tags, 1"),
        "tags, 1: name: Expected `str`, got `int`.",
        (PLACED, PLACED, "Expected `%(type)s`, got `%(given)s`"),
    ),
    "a member that there is not": (
        lambda: read_struct({"colour": "red"}, TagEntry, "tags, 1"),
        "tags, 1: There is no member `colour`.",
        (PLACED, "there is no member `%(name)s`"),
    ),
    "a member that is lacking": (
        lambda: read_struct({"name": "X"}, ConnectionEntry, "connections, X"),
        "connections, X: There must be a member `auth`.",
        (PLACED, "there must be a member `%(name)s`"),
    ),
    "a value out of bounds": (
        lambda: read_struct({"flow": "F", "number": 0}, FlowRuleEntry, "flow_notifications, F"),
        "flow_notifications, F: number: Expected `int` >= 1.",
        (PLACED, PLACED, "Expected `%(type)s` %(bound)s"),
    ),
    "a text of the wrong length": (
        lambda: read_struct({"name": "", "auth": "OAuth2"}, ConnectionEntry, "connections, 1"),
        "connections, 1: name: Expected `str` of length >= 1.",
        (PLACED, PLACED, "Expected `%(type)s` of length %(bound)s"),
    ),
    "a value that is no choice": (
        lambda: read_struct({"flow": "F", "kinds": ["noise"]}, FlowRuleEntry, "flow_notifications, F"),
        "flow_notifications, F: kinds[0]: 'noise' is not possible here. Possible are: ends, failed, refuses, waits.",
        (PLACED, PLACED, "%(choice)s is not possible here. Possible are: %(values)s"),
    ),
    "a reference to a secret": (
        lambda: SecretReference.from_member({"env": "PATH"}),
        "The name of a secret in the environment begins with HELIOGRAPH_SECRET_ and has capitals, digits and underscores.",
        ("The name of a secret in the environment begins with %(beginning)s and has capitals, digits and underscores.",),
    ),
    "a problem of the API": (
        lambda: of_entry(Problem.from_field("items", "It must be a list.")),
        "flows, F: items: It must be a list.",
        (PLACED, PLACED, "It must be a list."),
    ),
    "a refused file": (
        lambda: refused(
            EntryRefused("tags, A", "It is in the file twice."),
            EntryRefused("file", "This release reads files of the form %(form)s.", form=1),
        ),
        "tags, A: It is in the file twice. file: This release reads files of the form 1.",
        (PLACED, "It is in the file twice.", PLACED, "This release reads files of the form %(form)s."),
    ),
}


def refused(*problems: EntryRefused) -> None:
    raise FileRefused(problems)


def sentence_of(fail: Callable[[], object]) -> str:
    with pytest.raises((EntryRefused, BadText, BadReference, FileRefused)) as error:
        fail()
    assert isinstance(error.value, HeliographError)
    assert str(error.value) == error.value.sentence
    return error.value.sentence


@pytest.mark.needs("gettext")
@pytest.mark.parametrize("kind", KINDS)
def test_B5_the_english_stays_and_german_has_the_template(kind: str, messages: Sequence[polib.POEntry], german: None) -> None:
    fail, english, templates = KINDS[kind]
    sentence = sentence_of(fail)
    assert sentence == english
    assert set(templates) <= {entry.msgid for entry in messages}, "make texts does not find it"
    with translation.override("de"):
        shown = translated(sentence)
    assert shown.count("⟦") == len(templates)
    unmarked = re.sub(r"(?<=\d)\.(?=\d)", ",", shown.replace("⟦", "").replace("⟧", ""))
    assert unmarked.removesuffix(".").casefold() == english.removesuffix(".").casefold()


@pytest.mark.needs("gettext")
def test_B5_sections_and_their_things_have_words_that_are_messages(messages: Sequence[polib.POEntry]) -> None:
    known = {entry.msgid for entry in messages if not entry.msgctxt}
    assert SECTION_WORDS.keys() == TOP.keys()
    assert {*SECTION_WORDS.values(), *(section.label for section in SECTIONS)} <= known


# --- pages


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as account:
        yield account


@pytest.fixture
def ada(site: PlatformAccount, client: Client) -> Client:
    """An Administrator's browser."""
    site.signs_in(client)
    return client


def callout_of(response: Any) -> str:
    return text_of(response.content)


@pytest.mark.needs("gettext")
def test_B5_the_page_says_in_german_what_is_wrong_with_a_file(site: PlatformAccount, ada: Client, german: None) -> None:
    files = {
        "tags: [": "⟦Line 2: This is not YAML: ⟦did not find expected node content⟧.⟧",
        "colours: []": "⟦colours: ⟦There is no such section. There are: account, tags",
        "tags: {}": "⟦tags: ⟦It must be a list.⟧⟧",
        "tags:\n  - {name: X, kinds: [sauce]}": "⟦tags, X: ⟦kinds[0]: ⟦&#x27;sauce&#x27; is not possible here. Possible are: ",
        "flows:\n  - {name: F, statuses: [Nobody]}": "⟦flows, F: ⟦There is no tag “Nobody”.⟧⟧",
        "connections:\n  - {name: X, auth: Open / No Auth, url: {env: PATH}}": "⟦connections, X: ⟦The name of a secret in the environment begins",
        "registration_statuses:\n  - {name: Unheard of}": "⟦registration_statuses, Unheard of: ⟦name: ⟦The account has no such status.",
    }
    for text, in_german in files.items():
        shown = callout_of(ada.post(PLAN, {"do": "file", "text": text}, headers=GERMAN))
        assert in_german in shown, text
        in_english = callout_of(ada.post(PLAN, {"do": "file", "text": text}))
        assert "⟦" not in in_english
        assert re.sub("[⟦⟧]", "", in_german) in in_english, text


@pytest.mark.needs("gettext")
def test_B5_the_page_says_in_german_why_a_thing_is_not_put_back(site: PlatformAccount, ada: Client, german: None) -> None:
    plan = ada.post(PLAN, {"do": "file", "text": write_yaml(export_account(site.pk))})
    assert ada.post(PLAN, posted(plan.content.decode(), "plan-form")).status_code == 302
    with site.acme.setting_up() as transaction:
        delete_flow(transaction, site.acme.flow.pk)
    with site.acme.setting_up() as transaction:
        for connection in Connection.objects.filter(deleted_at=None):
            delete_connection(transaction, connection.pk)
    answer = ada.post(PUT_BACK, {"section": "flows", "id": str(site.acme.flow.pk)}, headers=GERMAN)
    assert answer.status_code == 409
    assert re.search(r"⟦flows, [^⟦]+: ⟦There is no connection “[^⟦]+”\.⟧⟧", callout_of(answer))


@pytest.mark.needs("gettext")
def test_B5_the_page_names_sections_and_things_in_german(site: PlatformAccount, ada: Client, german: None) -> None:
    plan = ada.post(PLAN, {"do": "file", "text": "profile_fields:\n  - {code: diet, label: Diet, type: text}"}, headers=GERMAN)
    assert "⟦Custom profile field⟧" in callout_of(plan)
    ada.post(PLAN, posted(plan.content.decode(), "plan-form"))
    assert "⟦profile fields⟧" in callout_of(ada.get(PAGE, headers=GERMAN))


@pytest.mark.needs("gettext")
def test_B5_programs_read_english(site: PlatformAccount, german: None) -> None:
    with pytest.raises(FileRefused) as error:
        plan_file(
            site.pk, FileToApply("flows:\n  - {name: F, statuses: [Nobody]}", value_of=lambda _reference: SECRETS.get("none")), by="test"
        )
    assert str(error.value) == "flows, F: There is no tag “Nobody”."
    assert type(str(error.value.problems[0].reason)) is str
