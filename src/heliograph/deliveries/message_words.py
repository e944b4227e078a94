"""The message of an attempt, as it is stored in English, in the reader's language.

A worker stores one text for an attempt, by which failures are grouped, so there is no room for a template beside it. What it may say are few
sentences: a page finds the one of which a text was made. A text that was made of none of them, such as a target's own words, stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from heliograph.accounts.languages import translated
from heliograph.domain.connection.request import AUTHENTICATES, NO_TEXT
from heliograph.domain.mapping.headers import TOO_LONG as HEADERS_TOO_LONG
from heliograph.domain.mapping.mapping_renderer import REQUIRED_AND_EMPTY, TOO_LONG
from heliograph.domain.mapping.source_readers import NOT_MAPPED
from heliograph.domain.sentence_template import Sentence

SENTENCES: Final = (
    gettext_noop("%(sentence)s It says: %(said)s"),
    # of an answer, or none: domain.delivery.outcomes, domain.connection.response_rule, outbound.failures, outbound.transfer
    gettext_noop("The target answered %(status)s."),
    gettext_noop("No connection to %(target)s could be made within %(seconds)s s."),
    gettext_noop("No connection to %(target)s could be made in time."),
    gettext_noop("The answer of %(target)s did not end within %(seconds)s s."),
    gettext_noop("The answer of %(target)s did not end in time."),
    gettext_noop("%(target)s did not answer within %(seconds)s s."),
    gettext_noop("%(target)s did not answer in time."),
    gettext_noop("%(target)s could not prove who it is: %(reason)s."),
    gettext_noop("%(target)s closed the connection in the middle of its answer."),
    gettext_noop("%(target)s closed the connection without an answer."),
    gettext_noop("No secure (TLS) connection to %(target)s could be made."),
    gettext_noop("The answer of %(target)s is not HTTP."),
    gettext_noop("The answer of %(target)s has headers that are too long."),
    gettext_noop("%(target)s refused the connection: nothing listens on port %(port)s."),
    gettext_noop("%(target)s could not be reached."),
    gettext_noop("%(target)s is blocked: %(why)s."),
    gettext_noop("The name %(host)s does not exist, or has no address."),
    gettext_noop("The name %(host)s could not be looked up: no name server gave an answer."),
    gettext_noop("The name %(host)s could not be looked up in time."),
    gettext_noop("The name %(host)s could not be looked up."),
    gettext_noop("The name %(host)s has no address."),
    gettext_noop("The answer was too long to read, so the response rule could not check it."),
    gettext_noop("The exchange with %(target)s failed (libcurl %(code)s)."),
    gettext_noop("The URL cannot be used."),
    gettext_noop("The response rule says that this answer (%(status)s) is a failure."),
    gettext_noop("The operator's proxy cannot be reached."),
    gettext_noop("The operator's proxy gave no answer."),
    gettext_noop("The operator's proxy could not be looked up in time."),
    gettext_noop("The operator's proxy could not be looked up."),
    gettext_noop("The operator's proxy asks for other credentials (%(status)s)."),
    gettext_noop("The operator's proxy does not allow connections to %(target)s (%(status)s)."),
    gettext_noop("The operator's proxy could not reach %(target)s (%(status)s)."),
    gettext_noop("The answer of %(target)s has headers that are longer than %(most)s bytes."),
    gettext_noop("The request to %(target)s contains something that cannot be sent."),
    gettext_noop("Heliograph could not open a connection: this machine has no free socket."),
    gettext_noop("Heliograph did not send the request in time."),
    gettext_noop("Heliograph is stopping."),
    gettext_noop("There are more than %(most)s headers."),
    gettext_noop("The header %(name)s %(problem)s."),
    # of signing in: domain.connection.oauth_access, outbound.oauth_protocol
    gettext_noop("This connection is not connected yet, or its OAuth2 settings have changed since. Connect again."),
    gettext_noop("No longer connected: %(who)s gave no means to renew the access. Connect again."),
    gettext_noop("No longer connected: %(who)s does not renew the access (invalid_grant). Connect again."),
    gettext_noop("%(who)s does not accept the Client Id or the Client Secret (invalid_client). Enter both again in Connection Setup."),
    gettext_noop("%(who)s did not accept the sign-in (invalid_grant). Connect again."),
    gettext_noop("%(who)s refused to give access (%(error)s). Connect again."),
    gettext_noop("%(who)s refused to give access (%(error)s)."),
    gettext_noop("No access token: %(who)s answered %(status)s."),
    gettext_noop("No access token: %(sentence)s"),
    gettext_noop("%(who)s answered %(status)s, a redirect: this is not the address that issues tokens."),
    gettext_noop("%(who)s answered %(status)s without an access token: check the Access Token URL and the Refresh Token URL."),
    gettext_noop("%(who)s does not grant the scope “%(scope)s” (invalid_scope). Ask its administrator for the right one."),
    gettext_noop("%(who)s does not grant access without a scope (invalid_scope). Ask its administrator for the right one."),
    gettext_noop("%(who)s does not allow the Grant Type “%(grant)s” for this client (%(error)s)."),
    gettext_noop("%(who)s had not answered when this process stopped."),
    gettext_noop("Another process has been asking %(who)s for too long. Test again."),
    gettext_noop("Heliograph itself could not ask for an access token."),
    gettext_noop("The connection has no %(secret)s."),
    # of what keeps an action from beginning: domain.flow.stop_causes, engine.worker.request_builder
    gettext_noop("It was made in %(then)s, but the flow is now %(now)s."),
    gettext_noop("The flow is switched off."),
    gettext_noop("The flow now watches something else."),
    gettext_noop("The flow is incomplete."),
    gettext_noop("The content of this change is gone: its retention has ended."),
    gettext_noop("Heliograph failed with an internal error: %(error)s."),
)
"""Every sentence, the more special ones first."""
OUR_REASONS: Final = frozenset(
    {
        gettext_noop("its certificate is for another name"),
        gettext_noop("its certificate is not valid yet"),
        gettext_noop("its certificate has expired"),
        gettext_noop("its certificate is self-signed"),
        gettext_noop("its certificate was issued by an authority that is not trusted here"),
        gettext_noop(
            "its certificate was issued by an authority that is not trusted here, or the target does not send the intermediate certificates"
        ),
        gettext_noop("its certificate was not accepted"),
        # kinds of addresses: outbound.guard
        gettext_noop("a cloud metadata address"),
        gettext_noop("a cloud credentials address"),
        gettext_noop("a cloud resolver's address"),
        gettext_noop("a cloud platform's own address"),
        gettext_noop("a loopback address"),
        gettext_noop("the loopback address"),
        gettext_noop("a private address"),
        gettext_noop("a link-local address"),
        gettext_noop("a site-local address"),
        gettext_noop("a shared address of a provider's network"),
        gettext_noop("an address of this machine"),
        gettext_noop("a protocol address"),
        gettext_noop("a documentation address"),
        gettext_noop("a 6to4 relay's address"),
        gettext_noop("a local NAT64 address"),
        gettext_noop("a benchmarking address"),
        gettext_noop("a reserved address"),
        gettext_noop("a returned address"),
        gettext_noop("a special-purpose address"),
        gettext_noop("outside of the public IPv6 range (2000::/3)"),
        # of a connection's secrets
        gettext_noop("password"),
        gettext_noop("key"),
        gettext_noop("client secret"),
        gettext_noop("client certificate"),
        gettext_noop("path"),
    }
)
"""Values of a sentence that are ours, and translated, too."""
REASONS: Final = (
    gettext_noop("%(address)s is %(inner)s in %(form)s form, and %(why)s"),
    gettext_noop("%(address)s is %(what)s, and the operator has not allowed that network"),
    gettext_noop("%(address)s is %(what)s; only an entry for exactly this address allows it"),
    gettext_noop("%(address)s is a public address, and anybody on the way can read what is sent by http://; use https://"),
    gettext_noop("%(address)s is a multicast address"),
    gettext_noop("%(address)s is not an address"),
    gettext_noop("port %(port)s belongs to a protocol other than HTTP"),
    gettext_noop("%(kind)s (%(network)s)"),
)
"""What outbound.guard says of an address: values of a sentence, as OUR_REASONS are, that have values themselves."""
_OURS: Final = frozenset({"sentence", "reason", "why", "what", "kind", "problem", "secret"})
"""The values that are sentences or words of ours."""
VALUE_PROBLEMS: Final[tuple[str, ...]] = (
    "is not a date",
    "is too far away for a date",
    "is too large a number",
    "is not a number",
    "is neither Yes nor No",
    NOT_MAPPED,
    REQUIRED_AND_EMPTY,
    TOO_LONG,
    "has a line break, and a header cannot",
    "has a control character, and a header cannot",
    Sentence("is longer than %(most)s characters", most=8_000),
    Sentence("is longer than %(most)s characters", most=8_192),
    HEADERS_TOO_LONG,
    NO_TEXT,
    AUTHENTICATES,
    "would lead to another path, because a field in it contains /./, /../ or only dots",
)
"""What the message of a validation error says of a field; each is a message where the domain says it."""
_VALUE: Final = re.compile(r"%\\\((\w+)\\\)s")


def message_words(text: str) -> str:
    """A stored message in the active language. A target's own words, behind a colon, stay."""
    if not text:
        return ""
    sentence = _sentence_of(text)
    if sentence is not None:
        return translated(sentence)
    problems = list(_value_problems(text))
    if problems:
        return "; ".join(problems)
    ours, colon, theirs = text.partition(": ")
    sentence = _sentence_of(f"{ours}.") if colon else None
    return f"{translated(sentence).removesuffix('.')}: {theirs}" if sentence is not None else _(text)


