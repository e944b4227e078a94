"""The answers to requests with an Idempotency-Key (I3).

The first answer is stored in the transaction of what the request did. The same request, sent again, gets it and does nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from heliograph.accounts.vault import vault
from heliograph.api.api_problems import Problem
from heliograph.store import driver_errors, registrations
from heliograph.store.database import Database
from heliograph.store.django_database import of_django, read_database
from heliograph.store.secrets import SecretError, SecretPlace
from heliograph.store.token_check import ApiGrant

LONGEST_KEY: Final = 300
"""Characters of a key."""
WAITS_FOR: Final = 2_000
"""Milliseconds for which a request waits for the first one with its key, on PostgreSQL. SQLite has one writer, so nobody waits there."""
KEPT_HEADERS: Final = ("Content-Type", "Location", "ETag")
"""The headers that are stored with an answer."""


class StoredAnswer(msgspec.Struct, frozen=True):
    """The first answer to a key, as it is stored in JSON."""

    status: int
    headers: dict[str, str]
    body: str
    is_sealed: bool = False
    """True if the body is encrypted, because it has a secret."""


def key_of(request: HttpRequest) -> str | None:
    """The Idempotency-Key of a request; None without the header. Raises Problem (400) for one that is empty, too long or not printable."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and (not 0 < len(key) <= LONGEST_KEY or not key.isprintable()):
        raise Problem.from_field("Idempotency-Key", f"A key has 1 to {LONGEST_KEY} printable characters.", name="request")
    return key


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """The claim of a request to its key: a row of the table `idempotency`."""

    account: int
    endpoint: str
    """The digest of the method and the address; for an answer with a secret also of the token, because keys are no secrets."""
    key: str
    digest: str
    """The digest of the body."""

    @classmethod
    def of_request(cls, request: HttpRequest, grant: ApiGrant, *, is_secret: bool = False) -> KeyClaim | None:
        """The claim of a request; None if it has no key. Raises Problem (400), as `key_of` does."""
        key = key_of(request)
        if key is None:
            return None
        target = f"{grant.token if is_secret else ''} {request.method} {request.get_full_path()}"
        endpoint = "api " + hashlib.sha256(target.encode()).hexdigest()[:32]
        return cls(grant.account, endpoint, key, hashlib.sha256(request.body).hexdigest())

    @property
    def place(self) -> SecretPlace:
        """The place to which an answer with a secret is sealed (ADR 13)."""
        return SecretPlace(self.account, "answer", 0, f"{self.endpoint} {self.key}")

    @property
    def row(self) -> tuple[int, str, str]:
        """The primary key of the row."""
        return self.account, self.endpoint, self.key

    def stored(self, db: Database) -> HttpResponse | None:
        """The first answer; None if no request has claimed the key. Raises Problem: 409 if there is no answer yet, 422 for another body."""
        row = registrations.stored_results(db, [self.row]).get(self.row)
        if row is None:
            return None
        digest, stored = row
        if digest != self.digest:
            raise Problem("key-reused")
        if stored is None:
            raise _running()
        answer = msgspec.json.decode(stored, type=StoredAnswer)
        body = answer.body
        if answer.is_sealed:
            try:
                body = vault().open(self.place, body.encode("ascii"))
            except SecretError:  # the installation has another key since
                raise Problem("conflict", "This was done, but its answer can no longer be read. Make another one.") from None
        return HttpResponse(body, status=answer.status, headers={**answer.headers, "Idempotency-Replayed": "true"})


def stored_answer(request: HttpRequest, grant: ApiGrant) -> HttpResponse | None:
    """The first answer to the key of a request; None if this is the first request with the key, or has none. Raises Problem, as `answer_once` does."""
    claim = KeyClaim.of_request(request, grant)
    if claim is None:
        return None
    with read_database() as db:
        return claim.stored(db)


def answer_once(request: HttpRequest, grant: ApiGrant, answer: Callable[[], HttpResponse], *, is_secret: bool = False) -> HttpResponse:
    """The answer of the callable, which is called once for each key; then the stored answer.

    With a key, it runs in one transaction, so the answer is stored if and only if the request's changes are. A refusal (400 and above) changes
    nothing and is not stored. A second request waits for the first one, at most WAITS_FOR.

    is_secret: the answer has a secret that is answered once (a new token), so it is stored encrypted, and repeated only to the token
        that asked

    Raises Problem: 400 for a key that is none, 409 while the first request has no answer, 422 for a key of another body.
    """
    claim = KeyClaim.of_request(request, grant, is_secret=is_secret)
    if claim is None:
        return answer()
    with transaction.atomic():
        db = of_django(connection)
        try:
            is_new = bool(registrations.claim_keys(db, [(*claim.row, claim.digest)], WAITS_FOR))
        except driver_errors.lock_timeouts():
            raise _running() from None
        if not is_new:
            stored = claim.stored(db)
            assert stored is not None  # the claim has waited for it
            return stored
        response = answer()
        if response.status_code >= 400:
            transaction.set_rollback(True)
            return response
        headers = {name: response[name] for name in KEPT_HEADERS if name in response}
        body = response.content.decode()
        if is_secret:
            body = vault().seal(claim.place, body).decode("ascii")
        text = msgspec.json.encode(StoredAnswer(response.status_code, headers, body, is_secret)).decode()
        registrations.store_results(db, [(claim.row, claim.digest, text)])
        return response


def _running() -> Problem:
    return Problem("running", headers={"Retry-After": "1"})
