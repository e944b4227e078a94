"""Brings the translations up to date with the sources: `make texts` (docs/design/languages.md).

    .venv/bin/python scripts/texts.py            # writes src/heliograph/locale/*/LC_MESSAGES/django.po, and says what has no translation
    .venv/bin/python scripts/texts.py --missing  # lists each message without a translation
    .venv/bin/python scripts/texts.py --list     # lists every message in English, by the package and the file that shows it; writes nothing

A message whose English is the same keeps its translation; one whose English has changed is a new one, without. Nothing is guessed (gettext's
"fuzzy"), and what no source has any more goes. A message names its files without line numbers, so that a change of code changes no translation.
Needs xgettext and msguniq of gettext.
"""

from __future__ import annotations

import ast
import os
import re
import runpy
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

import django
import polib
from django.core.management import call_command
from django.core.management.commands import makemessages
from django.test.utils import override_settings

from heliograph.domain.setup.fields import FieldGroup, Subject, catalogue
from heliograph.domain.setup.filter_fields import filter_fields
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ROOT / "src" / "heliograph"
LOCALE: Final = PACKAGE / "locale"
PLURAL_FORMS: Final = {"de": "nplurals=2; plural=(n != 1);", "fr": "nplurals=2; plural=(n > 1);"}
"""The rule of each language: which of the two forms a number takes. Their keys are the languages besides English."""

COMMANDS: Final = {"bench", "commands", "demo", "engine", "seed", "stage", "store", "verify"}
"""Packages whose errors no page shows: the command line is English."""
PROBLEMS: Final = {"Unfit", "CallProblem", "DocumentProblem", "RowProblem", "ValueProblem", "problem", "_refusal", "_error"}
"""What takes a sentence as an error does: the problems of values and rows, and the functions that make errors of a file."""
ENGLISH_FILES: Final = {
    "options.py",
    "wiring.py",
    "domain/figures.py",
    "outbound/guard.py",
    "outbound/proxy.py",
    "sources/commands_file.py",
}
"""Files whose errors only logs and the operator's programs show; those of the API are English, too."""
PAGES_OF_API: Final = ("api/configuration/", "api/configuration_")
"""What of the API has pages: configuration files."""
_VALUE: Final = re.compile(r"%\(\w+\)s")
_RAISED: Final = re.compile(r"raise (\w+)(?:\(\))?(?: from \w+)?$", re.MULTILINE)

type Key = tuple[str | None, str, str]
"""A message: context, English, English plural."""


def key_of(entry: polib.POEntry) -> Key:
    """What tells a message from others."""
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def messages_of_sources() -> polib.POFile:
    """Every message that Python files and templates mark for translation, in the order of their files."""
    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        # A copy: Django's command writes a file beside each template, and the list into a folder `locale` that it finds.
        copy, command, here = Path(folder) / "heliograph", makemessages.Command(), Path.cwd()
        command.xgettext_options = [*command.xgettext_options, "--keyword=Sentence", "--keyword=_in_words:1,2"]
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("locale", "static", "__pycache__", "migrations"))
        os.chdir(copy)
        try:
            with override_settings(LOCALE_PATHS=[copy / "locale"]):
                call_command(command, locale=["de"], keep_pot=True, no_wrap=True, add_location="file", verbosity=0)
        finally:
            os.chdir(here)
        messages = polib.pofile(str(copy / "locale" / "django.pot"), wrapwidth=0)
    known = {entry.msgid: entry for entry in messages if not entry.msgctxt}
    for file, text in [*texts_of_data(), *sentences_of_errors()]:
        if text not in known:
            known[text] = polib.POEntry(msgid=text)
            messages.append(known[text])
        known[text].occurrences.append((file, ""))
    messages.extend(names_of_fields())
    return messages


def names_of_fields() -> Iterator[polib.POEntry]:
    """The names of the platform's fields, their groups and the standard properties, which pages translate (web/field_names.py)."""
    fields = [*filter_fields(Subject.SESSION), *(field for each in catalogue(Subject.SESSION).values() for field in each)]
    names = (
        {field.label for field in fields if not field.key.startswith("previous.")}
        | {str(field.group) for field in fields}
        | {*map(str, FieldGroup)}
    )
    for name in sorted({"Answers", *names, *STANDARD_PROPERTY_NAMES.values()}):
        yield polib.POEntry(msgctxt="field", msgid=name, occurrences=[("domain/setup/fields.py", "")])


def texts_of_data() -> Iterator[tuple[str, str]]:
    """What pages show of the files of presets and recipes, with the name of the file."""
    for path in sorted((PACKAGE / "connections" / "presets").glob("*.toml")):
        preset = tomllib.loads(path.read_text("utf-8"))
        texts = [preset[name] for name in ("name", "what", "needs", "sets")] + preset.get("ask", []) + preset.get("notes", [])
        texts += [blank.get(name) for blank in preset.get("blank", ()) for name in ("label", "help")]
        yield from ((path.relative_to(PACKAGE).as_posix(), text) for text in texts if text)
    recipes = PACKAGE / "recipes" / "recipes.toml"
    for recipe in tomllib.loads(recipes.read_text("utf-8"))["recipe"]:
        yield recipes.relative_to(PACKAGE).as_posix(), recipe["name"]


