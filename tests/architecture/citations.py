"""Which citations in comments, docstrings and documents lead nowhere.

Each function below takes a text and its file, and returns the broken citations of its kind. CONTRIBUTING.md, "Where things are", says how
to cite.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import typer
from scripts import reference
from tests.architecture import source
from typer.core import TyperGroup

from heliograph.__main__ import app

ROOT, PACKAGE = source.ROOT, source.PACKAGE
DESIGN, GUIDE = ROOT / "docs" / "design", ROOT / "docs" / "guide"
LEFT_OUT = {".git", ".venv", ".tools", "node_modules", "__pycache__", "migrations"}
DATA = {ROOT / "tests" / "data", ROOT / "tests" / "canaille", ROOT / "tests" / "pretix", ROOT / "tests" / "contract" / "catalogue"}
OURS = ("src", "tests", "scripts", "benchmarks", "docs")


@dataclass(frozen=True)
class Prose:
    """A comment, a docstring, or a line of a document."""

    path: Path
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


# ---- what is read ----------------------------------------------------------------------------------------------------------


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file of the repository that people write."""
    found = [path for folder in OURS for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    found += [path for path in sorted(ROOT.iterdir()) if path.is_file()]
    return tuple(path for path in found if not LEFT_OUT & set(path.relative_to(ROOT).parts) or "migrations" in path.parts)


@functools.cache
def prose() -> tuple[Prose, ...]:
    """All prose in these files."""
    return tuple(
        each
        for path in files()
        if not any(folder in path.parents for folder in DATA)
        if (read := READERS.get(path.suffix or path.name)) is not None
        for each in read(path, path.read_text("utf-8"))
    )


def _python(path: Path, text: str) -> Iterator[Prose]:
    yield from _HASH(path, text)
    for node in _statements(_tree(path).body):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for n, line in enumerate(node.value.value.splitlines()):
                yield Prose(path, node.lineno + n, line)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, each before those in its body. Expressions are skipped, because they contain no docstrings."""
    for node in body:
        yield node
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.If):
            yield from _statements(node.body)


def _document(path: Path, text: str) -> Iterator[Prose]:
    """Lines outside code blocks, and the drawings of the design. test_docs.py checks links; here only their words count."""
    inside = False
    for n, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = not inside
        elif not inside or path.parent == DESIGN:
            yield Prose(path, n, re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line))


def _between(pattern: str) -> Callable[[Path, str], Iterator[Prose]]:
    def read(path: Path, text: str) -> Iterator[Prose]:
        for found in re.finditer(pattern, text, re.DOTALL | re.MULTILINE):
            first = text.count("\n", 0, found.start()) + 1
            for n, line in enumerate(found[0].splitlines()):
                yield Prose(path, first + n, line)

    return read


_HASH = _between(r"(?:^|(?<=\s))#(?!!)[^\n]*$")
READERS: dict[str, Callable[[Path, str], Iterator[Prose]]] = {
    ".py": _python,
    ".md": _document,
    ".html": _between(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}"),
    ".css": _between(r"/\*.*?\*/"),
    ".js": _between(r"/\*.*?\*/|(?:^|(?<=\s))//.*?$"),
    ".toml": _HASH,
    ".yaml": _HASH,
    "Makefile": _HASH,
    "Containerfile": _HASH,
    **dict.fromkeys(("bench", "check", "setup", "test", "run"), _HASH),
}


# ---- what exists -----------------------------------------------------------------------------------------------------------


@functools.cache
def _paths() -> frozenset[str]:
    """Every path of a file or folder, from the root and from any folder on the way to it."""
    found: set[str] = set()
    for path in files():
        parts = path.relative_to(ROOT).parts
        for end in range(1, len(parts) + 1):
            found.update("/".join(parts[start:end]) for start in range(end))
    return frozenset(found)


@functools.cache
def rules() -> frozenset[str]:
    """The IDs in docs/reference/rules.md, and those of the findings in docs/reference/security.md."""
    stated = ("docs/reference/rules.md", "docs/reference/security.md")
    return frozenset(
        id for page in stated for id in re.findall(r"^(?:\| |- )([A-Z]\d+)(?: \||:)", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    )


@functools.cache
def _headings(path: Path) -> frozenset[str]:
    return frozenset(_plain(name) for name in re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE))


def _plain(heading: str) -> str:
    return re.sub(r"[^\w& ]", "", heading).strip().casefold()


@functools.cache
def _guide() -> frozenset[str]:
    return frozenset().union(*(_headings(path) for path in GUIDE.glob("*.md")))


@functools.cache
def _numbers(path: Path, pattern: str) -> frozenset[int]:
    return frozenset(int(n) for n in re.findall(pattern, path.read_text("utf-8"), re.MULTILINE)) if path.is_file() else frozenset()


@functools.cache
def _tests() -> frozenset[str]:
    return frozenset(
        node.name for module in source.tests() for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ) | {module.path.stem for module in source.tests()}


@functools.cache
def _verbs() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@functools.cache
def _commands() -> frozenset[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return frozenset(name.removeprefix("heliograph ").split(" ")[0] for name, _ in reference.walk(group)) | {"process"}


@functools.cache
def _trees() -> dict[Path, ast.Module]:
    return {module.path: module.tree for module in (*source.modules(), *source.tests())}


@functools.cache
def _tree(path: Path) -> ast.Module:
    return _trees().get(path) or ast.parse(path.read_text("utf-8"))


def _body(path: Path) -> list[ast.stmt]:
    return _tree(path).body


@functools.cache
def _stems() -> dict[str, list[Path]]:
    """Our modules by their own names."""
    found: dict[str, list[Path]] = {}
    for module in (*source.modules(), *source.tests()):
        name = module.path.parent.name if module.path.stem == "__init__" else module.path.stem
        found.setdefault(name, []).append(module.path)
    return found


# ---- kinds of citations ----------------------------------------------------------------------------------------------------

FOREIGN = re.compile(
    r"(?<![\w.])spec(?:ification)?(?:'s)? (?:sections?\b|IDs|[A-Z]\d)|\bprotocols(?:\.md)?:? (?:section|lanes|record)|\bprotocols: [A-Z]"
    r"|\barchitecture(?:\.md\b|: [A-Z]|,? rule \d)|\b[Ii]ssue:? ?(?:\d|[A-Z][a-z]+\))|\bhouse\.md|\bstyle\.md|(?<![\w.])/work/"
)


def documents_that_are_not_here(text: str, path: Path) -> Iterator[str]:
    """References to documents outside the repository, or to a tracker: a reader with only the repository cannot follow them."""
    yield from (found[0] for found in FOREIGN.finditer(text))


_FILE = re.compile(r"(?<![\w/.*<{}$-])((?:[\w.-]+/)*[\w-]+\.(?:py|md|html|css|js|toml))(?![\w/]|\.\w)")
_FOLDER = re.compile(rf"(?<![\w/.<-])((?:{'|'.join(OURS)})/[\w./-]*\w)")
_URL = re.compile(r"\b\w+://\S+|\b[\w.-]+\.(?:org|com|net|dev)/\S*|\bNode\.js")


def paths(text: str, path: Path) -> Iterator[str]:
    """A file by its path from the root, from the package, or by a unique ending; one of our folders by its path from the root."""
    plain = _URL.sub("", text)
    yield from (found[1] for found in _FILE.finditer(plain) if found[1] not in _paths())
    for found in _FOLDER.finditer(plain):
        wanted = found[1].rstrip(".")
        if wanted not in _paths() and not any(known.startswith(wanted) for known in _paths()):
            yield wanted


_SECTIONS = re.compile(r"([\w-]+)\.md, (section|step)s? (\d+(?:(?:, | and |-)\d+)*)")
_HERE = re.compile(r"(?<!\.md, )\bsections? (\d+)")
_HOUSE = re.compile(r"ARCHITECTURE\.md, (?:rules? (\d+)|([A-Z][a-z]+(?: [a-z]+)*))")
_DECISION = re.compile(r"\bADRs? (\d+)|\badr/(\d+)")


def sections(text: str, path: Path) -> Iterator[str]:
    """`docs/design/queue.md, section 5`, `ARCHITECTURE.md, rule 4`, `ADR 14`; within docs/design also `section 5` of the same page."""
    for name, kind, numbers in _SECTIONS.findall(text):
        there = _numbers(DESIGN / f"{name}.md", r"^## (\d+) " if kind == "section" else r"^\*\*Step (\d+):")
        yield from (f"{name}.md, {kind} {n}" for n in re.findall(r"\d+", numbers) if int(n) not in there)
    if path.parent == DESIGN:
        there = _numbers(path, r"^## (\d+) ")
        yield from (f"section {n}" for n in _HERE.findall(text) if int(n) not in there)
    for number, heading in _HOUSE.findall(text):
        house = ROOT / "ARCHITECTURE.md"
        if (number and int(number) not in _numbers(house, r"^(\d+)\. ")) or (heading and _plain(heading) not in _headings(house)):
            yield f"ARCHITECTURE.md, {number or heading}"
    for one, other in _DECISION.findall(text):
        if not any((ROOT / "docs" / "adr").glob(f"{int(one or other):04}-*.md")):
            yield f"ADR {one or other}"


_RULE = re.compile(r"(?<![\w.#&'\"/=$%+])([NPICFMDXYBOHA]\d{1,2})(?![\w'\"=/+(]|\.\w)")


def rule_ids(text: str, path: Path) -> Iterator[str]:
    """D2, or D1-D8."""
    yield from (found for found in _RULE.findall(text) if found not in rules())


_CHAPTER = re.compile(r"[(;] ?guide: ([^();]+)")


def chapters(text: str, path: Path) -> Iterator[str]:
    """`guide: Flow Filters`: headings of docs/guide, separated by commas."""
    for found in _CHAPTER.findall(text):
        yield from (name for name in re.split(r", ", found.strip().rstrip(":")) if _plain(name) not in _guide())


_NAME = re.compile(r"`(?:heliograph\.)?([a-z_]+(?:\.\w+)+)`")
_TREE = re.compile(
    rf"(?<![\w`/.@-])(?:heliograph\.)?((?:{'|'.join(sorted(path.name for path in PACKAGE.iterdir() if path.is_dir()))}|tests)(?:\.[A-Za-z_]\w*)+)(?![\w/(-])"
)
_ENDINGS = {
    "py",
    "md",
    "html",
    "css",
    "js",
    "toml",
    "svg",
    "json",
    "txt",
    "example",
    "com",
    "org",
    "db",
    "lock",
    "log",
    "conf",
    "xlsx",
    "csv",
    "ndjson",
}
_DATA = {
    "a",
    "answer",
    "answers",
    "attendee_type",
    "child",
    "custom",
    "entry",
    "event",
    "flow",
    "macro",
    "module",
    "profile",
    "properties",
    "registration",
    "request",
    "self",
    "sessions",
}
"""What source fields, documents, tables and requests begin with: `profile.email` names no module."""


def names(text: str, path: Path) -> Iterator[str]:
    """A module or a name in it: `store.write_lock`, `domain.snapshot.ConfigProvider`; also by a shorter path, `lanes.choose`; or a library's,
    `select.epoll`."""
    for found in {*_NAME.findall(text), *_TREE.findall(text)}:
        first, *rest = found.split(".")
        if rest[-1] not in _ENDINGS and first not in _DATA and not _is_ours(first, rest) and not _is_of_a_library(found):
            yield found


def _is_ours(first: str, rest: list[str]) -> bool:
    return any(_stands(folder, rest) for folder in _folders().get(first, ())) or any(
        _holds(_body(module), rest) for module in _stems().get(first, ())
    )


@functools.cache
def _folders() -> dict[str, list[Path]]:
    """Our packages by their own names."""
    found: dict[str, list[Path]] = {"tests": [ROOT / "tests"]}
    for place in (PACKAGE, ROOT / "tests"):
        for folder in place.rglob("*"):
            if folder.is_dir() and not LEFT_OUT & set(folder.parts):
                found.setdefault(folder.name, []).append(folder)
    return found


def _stands(place: Path, steps: list[str]) -> bool:
    for n, step in enumerate(steps):
        if (place / step).is_dir():
            place = place / step
        elif (place / f"{step}.py").is_file():
            return _holds(_body(place / f"{step}.py"), steps[n + 1 :])
        else:
            return (place / "__init__.py").is_file() and _holds(_body(place / "__init__.py"), steps[n:])
    return True


def _is_of_a_library(name: str) -> bool:
    module, _, last = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), last) or importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def _holds(body: list[ast.stmt], steps: list[str]) -> bool:
    """True if `Class.method` is defined there; inherited members and instance attributes are not considered."""
    for step in steps:
        found = next((node for node in body if step in _named(node)), None)
        if found is None:
            return False
        body = getattr(found, "body", [])
    return True


def _named(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.TypeAlias):
        return {node.name.id}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}


def tests(text: str, path: Path) -> Iterator[str]:
    """A test, or the beginning of its name."""
    for found in re.findall(r"(?<![\w./])(test_(?:[A-Z]\d+_\w*|[a-z0-9]+_\w+))(?![\w(=])", text):
        if not any(known.startswith(found) for known in _tests()):
            yield found


def verbs(text: str, path: Path) -> Iterator[str]:
    """`make docs`, `heliograph status`."""
    yield from (f"make {found}" for found in re.findall(r"`make ([a-z-]+)", text) if found not in _verbs())
    yield from (f"heliograph {found}" for found in re.findall(r"`heliograph ([a-z-]+)", text) if found not in _commands())


KINDS = (documents_that_are_not_here, paths, sections, rule_ids, chapters, names, tests, verbs)
