"""The OpenAPI document of the API (OpenAPI 3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, cast

import msgspec
from dmr.openapi import OpenAPIConfig, build_schema
from dmr.openapi.collector import controller_mapping_collector
from dmr.openapi.objects import Components, License, SecurityScheme, Server, ServerVariable
from dmr.routing import Router

from heliograph import __version__
from heliograph.api.controller import JSON, WITH_BODY, ApiController
from heliograph.domain.http_request import PROBLEM_TYPE

SCHEME: Final = "token"
PROBLEM_ANSWER: Final = "Problem"
DESCRIPTION: Final = """\
Everything that the pages do, for programs. A request carries a token of an account: `Authorization: Bearer hg_…`.

* Lists have `limit` and `cursor`; an answer's `next` is the address of the next page.
* What people edit has an `ETag`; with `If-Match` nothing is overwritten that you have not seen.
* A POST with an `Idempotency-Key` is done once, however often it is sent.
* Problems are documents of RFC 9457. Unknown members and parameters are refused by name.
* Times are RFC 3339, in UTC. Ids are opaque texts.
"""


@cache
def encoded(router: Router) -> bytes:
    """The OpenAPI file: what `/api/v1/openapi.json` serves, and what `heliograph openapi` writes."""
    return msgspec.json.encode(document(router))


def document(router: Router) -> dict[str, Any]:
    """The document of these routes, ready for JSON."""
    config = OpenAPIConfig(
        title="Heliograph",
        version=__version__,
        openapi_version="3.1.0",
        description=DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[
            Server(url="https://{host}", variables={"host": ServerVariable(default="signal.example", description="Your Heliograph.")})
        ],
        components=Components(
            security_schemes={SCHEME: SecurityScheme(type="http", scheme="bearer", description="A token of the account: hg_…")}
        ),
    )
    plain = cast(
        "dict[str, Any]", msgspec.json.decode(msgspec.json.encode(build_schema(router, config=config).convert(skip_validation=True)))
    )
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    plain["components"]["responses"] = {PROBLEM_ANSWER: {"description": "A problem document.", "content": content}}
    for path, controller in controllers(router):
        for method, operation in plain["paths"][path].items():
            if method.upper() in controller.access:
                operation["tags"] = [path.removeprefix(f"/{router.prefix}").partition("/")[0]]
                _complete(operation, method.upper(), controller)
    return plain


def controllers(router: Router) -> Iterator[tuple[str, type[ApiController]]]:
    """The path and the controller of every route."""
    for route, controller in controller_mapping_collector(router.urls, base_path=router.prefix):
        if controller is not None:
            yield route.normalized_path, cast("type[ApiController]", controller)


def _complete(operation: dict[str, Any], method: str, controller: type[ApiController]) -> None:
    """Adds to an operation what the library does not know: scope and role, the headers of keys and ETags, and the one form of all problems."""
    access = controller.access[method]
    operation["security"] = [{SCHEME: [scope.value for scope in access.scopes]}]
    operation["x-role"] = access.role.value
    scopes = " and ".join(f"`{scope.value}` ({scope.label})" for scope in access.scopes)
    needs = f"Needs the scope {scopes} and the role {access.role.label}, or a higher one."
    operation["description"] = "\n\n".join(filter(None, (operation.get("description"), needs)))
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            operation["responses"][status] = {"$ref": f"#/components/responses/{PROBLEM_ANSWER}"}
        elif int(status) == 204:
            response.pop("content", None)
    if controller.body_type != JSON and method in WITH_BODY:
        operation["requestBody"] = {"required": True, "content": {controller.body_type: {"schema": {"type": "string"}}}}
    header: dict[str, Any] | None = None
    if method == "POST" and controller.takes_key:
        header = _header(
            "Idempotency-Key", "A text of your own, unique for this request. Sent again with it, the request is not done twice."
        )
    elif controller.has_etag and method not in ("GET", "POST"):
        header = _header("If-Match", "The ETag of what you have seen. If something else stands there now, nothing is changed (412).")
    if header is not None:
        operation.setdefault("parameters", []).append(header)


def _header(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", "minLength": 1, "maxLength": 300},
    }
