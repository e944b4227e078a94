"""The docs match the code: settings, commands, links."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from scripts import reference
from tests.architecture import source
from typer.core import TyperGroup

from heliograph.__main__ import app
from heliograph.options import Options

GUIDE = source.ROOT / "docs" / "guide"
DOCUMENTS = tuple(sorted([*source.ROOT.glob("*.md"), *(source.ROOT / "docs").rglob("*.md")]))


@pytest.mark.parametrize("name", reference.PAGES)
def test_O1_every_setting_and_every_command_is_documented(name: str) -> None:
    assert (reference.REFERENCE / name).read_text("utf-8") == reference.current(name, reference.PAGES[name]()), "run `make docs`"


def test_an_endpoint_without_a_docstring_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    reference.api()
    from heliograph.api.endpoints.tag_endpoints import Tags

    read = Tags.api_endpoints["GET"]  # with what the library took from the docstring
    monkeypatch.setattr(read, "metadata", replace(read.metadata, summary=None, description=None))
    with pytest.raises(LookupError, match=r"tag_endpoints\.Tags\.get has no docstring. Write one"):
        reference.api()


def test_every_setting_says_what_it_is() -> None:
    assert not [name for name, field in Options.model_fields.items() if not field.description]


def test_every_command_and_option_has_a_help_text() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    silent = []
    for name, command in reference.walk(group):
        if not command.help:
            silent.append(name)
        silent += [
            f"{name} {each.name}" for each in command.params if not getattr(each, "help", None) and not getattr(each, "hidden", False)
        ]
    assert not silent


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(source.ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```|<!--.*?-->|`[^`\n]*`", "", document.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        parts = urllib.parse.urlsplit(target)
        if parts.scheme or not parts.path:
            continue
        path = urllib.parse.unquote(parts.path)
        folders = [
            document.parent,
            *([GUIDE] if document.parent.parent == GUIDE else []),
        ]  # a chapter without a translation is read in English
        assert any((folder / path).exists() for folder in folders), f"{document.name} links to {target}, which is not there"


def test_every_picture_is_shown_and_small() -> None:
    pictures = sorted((source.ROOT / "docs" / "pictures").iterdir())
    assert pictures, "run `make pictures`"
    shown = "".join(document.read_text("utf-8") for document in DOCUMENTS)
    for picture in pictures:
        assert f"pictures/{picture.name})" in shown, f"no document shows {picture.name}"
        assert picture.stat().st_size <= 150_000, (
            f"{picture.name} is too large to be looked at on the way; `make pictures` takes smaller ones"
        )


def test_every_package_is_in_the_map() -> None:
    text = (source.ROOT / "ARCHITECTURE.md").read_text("utf-8")
    packages = {path.parent.name for path in source.PACKAGE.glob("*/__init__.py")}
    missing = {name for name in packages if f"{name}/" not in text}
    assert not missing, f"ARCHITECTURE.md does not name {missing}"


def test_every_decision_is_in_the_index() -> None:
    folder = source.ROOT / "docs" / "adr"
    text = (folder / "README.md").read_text("utf-8")
    missing = [path.name for path in folder.glob("0*.md") if f"({path.name})" not in text]
    assert not missing, f"docs/adr/README.md does not name {missing}"
