"""Our own OAuth2 authority, for what canaille cannot do: rotation, no `expires_in`, secrets in the body only, being slow, dead or odd.

    authority = Authority(receiver)
    authority.lives(3600)
    connection = story.connection("CRM", "/crm", auth="OAuth2", **authority.fields(), secrets=authority.secrets())
    receiver.answer("/crm", authority.guards(Answer(200)))

A real HTTP server (`tests/receiver.py`), as strict as RFC 6749.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from django.test import Client

from heliograph.domain.connection.secret import Secret
from tests.receiver import Answer, Answering, Received, Receiver

CLIENT, SECRET = "heliograph-client", "s3cret of the client+/="


class Authority:
    """Issues tokens at /token, and at /refresh if `own_refresh_path`."""

    def __init__(
        self,
        receiver: Receiver,
        *,
        client: str = CLIENT,
        secret: str = SECRET,
        basic: bool = True,
        body: bool = True,
        rotates: bool = False,
        gives_refresh: bool = True,
        expires_in: object = 3600,
        scopes: str | None = None,
        path: str = "/token",
        refresh_path: str = "",
    ) -> None:
        self.receiver, self.client, self.secret = receiver, client, secret
        self.basic, self.body, self.rotates, self.gives_refresh = basic, body, rotates, gives_refresh
        self.expires_in, self.scopes, self.path, self.refresh_path = expires_in, scopes, path, refresh_path
        self.delay = 0.0
        self.valid: set[str] = set()
        self.refresh: set[str] = set()
        self.used: set[str] = set()
        self.codes: dict[str, tuple[str, str]] = {}
        """Code -> (challenge, redirect URL)."""
        self.given: list[str] = []
        self.asked: list[dict[str, str]] = []
        self._lock = threading.Lock()
        for each in {path, refresh_path} - {""}:
            receiver.answer(each, self._answer)

    # For connections.

    def fields(self, **more: Any) -> dict[str, Any]:
        """The OAuth2 fields of a connection's body."""
        refresh = {"refresh_token_url": self.receiver.url(self.refresh_path)} if self.refresh_path else {}
        return {
            "auth": "OAuth2",
            "client_id": self.client,
            "access_token_url": self.receiver.url(self.path),
            "authorization_url": self.receiver.url("/authorize"),
            **refresh,
            **more,
        }

    def secrets(self) -> dict[Secret, str]:
        return {Secret.CLIENT_SECRET: self.secret}

    def guards(self, answer: Answer | None = None) -> Answering:
        """A target that only accepts currently valid tokens."""

        def guarded(request: Received) -> Answer:
            kind, _, token = (request.header("authorization") or "").partition(" ")
            with self._lock:
                return (answer or Answer(200)) if kind == "Bearer" and token in self.valid else Answer(401, {"error": "invalid_token"})

        return guarded

    def revoke(self, *, refresh: bool = False) -> None:
        """Revokes all access tokens, and with `refresh` all refresh tokens."""
        with self._lock:
            self.valid.clear()
            if refresh:
                self.refresh.clear()

    def signs_in(self, challenge: str, redirect_url: str) -> str:
        """Simulates a sign-in. Returns its code."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            self.codes[code] = (challenge, redirect_url)
        return code

    @property
    def requests(self) -> int:
        """The number of token requests received."""
        with self._lock:
            return len(self.asked)

    # Its answers.

    def _answer(self, request: Received) -> Answer:
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        with self._lock:
            self.asked.append(form | {"path": request.path, "by": "basic" if request.header("authorization") else "body"})
            status, answer = self._judged(form, request)
        headers = {"cache-control": "no-store"} | ({"www-authenticate": "Basic"} if status == 401 else {})
        return Answer(status, answer, headers, delay=self.delay)

    def _judged(self, form: dict[str, str], request: Received) -> tuple[int, dict[str, object]]:
        if not self._knows(form, request):
            return 401, {"error": "invalid_client"}
        if self.refresh_path and (form["grant_type"] == "refresh_token") != (request.path == self.refresh_path):
            return 400, {"error": "unsupported_grant_type"}
        if self.scopes is not None and not set(form.get("scope", "").split()) <= set(self.scopes.split()):
            return 400, {"error": "invalid_scope", "error_description": "no such scope here"}
        kinds: dict[str, Callable[[dict[str, str]], bool]] = {
            "client_credentials": lambda _: True,
            "authorization_code": self._code_is_good,
            "refresh_token": self._refresh_is_good,
        }
        if form["grant_type"] not in kinds:
            return 400, {"error": "unsupported_grant_type"}
        if not kinds[form["grant_type"]](form):
            return 400, {"error": "invalid_grant", "error_description": f"of {form.get('refresh_token') or form.get('code')}"}
        return 200, self._give(form)

    def _knows(self, form: dict[str, str], request: Received) -> bool:
        header = request.header("authorization")
        if header:
            name, _, secret = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
            return self.basic and (unquote_plus(name), unquote_plus(secret)) == (self.client, self.secret)
        return self.body and (form.get("client_id"), form.get("client_secret")) == (self.client, self.secret)

    def _code_is_good(self, form: dict[str, str]) -> bool:
        challenge, redirect_url = self.codes.pop(form.get("code", ""), ("", ""))
        shown = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        return bool(challenge) and shown == challenge and form.get("redirect_uri") == redirect_url

    def _refresh_is_good(self, form: dict[str, str]) -> bool:
        token = form.get("refresh_token", "")
        if token in self.used:  # used twice: it was stolen, so the whole token family ends (RFC 9700 §4.14.2)
            self.refresh.clear()
            self.valid.clear()
        if token not in self.refresh:
            return False
        if self.rotates:
            self.refresh.discard(token)
            self.used.add(token)
        return True

    def _give(self, form: dict[str, str]) -> dict[str, object]:
        access = f"access-{len(self.given)}-{secrets.token_urlsafe(18)}"
        self.valid.add(access)
        self.given.append(access)
        answer: dict[str, object] = {"access_token": access, "token_type": "bearer"}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        of_a_person = form["grant_type"] != "client_credentials"
        if of_a_person and self.gives_refresh and (self.rotates or form["grant_type"] == "authorization_code"):
            answer["refresh_token"] = token = f"refresh-{len(self.given)}-{secrets.token_urlsafe(18)}"
            self.refresh.add(token)
        return answer


# --- a person's browser


def leave(client: Client, connection: int) -> dict[str, str]:
    """Presses Connect. Returns the parameters for the authority."""
    answer = client.post(f"/signal/connections/{connection}/connect/")
    assert answer.status_code == 200, answer.content
    url = answer["Refresh"].partition("url=")[2]
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}


def comes_back(client: Client, **query: str) -> Any:
    return client.get(f"/oauth/return?{urlencode(query)}", follow=True)


def connects(client: Client, authority: Authority, connection: int) -> Any:
    """Presses Connect, signs in and comes back. Returns the page that is shown then."""
    asked = leave(client, connection)
    code = authority.signs_in(asked["code_challenge"], asked["redirect_uri"])
    return comes_back(client, code=code, state=asked["state"])
