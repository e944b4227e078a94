"""People can be erased, and sources propose it (B7)."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

import heliograph.store.instant_field


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0009_traceparent")]
    operations: ClassVar = [
        migrations.AddField("Registration", "erased_at", heliograph.store.instant_field.MicrosField(null=True)),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("account_id", models.BigIntegerField()),
                ("job_id", models.BigIntegerField(null=True)),
                ("why", models.CharField(max_length=20)),
                ("reference", models.CharField(db_default="", max_length=60)),
                ("by", models.CharField(max_length=60)),
                ("begun", heliograph.store.instant_field.MicrosField()),
                ("ended", heliograph.store.instant_field.MicrosField(null=True)),
                ("registrations", models.IntegerField()),
                ("counts", models.JSONField(default=dict)),
                ("applications", models.JSONField(default=list)),
            ],
            options={
                "db_table": "erasure",
                "indexes": [models.Index(fields=["account_id", "-id"], name="erasure_of_account")],
            },
        ),
        migrations.CreateModel(
            name="ErasureKey",
            fields=[("account_id", models.BigIntegerField(primary_key=True, serialize=False)), ("key", models.BinaryField())],
            options={"db_table": "erasure_key"},
        ),
        migrations.CreateModel(
            name="ErasedCode",
            fields=[
                ("pk", models.CompositePrimaryKey("event_id", "digest", blank=True, editable=False, primary_key=True, serialize=False)),
                ("event_id", models.BigIntegerField()),
                ("digest", models.CharField(max_length=64)),
                ("account_id", models.BigIntegerField()),
                ("at", heliograph.store.instant_field.MicrosField()),
            ],
            options={"db_table": "erased_code"},
        ),
        migrations.CreateModel(
            name="ErasureProposal",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("account_id", models.BigIntegerField()),
                ("registration_id", models.BigIntegerField()),
                ("by", models.CharField(max_length=60)),
                ("at", heliograph.store.instant_field.MicrosField()),
                ("decision", models.CharField(db_default="", max_length=10)),
                ("decided", heliograph.store.instant_field.MicrosField(null=True)),
                ("decided_by", models.CharField(db_default="", max_length=60)),
            ],
            options={
                "db_table": "erasure_proposal",
                "constraints": [models.UniqueConstraint(fields=("registration_id",), name="erasure_proposal_once")],
                "indexes": [
                    models.Index(condition=models.Q(("decision", "")), fields=["account_id", "id"], name="erasure_proposal_open")
                ],
            },
        ),
    ]
