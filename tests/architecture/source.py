"""Our own source code, as text and as syntax trees."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "heliograph"


@dataclass(frozen=True)
class Module:
    """One file of Python. name: "heliograph.domain.setup.tag_kinds"; package: "domain", or the file's own name at the top."""

    path: Path
    name: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.split(".")[1] if "." in self.name else ""

    def place(self, node: ast.AST) -> str:
        """The clickable place of a node."""
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"

    @property
    def imported(self) -> Iterator[tuple[ast.AST, str]]:
        """Every import, wherever it is, by absolute name; `from a import b` counts as a and as a.b."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node, alias.name
            elif isinstance(node, ast.ImportFrom) and node.module:
                assert not node.level, f"{self.place(node)}: imports are absolute"
                yield node, node.module
                for alias in node.names:
                    yield node, f"{node.module}.{alias.name}"


@functools.cache
def modules() -> tuple[Module, ...]:
    """All modules of the product except migrations."""
    return tuple(_read(path, PACKAGE.parent) for path in sorted(PACKAGE.rglob("*.py")) if "migrations" not in path.parts)


@functools.cache
def tests() -> tuple[Module, ...]:
    """All of the tests."""
    return tuple(_read(path, ROOT) for path in sorted((ROOT / "tests").rglob("*.py")))


@functools.cache
def templates() -> tuple[Path, ...]:
    """All our templates."""
    return tuple(sorted(PACKAGE.glob("*/templates/**/*.*")))


def _read(path: Path, root: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(path, name, ast.parse(path.read_text("utf-8"), str(path)))


def _names(node: ast.AST) -> set[str]:
    """The names that a statement binds."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def is_there(path: Path, symbol: str) -> bool:
    """True if `module.Class.method` exists in the file."""
    module, *steps = symbol.split(".")
    if module != path.stem or not path.is_file():
        return False
    body = ast.parse(path.read_text("utf-8")).body
    for step in steps:
        found = next((node for node in body if step in _names(node)), None)
        if found is None:
            return False
        body = getattr(found, "body", [])
    return bool(steps)
