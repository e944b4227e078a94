"""Proposes a response rule from one answer, for a person to review (C7): "answers like this are a failure", or "only these are a success"."""

from __future__ import annotations

import re
from typing import Final

from heliograph.domain.connection.response_rule import MAX_TEXT, Clause, Condition, How, ReplyPlace, Rule, Then
from heliograph.domain.connection.secret import MASK
from heliograph.domain.connection.target_reply import TargetReply
from heliograph.domain.delivery.outcomes import Lead
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.mapping.paths import ABSENT, MAX_LENGTH, Path, format_path, look_up, parse_path

FLAGS: Final = (
    "ok",
    "success",
    "successful",
    "succeeded",
    "accepted",
    "valid",
    "status",
    "state",
    "result",
    "outcome",
    "code",
    "error",
    "errorCode",
)
"""Names under which answers report their result, the plainest first."""
REASONS: Final = (
    "message",
    "msg",
    "error",
    "errors",
    "detail",
    "details",
    "reason",
    "reasons",
    "description",
    "error_description",
    "title",
)
INSIDE: Final = ("result", "results", "data", "response", "errors", "error")
"""Where the answer about a single record is found, if not at the top level."""
CREATED: Final = frozenset({"created", "updated"})
SUCCESS: Final = "200-299"
SHORT: Final = 100
"""Characters of a text that is compared as a whole."""
TELLING: Final = 8
"""Characters of a line that tells one text from others."""

_UNWRITABLE: Final = re.compile(f"[\0{MASK}]")
"""Characters that a condition cannot compare: NUL, which no database stores, and the mask in place of a secret in the log."""


def propose(reply: TargetReply, then: Then) -> Rule:
    """A rule by which this answer, and others like it, mean `then`.

    The rule recognises the answer by the first of these that it has: a flag in JSON, a web page, a text, an empty body. A status alone is never
    enough, because the next good answer has the same. A rule for success makes every other 2xx answer a failure, and counts created and updated
    records if the answer reports them.
    """
    marks = _marks(reply)
    status = Condition(ReplyPlace.STATUS, How.IS, values=(SUCCESS if 200 <= reply.status < 300 else str(max(100, min(reply.status, 999))),))
    if then is Then.FAILED:
        category = Category.CONFIG if marks[0].place is ReplyPlace.HEADER else Category.GENERAL
        return (Clause((status, *marks), then, category=category, says=_sentence(marks), shows=_reason(reply)),)
    leads = _leads(reply, status)
    rest = () if not 200 <= reply.status < 300 else (Clause((status,), Then.FAILED, says=_OTHER, shows=_reason(reply)),)
    return (*(leads or (Clause((status, *marks), then),)), *rest)


_OTHER: Final = "The target did not confirm it."


def _marks(reply: TargetReply) -> tuple[Condition, ...]:
    """Conditions that distinguish this answer from others."""
    flag = _flag(reply)
    if flag is not None:
        path, text = flag
        return (Condition(ReplyPlace.JSON, How.IS, format_path(path), (text,)),)
    if reply.json is ABSENT and _is_page(reply):
        return (Condition(ReplyPlace.HEADER, How.CONTAINS, "content-type", ("text/html",)),)
    text = reply.text.strip()
    if not text:
        return (Condition(ReplyPlace.BODY, How.FILLED, unless=True),)
    lines = [piece.strip() for line in text.splitlines() for piece in _UNWRITABLE.split(line) if piece.strip()]
    if lines == [text] and len(text) <= SHORT and not reply.cut:
        return (Condition(ReplyPlace.BODY, How.IS, values=(text,)),)
    if not lines:
        return (Condition(ReplyPlace.BODY, How.FILLED),)
    line = next((line for line in lines if len(line) >= TELLING), max(lines, key=len))
    return (Condition(ReplyPlace.BODY, How.CONTAINS, values=(line[:SHORT].strip(),)),)


def _is_page(reply: TargetReply) -> bool:
    return any(name == "content-type" and "text/html" in value.lower() for name, value in reply.headers)


def _flag(reply: TargetReply) -> tuple[Path, str] | None:
    """The first plain value that reports the result: (where, what)."""
    for start in _starts(reply):
        for name in FLAGS:
            path = (*start, name)
            texts = [] if isinstance(look_up(reply.json, path), list) else reply.texts_at(path)
            if len(texts) == 1 and _is_writable(path):
                text = texts[0]
                if len(text.strip().splitlines()) == 1 and len(text) <= MAX_TEXT and MASK not in text:  # a condition has one value a line
                    return path, text
    return None


def _starts(reply: TargetReply) -> list[Path]:
    """The objects to search: the answer itself, and the first record in it."""
    top: Path = (0,) if isinstance(reply.json, list) else ()
    starts: list[Path] = [top] if not top or isinstance(look_up(reply.json, top), dict) else []
    for name in INSIDE:
        inside: tuple[Path, ...] = ((*top, name), (*top, name, 0))
        starts += [path for path in inside if isinstance(look_up(reply.json, path), dict)]
    return starts


def _is_writable(path: Path) -> bool:
    return len(format_path(path)) <= MAX_LENGTH


def _reason(reply: TargetReply) -> str:
    """The path of the target's own reason; "" if there is none."""
    for start in reversed(_starts(reply)):  # what is said about the record is more specific
        for name in REASONS:
            path = (*start, name)
            if any(len(text.strip()) > 2 for text in reply.texts_at(path)) and _is_writable(path):
                return format_path(path)
    return ""


def own_words(reply: TargetReply) -> str:
    """How a target says in its own words why it refused: its reason in JSON, or a text of one short line. "" for none, and for a web page."""
    path = _reason(reply) if reply.json is not ABSENT else ""
    sentence = (
        " ".join(reply.texts_at(parse_path(path, in_list=True)))
        if path
        else ""
        if reply.json is not ABSENT or _is_page(reply)
        else reply.text
    )
    line = sentence.strip()
    return line.rstrip(".") if len(line.splitlines()) == 1 and len(line) <= SHORT and not line.startswith("<") else ""


def _leads(reply: TargetReply, status: Condition) -> tuple[Clause, ...]:
    """A clause for created and one for updated records, if the answer reports that."""
    for start in _starts(reply):
        created = (*start, "created")
        if isinstance(look_up(reply.json, created), bool):
            return tuple(
                Clause((status, Condition(ReplyPlace.JSON, How.IS, format_path(created), (text,))), Then.DELIVERED, lead)
                for text, lead in (("true", Lead.CREATED), ("false", Lead.UPDATED))
            )
        for name in ("status", "action", "operation"):
            path = (*start, name)
            value = look_up(reply.json, path)
            if isinstance(value, str) and value.strip().lower() in CREATED:
                return tuple(
                    Clause((status, Condition(ReplyPlace.JSON, How.IS, format_path(path), (lead.value,))), Then.DELIVERED, lead)
                    for lead in Lead
                )
    return ()


def _sentence(marks: tuple[Condition, ...]) -> str:
    mark = marks[0]
    if mark.how is How.FILLED:
        return "The target answered with nothing." if mark.unless else "The response rule says that this answer is a failure."
    if mark.place is ReplyPlace.JSON:
        text = f"The target said {mark.name}: {mark.values[0]}"
        return f"{text[:140]}."
    if mark.place is ReplyPlace.HEADER:
        return "The target answered with a web page: it may be a sign-in page, or the URL is wrong."
    return f"The target said: {mark.values[0][:120]}"
