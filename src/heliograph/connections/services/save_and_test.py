"""Save & Test, and Send a sample (guide: Setting up a Connection; C3).

    name → connect → TLS → (access token) → the test URL, or a sample, or nothing → finding

The connection is saved before the test, by `services.connections`, and stays saved whatever the result. No transaction is open while
something is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic, time_ns
from typing import Final
from urllib.parse import urljoin
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.db import connection as database
from django.db import transaction
from django_scopes import scope

from heliograph.accounts.vault import vault
from heliograph.connections import page_sender
from heliograph.connections.services.access import Asker
from heliograph.connections.services.connections import OWNER, connection_row
from heliograph.connections.services.test_limiter import NoRoom, limited_wait, unsaved_samples
from heliograph.domain.connection import diagnosis
from heliograph.domain.connection.connection import Auth, Connection, ContentType
from heliograph.domain.connection.diagnosis import (
    DiagnosisReport,
    DiagnosisStep,
    DiagnosisVerdict,
    Finding,
    Stepped,
    StepState,
    TestedField,
)
from heliograph.domain.connection.oauth_access import Denied
from heliograph.domain.connection.request import PreparedConnection, Request, build_request, prepare
from heliograph.domain.connection.response_rule import READ_REASON, RuleMatch, classify_response, match_of
from heliograph.domain.connection.rule_proposal import own_words
from heliograph.domain.connection.sample import SampleFacts, ask_test_url, sample_mapping, trace_of_sample
from heliograph.domain.connection.secret import Secret
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.connection.stated_error import stated_error
from heliograph.domain.connection.target_response import TargetResponse, charset_of
from heliograph.domain.connection.target_url import AddressError, split_address
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import Cause, Refused
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.destination_defaults import usual_mapping
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_renderer import InvalidValues, ValueProblem
from heliograph.outbound.exchange import CutOff, Failure, Response, Route, text_of
from heliograph.outbound.masks import Masks, masks_of
from heliograph.outbound.one_request import ask
from heliograph.outbound.routes import Limits, route_of
from heliograph.outbound.sender import Sender
from heliograph.outbound.signature import signed
from heliograph.outbound.target import InvalidTarget, read_target, with_ascii_host
from heliograph.setup.setup_errors import Invalid, SetupError
from heliograph.store import connection_tests
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.restored_copy import unreleased_copy
from heliograph.store.secrets import load_secrets

SHOWN = 600
"""Characters of an answer that are stored and shown."""


LONGEST_DETAIL: Final = 2_000
"""Characters of a detail: the sentence of a guard, or the problems of a mapping's fields."""
MOST_BYTES: Final = 4
"""Bytes of one character, in most charsets."""


class NotTested(SetupError):
    """The connection is not tested now."""


class CopyUnreleased(NotTested):
    """This is a restored copy: nothing is sent, and no connection tested, until an Administrator lets it send."""


class TooManyTests(NotTested):
    """This connection, or the account's connections together, were tested too often in the last minute. Wait a minute and test again."""


def try_connection(
    account: int,
    id: int,
    *,
    sample: bool = False,
    sender: Sender | None = None,
    report_progress: Callable[[Sequence[Stepped], DiagnosisStep], None] | None = None,
) -> DiagnosisReport:
    """Tests a saved connection and stores the report. Takes as long as the connection's timeouts allow.

    sample: sends one real request with sample values instead of calling the test URL
    report_progress: called with the finished steps and the next one, whenever a step begins

    Raises NotThere, TooManyTests, CopyUnreleased, and HeliographError if the connection's secrets cannot be read.
    """
    with transaction.atomic(), scope(account=account):
        connection = Connection.from_body(connection_row(id).body)
        if set(connection.lacks) - {"connected"}:  # a later step of the test checks whether somebody has connected
            states = {DiagnosisStep.CREDENTIALS: StepState.FAILED}
            steps = tuple(Stepped(step, states.get(step, StepState.NOT_TRIED)) for step in DiagnosisStep)
            detail = ", ".join(name.replace("_", " ") for name in connection.lacks)
            return DiagnosisReport(
                DiagnosisVerdict.FAILED, steps, connection.origin.partition("://")[2], sample, Finding.INCOMPLETE, detail
            )
        if unreleased_copy(of_django(database), account) is not None:
            raise CopyUnreleased
        about = _read(account, id, connection, sample=sample)
        if not connection_tests.may_test(of_django(database), account, id):
            raise TooManyTests(TooManyTests.__doc__ or "")
    try:
        with limited_wait(account):
            report = _Trial(about, sender or page_sender.sender(), report_progress).run()
    except NoRoom as error:
        raise TooManyTests(str(error)) from None
    with transaction.atomic():  # its row exists since the test was counted
        connection_tests.keep(of_django(database), account, id, report.to_body())
    return report


