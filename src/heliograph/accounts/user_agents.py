"""A browser's user agent in words: "Firefox on Windows". Only a hint for people who look for one of their sessions."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

# In this order, because most user agents also contain names further down.
_BROWSERS: Final = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS: Final = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def device(user_agent: str) -> str:
    """The browser and its system; for other clients the first word, such as curl/8.5.0."""
    browser = next((name for sign, name in _BROWSERS.items() if sign in user_agent), user_agent.split(" ", maxsplit=1)[0][:40])
    system = next((name for sign, name in _SYSTEMS.items() if sign in user_agent), "")
    if not browser:
        return _("Unknown")
    return _("%(browser)s on %(system)s") % {"browser": browser, "system": system} if system else browser
