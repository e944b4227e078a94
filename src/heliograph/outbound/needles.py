"""Searches a text for secrets, in all forms in which they may appear (C5; ADR 23).

    secret ─► readings ─► forms ─► windows of 12 characters, words, beginnings
              itself, base64, hexadecimal …     decoded as texts are

    text ─► levels ─► seeds: short samples of the forms, all at once ─► nearly always none
                        └─► windows around a seed, joined to runs ─► spans

The work depends on the length of the text and on the number of seeds in it, not on the number of forms. The number of forms is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

from ahocorasick_rs import AhoCorasick

from heliograph.domain.errors import HeliographError
from heliograph.outbound.text_levels import MOST_LEVELS, Level, decode, fold, has_escapes, squeeze

SHORTEST: Final = 4
"""The shortest secret that is searched for, because a shorter one would remove half of every response. Also the shortest beginning of a
secret that is found at the end of a cut text."""
WINDOW: Final = 12
"""This many characters in a row of a secret are found in any place."""
LONGEST_BEGINNING: Final = 40
"""Characters of a beginning of fewer than WINDOW characters, with the white space between them."""
SEED: Final = 6
_STRIDE: Final = WINDOW - SEED + 1
"""From one seed of a form to the next: then every window contains one."""
MOST_CHARACTERS: Final = 64_000
"""The most characters of all forms of the secrets of one set of needles. More would take too much time and memory to prepare."""
MOST_SEEDS: Final = 500
"""The most seeds in one text: 3,500 characters of secrets, such as a private key. A text with more was made to slow the search down."""
_WITHOUT_AUTOMATON: Final = 4
_LITTLE: Final = 200_000
"""Searches, and seeds times characters of a text, up to which no automaton is built: it would not pay, because the needles of a single
request are used twice."""
_UNREADABLE: Final = 4
"""Replacement characters in a window from which on it says nothing of a secret."""

_RANDOM: Final = 4
"""A window with this many changes of case is no word. It may be part of a key in base64 that begins like a path."""

_CASE_CHANGES: Final = re.compile(r"(?<=[a-z])[A-Z]|(?<=[A-Z])[a-z]")
_BREAKS: Final = re.compile(r"[/?&=#{}]")


class FullOfSecrets(HeliographError):
    """A text has more of the secrets than are looked at one by one: nothing of it can be shown."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text to search for."""

    text: str = field(repr=False)
    is_path: bool = False
    """It is the path of a URL or a part of one, of which plain words are no credential."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A reading as it appears at some level."""

    spaced: str = field(repr=False)
    """Folded."""
    squeezed: str = field(repr=False)
    """Folded, without white space."""
    path: str | None = field(repr=False)
    """A path without white space, but not folded to one alphabet: so its slashes differ from underscores. None: the reading is no path."""

    def seed_starts(self) -> Sequence[int]:
        """Where seeds begin that are in a window which is a credential by itself."""
        size = len(self.squeezed)
        starts = range(0, size - SEED + 1, _STRIDE)
        if self.path is None and "\ufffd" not in self.squeezed:
            return starts
        return [
            start
            for start in starts
            if any(self.is_strong(window) for window in range(max(0, start + SEED - WINDOW), min(start, size - WINDOW) + 1))
        ]

    def is_strong(self, start: int) -> bool:
        """Whether the window is a credential by itself."""
        window = self.squeezed[start : start + WINDOW]
        if self.path is not None:
            window = self.path[start : start + WINDOW]
            if any(char.isdigit() for char in window) and not _BREAKS.search(window):
                return True
            return len(_CASE_CHANGES.findall(window)) >= _RANDOM
        return window.count("\ufffd") < _UNREADABLE


