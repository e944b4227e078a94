"""The attribute of the column `held` has a name that says what it is; the table stays as it is."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("notifications", "0001_initial")]

    operations: ClassVar = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("Message", "held", "in_quiet_hours"),
                migrations.AlterField(
                    "Message", "in_quiet_hours", models.BooleanField(db_column="held", db_default=False, default=False)
                ),
            ]
        )
    ]