@dataclass(frozen=True, slots=True)
class UnsavedConnection:
    """A connection that is tried before it is saved."""

    fields: Mapping[str, object] = field(repr=False)
    """Of the connection's body, without origins and secrets."""
    url: str = field(repr=False)
    """Complete, as a preset's `fill` has checked it."""
    secrets: Mapping[str, str] = field(repr=False)
    """By name."""
    mapping: FieldMapping


def send_unsaved_sample(account: int, unsaved: UnsavedConnection, *, sender: Sender | None = None) -> DiagnosisReport:
    """Sends one real request with sample values over a connection that is not saved. Nothing is stored.

    Raises TooManyTests, CopyUnreleased, and Invalid if the URL cannot be used.
    """
    try:
        address = split_address(with_ascii_host(unsaved.url), http=True)  # a preset has checked it; the sender checks each address again
        secrets = {Secret.PATH.value: address.path_and_query} | {name: value for name, value in unsaved.secrets.items() if value}
        connection = Connection.from_body({**unsaved.fields, "origin": address.origin, "secrets": sorted(secrets)})
    except (AddressError, ConnectionSetupError) as error:
        raise Invalid({"url": [error.sentence]}) from None
    with transaction.atomic(), scope(account=account):
        if unreleased_copy(of_django(database), account) is not None:
            raise CopyUnreleased
        config = Committed(of_django(database)).account(account)
        route = route_of(account, 0, connection, secrets, page_sender.policy(account), Limits())
    if not unsaved_samples.may_begin(account):
        raise TooManyTests(TooManyTests.__doc__ or "")
    about = _About(
        account, 0, connection, prepare(connection, secrets), secrets, route, True, unsaved.mapping, config.timezone, config.code
    )
    try:
        with limited_wait(account):
            return _Trial(about, sender or page_sender.sender()).run()
    except NoRoom as error:
        raise TooManyTests(str(error)) from None


def last_reports(db: Database, account: int) -> dict[int, tuple[int, DiagnosisReport]]:
    """The last report of each of the account's connections, with its time in microseconds."""
    reports = {}
    for connection, (at, body) in connection_tests.last(db, account).items():
        try:
            reports[connection] = at, DiagnosisReport.from_body(body)
        except (HeliographError, KeyError, ValueError, TypeError):
            continue  # a report of another release
    return reports


@dataclass(frozen=True, slots=True)
class _About:
    """The connection to test, and everything that the test needs of it."""

    account: int
    id: int
    connection: Connection
    prepared: PreparedConnection = field(repr=False)
    secrets: dict[str, str] = field(repr=False)
    route: Route
    sample: bool
    mapping: FieldMapping
    timezone: str
    """The name of the account's time zone."""
    code: str
    """The account's code."""


def _read(account: int, id: int, connection: Connection, *, sample: bool) -> _About:
    secrets = load_secrets(of_django(database), vault(), account, OWNER, [id]).get(id, {})
    route = route_of(account, id, connection, secrets, page_sender.policy(account), Limits())
    config = Committed(of_django(database)).account(account)
    # A strict target accepts nothing but what its flows send, or would send.
    mapping = config.mappings.get(usual_mapping(config, id) or 0) or sample_mapping()
    return _About(account, id, connection, prepare(connection, secrets), secrets, route, sample, mapping, config.timezone, config.code)


