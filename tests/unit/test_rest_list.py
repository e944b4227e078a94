"""The description of a REST list, its addresses, and what is read from an answer (S3)."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.source.key_sweep import ItemAnswer, item_answer, must_ask, sweeps_needed
from heliograph.domain.source.list_page import ListItem, ListPage, UnreadablePage, new_items, read_page
from heliograph.domain.source.read_failure import is_visible, request_interval, wait_after
from heliograph.domain.source.rest_list import ClockPlace, Paging, Place, RestList, RestListError
from heliograph.domain.source.source_times import SinceFormat, read_time, write_since

NOON = 1_791_981_000_000_000  # 2026-10-14T12:30:00Z
SECOND = 1_000_000
PORTAL = RestList(
    address="https://portal.example/api/attendees?state=all",
    query=(("order", "changed"),),
    size_parameter="size",
    since_parameter="updated_since",
    is_ordered=True,
    items_path="data.attendees",
    key_path="uuid",
    modified_path="changed",
    item_address="https://portal.example/api/attendees/{key}",
)


def changed(**fields: object) -> RestList:
    return RestList.from_body(PORTAL.to_body() | fields)


def members(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def test_a_description_survives_json() -> None:
    assert RestList.from_body(PORTAL.to_body()) == PORTAL
    plain = RestList(address="http://10.0.0.7:8080/list")
    assert RestList.from_body({"address": plain.address}) == plain


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"address": "ftp://portal.example/"}, "address"),
        ({"address": "https://user:secret@portal.example/"}, "address"),
        ({"address": "https://portal.example/a b"}, "address"),
        ({"address": "https://portal.example:99999/"}, "address"),
        ({"address": "https://{since}.example/"}, "address"),
        ({"address": "https://portal.example/{key}"}, "address"),
        ({"item_address": "https://portal.example/one"}, "item_address"),
        ({"key": ""}, "key"),
        ({"key": "a..b"}, "key"),
        ({"modified": ""}, "modified"),
        ({"since_parameter": ""}, "since"),
        ({"paging": "cursor"}, "next"),
        ({"paging": "pages"}, "paging"),
        ({"page_parameter": ""}, "page_parameter"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"clock": "member"}, "clock"),
        ({"size": 0}, "size"),
        ({"every": True}, "every"),
        ({"overlap": -1}, "overlap"),
    ],
)
def test_a_fault_is_named_with_its_field(fields: dict[str, object], place: str) -> None:
    with pytest.raises(BodyError) as fault:
        changed(**fields)
    assert fault.value.where == place
    assert fault.value.reason


def test_the_address_of_a_page() -> None:
    url = PORTAL.url(NOON, Place(2, 200))
    assert url.startswith("https://portal.example/api/attendees?")
    assert members(url) == {"state": "all", "order": "changed", "updated_since": "2026-10-14T12:30:00Z", "size": "100", "page": "3"}
    assert "updated_since" not in members(PORTAL.url(None, Place()))
    assert members(changed(paging="offset", page_parameter="skip").url(NOON, Place(2, 200)))["skip"] == "200"
    cursor = changed(paging="cursor", page_parameter="after", next="meta.next")
    assert "after" not in members(cursor.url(NOON, Place()))
    assert members(cursor.url(NOON, Place(1, 100, "x/y=")))["after"] == "x/y="
    exclusive = changed(inclusive=False)
    assert members(exclusive.url(NOON, Place()))["updated_since"] == "2026-10-14T12:29:59Z"
    in_path = changed(address="https://portal.example/changes/{since}", since_parameter="", since_format=SinceFormat.SECONDS)
    assert urlsplit(in_path.url(NOON, Place())).path == "/changes/1791981000"
    in_value = changed(since_parameter="", query=[["filter", "changed ge {since}"]])
    assert members(in_value.url(NOON, Place()))["filter"] == "changed ge 2026-10-14T12:30:00Z"
    assert "filter" not in members(in_value.url(None, Place()))
    assert PORTAL.item_url("a/b?c") == "https://portal.example/api/attendees/a%2Fb%3Fc"


def test_a_link_stays_on_its_server() -> None:
    linked = changed(paging="link", next="next")
    assert linked.url(NOON, Place(1, 100, "/api/attendees?page=2")) == "https://portal.example/api/attendees?page=2"
    assert linked.url(NOON, Place(1, 100, "https://PORTAL.example:443/x")) == "https://PORTAL.example:443/x"
    for hostile in ("https://other.example/", "http://portal.example/", "//169.254.169.254/", "https://portal.example:8443/"):
        with pytest.raises(RestListError, match="another server"):
            linked.url(NOON, Place(1, 100, hostile))


def item(uuid: object, moment: object, **more: object) -> dict[str, object]:
    return {"uuid": uuid, "changed": moment, **more}


def test_an_answer_is_read() -> None:
    answer = {"data": {"attendees": [item("a", "2026-10-14T12:30:00Z"), item(7, "2026-10-14 14:30:01", gone=True), item(True, None)]}}
    description = changed(zone="Europe/Berlin", deleted="gone")
    page = read_page(description, answer, [("date", "Wed, 14 Oct 2026 12:31:00 GMT")], Place(1, 100))
    assert [(each.key, each.modified, each.is_deleted) for each in page.items[:2]] == [("a", NOON, False), ("7", NOON + SECOND, True)]
    assert page.items[2].key.startswith("=")
    assert page.items[2].modified is None
    assert page.next == Place(2, 103)
    assert page.clock == NOON + 60 * SECOND
    assert read_page(PORTAL, {"data": {"attendees": []}}, [], Place()) == ListPage((), None, None)
    for broken in ({}, [], None, {"data": {"attendees": {}}}, {"data": {"attendees": [{"id": 1}]}}):
        with pytest.raises(UnreadablePage):
            read_page(PORTAL, broken, [], Place())


@pytest.mark.parametrize(
    ("value", "is_deleted"),
    [(True, False), (1, False), ("yes", False), (False, True), (0, True), (None, True), ("no", True), ("FALSE", True), ("", True)],
)
def test_an_item_that_is_not_active_is_deleted(value: object, is_deleted: bool) -> None:
    (read,) = read_page(changed(active="on"), {"data": {"attendees": [item("a", None, on=value)]}}, [], Place()).items
    assert read.is_deleted == is_deleted
    (without,) = read_page(changed(active="on"), {"data": {"attendees": [item("a", None)]}}, [], Place()).items
    assert not without.is_deleted


def test_the_next_page() -> None:
    answer = {"next": "/p2", "data": {"attendees": [item("a", None)]}}
    in_member = changed(paging="link", next="next")
    assert read_page(in_member, answer, [], Place()).next == Place(1, 1, "/p2")
    assert read_page(in_member, answer | {"next": None}, [], Place()).next is None
    assert read_page(in_member, answer, [], Place(1, 1, "/p2")).next is None  # a page that leads to itself
    in_header = changed(paging="link")
    links = [("link", '<https://portal.example/p1>; rel="prev", <https://portal.example/p,3>; title="a, b"; rel="next last"')]
    assert read_page(in_header, answer, links, Place()).next == Place(1, 1, "https://portal.example/p,3")
    assert read_page(in_header, answer, [("link", "<x>; rel=prev")], Place()).next is None
    assert read_page(changed(paging="one"), answer, [], Place()).next is None
    by_member = changed(clock="member", clock_member="now")
    assert read_page(by_member, answer | {"now": 1_791_981_000}, [], Place()).clock == NOON


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-10-14T12:30:00Z", NOON),
        ("2026-10-14T14:30:00.5+02:00", NOON + SECOND // 2),
        ("2026-10-14 14:30", NOON),
        ("10/14/2026 14:30:00", NOON),
        ("Wed, 14 Oct 2026 12:30:00 GMT", NOON),
        (1_791_981_000, NOON),
        (1_791_981_000.5, NOON + SECOND // 2),
        ("01791981000", NOON),
        (1_791_981_000_000, NOON),
        (NOON, NOON),
        ("2026-10-14", NOON - 14 * 3600 * SECOND - 30 * 60 * SECOND),
        ("2026-10-25T02:30:00", 1_792_888_200 * SECOND),  # the first of two
        ("soon", None),
        ("", None),
        (True, None),
        (None, None),
        (float("nan"), None),
        (1e300, None),
    ],
)
def test_a_time_is_read(text: object, at: int | None) -> None:
    assert read_time(text, "Europe/Berlin") == at


@given(st.integers(0, 4_000_000_000_000_000), st.sampled_from(SinceFormat), st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns"]))
def test_no_time_is_asked_for_too_late(at: int, since_format: SinceFormat, zone: str) -> None:
    text = write_since(at, since_format, zone)
    back = read_time(int(text) if since_format in (SinceFormat.SECONDS, SinceFormat.MILLISECONDS) else text, zone)
    if since_format not in (SinceFormat.SECONDS, SinceFormat.MILLISECONDS) or at > 10**15:
        assert back is not None
        assert at - since_format.unit - 2 * 3600 * SECOND < back <= at


def test_what_is_known_is_not_new() -> None:
    first, other, last = (ListItem("a", moment, digest, False, None) for moment, digest in ((1, b"1"), (2, b"2"), (2, b"3")))
    assert new_items([first], {"a": b"1"}) == []
    assert new_items([first], {}) == [first]
    assert new_items([other, first], {"a": b"1"}) == [other]  # of two with one key the newest counts
    assert new_items([other, last], {}) == [last]
    answer = {"data": {"attendees": [{"uuid": "a", "x": {"b": 1, "c": 2}}]}}
    turned = {"data": {"attendees": [{"x": {"c": 2, "b": 1}, "uuid": "a"}]}}
    assert read_page(PORTAL, answer, [], Place()).fingerprint == read_page(PORTAL, turned, [], Place()).fingerprint


def test_the_wait_after_failures() -> None:
    assert [wait_after(failures) // SECOND for failures in (1, 2, 3, 7, 8, 9, 1000)] == [30, 60, 120, 1920, 3600, 3600, 3600]
    assert wait_after(1, retry_after=90 * SECOND) == 90 * SECOND
    assert wait_after(3, retry_after=1) == 120 * SECOND
    assert wait_after(1, retry_after=10**18) == 86_400 * SECOND
    assert 27 <= wait_after(1, jitter=-5) / SECOND <= 30 <= wait_after(1, jitter=5) / SECOND <= 33
    assert [is_visible(failures) for failures in (0, 1, 2, 3, 4)] == [False, False, False, True, True]
    assert request_interval(60, is_backfill=False) == SECOND
    assert request_interval(60, is_backfill=True) == 2 * SECOND


def test_a_sweep_has_a_brake() -> None:
    assert [must_ask(missing, 100) for missing in (0, 10, 11, 100)] == [False, False, True, True]
    assert not must_ask(0, 0)
    assert must_ask(1, 9)
    assert sweeps_needed(PORTAL) == 2
    assert sweeps_needed(changed(item_address="")) == 3
    assert [item_answer(status) for status in (404, 410, 200, 403, 500)] == [
        *(ItemAnswer.GONE, ItemAnswer.GONE, ItemAnswer.THERE, ItemAnswer.UNKNOWN, ItemAnswer.UNKNOWN)
    ]
    assert Paging("link") is Paging.LINK
    assert ClockPlace("Date") is ClockPlace.DATE
