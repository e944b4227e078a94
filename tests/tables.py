"""The rows of a page's tables, read by the names of their columns."""

from __future__ import annotations

from tests.named import Element, parsed


def table_rows(page: str | bytes, *columns: str) -> list[dict[str, str]]:
    """The rows of the page's first table that has these columns: heading -> visible text of the cell. Without such a table, no rows."""
    for table in _all(parsed(page if isinstance(page, str) else page.decode()), "table"):
        head, *body = _all(table, "tr")
        names = [_words(cell) for cell in _all(head, "th")]
        if set(columns) <= set(names):
            return [dict(zip(names, (_words(cell) for cell in _all(row, "td", "th")), strict=True)) for row in body]
    return []


def _all(element: Element, *tags: str) -> list[Element]:
    return [each for each in element.walk() if each.tag in tags]


def _words(element: Element) -> str:
    """All its words; elements beside each other are words apart."""
    words = [each if isinstance(each, str) else _words(each) for each in element.inside if isinstance(each, str) or each.tag not in _SILENT]
    return " ".join(" ".join(words).split())


_SILENT = {"svg", "script", "style", "template"}
