"""Links that stop messages without signing in (B4; RFC 8058). A link is signed, names what it stops, and never ends: an old e-mail still works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.core import signing
from django.urls import reverse

from heliograph.domain.errors import HeliographError
from heliograph.domain.notification.kinds import Kind
from heliograph.notifications.letters import whole
from heliograph.notifications.models import Message

SALT: Final = "heliograph.notifications.unsubscribe"
LONGEST: Final = 1_000


class BadLink(HeliographError):
    """This link is incomplete. Copy it from the e-mail once more, whole."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a link stops."""

    account: int
    user: int
    """0: an address that belongs to no user."""
    address: str
    kind: Kind


def path_of(subscription: Subscription) -> str:
    """The path of its page."""
    body = [subscription.account, subscription.user, subscription.address, subscription.kind.value]
    return reverse("notifications-unsubscribe", args=(signing.dumps(body, salt=SALT),))


def link_of(message: Message) -> str:
    """The whole URL below an e-mail; "" for one that is no subscription."""
    if message.kind not in set(Kind) or not message.account_id or message.phase == "test":
        return ""
    return whole(path_of(Subscription(message.account_id, message.user_id, message.address, Kind(message.kind))))


def subscription_of(token: str) -> Subscription:
    """What a link stops. Raises BadLink."""
    if len(token) > LONGEST:
        raise BadLink
    try:
        account, user, address, kind = signing.loads(token, salt=SALT)
        return Subscription(int(account), int(user), str(address), Kind(kind))
    except (signing.BadSignature, ValueError, TypeError):
        raise BadLink from None
