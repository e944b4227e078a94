"""Who stands above the set-up and uses it (P12), and who has to know when tags change.

The flows use what is set up here: they register themselves, so that the set-up can ask and tell them without knowing them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from heliograph.domain.setup.tags import TagKind
from heliograph.setup.save_questions import LosesValues
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.usage import Effect, Tagged, Thing, Use
from heliograph.store.database import Database


class Dependents(Protocol):
    """Who uses the set-up from above. Called inside the saver's transaction, which holds the account exclusively for all but `uses` and `tagged`."""

    def uses(self, account: int, thing: Thing, id: int, kind: TagKind | None = None) -> Sequence[Use]:
        """Who uses the thing; a tag also: who uses it as one for objects of this kind."""

    def tag_users(self, account: int) -> Mapping[int, Sequence[Use]]:
        """Who names each tag of the account; tags that nobody names are left out."""

    def tag_effects(self, account: int, old: int, new: int | None) -> Sequence[Effect]:
        """What a deletion (new None) or a merge into another tag would do to those that name either."""

    def tag_deleted(self, s: SetupTransaction, tag: int) -> None:
        """Takes a tag that is being deleted out of every rule; never widens one (P12)."""

    def value_effects(self, account: int, field: str, lost: Sequence[str]) -> Sequence[Effect]:
        """What it would do to those that filter by a field's values that some of them go. field: as filters call it ("event.custom.7")."""

    def values_gone(self, s: SetupTransaction, field: str, lost: Sequence[str]) -> None:
        """Takes values that are gone out of every filter; never widens a rule (P12)."""

    def tag_replaced(self, s: SetupTransaction, old: int, new: int) -> None:
        """Puts one tag in another's place everywhere."""

    def flow_name(self, account: int, flow: int) -> str | None:
        """The name of a flow that is not deleted; None where the account has none of this id."""

    def flows_completed(self, complete: Mapping[int, bool]) -> None:
        """Notes which flows are complete by now (F2), by id."""

    def tagged(self, db: Database, account: int, objects: Iterable[Tagged]) -> None:
        """Makes due what waits for these tags (D7)."""


_dependents: list[Dependents] = []


def register(dependents: Dependents) -> None:
    """Called once, by the `ready()` of an app above."""
    if not any(type(known) is type(dependents) for known in _dependents):
        _dependents.append(dependents)


def uses_above(account: int, thing: Thing, id: int, kind: TagKind | None = None) -> list[Use]:
    """Every use by what stands above the platform."""
    return [use for dependents in _dependents for use in dependents.uses(account, thing, id, kind)]


def tag_users(account: int) -> dict[int, list[Use]]:
    """Who names each tag of the account."""
    found: dict[int, list[Use]] = {}
    for dependents in _dependents:
        for tag, uses in dependents.tag_users(account).items():
            found.setdefault(tag, []).extend(uses)
    return found


def tag_effects(account: int, old: int, new: int | None) -> list[Effect]:
    """What a deletion or a merge of a tag would do above the platform."""
    return [effect for dependents in _dependents for effect in dependents.tag_effects(account, old, new)]


def values_gone(s: SetupTransaction, field: str, lost: Sequence[str], *, confirmed: bool) -> None:
    """Values that a filter can name are being removed. Raises LosesValues where one does, unless confirmed."""
    if not lost:
        return
    effects = [effect for dependents in _dependents for effect in dependents.value_effects(s.account, field, lost)]
    if not effects:
        return
    if not confirmed:
        raise LosesValues(lost, effects)
    s.needs_account()
    for dependents in _dependents:
        dependents.values_gone(s, field, lost)


def flow_name(account: int, flow: int) -> str | None:
    """The name of a flow that is not deleted; None where the account has none of this id."""
    return next((name for dependents in _dependents if (name := dependents.flow_name(account, flow)) is not None), None)


def everyone() -> Sequence[Dependents]:
    """All that registered."""
    return tuple(_dependents)
