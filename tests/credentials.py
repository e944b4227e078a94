"""The credentials that a receiver actually got, in every spelling, and targets that repeat them.

The code under test is not asked what a credential is: they are read from the received requests.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from tests.receiver import Answer, Received

PUBLIC = frozenset(
    {"host", "user-agent", "accept", "accept-encoding", "content-type", "content-length", "webhook-id", "webhook-timestamp", "connection"}
)
"""Headers without credentials. Any other received header is one."""
IN_FORMS = frozenset({"client_secret", "code", "code_verifier", "refresh_token"})
SHORTEST = 4


def received(requests: Iterable[Received]) -> set[str]:
    """Every received credential: values of headers and their parts, decoded Basic, signatures, paths, parameters, fields of token requests."""
    return {text for request in requests for text in _of(request) if len(text) >= SHORTEST}


def _of(request: Received) -> Iterator[str]:
    parts = urlsplit(request.path)
    yield parts.path
    for name, value in parse_qsl(parts.query):
        if name in ("key", "x", "code", "sig"):
            yield value
    for name, value in request.headers:
        if name not in PUBLIC:
            yield from _of_header(value)
    if request.header("content-type") == "application/x-www-form-urlencoded":
        yield from (value for name, value in parse_qsl(request.body.decode()) if name in IN_FORMS)


def _of_header(value: str) -> Iterator[str]:
    yield value
    if value.startswith(("v1,", "Basic ", "Bearer ")):
        for word in value.split():
            if word not in ("Basic", "Bearer"):
                yield word
                yield word.removeprefix("v1,")
    if value.startswith("Basic "):
        pair = base64.b64decode(value.removeprefix("Basic ")).decode()
        yield from (pair, pair.partition(":")[2])


def written(text: str) -> set[str]:
    """A text in the spellings of many programs, also nested once."""
    once = spelled(text)
    return {each for first in once for each in (first, quote(first, safe=""), json.dumps(first)[1:-1], html.escape(first))}


def spelled(text: str) -> set[str]:
    """A text in the spellings of many programs."""
    raw = text.encode()
    return {
        text,
        text.swapcase(),
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        json.dumps(text)[1:-1].replace("/", "\\/"),
        html.escape(text),
        *bytes_spelled(raw),
    }


def bytes_spelled(raw: bytes) -> set[str]:
    """Bytes in textual encodings; base64 also with other bytes before and after."""
    return {
        raw.hex(),
        raw.hex().upper(),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        base64.b64encode(b'{"' + raw).decode()[3 : (2 + len(raw)) * 8 // 6],
        base64.urlsafe_b64encode(b'"' + raw).decode()[2 : (1 + len(raw)) * 8 // 6],
    }


def token_secret(token: str) -> str:
    """The secret part of a token `hg_<id>_<secret>`; the secret may contain underscores, too."""
    return token.split("_", 2)[2]


def signing_key(secret: str) -> set[str]:
    """A signing secret known to the target, in every form in which it could repeat it."""
    code = secret.removeprefix("whsec_")
    raw = base64.b64decode(code)
    return {*written(secret), *written(code), *bytes_spelled(raw), raw.decode("latin-1")}


def found(places: Mapping[str, str | bytes], needles: Iterable[str]) -> list[tuple[str, str, str]]:
    """(place, needle, its surroundings), for each place that contains one."""
    texts = {place: text if isinstance(text, str) else text.decode("utf-8", "replace") for place, text in places.items()}
    # JSON in a table or on a page is escaped once more: backslashes, and HTML.
    lines = "\n".join({line for text in texts.values() for line in text.split("\n")})  # pages share most of their lines
    escaped = {each for needle in needles for each in (needle, json.dumps(needle)[1:-1], html.escape(needle))}
    wanted = sorted(each for each in escaped if "\n" in each or each in lines)
    return [
        (place, needle, text[max(0, at - 60) : at + 80])
        for place, text in texts.items()
        for needle in wanted
        if (at := text.find(needle)) >= 0
    ]


class Repeating:
    """A target that answers with every credential it was sent, in every spelling, in its headers and its body.

    known: what else it knows. Each answer contains a part of all these texts, the next one the next part: `turns` requests cover all.
    """

    def __init__(self, status: int = 400, *, known: Iterable[str] = (), headers: Mapping[str, str] | None = None, turns: int = 8) -> None:
        self._status, self._known, self._headers, self.turns = status, sorted(known), dict(headers or {}), turns
        self._asked = 0

    def __call__(self, request: Received) -> Answer:
        turn, self._asked = self._asked % self.turns, self._asked + 1
        got = sorted(received([request]))
        texts = sorted({each for text in got for each in written(text)} | set(self._known))[turn :: self.turns]
        once = {each for text in got for each in spelled(text)}  # JSON is another encoder
        said = {"path": request.path, "headers": dict(request.headers), "said": [text for text in texts if text in once]}
        shown = {f"x-said-{n}": text for n, text in enumerate(got) if text.isprintable() and len(text) < 300}
        shown |= {"set-cookie": "session=c00kie-of-the-target; Path=/; HttpOnly"} | self._headers
        body = json.dumps(said) if turn % 2 else "\n".join([json.dumps(said | {"said": []}), *texts])
        return Answer(self._status, body, {name: _latin(value) for name, value in shown.items()})


def _latin(value: str) -> str:
    """A header's value as UTF-8 bytes, for a receiver that writes Latin-1."""
    return value.encode().decode("latin-1")
