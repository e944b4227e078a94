"""Recovery codes: shown once, and stored from then on as digests (docs/design/security.md, section 4).

allauth stores a sealed seed, from which all codes follow, so that the database and the key together reveal them. We delete the seed once the
codes have been shown. The digest is slow, because a code has only eight digits: a fast digest could be searched through in a second. The ten
codes of a user share one salt, so that a typed code costs one digest, not ten.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from typing import Any, Final

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from django.db import transaction

COST: Final = 2**14
"""scrypt's n: 16 MB and about 50 ms for a typed code."""


def digested(codes: Iterable[str], salt: str) -> list[str]:
    """The digests of codes, hexadecimal."""
    texts = (normalize_user_code(code).encode() for code in codes)
    return [hashlib.scrypt(text, salt=bytes.fromhex(salt), n=COST, r=8, p=1, dklen=32).hex() for text in texts]


def digests_of(codes: Iterable[str]) -> dict[str, Any]:
    """The data of the row for codes that have been shown."""
    salt = secrets.token_hex(16)
    return {"salt": salt, "digests": digested(codes, salt), "viewed_at": time.time()}


def count_codes(row: Authenticator) -> int:
    """How many of a user's codes are unused."""
    return len(row.data["digests"]) if "digests" in row.data else len(row.wrap().get_unused_codes())


def show_once(user_id: int) -> tuple[list[str], int] | None:
    """A user's codes, if they were not shown before, and the number of unused ones. From now on only digests are stored. None without any codes.

    The digests take half a second, during which SQLite would have no other writer, so they are computed before the transaction. If the codes
    have changed by then, the new codes are read.
    """
    while True:
        row = Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.RECOVERY_CODES).first()
        if row is None:
            return None
        if "digests" in row.data:
            return [], count_codes(row)
        before = copy.deepcopy(row.data)
        codes = row.wrap().get_unused_codes()
        if replace_data(row, before, digests_of(codes)):
            return [] if before.get("viewed_at") else codes, len(codes)


def replace_data(row: Any, before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Replaces the contents of a row. Returns False, and stores nothing, if somebody else has changed them since they were read."""
    rows = type(row).objects
    with transaction.atomic():
        current = rows.select_for_update().filter(pk=row.pk).first()
        if current is None or current.data != before:
            return False
        current.data = after
        current.save(update_fields=["data"])
    return True


def use_code(row: Authenticator, code: str) -> bool:
    """Uses up a code. Returns False if it is none of the user's unused codes."""
    while True:
        row = Authenticator.objects.get(pk=row.pk)
        if "digests" not in row.data:
            with transaction.atomic():
                row = Authenticator.objects.select_for_update().get(pk=row.pk)
                if "digests" not in row.data:
                    return bool(row.wrap().validate_code(code))
        (typed,) = digested([code[:100]], row.data["salt"])  # outside the transaction: 50 ms
        left = [digest for digest in row.data["digests"] if not hmac.compare_digest(digest, typed)]
        if len(left) == len(row.data["digests"]):
            return False
        if replace_data(row, row.data, {**row.data, "digests": left}):
            return True


class _CodeForm(BaseAuthenticateForm):  # type: ignore[misc]
    """Takes a code of the app, or a recovery code."""

    def clean_code(self) -> str:
        """Checks the code as allauth does, but recovery codes by their digests, which allauth does not know."""
        rows = {row.type: row for row in Authenticator.objects.filter(user=self.user)}
        app, recovery = rows.get(Authenticator.Type.TOTP), rows.get(Authenticator.Type.RECOVERY_CODES)
        if app is None or recovery is None or "digests" not in recovery.data:
            return str(super().clean_code())
        clear_tries = check_rate_limit(self.user)
        code = str(self.cleaned_data["code"])
        used = app if app.wrap().validate_code(code) else recovery if use_code(recovery, code) else None
        if used is None:
            self._emit_authentication_failed(app)
            raise get_adapter().validation_error("incorrect_code")
        used.user, self.authenticator = self.user, used
        clear_tries()
        return code


class CodeForm(_CodeForm, AuthenticateForm):  # type: ignore[misc]
    """The form of the sign-in."""


class ConfirmingCodeForm(_CodeForm, ReauthenticateForm):  # type: ignore[misc]
    """The form before a change of the user's own access."""
