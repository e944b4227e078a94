"""record() is the only writer of registrations, session registrations and events (ARCHITECTURE.md, rule 1), and `store/queue/` writes the queue."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture import source

MODELS = {"Registration", "SessionRegistration", "Event"}
TABLES = "registration|session_registration|event"
WRITES = {
    name
    for verb in ("save", "create", "bulk_create", "update", "bulk_update", "get_or_create", "update_or_create", "delete")
    for name in (verb, f"a{verb}")
}
QUEUE = "run|stuck_run|lane|action|attempt|attempt_content|attempt_content_rest"


def _sql(tables: str) -> re.Pattern[str]:
    """Finds statements that write one of these tables."""
    return re.compile(
        rf'\b(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|UPDATE(?:\s+ONLY)?|DELETE\s+FROM|COPY|TRUNCATE(?:\s+TABLE)?)\s+"?(?:{tables})"?(?=[\s(,;]|$)',
        re.IGNORECASE,
    )


SQL = _sql(TABLES)

# The named exceptions of rule 1, each with its reason.
EXCEPTIONS: dict[str, str] = {
    "heliograph.seed.history_rows": "invents the history of an account that nobody uses, faster than anybody could record it",
}


def _outside_recording() -> Iterator[source.Module]:
    for module in source.modules():
        if module.package != "recording" and module.name not in EXCEPTIONS:
            yield module


def _imports_the_models(module: source.Module) -> set[str]:
    return {name.rpartition(".")[2] for _, name in module.imported if name.startswith("heliograph.store.models.")} & MODELS


def test_no_orm_call_writes_them_elsewhere() -> None:
    wrong = []
    for module in _outside_recording():
        names = _imports_the_models(module)
        uses_module = any(name == "heliograph.store.models" for _, name in module.imported) and not names
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            words = set(re.findall(r"\w+", called))
            mentions = words & names or (uses_module and re.search(rf"\bmodels\.({'|'.join(MODELS)})\b", called))
            if mentions and (called.split(".")[-1] in WRITES or called.split(".")[-1] in MODELS):
                wrong.append(f"{module.place(node)}: {called[:100]}")
    assert not wrong, "only recording/ writes these:\n" + "\n".join(wrong)


def test_no_form_saves_them() -> None:
    """No ModelForm and no ModelAdmin: forms pass an upsert to record()."""
    wrong = [
        module.place(node)
        for module in _outside_recording()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "model"
        if ast.unparse(node.value).split(".")[-1] in _imports_the_models(module)
    ]
    assert not wrong, "\n".join(wrong)


def _writing(tree: ast.AST, sql: re.Pattern[str] = SQL) -> Iterator[ast.Constant]:
    """The strings below `tree` with SQL that writes them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and sql.search(node.value):
            yield node


def test_no_sql_writes_them_outside_the_store() -> None:
    wrong = [
        f"{module.place(node)}: {node.value!r}"
        for module in _outside_recording()
        if module.package != "store"
        for node in _writing(module.tree)
    ]
    assert not wrong, "only recording/ writes these, by store/:\n" + "\n".join(wrong)


def test_the_queue_is_written_in_one_place() -> None:
    """Runs and their actions are made with their change (recording/change_rows.py), in the order of record()'s locks."""
    at_home = ("heliograph.store.queue.", "heliograph.store.migrations.")
    found = {
        module.name: [f"{module.place(node)}: {node.value!r}" for node in _writing(module.tree, _sql(QUEUE))] for module in source.modules()
    }
    assert any(found[name] for name in found if name.startswith(at_home[0]))
    assert found.pop("heliograph.recording.change_rows")
    wrong = [line for name, lines in found.items() if not name.startswith(at_home) for line in lines]
    assert not wrong, "only store/queue/ writes these:\n" + "\n".join(wrong)


def test_the_stores_writing_functions_are_recordings_alone() -> None:
    writers = {
        (module.name, function.name)
        for module in source.modules()
        if module.package == "store"
        for function in ast.walk(module.tree)
        if isinstance(function, ast.FunctionDef) and any(_writing(function))
    }
    assert writers, "the store writes registrations somewhere"
    wrong = []
    for module in _outside_recording():
        if module.package == "store":
            continue
        imported = {name for _, name in module.imported}
        for home, function in writers:
            by_name = f"{home}.{function}" in imported
            by_module = home in imported and f"{home.rpartition('.')[2]}.{function}(" in ast.unparse(module.tree)
            if by_name or by_module:
                wrong.append(f"{module.path.relative_to(source.ROOT)} uses {home}.{function}")
    assert not wrong, "\n".join(wrong)


def test_the_pattern_sees_writes_and_only_those() -> None:
    for statement in (
        "UPDATE registration SET x",
        'insert into "event" (a)',
        "DELETE FROM session_registration",
        "INSERT OR IGNORE INTO event(a)",
    ):
        assert SQL.search(statement), statement
    for statement in ("SELECT * FROM registration FOR UPDATE", "UPDATE event_delta SET x", "UPDATE events SET y", "the event is updated"):
        assert not SQL.search(statement), statement
