"""A page and its endpoint cannot drift: the same deed leaves the same rows in every table of the database, and the same audit entry."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connections
from django.urls import resolve
from tests.api_deeds import DEEDS, SAVES_NOTHING, ApiRequest, Deed, PagePost, answered_id, each_of, filled
from tests.builders import deeds_account
from tests.builders.deeds_account import DeedsAccount
from tests.confirming import confirms, promise_in
from tests.databases import DatabaseFacts
from tests.form_endpoints import ENDPOINTS
from tests.forms import posted

from heliograph.accounts.vault import vault
from heliograph.store.database import Database
from heliograph.store.instants import to_micros
from heliograph.store.secrets import SecretPlace

type Row = dict[str, Any]
type Rows = dict[str, list[Row]]

NEAR: Final = 600_000_000
"""Microseconds by which two times may differ that lie as far from the beginning of their deeds: a loaded machine is slow."""
MADE_UP: Final = {
    "django_session": {"session_data", "expire_date"},
    "api_token": {"prefix", "digest", "last_used"},
    "entry_link": {"digest"},
    "action": {"uid"},
    "jobs_job": {"rate"},
    "source": {"path"},
    "accounts_user": {"last_login"},
}
"""Random values, speeds, and what signing in leaves; by table. `last_used` is noted of the token of REST alone."""
OF_ONE_DATABASE: Final = {"sequence", "change_content_rest", "registration_search"}
"""Tables that only one of the databases has: SQLite's counters, PostgreSQL's partition and its index for the search."""
_TIME: Final = re.compile(r"\b1[5-9]\d{14}\b|\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?")
_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True)
class Outcome:
    """What a deed left. began: in microseconds; new: the ids that are in no row before, by table."""

    began: int
    rows: Rows
    new: Mapping[str, list[int]]


def post(account: DeedsAccount, post: PagePost) -> None:
    """Posts a form as a browser does, and confirms what the page asks."""
    browser, path = account.browser, filled(post.path, account.ids)
    fields = filled(post.fields, account.ids)
    shown = browser.get(path)
    before = posted(shown.content.decode(), post.form) if post.form else {}
    answer = confirms(browser, path, before | promise_in(shown) | fields)
    if post.then:
        answer = browser.post(path, posted(answer.content.decode(), post.then))
    assert answer.status_code in (200, 302), answer.status_code
    if answer.status_code == 200:
        errors = re.findall(r'class="[^"]*error[^"]*"[^>]*>([^<]*)<', answer.content.decode())
        assert not errors, errors


def send(account: DeedsAccount, requests: Sequence[ApiRequest]) -> None:
    """Sends requests in turn."""
    ids = dict(account.ids)
    for request in requests:
        answer = account.api.send(request.method, filled(request.path, ids), filled(request.body, ids))
        assert answer.status_code < 300, answer.content
        ids["answer"] = answered_id(answer.content)


def rows_of(db: Database) -> Rows:
    """All rows by table, in the order of their columns, the id first; secrets are opened."""
    if db.vendor == "sqlite":
        listed = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite%'"
        listed += " AND name NOT LIKE 'registration_search%'"  # what the virtual table keeps, in pages of its own
        names = [name for (name,) in db.all(listed)]
        columns = {name: [row[1] for row in db.all(f'PRAGMA table_info("{name}")')] for name in names}
    else:
        names = [name for (name,) in db.all("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        columns = {name: [] for name in names}
        of = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY ordinal_position"
        for table, column in db.all(of):
            columns.setdefault(table, []).append(column)
    found = {}
    for name in names:
        rows = [{c: plain(v) for c, v in zip(columns[name], row, strict=True)} for row in db.all(f'SELECT * FROM "{name}"')]
        for row in rows:
            for column in MADE_UP.get(name, ()):
                row[column] = ""
            if name == "accounts_user" and row["password"].startswith("!"):
                row["password"] = "none"  # nobody knows what is made up for who has none
            if name == "figure_delta":
                row["minute"] *= 60_000_000
            if name == "connection_state":
                row["test_result"] = re.sub(r"\d\.\d+", "seconds", row["test_result"])
            if name == "secret" and row["kind"] in ("connection", "source"):
                place = SecretPlace(row["account_id"], row["kind"], row["row_id"], row["field"])
                text = vault().open(place, bytes.fromhex(row["value"]))
                row["value"] = text[:6] if row["field"].startswith("signing") else text  # a signing secret is made up
        found[name] = sorted(rows, key=lambda row: [(str(type(v)), v) for v in row.values()])
    return found


def plain(value: Any) -> Any:
    """A cell as both databases have it."""
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        case bytes() | memoryview():
            return bytes(value).hex()
        case dict() | list():
            return json.dumps(value, sort_keys=True)
        case str() if value[:1] in ("{", "["):
            try:
                return json.dumps(json.loads(value), sort_keys=True)
            except ValueError:
                return value
        case _:
            return value


def outcome(facts: DatabaseFacts, deed: Deed, *, by_page: bool) -> tuple[DeedsAccount, Rows, Outcome]:
    """Does it on the account as it was made. Returns the account, the rows before, and what is left."""
    account = deeds_account.put(facts)
    with closing(facts.open()) as db:
        before = rows_of(db)
        began = db.now()
        if by_page:
            for form in each_of(deed.pages):
                post(account, form)
        else:
            send(account, each_of(deed.requests))
        if deed.jobs:
            deeds_account.run_jobs(after=account.newest_job)
        connections.close_all()
        rows = rows_of(db)
    ids = {table: {row.get("id") for row in before[table]} for table in rows}
    new = {table: [row["id"] for row in each if "id" in row and row["id"] not in ids[table]] for table, each in rows.items()}
    return account, before, Outcome(began, rows, new)


class Comparison:
    """Compares what a page and REST left. Ids of new rows, times and who acted may differ, and nothing else."""

    def __init__(self, account: DeedsAccount, page: Outcome, rest: Outcome) -> None:
        self._page, self._rest = page, rest
        self._actors = (rf"\buser:{account.user}\b", rf"\btoken:{account.token_id}\b")
        self._ids = {pair for table in page.new for pair in zip(page.new[table], rest.new[table], strict=False)}

    def differences(self) -> list[str]:
        """What differs, a line each."""
        lines = []
        for table, rows in self._page.rows.items():
            for one, other in zip_longest(rows, self._rest.rows[table]):
                if one is None or other is None:
                    lines.append(f"{table}: only {'REST' if one is None else 'the page'} left {other or one}")
                else:
                    differing = [column for column in one if not self._are_alike(one[column], other[column])]
                    lines += [f"{table}.{column} of {one.get('id')}: {one[column]!r} / {other[column]!r}" for column in differing]
        return lines

    def _are_alike(self, one: Any, other: Any) -> bool:
        match one, other:
            case int(), int():
                return one == other or (one, other) in self._ids or self._are_near(one, other)
            case str(), str():
                return one == other or self._are_texts_alike(one, other)
            case _:
                return bool(one == other)

    def _are_near(self, one: int, other: int) -> bool:
        """Whether both are times, as far from the beginning of their deeds."""
        return min(one, other) > 1_500_000_000_000_000 and abs((one - self._page.began) - (other - self._rest.began)) < NEAR

    def _are_texts_alike(self, one: str, other: str) -> bool:
        texts = [re.sub(actor, "somebody", text) for actor, text in zip(self._actors, (one, other), strict=True)]
        times = [[micros_of(each) for each in _TIME.findall(text)] for text in texts]
        texts = [_TIME.sub("time", text) for text in texts]
        numbers = [[int(each) for each in _NUMBER.findall(text)] for text in texts]
        return (
            _NUMBER.sub("n", texts[0]) == _NUMBER.sub("n", texts[1])
            and all(a == b or (a, b) in self._ids for a, b in zip(*numbers, strict=True))
            and len(times[0]) == len(times[1])
            and all(a == b or self._are_near(a, b) for a, b in zip(*times, strict=True))
        )


def micros_of(text: str) -> int:
    """A time as microseconds."""
    return int(text) if text.isdecimal() else to_micros(datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=UTC))


@pytest.fixture(autouse=True)
def commands(tmp_path: Path, settings: Any) -> None:
    """The operator offers a program."""
    file = tmp_path / "commands.toml"
    file.write_text('[commands.members]\nargv = ["/bin/true"]\naccounts = ["*"]\n')
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"commands": file})


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_a_page_and_its_endpoint_leave_the_same(database: DatabaseFacts, deed: Deed) -> None:
    account, before, page = outcome(database, deed, by_page=True)
    _account, _before, rest = outcome(database, deed, by_page=False)
    differences = [each for each in Comparison(account, page, rest).differences() if each.partition(":")[0] not in deed.apart]
    assert not differences, "\n".join(differences)
    touched = {table for table, rows in page.rows.items() if rows != before[table]} - OF_ONE_DATABASE
    assert " ".join(sorted(touched)) == " ".join(sorted(deed.touches.split())), (
        "`touches` of the deed differs from the tables whose rows changed"
    )


def test_each_form_that_saves_something_has_its_deed() -> None:
    """tests/form_endpoints.py lists the forms of the pages."""
    assert len({deed.name for deed in DEEDS}) == len(DEEDS)
    ids = Ids()
    patterns = {endpoint: re.sub(r"\{\w+\}", "[^/]+", endpoint) for endpoints in ENDPOINTS.values() for endpoint in endpoints}
    done: set[str] = set()
    for deed in DEEDS:
        sent = [f"{request.method} {filled(request.path, ids).partition('?')[0]}" for request in each_of(deed.requests)]
        done |= (own := {endpoint for endpoint, pattern in patterns.items() for each in sent if re.fullmatch(pattern, each)})
        for page in each_of(deed.pages):
            assert own & {*ENDPOINTS[str(resolve(filled(page.path, ids).partition("?")[0]).url_name)]}, deed.name
    without_deed = patterns.keys() - done
    assert without_deed == SAVES_NOTHING, "tests/api_deeds.py has no deed for an endpoint of a form, or SAVES_NOTHING names one that has"


class Ids(dict[str, str]):
    """An id for every name."""

    def __missing__(self, name: str) -> str:
        return "1"
