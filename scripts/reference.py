"""Writes what docs/reference says about settings, commands and presets from the code that has them (`make docs`).

Each page keeps its own words; only what stands between its two marks is made here. tests/architecture/test_docs.py sees to it that it is current.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import typer
from pydantic_core import PydanticUndefined
from typer.core import TyperCommand, TyperGroup

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
PLAIN_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
MADE = re.compile(r"(<!-- made by `make docs` -->\n).*?(<!-- end -->)", re.DOTALL)


def settings() -> str:
    """The table of all settings."""
    from heliograph.options import PREFIX, Options  # noqa: PLC0415

    rows = [
        "| variable | what it is | default |",
        "| --- | --- | --- |",
        f"| `{PREFIX}ENV_FILE` | File with settings: lines of `NAME=value`. | none |",
    ]
    for name, field in Options.model_fields.items():
        default = getattr(field.default, "get_secret_value", lambda value=field.default: value)()
        if field.default is PydanticUndefined or default == Path():
            said = "see below"
        elif default in ((), ""):
            said = "none"
        elif isinstance(default, bool):
            said = "yes" if default else "no"
        else:
            said = f"`{default}`"
        rows.append(f"| `{PREFIX}{name.upper()}` | {field.description} | {said} |")
    return "\n".join(rows) + "\n"


def commands() -> str:
    """A section for each command: what it does, its usage, its arguments and options."""
    from heliograph.__main__ import app  # noqa: PLC0415

    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return "\n".join(_section(name, command) for name, command in walk(group))


def presets() -> str:
    """A section for each preset: what it does, its blanks, what to ask for, a sample request."""
    from heliograph.connections.preset_files import presets as shipped  # noqa: PLC0415

    sections = []
    for preset in shipped():
        what = "updates a record" if preset.does.value == "updates" else "adds a message or row"
        lines = [f"## {preset.name}", "", f"{preset.what}; each request {what}. Sets: {preset.sets}.", "", "| blank | |", "| --- | --- |"]
        for blank in preset.blanks:
            notes = [blank.help, "" if blank.required else "May stay empty.", f"At first: {blank.default}." if blank.default else ""]
            lines.append(f"| {blank.label} | {' '.join(note for note in notes if note)} |")
        lines += ["", "Ask the application's administrator for:", "", *(f"- {_marked(text)}" for text in preset.ask)]
        lines += ["", *(f"{_marked(note)}\n" for note in preset.notes)] if preset.notes else [""]
        method = preset.connection["method"]
        lines += [
            "```http",
            f"{method} {preset.sample['url']}",
            f"Content-Type: {preset.connection['content_type']}",
            "",
            preset.sample["body"],
            "```",
            "",
        ]
        if preset.sources:
            lines += ["From: " + ", ".join(f"<{source}>" for source in preset.sources) + ".", ""]
        sections.append("\n".join(lines))
    return "\n" + "\n".join(sections) + "\n"


def api() -> str:
    """The tables of endpoints and of problem types."""
    from django.apps import apps  # noqa: PLC0415

    from heliograph.commands import ready_without_data  # noqa: PLC0415

    if not apps.ready:
        ready_without_data()
    from heliograph.api import openapi  # noqa: PLC0415
    from heliograph.api.api_problems import PROBLEM_TYPES  # noqa: PLC0415
    from heliograph.api.urls import ROUTER  # noqa: PLC0415

    paths = openapi.document(ROUTER)["paths"]
    lines = ["", "## Endpoints", "", "| request | does | scope | role |", "| --- | --- | --- | --- |"]
    for path, controller in sorted(openapi.controllers(ROUTER), key=lambda route: route[0]):
        for method, access in controller.access.items():
            operation = paths[path][method.lower()]
            if "summary" not in operation:
                name = f"{controller.__module__}.{controller.__qualname__}.{method.lower()}"
                raise LookupError(f"{name} has no docstring. Write one: its first line says in the reference what {method} {path} does.")
            does = operation["summary"]
            lines.append(f"| `{method} {path.removeprefix('/api/v1/')}` | {does} | `{access.scope.value}` | {access.role.value} |")
    lines += ["", "## Problem types", "", "| type | status | |", "| --- | --- | --- |"]
    lines += [f"| `{each.name}` | {each.status.value} | {each.meaning} |" for each in PROBLEM_TYPES.values()]
    return "\n".join([*lines, ""]) + "\n"


def configuration() -> str:
    """The members of a configuration file: a section for each section of the file, then one for each object within."""
    from django.apps import apps  # noqa: PLC0415

    from heliograph.commands import ready_without_data  # noqa: PLC0415

    if not apps.ready:
        ready_without_data()
    import msgspec  # noqa: PLC0415

    from heliograph.api.configuration.configuration_file import TOP  # noqa: PLC0415

    entries = {name: section.entry for name, section in TOP.items()}
    _schemas, objects = msgspec.json.schema_components(entries.values(), ref_template="#/{name}")
    lines, within = ["", "## Sections", ""], dict[str, None]()
    for name, entry in entries.items():
        form = "a list" if TOP[name].is_list else "one entry"
        lines += [
            f"### `{name}`",
            "",
            f"{_first_line(entry.__doc__)} In the file: {form}.",
            "",
            *_members(objects[entry.__name__], objects, within),
        ]
    lines += ["## Objects within", ""]
    done: set[str] = set()
    while left := [name for name in within if name not in done]:
        for name in left:
            done.add(name)
            lines += [f"### {name}", "", _first_line(objects[name].get("description", "")), "", *_members(objects[name], objects, within)]
    return "\n".join([*lines, ""])


def _members(schema: dict[str, Any], objects: dict[str, Any], within: dict[str, None]) -> list[str]:
    """The table of an object's members. Adds the objects that they have to `within`."""
    rows = ["| member | type | | default |", "| --- | --- | --- | --- |"]
    for name, member in schema["properties"].items():
        required = name in schema.get("required", ())
        default = "required" if required else f"`{json.dumps(member['default'], ensure_ascii=False)}`" if "default" in member else ""
        text = " ".join(str(member.get("description", "")).split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {_type(member, objects, within)} | {text} | {default} |")
    return [*rows, ""]


def _type(schema: dict[str, Any], objects: dict[str, Any], within: dict[str, None]) -> str:
    """A type in plain words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/")
        if "enum" in objects[name]:
            return _type(objects[name], objects, within)
        within[name] = None
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each, objects, within) for each in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" if value != "" else "empty" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}), objects, within)}"
    if schema.get("format") == "date-time":
        return "time"
    if schema.get("type") == "object" and "additionalProperties" in schema:
        return f"by name: {_type(schema['additionalProperties'], objects, within)}"
    return PLAIN_TYPES.get(str(schema.get("type", "")), "anything")


def _first_line(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())


def _marked(text: str) -> str:
    return text.replace("*", "\\*")


def walk(group: TyperGroup, path: tuple[str, ...] = ()) -> list[tuple[str, TyperCommand]]:
    """Every command with its words, "jobs pause" for one in a group; hidden ones are left out."""
    found: list[tuple[str, TyperCommand]] = []
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if isinstance(command, TyperGroup):
            found += walk(command, (*path, name))
        else:
            assert isinstance(command, TyperCommand)
            found.append((" ".join((*path, name)), command))
    return found


def _section(name: str, command: TyperCommand) -> str:
    shown = [each for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]
    arguments = [each for each in shown if each.param_type_name == "argument"]
    options = [each for each in shown if each.param_type_name == "option"]
    words = ["heliograph", name, *((each.name or "").upper() if each.required else f"[{(each.name or '').upper()}]" for each in arguments)]
    usage = " ".join([*words, *(["[options]"] if options else [])])
    lines = [f"## `heliograph {name}`", "", _plain(command.help or ""), "", "```", usage, "```", ""]
    named = [(f"`{(each.name or '').upper()}`", each) for each in arguments]
    named += [(", ".join(f"`{option}`" for option in (*each.opts, *each.secondary_opts)), each) for each in options]
    rows = [f"| {names} | {_plain(getattr(each, 'help', None) or '', one_line=True)} |" for names, each in named]
    if rows:
        lines += ["| | |", "| --- | --- |", *rows, ""]
    return "\n".join(lines)


def _plain(text: str, *, one_line: bool = False) -> str:
    """Help without the marks that lay it out in a terminal."""
    text = text.replace("\b\n", "").replace("\f", "").strip()
    return " ".join(text.split()).replace("|", "\\|") if one_line else text


def current(page: str, made: str) -> str:
    """The page as it should be."""
    return MADE.sub(lambda match: match[1] + made + match[2], (REFERENCE / page).read_text("utf-8"))


PAGES = {"settings.md": settings, "commands.md": commands, "presets.md": presets, "api.md": api, "configuration-file.md": configuration}


def main() -> int:
    for page, make in PAGES.items():
        (REFERENCE / page).write_text(current(page, make()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
