"""Every sentence of ours that an attempt's message can be (docs/design/languages.md).

A worker stores one English text for an attempt, by which failures are grouped, so there is no room for a template beside it. Each sentence stands here
and nowhere else: whoever writes one fills it, and `deliveries.message_words` finds the one that a text was made of, to translate it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from heliograph.domain.sentence_template import gettext_noop

OURS: Final = frozenset({"reason", "why", "what", "kind", "problem", "secret", "then", "now"})
"""Names of values that are our own words, and are translated, too: one of AttemptReason, or a message as it stands."""
SENTENCE: Final = "sentence"
"""The name of a value that is another of these sentences."""
WORDS: Final = frozenset({"said", "error", "scope", "place", "grant", *OURS, SENTENCE})
"""Names of values that may have spaces; all others are a single word, such as a host."""


class _Template(StrEnum):
    def fill(self, **values: object) -> str:
        """The English text. values: by their names in the template"""
        return self.value % values if values else self.value


class AttemptSentence(_Template):
    """A sentence; the more special ones come before those that would match their texts, too."""

    AUTHORITY_SAYS = gettext_noop("%(sentence)s It says: %(said)s")
    NO_TOKEN = gettext_noop("No access token: %(sentence)s")

    # of an answer
    ANSWERED = gettext_noop("The target answered %(status)s.")
    RULE_FAILED = gettext_noop("The response rule says that this answer (%(status)s) is a failure.")
    TARGET_SAID = gettext_noop("The target said: %(said)s")
    MEMBER_SAID = gettext_noop("The target said %(member)s: %(said)s")
    ANSWER_TOO_LONG = gettext_noop("The answer was too long to read, so the response rule could not check it.")

    # of a request that no answer came to
    NOT_CONNECTED_WITHIN = gettext_noop("No connection to %(target)s could be made within %(seconds)s s.")
    NOT_CONNECTED_IN_TIME = gettext_noop("No connection to %(target)s could be made in time.")
    ANSWER_NOT_ENDED_WITHIN = gettext_noop("The answer of %(target)s did not end within %(seconds)s s.")
    ANSWER_NOT_ENDED_IN_TIME = gettext_noop("The answer of %(target)s did not end in time.")
    NO_ANSWER_WITHIN = gettext_noop("%(target)s did not answer within %(seconds)s s.")
    NO_ANSWER_IN_TIME = gettext_noop("%(target)s did not answer in time.")
    NOT_PROVEN = gettext_noop("%(target)s could not prove who it is: %(reason)s.")
    CLOSED_AMID_ANSWER = gettext_noop("%(target)s closed the connection in the middle of its answer.")
    CLOSED_WITHOUT_ANSWER = gettext_noop("%(target)s closed the connection without an answer.")
    NO_TLS = gettext_noop("No secure (TLS) connection to %(target)s could be made.")
    NOT_HTTP = gettext_noop("The answer of %(target)s is not HTTP.")
    HEADERS_TOO_LONG = gettext_noop("The answer of %(target)s has headers that are too long.")
    HEADERS_LONGER_THAN = gettext_noop("The answer of %(target)s has headers that are longer than %(most)s bytes.")
    NOTHING_LISTENS = gettext_noop("%(target)s refused the connection: nothing listens on port %(port)s.")
    NOT_REACHED = gettext_noop("%(target)s could not be reached.")
    BLOCKED = gettext_noop("%(target)s is blocked: %(why)s.")
    NAME_NOT_FOUND = gettext_noop("The name %(host)s does not exist, or has no address.")
    NO_NAME_SERVER = gettext_noop("The name %(host)s could not be looked up: no name server gave an answer.")
    NAME_NOT_LOOKED_UP_IN_TIME = gettext_noop("The name %(host)s could not be looked up in time.")
    NAME_NOT_LOOKED_UP = gettext_noop("The name %(host)s could not be looked up.")
    NAME_WITHOUT_ADDRESS = gettext_noop("The name %(host)s has no address.")
    EXCHANGE_FAILED = gettext_noop("The exchange with %(target)s failed (libcurl %(code)s).")
    NO_SOCKET = gettext_noop("Heliograph could not open a connection: this machine has no free socket.")
    STOPPING = gettext_noop("Heliograph is stopping.")
    NOT_SENT_IN_TIME = gettext_noop("Heliograph did not send the request in time.")

    # of the operator's proxy
    PROXY_NOT_REACHED = gettext_noop("The operator's proxy cannot be reached.")
    PROXY_SILENT = gettext_noop("The operator's proxy gave no answer.")
    PROXY_NOT_LOOKED_UP_IN_TIME = gettext_noop("The operator's proxy could not be looked up in time.")
    PROXY_NOT_LOOKED_UP = gettext_noop("The operator's proxy could not be looked up.")
    PROXY_CREDENTIALS = gettext_noop("The operator's proxy asks for other credentials (%(status)s).")
    PROXY_FORBIDS = gettext_noop("The operator's proxy does not allow connections to %(target)s (%(status)s).")
    PROXY_FAILED = gettext_noop("The operator's proxy could not reach %(target)s (%(status)s).")

    # of a request that cannot be sent
    BAD_URL = gettext_noop("The URL cannot be used.")
    URL_TOO_LONG = gettext_noop("The URL is longer than %(most)s characters.")
    URL_SCHEME = gettext_noop("The URL begins with %(scheme)s://; only https:// and http:// can be used.")
    BAD_METHOD = gettext_noop("%(method)s is not a supported method.")
    GET_WITH_BODY = gettext_noop("A GET request carries no body.")
    TOO_MANY_HEADERS = gettext_noop("There are more than %(most)s headers.")
    BAD_HEADER = gettext_noop("The header %(name)s %(problem)s.")
    NOT_SENDABLE = gettext_noop("The request to %(target)s contains something that cannot be sent.")
    NO_SECRET = gettext_noop("The connection has no %(secret)s.")
    WRONG_KEY = gettext_noop("No key decrypts this secret: it was encrypted with another key, or it is damaged. (%(place)s)")
    MISPLACED_SECRET = gettext_noop("This secret was encrypted for another place. (%(place)s)")

    # of signing in by OAuth2
    NOT_CONNECTED_YET = gettext_noop("This connection is not connected yet, or its OAuth2 settings have changed since. Connect again.")
    NO_RENEWAL = gettext_noop("No longer connected: %(who)s gave no means to renew the access. Connect again.")
    RENEWAL_REFUSED = gettext_noop("No longer connected: %(who)s does not renew the access (invalid_grant). Connect again.")
    SIGN_IN_REFUSED = gettext_noop("%(who)s did not accept the sign-in (invalid_grant). Connect again.")
    GRANT_REFUSED = gettext_noop("%(who)s refused to give access (%(error)s). Connect again.")
    CLIENT_REFUSED = gettext_noop(
        "%(who)s does not accept the Client Id or the Client Secret (invalid_client). Enter both again in Connection Setup."
    )
    SCOPE_REFUSED = gettext_noop("%(who)s does not grant the scope “%(scope)s” (invalid_scope). Ask its administrator for the right one.")
    NO_SCOPE_REFUSED = gettext_noop(
        "%(who)s does not grant access without a scope (invalid_scope). Ask its administrator for the right one."
    )
    GRANT_TYPE_REFUSED = gettext_noop("%(who)s does not allow the Grant Type “%(grant)s” for this client (%(error)s).")
    ACCESS_REFUSED = gettext_noop("%(who)s refused to give access (%(error)s).")
    NO_TOKEN_ANSWERED = gettext_noop("No access token: %(who)s answered %(status)s.")
    TOKEN_REDIRECT = gettext_noop("%(who)s answered %(status)s, a redirect: this is not the address that issues tokens.")
    WITHOUT_TOKEN = gettext_noop(
        "%(who)s answered %(status)s without an access token: check the Access Token URL and the Refresh Token URL."
    )
    STOPPED_BEFORE_TOKEN = gettext_noop("%(who)s had not answered when this process stopped.")
    OTHERS_ASK = gettext_noop("Another process has been asking %(who)s for too long. Test again.")
    TOKEN_NOT_ASKED = gettext_noop("Heliograph itself could not ask for an access token.")

    # of what keeps an action from beginning
    OTHER_MODE = gettext_noop("It was made in %(then)s, but the flow is now %(now)s.")
    FLOW_OFF = gettext_noop("The flow is switched off.")
    FLOW_WATCHES_ELSE = gettext_noop("The flow now watches something else.")
    FLOW_INCOMPLETE = gettext_noop("The flow is incomplete.")
    CONTENT_GONE = gettext_noop("The content of this change is gone: its retention has ended.")
    MAPPING_THEN_GONE = gettext_noop("The mapping that it was sent with is no longer kept. Submit it to send it with today's mapping.")
    INTERNAL_ERROR = gettext_noop("Heliograph failed with an internal error: %(error)s.")
    POISON = gettext_noop("It was in flight at three crashes of its worker.")


class AttemptReason(_Template):
    """A clause within such a sentence: why the guard blocks an address."""

    WRAPPED = gettext_noop("%(address)s is %(inner)s in %(form)s form, and %(why)s")
    NO_ADDRESS = gettext_noop("%(address)s is not an address")
    OTHER_PROTOCOL = gettext_noop("port %(port)s belongs to a protocol other than HTTP")
    PLAIN = gettext_noop("%(address)s is a public address, and anybody on the way can read what is sent by http://; use https://")
    MULTICAST = gettext_noop("%(address)s is a multicast address")
    CLOUD = gettext_noop("%(address)s is %(what)s; only an entry for exactly this address allows it")
    SPECIAL = gettext_noop("%(address)s is %(what)s, and the operator has not allowed that network")
    OF_NETWORK = gettext_noop("%(kind)s (%(network)s)")
