"""Stores messages for the next page: in a cookie, or in the session if they are too long for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.conf import settings
from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpResponse

MOST_MESSAGES: Final = 5
"""Messages that wait for the next page, at most: the newest."""


class HostCookieStorage(CookieStorage):
    """Django's storage in a cookie, whose name has our prefix (settings.COOKIE_PREFIX)."""

    cookie_name = f"{settings.COOKIE_PREFIX}messages"


class MessageStorage(FallbackStorage):
    """Django's storage, with that cookie and few messages, all different: a program may post many forms and never open a page."""

    storage_classes = (HostCookieStorage, SessionStorage)

    def __iter__(self) -> Iterator[Message]:
        return iter(newest_messages(super().__iter__()))

    def _store(self, messages: Iterable[Message], response: HttpResponse, *args: Any, **kwargs: Any) -> list[Message]:
        remaining: list[Message] = super()._store(newest_messages(messages), response, *args, **kwargs)  # type: ignore[misc]  # not in the stubs
        return remaining


def newest_messages(messages: Iterable[Message]) -> list[Message]:
    """The newest MOST_MESSAGES different messages, oldest first. Of equal messages, with equal links, the newest counts."""
    by_content: dict[tuple[int, str, str], Message] = {}
    for message in messages:
        content = (int(message.level), str(message.message), str(message.extra_tags or ""))
        by_content.pop(content, None)
        by_content[content] = message
    return list(by_content.values())[-MOST_MESSAGES:]
