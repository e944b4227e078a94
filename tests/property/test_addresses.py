"""Texts in addresses: each has one spelling, which nothing on the way reads differently (A2)."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import unquote, urljoin

from hypothesis import example, given
from hypothesis import strategies as st
from tests.addresses import HOSTILE, browsed

from heliograph.web.url_segments import Segment

SEGMENT = Segment()
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100) | st.text(
    "./\\%~2eEfF5cC?#;&a", min_size=1, max_size=20
)


@given(TEXTS | st.sampled_from(HOSTILE))
@example("\0")
def test_P13_A2_a_text_is_one_segment_and_comes_back(text: str) -> None:
    segment = SEGMENT.to_url(text)
    assert re.fullmatch(SEGMENT.regex, segment)
    assert re.fullmatch(r"[A-Za-z0-9_~-]+", segment)
    assert SEGMENT.to_python(segment) == text
    address = f"/signal/sync/SUMMIT/{segment}/"
    assert urljoin("http://h/signal/", address) == f"http://h{address}"
    assert browsed("/", address).path == unquote(address) == address


@given(TEXTS, TEXTS)
def test_P13_A2_two_texts_never_share_a_segment(one: str, two: str) -> None:
    assert (SEGMENT.to_url(one) == SEGMENT.to_url(two)) == (one == two)


@given(st.from_regex(SEGMENT.regex, fullmatch=True) | st.text("~0123456789ABCDEFabcdef", min_size=1, max_size=12))
def test_P13_A2_any_other_spelling_is_refused(segment: str) -> None:
    with contextlib.suppress(ValueError):
        assert SEGMENT.to_url(SEGMENT.to_python(segment)) == segment
