"""How many gaps the ledger counted last of each source (S9)."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

import heliograph.store.instant_field


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sources", "0007_asked_at")]
    operations: ClassVar = [
        migrations.AddField("source", "gaps", models.IntegerField(blank=True, null=True)),
        migrations.AddField("source", "gaps_counted", heliograph.store.instant_field.MicrosField(blank=True, null=True)),
    ]
