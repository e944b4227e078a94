"""The operator's proxy for outgoing requests (C6).

A proxy hides the address that a request really goes to. So the name is resolved and checked here, and the proxy gets the checked address
(CONNECT), never the name. TLS runs through the proxy to the target. Addresses that the operator allowed beyond public ones are in the
operator's own network, and are reached without the proxy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.errors import HeliographError
from heliograph.outbound.target import InvalidTarget, Target, read_target

NAMED: Final = "the operator's proxy"


class ProxyError(HeliographError):
    """The proxy's address cannot be used."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that supports CONNECT. user, password: sent only to the proxy."""

    target: Target
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Parses `http://user:password@proxy.example.org:3128`. Raises ProxyError, whose message quotes nothing of the URL."""
        try:
            parts = urlsplit(url)
            credentials, _, _ = parts.netloc.rpartition("@")
            target = read_target(url.replace(f"{credentials}@", "", 1) if credentials else url)
        except (ValueError, InvalidTarget):
            raise ProxyError("It must look like http://proxy.example.org:3128 or http://user:password@proxy.example.org:3128.") from None
        if target.path_and_query != "/" or (parts.port is None and parts.scheme == "http"):
            raise ProxyError("A proxy is an address with a port and nothing after it, like http://proxy.example.org:3128.")
        return cls(target, unquote(parts.username or ""), unquote(parts.password or ""))


@dataclass(frozen=True, slots=True)
class Via:
    """One request's route through the proxy.

    literals: the proxy's own addresses
    asked_for: the checked address of the target, which the proxy is asked for
    """

    proxy: Proxy
    literals: tuple[str, ...]
    asked_for: str

    def is_proxy(self, address: str, port: int) -> bool:
        """True if this is a connection to the proxy."""
        return address in self.literals and port == self.proxy.target.port

    def connect_to(self, target: Target) -> str:
        """libcurl's `host:port:connect-to-host:connect-to-port`."""
        literal = f"[{self.asked_for}]" if ":" in self.asked_for else self.asked_for
        return f"{target.bracketed}:{target.port}:{literal}:{target.port}"


def refused(status: int, target: Target) -> str:
    """The meaning of a proxy's answer to CONNECT, as a sentence."""
    match status:
        case 407:
            return AttemptSentence.PROXY_CREDENTIALS.fill(status=status)
        case 403 | 405:
            return AttemptSentence.PROXY_FORBIDS.fill(target=target, status=status)
        case _:
            return AttemptSentence.PROXY_FAILED.fill(target=target, status=status)
