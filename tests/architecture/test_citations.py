"""What comments, docstrings, documents and test names cite exists (tests/architecture/citations.py defines citations)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.architecture import citations, source
from tests.architecture.citations import DESIGN, KINDS, ROOT

type Kind = Callable[[str, Path], Iterator[str]]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_cited_is_there(kind: Kind) -> None:
    broken = [f"{each.place}: {found}" for each in citations.prose() for found in kind(each.text, each.path)]
    assert not broken, "\n".join(broken)


def test_tests_are_named_by_rules_that_are_stated() -> None:
    broken = [
        f"{module.place(node)}: {rule}"
        for module in source.tests()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (name := re.match(r"test_((?:[A-Z]\d+_)+)", node.name))
        for rule in name[1].rstrip("_").split("_")
        if rule not in citations.rules()
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    "document", sorted(set(DESIGN.glob("*.md")) - {DESIGN / "README.md", DESIGN / "glossary.md"}), ids=lambda path: path.name
)
def test_a_page_of_the_design_is_in_its_index_and_numbered_from_1(document: Path) -> None:
    text = document.read_text("utf-8")
    assert f"({document.name})" in (DESIGN / "README.md").read_text("utf-8")
    numbers = re.findall(r"^## (?:(\d+) )?", text, re.MULTILINE)
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]


CODE = ROOT / "src/heliograph/store/write_lock.py"


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        ("documents_that_are_not_here", "One transaction (protocols section 2)."),
        ("documents_that_are_not_here", "A supervisor (architecture: Processes)."),
        ("documents_that_are_not_here", "Locks in one order (architecture rule 4)."),
        ("documents_that_are_not_here", "What an account is (spec section 1)."),
        ("documents_that_are_not_here", "What a wish costs (spec D8)."),
        ("documents_that_are_not_here", "The stage (issue 3)."),
        ("paths", "See docs/design/quay.md."),
        ("paths", "Tried in tests/property/test_lanes_interleaving.py."),
        ("paths", "See `store/queue/outcome.py`."),
        ("paths", "It lies in docs/designs."),
        ("sections", "What goes next (docs/design/queue.md, section 99)."),
        ("sections", "Where and when (docs/design/queue.md, sections 3 and 77)."),
        ("sections", "Claims (docs/design/recording.md, step 8)."),
        ("sections", "Held (ARCHITECTURE.md, rule 12)."),
        ("sections", "Held (ARCHITECTURE.md, The plan)."),
        ("sections", "One attempt (ADR 99)."),
        ("rule_ids", "Newer data is never overwritten (D10)."),
        ("rule_ids", "Deliveries (D1-D12)."),
        ("chapters", "The list (guide: Flow Lists; F1)."),
        ("names", "The rules are in `domain.lanes`."),
        ("names", "As `domain.delivery.lanes.chose` says."),
        ("names", "A verdict (domain.flow.matching.Reasons)."),
        ("names", "What `lanes.chooses` says."),
        ("tests", "Tried by test_D2_nothing_is_ever_late."),
        ("verbs", "Run `make doc`."),
        ("verbs", "Ask `heliograph stat`."),
    ],
)
def test_a_broken_citation_is_found(kind: str, broken: str) -> None:
    found: Kind = getattr(citations, kind)
    assert list(found(broken, CODE)), "this citation leads nowhere, and nobody says so"


@pytest.mark.parametrize(
    "sound",
    [
        "One order (docs/design/recording.md, section 4; ARCHITECTURE.md, rule 4; D2, P10).",
        "Steps 4 to 6 (docs/design/recording.md, steps 4-6), as decided (ADR 14, docs/adr/0014).",
        "The write lock (`store.write_lock`), tried in tests/integration/test_write_lock.py; `domain.delivery.lanes.choose`, or `lanes.choose`.",
        "Filters (guide: Flow Filters, Live or Test; F6). `make docs`, `heliograph status`; test_D5_ are the tests of D5.",
        "A flow's name, `self.flow.name`, is no citation, nor are https://example.org/docs/x.md and RFC 9110.",
    ],
)
def test_a_sound_citation_is_not(sound: str) -> None:
    assert not [found for kind in KINDS for found in kind(sound, CODE)]
