"""Which files of a watched folder are complete, against a folder in which programs write, pause and rename (S7)."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.source.watched_folder import (
    UNFINISHED,
    FailedFile,
    FileFacts,
    FolderProgress,
    Subfolder,
    TakenFile,
    complete_files,
    is_finished_name,
    shown_name,
)

FACTS = st.builds(FileFacts, st.integers(0, 3), st.integers(0, 5), st.integers(1, 4))
STEMS = st.sampled_from(["guests.csv", "guests.xlsx", "A", "ü"])
NAMES = st.one_of(STEMS, st.builds(lambda stem, end: stem + end, STEMS, st.sampled_from(UNFINISHED)), STEMS.map(lambda stem: f".{stem}"))
FOLDERS = st.dictionaries(NAMES, FACTS, max_size=5)
ANY_NAME = (
    st.binary(min_size=1, max_size=40)
    .filter(lambda raw: not set(raw) & {0, ord("/")})
    .map(lambda raw: raw.decode(errors="surrogateescape"))
)


@given(FOLDERS, FOLDERS)
def test_S7_a_file_is_complete_if_it_stood_still_or_was_renamed_by_its_program(
    now: dict[str, FileFacts], before: dict[str, FileFacts]
) -> None:
    complete = complete_files(now, before)
    for name, facts in now.items():
        renamed = name not in before and any(facts.inode == old.inode and not is_finished_name(other) for other, old in before.items())
        assert (name in complete) == (is_finished_name(name) and facts.size > 0 and (before.get(name) == facts or renamed))
    assert complete == sorted(complete, key=lambda name: (now[name].modified, name))


@given(FOLDERS)
def test_S7_nothing_is_complete_at_the_first_look(now: dict[str, FileFacts]) -> None:
    assert complete_files(now, {}) == []


TAKEN = st.builds(
    TakenFile,
    ANY_NAME,
    st.builds(FileFacts, st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 2**62)),
    st.just("20261129-221003-417"),
    st.one_of(st.none(), st.integers(1, 2**62)),
    st.one_of(st.none(), st.sampled_from(Subfolder)),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=50),
)


@given(st.one_of(st.none(), TAKEN), st.booleans())
def test_S7_progress_comes_back_from_the_row_with_any_name_a_disk_can_have(file: TakenFile | None, has_failed: bool) -> None:
    progress = FolderProgress(file, FailedFile("guests.csv", "No column.") if has_failed else None)
    stored = json.dumps(progress.to_body())
    stored.encode()
    assert FolderProgress.from_body(json.loads(stored)) == progress
    if file is not None:
        assert progress.taken(file).ended(Subfolder.FAILED, "Why").moved().count == 1


@given(ANY_NAME)
def test_S7_a_shown_name_is_a_line_of_text(name: str) -> None:
    assert shown_name(name).encode() and shown_name(name).isprintable()  # noqa: PT018


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_S7_a_row_that_cannot_be_read_begins_anew(value: object) -> None:
    assert isinstance(FolderProgress.from_body(value), FolderProgress)
    assert FolderProgress.from_body({"file": value, "failed": value}) == FolderProgress() or value is None or isinstance(value, dict)
