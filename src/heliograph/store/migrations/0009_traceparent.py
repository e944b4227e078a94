"""The trace that a change belongs to, so that its deliveries, and retries days later, do too (O21)."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0008_failing_since")]
    operations: ClassVar = [migrations.AddField("Change", "traceparent", models.CharField(max_length=55, null=True))]
