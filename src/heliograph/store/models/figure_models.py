"""The figures of Insights: what each transaction adds, and the sums (docs/design/figures.md)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django_scopes import ScopedManager


class FigureDelta(models.Model):
    """The amount that a transaction adds to a figure (docs/design/figures.md); folded later. `serials`: registrations for the bitmaps."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    minute = models.IntegerField()  # minutes since the epoch, in the measure's own time
    mode = models.SmallIntegerField()
    integration = models.SmallIntegerField()
    flow_id = models.BigIntegerField(db_default=0)
    connection_id = models.BigIntegerField(db_default=0)
    category = models.SmallIntegerField(db_default=0)
    measure = models.SmallIntegerField()
    n = models.BigIntegerField()
    serials = models.BinaryField(null=True)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "figure_delta"
        indexes = (models.Index(fields=("account_id", "minute"), name="figure_delta_minute"),)


class _Sum(models.Model):
    """A sum of deltas; which span of time it is of is its class's."""

    account_id = models.BigIntegerField()
    mode = models.SmallIntegerField()
    integration = models.SmallIntegerField()
    flow_id = models.BigIntegerField()
    connection_id = models.BigIntegerField()
    category = models.SmallIntegerField()
    measure = models.SmallIntegerField()
    n = models.BigIntegerField()

    class Meta:
        abstract = True


class FigureSum(_Sum):
    """Folded deltas, per minute."""

    pk = models.CompositePrimaryKey("account_id", "minute", "mode", "integration", "flow_id", "connection_id", "category", "measure")
    minute = models.IntegerField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "figure_sum"


class FigureHour(_Sum):
    """Deltas summed by hour, for long periods."""

    pk = models.CompositePrimaryKey("account_id", "hour", "mode", "integration", "flow_id", "connection_id", "category", "measure")
    hour = models.IntegerField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "figure_hour"


class FigureBitmap(models.Model):
    """Distinct registrations by hour and day, and by minute where retention removed the changes: serialised roaring bitmaps of serials."""

    MINUTE, HOUR, DAY = 1, 60, 1440

    pk = models.CompositePrimaryKey("account_id", "unit", "bucket", "mode", "integration")
    account_id = models.BigIntegerField()
    unit = models.SmallIntegerField()  # minutes in a bucket: 1, 60 or 1440
    bucket = models.IntegerField()
    mode = models.SmallIntegerField()
    integration = models.SmallIntegerField()
    bits = models.BinaryField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "figure_bitmap"


class PeopleSent(models.Model):
    """The registrations that a connection was sent something for in five minutes, an hour or a day: a serialised roaring bitmap of serials."""

    SLOT, HOUR, DAY = 5, 60, 1440

    pk = models.CompositePrimaryKey("account_id", "unit", "bucket", "mode", "connection_id", "replays")
    account_id = models.BigIntegerField()
    unit = models.SmallIntegerField()  # minutes in a bucket: 5, 60 or 1440
    bucket = models.IntegerField()
    mode = models.SmallIntegerField()
    connection_id = models.BigIntegerField()  # 0 for the row that carries the figure
    replays = models.SmallIntegerField()
    n = models.BigIntegerField()  # the figure: how many deliveries the bucket had when this was made
    bits = models.BinaryField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "people_sent"
