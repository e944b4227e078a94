"""A message: its words, and how an e-mail and a chat show them (B4).

Letter      what is said: stored with the message, and shown in the log
as_text     the part of an e-mail without HTML
as_html     the part with it: one column, no picture, nothing from outside
as_chat     the JSON that a chat or any webhook gets
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string

type TableRow = tuple[str, str, str]
"""What, a second line ("" for none), and a number."""


class Phase(StrEnum):
    """What a message says of its problem."""

    OPENED = "opened"
    RESOLVED = "resolved"
    SUMMARY = "summary"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Letter:
    """The words of a message."""

    title: str
    where: str = ""
    """The account, and since when."""
    before_words: str = ""
    words: str = ""
    """What the target said."""
    paragraphs: Sequence[str] = ()
    tables: Sequence[tuple[str, Sequence[TableRow]]] = ()
    button: str = ""
    path: str = ""
    """Where the button leads, below the base URL."""
    why: str = ""
    """Why the recipient gets it."""

    def to_body(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_body(cls, text: str) -> Letter:
        """From JSON, without fields of a newer release."""
        known = {each.name for each in fields(cls)}
        body = {name: value for name, value in json.loads(text).items() if name in known}
        body["tables"] = [(title, [tuple(row) for row in rows]) for title, rows in body.get("tables", ())]
        return cls(**body)

    @property
    def address(self) -> str:
        """The whole URL of the button."""
        return whole(self.path) if self.path else ""


@dataclass(frozen=True, slots=True)
class Footer:
    """The links below an e-mail."""

    settings_address: str = ""
    off_words: str = ""
    off_address: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


def whole(path: str) -> str:
    """A whole URL of this installation."""
    return f"{settings.HELIOGRAPH.base_url}{path}"


def digest_of(letters: Sequence[Letter], title: str, heading: str) -> Letter:
    """One letter for several that were held."""
    rows = [
        (letter.title, " ".join(filter(None, [letter.words and f"“{letter.words}”", *letter.paragraphs[:1]])), "") for letter in letters
    ]
    first = letters[0]
    return Letter(title, first.where, tables=[(heading, rows)], button=first.button, path=first.path, why=first.why)


def as_text(letter: Letter, footer: Footer) -> str:
    """The text of an e-mail, in lines of at most 72 characters."""
    return str(render_to_string("notifications/mail.txt", {"b": letter, "footer": footer})).strip() + "\n"


def as_html(letter: Letter, footer: Footer) -> str:
    """The HTML of an e-mail."""
    return str(render_to_string("notifications/mail.html", {"b": letter, "footer": footer})).strip() + "\n"


def chat_lines(letter: Letter) -> list[str]:
    """The lines of a chat message below its title, without the link."""
    words = [f"“{letter.words}”"] if letter.words else []
    rows = [
        ": ".join(filter(None, (what, number))) + (f" ({sub})" if sub else "")
        for _title, rows in letter.tables
        for what, sub, number in rows[:10]
    ]
    return [*words, *letter.paragraphs, *rows]


_SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
_TEAMS_ENDS = (".webhook.office.com", ".logic.azure.com", ".powerplatform.com", ".powerautomate.com")
_DISCORD_HOSTS = ("discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com")


def as_chat(letter: Letter, origin: str, kind: str, phase: str) -> dict[str, Any]:
    """The JSON for a connection, in the form that its host takes; `text` alone is what Slack, Mattermost, Google Chat and Rocket.Chat take.

    origin: the connection's, such as "https://hooks.slack.com"
    """
    host = (urlsplit(origin).hostname or "").lower()
    link = letter.address
    if host in _SLACK_HOSTS:
        texts = [f"*{_slack(letter.title)}*", *map(_slack, chat_lines(letter)), *([f"<{link}|{_slack(letter.button)}>"] if link else [])]
        return {"text": "\n".join(texts), "unfurl_links": False}
    title, lines = _inert(letter.title), [_inert(line) for line in chat_lines(letter)]
    if host.endswith(_TEAMS_ENDS):
        return _teams_card(letter, title, lines, link)
    plain = "\n".join([title, *lines, *([f"{letter.button}: {link}"] if link else [])])
    if host in _DISCORD_HOSTS:
        return {"content": plain[:2_000], "allowed_mentions": {"parse": []}}
    if host == "chat.googleapis.com":
        return {"text": plain}
    return {
        "text": plain,
        "type": "heliograph.notification",
        "notification": {"kind": kind, "phase": phase, "title": letter.title, "lines": chat_lines(letter), "link": link},
    }


_APART = "\u200b"
_CALLS = re.compile(r"@(?=\w)|<(?=[\w!@#/])|\](?=[(\[])")


def _inert(text: str) -> str:
    """The text, in which no chat sees a mention (`@channel`, `<users/all>`, `<!here>`) or a Markdown link (`[text](address)`): a space of no width
    stands within each.

    A message has names of events, flows and connections, which a source may have brought. The chats differ in their escapes, and show those of
    another one.
    """
    return _CALLS.sub(lambda call: call[0] + _APART, text)


def _slack(text: str) -> str:
    """Text in which Slack sees no link, mention or markup (its own three escapes)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams_card(letter: Letter, title: str, lines: Sequence[str], link: str) -> dict[str, Any]:
    body = [{"type": "TextBlock", "text": title, "weight": "Bolder", "wrap": True}]
    body += [{"type": "TextBlock", "text": line, "wrap": True} for line in lines]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": letter.button, "url": link}] if link else [],
    }
    return {"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}]}
