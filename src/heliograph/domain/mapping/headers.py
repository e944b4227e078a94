"""The HTTP headers that a mapping or a connection may set (M9).

Headers that frame a message are never accepted from a user: on a connection shared by several senders that would allow request smuggling.
The text of a header whose name marks it as a credential is encrypted: no body, page or version contains it (C5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence, gettext_noop

MAX_HEADERS: Final = 50
MAX_VALUE: Final = 8_000  # characters
MAX_TOGETHER: Final = 12_000  # names and values of one request; common servers accept 8 to 16 KiB
TOO_LONG: Final = Sentence("are longer than %(most)s characters together", most=MAX_TOGETHER)

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect", "http2-settings"}
)
_OUR_PREFIXES: Final = ("webhook-", "heliograph-", "proxy-")

SEALED: Final = "…"
"""Stands for an encrypted text in bodies, forms and pages."""
_SECRET_STEMS: Final = re.compile(
    "authori[sz]|authentic|credential|secret|token|passw|passphrase|cookie|signature|bearer|jwt|apikey|accesskey|privatekey|licen[cs]ekey"
)
_SECRET_WORDS: Final = frozenset({"auth", "key", "keys", "pass", "pwd", "sig", "hmac"})
_PLAIN_KEYS: Final = frozenset(
    {"idempotency", "deduplication", "correlation", "routing", "partition", "cache", "sort", "external", "primary"}
    | {"event", "registration", "session", "record", "contact", "lead", "row", "object"}
)
"""With one of these words, a key is an identifier rather than a credential."""
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def is_name(name: str) -> bool:
    """True if this is a valid header name."""
    return _NAME.fullmatch(name) is not None


def name_problem(name: str) -> str | None:
    """Why a header with this name may not be set; None = it may."""
    if not is_name(name):
        return gettext_noop("is not a header name: letters, digits and dashes make one")
    if name.lower() in _OURS or name.lower().startswith(_OUR_PREFIXES):
        return gettext_noop("is a header that Heliograph sets itself")
    return None


def value_problem(value: str) -> str | None:
    """Why this cannot be a header's value; None = it can."""
    if "\n" in value or "\r" in value:
        return gettext_noop("has a line break, and a header cannot")
    if _CONTROL.search(value):
        return gettext_noop("has a control character, and a header cannot")
    if len(value) > MAX_VALUE:
        return Sentence("is longer than %(most)s characters", most=MAX_VALUE)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return gettext_noop("contains half a character (a lone surrogate)")
    return None


def is_doubtful(value: str) -> bool:
    """Whether servers may read the value differently: beyond ASCII it is sent as UTF-8, and many read headers as Latin-1 or refuse them."""
    return not value.isascii()


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """True if the name suggests that a header contains a credential: Authorization, X-API-Key, accessToken, X-Hub-Signature ...

    When in doubt it is: an encrypted text is sent all the same.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if _SECRET_STEMS.search("".join(words)):
        return True
    return bool(_SECRET_WORDS & set(words)) and not _PLAIN_KEYS & set(words)


def sealed_field(name: str) -> str:
    """The name under which the vault has the text of a header, within its connection or mapping."""
    return f"header {name.lower()}"


class NotSealed(HeliographError):
    """The text of a header must be stored encrypted, but there is none. names: of the headers."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(gettext_noop("There is no sealed text for %(names)s. Type it again."), names=", ".join(names))
        self.names = tuple(names)


def sealed_texts(typed: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """The texts to store encrypted, by field of the vault. Raises NotSealed if one is missing.

    If one header was renamed (its typed text is SEALED, and one stored text has no header any more), the stored text moves with it.

    typed: the typed text of each header; SEALED or "" leaves the stored text
    known: the stored texts by field
    """
    texts = {sealed_field(name): text for name, text in typed.items() if text not in ("", SEALED)}
    texts |= {field: known[field] for field in map(sealed_field, typed) if field not in texts and field in known}
    missing = [name for name in typed if sealed_field(name) not in texts]
    left = sorted(known.keys() - {sealed_field(name) for name in typed})
    if len(missing) == len(left) == 1 and typed[missing[0]] == SEALED:
        return texts | {sealed_field(missing[0]): known[left[0]]}
    if missing:
        raise NotSealed(missing)
    return texts
