"""A line of chips as one text, and back: what a mapping row is edited as where there is no script (M1).

`{profile.position}  @ {profile.organization}` is a field, typed text and a field. A brace of typed text is doubled (`{{`, `}}`); `{}` stands between
two typed texts that are chips of their own, which matters in a list, where each part is an entry. What a field's chip has behind it (value map, date
format ...) is not in the text; `read_line` takes it from the chips that were there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.mapping import FixedText, RowPart, SourceValue

BORDER = "{}"


class LineError(HeliographError):
    """This is no line of fields and texts."""


def write_line(parts: Iterable[RowPart]) -> str:
    """The one way to write these chips; `read_line` reads it back. A text without a character is no chip."""
    written: list[str] = []
    after_text = False
    for part in parts:
        if isinstance(part, SourceValue):
            written.append(f"{{{part.key}}}")
        elif part.text:
            written.append((BORDER if after_text else "") + part.text.replace("{", "{{").replace("}", "}}"))
        after_text = isinstance(part, FixedText) and (bool(part.text) or after_text)
    return "".join(written)


def read_line(text: str, *, key_of: Callable[[str], str], kept: Sequence[RowPart] = ()) -> tuple[RowPart, ...]:
    """The chips of a text.

    key_of: the source key of what stands between braces, a key or a field's name; it raises LineError for what names no field.
    kept: chips that were there before: a field that still stands in the line keeps what is behind its chip, the first one that of the first.
    Raises LineError, with what is wrong and where.
    """
    left = [part for part in kept if isinstance(part, SourceValue)]
    parts: list[RowPart] = []
    typed: list[str] = []

    def end_text() -> None:
        if typed:
            parts.append(FixedText("".join(typed)))
            typed.clear()

    at = 0
    while at < len(text):
        here = text[at]
        if here in "{}" and text[at + 1 : at + 2] == here:
            typed.append(here)
            at += 2
        elif here == "}":
            raise LineError(f"the brace at character {at + 1} closes nothing; a brace of a text is written twice: }}}}")
        elif here == "{":
            end = text.find("}", at)
            if end < 0 or "{" in text[at + 1 : end]:
                raise LineError(f"the brace at character {at + 1} is not closed; a brace of a text is written twice: {{{{")
            name = text[at + 1 : end].strip()
            end_text()
            if name:
                parts.append(_taken(left, key_of(name)))
            at = end + 1
        else:
            end = min((found for brace in "{}" if (found := text.find(brace, at)) >= 0), default=len(text))
            typed.append(text[at:end])
            at = end
    end_text()
    return tuple(parts)


def _taken(left: list[SourceValue], key: str) -> SourceValue:
    """The first chip of this field that is left, or a new one."""
    for number, source in enumerate(left):
        if source.key == key:
            return left.pop(number)
    return SourceValue(key)
