"""The thread beside pages that watches all accounts and sends what is in the outbox (B4, O5). Any number of processes may do so."""

from __future__ import annotations

import threading
import time
import zoneinfo
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from django.db import DatabaseError as DjangoDatabaseError
from django.db import close_old_connections, connections, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django_scopes import scope, scopes_disabled

from heliograph import failpoints
from heliograph.accounts.languages import chosen_language, in_language_of
from heliograph.accounts.models import Account, User
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.notification import notification_settings as defaults
from heliograph.domain.notification.audience import Audience, Person, Recipient
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import MAIL
from heliograph.domain.notification.tries import Result
from heliograph.jobs import owners
from heliograph.notifications import ended_jobs, observations, operator_watch, outbox, stored_settings, summaries, watch
from heliograph.notifications.connection_post import post_message
from heliograph.notifications.letter_words import digest_title
from heliograph.notifications.letters import Letter, Phase, digest_of
from heliograph.notifications.mail import send_mail
from heliograph.notifications.models import INSTALLATION, Message, MessageState, Problem
from heliograph.notifications.outbox import Claimed
from heliograph.notifications.watch import Watched
from heliograph.store import driver_errors
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros
from heliograph.store.restored_copy import unreleased_accounts

log = structlog.get_logger(__name__)

EVERY: Final = 10.0
"""Seconds between looks."""
REST: Final = 20
"""A look is followed by a pause of at least this many times its duration, so that looking takes a twentieth of a core at most."""
KEPT: Final = timedelta(days=30)
"""How long messages and resolved problems are kept."""
MOST_REMOVED: Final = 1_000
MOST_SENT: Final = 200
"""Messages that are sent before the next look."""


def care(stop: threading.Event) -> None:
    """Watches and sends until `stop` is set."""
    office = PostOffice()
    try:
        while not stop.is_set():
            began = time.monotonic()
            try:
                office.look()
                office.send_due(stop)
                remove_old()
                pause = max(EVERY, REST * (time.monotonic() - began))
            except Exception:  # whatever it is, it is over for this time only: nobody else tells people anything
                log.exception("notifications_failed")
                connections.close_all()
                pause = EVERY  # what took its time was no look, but an outage
            _wait(stop, pause)
    finally:
        connections.close_all()


def _wait(stop: threading.Event, seconds: float) -> None:
    """Waits until it is time to look again, or until a page or `stop` wakes this thread."""
    end = time.monotonic() + seconds
    while not stop.is_set() and not outbox.WAKE.wait(min(0.5, max(0.0, end - time.monotonic()))):
        if time.monotonic() >= end:
            return
    outbox.WAKE.clear()


class PostOffice:
    """What one process knows while it watches and sends."""

    def __init__(self) -> None:
        self.me = owners.new_owner()
        self._began = 0

    # --- watching

    def look(self, now: int | None = None) -> None:
        """Looks at every account, and at the installation.

        now: microseconds; None for the database's clock
        """
        close_old_connections()
        owners.locks().hold()
        db = of_django(connections["default"])
        self._began = self._began or db.now()
        unreleased = unreleased_accounts(db)
        with scopes_disabled():
            accounts = list(Account.objects.filter(signal_enabled=True).exclude(pk__in=unreleased))
        for account in accounts:
            try:
                look_at(account, now)
            except driver_errors.operational(DjangoDatabaseError):
                raise
            except Exception:  # a bug of ours that one account meets: the others are watched
                log.exception("notifications_not_watched", account=account.pk)
        self._look_at_installation(now)

    def _look_at_installation(self, at: int | None) -> None:
        with transaction.atomic(), scopes_disabled():
            db = of_django(connections["default"])
            now = at or db.now()
            watched = Watched(INSTALLATION, "", zoneinfo.ZoneInfo("UTC"), _operators(), now)
            watch.apply(watched, operator_watch.observed(db, now, self._began))

    # --- sending

    def send_due(self, stop: threading.Event | None = None, now: int | None = None) -> int:
        """Sends what is due. Returns how many messages it tried. Once the mail server cannot be reached, other mail waits for the next time.

        now: microseconds; None for the database's clock
        """
        tried, without_mail = 0, False
        while tried < MOST_SENT and not (stop is not None and stop.is_set()):
            with scopes_disabled():
                claimed = outbox.claim(self.me, without_mail=without_mail, now=now)
            if claimed is None:
                break
            failpoints.reach(failpoints.Instant.NOTIFICATION_CLAIMED)
            try:
                result, words = _send(claimed)
            except driver_errors.operational(DjangoDatabaseError):
                raise
            except Exception:  # a bug of ours that one message meets: the others are sent
                log.exception("notification_failed", message=claimed.first.pk)
                result, words = Result.REFUSED, _("Heliograph could not write it. The log says why.")
            failpoints.reach(failpoints.Instant.NOTIFICATION_SENT)
            with scopes_disabled():
                outbox.settle(claimed, self.me, result, words, now=now)
                if result is not Result.SENT:
                    log.warning("notification_not_sent", way=claimed.first.way, message=claimed.first.pk, result=result.value)
                    _send_by_mail_instead(claimed)
            without_mail = without_mail or (claimed.first.way == MAIL and result is Result.UNREACHED)
            tried += len(claimed.messages)
        return tried


