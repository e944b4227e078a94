"""Rules about words: names of modules and in the code, visible strings; and no sleeping."""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from tests.architecture import source

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base_utils", "tools", "stuff"}
CONVENTIONS = {
    *("__init__", "apps", "base", "models", "urls"),
    *("views", "services"),
    *("context", "command"),
}
"""Names of files that several packages have, because each is the same seam. No other name stands twice.

Django's own names; the layers of a package of pages; processors of the template context, which the settings list; and the
commands that `heliograph.__main__` registers.
"""
NOUNS_IN_ING_AND_ED = {"mapping", "wiring", "feed"}
NO_NOUNS = {
    *("again", "answerable", "find", "inline", "is_active", "me", "notify", "save", "submit", "unsendable", "why"),
    *("create_account", "set_up", "as_it_was", "why_both", "then_and_today"),
}
"""Names that modules had. A command's module may have the command's name, a verb (`serve`, `import_`)."""
DIALECT = {
    *("found", "said", "told", "tell", "of", "out", "here", "shown", "asked", "drawn", "deed", "deeds", "wanted", "kept", "held"),
    *("mine", "same", "both", "room", "edge", "twin", "stirred", "looked", "bare"),
}
"""Names that do not say what they hold: a name is a noun of the glossary or the field, a method a verb with its object (CONTRIBUTING.md)."""
CLEAN = {
    *("domain", "store", "recording", "outbound", "engine"),
    *("stage", "bench", "verify", "demo"),
    *("connections", "flows", "mappings", "presets"),
    *("setup", "administration", "accounts", "web", "jobs", "guide", "commands", "options", "wiring", "__main__"),
    *("collector", "installed_apps", "settings", "urls"),
    *("retry", "insights", "deliveries", "replay"),
    *("registrations", "timeline", "seed", "api"),
}
"""Packages without such names. One that has lost its last is added here, and none is taken out."""
URL_WORDS = {"q"}
"""Parameters of addresses: the field's word for a search."""
COLUMNS = {
    "heliograph.store.models.queue": {"said", "n"},
    "heliograph.store.models.figure_models": {"n"},
    "heliograph.retry.models": {"n"},
    "heliograph.domain.connection.connection": {"shown"},
    "heliograph.registrations.views.bulk": {"of"},
    "heliograph.setup.name_fields": {"of"},
    "heliograph.api.documents.replay_documents": {"same"},
    "heliograph.api.documents.figure_documents": {"held"},
    "heliograph.api.documents.overview_documents": {"held"},
    "heliograph.api.documents.connection_state_documents": {"held"},
    "heliograph.api.documents.flow_documents": {"held"},
}
"""Names that a stored row, a migration, a template, an address or a member of the API's JSON has."""
MOST_PARAMETERS = 9
SHOWN = {"label", "help_text", "verbose_name", "verbose_name_plural", "empty_label"}
MESSAGES = {"debug", "info", "success", "warning", "error", "add_message"}
# Commands print English on the terminal; domain and store talk to programs.
PAGES = {
    *("accounts", "web", "jobs", "deliveries", "setup", "registrations", "connections", "mappings", "presets", "flows"),
    *("retry", "timeline", "insights", "replay", "administration", "guide"),
}


def test_no_module_is_a_grab_bag() -> None:
    wrong = [module.name for module in source.modules() if module.name.rpartition(".")[2] in VAGUE]
    assert not wrong, f"name the thing: {wrong}"


def test_no_two_modules_share_a_name() -> None:
    """A look-up by file name finds one thing. A convention that no two packages follow any more leaves the list."""
    places = defaultdict(list)
    for module in source.modules():
        places[module.path.stem].append(str(module.path.relative_to(source.PACKAGE)))
    shared = {stem: paths for stem, paths in places.items() if len(paths) > 1}
    wrong = [f"{stem}: {', '.join(paths)}" for stem, paths in shared.items() if stem not in CONVENTIONS]
    assert not wrong, "\n".join(wrong)
    assert shared.keys() == CONVENTIONS


def test_an_equal_name_is_the_same_seam() -> None:
    settings = (source.PACKAGE / "settings.py").read_text("utf-8")
    wrong = []
    for module in source.modules():
        functions = {node.name for node in module.tree.body if isinstance(node, ast.FunctionDef)}
        match module.path.stem:
            case "context":
                is_seam = f'"{module.name}.' in settings
            case "command":
                is_seam = "register" in functions
            case "base":
                is_seam = module.path.parent.parent.name == "backends"
            case _:
                continue
        if not is_seam:
            wrong.append(module.name)
    assert not wrong, f"give these a name of their own: {wrong}"


def test_no_two_modules_of_a_package_differ_by_an_s() -> None:
    stems = defaultdict(set)
    for module in source.modules():
        stems[module.package].add(module.path.stem)
    wrong = [
        f"{package}: {stem}, {plural}"
        for package, names in stems.items()
        for stem in names
        for plural in {f"{stem}s", f"{stem}es", stem.removesuffix("y") + "ies"} & names
    ]
    assert not wrong, "\n".join(wrong)


