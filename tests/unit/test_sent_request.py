"""What a request says, field by field, for the comparison of a replay (Y1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from heliograph.domain.delivery.sent_request import FieldChange, SentRequest, field_changes


def kept(body: object, *, method: str = "POST", cut: bool = False, **headers: str) -> dict[str, Any]:
    """A request as it is kept."""
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    text = body if isinstance(body, str) else json.dumps(body)
    return {"method": method, "url": "crm.example.org/…", "headers": [list(pair) for pair in sent.items()], "body": text, "cut": cut}


def test_Y1_what_differs_every_time_is_left_out() -> None:
    one = SentRequest.from_stored(kept({"a": 1}, webhook_id="msg_1", webhook_signature="v1,x", Authorization="…"))
    two = SentRequest.from_stored(kept({"a": 1}, webhook_id="msg_2", heliograph_replay="true"))
    assert one.digest == two.digest
    assert field_changes(one, two) == []


def test_Y1_fields_of_a_nested_body_are_compared_by_their_paths() -> None:
    was = SentRequest.from_stored(kept({"contact": {"name": "Zoë", "guests": 1}, "tags": ["a", "b"], "old": None}, X_Kind="lead"))
    would = SentRequest.from_stored(kept({"contact": {"name": "Zoe", "guests": 1}, "tags": ["a"], "consent": True}, X_Kind="contact"))
    assert was.digest != would.digest
    assert field_changes(was, would) == [
        FieldChange("Header x-kind", "lead", "contact"),
        FieldChange("contact.name", "Zoë", "Zoe"),
        FieldChange("consent", None, "true"),
        FieldChange("tags[1]", "b", None),
        FieldChange("old", "null", None),
    ]


def test_Y1_the_order_of_an_objects_keys_says_nothing() -> None:
    assert SentRequest.from_stored(kept({"a": 1, "b": 2})).digest == SentRequest.from_stored(kept({"b": 2, "a": 1})).digest


def test_Y1_a_forms_fields_are_compared_too() -> None:
    form = "application/x-www-form-urlencoded"
    was, would = (
        SentRequest.from_stored(kept(body, Content_Type=form) | {"headers": [["Content-Type", form]]}) for body in ("a=1&b=", "a=2&b=")
    )
    assert field_changes(was, would) == [FieldChange("a", "1", "2")]


@pytest.mark.parametrize("found", [kept("x", cut=True), kept("", method="GET")])
def test_Y1_what_is_not_known_whole_is_not_compared(found: dict[str, Any]) -> None:
    assert SentRequest.from_stored(found).digest is None


@pytest.mark.parametrize("body", ["", "plain text", "[1, 2]", "7", '"x"', "{}", "[" * 5_000])
def test_Y1_any_body_can_be_compared(body: str) -> None:
    found = SentRequest.from_stored(kept(body))
    assert found.digest == SentRequest.from_stored(kept(body)).digest
    assert field_changes(found, found) == []
