"""Recovery codes that were shown are stored as digests: their sealed seed goes."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations


def store_digests(apps: Any, _editor: Any) -> None:
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes  # noqa: PLC0415

    from heliograph.accounts.recovery_codes import digests_of  # noqa: PLC0415

    for row in apps.get_model("mfa", "Authenticator").objects.filter(type="recovery_codes"):
        if row.data.get("viewed_at") and "digests" not in row.data:
            row.data = digests_of(RecoveryCodes(row).get_unused_codes())
            row.save(update_fields=["data"])


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0004_sign_in_rules"), ("mfa", "0003_authenticator_type_uniq")]
    operations: ClassVar = [migrations.RunPython(store_digests, migrations.RunPython.noop, elidable=False)]
