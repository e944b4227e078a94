"""Rows of watched folders that were refused: the ledger names them (S7, S9)."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import heliograph.store.instant_field
from heliograph.store.tenancy import SameAccount


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sources", "0008_gaps")]
    lint_exceptions: ClassVar = dict.fromkeys(
        ("ADD_UNIQUE", "require-concurrent-index-creation", "adding-foreign-key-constraint"),
        "The table is new: nothing is in it, and no release before writes to it.",
    )
    operations: ClassVar = [
        migrations.CreateModel(
            name="SourceRefusedRow",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("account_id", models.BigIntegerField()),
                ("at", heliograph.store.instant_field.MicrosField()),
                ("job_id", models.BigIntegerField()),
                ("file", models.CharField(max_length=100)),
                ("kept_as", models.CharField(max_length=200)),
                ("line", models.IntegerField()),
                ("event", models.CharField(max_length=200)),
                ("code", models.CharField(max_length=200)),
                ("sent_modified", heliograph.store.instant_field.MicrosField(null=True)),
                ("problem", models.TextField()),
                (
                    "source",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sources.source", db_index=False),
                ),
            ],
            options={"db_table": "source_refused_row"},
        ),
        migrations.AddIndex(
            model_name="sourcerefusedrow", index=models.Index(fields=["source", "event", "code"], name="source_refused_row_address")
        ),
        SameAccount("source_refused_row", "source_id", "source"),
    ]
