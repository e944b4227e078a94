"""Components that stand within a sentence, so no white space may be around or in them: as tags, since a template would add its line ends.

Every template has them without {% load %} (settings.TEMPLATES).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy

from heliograph.domain.flow.sentence import PartState, SentencePart
from heliograph.web.list_count import many

register = template.Library()

_NOTHING: Final = mark_safe("")
_LONG: Final = 40
"""Characters of a chip; a longer one may wrap."""
_SIGNS: Final[Mapping[str, str]] = {"wait": "clock", "success": "check", "failed": "failed", "invalid": "invalid"}
_CHIP_SIGNS: Final[Mapping[PartState, str]] = {
    PartState.MISSING: "missing",
    PartState.FAILED: "failed",
    PartState.WAITS: "clock",
    PartState.PASSED: "check",
    PartState.STOPPED: "stop",
}
_SPOKEN: Final = {
    PartState.STOPPED: gettext_lazy("(stopped here)"),
    PartState.PASSED: gettext_lazy("(passed)"),
    PartState.UNREAD: gettext_lazy("(not reached)"),
}


register.filter("many", many)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of icons.svg."""
    return format_html('<svg class="icon" width="16" height="16" aria-hidden="true"><use href="#i-{}"/></svg>', name)


@register.simple_tag
def status(text: object, tone: str = "", sign: str = "", href: str = "") -> SafeString:
    """A word for a state.

    tone: success, wait, failed, invalid, quiet; "" for any other normal state: the word only.
    sign: "missing" or "warn", if nothing waits in a queue but something is missing or needs attention.
    href: makes the word a link to the records.
    """
    name = sign or _SIGNS.get(tone, "")
    symbol = icon(name) if name else _NOTHING
    look = f"status {tone}" if tone else "status"
    if href:
        return format_html('<a href="{}" class="{}">{}{}</a>', href, look, symbol, text)
    return format_html('<span class="{}">{}{}</span>', look, symbol, text)


@register.simple_tag
def chip(part: SentencePart) -> SafeString:
    """A word of a flow's sentence, as a chip. Its state is drawn as a sign and a colour, and spoken."""
    look = " ".join(filter(None, ("chip", part.state, "wraps" if len(part.text) > _LONG else "")))
    sign, spoken = _CHIP_SIGNS.get(part.state, ""), _SPOKEN.get(part.state)
    return format_html(
        '<span class="{}">{}{}{}</span>',
        look,
        icon(sign) if sign else _NOTHING,
        part.text,
        format_html('<span class="visually-hidden"> {}</span>', spoken) if spoken else _NOTHING,
    )
