"""What the parts of a pretix could become here, by name and by what was saved before (S4). The page of matches and REST propose the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.domain.source.pretix import ItemUse
from heliograph.domain.source.pretix_orders import PretixState
from heliograph.domain.source.pretix_proposals import ItemProposal, QuestionProposal, propose_items, propose_questions, propose_status
from heliograph.setup.name_fields import NAME_LENGTH, folded
from heliograph.sources.models import Source
from heliograph.sources.services.pretix_match import ANSWERS, ItemMatch, PretixMatch, QuestionMatch, StatusMatch
from heliograph.sources.services.pretix_readings import pretix_settings
from heliograph.sources.services.pretix_setup import setup_of
from heliograph.store.config_cache import Committed
from heliograph.store.django_database import read_database
from heliograph.store.models import Event

STATES: Final = (
    *(PretixState.PAID, PretixState.PENDING, PretixState.VALID, PretixState.APPROVAL),
    *(PretixState.ATTENDED, PretixState.CANCELLED, PretixState.EXPIRED, PretixState.DENIED),
)
"""In the order in which people meet them."""


@dataclass(frozen=True, slots=True)
class ProposedItem:
    """A product, or a variation, and what it could become; of several events that have it, all."""

    match: ItemMatch
    proposals: Sequence[ItemProposal]
    is_new: bool
    """It came after the last match."""

    @property
    def theirs(self) -> str:
        """Its name in pretix."""
        return self.proposals[0].theirs

    @property
    def name(self) -> str:
        """The name of what would be created of it."""
        first = self.proposals[0]
        return (first.ours.name or first.theirs)[:NAME_LENGTH].strip()


@dataclass(frozen=True, slots=True)
class ProposedQuestion:
    """A question, and where its answers could go."""

    match: QuestionMatch
    proposal: QuestionProposal
    is_new: bool


class MatchProposals:
    """The proposals for a source whose events were chosen and read, and what the account has."""

    def __init__(self, account: int, source: Source) -> None:
        self._setup = setup_of(source)
        self.saved = pretix_settings(source)
        codes = {code for _, code in self._setup.events}
        ids = Event.objects.filter(account_id=account, code__in=codes).values_list("pk", flat=True)
        with read_database() as db:
            provider = Committed(db)
            self.config: AccountConfig = provider.account(account)
            self.events: list[EventConfig] = [provider.event(id) for id in ids]
        self.statuses = {folded(each.name): each for each in self.config.statuses.values()}
        for event in self.events:
            for status in event.statuses.values():
                self.statuses.setdefault(folded(status.name), status)
        self.types = {folded(each.name): each for event in self.events for each in event.types.values()}
        self.sessions = {folded(each.name): each for event in self.events for each in event.sessions.values()}
        self.questions = {each.code: each for event in self.events for each in event.questions.values() if each.code}

    def match(self) -> PretixMatch:
        """All proposals, as they could be saved."""
        return PretixMatch(
            [self.status_match(state) for state in STATES],
            [each.match for each in self.proposed_items()],
            [each.match for each in self.proposed_questions()],
            include_test_mode=self.includes_test_mode,
        )

    @property
    def includes_test_mode(self) -> bool:
        """Whether orders of the test mode come, too: as saved; before that if an event is in test mode."""
        return self.saved.include_test_mode if self.saved else any(event.is_test for event in self._setup.chosen_series)

    def tag_names(self, kind: TagKind) -> Mapping[int, str]:
        """What people call the tags for a kind of things, by id: the label, or the name where another tag has the label, too."""
        tags = [tag for tag in self.config.tags.values() if tag.id > 0]
        shared = Counter(folded(tag.label) for tag in tags)
        return {tag.id: tag.label if shared[folded(tag.label)] == 1 else tag.name for tag in tags if kind in tag.kinds}

    def status_match(self, state: PretixState) -> StatusMatch:
        """The status that was saved for a state, else the one that is meant by it; with its tags, else with those that fit."""
        tags = self.tag_names(TagKind.REGISTRATION_STATUS)
        proposal = propose_status(state, [each.name for each in self.statuses.values()], tags.values())
        name = (dict(self.saved.statuses).get(state, "") if self.saved else "") or proposal.name
        there = self.statuses.get(folded(name))
        has = self._labels(TagKind.REGISTRATION_STATUS, there.tags) if there is not None else ()
        return StatusMatch(state, name, has or proposal.tags or (name,))

    def proposed_items(self) -> list[ProposedItem]:
        """A proposal for each name of a product."""
        events = self._setup.chosen_series
        proposals = propose_items(
            [item for event in events for item in event.items],
            [category for event in events for category in event.categories],
            [each.name for each in self.types.values()],
            [each.name for each in self.sessions.values()],
            self.tag_names(TagKind.ATTENDEE_TYPE).values(),
        )
        groups: dict[tuple[str, ItemUse], list[ItemProposal]] = {}
        for each in proposals:
            groups.setdefault((folded(each.theirs), each.use), []).append(each)
        return [self._proposed_item(group) for group in groups.values()]

    def _proposed_item(self, group: Sequence[ItemProposal]) -> ProposedItem:
        first, saved = group[0], {item.key: item for item in self.saved.items} if self.saved else {}
        before = next((saved[each.key] for each in group if each.key in saved), None)
        use, name = (
            (before.use, before.name) if before is not None else (first.use, (first.ours.name or first.theirs)[:NAME_LENGTH].strip())
        )
        there = self.types.get(folded(name)) if use is ItemUse.TYPE else None
        tags = (self._labels(TagKind.ATTENDEE_TYPE, there.tags) if there is not None else ()) or first.ours.tags
        row = f"item-{first.key.replace('/', '_')}"
        new = self._setup.new_parts
        is_new = any(f"item {each.key.partition('/')[0]}" in new for each in group)
        return ProposedItem(
            ItemMatch(row, tuple(each.key for each in group), use, name, tags if use is ItemUse.TYPE else ()), group, is_new
        )

    def proposed_questions(self) -> list[ProposedQuestion]:
        """A proposal for each question. One that somebody left out before stays so; settings that place nothing yet leave nothing out."""
        proposals = propose_questions(
            [question for event in self._setup.chosen_series for question in event.questions],
            [each.label for each in self.questions.values()],
            self.tag_names(TagKind.QUESTION).values(),
        )
        return [self._proposed_question(each) for each in proposals]

    def _proposed_question(self, proposal: QuestionProposal) -> ProposedQuestion:
        is_new = f"question {proposal.identifier}" in self._setup.new_parts
        target = proposal.target
        if target.startswith(ANSWERS):
            target = f"{ANSWERS}{self.code_by_label.get(folded(target.removeprefix(ANSWERS)), proposal.ours.name)}"
        if self.saved is not None and (self.saved.items or self.saved.questions) and not is_new:
            target = next((each.target for each in self.saved.questions if each.identifier == proposal.identifier), "")
        question = self.questions.get(target.removeprefix(ANSWERS))
        has = self._labels(TagKind.QUESTION, [question.tag]) if question is not None and question.tag else ()
        tag = next(iter(has or proposal.ours.tags), "")
        return ProposedQuestion(QuestionMatch(f"question-{proposal.identifier}", proposal.identifier, target, tag), proposal, is_new)

    @property
    def code_by_label(self) -> dict[str, str]:
        """The code of the question with each label."""
        return {folded(each.label): each.code for each in self.questions.values() if each.code}

    def _labels(self, kind: TagKind, ids: Iterable[int]) -> tuple[str, ...]:
        """What people call these tags, also those that are no longer for the kind."""
        names = self.tag_names(kind)
        tags = self.config.tags
        return tuple(sorted((names.get(id) or tags[id].label for id in ids if id in names or id in tags), key=natural_order))