def test_a_module_is_named_by_a_noun() -> None:
    """Not by a gerund or a participle, such as `sending` or `stopped`."""
    wrong = [
        module.name
        for module in source.modules()
        if (last := module.path.stem.rpartition("_")[2]).endswith(("ing", "ed")) and last not in NOUNS_IN_ING_AND_ED
    ]
    wrong += [module.name for module in source.modules() if module.path.stem in NO_NOUNS]
    assert not wrong, f"name the thing: {wrong}"


@pytest.mark.parametrize("package", sorted(CLEAN))
def test_names_say_what_they_hold(package: str) -> None:
    """Variables, parameters, attributes, functions, methods and classes."""
    wrong = [
        f"{module.place(node)}: {name}"
        for module in source.modules()
        if module.package == package
        for name, node in _names(module.tree)
        if name.strip("_") in DIALECT and name not in COLUMNS.get(module.name, ())
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", sorted(CLEAN))
def test_names_are_words(package: str) -> None:
    """A letter says nothing of what it holds; in a comprehension of one line it is explained beside it."""
    wrong = [
        f"{module.place(node)}: {name}"
        for module in source.modules()
        if module.package == package
        for name, node in _names(module.tree)
        if len(name) == 1
        and name != "_"
        and name not in URL_WORDS | COLUMNS.get(module.name, set())
        and node not in _short_loops(module.tree)
    ]
    assert not wrong, "\n".join(wrong)


@functools.cache
def _short_loops(tree: ast.AST) -> set[ast.AST]:
    """The nodes in comprehensions and lambdas of one line."""
    loops = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)
    return {inner for node in ast.walk(tree) if isinstance(node, loops) and node.lineno == node.end_lineno for inner in ast.walk(node)}


def _names(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The names that a module gives, with their places."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, node
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node
            case ast.alias(asname=str(name)):
                yield name, node


def test_no_function_takes_more_than_nine_parameters() -> None:
    """More are a dataclass. The signature of a command's function is the command line: typer describes each of its parameters."""
    wrong = [
        f"{module.place(node)}: {node.name}"
        for module in source.modules()
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and len(parameters := [each for each in node.args.args + node.args.kwonlyargs if each.arg not in ("self", "cls")]) > MOST_PARAMETERS
        and not any("typer." in ast.unparse(each.annotation) for each in parameters if each.annotation)
    ]
    assert not wrong, "\n".join(wrong)


def test_trees_and_chains_in_docstrings_are_indented_blocks() -> None:
    """A table, a tree or a chain of arrows that is wrapped like a sentence cannot be read any more."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    wrong = [
        f"{module.path}: {paragraph.splitlines()[0][:80]}"
        for module in source.modules()
        for node in ast.walk(module.tree)
        if isinstance(node, documented)
        for paragraph in re.split(r"\n\s*\n", ast.get_docstring(node) or "")
        if _is_melted(paragraph)
    ]
    assert not wrong, "\n".join(wrong)


def _is_melted(paragraph: str) -> bool:
    """True if text stands before a branch of a tree, or if two arrows stand in a sentence."""
    sentences = "\n".join(line for line in paragraph.splitlines() if not line.startswith("    "))
    return bool(re.search(r"\S.*[├└]", paragraph)) or len(re.findall(r"->|→", sentences)) > 1


def test_strings_that_people_read_go_through_gettext() -> None:
    """Labels, help texts and messages are never bare literals."""
    wrong = []
    for module in source.modules():
        if module.package not in PAGES:
            continue
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            bare = [keyword.value for keyword in node.keywords if keyword.arg in SHOWN]
            called = ast.unparse(node.func)
            if called.startswith("messages.") and called.split(".")[-1] in MESSAGES:
                bare += node.args[1:]
            if called.split(".")[-1] == "ValidationError":
                bare += node.args[:1]
            wrong += [
                f"{module.place(value)}: {ast.unparse(value)[:80]}"
                for value in bare
                if isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value)
            ]
    assert not wrong, "\n".join(wrong)


def test_no_test_sleeps() -> None:
    """Wait for a condition instead: tests/waiting.py. The receiver simulates slow targets, and rounds of signals have gaps below a millisecond."""
    own = {source.ROOT / "tests" / name for name in ("waiting.py", "postgres.py", "receiver.py", "authority.py", "signal_rounds.py")}
    wrong = [
        module.place(node)
        for module in source.tests()
        if module.path not in own
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep", "asyncio.sleep", "anyio.sleep"}
    ]
    assert not wrong, "\n".join(wrong)


def test_no_test_is_left_out() -> None:
    """Nothing is skipped and nothing is expected to fail."""
    wrong = [
        f"{module.place(node)}: {ast.unparse(node)}"
        for module in source.tests()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"pytest.skip", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "pytest.xfail"}
    ]
    assert not wrong, "\n".join(wrong)
