"""Creates the standard tags and applies them to the registration statuses without a tag, and takes them back (P3, P11)."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.setup.standard_tags import StandardTagsPlan, plan_standard_tags, tags_by_name
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.services.dependents import uses_above
from heliograph.setup.services.object_tags import TABLES, set_tags
from heliograph.setup.services.tags import TagFacts, delete_tag, objects_of, save_tag
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.usage import Thing


@dataclass(frozen=True, slots=True)
class AppliedStandardTags:
    """What using the standard tags did."""

    plan: StandardTagsPlan
    created: tuple[int, ...]
    """The ids of the tags that were created."""
    tagged: dict[int, int]
    """The tag that each status got, by the status's id."""


def standard_tags_plan(transaction: SetupTransaction) -> StandardTagsPlan:
    """What `use_standard_tags` would do now."""
    config = transaction.provider.account(transaction.account)
    return plan_standard_tags(config.statuses.values(), config.tags.values())


def use_standard_tags(transaction: SetupTransaction) -> AppliedStandardTags:
    """Gives each registration status without a tag its standard tag. A second call changes nothing. Raises Invalid."""
    plan = standard_tags_plan(transaction)
    tag_ids = {name: tag.id for name, tag in tags_by_name(transaction.provider.account(transaction.account).tags.values()).items()}
    for row in plan.widened:
        save_tag(transaction, TagFacts(row.name, row.kinds | {TagKind.REGISTRATION_STATUS}, row.label), row.id)
    created = []
    for name in plan.new:
        tag_ids[name.casefold()] = save_tag(transaction, TagFacts(name, frozenset({TagKind.REGISTRATION_STATUS}))).pk
        created.append(tag_ids[name.casefold()])
    tagged = {status: tag_ids[name.casefold()] for status, name in plan.tag_of.items()}
    for status, tag in tagged.items():
        set_tags(transaction, TagKind.REGISTRATION_STATUS, status, [tag])
    return AppliedStandardTags(plan, tuple(created), tagged)


def take_back_standard_tags(transaction: SetupTransaction, created: list[int], tagged: dict[int, int]) -> None:
    """Undoes `use_standard_tags`: a status that still has just its standard tag has none again, and a created tag that nothing uses is deleted.

    What was sent in between stays sent. Raises NotThere for a status of another account.
    """
    _model, through, _owner = TABLES[TagKind.REGISTRATION_STATUS]
    for status, tag in tagged.items():
        if list(through.objects.filter(status=status).values_list("tag_id", flat=True)) == [tag]:
            set_tags(transaction, TagKind.REGISTRATION_STATUS, status, [])
    present = transaction.provider.account(transaction.account).tags
    for tag in created:
        if tag in present and not objects_of(tag) and not uses_above(transaction.account, Thing.TAG, tag):
            delete_tag(transaction, tag)
