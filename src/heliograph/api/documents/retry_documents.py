"""The Retry Queue as JSON: its items, its causes, and what is done with them (guide: The Retry Queue)."""

from __future__ import annotations

import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from heliograph.api.documents.shared_forms import Document, Id, Instant, NameOfThing
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.delivery_operations import AT_ONCE, Submitted
from heliograph.deliveries.delivery_words import sentence_of
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.flow import Mode
from heliograph.retry.cause_groups import CauseGroup, CauseOverview, Healing
from heliograph.retry.cure_words import cure_of
from heliograph.retry.group_words import title_of
from heliograph.retry.item_details import Details
from heliograph.retry.item_story import story_of
from heliograph.retry.item_words import is_of_other_mode, next_try, outlook, tries, why
from heliograph.retry.request_differences import again_section
from heliograph.retry.retry_items import LONGEST_CAUSE, RetryItem, group_key
from heliograph.store.instants import from_micros
from heliograph.web.list_count import ListCount

ItemId = Annotated[str, msgspec.Meta(min_length=1, max_length=20, description="The id of an item, such as `a12` or `r34`.")]
_CAUSE = "The opaque key of a cause. Items with the same one are cured together."
CauseKey = Annotated[str, msgspec.Meta(max_length=LONGEST_CAUSE, description=_CAUSE)]
OneCause = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_CAUSE, description=_CAUSE)]
"""The cause of an operation: an empty key would stand for all causes."""


class CountOfItems(Document):
    """A number of items. Counting stops at a limit."""

    number: int
    is_more: Annotated[bool, msgspec.Meta(description="True if there are more, or may be: counting was broken off there.")]

    @classmethod
    def from_count(cls, count: ListCount) -> CountOfItems:
        return cls(number=count.number, is_more=count.is_more)


class RetryCounts(Document):
    """How many items the Retry Queue has in each status, and what the waiting ones wait for."""

    retry: CountOfItems
    error: CountOfItems
    failed: CountOfItems
    done: CountOfItems
    waiting: Annotated[CountOfItems, msgspec.Meta(description="Of Retry and Error: all but `untagged`.")]
    waiting_for_flow: Annotated[
        CountOfItems,
        msgspec.Meta(
            description="Of `waiting`: changes that could not be checked, because their flow was off, incomplete or in its other mode."
        ),
    ]
    untagged: Annotated[CountOfItems, msgspec.Meta(description="Of Retry: those that wait for a tag.")]


class ItemRegistration(Document):
    """The registration that an item is about."""

    code: str
    name: str


class RetryItemDocument(Document):
    """An item of the Retry Queue: an action that waits or failed, or a run that waits for a tag."""

    id: ItemId
    kind: Annotated[
        Literal["action", "run"], msgspec.Meta(description="`run`: a change that a flow could not check yet; it has no action so far.")
    ]
    status: QueueStatus
    category: Category | None
    reason: Annotated[str, msgspec.Meta(description="What is wrong with it, in words.")]
    reason_code: Annotated[Cause | None, msgspec.Meta(description="The kind of reason, for programs.")]
    cause: CauseKey
    event: Annotated[str, msgspec.Meta(description="The code of the event.")]
    registration: Annotated[ItemRegistration | None, msgspec.Meta(description="Null for an event's change, and if the person was erased.")]
    flow: NameOfThing
    connection: Annotated[
        NameOfThing | None, msgspec.Meta(description="That of the last attempt; before the first one, that which it waits for.")
    ]
    http_status: Annotated[int | None, msgspec.Meta(description="Of the answer to its last attempt.")]
    retries: Annotated[int, msgspec.Meta(description="How often it was retried automatically.")]
    next_try: Annotated[Instant | None, msgspec.Meta(description="Null if no time is set, or if its flow or connection keeps it.")]
    can_submit: bool
    can_discard: Annotated[bool, msgspec.Meta(description="True if it waits and was made in the other mode of its flow, Live or Test.")]
    mode: Mode
    change: Annotated[Id, msgspec.Meta(description="The change that it is made of.")]
    action: Annotated[Id | None, msgspec.Meta(description="The action; its attempts are `GET actions/{action}/attempts`.")]
    webhook_id: Annotated[str, msgspec.Meta(description="What its requests carry as `webhook-id`; empty for a run.")]
    created: Instant
    ended: Instant | None

    @classmethod
    def members(cls, item: RetryItem) -> dict[str, Any]:
        """The members of an item."""
        row, action = item.row, item.action
        return {
            "id": item.key,
            "kind": "action" if action else "run",
            "status": item.queue,
            "category": row.category,
            "reason": why(item),
            "reason_code": row.cause,
            "cause": group_key(item),
            "event": item.event,
            "registration": ItemRegistration(code=item.person.code, name=item.person.name) if item.person else None,
            "flow": NameOfThing(id=str(row.flow), name=item.flow),
            "connection": NameOfThing(id=str(action.connection), name=item.connection) if action else None,
            "http_status": item.answered,
            "retries": tries(item),
            "next_try": _time(next_try(item)),
            "can_submit": item.is_submittable,
            "can_discard": is_of_other_mode(item),
            "mode": Mode.of_code(row.mode),
            "change": str(row.change),
            "action": str(action.id) if action else None,
            "webhook_id": action.uid if action else "",
            "created": from_micros(row.created),
            "ended": _time(row.ended),
        }

    @classmethod
    def from_item(cls, item: RetryItem) -> RetryItemDocument:
        """The document of an item."""
        return cls(**cls.members(item))


