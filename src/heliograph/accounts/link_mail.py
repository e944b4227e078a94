"""The message that brings a user their one-time link, and mailing it if the operator has set mail up."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from heliograph.accounts.languages import chosen_language
from heliograph.accounts.links import NewLink
from heliograph.accounts.models import Account, Purpose, User


def mail_link(account: Account, who: str, row: User, made: NewLink) -> bool | None:
    """Mails the link. Returns whether it was sent; None if no mail server is set up.

    who: the name of the person or token that made the link.
    """
    if not settings.HELIOGRAPH.smtp_url.get_secret_value():
        return None
    # Whoever has chosen no language may well read that of the person who writes to them.
    with translation.override(chosen_language(row) or translation.get_language()):
        subject, text = link_message(account, who, made)
    try:
        return bool(EmailMessage(subject, text, to=[row.email]).send())
    except OSError:  # includes SMTPException
        return False


def link_message(account: Account, who: str, made: NewLink) -> tuple[str, str]:
    """Subject and text of the message. who: as in `mail_link`"""
    until = date_format(made.expires.astimezone(ZoneInfo(account.timezone)), "j M Y, H:i")
    words = {"account": account.name, "who": who, "link": made.address, "until": f"{until} ({account.timezone})"}
    if made.row.purpose == Purpose.INVITATION:
        subject = _("Your invitation to %(account)s") % words
        text = _("%(who)s invites you to %(account)s on Heliograph. Choose your password here, until %(until)s:\n\n%(link)s\n") % words
    else:
        subject = _("A new password for %(account)s") % words
        text = _("%(who)s made this link for you. Choose a new password here, until %(until)s:\n\n%(link)s\n") % words
    return " ".join(subject.split()), text
