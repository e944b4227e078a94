"""What a browser says of itself, in words: "Firefox on Windows". A hint for people who look for a session of theirs, nothing more."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

# In order: most name the ones below, too.
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
    """The browser and its system; the first word of others, such as curl/8.5.0."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in user_agent), user_agent.split(" ", maxsplit=1)[0][:40])
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), "")
    if not browser:
        return _("Unknown")
    return _("%(browser)s on %(system)s") % {"browser": browser, "system": system} if system else browser
