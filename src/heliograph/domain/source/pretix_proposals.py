"""What the parts of a pretix could become here: proposals by name, from the lists that its REST API answers (S4). A person corrects them.

items, questions, categories: decoded JSON of /events/{event}/items/, …/questions/ and …/categories/; of several events one after the other
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from heliograph.domain.source.pretix import ItemUse
from heliograph.domain.source.pretix_orders import PretixState

FILE: Final = "F"
"""The type of a question that is answered by a file: the answer is an address that only the token opens."""
_CHOICES: Final = frozenset({"C", "M"})
_STATUSES: Final[Mapping[PretixState, tuple[str, ...]]] = {
    PretixState.APPROVAL: ("Requested Invitation",),
    PretixState.PENDING: ("Awaiting payment", "Pre-Registered"),
    PretixState.VALID: ("Registered", "Confirmed"),
    PretixState.PAID: ("Registered", "Confirmed"),
    PretixState.ATTENDED: ("Attended",),
    PretixState.EXPIRED: ("Expired",),
    PretixState.CANCELLED: ("Cancelled",),
    PretixState.DENIED: ("Request Denied",),
}
"""Our statuses for each state, the best first; the first is created if the account has none of them."""
_TAGS: Final[Mapping[PretixState, tuple[str, ...]]] = {
    PretixState.APPROVAL: ("Waitlisted", "Requested"),
    PretixState.PENDING: ("Pending", "Awaiting payment"),
    PretixState.VALID: ("Registered",),
    PretixState.PAID: ("Registered",),
    PretixState.ATTENDED: ("Attended", "Registered"),
    PretixState.EXPIRED: ("Declined", "Expired"),
    PretixState.CANCELLED: ("Cancelled",),
    PretixState.DENIED: ("Declined", "Denied"),
}
"""Tags that would fit each state."""
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "profile.position": ("job title", "position", "title", "role", "berufsbezeichnung", "funktion"),
    "profile.organization": ("company", "organization", "organisation", "firma", "employer"),
    "profile.department": ("department", "abteilung"),
    "profile.mobile": ("mobile", "mobile phone", "cell phone", "handynummer"),
    "profile.website": ("website", "homepage"),
}
"""Names of questions whose answers belong into the profile."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a part of pretix could become."""

    name: str
    """Of ours; "" if it is left out."""
    is_new: bool = False
    """The account does not have it yet."""
    tags: tuple[str, ...] = ()
    """Tags of the account that fit."""


@dataclass(frozen=True, slots=True)
class ItemProposal:
    """What a product, or a variation of it, could become."""

    key: str
    """See `PretixItem.key`."""
    theirs: str
    """Its name in pretix, with that of the variation."""
    use: ItemUse
    ours: Proposal


@dataclass(frozen=True, slots=True)
class QuestionProposal:
    """What the answers to a question could become."""

    identifier: str
    theirs: str
    target: str
    """See `PretixQuestion.target`; "" if it is left out."""
    ours: Proposal
    options: tuple[tuple[str, str], ...] = ()
    """Of a question with choices, the identifier of each with its text."""
    has_many: bool = False
    """Several choices can be made."""


def propose_status(state: PretixState, statuses: Iterable[str], tags: Iterable[str] = ()) -> Proposal:
    """Our status for a state.

    statuses: names of registration statuses of the account
    tags: names of tags for registration statuses
    """
    known = _by_name(statuses)
    names = _STATUSES[state]
    there = next((known[_fold(name)] for name in names if _fold(name) in known), None)
    return Proposal(there or names[0], there is None, _tags(_TAGS[state], tags))


def propose_items(
    items: Iterable[Mapping[str, Any]],
    categories: Iterable[Mapping[str, Any]],
    types: Iterable[str],
    sessions: Iterable[str],
    tags: Iterable[str] = (),
) -> list[ItemProposal]:
    """Tickets become attendee types. What is sold as an add-on becomes sessions, one for each variation. Other things are left out.

    types, sessions: names of attendee types and of sessions of the event
    tags: names of tags for attendee types
    """
    addons = {category.get("id") for category in categories if category.get("is_addon") is True}
    known_types, known_sessions, known_tags = _by_name(types), _by_name(sessions), tuple(tags)
    proposals = []
    for item in items:
        key, name = str(item.get("id", "")), text_of(item.get("name"))
        variations = [each for each in item.get("variations") or () if isinstance(each, Mapping)]
        if item.get("category") in addons and item.get("category") is not None:
            for variation_key, full in _variations(key, name, variations):
                there = known_sessions.get(_fold(full)) or known_sessions.get(_fold(full.removeprefix(f"{name}: ")))
                proposals.append(ItemProposal(variation_key, full, ItemUse.SESSION, Proposal(there or full, there is None)))
        elif item.get("admission") is True:
            there = known_types.get(_fold(name))
            proposals.append(ItemProposal(key, name, ItemUse.TYPE, Proposal(there or name, there is None, _tags((name,), known_tags))))
        else:
            proposals.append(ItemProposal(key, name, ItemUse.LEFT_OUT, Proposal("")))
    return proposals


def _variations(key: str, name: str, variations: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Key and name of an item, or of each of its variations."""
    if not variations:
        return [(key, name)]
    return [(f"{key}/{each.get('id')}", f"{name}: {text_of(each.get('value'))}") for each in variations]


def propose_questions(questions: Iterable[Mapping[str, Any]], known: Iterable[str], tags: Iterable[str] = ()) -> list[QuestionProposal]:
    """Answers go to the question of the same name, or to a profile field that is meant by it. Files are left out.

    known: labels of the questions of the event
    tags: names of tags for questions
    """
    labels, known_tags = _by_name(known), tuple(tags)
    proposals: dict[str, QuestionProposal] = {}
    for question in questions:
        identifier, name, kind = str(question.get("identifier", "")), text_of(question.get("question")), question.get("type")
        if not identifier or identifier in proposals:  # the same question of another event
            continue
        choices = [each for each in question.get("options") or () if isinstance(each, Mapping)] if kind in _CHOICES else []
        options = tuple((str(each.get("identifier", "")), text_of(each.get("answer"))) for each in choices)
        there = labels.get(_fold(name))
        field = next((field for field, names in _FIELDS.items() if _fold(name) in names), "")
        if kind == FILE:
            proposal = QuestionProposal(identifier, name, "", Proposal(""))
        elif field and there is None:
            proposal = QuestionProposal(identifier, name, field, Proposal(field.removeprefix("profile.")), options)
        else:
            ours = Proposal(there or name, there is None, _tags((name,), known_tags))
            proposal = QuestionProposal(identifier, name, f"answers.{ours.name}", ours, options, has_many=kind == "M")
        proposals[identifier] = proposal
    return list(proposals.values())


def text_of(value: object, language: str = "en") -> str:
    """A name as pretix's API answers it: a text, or an object of texts by language, of which the text of this language or the first that is not empty."""
    if isinstance(value, Mapping):
        texts = [value.get(language), *value.values()]
        return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), "")
    return value.strip() if isinstance(value, str) else ""


def _by_name(names: Iterable[str]) -> dict[str, str]:
    return {_fold(name): name for name in names}


def _fold(name: str) -> str:
    """A name without case, accents and punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", " ", plain).strip().casefold()


def _tags(names: Iterable[str], tags: Iterable[str]) -> tuple[str, ...]:
    known = _by_name(tags)
    return tuple(dict.fromkeys(known[_fold(name)] for name in names if _fold(name) in known))
