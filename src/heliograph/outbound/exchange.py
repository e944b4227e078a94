"""Routes of requests, and the three ways a request can end. The request itself is `domain.connection.request.Request`."""

from __future__ import annotations

from dataclasses import dataclass, field

from heliograph.domain.connection.target_reply import UTF_8, decoded
from heliograph.domain.delivery.outcomes import Cause
from heliograph.outbound.guard import Policy

KIB = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """How the requests of one connection are sent. One object per compiled connection; compared by identity, because handles are cached per
    route.

    Timeouts are seconds: `connect_timeout` bounds the look-up, and then connect and TLS together; `total_timeout` bounds everything from
    `Sender.start()` on. Caps are bytes: only the beginning of a longer body is kept; an answer with more header bytes is a failure.
    authorities: certificates (PEM) to trust instead of the public ones. identity: the client certificate and its private key (PEM).
    connect_only: connects, TLS included, and sends nothing (Save & Test without a test URL).
    """

    account: int
    connection: int
    policy: Policy = field(default_factory=Policy)
    connect_timeout: float = 5.0
    total_timeout: float = 10.0
    body_cap: int = 64 * KIB
    header_cap: int = 32 * KIB
    authorities: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    connect_only: bool = False


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds. `name`, `connect` and `tls`: the duration of each step, 0 on a reused connection; `sent`, `first` (the answer's first byte, 0
    without one) and `total` count from `Sender.start()`."""

    name: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    sent: float = 0.0
    first: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Response:
    """The target answered; status 0: it was only connected to (Route.connect_only). `truncated`: the body was longer than the cap.
    `reused`: over a reused connection. `address`: the literal that was connected to."""

    status: int
    header_lines: tuple[bytes, ...]
    body: bytes
    truncated: bool
    timings: Timings
    address: str
    reused: bool = False

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in lower case, values as Latin-1 text (which any bytes are), in order of arrival, without trailers."""
        pairs = []
        for line in self.header_lines[1:]:
            name, colon, value = line.partition(b":")
            if colon:
                pairs.append((name.strip().lower().decode("latin-1"), value.strip().decode("latin-1")))
            elif not line.strip():
                break
        return pairs

    def header(self, name: str) -> str | None:
        """The first header with this lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable answer. `left`: the request may have reached the target. `message`: a sentence that names only the host.

    `reused`: it used a connection that the target may have been closing at that moment. `address` is empty if nothing was connected.
    """

    cause: Cause
    message: str
    left: bool
    timings: Timings = field(default_factory=Timings)
    address: str = ""
    reused: bool = False
    verify: int = 0
    """OpenSSL's result (X509_V_ERR_...) for a rejected certificate."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """We stopped before the answer came. `left`: the request may have reached the target."""

    left: bool


type SendResult = Response | Failure | CutOff


def text_of(body: bytes, most: int, *, truncated: bool = False, charset: str = UTF_8) -> tuple[str, bool]:
    """A body as text, at most so many bytes of it, and whether it was cut off there or before. A character that the cut went through is left out."""
    cut = truncated or len(body) > most
    return decoded(body[:most], charset, cut=cut), cut
