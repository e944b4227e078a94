"""The webhook-id of an action says when it was created (D1, X5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.delivery.webhook_id import CHANCE_BITS, created_of, webhook_id

INSTANTS = st.integers(0, 2**52 - 1)
CHANCES = st.integers(0, 2**CHANCE_BITS - 1)


@given(INSTANTS, CHANCES)
def test_X5_a_webhook_id_says_when_it_was_made(created: int, chance: int) -> None:
    made = webhook_id(created, chance)
    assert created_of(made) == created
    assert len(made) == len("msg_") + 26


@given(INSTANTS, INSTANTS, CHANCES, CHANCES)
def test_D1_other_instants_and_other_chances_make_other_ids(one: int, two: int, chance: int, other: int) -> None:
    assert (webhook_id(one, chance) == webhook_id(two, other)) == ((one, chance) == (two, other))


@pytest.mark.parametrize(
    "text", ["", "msg_", "msg_1", "MSG_" + "0" * 26, "msg_" + "g" * 26, "msg_" + "0" * 27, " msg_" + "0" * 26, "msg_" + "٣" * 26]
)
def test_X5_other_texts_are_no_webhook_ids(text: str) -> None:
    assert created_of(text) is None
