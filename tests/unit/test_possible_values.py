"""A refused choice is answered with the possible ones, wherever in a document it stands."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pytest

from heliograph.api.possible_values import with_choices


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Inner(msgspec.Struct):
    colour: Colour
    size: Annotated[Literal["S", "M"] | None, msgspec.Meta(description="Its size.")] = None
    count: int = 0


class Outer(msgspec.Struct):
    inner: Inner | None = None
    many: list[Inner] = []
    several: tuple[Annotated[Inner, msgspec.Meta(description="One of several.")], ...] = ()
    plain: Colour | None = None


@pytest.mark.parametrize(
    ("raw", "choices"),
    [
        ({"plain": "blue"}, "red, green"),
        ({"inner": {"colour": "blue"}}, "red, green"),
        ({"many": [{"colour": "red"}, {"colour": "blue"}]}, "red, green"),
        ({"several": [{"colour": "red", "size": "XL"}]}, "M, S"),
    ],
)
def test_a_wrong_choice_names_the_possible_ones(raw: object, choices: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(raw, Outer)
    reason, _at, path = str(refused.value).partition(" - at `$.")
    assert with_choices(reason, Outer, path.rstrip("`")).endswith(f" is not possible here. Possible are: {choices}")


def test_any_other_reason_stays_as_it_is() -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert({"inner": {"colour": "red", "count": "x"}}, Outer)
    reason, _at, path = str(refused.value).partition(" - at `$.")
    assert with_choices(reason, Outer, path.rstrip("`")) == reason
