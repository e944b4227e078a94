"""Isolates stored texts inside our sentences, so that a character that changes the writing direction affects that text alone.

An attendee may write U+202E into a name. In "Delete %(name)s?" everything behind it would be read backwards. So a translated sentence wraps each
such value in FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE (UAX #9); other values stay as they are. This covers every sentence of a page, since
each comes from gettext: `_("…") % {…}` and `{% blocktranslate %}`. A text outside a sentence is in <bdi>.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from django.utils import translation
from django.utils.safestring import SafeData

_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ISOLATES: Final = "\u2066\u2067\u2068"
_ISOLATE, _POP = "\u2068", "\u2069"
_KEPT: Final = 4096
"""Translated sentences that are cached: more than all pages have in one language."""


def isolated(text: str) -> str:
    """The text, isolated if it holds a character that turns the direction of writing. Isolates that the text leaves open are closed; it cannot close ours."""
    if not _TURNS.search(text):
        return text
    depth, signs = 0, []
    for sign in text:
        if sign == _POP:
            if not depth:
                continue
            depth -= 1
        depth += sign in _ISOLATES
        signs.append(sign)
    return f"{_ISOLATE}{''.join(signs)}{_POP * depth}{_POP}"


class Sentence(str):
    """A translated sentence into which values are put by `%`."""

    __slots__ = ()

    def __mod__(self, values: Any) -> str:
        if isinstance(values, Mapping):
            return str.__mod__(self, {name: _isolated(value) for name, value in values.items()})
        return str.__mod__(self, tuple(map(_isolated, values)) if isinstance(values, tuple) else _isolated(values))


def _isolated(value: Any) -> Any:
    return isolated(value) if isinstance(value, str) else value


def install() -> None:
    """Makes gettext and ngettext return `Sentence`s, for pages and templates alike."""
    functions: Any = translation._trans  # type: ignore[attr-defined]  # noqa: SLF001 -- where Django keeps the functions of the language that it has chosen
    functions.gettext = _of_sentences_kept(functions.gettext)
    functions.ngettext = _of_sentences(functions.ngettext)


def _of_sentences(translate: Callable[..., str]) -> Callable[..., str]:
    def translated(*given: Any) -> str:
        sentence = translate(*given)
        return sentence if isinstance(sentence, (SafeData, Sentence)) else Sentence(sentence)

    return translated


def _of_sentences_kept(translate: Callable[[str], str]) -> Callable[[str], str]:
    """Like `_of_sentences`, but looks each sentence up once per language: a page has hundreds, and Django searches each app's catalogue."""
    sentences = _of_sentences(translate)

    def translated(message: str) -> str:
        # Only plain texts are cached, because a SafeString equals the plain text that needs escaping.
        return translated_once(sentences, translation.get_language() or "", message) if type(message) is str else sentences(message)

    return translated


@lru_cache(_KEPT)
def translated_once(translate: Callable[[str], str], _language: str, message: str) -> str:
    """The translation of a message, kept until `cache_clear`, which whoever exchanges the catalogues calls."""
    return translate(message)
