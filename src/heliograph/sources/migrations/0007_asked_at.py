"""When a person asked for a reading: one that began before does not answer it (S1, S3)."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

import heliograph.store.instant_field


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sources", "0006_doorbells")]
    operations: ClassVar = [migrations.AddField("source", "asked_at", heliograph.store.instant_field.MicrosField(null=True, blank=True))]