class FieldDifference(Document):
    """A field of the request that today's mapping would make otherwise. A value is empty if the request has no such field."""

    field: str
    was: Annotated[str, msgspec.Meta(description="As it was sent last, as JSON; secrets are masked, long values are cut.")]
    today: str


class SendAgain(Document):
    """How an item can be sent again: with today's mapping, or as it was."""

    by: Annotated[
        Literal["submit", "resend"],
        msgspec.Meta(description="`submit`: the next try of this action. `resend`: a new action, since this one was delivered."),
    ]
    note: Annotated[str, msgspec.Meta(description="How the two requests differ, or why today's cannot be made.")]
    differences: list[FieldDifference]
    can_be_as_it_was: Annotated[bool, msgspec.Meta(description="Whether the mapping of its last attempt is still known (`as_it_was`).")]


class RetryItemStory(RetryItemDocument):
    """An item with its cause, its cure, what happens next, and how it can be sent again."""

    cure: Annotated[str, msgspec.Meta(description="What fixes it, in words; empty if nothing is known.")]
    outlook: Annotated[str, msgspec.Meta(description="What happens to it next, in words.")]
    goes_to: Annotated[NameOfThing | None, msgspec.Meta(description="The connection that its flow sends over today.")]
    changed_at: Instant | None
    changed_by: Annotated[str, msgspec.Meta(description="Who saved the change: `user:7`, `token:3`, `import:5`, …")]
    what: Annotated[str, msgspec.Meta(description="What changed, in a sentence; empty if that is no longer kept.")]
    flow_version: int
    decision: Annotated[str, msgspec.Meta(description="How the flow decided on the change, in words.")]
    attempts: Annotated[int, msgspec.Meta(description="How many attempts were made.")]
    alike: Annotated[CountOfItems, msgspec.Meta(description="The items with this cause that can be submitted, with this one.")]
    again: Annotated[SendAgain | None, msgspec.Meta(description="Null if it cannot be sent again, or was never sent.")]

    @classmethod
    def from_details(cls, details: Details, reader: AccountReader) -> RetryItemStory:
        """The document of an item's details."""
        item, again = details.item, again_section(details, reader)
        story = story_of(item, reader)
        members = cls.members(item) | {
            "reason": f"{story.cause}." if story.cause else "",
            "cure": story.cure,
            "outlook": outlook(item),
            "goes_to": NameOfThing(id=str(item.prospect.connection), name=item.prospect.name) if item.prospect.connection else None,
            "changed_at": _time(details.at),
            "changed_by": details.by,
            "what": sentence_of(details.change, reader.config, details.event),
            "flow_version": details.flow_number,
            "decision": str(details.why.answer) if details.why else "",
            "attempts": len(details.attempts),
            "alike": CountOfItems.from_count(details.alike),
            "again": None
            if again is None
            else SendAgain(
                by="resend" if again.delivered else "submit",
                note=again.note,
                differences=[FieldDifference(field=field, was=was, today=today) for field, was, today in again.differs],
                can_be_as_it_was=details.then is not None,
            ),
        }
        return cls(**members)


class CauseState(StrEnum):
    """Whether the items of a cause wait, have failed, or were fixed within the last 15 minutes."""

    WAITING = "waiting"
    FAILED = "failed"
    CURED = "cured"


class CuredItems(Document):
    """How items of a cause ended within the last 15 minutes."""

    sent: int
    superseded: int
    not_selected: int
    failed: int
    under_way: Annotated[int, msgspec.Meta(description="Judged again, and not delivered yet.")]
    saved: Annotated[Literal["flow", "connection"] | None, msgspec.Meta(description="What was saved, if that cured them.")]
    saved_at: Instant | None
    saved_by: Annotated[str, msgspec.Meta(description="`user:7`, `token:3`, …")]

    @classmethod
    def from_healing(cls, healing: Healing) -> CuredItems:
        fix = healing.fix
        return cls(
            sent=healing.sent,
            superseded=healing.superseded,
            not_selected=healing.not_selected,
            failed=healing.failed,
            under_way=healing.under_way,
            saved=None if fix is None else "flow" if fix.kind == "flow" else "connection",
            saved_at=from_micros(fix.at) if fix else None,
            saved_by=fix.by if fix else "",
        )


