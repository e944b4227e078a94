"""Import rules beyond the layers that import-linter checks (pyproject.toml)."""

from __future__ import annotations

import ast
import sys

from tests.architecture import source

# Parts of the standard library with a clock, I/O or randomness.
IMPURE = {
    "asyncio", "concurrent", "ctypes", "ftplib", "glob", "http", "logging", "mmap", "multiprocessing", "os", "pathlib", "platform", "random", "sched",
    "secrets", "select", "selectors", "shelve", "shutil", "signal", "smtplib", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "sys",
    "tempfile", "threading", "time", "urllib.request", "uuid", "webbrowser",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "fromtimestamp"}

# Modules that can open a connection to another server.
CLIENTS = {
    "aiohttp",
    "ftplib",
    "http.client",
    "httpx",
    "niquests",
    "pycurl",
    "requests",
    "smtplib",
    "telnetlib",
    "urllib3",
    "urllib.request",
}
# Commands and the programs behind them call our own processes, on loopback. Signing in calls the provider that the operator configured,
# through allauth: only its exception is known here.
ASK_OURSELVES = {
    **{package: {"http.client", "urllib.request"} for package in ("commands", "stage", "bench", "verify", "demo")},
    "administration": {"requests", "requests.RequestException"},
}
# Servers and supervisors only listen with the socket module.
LISTENERS = {"outbound", "engine", "commands", "web", "stage", "bench", "verify", "demo"}


def test_the_domain_imports_only_pure_standard_library() -> None:
    wrong = [
        f"{module.place(node)}: {name}"
        for module in source.modules()
        if module.package == "domain"
        for node, name in module.imported
        if not name.startswith("heliograph.domain")
        and (name.split(".")[0] not in sys.stdlib_module_names or name.split(".")[0] in IMPURE or name in IMPURE)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_domain_has_no_clock() -> None:
    wrong = []
    for module in source.modules():
        if module.package != "domain":
            continue
        for node in ast.walk(module.tree):
            # `now` is a parameter (rule 11); datetime.fromtimestamp(x, tz) with a time zone is only a conversion.
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
                converts = node.func.attr == "fromtimestamp" and len(node.args) + len(node.keywords) == 2
                if ast.unparse(node.func.value) in {"datetime", "date", "datetime.datetime", "datetime.date"} and not converts:
                    wrong.append(module.place(node))
    assert not wrong, "\n".join(wrong)


def test_C6_only_outbound_talks_to_other_peoples_servers() -> None:
    wrong = [
        f"{module.place(node)}: {name}"
        for module in source.modules()
        if module.package != "outbound"
        for node, name in module.imported
        if (name in CLIENTS or name.split(".")[0] in CLIENTS) and name not in ASK_OURSELVES.get(module.package, ())
    ]
    assert not wrong, "\n".join(wrong)


def test_only_what_listens_or_sends_opens_sockets() -> None:
    wrong = [
        f"{module.place(node)}: {ast.unparse(node)}"
        for module in source.modules()
        if module.package not in LISTENERS
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.ImportFrom) and node.module == "socket")
        or (isinstance(node, ast.Attribute) and ast.unparse(node.value) == "socket" and node.attr != "gethostname")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_user_given_regular_expression_can_run() -> None:
    """A pattern is a constant, or a text escaped: Python's engine can take hours on a hostile one."""
    wrong = []
    for module in source.modules():
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            if ast.unparse(node.func.value) == "re" and node.func.attr in {
                "compile",
                "match",
                "fullmatch",
                "search",
                "sub",
                "split",
                "findall",
                "finditer",
            }:
                escaped = [each for each in ast.walk(node.args[0]) if isinstance(each, ast.Call) and ast.unparse(each.func) == "re.escape"]
                harmless = {id(each) for call in escaped for each in ast.walk(call)}
                names = {each.id for each in ast.walk(node.args[0]) if isinstance(each, ast.Name) and id(each) not in harmless}
                if not all(name.isupper() or name.lstrip("_").isupper() or name == "re" for name in names):
                    wrong.append(f"{module.place(node)}: {ast.unparse(node.args[0])[:80]}")
    assert not wrong, "\n".join(wrong)


def test_annotations_are_never_evaluated_at_import() -> None:
    """`from __future__ import annotations` is in every module, except where a library reads annotations to build a class."""
    wrong = []
    for module in source.modules():
        names = {name for _, name in module.imported}
        reads_annotations = any(name.split(".")[0] in {"msgspec", "pydantic", "pydantic_settings"} for name in names)
        without_annotations = all(isinstance(node, ast.Expr | ast.Assign | ast.Import | ast.ImportFrom) for node in module.tree.body)
        if not without_annotations and not reads_annotations and "__future__.annotations" not in names:
            wrong.append(str(module.path.relative_to(source.ROOT)))
    assert not wrong, "\n".join(wrong)


def test_no_test_imports_a_module_of_tests() -> None:
    """Shared code of tests is in modules of its own, so that each test file can be read and run alone."""
    wrong = [
        f"{module.place(node)}: {name}"
        for module in source.tests()
        for node, name in module.imported
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    ]
    assert not wrong, "\n".join(wrong)
