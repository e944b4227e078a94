"""A line of chips as one text, and back: how a mapping row is edited without script (M1).

`{profile.position} @ {profile.organization}` is a field, typed text and a field. Braces in typed text are doubled (`{{`, `}}`); `{}`
separates two adjacent typed texts, which matters in a list, where each part is an entry. The settings of a field's chip (value map, date
format ...) are not in the text; `read_line` takes them from the previous chips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.mapping import FixedText, RowPart, SourceValue

BORDER = "{}"


class LineError(HeliographError):
    """This is not a line of fields and texts."""


def write_line(parts: Iterable[RowPart]) -> str:
    """The canonical text of these chips; `read_line` reads it back. An empty text is not a chip."""
    written: list[str] = []
    after_text = False
    for part in parts:
        if isinstance(part, SourceValue):
            written.append(f"{{{part.key}}}")
        elif part.text:
            written.append((BORDER if after_text else "") + part.text.replace("{", "{{").replace("}", "}}"))
        after_text = isinstance(part, FixedText) and (bool(part.text) or after_text)
    return "".join(written)


def read_line(text: str, *, key_of: Callable[[str], str], earlier_parts: Sequence[RowPart] = ()) -> tuple[RowPart, ...]:
    """Parses the chips of a text. Raises LineError, which says what is wrong and where.

    key_of: the source key for the text between braces, a key or a field's name; raises LineError for an unknown field
    earlier_parts: the previous chips: a field that is still in the line keeps the settings of its chip, in order of appearance
    """
    left = [part for part in earlier_parts if isinstance(part, SourceValue)]
    parts: list[RowPart] = []
    typed: list[str] = []

    def end_text() -> None:
        if typed:
            parts.append(FixedText("".join(typed)))
            typed.clear()

    at = 0
    while at < len(text):
        character = text[at]
        if character in "{}" and text[at + 1 : at + 2] == character:
            typed.append(character)
            at += 2
        elif character == "}":
            raise LineError("the brace at character %(number)s closes nothing; a brace of a text is written twice: }}", number=str(at + 1))
        elif character == "{":
            end = text.find("}", at)
            if end < 0 or "{" in text[at + 1 : end]:
                raise LineError(
                    "the brace at character %(number)s is not closed; a brace of a text is written twice: {{", number=str(at + 1)
                )
            name = text[at + 1 : end].strip()
            end_text()
            if name:
                key = key_of(name)
                source = next((part for part in left if part.key == key), None)
                if source is not None:
                    left.remove(source)
                parts.append(source or SourceValue(key))
            at = end + 1
        else:
            end = min((brace_at for brace in "{}" if (brace_at := text.find(brace, at)) >= 0), default=len(text))
            typed.append(text[at:end])
            at = end
    end_text()
    return tuple(parts)
