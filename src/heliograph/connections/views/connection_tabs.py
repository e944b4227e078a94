"""The tabs of a connection: how it is, and its setup."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def connection_tabs(id: int, current: str, *, administers: bool) -> list[tuple[str, str, bool]]:
    """(text, URL, is the open one) of each tab.

    current: "overview", "setup", "signing" or "rule"
    administers: whether the reader may open Signing and the response rule
    """
    tabs = [("overview", _("Overview"), "connection-overview"), ("setup", _("Setup"), "connection")]
    if administers:
        tabs += [("signing", _("Signing"), "connection-signing"), ("rule", pgettext("of a server", "Answers"), "connection-rule")]
    return [(text, reverse(name, args=(id,)), key == current) for key, text, name in tabs]
