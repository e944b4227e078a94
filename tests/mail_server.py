"""A real mail server on this machine, which keeps what it takes (aiosmtpd).

with Mailbox() as mailbox:
    ...  # HELIOGRAPH_SMTP_URL is mailbox.url; Django's mailer of a test: mailbox.settings()
    mailbox.refuse("full@example.org", "550 mailbox full")
    (mail,) = mailbox.mails
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP
from django.conf import settings
from django.test.utils import override_settings
from pydantic import SecretStr


class Mailbox:
    """Everything that was accepted, in order; `answers` refuses recipients."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        """tls: it insists on STARTTLS with this context, as the product's own settings do."""
        self._tls = tls
        self.mails: list[EmailMessage] = []
        self.answers: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mailbox", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def _start(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True, loop=self._loop, tls_context=self._tls, require_starttls=self._tls is not None),
            "127.0.0.1",
            self.port,
        )

    def __exit__(self, *_: object) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def close(self) -> None:
        """Nothing listens any more, until `reopen`."""
        self._server.close()

    def reopen(self) -> None:
        """Listens at the same port again."""
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def refuse(self, address: str, answer: str) -> None:
        """Answers this for the recipient from now on; "" accepts it again."""
        self.answers[address] = answer

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        answer = self.answers.get(address, "")
        if not answer:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """The mail to an address."""
        return [mail for mail in self.mails if address in str(mail["To"])]

    @contextmanager
    def settings(self, **options: Any) -> Iterator[None]:
        """Has Django send to this server, without TLS, which a local one has not."""
        backend = {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": self.port, "timeout": 5},
        }
        changed = settings.HELIOGRAPH.model_copy(update={"smtp_url": SecretStr(self.url), **options})
        with override_settings(HELIOGRAPH=changed, MAILERS={"default": backend}):
            yield


def text_of(mail: EmailMessage) -> str:
    """The part without HTML."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    """The part with HTML."""
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")
