"""The names of a page's controls as a reader sees them, so that tests can find things by name without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from html.parser import HTMLParser

VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
    "use",
    "path",
    "circle",
    "rect",
}
CONTROLS = {"input", "select", "textarea"}
BESIDE = {"opt", "sub", "sub-inline", "help", "error", "todo", "count", "visually-hidden", "mod", "is-now"}
"""Classes of elements inside a control that are not part of its name."""


class Kind(StrEnum):
    """The kinds of things on a page. The values are the words of docs/guide/names.md."""

    LINK = "link"
    BUTTON = "button"
    FIELD = "field"
    OPTION = "option"
    GROUP = "group of options"
    HEADING = "heading"
    COLUMN = "column"
    TEXT = "text"


@dataclass
class Element:
    """A tag with its contents: texts and further tags."""

    tag: str
    given: dict[str, str]
    inside: list[Element | str] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        return set(self.given.get("class", "").split())

    def walk(self) -> Iterator[Element]:
        """This element and all below it."""
        yield self
        for each in self.inside:
            if isinstance(each, Element):
                yield from each.walk()

    def text(self) -> str:
        """Its words, without elements that are not part of its name."""
        parts = []
        for each in self.inside:
            if isinstance(each, str):
                parts.append(each)
            elif each.tag not in {"svg", "script", "style"} and not each.classes & BESIDE:
                parts.append(each.text())
        return " ".join("".join(parts).split())

    def hidden_text(self) -> str:
        """The words that only a screen reader says, as of a filter that has no room for its label."""
        return " ".join(each.text() for each in self.walk() if "visually-hidden" in each.classes)


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].inside.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].inside.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if any(each.tag == tag for each in self._open):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._open[-1].inside.append(data)


def parsed(page: str) -> Element:
    """The page as a tree."""
    tree = _Tree()
    tree.feed(page)
    tree.close()
    return tree.root


def names(page: str) -> set[tuple[Kind, str]]:
    """Every control, heading and text of a page, with its name."""
    everything = list(parsed(page).walk())
    ids = {each.given["id"] for each in everything if "id" in each.given}
    return {(kind, name) for each in everything for kind, name in _named(each, ids) if name}


PLAIN = {"h1": Kind.HEADING, "h2": Kind.HEADING, "h3": Kind.HEADING, "th": Kind.COLUMN, "legend": Kind.FIELD, "summary": Kind.BUTTON}
"""Tags whose text is their name."""


def _named(element: Element, ids: set[str]) -> Iterator[tuple[Kind, str]]:
    tag, given, said = element.tag, element.given, element.text()
    spoken = given.get("aria-label", "")
    if tag == "a" and "href" in given:
        yield Kind.LINK, said or spoken
    elif tag == "button":
        yield (Kind.OPTION if "entry" in element.classes else Kind.BUTTON), said
        yield Kind.BUTTON, spoken
    elif tag == "label":
        yield from _label(element, said or element.hidden_text(), ids)
    elif tag in {"option", "optgroup"}:
        yield (Kind.OPTION, said or given.get("value", "")) if tag == "option" else (Kind.GROUP, given.get("label", ""))
    elif tag in CONTROLS:
        yield Kind.FIELD, spoken
    elif tag in PLAIN or "label" in element.classes:
        yield PLAIN.get(tag, Kind.FIELD), said
    if given.get("role") in {"group", "listbox"} or tag == "fieldset":
        yield Kind.GROUP, spoken
    for each in element.inside:
        if isinstance(each, str):
            yield Kind.TEXT, " ".join(each.split())


def _label(element: Element, said: str, ids: set[str]) -> Iterator[tuple[Kind, str]]:
    """A label counts only if its control exists."""
    if "choice" in element.classes:
        yield Kind.OPTION, said
    elif element.given.get("for", "") in ids or any(each.tag in CONTROLS for each in element.walk()):
        yield Kind.FIELD, said
