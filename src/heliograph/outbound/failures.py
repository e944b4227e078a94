"""libcurl's error numbers as causes and sentences. Its own messages are never used: they contain URLs, and a URL may be a secret."""

from __future__ import annotations

import errno
from typing import Final

import pycurl

from heliograph.domain.delivery.outcomes import Cause
from heliograph.outbound.target import Target

_TLS: Final = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_SSL_ENGINE_NOTFOUND,
        pycurl.E_SSL_ENGINE_SETFAILED,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CACERT,  # 60, the certificate was not accepted
        pycurl.E_USE_SSL_FAILED,
        pycurl.E_SSL_ENGINE_INITFAILED,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_SHUTDOWN_FAILED,
        pycurl.E_SSL_CRL_BADFILE,
        pycurl.E_SSL_ISSUER_ERROR,
        pycurl.E_SSL_INVALIDCERTSTATUS,
    }
)
_CLOSED: Final = frozenset({pycurl.E_GOT_NOTHING, pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_PARTIAL_FILE})
_GARBLED: Final = frozenset({pycurl.E_UNSUPPORTED_PROTOCOL, pycurl.E_FTP_WEIRD_SERVER_REPLY, pycurl.E_BAD_CONTENT_ENCODING})
_TOO_LONG: Final = 100  # CURLE_TOO_LARGE

# X509_V_ERR_…: those that the target's operator can fix.
_CERTIFICATE: Final = {
    1: "its certificate is for another name",  # libcurl compares the names before OpenSSL's result is available
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed",
    19: "its certificate was issued by an authority that is not trusted here",
    20: "its certificate was issued by an authority that is not trusted here, or the target does not send the intermediate certificates",
    21: "its certificate was issued by an authority that is not trusted here, or the target does not send the intermediate certificates",
    62: "its certificate is for another name",
}


def explain(code: int, target: Target, *, sent: bool, answered: bool, verify: int, system: int, seconds: float) -> tuple[Cause, str]:
    """Cause and sentence of a failed transfer.

    sent: the request was at least partly written
    answered: an answer had begun
    verify: OpenSSL's result for the certificate
    system: errno of a failed connect
    seconds: the duration of the transfer
    """
    match code:
        case pycurl.E_OPERATION_TIMEDOUT:
            within = f"within {seconds:.0f} s" if seconds >= 1 else "in time"
            if not sent:
                return Cause.TIMEOUT, f"No connection to {target} could be made {within}."
            late = f"The answer of {target} did not end" if answered else f"{target} did not answer"
            return Cause.TIMEOUT, f"{late} {within}."
        case pycurl.E_COULDNT_CONNECT:
            return _unconnected(target, system)
        case pycurl.E_COULDNT_RESOLVE_HOST:
            return Cause.DNS, f"The name {target.host} could not be looked up."
        case pycurl.E_SSL_CACERT:
            return Cause.TLS, f"{target} could not prove who it is: {_CERTIFICATE.get(verify, 'its certificate was not accepted')}."
        case pycurl.E_URL_MALFORMAT:
            return Cause.BAD_REQUEST, "The URL cannot be used."
        case pycurl.E_PARTIAL_FILE:
            return Cause.RESET, f"{target} closed the connection in the middle of its answer."
        case _ if code in _TLS:
            return Cause.TLS, f"No secure (TLS) connection to {target} could be made."
        case _ if code in _CLOSED:
            return Cause.RESET, f"{target} closed the connection {'in the middle of its answer' if answered else 'without an answer'}."
        case _ if code in _GARBLED:
            return Cause.GARBLED, f"The answer of {target} is not HTTP."
        case _ if code == _TOO_LONG:
            return Cause.GARBLED, f"The answer of {target} has headers that are too long."
        case _:
            return Cause.GARBLED if answered else Cause.RESET, f"The exchange with {target} failed (libcurl {code})."


def _unconnected(target: Target, system: int) -> tuple[Cause, str]:
    match system:
        case errno.ECONNREFUSED:
            return Cause.REFUSED, f"{target} refused the connection: nothing listens on port {target.port}."
        case errno.ETIMEDOUT:
            return Cause.TIMEOUT, f"No connection to {target} could be made in time."
        case _:
            return Cause.REFUSED, f"{target} could not be reached."
