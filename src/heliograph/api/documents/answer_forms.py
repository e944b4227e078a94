"""What questions of events and custom fields of the account share as JSON (P6)."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import msgspec

type TypeOfAnswer = Annotated[
    Literal["text", "number", "date", "select", "multi-select", "checkbox", "radio"],
    msgspec.Meta(description="How it is answered. A checkbox without options is a Yes or No."),
]
Label = Annotated[str, msgspec.Meta(description="Shown on forms and pages.")]
OptionTexts = Annotated[list[str], msgspec.Meta(description="The options of a select, multi-select, checkbox or radio, in their order.")]


def type_of(text: str) -> TypeOfAnswer:
    """The type of a question, as stored. The database has no others."""
    return cast("TypeOfAnswer", text)
