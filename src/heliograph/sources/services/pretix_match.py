"""What becomes of a pretix's statuses, products and questions; what is not here yet is created, with its tags (S4).

A tag is only added to what is there already, never taken away: other sources and flows rely on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.translation import gettext as _

from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.sentence_template import with_stop
from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.domain.source.pretix import ItemUse, PretixEvent, PretixItem, PretixQuestion, PretixSettings
from heliograph.domain.source.pretix_catalogue import CatalogueEvent
from heliograph.domain.source.pretix_orders import MOST_ITEMS, MOST_QUESTIONS, PretixState
from heliograph.setup.models import AttendeeType, Question, RegistrationStatus, Session, Tag
from heliograph.setup.name_fields import FIELD_CODE_LENGTH, code_for, folded
from heliograph.setup.services import event_setup, object_tags
from heliograph.setup.services.event_setup import QuestionFacts, SessionFacts, StatusFacts, TypeFacts
from heliograph.setup.services.tags import TagFacts, save_tag
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.models import Source
from heliograph.sources.services.pretix_readings import save_pretix
from heliograph.sources.services.pretix_setup import MOST_MATCHED, PretixSetup, address_of, pretix_row, save_setup, setup_of
from heliograph.sources.services.source_mappings import SavedMeanwhile
from heliograph.sources.services.sources import lock_source
from heliograph.store.models import Event

ANSWERS: Final = "answers."
PROFILE: Final = "profile."
YES_NO: Final = (("True", "Yes"), ("False", "No"))
"""How pretix answers a question of the type B, and how our checkbox is answered."""
CLASSES: Final = {
    PretixState.APPROVAL: StatusClass.PENDING,
    PretixState.PENDING: StatusClass.PENDING,
    PretixState.VALID: StatusClass.ACCEPTED,
    PretixState.PAID: StatusClass.ACCEPTED,
    PretixState.ATTENDED: StatusClass.ACCEPTED,
    PretixState.EXPIRED: StatusClass.CANCELLED,
    PretixState.CANCELLED: StatusClass.CANCELLED,
    PretixState.DENIED: StatusClass.DENIED,
}
"""The class of a status that is created for a state."""
_TYPES: Final = {
    "C": QuestionType.SELECT,
    "M": QuestionType.MULTI_SELECT,
    "B": QuestionType.CHECKBOX,
    "N": QuestionType.NUMBER,
    "D": QuestionType.DATE,
}
"""The type of a question that is created for one of pretix; a text for any other."""


@dataclass(frozen=True, slots=True)
class StatusMatch:
    """The status for a state of orders."""

    state: PretixState
    name: str
    tags: tuple[str, ...] = ()
    """Names; one that is not there is created."""


@dataclass(frozen=True, slots=True)
class ItemMatch:
    """What becomes of a product, in each event that has one of this name."""

    row: str
    """The row of the form, for errors."""
    keys: tuple[str, ...]
    use: ItemUse
    name: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionMatch:
    """What becomes of the answers to a question."""

    row: str
    identifier: str
    target: str
    """`profile.position`, `answers.` with the code or the label of a question, or "" if it is left out."""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class PretixMatch:
    """What becomes of a pretix's parts."""

    statuses: Sequence[StatusMatch]
    items: Sequence[ItemMatch]
    questions: Sequence[QuestionMatch]
    include_test_mode: bool = False


