"""Flows, mappings and connections that use the set-up (P12), and that are notified when tags change.

They register here, so that the set-up can query and notify them without importing them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.save_questions import LosesValues
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.usage import Effect, Tagged, Thing, Use
from heliograph.store.database import Database


class Dependents(Protocol):
    """A package whose objects use the set-up.

    Its methods are called inside the saver's transaction. That locks the account exclusively, except for `uses` and `tagged`.
    """

    def uses(self, account: int, thing: Thing, id: int, kind: TagKind | None = None) -> Sequence[Use]:
        """The uses of the thing.

        kind: for a tag, only its uses on objects of this kind.
        """

    def tag_users(self, account: int) -> Mapping[int, Sequence[Use]]:
        """The uses of each tag of the account, by the tag; tags without uses are omitted."""

    def tag_effects(self, account: int, old: int, new: int | None) -> Sequence[Effect]:
        """How the uses of either tag would change if `old` were merged into `new`, or deleted (new None)."""

    def tag_deleted(self, transaction: SetupTransaction, tag: int) -> None:
        """Removes a tag that is being deleted from every rule; never widens one (P12)."""

    def value_effects(self, account: int, field: str, lost: Sequence[str]) -> Sequence[Effect]:
        """How the flows that filter by these values would change if the values were deleted.

        field: the name of the field in filters, such as "event.custom.7".
        """

    def values_gone(self, transaction: SetupTransaction, field: str, lost: Sequence[str]) -> None:
        """Removes deleted values from every filter; never widens a rule (P12)."""

    def tag_replaced(self, transaction: SetupTransaction, old: int, new: int) -> None:
        """Replaces one tag by another everywhere."""

    def flow_name(self, account: int, flow: int) -> str | None:
        """The name of a flow that is not deleted; None if the account has none with this id."""

    def flows_completed(self, complete: Mapping[int, bool]) -> None:
        """Stores which flows are now complete (F2), by id."""

    def tagged(self, db: Database, account: int, objects: Iterable[Tagged]) -> None:
        """Makes the runs due that wait for a tag on one of these objects (D7)."""


_dependents: list[Dependents] = []


def register(dependents: Dependents) -> None:
    """Registers a package that uses the set-up. The `ready()` of its app calls it once."""
    if not any(type(known) is type(dependents) for known in _dependents):
        _dependents.append(dependents)


def uses_above(account: int, thing: Thing, id: int, kind: TagKind | None = None) -> list[Use]:
    """The uses of a thing, as all registered dependents report them."""
    return [use for dependents in _dependents for use in dependents.uses(account, thing, id, kind)]


def tag_users(account: int) -> dict[int, list[Use]]:
    """The uses of each tag of the account, by the tag."""
    uses_by_tag: dict[int, list[Use]] = {}
    for dependents in _dependents:
        for tag, uses in dependents.tag_users(account).items():
            uses_by_tag.setdefault(tag, []).extend(uses)
    return uses_by_tag


def tag_effects(account: int, old: int, new: int | None) -> list[Effect]:
    """How the uses of a tag would change if it were deleted or merged."""
    return [effect for dependents in _dependents for effect in dependents.tag_effects(account, old, new)]


def values_gone(transaction: SetupTransaction, field: str, lost: Sequence[str], *, confirmed: bool) -> None:
    """Removes deleted values from the filters of flows. Raises LosesValues, unless confirmed, if a filter names one of them."""
    if not lost:
        return
    effects = [effect for dependents in _dependents for effect in dependents.value_effects(transaction.account, field, lost)]
    if not effects:
        return
    if not confirmed:
        raise LosesValues(lost, effects)
    transaction.needs_signal()
    for dependents in _dependents:
        dependents.values_gone(transaction, field, lost)


def flow_name(account: int, flow: int) -> str | None:
    """The name of a flow that is not deleted; None if the account has none with this id."""
    return next((name for dependents in _dependents if (name := dependents.flow_name(account, flow)) is not None), None)


def everyone() -> Sequence[Dependents]:
    """All registered dependents."""
    return tuple(_dependents)
