"""Folds the search text of registrations anew: accents do not count any more."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.db import migrations

CHUNK = 1_000
_ACCENTS = dict.fromkeys(range(0x0300, 0x0370))


def folded(text: str) -> str:
    """As `store.registrations.folded` was when this was written."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFKC", apart.translate(_ACCENTS))


def fold_again(apps: Any, schema_editor: Any) -> None:
    """Only rows whose text differs then; a chunk at a time. What somebody saves meanwhile stays: its text is compared, and folded already."""
    registrations = apps.get_model("store", "Registration")._base_manager
    last = 0
    while rows := list(registrations.filter(pk__gt=last).order_by("pk").values_list("pk", "search")[:CHUNK]):
        last = rows[-1][0]
        for id, search in rows:
            if not search.isascii() and (text := folded(search)) != search:
                registrations.filter(pk=id, search=search).update(search=text)


class Migration(migrations.Migration):
    dependencies = (("store", "0005_connection_tests"),)
    operations = (migrations.RunPython(fold_again, migrations.RunPython.noop),)
