"""Indexes that differ between the two databases."""

from __future__ import annotations

from typing import Any

from django.db import models


class CoveringIndex(models.Index):
    """An index that on SQLite also contains the columns `also`, so that queries need not read the rows.

    PostgreSQL refuses entries of more than 2,704 bytes, and texts can be longer; SQLite has no limit. It belongs to the model and is not
    plain SQL in a migration, because Django recreates a SQLite table on any alteration and keeps only the indexes it knows.
    """

    def __init__(self, *, also: tuple[str, ...] = (), **given: Any) -> None:
        super().__init__(**given)
        self.also = tuple(also)

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "also": self.also}

    def create_sql(self, model: type[models.Model], schema_editor: Any, using: str = "", **kwargs: Any) -> Any:
        if schema_editor.connection.vendor != "sqlite":
            return super().create_sql(model, schema_editor, using, **kwargs)
        return models.Index(fields=(*self.fields, *self.also), name=self.name).create_sql(model, schema_editor, using, **kwargs)
