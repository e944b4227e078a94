"""The table of saved fixes that runs waiting for a tag are compared with (F7, D7)."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

import heliograph.store.instant_field


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0002_plain_sql")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="SavedCure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("account_id", models.BigIntegerField()),
                ("flow_id", models.BigIntegerField(null=True)),
                ("objects_tagged", models.TextField()),
                ("reached", models.BigIntegerField(db_default=0)),
                ("created", heliograph.store.instant_field.MicrosField()),
            ],
            options={
                "db_table": "saved_cure",
                "indexes": [models.Index(fields=["account_id", "id"], name="saved_cure_of_account")],
            },
        ),
    ]
