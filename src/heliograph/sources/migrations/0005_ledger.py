"""What the ledger compares: the time of change of each item, and which registrations each source recorded (S9)."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import heliograph.store.instant_field
from heliograph.store.tenancy import SameAccount


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sources", "0004_source_items")]
    lint_exceptions: ClassVar = dict.fromkeys(
        ("ADD_UNIQUE", "require-concurrent-index-creation", "constraint-missing-not-valid", "adding-foreign-key-constraint"),
        "The table is new: nothing is in it, and no release before writes to it.",
    )
    operations: ClassVar = [
        migrations.AddField("sourceitem", "sent_modified", heliograph.store.instant_field.MicrosField(null=True)),
        migrations.CreateModel(
            name="SourceRegistration",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("account_id", models.BigIntegerField()),
                ("registration_id", models.BigIntegerField()),
                (
                    "source",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sources.source", db_index=False),
                ),
            ],
            options={"db_table": "source_registration"},
        ),
        migrations.AddConstraint(
            model_name="sourceregistration",
            constraint=models.UniqueConstraint(fields=("source", "registration_id"), name="source_registration_once"),
        ),
        SameAccount("source_registration", "source_id", "source"),
    ]
