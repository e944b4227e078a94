"""A test: a message to each way of a person, which arrives or says why not (B4)."""

from __future__ import annotations

import re
import zoneinfo
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import uuid4

from django.db import connections, transaction
from django.utils.translation import gettext as _

from heliograph.accounts.languages import chosen_language
from heliograph.accounts.models import Account, User
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.notification.audience import Audience, Person, Recipient
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import connection_of
from heliograph.notifications import outbox, stored_settings, watch
from heliograph.notifications.letter_words import test_letter
from heliograph.notifications.letters import Phase
from heliograph.notifications.models import Message, MessageState
from heliograph.notifications.watch import Watched
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros

EVERY: Final = timedelta(seconds=10)
_TEST: Final = re.compile(r"[0-9a-f]{32}")


class TooSoon(HeliographError):
    """A test was just sent. Wait ten seconds, then send another one."""


def send_test(account: Account, user: User, config: AccountConfig) -> str:
    """Puts a test for each way of the user into the outbox, in the account's scope. Returns the test's number. Raises TooSoon."""
    ways = stored_settings.saved_settings(account.pk, user.pk).settings.ways
    test = uuid4().hex
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two tests at once wait for each other
        now = of_django(connections["default"]).now()
        if Message.objects.filter(account_id=account.pk, user_id=user.pk, phase=Phase.TEST, created__gt=from_micros(now) - EVERY).exists():
            raise TooSoon
        person = Person(user.pk, user.email, language=chosen_language(user))
        watched = Watched(account.pk, account.name, zoneinfo.ZoneInfo(account.timezone), Audience([person]), now)
        ids = [id for way in ways if (id := connection_of(way)) is not None and id in config.connections]
        recipients = [Recipient("mail", user.email, user.pk), *(Recipient("connection", str(id), user.pk) for id in ids)]
        write = partial(test_letter, account.name)
        for recipient in recipients:
            watch.put_message(watched, f"test:{test}", Kind.SUMMARY, Phase.TEST, write, recipient)
    outbox.WAKE.set()
    return test


def shown(account: int, user: int, test: str) -> list[dict[str, str]]:
    """The state of each message of a test, as components/steps.html shows it, in the account's scope."""
    if not _TEST.fullmatch(test):
        return []
    rows = list(Message.objects.filter(account_id=account, user_id=user, phase=Phase.TEST, key__startswith=f"test:{test}:").order_by("id"))
    config_names = _names(account, rows)
    steps = []
    for row in rows:
        name = (
            _("E-mail to %(address)s") % {"address": row.address}
            if row.way == "mail"
            else config_names.get(row.address, _("A deleted connection"))
        )
        if row.state == MessageState.SENT:
            steps.append({"name": name, "state": "passed", "is": _("Taken"), "detail": _("Look for “A test from Heliograph”.")})
        elif row.state == MessageState.NOT_SENT or row.result:
            steps.append({"name": name, "state": "failed", "is": _("Not sent"), "detail": row.result})
        else:
            steps.append({"name": name, "state": "wait", "is": _("Being sent"), "detail": ""})
    return steps


def _names(account: int, rows: list[Message]) -> dict[str, str]:
    ids = [int(row.address) for row in rows if row.way == "connection"]
    if not ids:
        return {}
    db = of_django(connections["read"])
    found = db.all(
        f"SELECT id, name FROM connection WHERE account_id = :account AND {db.member('id', 'ids')}", {"account": account, "ids": ids}
    )
    return {str(id): name for id, name in found}
