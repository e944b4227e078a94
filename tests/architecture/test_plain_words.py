"""Rules about the texts of pages, messages, errors and the guide: plain English, in the words of the table in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.architecture import source

PLAIN = {
    r"judg(e|es|ed|ing)": "check",
    r"carr(y|ies) no(ne)?(?! body)": "have no tag",
    r"by (itself|themselves)": "automatically",
    r"tick(s|ed)?": "select",
    r"(is|are|was) there(?=[.,;:]|$)": "created, exists",
    r"cure[sd]?": "fix",
    r"supersede[sd]?": "replace by newer data",
    r"rests? (until|a|an|the)": "paused until, paused for",
    r"all the same": "anyway",
    r"no verdict": "can't tell",
    r"belong together|made-up record|lets in|not whole": "rewrite the sentence",
}
"""Words that no text has, as regular expressions of whole words, with what is written instead. The table in CONTRIBUTING.md."""
GETTEXT = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy", "Sentence"}
TEXTS = runpy.run_path(str(source.ROOT / "scripts" / "texts.py"))
GUIDE = sorted((source.ROOT / "docs" / "guide").glob("*.md"))

_BANNED = {re.compile(rf"\b(?:{word})(?!\w)", re.IGNORECASE): better for word, better in PLAIN.items()}
_TRANSLATE = re.compile(r"""\{%\s*translate\s+(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')""")
_BLOCK = re.compile(r"\{%\s*blocktranslate\b.*?%\}(?P<text>.*?)\{%\s*endblocktranslate\s*%\}", re.DOTALL)
_TAGS = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|%\(\w+\)[sd]", re.DOTALL)
"""Parts of a text that nobody reads, such as the names of its placeholders."""
_CODE = re.compile(r"`[^`]*`|\]\([^)]*\)|```.*?```", re.DOTALL)


def texts() -> Iterator[tuple[str, str]]:
    """Every text of the catalogue with its place: of calls of gettext, and of templates."""
    for module in source.modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in GETTEXT:
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield module.place(argument), argument.value
    yield from TEXTS["texts_of_data"]()
    for path in source.templates():
        template = path.read_text("utf-8")
        for match in (*_TRANSLATE.finditer(template), *_BLOCK.finditer(template)):
            line = template.count("\n", 0, match.start()) + 1
            yield f"{path.relative_to(source.ROOT)}:{line}", next(text for text in match.groupdict().values() if text is not None)


def _faults(place: str, text: str) -> Iterator[str]:
    read = _TAGS.sub(" ", text)
    for banned, better in _BANNED.items():
        if match := banned.search(read):
            yield f"{place}: “{match.group()}”: {better}"


def test_the_catalogue_is_read_whole() -> None:
    assert len({text for _, text in texts()}) > 4_000


def test_35_9_texts_are_plain_english() -> None:
    wrong = [fault for place, text in texts() for fault in _faults(place, text)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", GUIDE, ids=lambda path: path.stem)
def test_35_9_the_guide_is_plain_english(path: Path) -> None:
    wrong = list(_faults(str(path.relative_to(source.ROOT)), _CODE.sub(" ", path.read_text("utf-8"))))
    assert not wrong, "\n".join(wrong)


def test_a_percentage_is_written_as_its_language_writes_it() -> None:
    """English without a space, German and French with one at which no line breaks."""
    apart = re.compile(r"\d\s%")
    wrong = [f"{place}: {text}" for place, text in texts() if apart.search(text)]
    wrong += [str(path) for path in GUIDE if apart.search(path.read_text("utf-8"))]
    wrong += [
        str(path)
        for path in (source.ROOT / "docs" / "guide").glob("*/*.md")
        if re.search(r"\d(?![\u00a0\u202f])\s?%", _CODE.sub(" ", path.read_text("utf-8")))
    ]
    assert not wrong, "\n".join(wrong)


def test_the_template_of_a_sentence_quotes_its_values() -> None:
    """Each language has quotation marks of its own, so a value comes without."""
    quoted = [
        module.place(keyword.value)
        for module in source.modules()
        for call in ast.walk(module.tree)
        if isinstance(call, ast.Call) and "AttemptSentence" not in ast.unparse(call) and "AttemptReason" not in ast.unparse(call)
        for keyword in call.keywords
        if keyword.arg and isinstance(keyword.value, ast.Call) and getattr(keyword.value.func, "id", "") == "repr"
    ]
    assert not quoted, "\n".join(quoted)


def test_contributors_find_the_words() -> None:
    rules = (source.ROOT / "CONTRIBUTING.md").read_text("utf-8")
    missing = [
        better
        for better in ("checked", "has no tag", "automatically", "selected", "created", "fixed", "replaced by newer data")
        if better not in rules
    ]
    assert not missing
