"""A call that a sender makes becomes a registration: through both doors, the source's mapping and record() (S2)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from tests.builders.call_mapping import call_row
from tests.builders.inbound_calls import headers_of, secret_for
from tests.builders.running_account import RunningAccount
from tests.doors import Sender, acme, make_source, opened

from heliograph.domain.mapping.row import FixedText
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.recording.source_calls import Processed, process
from heliograph.store.config_cache import Committed

__all__ = ["acme"]

GITHUB = PRESETS["github"].verification
SECRET = secret_for(GITHUB)
PATH = "shop-1234-shop-1234"
FORM = "application/x-www-form-urlencoded"
CALL = {"event": "SUMMIT-26", "order": "F-1", "tickets": [{"id": 1, "name": "Mira Okafor"}, {"id": 2, "name": "Jonas Weber"}]}


@pytest.fixture(params=["fast", "pages"])
def sender(acme: RunningAccount, request: pytest.FixtureRequest) -> Iterator[Sender]:
    with opened(acme, request.param) as made:
        yield made


def mapping(event: str) -> CallMapping:
    rows = (
        call_row("event", FixedText(event)),
        call_row("code", "order", FixedText("-"), "tickets.id"),
        call_row("profile.last_name", "tickets.name"),
    )
    return CallMapping("tickets", rows=rows)


@pytest.mark.parametrize("as_form", [False, True], ids=["as JSON", "as a form"])
def test_S2_a_proven_call_becomes_registrations_of_its_source(sender: Sender, as_form: bool) -> None:
    db = sender.acme.db
    source = make_source(db, PATH, GITHUB, SECRET)
    ((event,),) = db.all("SELECT code FROM event WHERE account_id = 1 ORDER BY id LIMIT 1")
    with db.transaction():
        db.run(
            "UPDATE source SET mapping = :mapping, state = 1 WHERE id = :id",
            {"mapping": json.dumps(mapping(event).to_body()), "id": source},
        )
    body = urlencode({"payload": json.dumps(CALL)}).encode() if as_form else json.dumps(CALL).encode()
    headers = headers_of(GITHUB, SECRET, body, time.time_ns() // 1000, "call-1")
    for _ in range(2):  # sent twice, recorded once
        said = sender.post(body, path=f"/in/{PATH}", **headers, **({"Content-Type": FORM} if as_form else {}))
        assert said.status == 200
    assert process(db, Committed(db), source) == Processed(1, 2)
    rows = db.all("SELECT code, version FROM registration WHERE account_id = 1 AND code LIKE 'F-1-%' ORDER BY code")
    assert rows == [("F-1-1", 1), ("F-1-2", 1)]
