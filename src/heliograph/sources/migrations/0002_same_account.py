"""The database refuses a row that refers to a row of another account, even if the code does not check that."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from heliograph.store.tenancy import SameAccount


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sources", "0001_initial"), ("store", "0002_plain_sql")]
    lint_exceptions: ClassVar = dict.fromkeys(
        ("ADD_UNIQUE", "require-concurrent-index-creation", "constraint-missing-not-valid", "adding-foreign-key-constraint"),
        "The tables are new: nothing is in them, and no release before writes to them.",
    )
    operations: ClassVar = [
        SameAccount("source_secret", "source_id", "source"),
        SameAccount("source_call", "source_id", "source"),
        SameAccount("source_refusal", "source_id", "source"),
    ]
