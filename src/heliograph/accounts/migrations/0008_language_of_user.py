"""A user chooses a language. Existing users have chosen none: the browser decides."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds the column."""

    dependencies: ClassVar = [("accounts", "0007_saved_view")]

    operations: ClassVar = [
        migrations.AddField("user", "language", models.CharField(blank=True, db_default="", default="", editable=False, max_length=12)),
    ]
