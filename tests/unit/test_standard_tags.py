"""The plan of the standard tags: complete, with nothing twice, and nothing left to do after it (P3, P11)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.setup.compiled_setup import Status
from heliograph.domain.setup.standard_tags import TAG_BY_STATUS, plan_standard_tags
from heliograph.domain.setup.statuses import REGISTRATION_STATUSES
from heliograph.domain.setup.tag_kinds import STANDARD_TAGS, Tag, TagKind

STATUSES = [Status(number, name, name, cls=cls) for number, (name, cls) in enumerate(REGISTRATION_STATUSES.items(), 1)]


def test_P3_each_of_the_eleven_statuses_has_one_standard_tag() -> None:
    assert list(TAG_BY_STATUS) == list(REGISTRATION_STATUSES)
    plan = plan_standard_tags(STATUSES, STANDARD_TAGS.values())
    assert plan.new == ("New", "Registered", "No-show", "Attended", "Waitlisted", "Invited", "Declined", "Cancelled")
    assert (len(plan.tag_of), plan.widened, plan.already_tagged) == (11, (), 0)


@given(
    tagged=st.sets(st.sampled_from(STATUSES), max_size=11),
    names=st.sets(st.sampled_from(sorted(set(TAG_BY_STATUS.values()))), max_size=8),
    upper=st.booleans(),
    kinds=st.frozensets(st.sampled_from(TagKind)),
)
def test_P11_the_plan_keeps_what_there_is_and_ends(tagged: set[Status], names: set[str], upper: bool, kinds: frozenset[TagKind]) -> None:
    tags = [Tag(number, name.upper() if upper else name, name, kinds) for number, name in enumerate(sorted(names), 1)]
    statuses = [replace(status, tags=frozenset({99})) if status in tagged else status for status in STATUSES]
    plan = plan_standard_tags(statuses, [*tags, *STANDARD_TAGS.values()])
    assert plan.already_tagged == len(tagged)
    assert set(plan.tag_of) == {status.id for status in STATUSES if status not in tagged}
    assert not {name.casefold() for name in plan.new} & {tag.name.casefold() for tag in tags}
    assert all(TagKind.REGISTRATION_STATUS not in tag.kinds for tag in plan.widened)
    after = plan_standard_tags([replace(status, tags=frozenset({1})) for status in statuses], tags)
    assert (after.new, after.widened, dict(after.tag_of)) == ((), (), {})