def sentences_of_errors() -> Iterator[tuple[str, str]]:
    """What errors say in English (domain/errors.py), with the name of the file: the sentence that is given to one that is raised, and the
    docstring of one that is raised without."""
    files = {path: path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in COMMANDS}
    raised = set(_RAISED.findall("\n".join(files.values())))
    trees = {path: ast.parse(text) for path, text in files.items() if "Error" in text or "raise" in text}
    errors = [
        (path, node, {getattr(base, "id", "") for base in node.bases})
        for path, tree in trees.items()
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    ]
    names = {"HeliographError"}
    while more := {node.name for _path, node, bases in errors if bases & names} - names:
        names |= more
    for path, node, bases in errors:
        if node.name in raised and bases & names and (sentence := node.body[0]) and isinstance(sentence, ast.Expr):
            yield path.relative_to(PACKAGE).as_posix(), sentence.value.value  # type: ignore[attr-defined]
    for path, tree in trees.items():
        file = path.relative_to(PACKAGE).as_posix()
        if file in ENGLISH_FILES or (file.startswith("api/") and not file.startswith(PAGES_OF_API)):
            continue
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and called_name(node) in names | PROBLEMS)
        yield from ((file, text) for call in calls for text in given_sentence(call))


def called_name(call: ast.Call) -> str:
    """The name of the class, function or method that is called."""
    return str(getattr(call.func, "id", "") or getattr(call.func, "attr", ""))


def given_sentence(call: ast.Call) -> list[str]:
    """The sentence that an error is given: the last of its arguments that is a text of several words. Two, where a condition chooses one."""
    for argument in reversed(call.args):
        choices = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
        texts = [node.value for node in choices if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        if sentences := [text for text in texts if " " in text and re.search(r"[a-z]", _VALUE.sub("", text))]:
            return sentences
    return []


def refreshed(language: str, sources: polib.POFile, old: polib.POFile | None) -> polib.POFile:
    """The messages of the sources with the translations that the language has had."""
    known = {key_of(entry): entry for entry in old or ()}
    catalogue = polib.POFile(wrapwidth=0)
    catalogue.metadata = {
        "Project-Id-Version": "Heliograph",
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": PLURAL_FORMS[language],
    }
    for source in sources:
        before = known.get(key_of(source))
        entry = polib.POEntry(
            msgctxt=source.msgctxt,
            msgid=source.msgid,
            msgid_plural=source.msgid_plural,
            comment=source.comment,
            tcomment=before.tcomment if before else "",
            occurrences=[(file, "") for file in dict.fromkeys(file for file, _line in source.occurrences)],
            flags=[flag for flag in source.flags if flag != "fuzzy"],
        )
        if source.msgid_plural:
            entry.msgstr_plural = dict(before.msgstr_plural) if before else {0: "", 1: ""}
        else:
            entry.msgstr = before.msgstr if before else ""
        catalogue.append(entry)
    return catalogue


def file_of(language: str) -> Path:
    """The file with a language's translations."""
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def untranslated(catalogue: polib.POFile) -> list[polib.POEntry]:
    """The messages that lack a translation, or one of its two forms."""
    return [entry for entry in catalogue if not all(entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr])]


def refresh() -> None:
    """Writes the file of each language anew."""
    sources = messages_of_sources()
    for language in PLURAL_FORMS:
        file = file_of(language)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = str(refreshed(language, sources, polib.pofile(str(file)) if file.exists() else None)) + "\n"
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
    runpy.run_path(str(ROOT / "scripts" / "build_texts.py"))["build"]()


def by_file(messages: polib.POFile) -> Iterator[str]:
    """The lines of a list: each package, its files, and their messages; a message of several files stands under each."""
    pairs = sorted({(file, entry.msgid, entry.msgid_plural) for entry in messages for file, _line in entry.occurrences})
    for package, of_package in groupby(pairs, lambda pair: pair[0].partition("/")[0]):
        yield f"== {package}"
        for file, of_file in groupby(of_package, lambda pair: pair[0]):
            yield f"-- {file}"
            for _file, message, plural in of_file:
                yield "   " + message.replace("\n", "\\n") + (f" | {plural}" if plural else "")


def main(arguments: list[str]) -> int:
    """The exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    sys.path.insert(0, str(ROOT))
    if arguments == ["--list"]:
        print("\n".join(by_file(messages_of_sources())))
        return 0
    if arguments not in ([], ["--missing"]):
        print(__doc__, file=sys.stderr)
        return 2
    if not arguments:
        refresh()
    for language in PLURAL_FORMS:
        catalogue = polib.pofile(str(file_of(language)))
        missing = untranslated(catalogue)
        print(f"{language}: {len(missing)} of {len(catalogue)} messages have no translation")
        if arguments:
            print("\n".join(f"   {', '.join(file for file, _line in entry.occurrences)}: {entry.msgid!r}" for entry in missing))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