class CauseDocument(Document):
    """The items that one cause has, and one fix cures."""

    cause: CauseKey
    state: CauseState
    reason: Annotated[str, msgspec.Meta(description="What is wrong with them, in words.")]
    reason_code: Cause | None
    category: Category | None
    cure: Annotated[str, msgspec.Meta(description="What fixes them, in words; empty if nothing is known.")]
    items: CountOfItems
    registrations: int
    flows: int
    flow: Annotated[NameOfThing | None, msgspec.Meta(description="Null if they have several.")]
    connection: NameOfThing | None
    http_status: int | None
    since: Instant
    next_try: Instant | None
    can_submit: bool
    can_discard: bool
    cured: Annotated[CuredItems | None, msgspec.Meta(description="How other items of this cause ended by now.")]

    @classmethod
    def from_group(cls, group: CauseGroup, state: CauseState, healing: Healing | None = None) -> CauseDocument:
        """The document of a cause.

        healing: how its items ended by now
        """
        is_open = state is CauseState.WAITING
        cure = cure_of(group.failure, prospect=group.prospect, used_up=not is_open, is_single=group.number == 1)
        return cls(
            cause=group.key,
            state=state,
            reason=f"{title_of(group)}.",
            reason_code=group.cause,
            category=group.category,
            cure="" if state is CauseState.CURED else cure,
            items=CountOfItems.from_count(group.count),
            registrations=group.registrations,
            flows=group.flows,
            flow=NameOfThing(id=str(group.flow), name=group.flow_name) if group.flow else None,
            connection=NameOfThing(id=str(group.connection), name=group.connection_name) if group.connection else None,
            http_status=group.answer_status,
            since=from_micros(group.since),
            next_try=_time(group.next_due) if is_open else None,
            can_submit=state is not CauseState.CURED and not group.prospect.is_over,
            can_discard=is_open and group.cause is Cause.FLOW_MODE,
            cured=CuredItems.from_healing(healing) if healing else None,
        )


ItemIds = Annotated[list[ItemId], msgspec.Meta(min_length=1, max_length=AT_ONCE, description="The ids of items.")]
AsItWas = Annotated[
    bool, msgspec.Meta(description="True to send with the mapping of the last attempt, for this one try; false for today's.")
]


class SubmitItems(Document):
    """Items to submit."""

    items: ItemIds
    as_it_was: AsItWas = False


class DiscardItems(Document):
    """Items to discard. Only items that wait and were made in the other mode of their flow (Live or Test) are discarded."""

    items: ItemIds


class DiscardCause(Document):
    """The cause whose waiting items are discarded."""

    cause: OneCause


class ResendItem(Document):
    """How something is sent again: by the mappings of today, or as it was sent."""

    as_it_was: AsItWas = False


class RefusedItem(Document):
    """An item that was not submitted."""

    item: str
    reason: str


class SubmittedItems(Document):
    """What became of submitted items."""

    submitted: Annotated[list[str], msgspec.Meta(description="Items at the front of their connection's queue, or that are checked again.")]
    refused: list[RefusedItem]

    @classmethod
    def from_result(cls, result: Submitted) -> SubmittedItems:
        return cls(submitted=list(result.done), refused=[RefusedItem(item=key, reason=reason) for key, reason in result.refused.items()])


class DiscardedItems(Document):
    """How many items were discarded."""

    discarded: int


class ResentAction(Document):
    """The new action that sends something a second time."""

    action: Id
    item: Annotated[ItemId, msgspec.Meta(description="Its address in the Retry Queue: `GET retry/{item}`.")]
    waits: Annotated[str, msgspec.Meta(description="What keeps it from being sent, in words; empty if nothing does.")]


def _time(at: int | None) -> datetime.datetime | None:
    """The time of a number of microseconds; None for 0, which stands for no time."""
    return from_micros(at) if at else None


def causes_of(overview: CauseOverview) -> list[CauseDocument]:
    """The documents of all causes."""
    return [
        *(CauseDocument.from_group(group, CauseState.WAITING, overview.healings.get(group.key)) for group in overview.waiting),
        *(CauseDocument.from_group(group, CauseState.FAILED) for group in overview.failed),
        *(CauseDocument.from_group(healing.group, CauseState.CURED, healing) for healing in overview.healed),
    ]
