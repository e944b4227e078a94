"""Since when a connection delivers nothing, though it is tried: `/metrics` counts those that fail for long (O2)."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

import heliograph.store.instant_field


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0007_backups")]
    operations: ClassVar = [migrations.AddField("ConnectionState", "failing_since", heliograph.store.instant_field.MicrosField(null=True))]
