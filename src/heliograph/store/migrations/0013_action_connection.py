"""An action stores the connection that it was sent over (X2a), since its destination may get another one.

Actions of older releases have none until they are tried again: their attempts tell it (`store.queue.action_rows.own_connection`).
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0012_retries_that_delivered")]
    operations: ClassVar = [migrations.AddField("Action", "connection_id", models.BigIntegerField(null=True))]
