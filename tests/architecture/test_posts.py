"""A post is read by forms (ADR 19): a view gives `request.POST` to a form's constructor, and reads nothing of it itself.

The names of an editor's fields stand in its forms alone: its templates and its script take them from there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph.mappings.views.mapping_fields import MappingForm

SOURCE = Path(__file__).parents[2] / "src" / "heliograph"
ALLOWED = {
    "accounts/adapter.py": "counts tries of a typed user name before there is a form",
    "accounts/kept_form.py": "keeps a form whole",
    "accounts/middleware.py": "gives a kept form back",
    "web/forms.py": "what forms are made of",
    "web/texts.py": "checks the texts of each request",
}
EDITORS = (
    "connections/templates/connections/response_rule.html",
    *(f"flows/templates/flows/{name}.html" for name in ("editor", "test")),
    *(f"mappings/templates/mappings/{name}.html" for name in ("mapping", "row", "chip_panel", "read")),
)
EVERYWHERE = {"do": "the button", "promise": "the answer to a question", "csrfmiddlewaretoken": "Django's"}
"""Names that are the same on every page."""
IN_TEMPLATES = re.compile(r"""\bname=(["'])(?!\{\{)(?P<name>.*?)\1|components/field\.html#\w+" with [^%]*?\bid=(["'])(?P<id>.*?)\3""")
IN_SCRIPTS = re.compile(
    r"""\.name (?:===|!==) (["'`])(?P<compared>.*?)\1|\[name[\^$*~|]?=["']?(?P<selected>\w[\w-]*)"""
    r"""|(?:\bfield|namedItem|\.name\.\w+)\((["'`])(?P<given>.*?)\4"""
)


def _posts(tree: ast.AST, parents: list[ast.AST]) -> Iterator[tuple[ast.Attribute, list[ast.AST]]]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Attribute) and child.attr == "POST" and "request" in ast.unparse(child.value):
            yield child, [*parents, tree]
        yield from _posts(child, [*parents, tree])


def _is_given_to_a_form(post: ast.AST, parents: list[ast.AST]) -> bool:
    """Whether it is whole an argument of a form or of the question, or the value of the name `data`; either may be `… if … else None`."""
    *further, parent = parents
    if isinstance(parent, ast.keyword):
        return _is_given_to_a_form(parent, further)
    if isinstance(parent, ast.IfExp):
        return parent.test is not post and _is_given_to_a_form(parent, further)
    if isinstance(parent, ast.Call):
        called = parent.func.attr if isinstance(parent.func, ast.Attribute) else getattr(parent.func, "id", "")
        return post is not parent.func and (called.endswith("Form") or called == "losing")
    return isinstance(parent, ast.Assign) and [ast.unparse(target) for target in parent.targets] == ["data"]


def test_a_post_is_read_by_forms() -> None:
    read, allowed = [], set()
    for file in SOURCE.rglob("*.py"):
        name = file.relative_to(SOURCE).as_posix()
        for post, parents in _posts(ast.parse(file.read_text("utf-8")), []):
            if name in ALLOWED:
                allowed.add(name)
            elif not _is_given_to_a_form(post, parents):
                read.append(f"{name}:{post.lineno}")
    assert read == [], "give request.POST to a form (docs/design/pages.md), or say in ALLOWED why this is none"
    assert allowed == set(ALLOWED), "these read no post any more"


def test_no_form_is_read_by_a_name_that_it_declares_elsewhere() -> None:
    read = []
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Subscript(value=data, slice=ast.Constant()):
                    pass
                case ast.Call(func=ast.Attribute(value=data, attr="get" | "getlist"), args=[ast.Constant(), *_]):
                    pass
                case _:
                    continue
            if re.search(r"(form|self)\.data$", ast.unparse(data)):
                read.append(f"{file.relative_to(SOURCE)}:{node.lineno}")
    assert read == [], "read `form.posted`, or ask `form.holds(name)`"


def _literals(pattern: re.Pattern[str], text: str) -> list[str]:
    names = [name for match in pattern.finditer(text) for name in match.groupdict().values() if name is not None]
    return [name for name in names if name not in EVERYWHERE]


@pytest.mark.parametrize("template", EDITORS)
def test_an_editors_template_takes_the_names_of_fields_from_its_forms(template: str) -> None:
    assert _literals(IN_TEMPLATES, (SOURCE / template).read_text("utf-8")) == []


@pytest.mark.parametrize("script", sorted((SOURCE / "web/static/heliograph").glob("*.js")), ids=lambda path: path.name)
def test_a_script_takes_the_names_of_fields_from_the_page(script: Path) -> None:
    assert _literals(IN_SCRIPTS, script.read_text("utf-8")) == []


def test_the_script_of_the_mapping_editor_asks_for_names_that_its_form_has() -> None:
    script = (SOURCE / "web/static/heliograph/mapping.js").read_text("utf-8")
    assert set(re.findall(r"\bnames\.(\w+)", script)) <= set(MappingForm.base_fields)


def test_the_tests_see_what_they_must() -> None:
    markup = """<input name="f{{ n }}-op">{% include "components/field.html#text" with label=label id="date" only %}<b name="{{ x }}">"""
    assert _literals(IN_TEMPLATES, markup) == ["f{{ n }}-op", "date"]
    script = (
        """at.name === "kind"; field(`line-${n}`); q("input[name=panel]"); el.name.startsWith("line-"); a.name === "do"; field(names.x)"""
    )
    assert _literals(IN_SCRIPTS, script) == ["kind", "line-${n}", "panel", "line-"]
