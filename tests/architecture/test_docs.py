"""What the docs say is what there is: settings, commands, links."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path

import pytest
import typer
from pydantic_core import PydanticUndefined
from tests.architecture import source

from heliograph.__main__ import app
from heliograph.options import PREFIX, Options

REFERENCE = source.ROOT / "docs" / "reference"
DOCUMENTS = tuple(sorted([*source.ROOT.glob("*.md"), *(source.ROOT / "docs").rglob("*.md")]))


def commands(group: typer.core.TyperGroup, path: tuple[str, ...] = ()) -> dict[str, typer.core.TyperCommand]:
    """Every command by its words, "jobs pause" for one in a group."""
    found = {}
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            found.update(commands(command, (*path, name)))
        else:
            found[" ".join((*path, name))] = command
    return found


def test_O1_every_setting_is_documented() -> None:
    text = (REFERENCE / "settings.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(HELIOGRAPH_\w+)` \|(.*)$", text, re.MULTILINE))
    wanted = {f"{PREFIX}{name.upper()}": field for name, field in Options.model_fields.items()}
    assert rows.keys() == wanted.keys() | {f"{PREFIX}ENV_FILE"}
    for name, field in wanted.items():
        assert field.description, name
        assert field.description in rows[name], f"{name}: the description is not the one in options.py"
        if field.default is not PydanticUndefined and isinstance(field.default, str | int) and field.default not in ("", True, False):
            assert f"`{field.default}`" in rows[name], f"{name}: the default is not in the table"


def test_every_command_is_documented_with_its_options() -> None:
    text = (REFERENCE / "commands.md").read_text("utf-8")
    sections = {match[1]: match[2] for match in re.finditer(r"^## `heliograph ([^`]+)`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)}
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    known = commands(group)
    assert sections.keys() == known.keys()
    for name, command in known.items():
        assert command.help, f"heliograph {name} has no help"
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option != "--help" and not getattr(parameter, "hidden", False):
                    assert f"`{option}" in sections[name], f"heliograph {name}: {option} is not documented"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(source.ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```|<!--.*?-->", "", document.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        parts = urllib.parse.urlsplit(target)
        if parts.scheme or not parts.path:
            continue
        assert (document.parent / urllib.parse.unquote(parts.path)).exists(), f"{document.name} links to {target}, which is not there"


def test_every_package_is_in_the_map() -> None:
    text = (source.ROOT / "ARCHITECTURE.md").read_text("utf-8")
    packages = {path.parent.name for path in source.PACKAGE.glob("*/__init__.py")}
    missing = {name for name in packages if f"{name}/" not in text}
    assert not missing, f"ARCHITECTURE.md does not name {missing}"
