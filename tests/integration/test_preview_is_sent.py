"""A mapping's preview and its save say what the worker would say: what is too long for any request (M7, M9, C2)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from tests.forms import posted
from tests.page_text import text_of
from tests.story import Story

from heliograph.domain.connection.connection import Method
from heliograph.domain.connection.target_url import LONGEST_URL
from heliograph.domain.mapping.mapping import MappingKind

TOO_LONG = f"URL is longer than {LONGEST_URL:,} characters"


def form_of(client: Client, mapping: int, **query: str) -> dict[str, Any]:
    page = client.get(f"/signal/mappings/{mapping}/", query)
    return posted(page.content.decode(), "map-form")


def saved(client: Client, url: str, form: dict[str, Any]) -> str:
    """The page after a save that succeeded."""
    answer = client.post(url, form | {"do": ["save"]})
    assert answer.status_code == 302, text_of(answer.content)
    return text_of(client.get(answer.headers["Location"]).content)


@pytest.mark.parametrize(("length", "fits"), [(800, True), (1_000, False)])
def test_M7_the_preview_of_a_query_is_what_the_worker_sends(story: Story, client: Client, length: int, fits: bool) -> None:
    mapping = story.mapping("Query", {"text": ["profile.organization"] * 9})
    crm = story.connection("CRM", "/crm", method=Method.GET.value)
    story.flow("All", [story.to(crm, mapping=mapping)])
    with story.worker():
        story.record("R1", status="Attended", profile={"organization": "n" * length})
        story.until("R1", "success" if fits else "validation")
    assert (TOO_LONG in story.action("R1")["message"]) is not fits
    story.signs_in(client)
    for page in (client.get(f"/signal/mappings/{mapping}/", {"key": "SUMMIT R1"}), client.get(f"/signal/mappings/{mapping}/?person=R1")):
        assert (TOO_LONG in text_of(page.content)) is not fits
        assert ("nothing would be sent" in text_of(page.content)) is not fits
    answer = saved(client, f"/signal/mappings/{mapping}/", form_of(client, mapping, key="SUMMIT R1"))
    assert (TOO_LONG in answer) is not fits


def test_M7_an_unused_mapping_shown_as_a_query_says_that_no_request_can_carry_it(story: Story, client: Client) -> None:
    rows: dict[str, list[str]] = {f"row{n}": ["=" + "ü" * 1_600] for n in range(90)}
    mapping = story.mapping("Long", rows)
    story.signs_in(client)
    url = f"/signal/mappings/{mapping}/"
    shown_as_json, shown_as_query = (text_of(client.get(url, {"preview_format": shown}).content) for shown in ("json", "query"))
    assert "longer than" not in shown_as_json
    assert TOO_LONG in shown_as_query
    assert TOO_LONG in saved(client, url, form_of(client, mapping, preview_format="query"))
    assert "longer than" not in saved(client, url, form_of(client, mapping, preview_format="json"))


def test_M9_headers_that_are_too_long_together_are_said(story: Story, client: Client) -> None:
    headers = story.mapping("Headers", {f"X-{n}": ["=" + "h" * 4_000] for n in range(4)}, kind=MappingKind.HEADER)
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm, header=headers)])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "validation")
    reason = "are longer than 12,000 characters together"
    assert reason in story.action("R1")["message"]
    story.signs_in(client)
    assert reason in text_of(client.get(f"/signal/mappings/{headers}/").content)


# --- the box for a sample


def taken(client: Client, mapping: int, sample: str, *, keep: bool = True) -> Any:
    form = form_of(client, mapping) | {"sample": [sample], "do": ["take"]}
    return client.post(f"/signal/mappings/{mapping}/", form | ({"keep_values": ["on"]} if keep else {}))


@pytest.mark.parametrize(
    ("sample", "sentence"),
    [
        ("{}", "It has no fields"),
        ("{" + ",".join(f'"field{n}":{n}' for n in range(16_000)) + "}", "It has more than 500 fields"),
        ("{" + ",".join(f'"field{n}":"{"x" * 60}"' for n in range(16_000)) + "}", "It is longer than 500,000 characters"),
        ('{"a": "x\0y"}', "a control character stands within a text"),
        ('\0{"a": 1}', "This is not JSON"),
        ('{"a": "\x07"}', "a control character stands within a text"),
        ('{"a\\u0007": 1}', "a character that no name can have"),
        ('{"a\\u0000": 1}', "NUL"),
        ('{"a\\ud800": 1}', "half a character"),
        ('{"n": 12345678901234567890123}', "n: it is too large to be sent as a number"),
        ('{"n": 1e400}', "n: it is too large to be sent as a number"),
        ('{"n": [1, 12345678901234567890123]}', "n: it is too large to be sent as a number"),
        ('{"t": "\\ud800"}', "t: it contains half a character"),
        ('{"t": "a\\u0000b"}', "t: it contains a control character"),
        ('{"t": ["x", "\\u0007"]}', "t: it contains a control character"),
        ('{"t": "' + "x" * 10_001 + '"}', "t: it is longer than 10,000 characters"),
        ('{"a": {}}', "a: it is empty, so it becomes no row"),
        ('{"a": {"b": [[], 1]}}', "a.b[0]: it is empty, so it becomes no row"),
    ],
)
def test_M2_whatever_a_sample_holds_is_said_in_the_editor(story: Story, client: Client, sample: str, sentence: str) -> None:
    mapping = story.mapping("Lead too", {"kept": "profile.email"})
    story.signs_in(client)
    page = taken(client, mapping, sample)
    assert page.status_code == 200
    assert sentence in text_of(page.content)
    assert "All of its fields have rows already" not in text_of(page.content)
    form = posted(page.content.decode(), "map-form")  # the editor is still there, with the rows and what was pasted
    assert set(form["line-0"]) == {"{profile.email}"}
    again = client.post(f"/signal/mappings/{mapping}/", form | {"do": ["take"]})
    assert again.status_code == 200  # nothing that was taken over can make a form that is refused
    assert (
        client.post(f"/signal/mappings/{mapping}/", posted(again.content.decode(), "map-form") | {"do": ["sample-close"]}).status_code
        == 200
    )


def test_M2_a_number_without_its_value_still_says_that_it_does_not_fit(story: Story, client: Client) -> None:
    mapping = story.mapping("Lead too", {"kept": "profile.email"})
    story.signs_in(client)
    assert "n: it is too large to be sent as a number" in text_of(
        taken(client, mapping, '{"n": 1e400, "t": "\\ud800"}', keep=False).content
    )


def test_M2_the_largest_form_of_a_mapping_is_read(story: Story, client: Client) -> None:
    mapping = story.mapping("Large", {f"row{n}": "profile.email" for n in range(500)})
    story.signs_in(client)
    form = form_of(client, mapping) | {f"{name}-{n}": ["on"] for n in range(500) for name in ("required", "trim", "tidy")}
    form |= {"panel": ["0.0"], "otherwise": ["keep"], "map_from": ["a"] * 500, "map_to": ["b"] * 500}
    sample = "{" + ",".join(f'"n{n}":1' for n in range(500)) + "}"
    form |= {"sample": [sample], "sample_row": [f"n{n}" for n in range(500)], "proposed": [f"profile.email n{n}" for n in range(500)]}
    assert sum(map(len, form.values())) > 6_500
    assert client.post(f"/signal/mappings/{mapping}/", form | {"do": ["show:json"]}).status_code == 200
