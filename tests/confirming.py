"""Answers to pages that ask before something is done (P15)."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client


def confirms(client: Client, url: str, data: dict[str, Any] | None = None, **given: Any) -> Any:
    """Posts to a page that asks first, and confirms what it asked: two requests. given: of the requests, such as follow."""
    asked = client.post(url, data or {}, **given)
    if asked.status_code == 302 or getattr(asked, "redirect_chain", []) or not promise_in(asked):
        return asked
    return client.post(url, (data or {}) | promise_in(asked), **given)


def promise_in(response: Any) -> dict[str, str]:
    """The promise that a page posts back; {} for a page without one."""
    found = re.search(r'name="promise" value="([0-9a-f]+)"', response.content.decode())
    return {"promise": found[1]} if found else {}
