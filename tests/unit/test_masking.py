"""Secrets are blotted out however they are written (spec C5)."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.masking import MASK, SHORTEST, blotted, without_cut_secret

ODD = 'p/ä"ss &wör<d>+=7'


@pytest.mark.parametrize(
    "written",
    [
        ODD,
        quote(ODD),
        quote(ODD, safe=""),
        quote_plus(ODD),
        json.dumps(ODD),
        json.dumps(ODD, ensure_ascii=False),
        json.dumps(ODD).replace("/", "\\/"),
        html.escape(ODD),
        base64.b64encode(ODD.encode()).decode(),
    ],
)
def test_C5_a_secret_is_found_however_it_is_written(written: str) -> None:
    assert MASK in blotted(f"before {written} after", [ODD])
    assert "ss" not in blotted(written, [ODD])


def test_C5_a_part_of_a_path_that_is_a_credential_is_blotted_out_alone() -> None:
    path = "/services/T0AAAA/B0BBBB/x9Yk2mQ7wVbN4rTzLp0s"
    assert blotted("no such token: x9Yk2mQ7wVbN4rTzLp0s", [path]) == f"no such token: {MASK}"
    assert blotted("the services of B0BBBB", [path]) == "the services of B0BBBB"


@given(st.text(min_size=SHORTEST, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_C5_no_secret_is_left(secret: str, before: str, after: str) -> None:
    if secret not in MASK:
        assert secret not in blotted(f"{before}{secret}{after}", [secret])


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40), st.integers(SHORTEST, 40))
def test_C5_no_beginning_of_a_secret_is_left_where_a_text_was_cut(secret: str, cut: int) -> None:
    kept = f"token {secret[:cut]}"
    if cut < len(secret):
        assert not without_cut_secret(kept, [secret]).endswith(secret[:cut])
