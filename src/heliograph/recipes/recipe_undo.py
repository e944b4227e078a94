"""Takes back a recipe that was just switched on: its flow, and what came with it and nothing else uses (B3).

What came with it is known to the session of whoever switched it on. Later the flow, the connection and the mapping are things like any others.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from heliograph.connections.services.connections import delete_connection
from heliograph.flows.models import Flow
from heliograph.flows.services.flows import delete_flow
from heliograph.mappings.services import delete_mapping
from heliograph.recipes.services import AppliedRecipe
from heliograph.setup.services.dependents import uses_above
from heliograph.setup.services.standard_tag_use import take_back_standard_tags
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.usage import Thing

SESSION_KEY: Final = "recipes-switched-on"
MOST_REMEMBERED: Final = 5
"""Recipes that a session remembers: the newest."""


@dataclass(frozen=True, slots=True)
class RecipeParts:
    """The ids of what a recipe created."""

    flow: int
    connection: int
    mapping: int
    created_tags: Sequence[int] = ()
    tagged: dict[str, int] = field(default_factory=dict)
    """The tag that each status got, by the status's id as text."""

    @classmethod
    def from_applied(cls, applied: AppliedRecipe) -> Self:
        """The parts of a recipe that was just applied."""
        tags = applied.standard_tags
        tagged = {str(status): tag for status, tag in tags.tagged.items()} if tags else {}
        return cls(applied.flow.pk, applied.connection.pk, applied.mapping.pk, list(tags.created) if tags else [], tagged)

    def remember(self, session: MutableMapping[str, Any]) -> None:
        """Lets the session know them."""
        session[SESSION_KEY] = [*session.get(SESSION_KEY, ()), asdict(self)][-MOST_REMEMBERED:]

    @classmethod
    def of_flow(cls, session: MutableMapping[str, Any], flow: int) -> Self | None:
        """The parts that came with a flow; None if the session does not know them."""
        return next((cls(**each) for each in session.get(SESSION_KEY, ()) if each["flow"] == flow), None)


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """The parts of a recipe that go with its flow; the others stay, because something else uses them."""

    connection: bool
    mapping: bool
    tags: bool
    """Whether the statuses lose their standard tags. They stay once there is another flow, which may need them."""


def undo_plan(account: int, parts: RecipeParts) -> UndoPlan:
    """What `undo_recipe` would do now, in the account in scope."""

    def is_free(thing: Thing, id: int) -> bool:
        return all((use.kind, use.id) == ("flow", parts.flow) for use in uses_above(account, thing, id))

    has_others = Flow.objects.filter(deleted_at=None).exclude(pk=parts.flow).exists()
    return UndoPlan(
        is_free(Thing.CONNECTION, parts.connection), is_free(Thing.MAPPING, parts.mapping), bool(parts.tagged) and not has_others
    )


def undo_recipe(transaction: SetupTransaction, parts: RecipeParts) -> None:
    """Deletes the flow, and the rest as `undo_plan` says. What was sent stays sent. Raises NotThere if the flow is gone."""
    plan = undo_plan(transaction.account, parts)
    deletions: list[tuple[bool, Callable[[SetupTransaction, int], None], int]] = [
        (True, delete_flow, parts.flow),
        (plan.mapping, delete_mapping, parts.mapping),
        (plan.connection, delete_connection, parts.connection),
    ]
    for is_wanted, delete, id in deletions:
        if is_wanted:
            delete(transaction, id)
    if plan.tags:
        transaction.provider.forget()
        take_back_standard_tags(transaction, list(parts.created_tags), {int(status): tag for status, tag in parts.tagged.items()})
