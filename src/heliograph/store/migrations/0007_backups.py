"""Backups that were made, and accounts of a restored copy (O13, O14)."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

import heliograph.store.instant_field


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0006_attempt_cause")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="BackupRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("begun", heliograph.store.instant_field.MicrosField()),
                ("ended", heliograph.store.instant_field.MicrosField(null=True)),
                ("scheduled", models.BooleanField()),
                ("file", models.CharField(db_default="", max_length=1000)),
                ("size", models.BigIntegerField(null=True)),
                ("failure", models.CharField(db_default="", max_length=1000)),
            ],
            options={"db_table": "backup_run"},
        ),
        migrations.CreateModel(
            name="RestoredCopyRow",
            fields=[
                ("account_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("instant", heliograph.store.instant_field.MicrosField()),
                ("last_change", heliograph.store.instant_field.MicrosField(null=True)),
                ("restored", heliograph.store.instant_field.MicrosField()),
                ("released", heliograph.store.instant_field.MicrosField(null=True)),
                ("released_by", models.CharField(db_default="", max_length=60)),
            ],
            options={"db_table": "restored_copy"},
        ),
    ]
