"""What the domain says in English is a sentence that pages translate: its English stays, its template is a message, and German shows it (35.10)."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec
import polib
import pytest
from django.test import Client
from django.utils import translation
from tests import mapping_examples
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.mapping_examples import Examples
from tests.page_text import text_of

from heliograph.accounts.languages import translated
from heliograph.api.api_problems import Problem
from heliograph.domain.connection.secret import Secret, check_secret
from heliograph.domain.connection.target_url import split_address
from heliograph.domain.delivery.retry_policy import Category, intervals_of
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.chips import read_line
from heliograph.domain.mapping.json_bodies import Body
from heliograph.domain.mapping.mapping import Mapping, MappingKind, MappingRow
from heliograph.domain.mapping.mapping_renderer import ValueProblem
from heliograph.domain.mapping.paths import parse_path
from heliograph.domain.mapping.sample_json import rows_from_sample
from heliograph.domain.mapping.transform import Unfit, number_of
from heliograph.domain.registration.document_values import DocumentReader
from heliograph.domain.sentence_template import (
    Sentence,
    body_of,
    plain_text,
    sentence_in,
    stored_sentence,
    whole_sentence,
    with_stop,
    without_stop,
)
from heliograph.domain.setup.fields import parse_source
from heliograph.domain.setup.filter_fields import parse_filter
from heliograph.domain.source.call_documents import CallProblem
from heliograph.domain.source.verification import check_member_path
from heliograph.recording.event_record import EventCodeTaken
from heliograph.registrations.imports.import_errors import ImportFileError, RowProblem
from heliograph.registrations.imports.refusal_file import RefusedRow, Summary
from heliograph.registrations.imports.row_problems import used_before
from heliograph.registrations.imports.rows import MAX_CELL
from heliograph.registrations.imports.table_rows import LONG_CELL
from heliograph.setup.services.events import MarksFirst
from heliograph.setup.setup_errors import Invalid


def of_document(check: Callable[[DocumentReader], object]) -> str:
    """The reason of the one problem that a check of a document finds."""
    read = DocumentReader()
    check(read)
    return read.problems[0].reason


def rows(*targets: str, kind: MappingKind = MappingKind.PAYLOAD) -> Mapping:
    return Mapping("Leads", kind, rows=tuple(MappingRow(target, nested="." in target) for target in targets))


def long_member() -> None:
    check_member_path("place", "a" * 501)


type Kind = tuple[Callable[[], object], str, tuple[str, ...]]
"""What says the sentence, its English, and the templates in it."""
KINDS: dict[str, Kind] = {
    "a mapping without a name": (lambda: Mapping(""), "a mapping needs a name", ("a mapping needs a name",)),
    "two rows of one target": (lambda: rows("a", "a"), "there is a row “a” already", ("there is a row “%(target)s” already",)),
    "a value that has rows in it": (
        lambda: rows("a", "a.b"),
        "“a.b” would make an object of “a”, which is a value",
        ("“%(target)s” would make %(shape)s of “%(path)s”, which is %(there)s", "an object", "a value"),
    ),
    "a header's name": (
        lambda: rows("Host", kind=MappingKind.HEADER),
        "“Host” is a header that Heliograph sets itself",
        ("is a header that Heliograph sets itself",),
    ),
    "a path": (lambda: parse_path("a" * 501), "A path is at most 500 characters long.", ("A path is at most %(most)s characters long.",)),
    "a line of chips": (
        lambda: read_line("x}", key_of=str),
        "the brace at character 2 closes nothing; a brace of a text is written twice: }}",
        ("the brace at character %(number)s closes nothing; a brace of a text is written twice: }}",),
    ),
    "a sample": (
        lambda: rows_from_sample("{]"),
        "this is not JSON: a name in double quotes is missing in line 1, character 2",
        ("this is not JSON: %(problem)s %(where)s", "a name in double quotes is missing", "in line %(line)s, character %(character)s"),
    ),
    "a value that does not fit": (lambda: number_of("two"), "is not a number", ("is not a number",)),
    "a source field": (lambda: parse_source("nobody"), "There is no field “nobody”.", ("There is no field “%(name)s”.",)),
    "a filter": (lambda: parse_filter("flow.name"), "A flow cannot filter by “flow.name”.", ("A flow cannot filter by “%(key)s”.",)),
    "a URL": (
        lambda: split_address("https://a.example/" + "a" * 9_000),
        "The URL is longer than 8,192 characters.",
        ("The URL is longer than %(most)s characters.",),
    ),
    "a secret": (
        lambda: check_secret(Secret.PASSWORD, "a" * 100_000),
        "it is longer than 8,000 characters",
        ("it is longer than %(most)s characters",),
    ),
    "a member of a proof": (
        long_member,
        "A path is at most 500 characters long",
        ("A path is at most %(most)s characters long.",),
    ),
    "retry intervals": (
        lambda: intervals_of(Category.SYSTEM, [1]),
        "System: 3 intervals are needed, each longer than 0 and at most 30 days.",
        ("%(count)s intervals are needed, each longer than 0 and at most %(most)s days.", "System"),
    ),
    "a stored body of another kind": (
        lambda: Body([]),
        "expected an object, got a list",
        ("expected an object, got %(kind)s", "a list"),
    ),
    "a text of a stored body": (
        lambda: Body({"n": 7}).text("n"),
        "expected a text, got a number",
        ("expected a text, got %(kind)s", "a number"),
    ),
    "a list of a stored body": (
        lambda: tuple(Body({"n": True}).items("n", most=3)),
        "expected a list, got true or false",
        ("expected a list, got %(kind)s", "true or false"),
    ),
    "the place in a stored body": (
        lambda: whole(lambda: Body({"rows": [7]}).texts("rows", most=3)),
        "rows[0]: expected a text, got a number",
        ("%(field)s: %(reason)s", "expected a text, got %(kind)s", "a number"),
    ),
    "the row of a mapping": (
        lambda: whole(lambda: rows("a", "a")),
        "Row 2, target: there is a row “a” already.",
        ("Row %(row)s, %(problem)s", "%(field)s: %(reason)s", "there is a row “%(target)s” already"),
    ),
    "the problems of a form": (
        lambda: Invalid({"url": [Sentence("A new connection needs its URL.")], "": ["It must be a list."]}).sentence,
        "url: A new connection needs its URL. It must be a list.",
        ("%(field)s: %(reason)s", "A new connection needs its URL.", "It must be a list."),
    ),
    "a value of a message with the registrant's text": (
        lambda: ValueProblem("age", "is not a number", "two").sentence,
        "age: “two” is not a number",
        ("%(row)s: “%(value)s” %(problem)s", "is not a number"),
    ),
    "a value of a message": (
        lambda: ValueProblem("age", Sentence("is longer than %(most)s characters", most=8_000)).sentence,
        "age is longer than 8,000 characters",
        ("%(row)s %(problem)s", "is longer than %(most)s characters"),
    ),
    "a stored body": (
        lambda: Body({"n": 0}).number("n", least=1, most=10_000),
        "expected a whole number from 1 to 10000",
        ("expected a whole number from %(least)s to %(most)s",),
    ),
    "a field of a document": (
        lambda: of_document(lambda read: read.text("a" * 6_000, "profile.notes", 5_000)),
        "is too long: 6,000 characters, at most 5,000.",
        ("is too long: %(count)s characters, at most %(most)s.",),
    ),
    "a name that a document gives twice": (
        lambda: of_document(lambda read: read.second("sessions[1]", "A", "A", "session")),
        "names the same session as “A”. Name it once.",
        ("names the same %(what)s as “%(first)s”. Name it once.", "session"),
    ),
    "a cell of a file": (
        lambda: LONG_CELL,
        f"A cell is longer than {MAX_CELL:,} characters.",
        ("A cell is longer than %(most)s characters.",),
    ),
    "an event whose registrations are not Test yet": (
        lambda: MarksFirst(1_200).sentence,
        "1,200 registrations have to be marked Test first.",
        ("%(count)s registrations have to be marked Test first.",),
    ),
    "the code of another event": (
        lambda: EventCodeTaken("SUMMIT").sentence,
        "The event SUMMIT has this code already. Capitals do not count.",
        ("The event %(code)s has this code already. Capitals do not count.",),
    ),
    "a file": (
        lambda: ImportFileError("%(file)s has %(n)s columns; at most %(most)s are possible.", file="a.csv", n=2_000, most="500"),
        "a.csv has 2,000 columns; at most 500 are possible.",
        ("%(file)s has %(n)s columns; at most %(most)s are possible.",),
    ),
}


def whole(say: Callable[[], object]) -> str:
    """What an error says, with the place that it names."""
    try:
        say()
    except HeliographError as error:
        return error.sentence
    raise AssertionError("it is no error")


def said(say: Callable[[], object]) -> str:
    """What an error or a problem says, without the place that it names."""
    try:
        answer = say()
    except (HeliographError, Unfit) as error:
        answer = error
    if isinstance(answer, str):
        return answer
    return getattr(answer, "reason", None) or answer.sentence  # type: ignore[attr-defined]


@pytest.mark.needs("gettext")
@pytest.mark.parametrize("kind", KINDS)
def test_the_english_stays_and_german_has_the_template(kind: str, messages: Sequence[polib.POEntry], german: None) -> None:
    say, english, templates = KINDS[kind]
    text = said(say)
    assert str(text) == english
    assert type(str(text)) is str
    assert set(templates) <= {entry.msgid for entry in messages}, "make texts does not find it"
    with translation.override("de"):
        shown = translated(text)
    assert shown.count("⟦") == len(templates)
    assert translated(text) == english
    unmarked = re.sub(r"(?<=\d)\.(?=\d)", ",", shown.replace("⟦", "").replace("⟧", ""))
    assert unmarked.removesuffix(".") == english.removesuffix(".")


@pytest.mark.needs("gettext")
def test_a_number_has_the_separators_of_the_language(german: None) -> None:
    with translation.override("de"):
        assert translated(said(KINDS["a field of a document"][0])) == "⟦is too long: 6.000 characters, at most 5.000.⟧"


@pytest.mark.needs("gettext")
def test_the_mapping_editor_refuses_in_german(site: PlatformAccount, made: Examples, client: Client, german: None) -> None:
    site.signs_in(client)
    url = f"/signal/mappings/{made.contact.pk}/"
    form = posted(client.get(url).content.decode(), "map-form")
    refused = form | {"target-0": ["same"], "target-1": ["same"], "do": ["save"]}
    assert "There is a row “same” already." in text_of(client.post(url, refused).content)
    in_german = text_of(client.post(url, refused, headers={"accept-language": "de"}).content)
    assert "⟦there is a row “same” already⟧." in in_german
    sample = text_of(client.post(url, form | {"sample": ["[1"], "do": ["take"]}, headers={"accept-language": "de"}).content)
    assert "⟦this is not JSON: ⟦a comma is missing⟧" in sample


@pytest.mark.needs("gettext")
def test_the_mapping_editor_names_fields_in_german_and_takes_both_names(
    site: PlatformAccount, made: Examples, client: Client, german: None
) -> None:
    site.signs_in(client)
    url = f"/signal/mappings/{made.contact.pk}/"
    in_german = client.get(url, headers={"accept-language": "de"}).content.decode()
    assert "⟦Last Name⟧" in text_of(in_german.encode())
    assert json.dumps("⟦Profile Standard Fields⟧") in in_german
    assert "⟦" not in client.get(url).content.decode()
    form = posted(in_german, "map-form") | {"line-0": ["{⟦Last Name⟧} {First Name}"], "do": ["save"]}
    assert client.post(url, form, headers={"accept-language": "de"}).status_code == 302
    row = site.acme.config().mappings[made.contact.pk].rows[0]
    assert [part.key for part in row.sources] == ["profile.last_name", "profile.first_name"]


@pytest.mark.needs("gettext")
def test_the_setup_of_a_connection_refuses_in_german(site: PlatformAccount, client: Client, german: None) -> None:
    site.signs_in(client)
    form = {"do": "new", "name": "CRM", "auth": "Open / No Auth", "url": "https://example.org/{", "rate": "5"}
    url = "/signal/connections/new/webhook/"
    assert "The URL contains a brace that is not closed" in text_of(client.post(url, form).content)
    in_german = text_of(client.post(url, form, headers={"accept-language": "de"}).content)
    assert "⟦the URL contains a brace that is not closed" in in_german.replace("⟦The", "⟦the")


@pytest.fixture
def site(request: pytest.FixtureRequest, database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database, mapping_examples.make if "made" in request.fixturenames else None) as account:
        yield account


@pytest.fixture
def made(site: PlatformAccount) -> Examples:
    return site.added


# --- what is stored, and what programs read


def test_a_shape_is_kept_in_every_language() -> None:
    clause = Sentence("at most %(most)s rows", most=1_500)
    assert whole_sentence(clause) == "At most 1,500 rows."
    assert whole_sentence("a name is missing") == "A name is missing."
    assert with_stop("is empty.") == "is empty."
    assert without_stop("It is gone.") == "It is gone"
    told = whole_sentence(clause).in_language(lambda text: {"at most %(most)s rows": "höchstens %(most)s Zeilen"}[text], "{:_}".format)
    assert told == "Höchstens 1_500 Zeilen."


def test_what_is_stored_beside_an_english_text_makes_it_a_sentence_again() -> None:
    sentence = whole_sentence(Sentence("%(name)s has %(count)s rows, %(more)s", name="“A”", count=1_500, more=Sentence("%(n)s more", n=2)))
    body = json.loads(json.dumps(body_of(sentence)))
    again = stored_sentence(str(sentence), body)
    assert isinstance(again, Sentence)
    assert (again, again.to_body()) == (sentence, sentence.to_body())
    copy = pickle.loads(pickle.dumps(sentence))
    assert (copy, copy.to_body()) == (sentence, sentence.to_body())
    assert body_of("is empty") is body_of(Sentence("is empty")) is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        "x",
        7,
        [],
        {},
        {"template": "a"},
        {"template": "%(n)s", "values": {}},
        {"template": "%(n)d", "values": {"n": "x"}},
        {"template": "b", "values": {}},
    ],
)
def test_a_text_stays_what_it_is_if_nothing_fitting_is_stored_beside_it(body: object) -> None:
    assert stored_sentence("a", body) == "a"
    assert not isinstance(stored_sentence("a", body), Sentence)


def test_a_problem_of_a_call_keeps_its_sentence() -> None:
    problem = CallProblem(Sentence("has more than %(most)s entries.", most=5_000), cure=Sentence("Known are %(names)s.", names="A, B"))
    body = json.loads(json.dumps(problem.to_body()))
    assert (body["reason"], body["cure"]) == ("has more than 5,000 entries.", "Known are A, B.")
    again = CallProblem.from_body(body)
    assert again == problem
    assert isinstance(again.reason, Sentence)
    assert isinstance(again.cure, Sentence)
    earlier = CallProblem.from_body({"reason": "has more than 5,000 entries."})
    assert earlier.reason == problem.reason
    assert not isinstance(earlier.reason, Sentence)


def test_a_refused_row_keeps_its_sentence_and_those_of_one_reason_count_together() -> None:
    problems = [used_before("Code", "A", 5, 5), RowProblem("Code", "A", "Is not an e-mail address.")]
    row = RefusedRow(7, tuple(problems), ["A"], 7)
    again = RefusedRow.from_json(7, row.as_json())
    assert again == row
    assert isinstance(again.problems[0].reason, Sentence)
    earlier = RefusedRow.from_json(7, json.dumps([[["Code", "A", "Is wrong.", []]], ["A"], 7, []]))
    assert earlier.problems == (RowProblem("Code", "A", "Is wrong."),)
    summary = Summary()
    summary.add(row)
    summary.add(RefusedRow(1_234, (used_before("Code", "B", 1_200, 1_200),), ["B"], 1_234))
    first = json.loads(json.dumps(summary.as_json()))[0]
    assert (first["reason"], first["rows"]) == ("Line N has this code already.", 2)
    assert first["reason_sentence"] == {"template": "Line %(line)s has this code already.", "values": {"line": "N"}}
    assert sentence_in(first["first"][1], "reason") == "Line 1,200 has this code already."


def test_programs_read_english_texts() -> None:
    sentence = Sentence("a name is at most %(most)s characters long", most=100)
    answer = Problem.from_field("name", sentence).response()
    assert json.loads(answer.content)["errors"] == [{"field": "name", "reason": "a name is at most 100 characters long"}]
    assert msgspec.json.encode({"reason": sentence}, enc_hook=plain_text) == b'{"reason":"a name is at most 100 characters long"}'
    with pytest.raises(NotImplementedError):
        msgspec.json.encode(object(), enc_hook=plain_text)
