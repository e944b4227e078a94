"""The base class of all endpoints. A request belongs to one account, and each error is answered with a problem document."""

from __future__ import annotations

import hashlib
import re
import zoneinfo
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any, ClassVar, Final, cast

import msgspec
import structlog
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django_scopes import scope
from dmr import Controller, ResponseSpec
from dmr.endpoint import Endpoint
from dmr.exceptions import DataRenderingError, NotAcceptableError, RequestSerializationError, ValidationError

from heliograph.accounts import save_order
from heliograph.accounts.actors import Actors
from heliograph.accounts.models import Account
from heliograph.accounts.save_order import SavedSince
from heliograph.accounts.signal_switch import check_signal
from heliograph.api.api_problems import PROBLEM_TYPES, Problem, ProblemDocument, problem_of
from heliograph.api.json_serializer import JsonSerializer
from heliograph.api.possible_values import with_choices
from heliograph.api.rate_limit import RATE_LIMIT
from heliograph.api.request_flaws import LONGEST_FIELD, check_body
from heliograph.api.stored_answers import answer_once, stored_answer
from heliograph.api.token_access import Access, authenticate, note_token_use
from heliograph.domain.registration.document_values import clean
from heliograph.store.django_database import of_django
from heliograph.store.token_check import ApiGrant
from heliograph.web.server_errors import is_database_trouble

log = structlog.get_logger(__name__)

