"""The registrations that each connection was sent something for, by hour and day (X2)."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0010_erasure")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="PeopleSent",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "unit",
                        "bucket",
                        "mode",
                        "connection_id",
                        "replays",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("unit", models.SmallIntegerField()),
                ("bucket", models.IntegerField()),
                ("mode", models.SmallIntegerField()),
                ("connection_id", models.BigIntegerField()),
                ("replays", models.SmallIntegerField()),
                ("n", models.BigIntegerField()),
                ("bits", models.BinaryField()),
            ],
            options={"db_table": "people_sent"},
        ),
    ]
