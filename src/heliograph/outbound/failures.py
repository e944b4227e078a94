"""libcurl's error numbers as causes and sentences. Its own messages are never used: they contain URLs, and a URL may be a secret."""

from __future__ import annotations

import errno
from typing import Final

import pycurl

from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.sentence_template import gettext_noop
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
    1: gettext_noop("its certificate is for another name"),  # libcurl compares the names before OpenSSL's result is available
    9: gettext_noop("its certificate is not valid yet"),
    10: gettext_noop("its certificate has expired"),
    18: gettext_noop("its certificate is self-signed"),
    19: gettext_noop("its certificate was issued by an authority that is not trusted here"),
    20: gettext_noop(
        "its certificate was issued by an authority that is not trusted here, or the target does not send the intermediate certificates"
    ),
    21: gettext_noop(
        "its certificate was issued by an authority that is not trusted here, or the target does not send the intermediate certificates"
    ),
    62: gettext_noop("its certificate is for another name"),
}
_NOT_ACCEPTED: Final = gettext_noop("its certificate was not accepted")
_TIMEOUTS: Final = {
    (False, False): (AttemptSentence.NOT_CONNECTED_WITHIN, AttemptSentence.NOT_CONNECTED_IN_TIME),
    (False, True): (AttemptSentence.NOT_CONNECTED_WITHIN, AttemptSentence.NOT_CONNECTED_IN_TIME),
    (True, False): (AttemptSentence.NO_ANSWER_WITHIN, AttemptSentence.NO_ANSWER_IN_TIME),
    (True, True): (AttemptSentence.ANSWER_NOT_ENDED_WITHIN, AttemptSentence.ANSWER_NOT_ENDED_IN_TIME),
}
"""Whether the request was sent and an answer had begun -> the sentences with and without the time that it took."""


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
            within, in_time = _TIMEOUTS[sent, answered]
            return Cause.TIMEOUT, within.fill(target=target, seconds=f"{seconds:.0f}") if seconds >= 1 else in_time.fill(target=target)
        case pycurl.E_COULDNT_CONNECT:
            return _unconnected(target, system)
        case pycurl.E_COULDNT_RESOLVE_HOST:
            return Cause.DNS, AttemptSentence.NAME_NOT_LOOKED_UP.fill(host=target.host)
        case pycurl.E_SSL_CACERT:
            return Cause.TLS, AttemptSentence.NOT_PROVEN.fill(target=target, reason=_CERTIFICATE.get(verify, _NOT_ACCEPTED))
        case pycurl.E_URL_MALFORMAT:
            return Cause.BAD_REQUEST, AttemptSentence.BAD_URL.fill()
        case pycurl.E_PARTIAL_FILE:
            return Cause.RESET, AttemptSentence.CLOSED_AMID_ANSWER.fill(target=target)
        case _ if code in _TLS:
            return Cause.TLS, AttemptSentence.NO_TLS.fill(target=target)
        case _ if code in _CLOSED:
            closed = AttemptSentence.CLOSED_AMID_ANSWER if answered else AttemptSentence.CLOSED_WITHOUT_ANSWER
            return Cause.RESET, closed.fill(target=target)
        case _ if code in _GARBLED:
            return Cause.GARBLED, AttemptSentence.NOT_HTTP.fill(target=target)
        case _ if code == _TOO_LONG:
            return Cause.GARBLED, AttemptSentence.HEADERS_TOO_LONG.fill(target=target)
        case _:
            return Cause.GARBLED if answered else Cause.RESET, AttemptSentence.EXCHANGE_FAILED.fill(target=target, code=code)


def _unconnected(target: Target, system: int) -> tuple[Cause, str]:
    match system:
        case errno.ECONNREFUSED:
            return Cause.REFUSED, AttemptSentence.NOTHING_LISTENS.fill(target=target, port=target.port)
        case errno.ETIMEDOUT:
            return Cause.TIMEOUT, AttemptSentence.NOT_CONNECTED_IN_TIME.fill(target=target)
        case _:
            return Cause.REFUSED, AttemptSentence.NOT_REACHED.fill(target=target)
