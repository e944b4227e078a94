"""Recovery codes that were shown become digests, and their encrypted seed is deleted.

The digests of one user take half a second. They are computed outside a transaction and stored one user at a time, so no writer waits long.
An interrupted migration continues where it stopped. A seed that the key cannot decrypt stays as it is: its user can make new codes.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import structlog
from django.db import migrations

log = structlog.get_logger(__name__)


def store_digests(apps: Any, _editor: Any) -> None:
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes  # noqa: PLC0415

    from heliograph.accounts.recovery_codes import digests_of, replace_data  # noqa: PLC0415
    from heliograph.store.secrets import SecretError  # noqa: PLC0415

    for row in list(apps.get_model("mfa", "Authenticator").objects.filter(type="recovery_codes").order_by("id")):
        if not row.data.get("viewed_at") or "digests" in row.data:
            continue
        before = copy.deepcopy(row.data)
        try:
            codes = RecoveryCodes(row).get_unused_codes()
        except SecretError as error:
            log.warning("recovery_codes_not_opened", user=row.user_id, error=type(error).__name__)
            continue
        replace_data(row, before, digests_of(codes))


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("accounts", "0004_sign_in_rules"), ("mfa", "0003_authenticator_type_uniq")]
    operations: ClassVar = [migrations.RunPython(store_digests, migrations.RunPython.noop, elidable=False)]
