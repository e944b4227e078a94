"""Every GET of the REST API with ids of the database: all that a program can read.

As a command, it writes what an installation answers, by address, as JSON: `python -m tests.api_reads TOKEN FILE COUNT`, with the settings of the
installation in the environment. COUNT: of the ids for each parameter.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from heliograph.store.database import Database
    from tests.api_client import ApiClient

PREFIX: Final = "/api/v1/"
TABLES: Final = {
    "attendee_type": ("attendee_type",),
    "action": ("action",),
    "change": ("change",),
    "connection": ("connection",),
    "download": ("jobs_job",),
    "erasure": ("erasure",),
    "event": ("event",),
    "export": ("jobs_job",),
    "field": ("custom_field",),
    "flow": ("flow",),
    "job": ("jobs_job",),
    "mapping": ("mapping",),
    "proposal": ("erasure_proposal",),
    "property": ("registration_property",),
    "question": ("question",),
    "registration": ("registration",),
    "replay": ("replay",),
    "secret": ("source_secret",),
    "session": ("session",),
    "source": ("source",),
    "status": ("registration_status", "event_status", "session_status"),
    "tag": ("tag",),
    "thing": ("connection", "flow"),
    "token": ("api_token",),
    "user": ("accounts_user",),
}
"""The tables whose ids a parameter of an address takes."""
OF_THE_CALL: Final = frozenset({"tokens", "tokens/{token}", "registrations.ndjson"})
"""Their answers say when the token was used last, or leave an audit entry."""
QUERIES: Final = {
    "figures": "?from={first}&to={last}",
    "figures/reasons": "?from={first}&to={last}",
    "flows/filter-values": "?field=event.code",
    "flows/{flow}/test": "?registration={registration}",
    "records/{kind}": "?from={first}&to={last}",
}
"""The parameters that an endpoint wants, or by which it does not look at the clock."""
MOST_PAGES: Final = 40
"""Pages of a list that are read."""


def addresses(path: str, ids: Mapping[str, Sequence[str]], query: str = "") -> Iterator[str]:
    """The addresses of an endpoint with every combination of ids."""
    parameters = re.findall(r"\{(\w+)\}", path)
    assert ids.keys() >= set(parameters), f"{path}: TABLES in tests/api_reads.py does not say of which table these ids are"
    for values in itertools.product(*(ids[name] for name in parameters)):
        yield path.format(**dict(zip(parameters, values, strict=True))) + query


def ids_of(db: Database, presets: Sequence[str], recipes: Sequence[str], kinds: Sequence[str]) -> dict[str, list[str]]:
    """The values of every parameter of an address."""
    ids = {
        name: [str(id) for table in tables for (id,) in db.all(f"SELECT id FROM {table} ORDER BY id")] for name, tables in TABLES.items()
    }
    stuck = [f"r{id}" for (id,) in db.all("SELECT run_id FROM stuck_run ORDER BY run_id")]
    return ids | {
        "version": ["1", "2", "3"],
        "item": [f"a{id}" for id in ids["action"]] + stuck,
        "preset": list(presets),
        "recipe": list(recipes),
        "kind": list(kinds),
        "scope": ["connection", "flow"],
    }


def some(ids: Sequence[str], count: int) -> list[str]:
    """So many ids: the last one, the first one, and others between them."""
    places = [len(ids) - 1, *(len(ids) * n // max(1, count - 1) for n in range(count - 1))]
    return [ids[place] for place in sorted(set(places))] if ids else []


def _answers(api: ApiClient, address: str) -> Iterator[tuple[str, Any]]:
    """The answer of an address, and of the pages behind it."""
    for _page in range(MOST_PAGES):
        response = api.send("GET", address)
        assert response.status_code < 500, (address, response.status_code)
        content = response.getvalue()
        is_json = "json" in response.headers["Content-Type"]
        answer = json.loads(content) if is_json else content.decode()
        if isinstance(answer, dict):
            _without_clock(answer)
        yield address, [response.status_code, answer]
        address = answer.get("next") if isinstance(answer, dict) else None
        if not address:
            return


def _without_clock(answer: dict[str, Any]) -> None:
    """Removes what a later answer has otherwise although nothing has happened: when it was read, and what failed in the last 24 hours."""
    answer.pop("read_at", None)
    for item in answer.get("items", ()):
        if isinstance(item, dict) and isinstance(item.get("figures"), dict):
            item["figures"].pop("failed", None)


def main() -> None:
    token, file, count = sys.argv[1:]
    from heliograph.commands import ready

    ready()
    from heliograph.api import openapi
    from heliograph.api.urls import ROUTER
    from heliograph.insights.record_kinds import RecordKind
    from heliograph.options import Options
    from heliograph.store.instants import from_micros
    from heliograph.wiring import open_database
    from tests.api_client import ApiClient

    api = ApiClient(token)
    with closing(open_database(Options.load(), read_only=True)) as db:
        presets, recipes = ([row["key"] for row in api.get(f"{name}?limit=200")["items"]] for name in ("presets", "recipes"))
        ids = ids_of(db, presets, recipes, [kind.value for kind in RecordKind])
        first, last = (from_micros(at).date() for at in db.all("SELECT min(at), max(at) FROM change")[0])
    ids = {name: each if name in ("kind", "preset", "recipe") else some(each, int(count)) for name, each in ids.items()}
    answers: dict[str, Any] = {}
    for path, operations in openapi.document(ROUTER)["paths"].items():
        endpoint = path.removeprefix(PREFIX)
        if "get" in operations and endpoint not in OF_THE_CALL:
            query = QUERIES.get(endpoint, "").format(first=first, last=last, registration=ids["registration"][0])
            for address in addresses(endpoint, ids, query):
                answers |= _answers(api, address)
    Path(file).write_text(json.dumps(answers, sort_keys=True))


if __name__ == "__main__":
    main()
