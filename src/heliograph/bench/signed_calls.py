"""Signed calls of a live source, beside the work of a scenario (S2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from typing import Final, Self

from heliograph.bench.fixture import BY
from heliograph.bench.site import BenchError, Site
from heliograph.bench.work import EVENT
from heliograph.domain.mapping.row import FixedText, MappingRow, SourceValue
from heliograph.domain.source.call_mapping import CallMapping, CallRow
from heliograph.domain.source.source_states import SourceState

RATE: Final = 100
"""Calls a second."""
SENDERS: Final = 4
_KEY: Final = hashlib.sha256(b"bench").digest()
_FIELDS: Final = {
    "code": "ticket.code",
    "profile.first_name": "ticket.person.first",
    "profile.last_name": "ticket.person.last",
    "profile.email": "ticket.person.mail",
}
_STATUS: Final = "Cancelled"
"""Flows of the account check these registrations, and none triggers."""


class SignedCalls:
    """A platform that announces RATE registrations a second, each by a call of 2 KB with the signature of Standard Webhooks."""

    def __init__(self, site: Site, account: int, say: Callable[[str], None]) -> None:
        self._site, self._say = site, say
        self._path = _add_source(account)
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(SENDERS)]
        self._answered = [0] * SENDERS
        self._failed = ""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)
        if self._failed or not all(self._answered):
            raise BenchError(f"The calls beside the deliveries failed: {self._failed or 'none was answered'}")
        self._say(f"{sum(self._answered):,} calls were taken")

    def _send(self, sender: int) -> None:
        """Sends each call at its moment, as long as the answers keep up."""
        host = f"127.0.0.1:{self._site.door}"
        began = time.monotonic()
        with closing(http.client.HTTPConnection(host, timeout=60)) as connection:
            while not self._stopped.wait(max(0.0, began + self._answered[sender] * SENDERS / RATE - time.monotonic())):
                name = f"{self._path}-{sender}-{self._answered[sender]}"
                person = {"first": "Zoë", "last": "Lindqvist", "mail": f"{name}@example.org", "note": "x" * 1_700}
                body = json.dumps({"ticket": {"code": name, "person": person}}).encode()
                at = int(time.time())
                signature = base64.b64encode(hmac.digest(_KEY, f"{name}.{at}.".encode() + body, "sha256")).decode()
                headers = {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}
                connection.request("POST", f"/in/{self._path}", body, {"Content-Type": "application/json", **headers})
                answer = connection.getresponse()
                answer.read()
                if answer.status != HTTPStatus.OK:
                    self._failed = f"a call was answered {answer.status}"
                    return
                self._answered[sender] += 1


def _add_source(account: int) -> str:
    """Adds a source that is on. Returns the path of its address."""
    from heliograph.setup.services.setup_save import saving  # noqa: PLC0415 -- reads Django's settings, as the rest
    from heliograph.sources.services.source_proof import add_secret  # noqa: PLC0415
    from heliograph.sources.services.sources import add_source, preset_settings  # noqa: PLC0415

    rows = [CallRow(MappingRow(target, (SourceValue(path),))) for target, path in _FIELDS.items()]
    rows += [CallRow(MappingRow(target, (FixedText(text),))) for target, text in (("event", EVENT), ("status", _STATUS))]
    with saving(account, by=BY) as transaction:
        row = add_source(transaction, "webhook", f"Bench {time.time_ns()}")
        row.settings = json.dumps(preset_settings("standard-webhooks"))
        row.mapping = json.dumps(CallMapping(rows=tuple(rows)).to_body())
        row.state = SourceState.ON
        row.save()
        add_secret(transaction, row.pk, "whsec_" + base64.b64encode(_KEY).decode())
    return str(row.path)
