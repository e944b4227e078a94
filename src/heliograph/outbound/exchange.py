"""Routes of requests, and the three ways a request can end. The request itself is `domain.connection.request.Request`."""

from __future__ import annotations

from dataclasses import dataclass, field

from heliograph.domain.connection.target_response import UTF_8, decoded
from heliograph.domain.delivery.outcomes import Cause
from heliograph.outbound.guard import Policy

KIB = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """How the requests of one connection are sent. One object per compiled connection; compared by identity, because handles are cached per
    route."""

    account: int
    connection: int
    policy: Policy = field(default_factory=Policy)
    connect_timeout: float = 5.0
    """Seconds for the look-up, and then as many for connect and TLS together."""
    total_timeout: float = 10.0
    """Seconds for everything from `Sender.start()` on."""
    body_cap: int = 64 * KIB
    """Bytes of a body; only the beginning of a longer one is read."""
    header_cap: int = 32 * KIB
    """Bytes of all headers; an answer with more is a failure."""
    authorities: str = field(default="", repr=False)
    """Certificates (PEM) to trust instead of the public ones."""
    identity: str = field(default="", repr=False)
    """The client certificate and its private key (PEM)."""
    connect_only: bool = False
    """Connects, TLS included, and sends nothing (Save & Test without a test URL)."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds."""

    name: float = 0.0
    """The duration of this step and of the next two. 0: the connection was reused."""
    connect: float = 0.0
    tls: float = 0.0
    sent: float = 0.0
    """From `Sender.start()`, as the next two."""
    first: float = 0.0
    """To the first byte of the answer; 0 without an answer."""
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Response:
    """The target answered."""

    status: int
    """0: it was only connected to (Route.connect_only)."""
    header_lines: tuple[bytes, ...]
    body: bytes
    truncated: bool
    """The body was longer than the cap."""
    timings: Timings
    address: str
    """The literal that was connected to."""
    reused: bool = False
    """Over a reused connection."""

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
    """A body as text, at most `most` bytes of it, and whether it was cut off, here or before. A character that was cut in two is left out."""
    cut = truncated or len(body) > most
    return decoded(body[:most], charset, cut=cut), cut
