"""A form in which something is typed asks before the page is left (static/heliograph/ui.js)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.architecture import source

TEMPLATES = sorted(source.PACKAGE.rglob("*.html"))
FORM = re.compile(r"<form\b([^>]*(?:\{%.*?%\}[^>]*)*)>(.*?)</form>", re.DOTALL)
TYPED = re.compile(r"components/fields\.html|components/platform_tags\.html|<textarea|components/field\.html")
ASKED_ELSEWHERE = {
    "mappings/mapping.html": "mapping.js asks",
    "accounts": "signing in: a password is not kept",
    "administration/one_time_link.html": "a password is not kept",
    "administration/first_start.html": "a password is not kept",
    "registrations/import_columns.html": "choices about a file, which is still there",
    "registrations/import_dry_run.html": "choices about a file, which is still there",
    "registrations/import_upload.html": "a file",
    "replay/run.html": "a rate and a reason for a dry run, which is still there",
    "retry/download.html": "columns to tick",
    "connections/release.html": "a rate for once",
}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(source.PACKAGE)))
def test_a_form_in_which_something_is_typed_asks_before_the_page_is_left(path: Path) -> None:
    name = str(path.relative_to(source.PACKAGE))
    if any(f"/{each}" in f"/{name}" or name.startswith(f"{each}/") for each in ASKED_ELSEWHERE):
        return
    for attributes, inside in FORM.findall(path.read_text("utf-8")):
        if 'method="post"' in attributes and TYPED.search(inside):
            assert "data-unsaved" in attributes, f"{name}: <form{attributes}>"
