"""The differences between two documents (B5): there are some exactly if the documents differ, and they say what leads from one to the other."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.setup.document_changes import ORDER, MemberChange, member_changes

NAMES = st.sampled_from(["name", "code", "rows", "values", "type"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(2, 5), st.sampled_from(["", "A", "B", "C"]))
ENTRIES = st.lists(st.fixed_dictionaries({"name": st.sampled_from("ABCD"), "size": LEAVES}), max_size=4)
DOCUMENTS = st.dictionaries(
    NAMES, st.recursive(LEAVES | ENTRIES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)), max_size=4
)


def without_none(value: Any) -> Any:
    """The value as it is compared: an absent member is equal to one that is None; true is not 1."""
    if isinstance(value, dict):
        return {name: without_none(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_none(each) for each in value]
    return value


@given(DOCUMENTS)
def test_B5_a_document_does_not_differ_from_itself(document: dict[str, Any]) -> None:
    assert member_changes(document, document) == []


@given(DOCUMENTS, DOCUMENTS)
def test_B5_a_change_is_told_exactly_if_the_documents_differ(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Also in both directions alike."""
    changes = member_changes(before, after)
    if without_none(before) != without_none(after):
        assert changes
    back = {(each.path, repr(each.after), repr(each.before)) for each in member_changes(after, before)}
    assert {(each.path, repr(each.before), repr(each.after)) for each in changes} == back


def test_B5_entries_are_told_apart_by_their_names() -> None:
    before = {"rows": [{"target": "a", "parts": [1]}, {"target": "b", "parts": [2]}]}
    after = {"rows": [{"target": "b", "parts": [3]}, {"target": "a", "parts": [1]}]}
    assert member_changes(before, after) == [
        MemberChange(("rows", ORDER), ["a", "b"], ["b", "a"]),
        MemberChange(("rows", "b", "parts"), [2], [3]),
    ]
