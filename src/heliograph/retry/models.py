"""The rows of a download of the Retry Queue. They are stored for a day, so that exactly these items can be submitted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django_scopes import ScopedManager


class DownloadedRow(models.Model):
    """One row of a download: an item of the Retry Queue, as it was then. Written in the transaction that saves its job's cursor."""

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="+")
    n = models.IntegerField()  # its place in the file, from 1
    item = models.CharField(max_length=20)  # a12 for an action, r34 for a run
    registration_id = models.BigIntegerField(null=True)
    cells = models.TextField()  # JSON: every column, in the order of downloads.COLUMNS

    objects: ClassVar = ScopedManager(account="job__account")

    class Meta:
        db_table = "retry_download_row"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=("job", "n"), name="retry_download_row_once"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} {self.n}"
