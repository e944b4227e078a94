"""Every claim of docs/reference/security.md leads to the code that holds it and to the test that tries it."""

from __future__ import annotations

import ast
import re

import pytest
from tests.architecture import source

SECURITY = source.ROOT / "docs" / "reference" / "security.md"
TEXT = SECURITY.read_text("utf-8")
LINK = re.compile(r"\[([\w.\\]+)\]\(([^)#]+\.py)\)")
CLAIMS = [line for line in TEXT.splitlines() if line.startswith("| ") and line.count("](../../") >= 2]


def test_every_table_of_attacks_is_read() -> None:
    assert len(CLAIMS) > 30


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim[2:40])
def test_C5_a_claim_leads_to_its_code_and_its_test(claim: str) -> None:
    links = [(symbol.replace("\\", ""), (SECURITY.parent / path).resolve()) for symbol, path in LINK.findall(claim)]
    tests = [(symbol, path) for symbol, path in links if path.is_relative_to(source.ROOT / "tests")]
    code = [(symbol, path) for symbol, path in links if not path.is_relative_to(source.ROOT / "tests")]
    assert tests
    assert code
    assert not [symbol for symbol, path in code if not source.is_there(path, symbol)]
    assert not [symbol for symbol, path in tests if not source.is_there(path, f"{path.stem}.{symbol}")]


def test_A9_what_somebody_typed_gets_into_a_csv_by_the_report_alone() -> None:
    """Another table that people open in spreadsheets must not contain formulas either: use `spreadsheet_cells.without_formula`, and name it here."""
    made_safe = {
        "heliograph.registrations.imports.refusal_file",
        "heliograph.registrations.views.erase_pages",
        "heliograph.insights.record_export",
        "heliograph.retry.downloads",
        "heliograph.sources.views.ledger_pages",
    }
    own_texts = {"heliograph.bench.side_load"}
    writers = {
        module.name
        for module in source.modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in {"writer", "DictWriter"} and ast.unparse(node.value) == "csv"
    }
    assert writers == made_safe | own_texts
