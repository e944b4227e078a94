"""Renders a page of the guide from Markdown to HTML (docs/adr/0016): with the product's URLs of links and pictures, and an anchor on every
heading.

Raw HTML is disabled, so a page can contain nothing that the content security policy would block.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

PICTURE_FOLDERS = ("pictures/", "../pictures/")
"""As an English chapter and as a translated one, a folder below, write it."""
_PNG_SIZE = struct.Struct(">8x4x4x2I")

_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True, slots=True)
class Section:
    """The text under one heading."""

    anchor: str
    """Empty before the first heading."""
    title: str
    level: int
    """1 to 6."""
    text: str
    """Without markup."""


@dataclass(frozen=True, slots=True)
class GuidePage:
    """A page of the guide."""

    title: str
    """The first heading. `html` omits it, because the page shows it in its header."""

    html: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Functions that turn the links of the Markdown into URLs."""

    page: Callable[[str, str], str]
    """The URL for a file and an anchor."""
    picture: Callable[[str], str]
    """The URL for a file in the pictures' folder."""


def rendered(markdown: str, addresses: Addresses, pictures: Path, anchors: Sequence[str] = ()) -> GuidePage:
    """The page, and its sections for the search.

    pictures: the folder from which picture sizes are read
    anchors: of the headings, in their order; a heading without one gets its own
    """
    tokens = _markdown.parse(markdown)
    title = ""
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        title, tokens = _plain(tokens[1]), tokens[3:]
    sections = _sections(title, tokens, anchors)
    for token in [each for block in tokens for each in (block, *(block.children or ()))]:
        _address(token, addresses, pictures)
    _fold_tables(tokens)
    return GuidePage(title, _markdown.renderer.render(tokens, _markdown.options, {}), sections)


def anchor_of(title: str) -> str:
    """The same anchors as GitHub's, so that a link works in both places: "Flow Filters" is flow-filters, in any script."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


def _sections(title: str, tokens: Sequence[Token], anchors: Sequence[str]) -> tuple[Section, ...]:
    """Sets the headings' ids, and collects the text under each, for search. Code is left out: nobody looks for its words."""
    sections: list[Section] = []
    anchor, heading, level, texts = "", title, 1, list[str]()
    taken = set(anchors)
    given = iter(anchors)
    after_heading = False
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            sections.append(Section(anchor, heading, level, " ".join(texts)))
            heading, level, texts = _plain(tokens[number + 1]), int(token.tag[1]), []
            anchor = next(given, "") or _free_anchor(heading, taken)
            taken.add(anchor)
            token.attrSet("id", anchor)
            after_heading = True
        elif token.type == "inline" and not after_heading:
            texts.append(_plain(token))
        after_heading = token.type == "heading_open"
    sections.append(Section(anchor, heading, level, " ".join(texts)))
    return tuple(sections)


def _fold_tables(tokens: Sequence[Token]) -> None:
    """Makes tables such that they fold on a phone: each row becomes a block that begins with its first cell, and further cells name their column.
    The second cell of two needs no name.
    """
    heads: list[str] = []
    column = 0
    for token, following in pairwise(tokens):
        if token.type == "table_open":
            token.attrSet("class", "table folds")
            heads = []
        elif token.type == "th_open":
            heads.append(_plain(following))
        elif token.type == "tr_open":
            column = 0
        elif token.type == "td_open":
            if column == 0:
                token.attrSet("class", "row-lead")
            elif len(heads) > 2:
                token.attrSet("data-th", heads[column])
            column += 1


def _free_anchor(heading: str, taken: set[str]) -> str:
    """The heading's own anchor; a second heading with the same words gets a number."""
    first_anchor = anchor = anchor_of(heading)
    repeat = 0
    while anchor in taken:
        repeat += 1
        anchor = f"{first_anchor}-{repeat}"
    return anchor


def _plain(token: Token) -> str:
    """The plain text of a line."""
    texts = [" " if each.type in {"softbreak", "hardbreak"} else each.content for each in token.children or () if each.type != "image"]
    return "".join(texts).strip()


def _address(token: Token, addresses: Addresses, pictures: Path) -> None:
    if token.type == "link_open":
        target, _, anchor = str(token.attrGet("href")).partition("#")
        if target.endswith(".md") and "/" not in target:
            token.attrSet("href", addresses.page(target, anchor))
    elif token.type == "image":
        name = str(token.attrGet("src"))
        for prefix in PICTURE_FOLDERS:
            name = name.removeprefix(prefix)
        token.attrSet("src", addresses.picture(name))
        token.attrSet("loading", "lazy")
        if (pictures / name).is_file():  # a page without its picture is better than none; a test checks that it is there
            width, height = _PNG_SIZE.unpack_from((pictures / name).read_bytes())
            token.attrSet("width", width)
            token.attrSet("height", height)
