"""A selection that cannot be read, is unknown or is empty does nothing: it never counts as everything (tests/form_endpoints.py lists the forms)."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final

import pytest
from django.db import connections
from tests.api_deeds import ApiRequest, PagePost, filled
from tests.builders import deeds_account
from tests.confirming import confirms, promise_in
from tests.databases import DatabaseFacts

TABLES: Final = ("action", "lane", "stuck_run", "jobs_job", "replay", "change", "config_version", "audit_entry", "registration", "event")
"""What operations on a selection write."""
RETRY: Final = "/signal/retry/"
EXPORT: Final = "/signal/metrics/records/queued/export/"
REPLAY: Final = {"flow": "{leads}", "since": "2020-01-01", "which": "latest"}
SEND: Final = {"rate": "60", "reason": "Why", "send": ["new", "same"]}

POSTS: Final = (
    PagePost(f"{RETRY}submit/?status=waitin", {"all": "1"}),
    PagePost(f"{RETRY}submit/?category=Nothing", {"all": "1"}),
    PagePost(f"{RETRY}submit/?flow=x{{leads}}", {"all": "1"}),
    PagePost(f"{RETRY}submit/?event=-1", {"all": "1"}),
    PagePost(f"{RETRY}submit/?since=yesterday", {"all": "1"}),
    PagePost(f"{RETRY}submit/?flow={{leads}}&flow=", {"all": "1"}),
    PagePost(f"{RETRY}submit/?flow={{leads}}&flow={{draft}}", {"all": "1"}),
    PagePost(f"{RETRY}submit/?event-code=GALA", {"all": "1"}),
    PagePost(f"{RETRY}submit/?q={'x' * 201}", {"all": "1"}),
    PagePost(f"{RETRY}submit/?status=faild", {"cause": "{cause_d1}"}),
    PagePost(f"{RETRY}discard/?cause=", {"item": ["", "x", "a"]}),
    PagePost(f"{RETRY}download/?connection=crm", {"made_for": "programs", "column": ["registration"]}),
    PagePost(f"{RETRY}download/?status=waiting", {"made_for": "programs"}),
    PagePost(f"{RETRY}download/?status=waiting", {"made_for": "programs", "column": ["regstration"]}),
    PagePost(f"{EXPORT}?days=2&flow=leads", {"form": "exact"}),
    PagePost(f"{EXPORT}?days=2&category=Nothing", {"form": "exact"}),
    PagePost(f"{EXPORT}?days=2&mode=tests", {"form": "exact"}),
    PagePost(f"{EXPORT}?days=2&outcome=Nothing", {"form": "exact"}),
    PagePost("/registrations/set-status/?of=all&event=summit&to=Cancelled"),
    PagePost("/registrations/set-status/?of=all&is=Live%21&to=Cancelled"),
    PagePost("/registrations/set-status/?of=all&delivery=nothing&to=Cancelled"),
    PagePost("/registrations/set-status/?of=some&code=SUMMIT&to=Cancelled"),
    PagePost("/settings/sources/ledger/repair-all/?event=SUMMIT&kind=missing&source=all"),
    PagePost("/signal/sync/SUMMIT/R3/", {"flow": "leads"}),
    PagePost("/signal/sync/SUMMIT/R3/", {"flow": "9" * 30}),
    PagePost("/signal/connections/{paused}/release/", {"do": "rates", "rate": "1"}),
    PagePost("/signal/connections/{paused}/release/", {"do": "", "rate": "1"}),
    PagePost("/signal/flows/{leads}/toggle/", {"active": "onn"}),
    PagePost("/signal/flows/{leads}/toggle/"),
    PagePost("/signal/replay/", REPLAY | {"event": "summit"}),
    PagePost("/signal/replay/", REPLAY | {"event": "987654321"}),
    PagePost("/signal/replay/", REPLAY | {"has_status": "Atended"}),
    PagePost("/signal/replay/{checked_replay}/send/", SEND | {"do": "row", "row": ["1"]}),
    PagePost("/signal/replay/{checked_replay}/send/", SEND | {"do": "rows", "row": ["x"]}),
)
REQUESTS: Final = (
    ApiRequest("POST", "retry/discard-cause?confirmed=true", {"cause": ""}),
    ApiRequest("POST", "retry/submit-all", {"cause": ""}),
    ApiRequest("POST", "retry/submit-all", {"flow": "leads"}),
    ApiRequest("POST", "retry/submit-all", {"flow": "987654321"}),
    ApiRequest("POST", "retry/submit-all", {"flows": "{leads}"}),
    ApiRequest("POST", "retry/submit", {"items": []}),
    ApiRequest("POST", "retry/downloads", {"columns": []}),
    ApiRequest("POST", "retry/downloads", {"columns": ["regstration"]}),
    ApiRequest("POST", "records/queued/export?days=2&outcome=Nothing", {"form": "exact"}),
    ApiRequest("POST", "registrations/set-status", {"status": "Cancelled", "registrations": []}),
    ApiRequest("POST", "registrations/set-status", {"status": "Cancelled", "filters": {"event": "summit"}}),
    ApiRequest("POST", "registrations/{registration_r3}/sync", {"flow": "leads"}),
    ApiRequest("POST", "registrations/{registration_r3}/sync", {"flow": "987654321"}),
    ApiRequest("POST", "sources/{source}/calls/again", {"calls": ["one"]}),
    ApiRequest("POST", "sources/{source}/calls/again", {"call": ["1"]}),
    ApiRequest("POST", "ledger/repairs", {"event": "SUMMIT"}),
    ApiRequest("POST", "ledger/repairs", {"event": "SUMMIT", "kind": "missin"}),
    ApiRequest("POST", "replays", {"flow": "{leads}", "from": "2020-01-01", "event": "summit"}),
    ApiRequest("POST", "replays", {"flow": "{leads}", "from": "2020-01-01", "status": "Atended"}),
    ApiRequest("POST", "replays/{checked_replay}/start", {"send": ["new", "same"], "lines": [], "reason": "Why"}),
    ApiRequest("POST", "replays/{checked_replay}/start", {"send": ["new", "same"], "lines": ["x"], "reason": "Why"}),
    ApiRequest("POST", "tag-coverage/apply", {"objects": [], "tag": None}),
)


def stored(facts: DatabaseFacts) -> dict[str, list[str]]:
    """The rows of the tables."""
    with closing(facts.open()) as db:
        return {table: sorted(map(repr, db.all(f'SELECT * FROM "{table}"'))) for table in TABLES}


@pytest.mark.parametrize("post", POSTS, ids=lambda post: f"{post.path} {dict(post.fields)}")
def test_a_page_does_nothing(database: DatabaseFacts, post: PagePost) -> None:
    account = deeds_account.put(database)
    before = stored(database)
    browser, path, fields = account.browser, filled(post.path, account.ids), filled(post.fields, account.ids)
    answer: Any = confirms(browser, path, promise_in(browser.get(path)) | fields)
    assert answer.status_code in (302, 404, 409, 422), answer.status_code
    connections.close_all()
    after = stored(database)
    assert {table for table in TABLES if after[table] != before[table]} == set()


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: f"{request.path} {request.body}")
def test_REST_refuses_it(database: DatabaseFacts, request_: ApiRequest) -> None:
    account = deeds_account.put(database)
    before = stored(database)
    answer = account.api.send(request_.method, filled(request_.path, account.ids), filled(request_.body, account.ids))
    assert answer.status_code in (400, 404, 409, 422), answer.content
    connections.close_all()
    after = stored(database)
    assert {table for table in TABLES if after[table] != before[table]} == set()
