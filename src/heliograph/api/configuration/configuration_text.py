"""The text of a configuration file: YAML without aliases and tags, or JSON (RFC 8259)."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec
import yaml

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence, gettext_noop

LONGEST_TEXT: Final = 3_500_000
"""Characters. A request of the API has at most 4 MiB."""
DEEPEST: Final = 40


class BadText(HeliographError):
    """The text is no configuration file."""


_PATTERNS: Final = {
    "bool": re.compile(r"(?:true|false)\Z"),
    "null": re.compile(r"(?:~|null|)\Z"),
    "int": re.compile(r"-?(?:0|[1-9][0-9]*)\Z"),
    "float": re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z"),
}
"""What is no text unless it stands in quotes: what JSON has, too."""


_YAML_PROBLEMS: Final = (
    gettext_noop("could not find expected ':'"),
    gettext_noop("did not find expected key"),
    gettext_noop("did not find expected '-' indicator"),
    gettext_noop("did not find expected ',' or ']'"),
    gettext_noop("did not find expected ',' or '}'"),
    gettext_noop("did not find expected node content"),
    gettext_noop("did not find expected <document start>"),
    gettext_noop("mapping values are not allowed in this context"),
    gettext_noop("mapping keys are not allowed in this context"),
    gettext_noop("block sequence entries are not allowed in this context"),
    gettext_noop("found character that cannot start any token"),
    gettext_noop("found a tab character that violates indentation"),
    gettext_noop("found unexpected end of stream"),
    gettext_noop("found unknown escape character"),
    gettext_noop("control characters are not allowed"),
)
"""What the YAML library says most often; pages translate it. Its other words stay English."""


def _line(mark: Any) -> str:
    """The number of the line of a mark, for a sentence; 0 without a mark."""
    return str(mark.line + 1 if mark else 0)


class _Loader(yaml.CSafeLoader):
    """Takes for something else than text only what JSON does, so that `no`, `010`, `12:30` and `2027-01-31` are texts. Refuses a key that occurs
    twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: set[Any] = set()
        for key_node, _value in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise BadText("Line %(line)s: a key must be a text; put it in quotes.", line=_line(key_node.start_mark))
            if key in keys:
                raise BadText("Line %(line)s: “%(key)s” occurs twice.", line=_line(key_node.start_mark), key=key)
            keys.add(key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern in _PATTERNS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, None)


def read_text(text: str) -> dict[str, Any]:
    """The content of a file. Raises BadText, with the line."""
    if len(text) > LONGEST_TEXT:
        raise BadText("The file is longer than %(most)s characters.", most=LONGEST_TEXT)
    try:
        content = _read_json(text) if text.lstrip().startswith("{") else None
        content = _read_yaml(text) if content is None else content
        _check_values(content)
    except RecursionError:
        raise BadText("The file is nested more than %(most)s levels deep.", most=DEEPEST) from None
    except UnicodeEncodeError:
        raise BadText("The file contains half a character (a lone surrogate).") from None
    except yaml.MarkedYAMLError as error:
        problem = Sentence(error.problem or error.context or "")
        if error.problem_mark is None:
            raise BadText("This is not YAML: %(problem)s.", problem=problem) from None
        raise BadText("Line %(line)s: This is not YAML: %(problem)s.", line=_line(error.problem_mark), problem=problem) from None
    except (yaml.YAMLError, ValueError) as error:
        raise BadText("This is not YAML: %(problem)s", problem=str(error)) from None
    if content is None:
        raise BadText("The file is empty.")
    if not isinstance(content, dict):
        raise BadText("The file must be a mapping of sections, such as `tags:`.")
    return content


def _read_json(text: str) -> Any:
    """The content; None if this is no JSON, but perhaps YAML, whose mappings can begin alike."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError:
        return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises BadText for a key that occurs twice."""
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise BadText("“%(key)s” occurs twice in one mapping.", key=key)
        members[key] = value
    return members


def _refuse_constant(name: str) -> Any:
    """NaN and Infinity are no JSON."""
    raise BadText("%(name)s is no number of JSON.", name=name)


def _check_values(value: Any, depth: int = 1) -> None:
    """Raises BadText for what no database stores, and for a nesting that no section has; UnicodeEncodeError for a lone surrogate."""
    if depth > DEEPEST + 1:
        raise BadText("The file is nested more than %(most)s levels deep.", most=DEEPEST)
    if isinstance(value, str):
        value.encode()
        if "\0" in value:
            raise BadText("The file contains a nul character (U+0000).")
    elif isinstance(value, list):
        for each in value:
            _check_values(each, depth + 1)
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_values(key, depth + 1)
            _check_values(member, depth + 1)


def _read_yaml(text: str) -> Any:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BadText("Line %(line)s: aliases and anchors are not possible here. Write the value out.", line=line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise BadText("Line %(line)s: the file is nested more than %(most)s levels deep.", line=line, most=DEEPEST)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if tag := getattr(event, "tag", None):
            raise BadText("Line %(line)s: tags of YAML, such as %(tag)s, are not possible here.", line=line, tag=tag)
    return yaml.load(text, Loader=_Loader)  # noqa: S506 -- it is a safe loader


class _Dumper(yaml.CSafeDumper):
    """Writes texts of several lines as blocks, and puts in quotes what the loader would take for something else."""


def _write_str(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text and not re.search(r"[ \t]\n|^\s|\t", text) else None
    if any(pattern.match(text) for pattern in _PATTERNS.values()):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_str)


def write_yaml(content: dict[str, Any]) -> str:
    """The content as YAML, in its own order."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140, default_flow_style=None)


def write_json(content: dict[str, Any]) -> str:
    """The content as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"
