"""A visitor of running pages over HTTP, with cookies: what a browser sends and gets, without one."""

from __future__ import annotations

import http.client
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Final

from tests.page_text import text_of
from tests.waiting import PATIENCE

SIGN_IN: Final = "/accounts/sign-in/"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return text_of(self.body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        return None


class Visitor:
    """One browser at one address."""

    def __init__(self, address: str, *, by: urllib.request.HTTPSHandler | None = None, **headers: str) -> None:
        """
        by: what opens its connections with TLS
        headers: sent with each request, with "_" in place of "-"
        """
        self.address = address
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies, _NoRedirect, *([by] if by else []))

    def get(self, path: str) -> Answer:
        """What a GET answers; a redirect is not followed."""
        return self._open(urllib.request.Request(self.address + path))

    def post(self, path: str, fields: dict[str, str], token: str) -> Answer:
        """What a form's POST answers, with the token of its page."""
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        return self._open(urllib.request.Request(self.address + path, body, {"Referer": self.address + path}))

    def send(self, path: str, body: bytes, *, method: str = "POST", **headers: str) -> Answer:
        """What a program's request answers. headers: with "_" in place of "-" """
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._open(urllib.request.Request(self.address + path, body, names, method=method))

    def token(self) -> str:
        """The token of the sign-in form."""
        found = re.search(rb'csrfmiddlewaretoken" value="([^"]+)', self.get(SIGN_IN).body)
        assert found
        return found[1].decode()

    def sign_in(self, email: str, password: str, token: str = "") -> Answer:
        return self.post(SIGN_IN, {"login": email, "password": password}, token or self.token())

    def _open(self, request: urllib.request.Request) -> Answer:
        for name, value in self._headers.items():
            request.add_header(name, value)
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())
