"""Save & Test and Send a sample (C3): the common failures, each with a real server, and the explanation for a marketer."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from django.db import connections
from django.test import Client
from tests.authority import Authority, self_signed
from tests.oauth import Authority as OAuth
from tests.page_text import text_of
from tests.processes import Starter, free_port
from tests.receiver import Answer, Receiver
from tests.story import Story
from tests.waiting import until

from heliograph.accounts.vault import vault
from heliograph.connections import diagnosis_words as words
from heliograph.connections import page_sender
from heliograph.connections.services import save_and_test, signing_secrets, test_limiter
from heliograph.connections.services.connections import ConnectionFacts, connection_row, save_connection
from heliograph.connections.services.networks import allow_networks
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisStep, DiagnosisVerdict, Finding, StepState
from heliograph.domain.connection.oauth_access import TokenResponse
from heliograph.domain.connection.secret import Secret
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.store import connection_tests, oauth_token_store

HTML = {"Content-Type": "text/html; charset=utf-8"}
LOGIN = "<!DOCTYPE html><html><form action='/in'><input name='u'><input type='password' name='p'></form></html>"


@dataclass
class Stage:
    """Targets and connections of one account that may reach this machine."""

    story: Story
    folder: Path
    stack: ExitStack
    authority: Authority = field(init=False)

    def __post_init__(self) -> None:
        self.authority = Authority(self.folder)
        with self.story.saving() as transaction:
            allow_networks(transaction, ["127.0.0.0/8"])

    def receiver(self, **more: Any) -> Receiver:
        return self.stack.enter_context(Receiver(**more))

    def connection(
        self, url: str, test_url: str = "", *, secrets: dict[Secret, str] | None = None, name: str = "CRM", **fields: Any
    ) -> int:
        with self.story.saving() as transaction:
            body = {"name": name, "auth": "Open / No Auth", **fields}
            facts = ConnectionFacts(body, url=url, test_url=test_url, secrets=secrets or {})
            return int(save_connection(transaction, facts, http=True).pk)

    def run(self, id: int, **more: Any) -> DiagnosisReport:
        return save_and_test.try_connection(self.story.account, id, **more)


@pytest.fixture
def stage(story: Story, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(story, tmp_path, stack)


def marks(report: DiagnosisReport) -> str:
    """d, f, - (not tried), . (not needed) for the five steps."""
    letters = {StepState.DONE: "d", StepState.FAILED: "f", StepState.NOT_TRIED: "-", StepState.NOT_NEEDED: "."}
    return "".join(letters[each.state] for each in report.steps)


def answering(answer: Answer) -> Callable[[Stage], int]:
    """A connection with Basic authentication whose test URL gets this answer."""

    def make(stage: Stage) -> int:
        receiver = stage.receiver()
        receiver.answer("/test", answer)
        basic = {"auth": "Basic Authentication", "user_name": "crm", "secrets": {Secret.PASSWORD: "s3cr3t-password"}}
        # An expected answer may take its time, as it does on a loaded machine.
        limits = {"total_timeout": 2} if answer.then == "hang" else {}
        return stage.connection(receiver.url("/hook"), receiver.url("/test"), **limits, **basic)

    return make


def tls(make: Callable[[Stage], tuple[Any, str]]) -> Callable[[Stage], int]:
    """A connection to an https target. make: its context, and the authorities the connection trusts (PEM)."""

    def made(stage: Stage) -> int:
        context, trusted = make(stage)
        return stage.connection(stage.receiver(tls=context).url("/hook"), authorities=trusted)

    return made


def trusted(stage: Stage) -> str:
    return stage.authority.ca_file.read_text()


def hanging(stage: Stage) -> int:
    """Accepts the connection and never answers the TLS handshake."""
    receiver = stage.receiver()
    return stage.connection(receiver.url("/hook").replace("http://", "https://"), connect_timeout=2, total_timeout=2)


def big(stage: Stage) -> int:
    receiver = stage.receiver()
    receiver.answer("/test", Answer(200, {"rows": ["x" * 1_000] * 5}))
    return stage.connection(receiver.url("/hook"), receiver.url("/test"), answer_cap=1)


NO_SUCH_NAME, UNANSWERED = "crm.no-such-name.invalid", "crm.unanswered.invalid"


@pytest.fixture(autouse=True)
def name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says of these two names, whether or not the machine of the test has a name server."""
    look_up = socket.getaddrinfo

    def answer(host: Any, *arguments: Any, **named: Any) -> Any:
        if host in (NO_SUCH_NAME, UNANSWERED):
            raise socket.gaierror(socket.EAI_NONAME if host == NO_SUCH_NAME else socket.EAI_AGAIN, "no address")
        return look_up(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


# The common failures: how each is set up, the five steps, the finding, and words in the summary or the remedy.
FAILURES: dict[str, tuple[Callable[[Stage], int], str, Finding, str]] = {
    "no such name": (lambda s: s.connection(f"https://{NO_SUCH_NAME}/hook"), "f----", Finding.NO_SUCH_NAME, "typing mistakes"),
    "no name server": (lambda s: s.connection(f"https://{UNANSWERED}/hook"), "f----", Finding.NO_NAME_SERVER, "It is not the URL"),
    "refused": (lambda s: s.connection(f"http://127.0.0.1:{free_port()}/hook"), "df---", Finding.REFUSED, "Check the port"),
    "certificate for another name": (
        tls(lambda s: (s.authority.server("other.example"), trusted(s))),
        "ddf--",
        Finding.CERTIFICATE_NAME,
        "another name",
    ),
    "expired certificate": (
        tls(lambda s: (s.authority.server("127.0.0.1", days=-1), trusted(s))),
        "ddf--",
        Finding.CERTIFICATE_EXPIRED,
        "expired",
    ),
    "self-signed certificate": (
        tls(lambda s: (self_signed(s.folder, "127.0.0.1"), trusted(s))),
        "ddf--",
        Finding.SELF_SIGNED,
        "paste this one",
    ),
    "unknown authority": (tls(lambda s: (s.authority.server("127.0.0.1"), "")), "ddf--", Finding.UNTRUSTED, "Certificate Authorities"),
    "no TLS there": (hanging, "ddf--", Finding.TLS, "secure connection"),
    "blocked address": (lambda s: s.connection("https://169.254.169.254/latest"), "df---", Finding.BLOCKED, "public addresses only"),
    "401": (answering(Answer(401)), "dd.f-", Finding.UNAUTHORIZED, "again"),
    "403": (answering(Answer(403)), "dd.f-", Finding.FORBIDDEN, "permission to write"),
    "404": (answering(Answer(404)), "dd.-f", Finding.NOT_FOUND, "letter by letter"),
    "405": (answering(Answer(405)), "dd.-f", Finding.METHOD, "Request Method"),
    "410": (answering(Answer(410)), "dd.-f", Finding.GONE, "new webhook"),
    "413": (answering(Answer(413)), "dd.-f", Finding.TOO_LARGE, "fewer fields"),
    "415": (answering(Answer(415)), "dd.-f", Finding.CONTENT_TYPE, "application/x-www-form-urlencoded"),
    "422": (answering(Answer(422, {"error": "email is missing"})), "dd.-f", Finding.NOT_UNDERSTOOD, "mapping"),
    "429": (answering(Answer(429)), "dd.-f", Finding.BUSY, "Wait"),
    "500": (answering(Answer(500)), "dd.-f", Finding.BROKEN, "internal error"),
    "503": (answering(Answer(503)), "dd.-f", Finding.AWAY, "tried again"),
    "slow": (answering(Answer(then="hang")), "dd.-f", Finding.SLOW, "longer timeout"),
    "closed without an answer": (answering(Answer(then="close")), "dd.-f", Finding.CLOSED, "client certificate"),
    "no HTTP": (answering(Answer(raw=b"220 mail.example ESMTP\r\n")), "dd.-f", Finding.NOT_HTTP, "not as a web server"),
    "redirect to a sign-in": (
        answering(Answer(302, headers={"Location": "/login?next=/test"})),
        "dd.f-",
        Finding.LOGIN,
        "sign-in page for people",
    ),
    "redirect elsewhere": (
        answering(Answer(301, headers={"Location": "https://new.example.org/s3cr3t"})),
        "dd.-f",
        Finding.MOVED,
        "new.example.org",
    ),
    "HTML instead of JSON": (answering(Answer(200, "<!DOCTYPE html><p>Welcome</p>", HTML)), "dd.-f", Finding.PAGE, "web page"),
    "a sign-in page": (answering(Answer(200, LOGIN, HTML)), "dd.f-", Finding.LOGIN, "browser"),
    "answer too large": (big, "dd.-f", Finding.LONG_ANSWER, "short answer"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_C3_says_at_which_step_it_failed_and_what_mends_it(stage: Stage, kind: str) -> None:
    make, steps, finding, says = FAILURES[kind]
    id = make(stage)
    report = stage.run(id)
    assert (report.verdict, marks(report), report.finding) == (DiagnosisVerdict.FAILED, steps, finding), report
    said = f"{words.summary(report)} {words.remedy(report)}"
    assert says in said
    assert f"step {steps.index('f') + 1}" in said
    assert words.remedy(report)
    assert "%(" not in said
    for secret in ("s3cr3t", "/hook", "/test"):
        assert secret not in said
    failed = next(each for each in report.steps if each.state is StepState.FAILED)
    assert failed.seconds is not None
    assert save_and_test.last_reports(stage.story.db, stage.story.account)[id][1] == report


def test_C3_tested_by_its_test_url_with_its_credentials(stage: Stage) -> None:
    receiver = stage.receiver(tls=stage.authority.server("127.0.0.1"))
    receiver.answer("/me", Answer(200, {"user": "crm"}))
    id = stage.connection(
        receiver.url("/hook"),
        receiver.url("/me?fields=name"),
        auth="API Key / Token",
        key_place="query",
        key_name="api_key",
        secrets={Secret.KEY: "k3y with & and ="},
        headers=[["X-Fixed", "always"]],
        authorities=trusted(stage),
    )
    report = stage.run(id)
    assert (report.verdict, marks(report), report.status) == (DiagnosisVerdict.TESTED, "ddddd", 200)
    (request,) = receiver.requests
    assert (request.method, request.body, request.header("x-fixed")) == ("GET", b"", "always")
    assert request.path == "/me?fields=name&api_key=k3y%20with%20%26%20and%20%3D"
    assert all(each.seconds is not None for each in report.steps if each.step is not DiagnosisStep.CREDENTIALS)
    assert "answered as it should" in words.summary(report)


def test_C3_without_a_test_url_nothing_is_sent(stage: Stage) -> None:
    receiver = stage.receiver(tls=stage.authority.server("127.0.0.1"))
    id = stage.connection(
        receiver.url("/hook"),
        auth="Basic Authentication",
        user_name="crm",
        secrets={Secret.PASSWORD: "password"},
        authorities=trusted(stage),
    )
    report = stage.run(id)
    assert (report.verdict, marks(report), report.finding) == (DiagnosisVerdict.REACHED, "ddd--", None)
    # Not "Nothing was sent": beside it stands what the save itself sent of what had waited.
    assert "The test sent nothing, so the credentials were not tried." in words.summary(report)
    assert "Test Connection URL" in words.remedy(report)
    until(lambda: receiver.connections == 1)  # it ends its handshake after the other side
    assert receiver.requests == []


def test_C3_a_sample_is_one_real_request_signed_and_mapped(stage: Stage) -> None:
    story, receiver = stage.story, stage.receiver()
    id = stage.connection(f"{receiver.url('/hook/')}{{registration.code}}", receiver.url("/test"), name="Signed")
    with story.saving() as transaction:
        secret = signing_secrets.rotate(transaction, id)
    report = stage.run(id, sample=True)
    assert (report.verdict, marks(report), report.sample) == (DiagnosisVerdict.TESTED, "dd..d", True)
    story.flow("All", [story.to(id)])
    assert stage.run(id, sample=True).verdict is DiagnosisVerdict.TESTED
    first, second = receiver.requests
    assert (first.method, first.path) == ("POST", "/hook/SAMPLE-1")
    assert "sample" in first.json()["text"]
    assert second.json()["first"] == "Ada"  # by the mapping of the flow that uses it
    for request in (first, second):
        standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
    assert first.header("webhook-id") != second.header("webhook-id")


def test_C3_C7_a_sample_is_judged_by_the_response_rule(stage: Stage) -> None:
    receiver = stage.receiver()
    rule = [
        {"if": [{"in": "json", "name": "ok", "is": ["false"]}], "then": "failed", "says": "The target refused it"},
        {"if": [{"in": "body", "contains": ["was recorded"]}], "then": "delivered"},
    ]
    id = stage.connection(receiver.url("/hook"), receiver.url("/test"), rule=rule)
    receiver.answer("/hook", Answer(200, {"ok": False}), Answer(200, "<html>Your response was recorded</html>", HTML), Answer(500))
    refused, page, broken = (stage.run(id, sample=True) for _ in range(3))
    assert (refused.finding, marks(refused)) == (Finding.RULE, "dd.-f")
    assert "The target refused it" in words.summary(refused)
    assert page.verdict is DiagnosisVerdict.TESTED
    assert broken.finding is Finding.BROKEN
    receiver.answer("/test", Answer(200, {"ok": False}))
    assert stage.run(id).verdict is DiagnosisVerdict.TESTED  # the rule applies to deliveries


@pytest.mark.parametrize("what", ["url", "test URL", "token URL", "name", "redirect"])
def test_C6_no_url_of_a_connection_gets_past_the_guard(stage: Stage, what: str) -> None:
    """Each leads to a listener that receives nothing."""
    with stage.story.saving() as transaction:
        allow_networks(transaction, [f"127.0.0.1:{stage.story.receiver.port}"])
    trap, allowed = stage.receiver(host="::"), stage.story.receiver
    url, fields = allowed.url("/hook"), {}
    here = f"http://127.0.0.1:{trap.port}/"
    allowed.answer("/moved", Answer(307, headers={"Location": here}))
    test_url = {"test URL": here, "name": f"http://localhost:{trap.port}/", "redirect": allowed.url("/moved")}.get(what, "")
    if what == "url":
        url = here
    if what == "token URL":
        fields = OAuth(allowed).fields(access_token_url=here) | {"secrets": {Secret.CLIENT_SECRET: "s3cr3t"}}
    id = stage.connection(url, test_url, **fields)
    for sample in (False, True) if what in ("url", "token URL") else (False,):
        report = stage.run(id, sample=sample)
        assert report.verdict is DiagnosisVerdict.FAILED
        assert report.finding in (Finding.BLOCKED, Finding.MOVED)
    assert trap.connections == 0


# --- OAuth2


def oauth_connection(stage: Stage, authority: OAuth, **fields: Any) -> int:
    """Its target accepts only the authority's tokens."""
    authority.receiver.answer("/me", authority.guards(Answer(200, {"user": "crm"})))
    secrets = {Secret.CLIENT_SECRET: fields.pop("secret", authority.secret)}
    test_url = fields.pop("test_url", authority.receiver.url("/me"))
    return stage.connection(authority.receiver.url("/hook"), test_url, secrets=secrets, **authority.fields(**fields))


def sign_in(stage: Stage, authority: OAuth, id: int, *, refresh: str) -> None:
    """Someone has connected; the authority knows the refresh token if it was given one."""
    connection = stage.story.provider.account(stage.story.account).connections[id]
    authority.valid.add("access-of-a-person")
    with stage.story.db.transaction():
        tokens = TokenResponse("access-of-a-person", refresh, life=3_600_000_000)
        now = stage.story.db.now()
        oauth_token_store.connect(stage.story.db, vault(), stage.story.account, id, tokens, connection.bond, asked_at=now, by="user:1")


def test_C3_C4_tested_with_a_fresh_access_token_that_the_worker_uses_as_well(stage: Stage) -> None:
    authority = OAuth(stage.receiver(), scopes="leads")
    id = oauth_connection(stage, authority, scope="leads")
    for _ in range(2):  # each test requests a new token: an old one says nothing about the secret just entered
        report = stage.run(id)
        assert (report.verdict, marks(report)) == (DiagnosisVerdict.TESTED, "dd.dd"), report
    assert len(authority.given) == 2
    authority.receiver.answer("/hook", authority.guards())
    stage.story.flow("All", [stage.story.to(id)])
    with stage.story.worker():
        stage.story.record("R1")
        stage.story.until("R1", "success")
    assert len(authority.given) == 2


def test_C3_C4_without_a_test_url_the_access_token_is_tried(stage: Stage) -> None:
    authority = OAuth(stage.receiver())
    report = stage.run(oauth_connection(stage, authority, test_url=""))
    assert (report.verdict, marks(report)) == (DiagnosisVerdict.REACHED, "dd.d-")
    assert "gives us access" in words.summary(report)


@pytest.mark.parametrize(
    ("kind", "finding", "says"),
    [
        ("wrong secret", Finding.CLIENT, "Copy both once more"),
        ("wrong scope", Finding.SCOPE, "which scope"),
        ("revoked refresh token", Finding.CONNECT_AGAIN, "Press Connect"),
        ("never connected", Finding.CONNECT_AGAIN, "Press Connect"),
        ("wrong token URL", Finding.TOKEN, "Access Token URL"),
        ("authority is down", Finding.TOKEN, "refused the connection"),
        ("authority is busy", Finding.AWAY, "Test again"),
    ],
)
def test_C3_C4_says_why_there_is_no_access_token(stage: Stage, kind: str, finding: Finding, says: str) -> None:
    authority = OAuth(stage.receiver(), scopes="leads")
    by_code = {"grant": "Authorization Code"} if kind in ("revoked refresh token", "never connected") else {}
    wrong = {
        "wrong secret": {"secret": "not the secret"},
        "wrong scope": {"scope": "everything"},
        "wrong token URL": {"access_token_url": stage.receiver().url("/elsewhere")},
        "authority is down": {"access_token_url": f"http://127.0.0.1:{free_port()}/token"},
    }
    id = oauth_connection(stage, authority, **by_code, **wrong.get(kind, {}))
    if kind == "authority is busy":
        authority.receiver.answer("/token", Answer(503))
    if kind == "revoked refresh token":
        sign_in(stage, authority, id, refresh="revoked-refresh-token")
    report = stage.run(id)
    assert (report.verdict, marks(report), report.finding) == (DiagnosisVerdict.FAILED, "dd.f-", finding), report
    said = f"{words.summary(report)} {words.remedy(report)}"
    assert says in said
    assert "not the secret" not in said
    assert "revoked-refresh-token" not in said
    assert authority.receiver.at("/me") == []


def test_C3_C4_a_token_that_nobody_can_renew_is_used_while_it_lasts(stage: Stage) -> None:
    authority = OAuth(stage.receiver())
    id = oauth_connection(stage, authority, grant="Authorization Code")
    sign_in(stage, authority, id, refresh="")
    assert stage.run(id).verdict is DiagnosisVerdict.TESTED


def test_C4_tests_and_worker_ask_one_at_a_time(stage: Stage) -> None:
    """A refresh token used twice would end the access (rotation)."""
    authority = OAuth(stage.receiver(), rotates=True)
    id = oauth_connection(stage, authority, grant="Authorization Code")
    authority.refresh.add("refresh-0")
    sign_in(stage, authority, id, refresh="refresh-0")
    authority.delay = 0.2
    with ThreadPoolExecutor(test_limiter.MOST_OF_ACCOUNT) as pool:
        reports = [run.result() for run in [pool.submit(_alone, stage, id) for _ in range(4)]]
    assert {report.verdict for report in reports} == {DiagnosisVerdict.TESTED}, reports
    assert authority.refresh  # the token family is still valid


def _alone(stage: Stage, id: int) -> DiagnosisReport:
    try:
        return stage.run(id)
    finally:
        connections.close_all()


def test_C3_an_answer_is_shown_without_the_secrets_in_it(stage: Stage) -> None:
    receiver = stage.receiver()
    receiver.answer("/test", lambda request: Answer(400, f"\0{'x' * 590}you said {request.header('authorization')} {request.path}"))
    id = stage.connection(
        receiver.url("/hook"), receiver.url("/test?k=path-secret"), auth="API Key / Token", secrets={Secret.KEY: "s3cr3t-key"}
    )
    report = stage.run(id)
    assert report.finding is Finding.NOT_UNDERSTOOD
    assert report.answer.startswith("\ufffdxxx")
    stored = json.dumps([row[0] for row in stage.story.db.all("SELECT test_result FROM connection_state")])
    for secret in ("s3cr3t", "s3c", "path-secret", "\0"):
        assert secret not in report.answer
        assert secret not in stored


def test_C3_an_incomplete_connection_says_what_is_missing(stage: Stage) -> None:
    report = stage.run(stage.connection(stage.story.receiver.url("/hook"), auth="Basic Authentication", user_name="crm"))
    assert (report.verdict, report.finding) == (DiagnosisVerdict.FAILED, Finding.INCOMPLETE)
    assert "password is missing" in words.summary(report)


def test_C3_tests_are_no_traffic_generator(stage: Stage) -> None:
    receiver = stage.receiver()
    id = stage.connection(receiver.url("/hook"), receiver.url("/test"))
    for _ in range(connection_tests.OF_CONNECTION):
        assert stage.run(id).verdict is DiagnosisVerdict.TESTED
    with pytest.raises(save_and_test.TooManyTests, match="Wait a minute"):
        stage.run(id)
    others = [stage.connection(receiver.url("/hook"), receiver.url("/test"), name=f"Other {n}") for n in range(4)]
    for other in (others * connection_tests.OF_CONNECTION)[: connection_tests.OF_ACCOUNT - connection_tests.OF_CONNECTION]:
        assert stage.run(other).verdict is DiagnosisVerdict.TESTED
    with pytest.raises(save_and_test.TooManyTests):
        stage.run(others[-1])
    assert len(receiver.requests) == connection_tests.OF_ACCOUNT
    with stage.story.db.transaction():
        stage.story.db.run("UPDATE connection_state SET tests_since = tests_since - :window", {"window": connection_tests.WINDOW})
    assert stage.run(id).verdict is DiagnosisVerdict.TESTED


def test_C3_a_few_tests_at_once_leave_threads_for_pages(stage: Stage) -> None:
    receiver = stage.receiver()
    receiver.answer("/test", Answer(then="hang"))
    id = stage.connection(receiver.url("/hook"), receiver.url("/test"), total_timeout=20)
    with ThreadPoolExecutor(test_limiter.MOST_OF_ACCOUNT) as pool:
        slow = [pool.submit(_alone, stage, id) for _ in range(test_limiter.MOST_OF_ACCOUNT)]
        receiver.wait_for(test_limiter.MOST_OF_ACCOUNT)
        with pytest.raises(save_and_test.TooManyTests, match="running"):
            stage.run(id)
        receiver.drop_connections()
        assert {each.result().finding for each in slow} == {Finding.CLOSED}
    receiver.answer("/test", Answer())
    assert stage.run(id).verdict is DiagnosisVerdict.TESTED


def test_C6_hosts_are_saved_as_they_are_sent(stage: Stage) -> None:
    id = stage.connection("https://Müller.example:8443/hook", "https://crm。example/me", access_token_url="https://bücher.example/token")
    with stage.story.saving():
        body = connection_row(id).body
    assert (body["origin"], body["test_origin"]) == ("https://xn--mller-kva.example:8443", "https://crm.example")
    assert body["access_token_url"] == "https://xn--bcher-kva.example/token"
    for wrong in ("https://exa mple.org/", "https://ex\u00adample\u2028.org/", "https://user:pässword@example.org/"):
        with pytest.raises(Invalid) as refused:
            stage.connection(wrong)
        assert "pässword" not in str(refused.value)


def test_C3_another_accounts_connection_is_not_there(stage: Stage) -> None:
    id = stage.connection(stage.story.receiver.url("/hook"))
    with pytest.raises(NotThere):
        save_and_test.try_connection(stage.story.account + 1, id)
    assert stage.story.receiver.connections == 0


def test_C3_saving_stands_whatever_the_test_says(stage: Stage) -> None:
    id = stage.connection(f"http://127.0.0.1:{free_port()}/hook", name="Dead")
    assert stage.run(id).verdict is DiagnosisVerdict.FAILED
    with stage.story.saving():
        assert connection_row(id).name == "Dead"


def test_C3_the_sender_of_this_process_is_made_again_when_it_has_died() -> None:
    first = page_sender.sender()
    assert page_sender.sender() is first
    first.stop(0)
    until(lambda: not first.alive)
    second = page_sender.sender()
    assert second is not first
    assert second.alive


def test_C3_the_command_says_the_same(stage: Stage, heliograph: Starter) -> None:
    receiver = stage.receiver()
    receiver.answer("/test", Answer(401))
    stage.connection(receiver.url("/hook"), receiver.url("/test"), name="Zoë’s CRM")
    process = heliograph.run("test-connection", "zoë’s crm", "--account", "ACME", "--json")
    assert process.returncode == 1, process.output
    said = json.loads(process.output.splitlines()[-1])
    assert (said["verdict"], said["failed_at"], said["finding"], said["status"]) == ("failed", "credentials", "unauthorized", 401)
    assert [each["step"] for each in said["steps"]] == ["name", "connect", "tls", "credentials", "answer"]
    assert said["remedy"]
    process = heliograph.run("test-connection", "zoë’s crm", "--account", "ACME", "--sample")
    assert process.returncode == 0, process.output
    assert "took the sample" in process.output
    unknown = heliograph.run("test-connection", "ERP", "--account", "ACME")
    assert (unknown.returncode, "Connections: Zoë’s CRM" in unknown.output) == (1, True)


@pytest.mark.parametrize("location", ["/elsewhere?a=1", "elsewhere", "//{host}/x", "?next", "http://{host}/y"])
@pytest.mark.parametrize("sample", [False, True])
def test_C3_a_redirect_within_the_same_host_names_that_host(stage: Stage, location: str, sample: bool) -> None:
    receiver = stage.receiver()
    host = f"127.0.0.1:{receiver.port}"
    for path in ("/hook", "/test"):
        receiver.answer(path, Answer(307, headers={"Location": location.format(host=host)}))
    id = stage.connection(receiver.url("/hook"), receiver.url("/test"))
    report = stage.run(id, sample=sample)
    assert (report.finding, report.moved) == (Finding.MOVED, host)
    assert words.remedy(report) == f"Enter the new address as the URL. It is: {host}"


@pytest.mark.parametrize("headers", [{}, {"Location": ""}, {"Location": "http://[::"}, {"Location": "mailto:ada@example.org"}])
def test_C3_a_redirect_to_nowhere_names_no_host(stage: Stage, headers: dict[str, str]) -> None:
    receiver = stage.receiver()
    receiver.answer("/test", Answer(307, headers=headers))
    remedy = words.remedy(stage.run(stage.connection(receiver.url("/hook"), receiver.url("/test"))))
    assert "?" not in remedy
    assert "Look there for the new one" in remedy


def test_C3_after_a_sample_the_page_names_what_was_sent(stage: Stage, client: Client) -> None:
    story, receiver = stage.story, stage.receiver()
    id = stage.connection(receiver.url("/hook"))
    story.signs_in(client)
    mappings = {"Ada Sample": {"badge": "profile.badge_name"}, "SAMPLE-1": {"code": "registration.code"}, "": {"list": "=7"}}
    flow = story.flow("All", [story.to(id)])
    for trace, rows in mappings.items():
        story.change_flow(flow, to=[story.to(id, mapping=story.mapping(f"Of {trace or 'nothing'}", rows))])
        assert stage.run(id, sample=True).trace == trace
        page = text_of(client.get(f"/signal/connections/{id}/").content)
        assert (f"look for “{trace}” there" if trace else "look for its newest record") in page
        assert ("Ada Sample" in page) is (trace == "Ada Sample")


def test_C3_a_sample_has_the_accounts_code_and_one_clock(stage: Stage) -> None:
    story, receiver = stage.story, stage.receiver()
    id = stage.connection(receiver.url("/hook"))
    rows = {"account": "account.code", "date": "macro.current_date", "moment": "macro.current_datetime"}
    story.flow("All", [story.to(id, mapping=story.mapping("Clock", rows))])
    assert stage.run(id, sample=True).verdict is DiagnosisVerdict.TESTED
    (request,) = receiver.requests
    sent = request.json()
    assert sent["account"] == story.provider.account(story.account).code
    assert sent["moment"].startswith(sent["date"])


BLOCKED = "is blocked: 10.9.8.7"
PLAIN, POSSIBLE, DEPENDS = "Without https://", "It is possible because", "It is possible only in networks"


@pytest.mark.parametrize(
    ("networks", "url", "sentences", "others"),
    [
        ([], "http://10.9.8.7/", ["must start with https://"], [POSSIBLE, DEPENDS]),
        ([], "http://crm.example.org/", ["must start with https://"], [POSSIBLE, DEPENDS]),
        (["10.1.0.0/16"], "http://10.9.8.7/{registration.code}", [BLOCKED], [PLAIN, POSSIBLE]),
        (["10.1.0.0/16"], "https://10.9.8.7/", [BLOCKED], [PLAIN]),
        (["10.1.0.0/16"], "http://10.1.2.3/", [PLAIN, POSSIBLE], [BLOCKED, DEPENDS]),
        (["10.1.0.0/16"], "http://crm.example.org/", [PLAIN, DEPENDS], [POSSIBLE]),
        ([], "https://crm.example.org/", [], [PLAIN, "is blocked"]),
    ],
)
def test_C6_the_form_says_of_an_address_what_is_true(
    story: Story, client: Client, networks: list[str], url: str, sentences: list[str], others: list[str]
) -> None:
    with story.saving() as transaction:
        allow_networks(transaction, networks)
    story.signs_in(client)
    page = client.post("/signal/connections/new/webhook/", {"name": "", "url": url, "auth": "Open / No Auth", "do": "save"})
    assert page.status_code == 422  # it has no name
    shown = text_of(page.content)
    for sentence in sentences:
        assert sentence in shown
    for sentence in others:
        assert sentence not in shown
