"""A post is read by forms (ADR 19): a view gives `request.POST` to a form's constructor, and reads nothing of it itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "heliograph"
ALLOWED = {
    "accounts/kept_form.py": "keeps a form whole",
    "accounts/middleware.py": "gives a kept form back",
    "mappings/views/mappings.py": "the editor's own state",
    "web/forms.py": "what forms are made of",
    "web/texts.py": "checks the texts of each request",
}


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
