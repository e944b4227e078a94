"""The JSON in the body of a call, as it is and in a form (S2)."""

from __future__ import annotations

import pytest

from heliograph.domain.source.call_body import FORM, NoCallBody, read_call_body


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b'{"a": 1}', "application/json", {"a": 1}),
        (b"a=1&b=", FORM, {"a": "1", "b": ""}),
        (b"payload=%7B%22a%22%3A1%7D", f"{FORM}; charset=utf-8", {"a": 1}),
        (b' {"a": 1}', FORM, {"a": 1}),
        (b'[{"a": 1}]', f"{FORM}; charset=utf-8", [{"a": 1}]),
    ],
    ids=["json", "form", "payload", "json called a form", "list called a form"],
)
def test_S2_a_call_is_json_a_form_or_json_that_is_called_a_form(body: bytes, content_type: str, value: object) -> None:
    assert read_call_body(body, content_type) == value


def test_a_brace_without_json_is_refused_and_not_read_as_a_form() -> None:
    with pytest.raises(NoCallBody, match="not JSON"):
        read_call_body(b"{a=1&b=2", FORM)
