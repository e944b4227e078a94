"""A client of the REST API, as programs are: a token, JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client

from heliograph.accounts.api_tokens import create_token
from heliograph.accounts.models import Role, TokenScope


@dataclass
class ApiClient:
    """Sends requests with one token."""

    token: str
    base: str = "/api/v1/"

    @classmethod
    def for_account(
        cls, account: int, scopes: Collection[TokenScope] = tuple(TokenScope), role: Role = Role.ADMINISTRATOR, *, name: str = "test"
    ) -> ApiClient:
        """A client with a new token; by default one that may do everything."""
        return cls(create_token(account, name, by="test", scopes=scopes, role=role).secret)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """Sends a request. path: behind `/api/v1/`, or an absolute path; headers: with `_` in place of `-`."""
        url = path if path.startswith("/") else self.base + path
        sent = {"authorization": f"Bearer {self.token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        data = b"" if body is None else json.dumps(body).encode()
        client = Client(raise_request_exception=True)
        return client.generic(method, url, data, content_type="application/json" if data else "", headers=sent)

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        """The JSON of an answer, which must have this status; None if it has no body."""
        response = self.send(method, path, body, **headers)
        assert response.status_code == status, (response.status_code, response.content[:2_000])
        return json.loads(response.content) if response.content else None

    def get(self, path: str, *, status: int = 200) -> Any:
        """The JSON of GET."""
        return self.ask("GET", path, status=status)

    def post(self, path: str, body: Any = None, *, status: int = 201, **headers: str) -> Any:
        """The JSON of POST."""
        return self.ask("POST", path, {} if body is None else body, status=status, **headers)

    def patch(self, path: str, body: Any, *, status: int = 200, **headers: str) -> Any:
        """The JSON of PATCH."""
        return self.ask("PATCH", path, body, status=status, **headers)

    def delete(self, path: str, *, status: int = 204, **headers: str) -> Any:
        """Deletes."""
        return self.ask("DELETE", path, status=status, **headers)

    def every(self, path: str) -> list[Any]:
        """All items of a list, page by page."""
        items: list[Any] = []
        following: str | None = path
        while following:
            answer = self.get(following)
            items += answer["items"]
            following = answer["next"]
        return items
