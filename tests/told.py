"""What people are told in a story: looks and sends at times of the test's choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django_scopes import scope, scopes_disabled

from heliograph.accounts.models import Account, User
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import MAIL, Settings
from heliograph.notifications import stored_settings
from heliograph.notifications.models import Message, MessageState
from heliograph.notifications.post_office import PostOffice
from heliograph.store.django_database import of_django
from heliograph.store.queue import slot_leases
from tests.mail_server import Mailbox
from tests.story import BY, Story


@dataclass
class Told:
    """A story, its mail server, and a post office whose clock runs ahead by `ahead`."""

    story: Story
    mailbox: Mailbox
    ahead: int = 0
    """Microseconds."""
    has_worker: bool = True
    """Whether a worker has just reported that it is alive."""
    office: PostOffice = field(default_factory=PostOffice)

    @property
    def now(self) -> int:
        """Microseconds of the database's clock, and what was passed over."""
        return of_django(connections["default"]).now() + self.ahead

    def passes(self, minutes: float) -> None:
        """Time passes."""
        self.ahead += int(minutes * MINUTE)

    def turn(self) -> list[str]:
        """Looks and sends once. Returns the subjects of the mail that arrived by it, in order."""
        before = len(self.mailbox.mails)
        if self.has_worker:
            with self.story.db.transaction():
                slot_leases.report(self.story.db, "told", self.ahead + MINUTE, "")
        self.office.look(self.now)
        self.office.send_due(now=self.now)
        return [str(mail["Subject"]) for mail in self.mailbox.mails[before:]]

    def settings(self, user: User, **changes: Any) -> None:
        """Saves settings of a person; `chosen` by default everything by e-mail but the morning summary, which would come at some times of
        the day."""
        body = {"chosen": {kind: frozenset({MAIL}) for kind in Kind if kind is not Kind.SUMMARY}, **changes}
        with scope(account=self.story.account):
            stored_settings.save_settings(self.story.account, user.pk, Settings(**body), self.config, by=BY)

    @property
    def config(self) -> Any:
        return AccountReader(of_django(connections["default"]), self.story.account).config

    @property
    def account(self) -> Account:
        return Account.objects.get(pk=self.story.account)

    def messages(self) -> list[tuple[str, str, str]]:
        """Address, title and state of each message, the oldest first."""
        with scopes_disabled():
            rows = Message.objects.order_by("id")
            return [(row.address, row.title, MessageState(row.state).name.lower()) for row in rows]
