"""Invented data has one clock, one time zone and the account's own code, whoever shows it (C3, M7, M9)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from heliograph.domain.connection.request import Request
from heliograph.domain.connection.sample import SampleFacts, sample_mapping, trace_of_sample
from heliograph.domain.mapping.mapping import DateFormat, Mapping, MappingRow, SourceValue
from heliograph.domain.mapping.mapping_renderer import Rendered, render
from heliograph.domain.mapping.row import Otherwise, ValueMap, ValueType
from heliograph.domain.registration.change import Facet


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("hour", [0, 7, 15, 23])
def test_C3_the_dates_of_a_sample_are_those_of_one_moment_in_one_time_zone(zone: str, hour: int) -> None:
    facts = SampleFacts(datetime(2026, 11, 29, hour, 30, tzinfo=UTC), zone, "ACME")
    sources = ("macro.current_date", "macro.current_datetime", "registration.created", "event.start")
    rows = tuple(MappingRow(key, (SourceValue(key, date_format=DateFormat.DATE),)) for key in sources)
    rendered = render(Mapping("Dates", rows=rows), facts, timezone=ZoneInfo(facts.value("event.timezone")))
    assert isinstance(rendered, Rendered)
    assert len(set(rendered.tree().values())) == 1


def test_C3_the_change_of_a_sample_is_written_as_that_of_a_registration() -> None:
    facts = SampleFacts(datetime(2026, 11, 29, tzinfo=UTC), "UTC", "ACME")
    assert facts.value("macro.change_type") == ", ".join(Facet.STATUS_CHANGED.words)
    assert str(facts.value("macro.change_id")).isdigit()


def test_C3_a_sample_has_the_accounts_own_code() -> None:
    facts = SampleFacts(datetime(2026, 11, 29, tzinfo=UTC), "UTC", "ACME")
    assert (facts.value("account.code"), facts.value("event.code"), facts.value("registration.code")) == (
        "ACME",
        "SAMPLE-EVENT",
        "SAMPLE-1",
    )


@pytest.mark.parametrize("source", ["answer.7", "profile.custom.7", "event.custom.7", "previous.answer.7", "previous.profile.custom.7"])
@pytest.mark.parametrize(
    ("type", "date_format", "values"),
    [
        *((each, None, None) for each in ValueType),
        (ValueType.TEXT, DateFormat.DATE, None),
        (ValueType.TEXT, None, ValueMap((("L", "Large"),), Otherwise.ERROR)),
        (ValueType.NUMBER, None, ValueMap((("L", "3"),), Otherwise.ERROR)),
    ],
)
def test_C3_M7_an_invented_answer_suits_the_row_that_sends_it(
    source: str, type: ValueType, date_format: DateFormat | None, values: ValueMap | None
) -> None:
    mapping = Mapping("Lead", rows=(MappingRow("answer", (SourceValue(source, values, date_format),), type),))
    rendered = render(mapping, SampleFacts(datetime(2026, 11, 29, tzinfo=UTC), "UTC", "ACME", mapping), timezone=UTC)
    assert isinstance(rendered, Rendered)
    assert rendered.tree()["answer"] not in (None, "", [])


@pytest.mark.parametrize(
    ("url", "body", "sources", "trace"),
    [
        ("https://x/", b'{"badge": "ADA SAMPLE"}', {"profile.badge_name"}, "Ada Sample"),
        ("https://x/", b'{"first": "Ada", "last": "Sample"}', {"profile.first_name", "profile.last_name"}, "Ada Sample"),
        ("https://x/?name=Ada+Sample", None, {"profile.badge_name"}, "Ada Sample"),
        ("https://x/", b"mail=ada.sample%40example.org", {"profile.email"}, "ada.sample@example.org"),
        ("https://x/", b'{"code": "SAMPLE-1"}', {"registration.code"}, "SAMPLE-1"),
        ("https://x/", b'{"title": "Sample Title"}', {"profile.title"}, "Sample"),
        ("https://x/", b'{"first": "Anna"}', {"profile.first_name", "profile.last_name"}, ""),
        ("https://x/", b'{"list": 7}', set(), ""),
        ("https://sample.example.org/sample", b'{"list": 7}', set(), ""),
    ],
)
def test_C3_a_sample_is_found_by_what_was_really_sent(url: str, body: bytes | None, sources: set[str], trace: str) -> None:
    assert trace_of_sample(Request("POST", url, (), body), sources) == trace


def test_C3_the_sample_without_a_flow_is_found_by_its_text() -> None:
    rendered = render(sample_mapping(), SampleFacts(datetime(2026, 11, 29, tzinfo=UTC), "UTC", "ACME"), timezone=UTC)
    assert isinstance(rendered, Rendered)
    body = str(rendered.tree()).encode()
    assert trace_of_sample(Request("POST", "https://x/", (), body), ()) == "This is a sample from Heliograph"
