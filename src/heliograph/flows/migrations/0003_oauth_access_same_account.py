"""Tokens belong to a connection of the same account."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from heliograph.store.tenancy import SameAccount


class Migration(migrations.Migration):
    dependencies: ClassVar = [("flows", "0002_same_account"), ("store", "0003_oauth_access")]
    operations: ClassVar = [SameAccount("oauth_access", "connection_id", "connection")]
