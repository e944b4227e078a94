"""Style sheets, scripts and templates: short lines; in style sheets one selector and one declaration a line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.architecture import source

LONGEST_LINE = 160

STATIC = source.PACKAGE / "web" / "static" / "heliograph"
STYLES = sorted(STATIC.glob("*.css"))
SCRIPTS = sorted(STATIC.glob("*.js"))
TEMPLATES = [path for path in source.templates() if path.suffix == ".html"]
COMPONENTS = sorted((source.PACKAGE / "web" / "templates" / "components").glob("*.html"))

# Comments, quoted text and parentheses may contain any character.
_OPAQUE = re.compile(r"/\*.*?\*/|\"[^\"\n]*\"", re.DOTALL)
_PARENTHESES = re.compile(r"\([^()]*\)")


def _blank(match: re.Match[str]) -> str:
    return "_" + "\n" * match.group().count("\n")


def crowded(style: str) -> list[tuple[int, str]]:
    """The numbers and texts of style sheet lines with more than one declaration, selector or rule."""
    text = _OPAQUE.sub(_blank, style)
    while _PARENTHESES.search(text):
        text = _PARENTHESES.sub(_blank, text)
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        signs = re.findall(r"[;{}]", line)
        selectors = "," in line and line.rstrip().endswith("{") and not line.lstrip().startswith("@")
        if len(signs) > 1 or (signs and not re.search(r"[;{}][_\s]*$", line)) or selectors:
            found.append((number, line.strip()))
    return found


def _name(path: Path) -> str:
    return str(path.relative_to(source.PACKAGE))


@pytest.mark.parametrize("path", STYLES + SCRIPTS + TEMPLATES, ids=_name)
def test_no_line_is_too_long(path: Path) -> None:
    long = [number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if len(line) > LONGEST_LINE]
    assert not long, f"{_name(path)}: lines over {LONGEST_LINE} characters: {long}"


@pytest.mark.parametrize("path", COMPONENTS, ids=_name)
def test_a_component_begins_with_what_it_needs(path: Path) -> None:
    comment = re.match(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", path.read_text("utf-8"), re.DOTALL)
    assert comment, f"{_name(path)}: the first comment names the parameters"
    assert "Needs" in comment.group(), f"{_name(path)}: the first comment says what it needs, and what is optional"


@pytest.mark.parametrize("path", STYLES, ids=_name)
def test_a_style_sheet_has_one_declaration_a_line(path: Path) -> None:
    found = crowded(path.read_text("utf-8"))
    assert not found, "\n".join(f"{_name(path)}:{number}: {line}" for number, line in found)


def test_the_test_sees_what_it_must() -> None:
    assert [number for number, _ in crowded("a, b {\n  color: red;\n}\na { color: red; }\nb {\n  color: red; margin: 0;\n}\n")] == [1, 4, 6]
    good = (
        '@layer one, two;\na:is(b, c) {\n  color: light-dark(rgb(0, 0, 0), red); /* one; two */\n  content: ";";\n  font: A,\n    B;\n}\n'
    )
    assert not crowded(good)
