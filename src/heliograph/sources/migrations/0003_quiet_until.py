"""Which calls of a source are recorded without flows (P9)."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sources", "0002_same_account")]
    operations: ClassVar = [migrations.AddField("source", "quiet_until", models.BigIntegerField(blank=True, null=True))]
