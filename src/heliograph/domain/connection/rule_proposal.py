"""Proposes a response rule from one answer, for a person to review (C7): "answers like this are a failure", or "only these are a success"."""

from __future__ import annotations

import re
from typing import Final

from heliograph.domain.connection.response_rule import MAX_TEXT, Clause, Condition, How, ResponsePlace, Rule, Then
from heliograph.domain.connection.secret import MASK
from heliograph.domain.connection.target_response import TargetResponse
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import Lead
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.mapping.paths import ABSENT, MAX_LENGTH, Path, format_path, look_up, parse_path
from heliograph.domain.sentence_template import gettext_noop

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
"""The fields in which responses put the result for a single record, if not at the top level."""
CREATED: Final = frozenset({"created", "updated"})
SUCCESS: Final = "200-299"
SHORT: Final = 100
"""Characters of a text that is compared as a whole."""
TELLING: Final = 8
"""Characters of a line that tells one text from others."""

_UNWRITABLE: Final = re.compile(f"[\0{MASK}]")
"""Characters that a condition cannot contain: NUL, which no database stores, and the mask that replaces secrets in the log."""


def propose(response: TargetResponse, then: Then) -> Rule:
    """A rule by which this answer, and others like it, mean `then`.

    The rule recognises the answer by the first of these that it has: a flag in JSON, a web page, a text, an empty body. A status alone is never
    enough, because the next good answer has the same. A rule for success makes every other 2xx answer a failure, and counts created and updated
    records if the answer reports them.
    """
    conditions = _conditions(response)
    status = Condition(
        ResponsePlace.STATUS, How.IS, values=(SUCCESS if 200 <= response.status < 300 else str(max(100, min(response.status, 999))),)
    )
    if then is Then.FAILED:
        category = Category.CONFIG if conditions[0].place is ResponsePlace.HEADER else Category.GENERAL
        return (Clause((status, *conditions), then, category=category, says=_sentence(conditions), shows=_reason(response)),)
    leads = _leads(response, status)
    rest = () if not 200 <= response.status < 300 else (Clause((status,), Then.FAILED, says=_OTHER, shows=_reason(response)),)
    return (*(leads or (Clause((status, *conditions), then),)), *rest)


_OTHER: Final = gettext_noop("The target did not confirm it.")


def _conditions(response: TargetResponse) -> tuple[Condition, ...]:
    """Conditions that distinguish this answer from others."""
    flag = _flag(response)
    if flag is not None:
        path, text = flag
        return (Condition(ResponsePlace.JSON, How.IS, format_path(path), (text,)),)
    if response.json is ABSENT and _is_page(response):
        return (Condition(ResponsePlace.HEADER, How.CONTAINS, "content-type", ("text/html",)),)
    text = response.text.strip()
    if not text:
        return (Condition(ResponsePlace.BODY, How.FILLED, unless=True),)
    lines = [piece.strip() for line in text.splitlines() for piece in _UNWRITABLE.split(line) if piece.strip()]
    if lines == [text] and len(text) <= SHORT and not response.cut:
        return (Condition(ResponsePlace.BODY, How.IS, values=(text,)),)
    if not lines:
        return (Condition(ResponsePlace.BODY, How.FILLED),)
    line = next((line for line in lines if len(line) >= TELLING), max(lines, key=len))
    return (Condition(ResponsePlace.BODY, How.CONTAINS, values=(line[:SHORT].strip(),)),)


def _is_page(response: TargetResponse) -> bool:
    return any(name == "content-type" and "text/html" in value.lower() for name, value in response.headers)


def _flag(response: TargetResponse) -> tuple[Path, str] | None:
    """The first plain value that reports the result: (where, what)."""
    for start in _starts(response):
        for name in FLAGS:
            path = (*start, name)
            texts = [] if isinstance(look_up(response.json, path), list) else response.texts_at(path)
            if len(texts) == 1 and _is_writable(path):
                text = texts[0]
                if len(text.strip().splitlines()) == 1 and len(text) <= MAX_TEXT and MASK not in text:  # a condition has one value a line
                    return path, text
    return None


def _starts(response: TargetResponse) -> list[Path]:
    """The objects to search: the answer itself, and the first record in it."""
    top: Path = (0,) if isinstance(response.json, list) else ()
    starts: list[Path] = [top] if not top or isinstance(look_up(response.json, top), dict) else []
    for name in INSIDE:
        inside: tuple[Path, ...] = ((*top, name), (*top, name, 0))
        starts += [path for path in inside if isinstance(look_up(response.json, path), dict)]
    return starts


def _is_writable(path: Path) -> bool:
    return len(format_path(path)) <= MAX_LENGTH


def _reason(response: TargetResponse) -> str:
    """The path of the target's own reason; "" if there is none."""
    for start in reversed(_starts(response)):  # what is said about the record is more specific
        for name in REASONS:
            path = (*start, name)
            if any(len(text.strip()) > 2 for text in response.texts_at(path)) and _is_writable(path):
                return format_path(path)
    return ""


def own_words(response: TargetResponse) -> str:
    """The target's own reason for a refusal: the reason in its JSON, or a text of one short line. "" for none, and for a web page."""
    path = _reason(response) if response.json is not ABSENT else ""
    sentence = (
        " ".join(response.texts_at(parse_path(path, in_list=True)))
        if path
        else ""
        if response.json is not ABSENT or _is_page(response)
        else response.text
    )
    line = sentence.strip()
    return line.rstrip(".") if len(line.splitlines()) == 1 and len(line) <= SHORT and not line.startswith("<") else ""


def _leads(response: TargetResponse, status: Condition) -> tuple[Clause, ...]:
    """A clause for created and one for updated records, if the answer reports that."""
    for start in _starts(response):
        created = (*start, "created")
        if isinstance(look_up(response.json, created), bool):
            return tuple(
                Clause((status, Condition(ResponsePlace.JSON, How.IS, format_path(created), (text,))), Then.DELIVERED, lead)
                for text, lead in (("true", Lead.CREATED), ("false", Lead.UPDATED))
            )
        for name in ("status", "action", "operation"):
            path = (*start, name)
            value = look_up(response.json, path)
            if isinstance(value, str) and value.strip().lower() in CREATED:
                return tuple(
                    Clause((status, Condition(ResponsePlace.JSON, How.IS, format_path(path), (lead.value,))), Then.DELIVERED, lead)
                    for lead in Lead
                )
    return ()


def _sentence(conditions: tuple[Condition, ...]) -> str:
    condition = conditions[0]
    if condition.how is How.FILLED:
        nothing, failure = (
            gettext_noop("The target answered with nothing."),
            gettext_noop("The response rule says that this answer is a failure."),
        )
        return nothing if condition.unless else failure
    if condition.place is ResponsePlace.JSON:
        text = AttemptSentence.MEMBER_SAID.fill(member=condition.name, said=condition.values[0])
        return f"{text[:140]}."
    if condition.place is ResponsePlace.HEADER:
        return gettext_noop("The target answered with a web page: it may be a sign-in page, or the URL is wrong.")
    return AttemptSentence.TARGET_SAID.fill(said=condition.values[0][:120])
