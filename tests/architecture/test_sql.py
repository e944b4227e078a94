"""SQL is written and never edited, and what differs between the databases is in `store` (house: CONTRIBUTING, ARCHITECTURE)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from tests.architecture import source

NAMES = re.compile(r"(^|_)(sql|where|having|select|statement|conditions?|tables|within|order_by)$", re.IGNORECASE)
"""The names of variables and attributes that hold SQL."""
KEYWORDS = re.compile(r"\b(SELECT|FROM|WHERE|AND|JOIN|ORDER BY|GROUP BY)\b|\b[a-z]\w*\.\w+ (=|<|>|IN)")
EDITS = frozenset(["replace", "removeprefix", "removesuffix", "partition", "rpartition", "sub"])
SPELLING = frozenset(["heliograph.store.postgres_database", "heliograph.store.bulk_insert"])
"""They spell the parameters of whole statements as the driver wants them."""


def _text(node: ast.expr) -> str:
    """The literal parts of a text."""
    values = node.values if isinstance(node, ast.JoinedStr) else [node]
    return " ".join(each.value for each in values if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _constants(tree: ast.Module) -> set[str]:
    """The names of the module's constants that hold SQL."""
    assigned = [(node.targets, node.value) for node in tree.body if isinstance(node, ast.Assign)]
    assigned += [([node.target], node.value) for node in tree.body if isinstance(node, ast.AnnAssign) and node.value]
    return {
        target.id for targets, value in assigned for target in targets if isinstance(target, ast.Name) and KEYWORDS.search(_text(value))
    }


def _is_sql(node: ast.expr, constants: set[str]) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in constants or NAMES.search(name) is not None
        case ast.Constant() | ast.JoinedStr():
            return KEYWORDS.search(_text(node)) is not None
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in EDITS:
            return _is_sql(value, constants)
        case _:
            return False


def edited(tree: ast.Module) -> Iterator[ast.AST]:
    """The places where a text of SQL is changed, or asked for a part."""
    constants = _constants(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in EDITS and _is_sql(value, constants):
                yield node
            case ast.Compare(left=ast.Constant(value=str()), ops=[ast.In() | ast.NotIn()], comparators=[right]) if _is_sql(
                right, constants
            ):
                yield node


def by_vendor(tree: ast.Module) -> Iterator[ast.AST]:
    """The places where the kind of the database is asked for."""
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "vendor")


def test_no_text_of_SQL_is_edited() -> None:
    places = [module.place(node) for module in source.modules() if module.name not in SPELLING for node in edited(module.tree)]
    assert not places, f"write conditions as values (store/where.py), for the alias that they are about: {places}"


def test_only_the_store_knows_the_kind_of_the_database() -> None:
    places = [module.place(node) for module in source.modules() if module.package != "store" for node in by_vendor(module.tree)]
    assert not places, f"put the difference behind a method of store.database.Database: {places}"


@pytest.mark.parametrize(
    "bad",
    [
        'where.replace("c.", "d.")',
        'self.where.removeprefix("+")',
        '"l." in where',
        '"l." not in source.where',
        '_WITHIN = "a.id = :id AND a.n = 1"\n_TOO = _WITHIN.replace("a.", "+a.")',
        'f"SELECT {x} FROM t".replace("FROM", "FROM x,").replace("y", "z")',
    ],
)
def test_an_edit_is_found(bad: str) -> None:
    assert list(edited(ast.parse(bad)))


@pytest.mark.parametrize("good", ['name.replace("_", " ")', '"x" in names', 'where & Where("a.id = :id", id=5)', 'f"WHERE {where.sql}"'])
def test_what_is_no_edit_is_not_found(good: str) -> None:
    assert not list(edited(ast.parse(good)))
