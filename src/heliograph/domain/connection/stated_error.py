"""The error code in a response: about an access token (RFC 6750 §3.1) or a client (RFC 6749 §5.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from heliograph.domain.connection.target_response import TargetResponse

INSUFFICIENT_SCOPE: Final = "insufficient_scope"
OF_SIGN_IN: Final = frozenset({"invalid_token", "invalid_client", "invalid_grant", "unauthorized_client", "expired_token"})
"""Codes that say that the proof of who sends was not accepted."""
LONGEST_CODE: Final = 40
_STATED_IN_HEADER: Final = re.compile(r"""\berror\s*=\s*"?([a-z_]{1,40})""")


def stated_error(response: TargetResponse) -> str:
    """The known error code in `WWW-Authenticate`, in `error` of the JSON, or as the whole text of a response; "" for none."""
    known = OF_SIGN_IN | {INSUFFICIENT_SCOPE}
    challenge = next((text for name, text in response.headers if name.lower() == "www-authenticate"), "")
    in_header = _STATED_IN_HEADER.search(challenge)
    if in_header and in_header[1] in known:
        return in_header[1]
    if not isinstance(response.json, Mapping):
        text = response.text[:LONGEST_CODE].strip()
        return text if text in known else ""
    error = response.json.get("error")
    code = error.get("code") if isinstance(error, Mapping) else error
    return code if isinstance(code, str) and code in known else ""