def save_match(transaction: SetupTransaction, id: int, match: PretixMatch, *, seen: int | None = None) -> Source:
    """Creates what is missing in our events, and saves what is read and how it is mapped.

    seen: the version of the source that the page showed
    Raises NotThere, SavedMeanwhile, and Invalid by the rows of the form, "" for all.
    """
    row = pretix_row(id)
    if seen is not None and row.version != seen:
        raise SavedMeanwhile({"": [_("Somebody else saved this source in the meantime. Look at it, and save again.")]})
    setup = setup_of(row)
    codes = [code for _, code in setup.events]
    ids = dict(Event.objects.filter(account_id=transaction.account, code__in=codes).values_list("code", "pk"))
    gone = next((code for code in codes if code not in ids), None)
    if gone is not None:
        raise Invalid({"": [_("There is no event %(code)s any more. Go back, and choose the events again.") % {"code": gone}]})
    transaction.lock_more_events(ids.values())
    making = _Making(transaction, [(setup.catalogue.event(key), ids[code]) for key, code in setup.events])
    statuses = [(each.state, making.status(each)) for each in match.statuses]
    items = [PretixItem(key, each.use, making.item(each)) for each in match.items for key in each.keys]
    questions = [question for each in match.questions if each.target and (question := making.question(each)) is not None]
    save_setup(transaction, lock_source(id), replace(setup, matched=tuple(setup.part_keys())[:MOST_MATCHED]))
    return save_pretix(transaction, id, _settings(setup, statuses, items, questions, match.include_test_mode))


def _settings(setup: PretixSetup, statuses: Any, items: Any, questions: Any, include_test_mode: bool) -> PretixSettings:
    if len(items) > MOST_ITEMS or len(questions) > MOST_QUESTIONS:
        sentence = _("At most %(products)s products and %(questions)s questions are possible. Choose fewer events.")
        raise Invalid({"": [sentence % {"products": MOST_ITEMS, "questions": MOST_QUESTIONS}]})
    try:
        return PretixSettings(
            server=address_of(setup),
            organizer=setup.catalogue.organizer,
            connection=setup.connection,
            events=tuple(PretixEvent.from_key(key, code) for key, code in setup.events),
            statuses=tuple(statuses),
            items=tuple(items),
            questions=tuple(questions),
            include_test_mode=include_test_mode,
        )
    except BodyError as error:
        raise Invalid({"": [with_stop(error.sentence)]}) from None


