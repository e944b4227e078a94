"""No row names a row of another account, whatever the code above forgets."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from heliograph.store.tenancy import SameAccount


class Migration(migrations.Migration):
    dependencies: ClassVar = [("replay", "0001_initial"), ("store", "0002_plain_sql")]
    operations: ClassVar = [
        SameAccount("replay_line", "replay_id", "replay"),
    ]
