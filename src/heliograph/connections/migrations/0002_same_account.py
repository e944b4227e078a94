"""The database refuses a row that refers to a row of another account, even if the code does not check that."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from heliograph.store.tenancy import SameAccount


class Migration(migrations.Migration):
    dependencies: ClassVar = [("connections", "0001_initial"), ("store", "0002_plain_sql")]
    operations: ClassVar = [
        SameAccount("oauth_access", "connection_id", "connection"),
    ]