class Needles:
    """The readings of some secrets, prepared for searching at the first search. They contain secrets: never log or store them."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self.readings = tuple(dict.fromkeys(readings))
        self._searches = 0

    @cached_property
    def forms(self) -> tuple[_Form, ...]:
        """Each reading, also as decoders leave it, in case it looks like an escape itself."""
        forms: dict[tuple[str, str | None], _Form] = {}
        for reading in self.readings:
            texts = [reading.text]
            while has_escapes(texts[-1]) and len(texts) < MOST_LEVELS:
                texts.append(decode(texts[-1]))
            if " " in reading.text:  # a form's encoding has a plus instead
                texts.append(reading.text.replace(" ", "+"))
            for text in texts:
                spaced, path = fold(text), squeeze(text) if reading.is_path else None
                forms[spaced, path] = _Form(spaced, squeeze(spaced), path)
        return tuple(forms.values())

    @cached_property
    def longest(self) -> int:
        """Characters of the longest reading."""
        return max((len(reading.text) for reading in self.readings), default=0)

    @cached_property
    def are_too_many(self) -> bool:
        """True if there are too many characters to search for. Then nothing of a text can be shown."""
        return sum(len(reading.text) for reading in self.readings) > MOST_CHARACTERS

    @cached_property
    def seeds(self) -> tuple[str, ...]:
        """Samples of the forms: a text without any of them holds none of the secrets."""
        seeds: dict[str, None] = {}
        for form in self.forms:
            size = len(form.squeezed)
            if SHORTEST <= size < WINDOW:
                seeds[form.squeezed[:SEED]] = None
            elif size >= WINDOW:
                if form.path is not None:  # its beginning, in case the whole of it is there
                    seeds[form.squeezed[:WINDOW]] = None
                seeds |= {form.squeezed[start : start + SEED]: None for start in form.seed_starts()}
        return tuple(seeds)

    @cached_property
    def _automaton(self) -> AhoCorasick:
        return AhoCorasick(self.seeds)

    @cached_property
    def _blanks(self) -> tuple[str, ...]:
        """Forms that are hardly more than white space: they are searched for as they are."""
        return tuple({form.spaced for form in self.forms if len(form.squeezed) < SHORTEST <= len(form.spaced)})

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """Beginnings of forms that are too short for a window, folded, with the white space in them."""
        return frozenset(
            form.spaced[:size]
            for form in self.forms
            for size in range(1, min(len(form.spaced), LONGEST_BEGINNING) + 1)
            if size < WINDOW or len(squeeze(form.spaced[:size])) < WINDOW
        )

    def may_be_in(self, level: Level) -> bool:
        """False for nearly every text: then it holds nothing of these secrets."""
        if any(blank in level.folded for blank in self._blanks):
            return True
        self._searches += 1
        if self._searches > _WITHOUT_AUTOMATON or len(self.seeds) * len(level.squeezed) > _LITTLE:
            return bool(self.seeds) and bool(self._automaton.find_matches_as_indexes(level.squeezed))
        return any(seed in level.squeezed for seed in self.seeds)

    def spans(self, level: Level, *, cut: bool) -> Iterator[tuple[int, int]]:
        """Where secrets stand in the original text. cut: its end is not the end of what was sent.

        Raises FullOfSecrets.
        """
        for blank in self._blanks:
            start = level.folded.find(blank)
            while start >= 0:
                yield level.span_of_folded(start, start + len(blank))
                start = level.folded.find(blank, start + 1)
        if not self.seeds:
            return
        text = level.squeezed
        parts = _parts_of(self)
        windows = parts.windows
        matches = self._automaton.find_matches_as_indexes(text, overlapping=True)
        if len(matches) > MOST_SEEDS:
            raise FullOfSecrets
        passed = 0  # windows from here on have not been looked at
        for index, seed, seed_stop in matches:
            if index in parts.begin_words:
                for size in parts.sizes:
                    spaced = parts.words.get(text[seed : seed + size]) if seed + size <= len(text) else None
                    if spaced is not None and level.with_spaces(seed, seed + size) in spaced:
                        yield level.span(seed, seed + size)
            for first in range(max(passed, seed_stop - WINDOW), seed + 1):
                least = windows.get(text[first : first + WINDOW])
                if least is None:
                    continue
                start, stop = first, first + 1  # a run of windows
                while start > passed and (value := windows.get(text[start - 1 : start - 1 + WINDOW])) is not None:
                    start -= 1
                    least = min(least, value)
                while (value := windows.get(text[stop : stop + WINDOW])) is not None:
                    stop += 1
                    least = min(least, value)
                passed = stop
                end = stop + WINDOW - 1
                is_beginning = cut and end == len(text) and any(text[at : at + WINDOW] in parts.openers for at in range(start, stop))
                if end - start >= least or is_beginning:
                    yield level.span(start, end)
                break


@dataclass(frozen=True, slots=True)
class _Parts:
    """The forms of needles, cut up."""

    windows: dict[str, int] = field(repr=False)
    """Each with the number of characters from which on a run of windows is a credential: those of one window, or all of a path."""
    words: dict[str, set[str]] = field(repr=False)
    """Forms shorter than a window: the form without white space, and the ways in which it is spaced."""
    sizes: tuple[int, ...]
    """The lengths of the words."""
    begin_words: frozenset[int]
    """The numbers of the seeds with which words begin."""
    openers: set[str] = field(repr=False)
    """Windows with which a path begins."""


@lru_cache(maxsize=16)
def _parts_of(needles: Needles) -> _Parts:
    """Only for the few needles of which something was in a text lately: windows take much memory."""
    windows: dict[str, int] = {}
    words: dict[str, set[str]] = {}
    openers: set[str] = set()
    for form in needles.forms:
        size = len(form.squeezed)
        if size < WINDOW:
            if size >= SHORTEST:
                words.setdefault(form.squeezed, set()).add(form.spaced.strip())
            continue
        if form.path is not None:
            openers.add(form.squeezed[:WINDOW])
        for start in range(size - WINDOW + 1):
            window = form.squeezed[start : start + WINDOW]
            least = WINDOW if form.is_strong(start) else size
            windows[window] = min(least, windows.get(window, size))
    beginnings = {word[:SEED] for word in words}
    begin_words = frozenset(number for number, seed in enumerate(needles.seeds) if seed in beginnings)
    return _Parts(windows, words, tuple(sorted({len(word) for word in words})), begin_words, openers)