def look_at(account: Account, at: int | None = None) -> observations.Look:
    """Looks at one account: opens and resolves its problems, and puts messages into the outbox.

    at: microseconds; None for the database's clock
    """
    zone = zoneinfo.ZoneInfo(account.timezone)
    with scope(account=account.pk), timezone.override(zone):
        with transaction.atomic(using="read"):
            db = of_django(connections["read"])
            reader = AccountReader(db, account.pk)
            now = at or db.now()
            looked = observations.look(account, reader, now)
            observed = [*looked.observed, *ended_jobs.observed(account.pk, now)]
            config = reader.config
        with transaction.atomic():
            audience = stored_settings.audience_of(account, config, looked.in_trouble)
            watched = Watched(account.pk, account.name, zone, audience, now)
            watch.apply(watched, observed, looked.remaining)
            summaries.put_summaries(watched, looked, reader)
        return looked


def _operators() -> Audience:
    """Everybody who is told about trouble of the installation: users whom the operator has named, with their own settings, and other addresses."""
    people = []
    for account in Account.objects.all():
        ids = stored_settings.operator_users(account)
        users = User.objects.filter(pk__in=ids) if ids else ()
        for user in users:
            settings = stored_settings.saved_settings(account.pk, user.pk).settings
            people.append(Person(user.pk, user.email, is_operator=True, settings=settings, language=chosen_language(user)))
    known = {person.address for person in people}
    outside = [address for address in stored_settings.operator_addresses() if address not in known]
    operators = User.objects.filter(account=None, is_active=True).exclude(email__in=[*known, *outside])
    outside += [user.email for user in operators]
    people += [Person(-number, address, is_operator=True, settings=defaults.OF_PERSON) for number, address in enumerate(outside, 1)]
    return Audience(people)


def _send(claimed: Claimed) -> tuple[Result, str]:
    """Sends claimed messages as one letter."""
    first = claimed.first
    is_persons = first.way == MAIL and first.user_id > 0
    reader = User.objects.filter(pk=first.user_id, is_active=True).first() if is_persons else None
    if is_persons and reader is None:  # removed or switched off while it waited
        return Result.IMPOSSIBLE, _("This person may no longer sign in.")
    with in_language_of(reader):
        return _send_letters(claimed)


def _send_letters(claimed: Claimed) -> tuple[Result, str]:
    first = claimed.first
    letters = [Letter.from_body(message.body) for message in claimed.messages]
    letter = letters[0] if len(letters) == 1 else digest_of(letters, *digest_title(len(letters)))
    if first.way == MAIL:
        return send_mail(first, letter, _thread_of(first) if len(letters) == 1 else "")
    return post_message(first, letter, int(first.address))


def _thread_of(message: Message) -> str:
    """The uid of the message that told the problem that this one says is resolved; "" for any other."""
    if message.phase != Phase.RESOLVED:
        return ""
    with scopes_disabled():
        rows = Message.objects.filter(problem_id=message.problem_id, phase=Phase.OPENED, way=message.way, address=message.address)
        return rows.values_list("uid", flat=True).first() or ""


def _send_by_mail_instead(claimed: Claimed) -> None:
    """Puts a message that a connection refused for good into the outbox as e-mail: to the person who chose the connection, or to the Administrators."""
    for message in claimed.messages:
        if message.way == MAIL or message.phase == Phase.TEST:
            continue
        with transaction.atomic(), scopes_disabled():
            row = Message.objects.filter(pk=message.pk, state=MessageState.NOT_SENT).first()
            account = Account.objects.filter(pk=message.account_id).first()
            if row is None or account is None:
                continue
            db = of_django(connections["default"])
            config = AccountReader(db, account.pk).config
            audience = stored_settings.audience_of(account, config, frozenset())
            watched = Watched(account.pk, account.name, zoneinfo.ZoneInfo(account.timezone), audience, db.now())
            person_of_it = next((person for person in audience.people if person.id == row.user_id), None)
            for person in audience.in_place_of_connection(person_of_it, Kind(row.kind)):
                recipient = Recipient("mail", person.address, person.id, person.wants.quiet)
                write, about = partial(Letter.from_body, row.body), row.key.split(f":{row.way}:")[0]
                watch.put_message(watched, about, Kind(row.kind), Phase(row.phase), write, recipient, problem=row.problem_id)


def remove_old() -> None:
    """Removes messages and resolved problems that are older than KEPT."""
    with transaction.atomic(), scopes_disabled():
        before = from_micros(of_django(connections["default"]).now()) - KEPT
        old = list(Message.objects.filter(created__lt=before, state__gte=MessageState.SENT).values_list("pk", flat=True)[:MOST_REMOVED])
        if old:
            Message.objects.filter(pk__in=old).delete()
        gone = list(Problem.objects.filter(resolved__lt=before).values_list("pk", flat=True)[:MOST_REMOVED])
        if gone:
            Problem.objects.filter(pk__in=gone).delete()
