"""SQL names the states of rows: a number would be found by nobody who changes the enum, or the condition of an index."""

from __future__ import annotations

import ast
import re

from tests.architecture import source

HOME = "heliograph.store.row_states"
COLUMNS = "state|queue|decision|kind|origin|mode|lead|category|rank|scope"
"""The columns of numbers that an enum explains."""
BARE = re.compile(rf"\b(?:{COLUMNS})\s*(?:=|<>|!=|<=?|>=?|(?:NOT\s+)?IN\s*\()\s*\d", re.IGNORECASE)


def test_no_sql_compares_a_state_with_a_bare_number() -> None:
    wrong = [
        f"{module.place(node)}: {match[0]}"
        for module in source.modules()
        if module.name != HOME
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for match in BARE.finditer(node.value)
    ]
    assert not wrong, "use the enum, or a condition of store/row_states.py:\n" + "\n".join(wrong)


def test_the_pattern_sees_bare_numbers_and_only_those() -> None:
    for condition in ("a.state = 3", "state IN (1, 2)", "state not in (1)", "queue<3", "l.rank <> 20", "UPDATE run SET decision = 2"):
        assert BARE.search(condition), condition
    for condition in ("state = :state", "a.status = 200", "state IN (:a, :b)", "state = ", "tries = 0", "mode_code = 1"):
        assert not BARE.search(condition), condition