@dataclass(slots=True)
class _Trial:
    """A running test."""

    about: _About
    sender: Sender
    report_progress: Callable[[Sequence[Stepped], DiagnosisStep], None] | None = None
    steps: dict[DiagnosisStep, Stepped] = field(default_factory=dict)
    masks: Masks = field(init=False, repr=False)
    """The masks of everything that was sent so far."""
    trace: str = ""
    """A text of the sample by which its record can be found in the target."""
    url: str = field(default="", repr=False)
    """The URL of the last request."""

    def __post_init__(self) -> None:
        self.masks = masks_of(self.about.secrets.values(), credentials=self.about.prepared.credentials)

    def run(self) -> DiagnosisReport:
        connection = self.about.connection
        asks = self.about.sample or bool(connection.test_origin)
        bearer = None
        self._report_progress(DiagnosisStep.NAME)
        if not asks or connection.auth is Auth.OAUTH2:
            only = Request("GET", f"{self._origin}/", (), None)
            reached = ask(self.sender, only, _connecting(self.about.route))
            if not isinstance(reached, Response):
                return self._unanswered(reached)
            self._connected(reached)
        if connection.auth is Auth.OAUTH2:
            self._report_progress(DiagnosisStep.CREDENTIALS)
            began = monotonic()
            about = self.about
            token = Asker(about.account, about.id, connection, about.secrets, about.route, self.sender).fresh_token()
            if isinstance(token, Denied):
                finding = diagnosis.token_finding(token.refused, lost=token.lost, client=token.client, error=token.error)
                return self._failed(DiagnosisStep.CREDENTIALS, finding, token.refused.message, monotonic() - began)
            bearer = token
            self.masks = self.masks.also(secrets=[token])
            self._mark(DiagnosisStep.CREDENTIALS, StepState.DONE, monotonic() - began)
            self._report_progress(DiagnosisStep.ANSWER)
        if not asks:
            if connection.auth is Auth.OPEN:
                self._mark(DiagnosisStep.CREDENTIALS, StepState.NOT_NEEDED)
            return self._report(DiagnosisVerdict.REACHED)
        request = self._request(bearer)
        if not isinstance(request, Request):
            return self._failed(DiagnosisStep.ANSWER, Finding.DATA, "; ".join(map(str, request)))
        self.masks, self.url = self.masks.also(request), request.url
        result = ask(self.sender, request, self.about.route)
        return self._answered(result) if isinstance(result, Response) else self._unanswered(result)

    def _report_progress(self, step: DiagnosisStep) -> None:
        if self.report_progress is not None:
            self.report_progress(tuple(self.steps.values()), step)

    @property
    def _origin(self) -> str:
        connection = self.about.connection
        return connection.test_origin if connection.test_origin and not self.about.sample else connection.origin

    def _request(self, bearer: str | None) -> Request | tuple[ValueProblem, ...]:
        now = datetime.now(UTC)
        facts, zone = SampleFacts(now, self.about.timezone, self.about.code, self.about.mapping), ZoneInfo(self.about.timezone)
        if not self.about.sample:
            made = ask_test_url(self.about.prepared, self.about.secrets.get(Secret.TEST_PATH, "/"), facts, bearer=bearer, zone=zone)
            return made if isinstance(made, Request) else (made,)
        id = f"test_{uuid4()}"
        request = build_request(self.about.prepared, self.about.mapping, None, facts, webhook_id=id, timezone=zone, bearer=bearer)
        if isinstance(request, InvalidValues):
            return request.problems
        self.trace = trace_of_sample(request, self.about.mapping.sources)
        names = (Secret.SIGNING, Secret.SIGNING_BEFORE)
        return signed(request, [self.about.secrets[name] for name in names if self.about.secrets.get(name)], now)

    # The results.

    def _unanswered(self, result: Failure | CutOff) -> DiagnosisReport:
        if isinstance(result, CutOff):
            return self._failed(DiagnosisStep.CONNECT, Finding.OURSELVES, AttemptSentence.STOPPING.fill())
        timings, secure = result.timings, self._is_secure
        step, finding = diagnosis.failed(result.cause, left=result.left, connected=timings.connect > 0, secure=secure, verify=result.verify)
        spent = {DiagnosisStep.NAME: timings.name, DiagnosisStep.CONNECT: timings.connect, DiagnosisStep.TLS: timings.tls}
        for before in list(DiagnosisStep)[: list(DiagnosisStep).index(step)]:
            if before is DiagnosisStep.CREDENTIALS:  # the target has not said anything about the credentials
                self.steps.setdefault(before, Stepped(before, StepState.NOT_TRIED))
            else:
                self._mark(before, StepState.DONE if before is not DiagnosisStep.TLS or secure else StepState.NOT_NEEDED, spent.get(before))
        took = timings.total - sum(
            seconds for before, seconds in spent.items() if list(DiagnosisStep).index(before) < list(DiagnosisStep).index(step)
        )
        return self._failed(step, finding, result.message, max(0.0, took))

    def _answered(self, response: Response) -> DiagnosisReport:
        connection = self.about.connection
        self._connected(response)
        took = response.timings.total - response.timings.sent
        headers = dict(reversed(response.headers))
        # The response rule decides about the answer to a sample, not about that of the test URL. If no clause matches, the status decides.
        target_response = self._target_response(response)
        rule = connection.rule if self.about.sample else ()
        ruled = None if match_of(rule, target_response) == RuleMatch(None) else classify_response(rule, target_response, time_ns() // 1_000)
        if isinstance(ruled, Refused):
            # a 200 that means the token was refused
            step = DiagnosisStep.CREDENTIALS if ruled.cause is Cause.OAUTH else DiagnosisStep.ANSWER
            return self._failed(step, Finding.RULE, ruled.message, took, response=response)
        wrong = (
            None
            if ruled
            else diagnosis.finding_of_answer(
                response.status,
                headers,
                response.body,
                wants_json=connection.content_type is ContentType.JSON,
                error=stated_error(target_response),
            )
        )
        if wrong is None and response.truncated and not self.about.sample:
            wrong = DiagnosisStep.ANSWER, Finding.LONG_ANSWER
        if wrong is None:
            self._mark(DiagnosisStep.CREDENTIALS, StepState.NOT_NEEDED if connection.auth is Auth.OPEN else StepState.DONE)
            self._mark(DiagnosisStep.ANSWER, StepState.DONE, took)
            return self._report(DiagnosisVerdict.TESTED, response=response)
        step, finding = wrong
        # The host to which a redirect leads; "" if it cannot be read. The path is left out, because it may contain a secret.
        host = ""
        with suppress(InvalidTarget, ValueError):
            if location := headers.get("location", ""):
                host = str(read_target(urljoin(self.url, location)))
        return self._failed(step, finding, "", took, response=response, moved=self.masks.blotted(host))

    def _target_response(self, response: Response) -> TargetResponse:
        return TargetResponse(response.status, response.headers, response.body, self._masked_reason, cut=response.truncated)

    def _masked_reason(self, reason: str) -> str:
        return self.masks.shortened(reason, READ_REASON)

    def _connected(self, response: Response) -> None:
        timings = response.timings
        if not response.reused and DiagnosisStep.CONNECT not in self.steps:
            self._mark(DiagnosisStep.NAME, StepState.DONE, timings.name)
            self._mark(DiagnosisStep.CONNECT, StepState.DONE, timings.connect)
        for step in (DiagnosisStep.NAME, DiagnosisStep.CONNECT):
            self.steps.setdefault(step, Stepped(step, StepState.DONE))
        self.steps.setdefault(
            DiagnosisStep.TLS,
            Stepped(DiagnosisStep.TLS, StepState.DONE, timings.tls)
            if self._is_secure
            else Stepped(DiagnosisStep.TLS, StepState.NOT_NEEDED),
        )

    @property
    def _is_secure(self) -> bool:
        return self._origin.startswith("https://")

    def _mark(self, step: DiagnosisStep, mark: StepState, seconds: float | None = None) -> None:
        self.steps[step] = Stepped(step, mark, None if seconds is None or mark is StepState.NOT_NEEDED else round(seconds, 4))

    def _failed(
        self,
        step: DiagnosisStep,
        finding: Finding,
        detail: str,
        took: float | None = None,
        *,
        response: Response | None = None,
        moved: str = "",
    ) -> DiagnosisReport:
        self._mark(step, StepState.FAILED, took)
        return self._report(DiagnosisVerdict.FAILED, finding=finding, detail=detail, response=response, moved=moved)

    def _report(
        self,
        verdict: DiagnosisVerdict,
        *,
        finding: Finding | None = None,
        detail: str = "",
        response: Response | None = None,
        moved: str = "",
    ) -> DiagnosisReport:
        connection = self.about.connection
        body, cut = ("", False)
        if response is not None:
            most = (SHOWN + self.masks.longest) * MOST_BYTES
            body, cut = text_of(response.body, most, truncated=response.truncated, charset=charset_of(response.headers))
        # The target's own words about its refusal, without secrets.
        refusal = ""
        if verdict is DiagnosisVerdict.FAILED and response is not None and not 200 <= response.status < 400:
            refusal = _plain(self.masks.shortened(own_words(self._target_response(response)), SHOWN))
        # The field with the URL that the last step called. Without a response, a failed token was refused by the authority, not by the target.
        credentials = self.steps.get(DiagnosisStep.CREDENTIALS)
        tested_field = TestedField.URL
        if connection.auth is Auth.OAUTH2 and response is None and credentials is not None and credentials.state is StepState.FAILED:
            tested_field = TestedField.TOKEN_URL
        elif connection.test_origin and not self.about.sample:
            tested_field = TestedField.TEST_URL
        return DiagnosisReport(
            verdict,
            tuple(self.steps.get(step, Stepped(step, StepState.NOT_TRIED)) for step in DiagnosisStep),
            self._origin.partition("://")[2],
            self.about.sample,
            finding,
            _plain(self.masks.shortened(detail, LONGEST_DETAIL)),
            response.status if response is not None else None,
            _plain(self.masks.shortened(body, SHOWN, cut=cut)),
            moved,
            tested_field,
            connection.sign_in,
            refusal,
            self.trace,
        )


def _plain(text: str) -> str:
    """The text without null characters, which databases refuse."""
    return text.replace("\0", "\ufffd")


def _connecting(route: Route) -> Route:
    return Route(
        route.account,
        route.connection,
        route.policy,
        route.connect_timeout,
        route.total_timeout,
        authorities=route.authorities,
        identity=route.identity,
        connect_only=True,
    )