class _Making:
    """Creates what is missing in our events, and adds tags. events: each of pretix with the id of ours"""

    def __init__(self, transaction: SetupTransaction, events: Sequence[tuple[CatalogueEvent | None, int]]) -> None:
        self._transaction = transaction
        self._events = [(event, id) for event, id in events if event is not None]

    # --- tags

    def _tags(self, kind: TagKind, names: Iterable[str], row: str) -> set[int]:
        """The ids of tags, which are created if they are not there."""
        tags = set()
        for name in dict.fromkeys(text.strip() for text in names if text.strip()):
            tag = next((tag for tag in Tag.objects.all() if folded(name) in (folded(tag.name), folded(tag.label))), None)
            try:
                if tag is None:
                    tag = save_tag(self._transaction, TagFacts(name, frozenset({kind})))
                elif kind not in tag.kinds:
                    kinds = frozenset({kind, *map(TagKind, tag.kinds)})
                    tag = save_tag(self._transaction, TagFacts(tag.name, kinds, tag.label), tag.pk)
            except Invalid as error:
                raise _at(row, error) from None
            tags.add(tag.pk)
        return tags

    def _add_tags(self, kind: TagKind, thing: Any, tags: set[int]) -> None:
        has = set(object_tags.TABLES[kind][1].objects.filter(**{object_tags.TABLES[kind][2]: thing}).values_list("tag_id", flat=True))
        if tags - has:
            if kind is TagKind.REGISTRATION_STATUS and thing.event_id is None:
                self._transaction.needs_account()
            object_tags.set_tags(self._transaction, kind, thing.pk, has | tags)

    # --- things

    def status(self, match: StatusMatch) -> str:
        """The name of the status, which each event has afterwards."""
        row = f"status-{match.state.value}"
        name = match.name.strip()
        if not name:
            raise Invalid({row: [_("Choose a status: an order in this state would wait.")]})
        tags = self._tags(TagKind.REGISTRATION_STATUS, match.tags, row)
        standard = RegistrationStatus.objects.filter(event=None, folded_name=folded(name)).first()
        if standard is not None:
            self._add_tags(TagKind.REGISTRATION_STATUS, standard, tags)
            return str(standard.name)
        for _theirs, event in self._events:
            status = RegistrationStatus.objects.filter(event=event, folded_name=folded(name)).first()
            if status is not None:
                self._add_tags(TagKind.REGISTRATION_STATUS, status, tags)
                continue
            try:
                event_setup.save_status(self._transaction, event, StatusFacts("", name, CLASSES[match.state], tuple(tags)))
            except Invalid as error:
                raise _at(row, error) from None
        return name

    def item(self, match: ItemMatch) -> str:
        """The name of the attendee type or session, which each event that has the product has afterwards; "" if it is left out."""
        if match.use is ItemUse.LEFT_OUT:
            return ""
        name = match.name.strip()
        tags = self._tags(TagKind.ATTENDEE_TYPE, match.tags, match.row) if match.use is ItemUse.TYPE else set()
        products = {int(key.partition("/")[0]) for key in match.keys}
        model = AttendeeType if match.use is ItemUse.TYPE else Session
        for theirs, event in self._events:
            if not products & {item["id"] for item in theirs.items}:
                continue
            part = next((row for row in model._default_manager.filter(event=event) if folded(row.name) == folded(name)), None)
            try:
                if part is not None:
                    if match.use is ItemUse.TYPE:
                        self._add_tags(TagKind.ATTENDEE_TYPE, part, tags)
                elif match.use is ItemUse.TYPE:
                    event_setup.save_type(self._transaction, event, TypeFacts("", name, tuple(tags)))
                else:
                    event_setup.save_session(self._transaction, event, SessionFacts("", name))
            except Invalid as error:
                raise _at(match.row, error) from None
        return name

    def question(self, match: QuestionMatch) -> PretixQuestion | None:
        """Where the answers go. The question is there in each event that asks it; None if none does."""
        questions = [
            (question, event)
            for theirs, event in self._events
            for question in theirs.questions
            if question["identifier"] == match.identifier
        ]
        if not questions:
            return None
        kind = questions[0][0]["type"]
        texts = {each["identifier"]: each["answer"] or each["identifier"] for question, _ in questions for each in question["options"]}
        choices = tuple(texts.items()) if kind in ("C", "M") else YES_NO if kind == "B" else ()
        if match.target.startswith(PROFILE):
            if match.target.removeprefix(PROFILE) not in PROFILE_FIELDS:
                raise Invalid({match.row: [_("There is no such field.")]})
            return PretixQuestion(match.identifier, match.target, choices)
        label = match.target.removeprefix(ANSWERS).strip()
        code = self._code(label)
        tag = next(iter(self._tags(TagKind.QUESTION, [match.tag], match.row)), None)
        for question, event in questions:
            options = (
                tuple(dict.fromkeys(each["answer"] or each["identifier"] for each in question["options"])) if kind in ("C", "M") else ()
            )
            try:
                self._save_question(event, QuestionFacts(code, label, _TYPES.get(kind, QuestionType.TEXT), options, tag))
            except Invalid as error:
                raise _at(match.row, error) from None
        return PretixQuestion(match.identifier, f"{ANSWERS}{code}", choices)

    def _code(self, label: str) -> str:
        """The code of the question that has this code or label; a new one if no event has it."""
        rows = list(Question.objects.filter(event__in=[event for _, event in self._events]))
        question = next((row for row in rows if row.code == label), None)
        question = question or next((row for row in rows if folded(row.label) == folded(label)), None)
        return str(question.code) if question is not None else code_for(label, FIELD_CODE_LENGTH, [row.code for row in rows])

    def _save_question(self, event: int, facts: QuestionFacts) -> None:
        """Creates the question, or adds the options and the tag that it lacks."""
        row = Question.objects.filter(event=event, code=facts.code).first()
        if row is None:
            event_setup.save_question(self._transaction, event, facts)
            return
        known = {folded(option) for option in row.options}
        missing = [option for option in facts.options if folded(option) not in known] if row.type in QuestionType.ENUMERATED else []
        tag = row.tag_id or facts.tag
        if missing or tag != row.tag_id:
            facts = QuestionFacts(row.code, row.label, row.type, (*row.options, *missing), tag)
            event_setup.save_question(self._transaction, event, facts, row.pk)


def _at(row: str, error: Invalid) -> Invalid:
    """The error as one of a row of the form."""
    return Invalid({row: [sentence for sentences in error.fields.values() for sentence in sentences]})