_AT: Final = re.compile(r"^(?P<reason>.*?)(?: - at `(?:key in )?\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
_IS_UNKNOWN: Final = "is not known here."
_QUERY: Final = "parsed_query"
_PARTS: Final = ("parsed_body", _QUERY, "parsed_path", "parsed_headers")
_WHOLE: Final = {"parsed_body": "body", _QUERY: "query", "parsed_path": "path"}
PROBLEM_STATUSES: Final = tuple(sorted({each.status for each in PROBLEM_TYPES.values()}))
WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
JSON: Final = "application/json"


class ApiController(Controller[JsonSerializer]):
    """The endpoints of one address. A subclass has a method for each HTTP method: `get`, `post`, `put`, `patch`, `delete`."""

    is_abstract: ClassVar[bool] = True
    access: ClassVar[Mapping[str, Access]] = {}
    """The scope and the role that a token needs, by HTTP method."""
    of_signal: ClassVar[bool] = False
    """True for the endpoints of Signal, which an operator can turn off for an account (N4)."""
    answers_secret: ClassVar[bool] = False
    """True if the answer to POST has a secret that is answered once, such as a new token's."""
    has_etag: ClassVar[bool] = False
    """True if people edit what GET answers. Its ETag is the digest of the answer, and PUT, PATCH and DELETE heed If-Match (P14)."""
    body_type: ClassVar[str] = JSON
    """The Content-Type of bodies."""
    keys_by_line: ClassVar[bool] = False
    """True if POST takes a document a line, and heeds the Idempotency-Key for each line."""
    counts_first: ClassVar[bool] = False
    """True if POST starts a job by `start_counted`, which heeds the Idempotency-Key."""
    takes_key: ClassVar[bool] = True
    """False if POST refuses an Idempotency-Key: it saves nothing, or it talks to another server or reads for long, for which no transaction may
    wait."""
    error_model = ProblemDocument
    semantic_responses = False
    validate_responses = False  # a wrong answer is still an answer; the tests hold every one against the OpenAPI file
    responses = tuple(ResponseSpec(ProblemDocument, status_code=status) for status in PROBLEM_STATUSES)

    grant: ApiGrant
    account: Account
    is_head: bool
    """True for HEAD, which is answered as GET and without its body."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The answer to a request. An answer to a request with a valid token has the headers of the account's quota.

        Every error is an answer: a problem document, also for what nobody expected (500).
        """
        headers: dict[str, str] = {}
        self.is_head = request.method == "HEAD"
        if self.is_head:
            request.method = "GET"  # RFC 9110 §9.3.2: what GET would answer; the server leaves the body away
        try:
            self.grant, self.account = authenticate(request)
            headers = RATE_LIMIT.take(self.account.pk, settings.HELIOGRAPH.api_requests)
            response = self._answer(request, *args, **kwargs)
            note_token_use(self.grant)
        except Exception as error:  # noqa: BLE001 -- every error is an answer
            response = self._failure(error)
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return _without_body(response) if self.is_head else response

    @property
    def actor(self) -> str:
        """The actor of changes and audit entries: `token:3`."""
        return self.grant.actor

    @property
    def actor_name(self) -> str:
        """The actor's name for people: that of the token."""
        return Actors.from_stored(self.account, [self.actor]).name(self.actor)

    def start_counted[Rows](self, count: Callable[[], Rows], start: Callable[[Rows], Any]) -> HttpResponse:
        """The answer of a POST that starts a job: 202 with the document that `start` returns.

        count: counts the rows of the job. It runs before the transaction of the request's key, because it may take long, and on SQLite nothing
            else is written during a transaction.
        """

        if (stored := stored_answer(self.request, self.grant)) is not None:
            return stored
        rows = count()
        return answer_once(self.request, self.grant, lambda: self.to_response(start(rows), status_code=HTTPStatus.ACCEPTED))

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The answer to a request with a valid token: checks its rights and its body, and runs the endpoint in the account's scope and time zone.

        If another save of the account commits first (SavedSince), the endpoint runs again, at most save_order.TRIES times in all.
        """
        method = str(request.method)
        access = self.access.get(method)
        if access is None:
            raise Problem("method", headers={"Allow": ", ".join(sorted(self.access))})
        access.check(self.grant)
        if self.of_signal:
            check_signal(self.account)
        if method in WITH_BODY and request.body and request.content_type != self.body_type:
            raise Problem("content-type", headers={"Accept-Post" if method == "POST" else "Accept": self.body_type})
        if method in WITH_BODY and self.body_type == JSON:
            check_body(request.body)
        if request.GET and not any(spec.parser.context_name == _QUERY for spec in self.api_endpoints[method].metadata.component_parsers):
            raise Problem.from_field(clean(next(iter(request.GET)), LONGEST_FIELD), _IS_UNKNOWN, name="request")
        for left in reversed(range(save_order.TRIES)):
            with ExitStack() as stack:
                stack.enter_context(scope(account=self.account.pk))
                stack.enter_context(timezone.override(zoneinfo.ZoneInfo(self.account.timezone)))
                if method != "GET":
                    stack.enter_context(save_order.judged_from(of_django(connections["read"]), self.account.pk))
                try:
                    return self._run(request, *args, **kwargs)
                except SavedSince:
                    if not left:
                        raise Problem("conflict", "Others save all the time. Nothing was saved; try again.") from None
        raise AssertionError

    def _run(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Runs the endpoint once, with what its class says of Idempotency-Key, ETag and If-Match. Raises Problem, SavedSince."""

        def endpoint() -> HttpResponse:
            return cast("HttpResponse", super(ApiController, self).dispatch(request, *args, **kwargs))

        if request.method == "POST" and not self.takes_key and "Idempotency-Key" in request.headers:
            raise Problem.from_field("Idempotency-Key", "This request cannot be repeated by a key.", name="request")
        if request.method == "POST" and not (self.keys_by_line or self.counts_first):
            return answer_once(request, self.grant, endpoint, is_secret=self.answers_secret)
        if not self.has_etag:
            return endpoint()
        if request.method == "GET":
            response = endpoint()
            if response.status_code == HTTPStatus.OK:
                response["ETag"] = etag_of(response)
                if request.headers.get("If-None-Match") == response["ETag"]:
                    return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": response["ETag"]})
            return response
        self._check_if_match(request, *args, **kwargs)
        response = endpoint()
        if response.status_code == HTTPStatus.OK and response.content:
            response["ETag"] = etag_of(response)
        return response

    def _check_if_match(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Raises Problem (412) if what GET answers now has none of the ETags of If-Match. A save that commits after this check raises SavedSince.

        The problem has what stands there now, if the token may read it.
        """
        if_match = request.headers.get("If-Match")
        if if_match is None or if_match == "*":
            return
        current = cast("HttpResponse", self.api_endpoints["GET"].func(self, *args, **kwargs))
        if current.status_code == HTTPStatus.OK and etag_of(current) not in [each.strip() for each in if_match.split(",")]:
            may_read = all(scope.value in self.grant.scopes for scope in self.access["GET"].scopes)
            members = {"current": msgspec.json.decode(current.content)} if may_read else {}
            raise Problem("changed", headers={"ETag": etag_of(current)}, **members)

    def handle_error(self, endpoint: Endpoint, controller: Any, exc: Exception) -> HttpResponse:
        """The problem document for an error of an endpoint. Raises an error again that is no problem, for `_failure`."""
        problem = _request_problem(endpoint, exc) or problem_of(exc)
        if problem is None:
            raise exc
        return problem.response()

    def format_error(self, error: Any, **more: Any) -> Any:
        """Raises the error of an answer that cannot be written as JSON, so that `_failure` logs it; the library would answer it itself."""
        if isinstance(error, DataRenderingError):
            raise error.__cause__ or error
        return super().format_error(error, **more)

    def _failure(self, error: Exception) -> HttpResponse:
        """The answer to an error outside of an endpoint: its problem; 503 if the database cannot be used; 500 for any other one. Logs the last two."""
        problem = problem_of(error)
        if problem is None and is_database_trouble(error):
            log.warning("api_database_error", error=type(error).__name__, message=str(error)[:200])
            problem = Problem("unavailable")
        if problem is None:
            log.error("api_request_failed", path=self.request.path, method=self.request.method, exc_info=error)
            problem = Problem("internal")
        return problem.response()


def _without_body(response: HttpResponseBase) -> HttpResponseBase:
    """The answer to HEAD: that to GET without its body. A stream has no Content-Length, because nobody has counted its bytes."""
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = []
    elif isinstance(response, HttpResponse):
        response["Content-Length"] = str(len(response.content))
        response.content = b""
    return response


def etag_of(response: HttpResponse) -> str:
    """The ETag of an answer: the digest of its bytes."""
    return f'"{hashlib.blake2b(response.content, digest_size=12).hexdigest()}"'


def _request_problem(endpoint: Endpoint, error: Exception) -> Problem | None:
    """The problem of a request that the library could not read; None for any other error."""
    match error:
        case ValidationError():
            models = {spec.parser.context_name: spec.model for spec in endpoint.metadata.component_parsers}
            return _field_problem(str(error.payload[0]["msg"]), models)
        case RequestSerializationError():
            return Problem("request", f"The body is not JSON: {error}")
        case NotAcceptableError():
            return Problem("accept")
        case RecursionError():
            return Problem("request", "The body is nested too deeply.")
        case _:
            return None


def _field_problem(message: str, models: Mapping[str, Any]) -> Problem:
    """The problem of a message of msgspec, such as "Expected `int`, got `str` - at `$.parsed_query.limit`".

    models: the class of each part of the request, such as "parsed_query"
    """
    match = _AT.match(message)
    assert match is not None  # the expression matches every text
    reason = match["reason"]
    part, _dot, path = (match["path"] or "").partition(".")
    if part not in _PARTS:
        part, path = "", match["path"] or ""
    unknown, missing = _UNKNOWN.fullmatch(reason), _MISSING.fullmatch(reason)
    if unknown or missing:
        name = (unknown or missing)["name"]  # type: ignore[index]  # one of them matched
        reason = _IS_UNKNOWN if unknown else "is missing."
        path = f"{path}.{name}" if path else name
    if part in models:
        reason = with_choices(reason, models[part], path)
    return Problem.from_field(path or _WHOLE.get(part, "body"), reason, name="request")
