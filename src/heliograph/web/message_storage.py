"""Where a message waits for the next page: in a cookie, or in the session if it is too long for one."""

from __future__ import annotations

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class HostCookieStorage(CookieStorage):
    """Django's, in a cookie with our prefix (settings.COOKIE_PREFIX)."""

    cookie_name = f"{settings.COOKIE_PREFIX}messages"


class MessageStorage(FallbackStorage):
    """Django's, with that cookie."""

    storage_classes = (HostCookieStorage, SessionStorage)
