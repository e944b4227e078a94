"""Indexes that the two databases make differently."""

from __future__ import annotations

from typing import Any

from django.db import models


class CoveringIndex(models.Index):
    """An index that on SQLite also holds the columns `also`, so that they are read there and not from the rows.

    PostgreSQL refuses an entry of more than 2,704 bytes, and texts can be longer; SQLite takes any. An index of the model and not plain
    SQL of a migration, since Django's SQLite remakes a table on any alteration, with the indexes that it knows.
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
