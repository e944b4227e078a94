"""What a reader knows of each item of a list, and the job that reads a source (S3)."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import heliograph.store.instant_field
from heliograph.store.tenancy import SameAccount


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sources", "0003_quiet_until")]
    lint_exceptions: ClassVar = dict.fromkeys(
        ("ADD_UNIQUE", "require-concurrent-index-creation", "constraint-missing-not-valid", "adding-foreign-key-constraint"),
        "The table is new: nothing is in it, and no release before writes to it.",
    )
    operations: ClassVar = [
        migrations.AddField("source", "reader_job", models.BigIntegerField(null=True, blank=True)),
        migrations.CreateModel(
            name="SourceItem",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("account_id", models.BigIntegerField()),
                ("key", models.CharField(max_length=200)),
                ("digest", models.BinaryField()),
                ("modified", heliograph.store.instant_field.MicrosField(null=True)),
                ("sweep", models.BigIntegerField(db_default=0)),
                ("missing", models.SmallIntegerField(db_default=0)),
                ("gone", models.SmallIntegerField(db_default=0)),
                ("documents", models.TextField(db_default="[]")),
                (
                    "source",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sources.source", db_index=False),
                ),
            ],
            options={"db_table": "source_item"},
        ),
        migrations.AddConstraint(
            model_name="sourceitem",
            constraint=models.UniqueConstraint(fields=("source", "key"), name="source_item_once"),
        ),
        migrations.AddIndex(
            model_name="sourceitem",
            index=models.Index(fields=["source", "missing"], condition=models.Q(missing__gt=0, gone=0), name="source_item_missing"),
        ),
        SameAccount("source_item", "source_id", "source"),
    ]
