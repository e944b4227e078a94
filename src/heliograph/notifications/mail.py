"""Sends a message by e-mail: text and HTML, with the headers that stop it by one click (B4; RFC 8058)."""

from __future__ import annotations

from email.policy import SMTP, EmailPolicy, Policy
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse
from django.utils.translation import gettext as _

from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.tries import Result
from heliograph.notifications.letters import Footer, Letter, as_html, as_text, whole
from heliograph.notifications.models import Message
from heliograph.notifications.unsubscribe_links import link_of

_FIRST_PERMANENT = 500


class _WholeLinks(EmailPolicy):
    """Leaves the line of List-Unsubscribe whole. A longer one would be folded into encoded words, which no mail program reads as a link."""

    def fold(self, name: str, value: Any) -> str:
        if name.lower() != "list-unsubscribe":
            return str(super().fold(name, value))
        return f"{name}: {value}{self.linesep}"

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("ascii") if name.lower() == "list-unsubscribe" else bytes(super().fold_binary(name, value))


class _Mail(EmailMultiAlternatives):
    """An e-mail with a link for its mail program."""

    def message(self, *, policy: Policy | None = None) -> Any:
        policy = policy or SMTP
        return super().message(policy=_WholeLinks(linesep=policy.linesep, utf8=getattr(policy, "utf8", False), cte_type=policy.cte_type))


def send_mail(message: Message, letter: Letter, thread: str = "") -> tuple[Result, str]:
    """Sends a letter to the address of a message. Returns how it ended, and why it was not sent.

    thread: the uid of the message that it answers, so that both are one conversation
    """
    if not settings.HELIOGRAPH.smtp_url.get_secret_value():
        return Result.IMPOSSIBLE, _("No mail server is set up.")
    off = link_of(message)
    off_words = _("Stop morning summaries") if message.kind == Kind.SUMMARY else _("Stop these e-mails")
    footer = Footer(whole(reverse("notifications")), off_words, off)
    headers = {"Message-ID": message_id(message.uid), "Auto-Submitted": "auto-generated"}
    if off:
        headers |= {"List-Unsubscribe": f"<{off}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    if thread:
        headers |= {"In-Reply-To": message_id(thread), "References": message_id(thread)}
    mail = _Mail(" ".join(letter.title.split()), as_text(letter, footer), to=[message.address], headers=headers)
    mail.attach_alternative(as_html(letter, footer), "text/html")
    try:
        mail.send()
    except OSError as error:  # includes SMTPException
        if (answer := _answer_of(error)) is not None:
            code, words = answer
            return Result.REFUSED if code >= _FIRST_PERMANENT else Result.UNREACHED, words
        return Result.UNREACHED, _("The mail server can’t be reached: %(why)s") % {"why": str(error)[:200] or type(error).__name__}
    except ValueError:  # Django refuses a header with a line break, and an address that is none
        return Result.IMPOSSIBLE, _("This address can’t be used.")
    return Result.SENT, ""


def message_id(uid: str) -> str:
    """The Message-ID of a message: the same for every try, so that a repeated one is known to be the same."""
    domain = parseaddr(settings.HELIOGRAPH.mail_from)[1].partition("@")[2] or "heliograph.invalid"
    return f"<{uid}@{domain}>"


def _answer_of(error: OSError) -> tuple[int, str] | None:
    """The code and words with which the mail server refused the message or its recipient; None if it did not answer (smtplib's exceptions)."""
    refused_recipients = getattr(error, "recipients", None)
    code, words = (
        next(iter(refused_recipients.values()))
        if refused_recipients
        else (getattr(error, "smtp_code", 0), getattr(error, "smtp_error", b""))
    )
    if not code:
        return None
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return int(code), _("The mail server answers %(code)s: %(words)s") % {"code": code, "words": " ".join(text.split())[:300]}
