"""Doorbells of sources that are read: what they announced, and the changes that none did (S4, S9)."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import heliograph.store.instant_field
from heliograph.store.tenancy import SameAccount


def _source() -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sources.source", db_index=False)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sources", "0005_ledger")]
    lint_exceptions: ClassVar = dict.fromkeys(
        ("ADD_UNIQUE", "require-concurrent-index-creation", "constraint-missing-not-valid", "adding-foreign-key-constraint"),
        "The tables are new: nothing is in them, and no release before writes to them.",
    )
    operations: ClassVar = [
        migrations.AddField("sourceitem", "sessions", models.TextField(null=True)),
        migrations.AddField("sourceitem", "found_at", heliograph.store.instant_field.MicrosField(null=True)),
        migrations.CreateModel(
            name="SourceRing",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("account_id", models.BigIntegerField()),
                ("key", models.CharField(max_length=200)),
                ("at", heliograph.store.instant_field.MicrosField()),
                ("count", models.IntegerField()),
                ("source", _source()),
            ],
            options={"db_table": "source_ring"},
        ),
        migrations.CreateModel(
            name="SourceChanges",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("account_id", models.BigIntegerField()),
                ("hour", heliograph.store.instant_field.MicrosField()),
                ("announced", models.IntegerField()),
                ("unannounced", models.IntegerField()),
                ("first_unannounced", heliograph.store.instant_field.MicrosField(null=True)),
                ("last_unannounced", heliograph.store.instant_field.MicrosField(null=True)),
                ("source", _source()),
            ],
            options={"db_table": "source_changes"},
        ),
        migrations.AddConstraint(
            model_name="sourcering", constraint=models.UniqueConstraint(fields=("source", "key"), name="source_ring_once")
        ),
        migrations.AddConstraint(
            model_name="sourcechanges", constraint=models.UniqueConstraint(fields=("source", "hour"), name="source_changes_once")
        ),
        SameAccount("source_ring", "source_id", "source"),
        SameAccount("source_changes", "source_id", "source"),
    ]
