"""Sending through real sockets: what is returned, and how failures are described (C2, C6, D3, D4, D9)."""

from __future__ import annotations

import os
import queue
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.authority import Authority
from tests.processes import free_port
from tests.receiver import Answer, Receiver
from tests.waiting import PATIENCE, until

from heliograph.domain.connection.request import Request
from heliograph.domain.delivery.outcomes import Cause
from heliograph.outbound.exchange import CutOff, Failure, Response, Route, SendResult
from heliograph.outbound.guard import Policy
from heliograph.outbound.resolver import Resolver, look_up
from heliograph.outbound.sender import Sender, SenderStopped

LOCAL = Policy.parse(["127.0.0.0/8", "::1"])
JSON = (("Content-Type", "application/json"),)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


def patient(number: int) -> Route:
    """A route that outwaits a machine that stands still."""
    return Route(number, number, LOCAL, connect_timeout=2 * PATIENCE, total_timeout=2 * PATIENCE)


class Driver:
    """A sender and its results, in order."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.results: queue.Queue[SendResult] = queue.Queue()

    def start(self, request: Request, route: Route) -> None:
        self.sender.start(request, route, self.results.put)

    def send(
        self,
        url: str,
        *,
        method: str = "POST",
        body: bytes | None = b"{}",
        headers: tuple[tuple[str, str], ...] = JSON,
        route: Route | None = None,
    ) -> SendResult:
        self.start(Request(method, url, headers, body), route or patient(1))
        return self.results.get(timeout=PATIENCE)


type MakeDriver = Callable[..., Driver]


@pytest.fixture
def make_driver() -> Iterator[MakeDriver]:
    made: list[Sender] = []
    crashes: list[BaseException] = []

    def make(names: dict[str, tuple[str, ...]] | None = None, ca_file: Path | None = None) -> Driver:
        def found(host: str) -> tuple[str, ...]:
            return (names or {}).get(host) or look_up(host)

        sender = Sender(Resolver(found), ca_file=str(ca_file) if ca_file else None, on_crash=crashes.append)
        made.append(sender)
        return Driver(sender)

    yield make
    for sender in made:
        sender.stop(0)
    assert crashes == []


@pytest.fixture
def driver(make_driver: MakeDriver) -> Driver:
    return make_driver()


def answered(result: SendResult) -> Response:
    assert isinstance(result, Response), result
    return result


def failed(result: SendResult) -> Failure:
    assert isinstance(result, Failure), result
    return result


# --- requests


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_C2_method_headers_and_body_arrive_as_given(driver: Driver, receiver: Receiver, method: str) -> None:
    body = 'Zoë, "line\nbreak", 日本\0'.encode()
    headers = (*JSON, ("webhook-id", "msg_1"), ("X-Empty", ""), ("X-Name", "Zoë"))
    result = answered(driver.send(receiver.url("/hook?a=1&b=%C3%AB"), method=method, body=body, headers=headers))
    assert (result.status, result.body, result.address) == (200, b"ok", "127.0.0.1")
    (request,) = receiver.wait_for(1)
    assert (request.method, request.path, request.body) == (method, "/hook?a=1&b=%C3%AB", body)
    names = dict(request.headers)
    assert names["webhook-id"] == "msg_1"
    assert names["x-empty"] == ""
    assert names["x-name"].encode("latin-1").decode() == "Zoë"
    assert names["content-type"] == "application/json"
    assert names["user-agent"].startswith("Heliograph")
    assert not {"expect", "accept-encoding", "cookie", "authorization", "transfer-encoding"} & set(names)


def test_C2_get_has_no_body(driver: Driver, receiver: Receiver) -> None:
    driver.send(receiver.url("/?q=1"), method="GET", body=None, headers=())
    driver.send(receiver.url("/"), method="POST", body=b"x")
    driver.send(receiver.url("/?q=2"), method="GET", body=None, headers=())
    first, _, last = receiver.wait_for(3)
    for request, path in ((first, "/?q=1"), (last, "/?q=2")):
        assert (request.method, request.path, request.body) == ("GET", path, b"")
        assert request.header("content-length") is None
        assert request.header("content-type") is None


def test_C2_a_large_body_is_sent_without_waiting_for_100_continue(driver: Driver, receiver: Receiver) -> None:
    body = bytes(range(256)) * 8_000
    answered(driver.send(receiver.url(), body=body, headers=()))
    (request,) = receiver.wait_for(1)
    assert request.body == body
    assert request.header("content-type") is None
    assert request.header("expect") is None


@pytest.mark.parametrize("host", ["::1", "six.test", "127.1", "0x7f000001"])
def test_C6_what_the_operator_allowed_is_reached_in_every_notation(make_driver: MakeDriver, host: str) -> None:
    driver = make_driver({"six.test": ("::1",)})
    with Receiver("::") as receiver:
        result = answered(driver.send(receiver.url("/", host=host)))
        assert result.address in ("::1", "127.0.0.1")


def test_C2_the_path_is_sent_as_it_is_shown(driver: Driver, receiver: Receiver) -> None:
    driver.send(receiver.url("/a/../b/./c//d?x=/../y"))
    assert receiver.wait_for(1)[0].path == "/a/../b/./c//d?x=/../y"


def test_C6_no_cookie_is_kept(driver: Driver, receiver: Receiver) -> None:
    receiver.answer_all(Answer(headers={"Set-Cookie": "session=1; Path=/"}))
    driver.send(receiver.url())
    driver.send(receiver.url())
    assert receiver.wait_for(2)[1].header("cookie") is None


def test_C6_a_secret_of_one_request_is_not_left_for_the_next(driver: Driver, receiver: Receiver) -> None:
    """Handles are cached per route and reset between routes."""
    for account in range(1, 4):
        driver.send(receiver.url(), headers=(*JSON, ("Authorization", f"Bearer {account}")), route=Route(account, account, LOCAL))
        driver.send(receiver.url(), headers=JSON, route=Route(account, account, LOCAL))
    assert [request.header("authorization") for request in receiver.wait_for(6)] == ["Bearer 1", None, "Bearer 2", None, "Bearer 3", None]


# --- answers


def test_D3_an_answer_has_status_headers_body_and_timings(driver: Driver, receiver: Receiver) -> None:
    receiver.answer("/", Answer(429, {"error": "slow down"}, {"Retry-After": "120", "X-A": "1"}))
    result = answered(driver.send(receiver.url()))
    assert result.status == 429
    assert result.header("retry-after") == "120"
    assert result.body == b'{"error": "slow down"}'
    assert not result.truncated
    assert not result.reused
    assert 0 < result.timings.connect <= result.timings.sent <= result.timings.total < PATIENCE
    assert answered(driver.send(receiver.url())).reused
    assert receiver.connections == 1


def test_C6_a_long_body_is_read_to_the_cap(driver: Driver, receiver: Receiver) -> None:
    """Its status counts: a delivery is not repeated because the answer was long."""
    receiver.answer("/long", Answer(200, b"x" * 200_000))
    receiver.answer("/exact", Answer(200, b"y" * 1_000))
    receiver.answer(
        "/chunked", Answer(raw=b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"z" * 1024 + b"\r\n0\r\n\r\n")
    )
    receiver.answer("/huge", Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 10))
    route = Route(1, 1, LOCAL, body_cap=1_000)
    long = answered(driver.send(receiver.url("/long"), route=route))
    assert (long.status, long.truncated, long.body) == (200, True, b"x" * 1_000)
    exact = answered(driver.send(receiver.url("/exact"), route=route))
    assert (exact.truncated, exact.body) == (False, b"y" * 1_000)
    chunked = answered(driver.send(receiver.url("/chunked"), route=route))
    assert (chunked.status, chunked.truncated, chunked.body) == (201, True, b"z" * 1_000)
    huge = answered(driver.send(receiver.url("/huge"), route=route))
    assert (huge.status, huge.truncated, huge.body) == (200, True, b"")


def test_C6_an_answer_with_endless_headers_is_given_up(driver: Driver, receiver: Receiver) -> None:
    receiver.answer("/many", Answer(headers={f"x-{number}": "v" * 100 for number in range(1_000)}))
    receiver.answer("/one", Answer(headers={"x": "v" * 400_000}))
    for path in ("/many", "/one"):
        failure = failed(driver.send(receiver.url(path)))
        assert (failure.cause, failure.left) == (Cause.GARBLED, True)
        assert "header" in failure.message


def test_C6_redirects_are_not_followed(driver: Driver, receiver: Receiver) -> None:
    with Receiver() as elsewhere:
        receiver.answer("/", Answer(302, headers={"Location": elsewhere.url("/login")}))
        assert answered(driver.send(receiver.url())).status == 302
        assert (elsewhere.connections, len(receiver.requests)) == (0, 1)


def test_C6_environment_proxies_are_ignored(make_driver: MakeDriver, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy:
        for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setitem(os.environ, name, proxy.url())
            os.putenv(name, proxy.url())
        try:
            assert answered(make_driver().send(receiver.url())).status == 200
        finally:
            for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
                os.unsetenv(name)
        assert (proxy.connections, len(receiver.requests)) == (0, 1)


def test_C6_informational_answers_are_passed_over(driver: Driver, receiver: Receiver) -> None:
    receiver.answer(
        "/", Answer(raw=b"HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-B: 2\r\n\r\nok")
    )
    result = answered(driver.send(receiver.url()))
    assert (result.status, result.header("retry-after"), result.header("x-b")) == (200, None, "2")


# --- failures


def test_D4_refused(driver: Driver) -> None:
    failure = failed(driver.send(f"http://127.0.0.1:{free_port()}/"))
    assert (failure.cause, failure.left) == (Cause.REFUSED, False)


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (Answer(then="reset"), Cause.RESET, "without an answer"),
        (Answer(then="close"), Cause.RESET, "without an answer"),
        (Answer(then="partial", body=b"x" * 1000), Cause.RESET, "middle of its answer"),
        (Answer(then="hang"), Cause.TIMEOUT, "did not answer"),
        (Answer(drip=0.2, body=b"x" * 100), Cause.TIMEOUT, "did not"),
        (Answer(raw=b"220 mail.example.org ESMTP\r\n"), Cause.GARBLED, "not HTTP"),
        (Answer(raw=b""), Cause.RESET, "without an answer"),
    ],
    ids=lambda value: getattr(value, "then", None) or None,
)
def test_D4_a_request_that_may_have_left_says_so(driver: Driver, receiver: Receiver, answer: Answer, cause: Cause, words: str) -> None:
    receiver.answer("/", answer)
    limit = 2.0 if cause is Cause.TIMEOUT else PATIENCE
    failure = failed(driver.send(receiver.url(), route=Route(1, 1, LOCAL, total_timeout=limit)))
    assert (failure.cause, failure.left, failure.address) == (cause, True, "127.0.0.1")
    assert words in failure.message
    assert len(receiver.requests) == 1


def test_D4_a_connect_that_hangs_has_not_left(driver: Driver) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        blockers = [socket.socket() for _ in range(8)]
        try:
            for blocker in blockers:
                blocker.setblocking(False)
                blocker.connect_ex(("127.0.0.1", port))
            failure = failed(
                driver.send(f"http://127.0.0.1:{port}/", route=Route(1, 1, LOCAL, connect_timeout=0.3, total_timeout=2 * PATIENCE))
            )
        finally:
            for blocker in blockers:
                blocker.close()
    assert (failure.cause, failure.left) == (Cause.TIMEOUT, False)
    assert "No connection" in failure.message
    assert failure.timings.total < PATIENCE


def test_D1_one_attempt_is_at_most_one_request(driver: Driver, receiver: Receiver) -> None:
    """libcurl itself repeats a request when a reused connection closes without an answer."""
    receiver.answer("/", Answer(), Answer(then="close"))
    assert answered(driver.send(receiver.url())).status == 200
    failure = failed(driver.send(receiver.url()))
    assert (failure.cause, failure.left, failure.reused) == (Cause.RESET, True, True)
    receiver.answer("/", Answer())
    driver.send(receiver.url("/proof"))
    assert [request.path for request in receiver.wait_for(3)] == ["/", "/", "/proof"]


def test_D4_a_kept_connection_that_was_closed_meanwhile_is_not_used(driver: Driver, receiver: Receiver) -> None:
    driver.send(receiver.url())
    receiver.drop_connections()
    until(lambda: receiver.open_connections == 0)
    assert not answered(driver.send(receiver.url())).reused
    assert receiver.connections == 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/", "ftp://"),
        ("file:///etc/passwd", "file://"),
        ("http://user:secret@127.0.0.1/", "user name"),
        ("http://127.0.0.1\\@example.org/", "backslash"),
        ("http://127.0.0.1/a b", "space"),
        ("http://127.0.0.1/\r\nX: y", "line break"),
        ("http:///path", "host"),
        ("//127.0.0.1/", "host"),
        ("http://127.0.0.1:99999/", "port"),
        ("http://127.0.0.1:0/", "port"),
        ("http://[::1%25lo]/", "host"),
        ("http://exa%6dple.org/", "host"),
        ("http://1.2.3.4.5/", "address"),
        ("http://256.256.256.256/", "address"),
        ("http://-a.example/", "host"),
        ("http://a..example/", "host"),
    ],
)
def test_C6_only_urls_with_one_reading_are_sent(driver: Driver, url: str, words: str) -> None:
    failure = failed(driver.send(url))
    assert (failure.cause, failure.left) == (Cause.BAD_REQUEST, False)
    assert words in failure.message
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "internal"),
        ("content-length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Keep-Alive", "1"),
        ("Upgrade", "h2c"),
        ("TE", "trailers"),
        ("Trailer", "x"),
        ("Expect", "100-continue"),
        ("Proxy-Authorization", "x"),
        ("Proxy-Connection", "x"),
        ("X-A", "1\r\nHost: internal"),
        ("X-A", "1\nHost: internal"),
        ("X-A", "1\0"),
        ("X A", "1"),
        ("X-A:", "1"),
        ("X-A;", "1"),
        ("", "1"),
        ("X-Ä", "1"),
        ("X-A", "\ud800"),
    ],
)
def test_C6_header_smuggling_is_refused(driver: Driver, receiver: Receiver, name: str, value: str) -> None:
    failure = failed(driver.send(receiver.url(), headers=((name, value),)))
    assert (failure.cause, failure.left) == (Cause.BAD_REQUEST, False)
    assert answered(driver.send(receiver.url("/proof"))).status == 200
    assert [request.path for request in receiver.requests] == ["/proof"]


def test_C5_no_message_repeats_the_url(driver: Driver, receiver: Receiver) -> None:
    """The path of a URL may be a credential (Slack, Teams)."""
    receiver.answer("/T000/SECRET", Answer(then="reset"))
    messages = [
        failed(driver.send(receiver.url("/T000/SECRET?token=SECRET"))).message,
        failed(driver.send(f"http://127.0.0.1:{free_port()}/SECRET")).message,
        failed(driver.send("http://127.0.0.1/SECRET", route=Route(1, 1))).message,
        failed(driver.send("http://127.0.0.1/SECRET SECRET")).message,
        failed(driver.send("http://no-such-name.invalid/SECRET")).message,
    ]
    assert all(messages)
    assert not [message for message in messages if "SECRET" in message]


# --- TLS


def test_C6_tls_by_our_own_authorities(make_driver: MakeDriver, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    driver = make_driver({"crm.test": ("127.0.0.1",)}, authority.ca_file)
    with Receiver(tls=authority.server("crm.test")) as receiver:
        result = answered(driver.send(receiver.url("/", host="crm.test")))
        assert result.timings.tls > 0
        assert receiver.wait_for(1)[0].header("host") == f"crm.test:{receiver.port}"


def test_D4_tls_failures_say_what_is_wrong(make_driver: MakeDriver, receiver: Receiver, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Another authority")
    driver = make_driver({"crm.test": ("127.0.0.1",)}, authority.ca_file)
    for context, words in (
        (authority.server("other.test"), "for another name"),
        (authority.server("crm.test", days=-1), "has expired"),
        (stranger.server("crm.test"), "not trusted here"),
    ):
        with Receiver(tls=context) as secured:
            failure = failed(driver.send(secured.url("/", host="crm.test")))
            assert (failure.cause, failure.left) == (Cause.TLS, False)
            assert words in failure.message
            assert secured.requests == []
    failure = failed(driver.send(receiver.url("/").replace("http:", "https:")))
    assert (failure.cause, failure.left) == (Cause.TLS, False)


# --- names


@pytest.mark.parametrize(("error", "cause"), [(socket.EAI_NONAME, Cause.DNS), (socket.EAI_AGAIN, Cause.NO_NAME_SERVER)])
def test_D4_O12_a_name_that_does_not_exist_is_not_one_that_no_server_answers_for(error: int, cause: Cause) -> None:
    def look_up(host: str) -> tuple[str, ...]:
        raise socket.gaierror(error, "no address")

    sender = Sender(Resolver(look_up))
    try:
        failure = failed(Driver(sender).send("http://no-such-name.invalid/"))
        assert (failure.cause, failure.left) == (cause, False)
        assert "no-such-name.invalid" in failure.message
        assert ("no name server gave an answer" in failure.message) is (cause is Cause.NO_NAME_SERVER)
    finally:
        sender.stop(0)


def test_D9_dead_names_do_not_stall_a_healthy_target(receiver: Receiver) -> None:
    release = threading.Event()

    def found(host: str) -> tuple[str, ...]:
        if host.startswith("dead"):
            release.wait(4 * PATIENCE)
            raise OSError("no answer")
        return ("127.0.0.1",)

    sender = Sender(Resolver(found))
    driver = Driver(sender)
    try:
        patient = {"connect_timeout": 4 * PATIENCE, "total_timeout": 4 * PATIENCE}  # whoever waits for the dead waits longer than the test
        for number in range(200):
            sender.start(Request("POST", f"http://dead{number}.test/", JSON, b""), Route(1, number % 10, LOCAL, **patient), lambda _: None)
        for number in range(20):
            answered(driver.send(f"http://healthy{number}.test:{receiver.port}/", route=Route(1, 1000 + number, LOCAL, **patient)))
    finally:
        release.set()
        sender.stop(0)


def test_D9_a_name_that_hangs_ends_by_the_connect_timeout() -> None:
    release = threading.Event()

    def found(host: str) -> tuple[str, ...]:
        release.wait(PATIENCE)
        return ()

    sender = Sender(Resolver(found))
    try:
        failure = failed(Driver(sender).send("http://dead.test/", route=Route(1, 1, LOCAL, connect_timeout=0.2)))
        assert (failure.cause, failure.left) == (Cause.NO_NAME_SERVER, False)
        assert "in time" in failure.message
    finally:
        release.set()
        sender.stop(0)


def test_D9_hanging_targets_do_not_hold_up_a_healthy_one(driver: Driver, receiver: Receiver) -> None:
    receiver.answer("/hang", Answer(then="hang"))
    slow = Route(2, 2, LOCAL, total_timeout=4 * PATIENCE)
    for _ in range(300):
        driver.sender.start(Request("POST", receiver.url("/hang"), JSON, b""), slow, lambda _: None)
    receiver.wait_for(300, path="/hang")
    for _ in range(100):
        assert answered(driver.send(receiver.url("/healthy"))).status == 200


# --- stopping


def test_D1_stop_lets_end_what_ends_in_time_and_cuts_the_rest(make_driver: MakeDriver, receiver: Receiver) -> None:
    driver = make_driver()
    receiver.answer("/slow", Answer(delay=0.3))
    receiver.answer("/hang", Answer(then="hang"))
    for path in ("/slow", "/hang"):
        driver.start(Request("POST", receiver.url(path), JSON, b""), Route(1, 1, LOCAL))
    receiver.wait_for(2)
    driver.sender.stop(4.0)
    assert answered(driver.results.get_nowait()).status == 200
    assert driver.results.get_nowait() == CutOff(left=True)
    assert not driver.sender.alive
    with pytest.raises(SenderStopped):
        driver.start(Request("POST", receiver.url(), JSON, b""), Route(1, 1, LOCAL))


def test_D1_a_request_whose_time_was_over_before_it_began_never_leaves(driver: Driver, receiver: Receiver) -> None:
    """A process was suspended after it had checked its lease: another one may own the connection by now."""
    route = Route(1, 1, LOCAL, total_timeout=2.0)
    driver.sender.start(Request("POST", receiver.url("/late"), JSON, b""), route, driver.results.put, began=time.monotonic() - 2.5)
    late = failed(driver.results.get(timeout=PATIENCE))
    assert (late.cause, late.left) == (Cause.TIMEOUT, False)
    assert answered(driver.send(receiver.url("/proof"))).status == 200
    assert [request.path for request in receiver.requests] == ["/proof"]


def test_D1_stop_ends_at_once_when_nothing_is_open(make_driver: MakeDriver, receiver: Receiver) -> None:
    """Even after waiting for a name."""
    driver = make_driver({"crm.test": ("127.0.0.1",)})
    assert answered(driver.send(receiver.url("/", host="crm.test"))).timings.name >= 0
    began = time.monotonic()
    driver.sender.stop(2 * PATIENCE)
    assert time.monotonic() - began < PATIENCE


def test_D1_stop_ends_what_waits_for_a_name_as_not_left() -> None:
    release = threading.Event()

    def found(host: str) -> tuple[str, ...]:
        release.wait(PATIENCE)
        return ()

    driver = Driver(Sender(Resolver(found)))
    driver.start(Request("POST", "http://dead.test/", JSON, b""), Route(1, 1, LOCAL))
    driver.sender.stop(0)
    assert driver.results.get_nowait() == CutOff(left=False)
    release.set()


def test_O7_an_error_in_done_ends_the_sender_and_is_told() -> None:
    crashes: queue.Queue[BaseException] = queue.Queue()
    sender = Sender(on_crash=crashes.put)

    def broken(_: SendResult) -> None:
        raise RuntimeError("broken")

    sender.start(Request("POST", "ftp://x/", (), b""), Route(1, 1, LOCAL), broken)
    assert str(crashes.get(timeout=PATIENCE)) == "broken"
    until(lambda: not sender.alive)
    with pytest.raises(SenderStopped):
        sender.start(Request("POST", "ftp://x/", (), b""), Route(1, 1, LOCAL), broken)


def test_O7_without_sockets_it_is_our_own_failure(driver: Driver, receiver: Receiver) -> None:
    """Our own failure, not the target's: category System, and retried soon."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        failure = failed(driver.send(f"http://127.0.0.2:{receiver.port}/"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(lowest)
    assert (failure.cause, failure.left) == (Cause.EXCEPTION, False)
    assert "no free socket" in failure.message


def test_every_request_is_answered_exactly_once_under_load(driver: Driver, receiver: Receiver) -> None:
    routes = [patient(number) for number in range(20)]
    total = 2_000
    for number in range(total):
        driver.start(Request("POST", receiver.url(f"/{number}"), JSON, b"{}"), routes[number % 20])
    results = [driver.results.get(timeout=PATIENCE) for _ in range(total)]
    assert all(isinstance(result, Response) and result.status == 200 for result in results)
    assert sorted(int(request.path[1:]) for request in receiver.requests) == list(range(total))
    assert driver.results.empty()
    assert driver.sender.under_way == 0