def is_known(text: str) -> bool:
    """Whether the text was made of one of SENTENCES, and each part of it that is ours is known, too."""
    sentence = _sentence_of(text)
    return sentence is not None and _is_whole(sentence)


def _is_whole(sentence: Sentence) -> bool:
    return all(isinstance(value, Sentence) and _is_whole(value) for name, value in sentence.values.items() if name in _OURS)


def _value_problems(text: str) -> Iterator[str]:
    """The problems of a validation error, one for each field; nothing if one of them is none that we know."""
    pairs = []
    for piece in text.split("; "):
        reason = next((each for each in VALUE_PROBLEMS if piece.endswith(f" {each}")), None)
        if reason is None:
            return
        pairs.append((piece.removesuffix(f" {reason}"), reason))
    yield from (f"{field} {translated(reason)}" for field, reason in pairs)


def _sentence_of(text: str, templates: Sequence[str] = SENTENCES) -> Sentence | None:
    for template in templates:
        match = _pattern(template).fullmatch(text)
        if match is not None:
            return Sentence(template, **{name: _part(name, value) for name, value in match.groupdict().items()})
    return None


def _part(name: str, value: str) -> str:
    """A value of a sentence, as a sentence itself if it is ours."""
    if name not in _OURS:
        return value
    if value in OUR_REASONS or name == "problem":
        return Sentence(value)
    return _sentence_of(value, SENTENCES if name == "sentence" else REASONS) or value


@lru_cache(maxsize=len(SENTENCES) + len(REASONS))
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(_VALUE.sub(r"(?P<\1>.+?)", re.escape(template)), re.DOTALL)
