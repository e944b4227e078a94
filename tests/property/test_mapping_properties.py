"""Whatever a mapping, a connection and the facts are, the result is a request or a validation error (M1-M9, C1, C2)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from heliograph.domain.connection.connection import Auth, Connection, ContentType, KeyPlace, Method
from heliograph.domain.connection.request import Request, prepare
from heliograph.domain.connection.secret import Secret
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.connection.target_url import AddressError, masked, split_address
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping import headers, transform
from heliograph.domain.mapping.mapping import (
    Case,
    DateFormat,
    EmptyPolicy,
    Escape,
    FixedText,
    Mapping,
    MappingError,
    MappingKind,
    MappingRow,
    Otherwise,
    SourceValue,
    ValueMap,
    ValueType,
)
from heliograph.domain.mapping.mapping_renderer import InvalidValues, Rendered, render
from heliograph.domain.mapping.paths import ABSENT, MAX_INDEX, PathError, format_path, look_up, parse_path
from heliograph.domain.mapping.sample_json import rows_from_sample
from heliograph.domain.mapping.transform import boolean_of, number_of, proper_case, trim
from heliograph.domain.setup.fields import Subject, Value, catalogue

SUBJECTS = st.sampled_from(Subject)
KEYS = {subject: [f.key for group in catalogue(subject).values() for f in group] + ["event.custom.3"] for subject in Subject}
# Text as people write it, and as nobody should: lone surrogates, NUL, line breaks, spaces of all widths.
texts = st.one_of(
    st.text(max_size=12),
    st.text(st.characters(), max_size=6),
    st.sampled_from(
        [
            "",
            " ",
            "\u00a0",
            "Yes",
            "no",
            "12",
            "-1.5e3",
            "2 and a baby",
            "<!channel>",
            "a\r\nHost: x",
            "2026-03-01",
            "..",
            "\ud800",
            "9" * 400,
        ]
    ),
)
stored = texts.filter(lambda t: "\0" not in t and t.encode("utf-8", "ignore").decode() == t)
values: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    texts,
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))])),
    st.datetimes(),
    st.lists(texts, max_size=4).map(tuple),
)
zones = st.sampled_from([ZoneInfo("UTC"), ZoneInfo("Europe/Vienna"), ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")])
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=20,
)
value_maps = st.builds(
    ValueMap, st.lists(st.tuples(stored.filter(str.strip), stored), max_size=3).map(tuple), st.sampled_from(Otherwise), stored
)
steps = st.one_of(st.sampled_from(["a", "b", "c.d", "é", "", "x[0]"]), st.integers(0, 2))


class Facts:
    """Facts with any key: the value depends only on the key."""

    def __init__(self, known: list[Value]) -> None:
        self.known = known

    def value(self, source: str) -> Value:
        return self.known[sum(source.encode()) % len(self.known)]


facts = st.lists(values, min_size=1, max_size=5).map(Facts)


def parts(subject: Subject, content: st.SearchStrategy[str]):
    source = st.builds(
        SourceValue,
        st.sampled_from(KEYS[subject]),
        st.none() | value_maps,
        st.none() | st.sampled_from(DateFormat),
        content,
        st.none() | st.sampled_from(Escape),
    )
    return st.lists(st.one_of(source, st.builds(FixedText, content)), max_size=4).map(tuple)


@st.composite
def mappings(draw, kind: MappingKind | None = None, content: st.SearchStrategy[str] = texts) -> Mapping:
    """Mappings with rows that fit together: others are dropped."""
    kind, subject = kind or draw(st.sampled_from(MappingKind)), draw(SUBJECTS)
    rows: list[MappingRow] = []
    for _ in range(draw(st.integers(0, 6))):
        nested = kind is MappingKind.PAYLOAD and draw(st.booleans())
        if kind is MappingKind.HEADER:
            target = draw(st.sampled_from(["X-A", "X-B", "Accept", "Authorization", "Content-Type"]))
        elif nested:
            target = format_path((draw(st.sampled_from(["a", "b", "c.d"])), *draw(st.lists(steps, max_size=3))))
        else:
            target = draw(stored.filter(str.strip))
        row = MappingRow(
            target,
            draw(parts(subject, content)),
            type=draw(st.sampled_from(ValueType)),
            nested=nested,
            trim=draw(st.booleans()),
            case=draw(st.none() | st.sampled_from(Case)),
            required=draw(st.sampled_from([False, False, False, True])),
        )
        try:
            Mapping("x", kind, subject, rows=(*rows, row))
        except MappingError:
            continue
        rows.append(row)
    return Mapping(draw(st.sampled_from(["Lead mapping", "é"])), kind, subject, draw(st.sampled_from(EmptyPolicy)), tuple(rows))


@given(mappings(), facts, zones)
def test_M5_rendering_gives_values_or_problems_and_raises_nothing(mapping: Mapping, known: Facts, zone: ZoneInfo) -> None:
    found = render(mapping, known, timezone=zone)
    if isinstance(found, InvalidValues):
        targets = {row.target for row in mapping.rows}
        assert found.problems
        assert all(problem.target in targets for problem in found.problems)
        assert all(len(str(problem)) < 1000 for problem in found.problems)
    else:
        json.dumps(found.tree(), allow_nan=False)
        assert all(isinstance(text, str) for pair in found.pairs() + found.headers() for text in pair)


@given(mappings(kind=MappingKind.PAYLOAD), facts, zones)
def test_M2_each_row_stands_at_its_path_in_its_type(mapping: Mapping, known: Facts, zone: ZoneInfo) -> None:
    found = render(mapping, known, timezone=zone)
    if isinstance(found, InvalidValues) or mapping.empty is EmptyPolicy.LEAVE_OUT:  # there, list entries move up
        return
    kinds = {
        ValueType.TEXT: str,
        ValueType.NUMBER: (int, float),
        ValueType.BOOLEAN: bool,
        ValueType.LIST: list,
        ValueType.NUMBERS: list,
    }
    tree, values = found.tree(), dict(found.values())
    for row in mapping.rows:
        value = look_up(tree, row.path)
        assert value is not ABSENT
        assert value is None or isinstance(value, kinds[row.type])
        assert len([r for r in mapping.rows if r.target == row.target]) > 1 or value == values[row.target]
        if row.required:
            assert value is not None


@given(mappings(kind=MappingKind.PAYLOAD), facts, zones)
def test_M6_left_out_rows_are_left_out_and_nothing_else(mapping: Mapping, known: Facts, zone: ZoneInfo) -> None:
    rows = tuple(row for row in mapping.rows if not any(isinstance(step, int) for step in row.path))
    kept = render(Mapping("x", mapping.kind, mapping.subject, EmptyPolicy.NULL, rows), known, timezone=zone)
    out = render(Mapping("x", mapping.kind, mapping.subject, EmptyPolicy.LEAVE_OUT, rows), known, timezone=zone)
    assert isinstance(kept, InvalidValues) == isinstance(out, InvalidValues)
    if isinstance(kept, Rendered) and isinstance(out, Rendered):
        for row in rows:
            value = look_up(kept.tree(), row.path)
            assert look_up(out.tree(), row.path) == (ABSENT if value is None else value)


@given(mappings(content=stored))
def test_M1_any_mapping_comes_back_from_its_body(mapping: Mapping) -> None:
    assert Mapping.from_body(json.loads(json.dumps(mapping.to_body()))) == mapping.sealed


@given(json_values)
def test_M1_any_body_is_a_mapping_or_a_mapping_error(body: object) -> None:
    for value in (
        body,
        {"name": "x", "subject": "session", "rows": body},
        {"name": "x", "subject": "event", "rows": [{"target": "a", "parts": body}]},
    ):
        try:
            mapping = Mapping.from_body(value)
        except MappingError as error:
            assert str(error)  # noqa: PT017 - any other error fails the test
        else:
            assert Mapping.from_body(mapping.to_body()) == mapping


@given(st.one_of(json_values.map(json.dumps), texts))
def test_M2_any_sample_gives_rows_or_a_mapping_error(sample: str) -> None:
    try:
        rows = rows_from_sample(sample).rows
    except MappingError:
        return
    assume(rows)
    tree = json.loads(sample)
    for row in rows:
        value = look_up(tree, row.path)
        assert value is not ABSENT
        assert (row.type is ValueType.BOOLEAN) == isinstance(value, bool)


@given(st.lists(st.one_of(st.text(max_size=4), st.integers(0, MAX_INDEX)), min_size=1, max_size=6).filter(lambda p: isinstance(p[0], str)))
def test_M2_any_path_is_read_as_it_was_written(path: list) -> None:
    assert parse_path(format_path(tuple(path))) == tuple(path)


@given(st.text('ab0.[]"\\ é', max_size=12))
def test_M2_any_text_is_a_path_or_a_path_error(text: str) -> None:
    try:
        path = parse_path(text)
    except PathError:
        return
    assert parse_path(format_path(path)) == path


@given(texts)
def test_M4_trim_leaves_nothing_to_trim(text: str) -> None:
    once = trim(text)
    assert trim(once) == once
    assert "".join(once.split()) == "".join(text.split())


@given(st.one_of(texts, st.text("aébÉßǆΣς -'’1_", max_size=12)))
def test_M4_proper_case_has_one_rule(text: str) -> None:
    assert proper_case(text) == transform._WORD.sub(transform._proper_word, text)  # the fast path gives the same result
    if "ŉ" not in text:  # its capital is two letters, the first without case
        assert proper_case(proper_case(text)) == proper_case(text)


@given(texts)
def test_M4_an_escaped_text_holds_no_markup(text: str) -> None:
    for escape in (Escape.SLACK, Escape.HTML):
        assert not set("<>") & set(transform.ESCAPES[escape](text))
    bare = transform.ESCAPES[Escape.MARKDOWN](text)
    for mark in "*_`[<|~":
        assert all(bare[i - 1] == "\\" for i, c in enumerate(bare) if c == mark)


@given(texts)
def test_M9_a_number_or_flag_is_read_or_unfit(text: str) -> None:
    for read in (number_of, boolean_of):
        try:
            value = read(text)
        except transform.Unfit:
            continue
        assert json.loads(json.dumps(value, allow_nan=False)) == value


@given(values, st.sampled_from(DateFormat), zones)
def test_M4_a_date_is_written_or_unfit(value: Value, how: DateFormat, zone: ZoneInfo) -> None:
    try:
        text = transform.formatted(value, how, zone)
    except transform.Unfit:
        assert not isinstance(value, date) or isinstance(value, datetime)
        return
    if how is DateFormat.ISO:
        assert transform.formatted(text, how, zone) == text
    if how is DateFormat.DATE:
        date.fromisoformat(text)


@st.composite
def connections(draw) -> Connection:
    place = draw(st.sampled_from(KeyPlace))
    return Connection(
        "x",
        draw(st.sampled_from(["https://a.example", "https://a.example:8443"])),
        auth=draw(st.sampled_from(Auth)),
        content_type=draw(st.sampled_from(ContentType)),
        method=draw(st.sampled_from(Method)),
        user_name="ada",
        key_place=place,
        key_name={
            KeyPlace.BEARER: "",
            KeyPlace.HEADER: draw(st.sampled_from(["X-A", "X-Key"])),
            KeyPlace.QUERY: draw(st.sampled_from(["a", "k&y"])),
        }[place],
        headers=draw(st.sampled_from([(), (("X-B", "fixed"),)])),
    )


rests = st.sampled_from(
    ["/", "/x", "/{event.code}/x", "/a{event.name}b", "/x?a={event.code}&b", "/x?{event.custom.3}={event.status}", "/{event.name}."]
)


@given(connections(), rests, mappings(kind=MappingKind.PAYLOAD), st.none() | mappings(kind=MappingKind.HEADER), facts, zones)
def test_C2_a_request_goes_to_its_connection_and_smuggles_nothing(
    connection: Connection, rest: str, payload: Mapping, header: Mapping | None, known: Facts, zone: ZoneInfo
) -> None:
    body, head = render(payload, known, timezone=zone), render(header, known, timezone=zone) if header else None
    if isinstance(body, InvalidValues) or isinstance(head, InvalidValues):
        return
    ready = prepare(connection, {Secret.PATH: rest, Secret.PASSWORD: "p", Secret.KEY: "k"})
    found = ready.build(body, head, known, webhook_id="msg_1", timezone=zone, bearer="t")
    if isinstance(found, InvalidValues):
        assert found.problems
        return
    assert isinstance(found, Request)
    url = urlsplit(found.url)
    assert f"{url.scheme}://{url.netloc}" == connection.origin
    assert url.path.count("/") == rest.partition("?")[0].count("/")
    assert not any(segment in (".", "..") for segment in url.path.split("/"))
    assert found.url.isascii()
    assert not set(" \r\n\t\\") & set(found.url)
    names = [name.lower() for name, _ in found.headers]
    assert len(set(names)) == len(names)
    assert names.count("webhook-id") == 1
    assert all(headers.value_problem(value) is None for _, value in found.headers)
    if connection.auth is Auth.BASIC:
        assert dict(found.headers)["Authorization"].startswith("Basic ")
    assert (found.body is None) == (connection.method is Method.GET)
    if found.body is not None and connection.content_type is ContentType.JSON:
        assert json.loads(found.body) == body.tree()
    elif found.body is not None:
        assert parse_qsl(found.body.decode(), keep_blank_values=True, max_num_fields=None) == body.pairs()


@given(json_values)
def test_C1_any_body_is_a_connection_or_an_error_that_names_the_field(body: object) -> None:
    usual = {"name": "x", "origin": "https://a.example", "auth": "Open / No Auth"}
    more = (
        [{**usual, **body}]
        if isinstance(body, dict)
        else [{**usual, key: body} for key in ("auth", "headers", "rate", "origin", "secrets", "access_token_url")]
    )
    for value in (body, *more):
        try:
            connection = Connection.from_body(value)
        except ConnectionSetupError as error:
            assert error.field  # noqa: PT017
        else:
            assert Connection.from_body(connection.to_body()) == connection


@given(st.one_of(texts, texts.map("https://a.example/{}".format), st.text("htps:/@a.b{}[]?#%\\ ", max_size=20).map("https://{}".format)))
def test_C2_any_text_is_an_address_or_an_address_error(text: str) -> None:
    masked(text)
    try:
        address = split_address(text)
    except AddressError:
        return
    assert split_address(address.origin + address.path_and_query) == address
    assert urlsplit(address.origin).username is None


def test_M1_all_errors_have_one_root() -> None:
    assert issubclass(MappingError, HeliographError)
    assert issubclass(ConnectionSetupError, HeliographError)
