"""English sentences that pages can say in the reader's language (docs/design/languages.md).

The domain, the engine and the process that reads a file have no Django, so nothing there can translate. A Sentence is its English text, and keeps
the template and the values that it was made of: a page puts the values into the translated template (accounts.languages.translated).

    Sentence("at most %(most)s rows are possible, there are %(count)s", most=500, count=612)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self

type SentenceValue = str | int
"""A value of a sentence. An int is written with separators of thousands, as %(n)d without; a Sentence is translated, too."""
_PLAIN_NUMBER: Final = re.compile(r"%\((\w+)\)d")


def gettext_noop(sentence: str) -> str:
    """Marks a sentence without values for translators, as Django's function of this name does."""
    return sentence


class Sentence(str):
    """An English sentence, or a part of one, with its template and values. Anything that wants a text takes its English; str() makes it a plain text."""

    __slots__ = ("capital", "stop", "template", "values")
    template: str
    values: Mapping[str, SentenceValue]
    capital: bool
    """Whether it begins with a capital letter, though the template does not."""
    stop: bool | None
    """Whether it ends with a full stop, though the template does not; False: without the template's. None: as the template."""

    def __new__(cls, template: str, /, **values: SentenceValue) -> Self:
        """The sentence. values: by their names in the template; without any, the template is the text as it stands."""
        if isinstance(template, cls) and not values:
            return template
        return cls._made(str(template), values, capital=False, stop=None)

    @classmethod
    def _made(cls, template: str, values: Mapping[str, SentenceValue], *, capital: bool, stop: bool | None) -> Self:
        sentence = super().__new__(cls, _shaped(_filled(template, values, "{:,}".format), capital=capital, stop=stop))
        sentence.template, sentence.values, sentence.capital, sentence.stop = template, values, capital, stop
        return sentence

    def shaped(self, *, capital: bool | None = None, stop: bool | None = None) -> Self:
        """The sentence with another beginning or end; None: as it is."""
        return self._made(
            self.template,
            self.values,
            capital=self.capital if capital is None else capital,
            stop=self.stop if stop is None else stop,
        )

    def with_texts(self, changed: Callable[[str], str]) -> Self:
        """The sentence with each text among its values replaced; numbers stay.

        changed: returns the new text for an old one
        """
        values = {
            name: value.with_texts(changed) if isinstance(value, Sentence) else changed(value) if isinstance(value, str) else value
            for name, value in self.values.items()
        }
        return self._made(self.template, values, capital=self.capital, stop=self.stop)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.to_body(),)

    def in_language(self, translated: Callable[[str], str], number: Callable[[int], str]) -> str:
        """The sentence in another language.

        translated: the translation of an English template
        number: how the language writes a whole number
        """
        values = {
            name: value.in_language(translated, number) if isinstance(value, Sentence) else value for name, value in self.values.items()
        }
        template = translated(self.template) if self.template else ""  # "" is the key of a catalogue's header
        return _shaped(_filled(template, values, number), capital=self.capital, stop=self.stop)

    def to_body(self) -> dict[str, Any]:
        """Its JSON; `from_body` reads it back."""
        values = {name: value.to_body() if isinstance(value, Sentence) else value for name, value in self.values.items()}
        shape = {"capital": True} if self.capital else {}
        return {"template": self.template, "values": values} | shape | ({"stop": self.stop} if self.stop is not None else {})

    @classmethod
    def from_body(cls, body: object) -> Self | None:
        """The sentence of a JSON; None if it is none."""
        if not isinstance(body, Mapping) or not isinstance(body.get("template"), str) or not isinstance(body.get("values"), Mapping):
            return None
        values = {str(name): cls.from_body(value) if isinstance(value, Mapping) else value for name, value in body["values"].items()}
        known = {name: value for name, value in values.items() if isinstance(value, (str, int))}
        stop = body.get("stop")
        try:
            return cls._made(body["template"], known, capital=body.get("capital") is True, stop=stop if isinstance(stop, bool) else None)
        except (KeyError, TypeError, ValueError):  # a value is missing, or the template is none
            return None


def body_of(text: str) -> dict[str, Any] | None:
    """What is stored beside an English text: the JSON of a sentence with values; None for a text that is a message as it stands."""
    return text.to_body() if isinstance(text, Sentence) and (text.values or text != text.template) else None


def with_sentence(name: str, text: str) -> dict[str, Any]:
    """An English text as a member of a JSON, with its sentence beside it if it is one with values; `sentence_in` reads them.

    name: of the member
    """
    body = body_of(text)
    return {name: str(text)} if body is None else {name: str(text), f"{name}_sentence": body}


def sentence_in(body: Mapping[str, Any], name: str) -> str:
    """The text that `with_sentence` put into a JSON; "" if there is none."""
    return stored_sentence(str(body.get(name) or ""), body.get(f"{name}_sentence"))


def stored_sentence(text: str, body: object) -> str:
    """A stored English text as a sentence again.

    body: what `body_of` returned for it; anything else, and what is of another text, leaves the text
    """
    sentence = Sentence.from_body(body)
    return sentence if sentence == text and sentence is not None else text


def joined(separator: str, texts: Iterable[str]) -> Sentence:
    """Texts one after another. Those that are a Sentence are translated; a plain text stays."""
    values = {f"text{number}": text for number, text in enumerate(texts)}
    return Sentence(separator.join(f"%({name})s" for name in values), **values)


def whole_sentence(text: str) -> Sentence:
    """The clause as a whole sentence: "a name is missing" becomes "A name is missing."."""
    return Sentence(text).shaped(capital=True, stop=True)


def with_stop(text: str) -> Sentence:
    """The text with a full stop at its end."""
    return Sentence(text).shaped(stop=True)


def with_capital(text: str) -> Sentence:
    """The text with a capital letter at its beginning."""
    return Sentence(text).shaped(capital=True)


def without_stop(text: str) -> Sentence:
    """The text without a full stop at its end, to be a part of another."""
    return Sentence(text).shaped(stop=False)


def at_place(place: str, text: str) -> Sentence:
    """The text behind the place that it is about: “rows[2].target: is empty”; the text alone if it names no place."""
    return Sentence("%(field)s: %(reason)s", field=place, reason=Sentence(text)) if place else Sentence(text)


def plain_text(value: object) -> str:
    """The English of a sentence, for msgspec, which encodes no subclass of str. Raises NotImplementedError for anything else."""
    if isinstance(value, str):
        return str(value)
    raise NotImplementedError(type(value))


def _filled(template: str, values: Mapping[str, SentenceValue], number: Callable[[int], str]) -> str:
    texts = {name: number(value) if isinstance(value, int) else value for name, value in values.items()}
    return _PLAIN_NUMBER.sub(lambda place: str(values[place[1]]), template) % texts if texts else template


def _shaped(text: str, *, capital: bool, stop: bool | None) -> str:
    if capital:
        text = text[:1].upper() + text[1:]
    return text if stop is None else text.removesuffix(".") + ("." if stop else "")


def _restored(body: Mapping[str, Any]) -> Sentence:
    sentence = Sentence.from_body(body)
    assert sentence is not None
    return sentence
