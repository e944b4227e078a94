"""A sentence at the bottom of the next page: what was just done, and a link to where it can be followed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest
from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Toast:
    """A sentence on the next page."""

    text: str
    link: str = ""
    """The words of a link; "" for none."""
    href: str = ""


def say(request: HttpRequest, text: str | Promise, *, link: str | Promise = "", href: str = "") -> None:
    """Shows `text` on the next page, also after a redirect."""
    messages.info(request, str(text), extra_tags=json.dumps([str(link), href]) if link else "")


def waiting_toasts(request: HttpRequest) -> Iterator[Toast]:
    """The sentences not shown yet; reading them marks them as shown."""
    for message in messages.get_messages(request):
        link, href = json.loads(message.extra_tags) if message.extra_tags else ("", "")
        yield Toast(str(message.message), link, href)
