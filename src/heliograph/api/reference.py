"""The reference of the API as its page shows it: read from the OpenAPI document, so that both say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from dmr.routing import Router

from heliograph.api import openapi

PREFIX: Final = "/api/v1"
_PLAIN: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}
_DEEPEST: Final = 4
"""Levels of objects that an example shows."""


@dataclass(frozen=True, slots=True)
class ReferenceMember:
    """A parameter, or a member of a body or an answer."""

    name: str
    type: str
    text: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class ReferenceEndpoint:
    """An endpoint. key: its name in the page's address."""

    key: str
    noun: str
    method: str
    path: str
    title: str
    text: str
    scope: str
    role: str
    parameters: tuple[ReferenceMember, ...]
    body: tuple[ReferenceMember, ...]
    answer: tuple[ReferenceMember, ...]
    status: str
    curl: str
    example: str


@cache
def endpoints(router: Router) -> dict[str, ReferenceEndpoint]:
    """Every endpoint by its key, in the order of nouns and paths."""
    document = openapi.document(router)
    rows = [
        _endpoint(path.removeprefix(PREFIX), method.upper(), operation, document)
        for path, operations in sorted(document["paths"].items())
        for method, operation in operations.items()
        if isinstance(operation, Mapping) and "operationId" in operation
    ]
    return {row.key: row for row in rows}


def _endpoint(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> ReferenceEndpoint:
    status = next((status for status in operation["responses"] if status.startswith("2")), "")
    body = _schema(operation.get("requestBody", {}), document)
    answer = _schema(operation["responses"].get(status, {}), document)
    title, _dot, rest = str(operation.get("summary", "")).partition(". ")
    described = str(operation.get("description", "")).split("\n\n")
    curl = [f'curl{"" if method == "GET" else f" -X {method}"} "$HOST{PREFIX}{path}"', '  -H "Authorization: Bearer $TOKEN"']
    if body:
        curl += ['  -H "Content-Type: application/json"', f"  -d '{json.dumps(_example(body, document), ensure_ascii=False)}'"]
    return ReferenceEndpoint(
        key=operation["operationId"],
        noun=operation["tags"][0],
        method=method,
        path=path,
        title=title.removesuffix("."),
        text=" ".join(part for part in (rest, *(each for each in described if not each.startswith("Needs the scope"))) if part),
        scope=operation["security"][0][openapi.SCHEME][0],
        role=operation["x-role"],
        parameters=tuple(
            ReferenceMember(
                each["name"], _type(each["schema"], document), _text(each) or _text(each["schema"]), each.get("required", False)
            )
            for each in operation.get("parameters", ())
        ),
        body=tuple(_members(body, document)),
        answer=tuple(_members(answer, document)),
        status=status,
        curl=" \\\n".join(curl),
        example="" if answer is None else json.dumps(_example(answer, document), indent=2, ensure_ascii=False),
    )


def _schema(holder: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of a body or an answer; None if it has none."""
    content = holder.get("content", {}).get("application/json")
    return _resolved(content["schema"], document) if content else None


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _members(schema: Mapping[str, Any] | None, document: Mapping[str, Any]) -> Iterator[ReferenceMember]:
    """The members of an object; those of a list's items follow, with "items." before their names."""
    for name, member in (schema or {}).get("properties", {}).items():
        resolved = _resolved(member, document)
        yield ReferenceMember(name, _type(member, document), _text(member) or _text(resolved), name in (schema or {}).get("required", ()))
        item = _resolved(resolved.get("items", {}), document) if name == "items" else {}
        for within in _members(item, document):
            yield ReferenceMember(f"items.{within.name}", within.type, within.text, within.is_required)


def _type(schema: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """The type in plain words: "text or null", "list of text"."""
    schema = _resolved(schema, document)
    if "enum" in schema:
        return " · ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each, document) for each in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}), document)}"
    if schema.get("format") == "date-time":
        return "time"
    return _PLAIN.get(str(schema.get("type", "")), "any JSON")


def _text(holder: Mapping[str, Any]) -> str:
    """A description on one line."""
    return " ".join(str(holder.get("description", "")).split())


def _example(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that the schema allows."""
    schema = _resolved(schema, document)
    for name in ("const", "default"):
        if name in schema and depth:
            return schema[name]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], document, depth)
    match schema.get("type"):
        case "object" if depth < _DEEPEST:
            return {name: _example(member, document, depth + 1) for name, member in schema.get("properties", {}).items()}
        case "array" if depth < _DEEPEST:
            return [_example(schema.get("items", {}), document, depth + 1)]
        case "string":
            return "2026-10-14T09:30:00Z" if schema.get("format") == "date-time" else "…"
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return None
