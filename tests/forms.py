"""What a browser would post from an untouched form."""

from __future__ import annotations

from html.parser import HTMLParser


class _Form(HTMLParser):
    """Reads the fields of one form, by its class."""

    def __init__(self, kind: str) -> None:
        super().__init__(convert_charrefs=True)
        self.kind = kind
        self.values: dict[str, list[str]] = {}
        self._inside = False
        self._select: tuple[str, list[tuple[str, bool]]] | None = None
        self._area: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = self.kind in given.get("class", "").split()
        if not self._inside:
            return
        name = given.get("name", "")
        if tag == "select":
            self._select = (name, [])
        elif tag == "option" and self._select:
            self._select[1].append((given.get("value", ""), "selected" in given))
        elif tag == "textarea":
            self._area = (name, [])
        elif (
            tag == "input"
            and name
            and name != "csrfmiddlewaretoken"
            and (given.get("type") not in {"checkbox", "radio"} or "checked" in given)
        ):
            # A single-line input cannot contain a line break: browsers remove it.
            value = given.get("value", "") if given.get("type") == "hidden" else given.get("value", "").replace("\n", "").replace("\r", "")
            self.values.setdefault(name, []).append(value)

    def handle_data(self, data: str) -> None:
        if self._area:
            self._area[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select" and self._select:
            name, options = self._select
            chosen = [value for value, on in options if on] or [value for value, _ in options[:1]]
            self.values.setdefault(name, []).extend(chosen)
            self._select = None
        elif tag == "textarea" and self._area:
            name, text = self._area[0], "".join(self._area[1])
            self.values.setdefault(name, []).append(text.removeprefix("\n").replace("\n", "\r\n"))
            self._area = None


def posted(page: str, kind: str) -> dict[str, list[str]]:
    """Names and values of the form with this class."""
    form = _Form(kind)
    form.feed(page)
    form.close()
    return form.values
