"""The database refuses a row that refers to a row of another account, even if the code does not check that."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from heliograph.store.tenancy import SameAccount


class Migration(migrations.Migration):
    dependencies: ClassVar = [("mappings", "0001_initial"), ("setup", "0002_same_account")]
    operations: ClassVar = [
        SameAccount("mapping_tag", "mapping_id", "mapping"),
        SameAccount("mapping_tag", "tag_id", "tag"),
        SameAccount("mapping_field", "mapping_id", "mapping"),
        SameAccount("mapping_field", "field_id", "custom_field"),
    ]
