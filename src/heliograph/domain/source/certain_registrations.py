"""What rows of a mapping cannot read in Certain's JSON: answers by their question, properties by their name, and sessions in one form (S5).

From public documentation, never run against the real service. Two lists have a registration:

    registrations   registrationQuestions, travelQuestions and profile.profileQuestions: lists of
                    {questionCode, questionName, questionLabel, answer: [{answerLabel, answerName, answerCode}]}
                    properties: how it is written is not documented; an object, a list of names and a list of objects are read
    sessions        of another API: sessions: a list of {sessionCode, sessionName, regSessionStatus}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from heliograph.domain.mapping.json_bodies import Body

ANSWERS: Final = "answers"
PROFILE_ANSWERS: Final = "profile_answers"
PROPERTIES: Final = "properties"
SESSIONS: Final = "sessions"
_RANKS: Final = ("cancelled", "registered", "attended")
"""Of two places of a person in one session, the one that counts more is kept."""
_NAMES: Final = ("name", "propertyName", "label", "propertyLabel", "code", "propertyCode")
_VALUES: Final = ("value", "propertyValue", "selected", "isSelected", "answer")


class CertainPart(StrEnum):
    """Which of the two lists a source reads."""

    REGISTRATIONS = "registrations"
    SESSIONS = "sessions"


@dataclass(frozen=True, slots=True)
class CertainItems:
    """Adds to each item of a list what rows can read. What an item has besides stays in it, so doing so twice changes nothing."""

    part: CertainPart = CertainPart.REGISTRATIONS

    @property
    def needs_registration(self) -> bool:
        """Whether an item says something of a registration that another source reads: alone it makes none."""
        return self.part is CertainPart.SESSIONS

    def registrations(self, value: object) -> list[object]:
        """The items of a page, or one item."""
        items = value if isinstance(value, list) else [value]
        return [self._item(item) if isinstance(item, dict) else item for item in items]

    def _item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        if self.part is CertainPart.SESSIONS:
            return dict(item) | {SESSIONS: _sessions(item.get(SESSIONS))}
        profile = item.get("profile")
        profile = profile if isinstance(profile, dict) else {}
        return dict(item) | {
            ANSWERS: _answers(item.get("registrationQuestions")) | _answers(item.get("travelQuestions")),
            PROFILE_ANSWERS: _answers(profile.get("profileQuestions")),
            PROPERTIES: _properties(item.get(PROPERTIES)),
        }

    def to_body(self) -> dict[str, Any]:
        """Its JSON; `from_body` reads it back."""
        return {"part": self.part.value}

    @classmethod
    def from_body(cls, value: object, where: str = "") -> CertainItems:
        """Reads what a mapping holds. Raises BodyError."""
        return cls(Body(value, where).choice("part", CertainPart))


def question_names(item: object, part: str) -> dict[str, tuple[str, ...]]:
    """The names of each question in a registration as it came, by the key of its answer; the code comes first.

    part: ANSWERS or PROFILE_ANSWERS
    """
    if not isinstance(item, dict):
        return {}
    profile = item.get("profile")
    of_profile = profile.get("profileQuestions") if isinstance(profile, dict) else None
    lists = (of_profile,) if part == PROFILE_ANSWERS else (item.get("registrationQuestions"), item.get("travelQuestions"))
    return {names[0]: names for questions in lists for question in _objects(questions) if (names := _question_names(question))}


def _question_names(question: Mapping[str, Any]) -> tuple[str, ...]:
    names = (_text(question.get(f"question{name}")) for name in ("Code", "Name", "Label"))
    return tuple(dict.fromkeys(name for name in names if name))


def _answers(questions: object) -> dict[str, object]:
    """The answer to each question: a text, a list of texts, or null if there is none."""
    answers: dict[str, object] = {}
    for question in _objects(questions):
        if names := _question_names(question):
            answer = question.get("answer")
            chosen = answer if isinstance(answer, list) else [answer]
            texts = [text for each in chosen if (text := _answer(each))]
            answers[names[0]] = None if not texts else texts[0] if len(texts) == 1 else texts
    return answers


def _answer(value: object) -> str:
    if isinstance(value, dict):
        return next((text for name in ("Label", "Name", "Code") if (text := _text(value.get(f"answer{name}")))), "")
    return _text(value)


def _properties(value: object) -> object:
    """Properties as an object of name and value. What is written in a way that nobody knows stays as it is."""
    if not isinstance(value, list):
        return value
    if all(isinstance(each, str) for each in value):
        return dict.fromkeys(value, True)
    named = {}
    for each in _objects(value):
        name = next((text for member in _NAMES if (text := _text(each.get(member)))), "")
        if name:
            named[name] = next((each[member] for member in _VALUES if member in each), True)
    return named


def _sessions(value: object) -> list[dict[str, Any]]:
    """Each session once, with `sessionCode` (its name if it has no code) and `regSessionStatus`."""
    sessions: dict[str, dict[str, Any]] = {}
    for each in sorted(_objects(value), key=_rank):
        code = _text(each.get("sessionCode")) or _text(each.get("sessionName"))
        if code:
            sessions[code] = dict(each) | {"sessionCode": code, "regSessionStatus": each.get("regSessionStatus") or "Registered"}
    return list(sessions.values())


def _rank(session: Mapping[str, Any]) -> int:
    status = _text(session.get("regSessionStatus")).casefold()
    return _RANKS.index(status) if status in _RANKS else 1


def _objects(value: object) -> Iterable[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
