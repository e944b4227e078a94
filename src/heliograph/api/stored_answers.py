"""Requests with an Idempotency-Key (I3): the first answer is stored in the transaction of what the request did, and repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from heliograph.accounts.vault import vault
from heliograph.api.api_problems import Problem
from heliograph.store import driver_errors, registrations
from heliograph.store.django_database import of_django
from heliograph.store.secrets import SecretError, SecretPlace
from heliograph.store.token_check import ApiGrant

LONGEST_KEY: Final = 300
WAITS_FOR: Final = 2_000
"""Milliseconds for which a request waits for the first one with its key, on PostgreSQL."""
KEPT_HEADERS: Final = ("Content-Type", "Location", "ETag")


class StoredAnswer(msgspec.Struct, frozen=True):
    """The first answer to a key."""

    status: int
    headers: dict[str, str]
    body: str
    is_sealed: bool = False


def key_of(request: HttpRequest) -> str | None:
    """The request's key; None if it has none. Raises Problem if it is none (400)."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and (not 0 < len(key) <= LONGEST_KEY or not key.isprintable()):
        raise Problem.from_field("Idempotency-Key", f"A key has 1 to {LONGEST_KEY} printable characters.", name="request")
    return key


def answer_once(request: HttpRequest, grant: ApiGrant, answer: Callable[[], HttpResponse], *, is_secret: bool = False) -> HttpResponse:
    """The answer of `answer`, or the stored one if the request's key has one.

    A request without the header is simply answered. One with it runs in one transaction, so the key is stored if and only if what the request
    did is. A refusal (400 and above) changes nothing and is not stored. While the first request runs, a second one waits for it, WAITS_FOR.
    is_secret: the answer has a secret that is answered once (a new token), so it is sealed where it is stored.
    Raises Problem: the key was used for another request (422), or is none (400).
    """
    key = key_of(request)
    if key is None:
        return answer()
    # What is answered once is repeated only to the token that asked: keys are no secrets.
    target = f"{grant.token if is_secret else ''} {request.method} {request.get_full_path()}"
    endpoint = "api " + hashlib.sha256(target.encode()).hexdigest()[:32]
    digest = hashlib.sha256(request.body).hexdigest()
    claim = (grant.account, endpoint, key)
    place = SecretPlace(grant.account, "answer", 0, f"{endpoint} {key}")
    with transaction.atomic():
        db = of_django(connection)
        try:
            is_new = bool(registrations.claim_keys(db, [(*claim, digest)], WAITS_FOR))
        except driver_errors.lock_timeouts():
            raise Problem("running", headers={"Retry-After": "1"}) from None
        if not is_new:
            stored_digest, stored = registrations.stored_results(db, [claim])[claim]
            if stored_digest != digest:
                raise Problem("key-reused")
            if stored is None:
                raise Problem("running", headers={"Retry-After": "1"})
            return _repeated(stored, place)
        response = answer()
        if response.status_code >= 400:
            transaction.set_rollback(True)
            return response
        headers = {name: response[name] for name in KEPT_HEADERS if name in response}
        body = response.content.decode()
        if is_secret:
            body = vault().seal(place, body).decode("ascii")
        text = msgspec.json.encode(StoredAnswer(response.status_code, headers, body, is_secret)).decode()
        registrations.store_results(db, [(claim, digest, text)])
        return response


def _repeated(stored: str, place: SecretPlace) -> HttpResponse:
    answer = msgspec.json.decode(stored, type=StoredAnswer)
    body = answer.body
    if answer.is_sealed:
        try:
            body = vault().open(place, body.encode("ascii"))
        except SecretError:  # the installation has another key since
            raise Problem("conflict", "This was done, but its answer can no longer be read. Make another one.") from None
    return HttpResponse(body, status=answer.status, headers={**answer.headers, "Idempotency-Replayed": "true"})
