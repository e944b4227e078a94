"""What is proposed by one answer of a REST list (S3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.source.list_guesses import items_of, propose
from heliograph.domain.source.list_page import read_page
from heliograph.domain.source.rest_list import Paging, Place, RestList

ADDRESS = "https://portal.example/api/attendees"


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"uuid": f"u{n}", "event_id": 7, "changed": f"2026-10-14T12:{n:02}:00Z", "created": "2026-01-01T00:00:00Z"} | more
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("answer", "headers", "address", "expected"),
    [
        (
            {"page": 1, "pages": 5, "data": {"attendees": people(3), "rooms": [{"id": 1}]}},
            [("date", "x")],
            ADDRESS,
            {
                "items": "data.attendees",
                "key": "uuid",
                "modified": "changed",
                "paging": "number",
                "page_parameter": "page",
                "first_page": 1,
            },
        ),
        (
            people(2),
            [("link", '<https://portal.example/api/attendees?page=2>; rel="next"')],
            ADDRESS,
            {"items": "", "paging": "link", "next": ""},
        ),
        (
            {"results": people(2), "next": "https://portal.example/api/attendees?after=9", "previous": None},
            [],
            ADDRESS,
            {"items": "results", "paging": "link", "next": "next"},
        ),
        ({"results": people(2), "next": None, "count": 2}, [], ADDRESS, {"paging": "link", "next": "next"}),
        (
            {"data": [{"id": "1", "attributes": {"updatedAt": 1_791_981_000}}], "links": {"self": "/a", "next": "/a?page[number]=2"}},
            [],
            ADDRESS,
            {"items": "data", "key": "id", "modified": "attributes.updatedAt", "since_format": "1791981000", "next": "links.next"},
        ),
        ({"_links": {"next": {"href": "/x?p=2"}}, "list": people(2)}, [], ADDRESS, {"paging": "link", "next": "_links.next.href"}),
        (
            {"@odata.nextLink": "https://portal.example/x", "value": people(2)},
            [],
            ADDRESS,
            {"paging": "link", "next": '["@odata.nextLink"]'},
        ),
        (
            {"entries": people(2), "nextPageToken": "abc"},
            [],
            ADDRESS,
            {"items": "entries", "paging": "cursor", "next": "nextPageToken", "page_parameter": "pageToken"},
        ),
        (
            {"guests": people(2), "pagination": {"next_cursor": None, "limit": 2}},
            [],
            ADDRESS,
            {"paging": "cursor", "next": "pagination.next_cursor", "page_parameter": "cursor", "size_parameter": "limit", "size": 2},
        ),
        (
            {"startingIndex": 0, "maxResults": 100, "registrations": people(2)},
            [],
            ADDRESS,
            {"paging": "offset", "page_parameter": "startingIndex", "size_parameter": "maxResults", "size": 100},
        ),
        ({"total": 3, "items": people(3)}, [], ADDRESS, {"paging": "one"}),
        (
            people(2),
            [],
            f"{ADDRESS}?state=all&page=0&per_page=50&updated_after=2026-10-14",
            {
                "address": f"{ADDRESS}?state=all",
                "paging": "number",
                "page_parameter": "page",
                "first_page": 0,
                "size_parameter": "per_page",
                "size": 50,
                "since_parameter": "updated_after",
                "since_format": "2026-10-14",
            },
        ),
        (
            [{"ref": "a", "is_deleted": False, "active": True, "modified": "2026-10-14 12:30:00"}],
            [("x-page-generated", "2026-10-14T12:30:00Z")],
            ADDRESS,
            {"key": "ref", "deleted": "is_deleted", "active": "active", "since_format": "2026-10-14 14:30:00", "clock": "X-Page-Generated"},
        ),
        (
            {"server_time": "2026-10-14T12:30:00Z", "items": people(1)},
            [("server", "x")],
            ADDRESS,
            {"clock": "member", "clock_member": "server_time"},
        ),
    ],
)
def test_what_an_answer_tells(answer: object, headers: list[tuple[str, str]], address: str, expected: dict[str, Any]) -> None:
    proposed = propose(answer, headers, address)
    assert expected.items() <= proposed.items()
    description = RestList.from_body({"address": address} | proposed)
    assert len(read_page(description, answer, headers, Place()).items) > 0


@pytest.mark.parametrize(
    ("items", "lacks"),
    [
        ([{"id": 1}, {"id": 1}], "key"),
        ([{"id": 1}, {}], "key"),
        ([{"id": True}], "key"),
        ([{"mail": "a@example.org"}], "key"),
        ([{"id": 1, "updated": "soon"}], "modified"),
        ([{"id": 1, "created_at": "2026-10-14T12:30:00Z"}], "modified"),
        ([{"id": 1, "deleted": "by Mira"}], "deleted"),
        ([{"id": 1, "active": "2026-10-14"}], "active"),
    ],
)
def test_what_it_does_not_tell_is_left_to_a_person(items: list[dict[str, Any]], lacks: str) -> None:
    assert lacks not in propose({"items": items}, [], ADDRESS)


def test_an_answer_without_a_list_proposes_nothing() -> None:
    assert propose({"error": "no"}, [], ADDRESS) == propose("text", [], ADDRESS) == propose({"tags": ["a", "b"]}, [], ADDRESS) == {}
    assert items_of({"items": []}) == "items"
    assert items_of([]) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["2026-10-14", "/next", "1791981000"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "next", "page", "items", "updated", "a.b", "", "size"]), inner)
    ),
    max_leaves=30,
)


@given(JSON, st.sampled_from([ADDRESS, f"{ADDRESS}?page=x&size=99999&since=1", "https://[", ""]))
def test_any_answer_is_read_and_what_is_proposed_can_be_saved(answer: object, address: str) -> None:
    proposed = propose(answer, [], address)
    if "key" in proposed:
        RestList.from_body({"address": ADDRESS} | proposed | {"address": ADDRESS})
        assert proposed["paging"] in set(Paging)
