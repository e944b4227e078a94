"""API tokens get a role. Existing tokens keep their rights: their scopes are unchanged, and no role limits them."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds the column."""

    dependencies: ClassVar = [("accounts", "0005_digests_of_recovery_codes")]

    operations: ClassVar = [
        migrations.AddField(
            "apitoken",
            "role",
            models.CharField(
                choices=[("Administrator", "Administrator"), ("Planner", "Planner"), ("Viewer", "Viewer")],
                db_default="Administrator",
                default="Administrator",
                max_length=20,
                verbose_name="role",
            ),
        ),
    ]
