"""Folds the search text of registrations anew: accents do not count any more."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from heliograph.store.registrations import folded

CHUNK = 1_000


def fold_again(apps: Any, schema_editor: Any) -> None:
    """Only rows whose text differs then; a chunk at a time."""
    registrations = apps.get_model("store", "Registration")._base_manager
    last = 0
    while rows := list(registrations.filter(pk__gt=last).order_by("pk").only("pk", "search")[:CHUNK]):
        last = rows[-1].pk
        changed = []
        for row in rows:
            text = folded(row.search)
            if text != row.search:
                row.search = text
                changed.append(row)
        registrations.bulk_update(changed, ["search"])


class Migration(migrations.Migration):
    dependencies = (("store", "0005_connection_tests"),)
    operations = (migrations.RunPython(fold_again, migrations.RunPython.noop),)
