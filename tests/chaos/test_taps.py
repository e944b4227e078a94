"""Two taps that none of us wrote fill an account, and what changes where they read follows (S6)."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django_scopes import scopes_disabled
from tests import taps
from tests.builders.command_source import Commands, CommandSource, command_source
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts

from heliograph.sources.models import Source

pytestmark = pytest.mark.trial

SIZE = 50


@pytest.fixture
def commands(tmp_path: Path, settings: Any) -> Commands:
    commands = Commands(tmp_path)
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"commands": commands.file, "data": tmp_path / "data"})
    return commands


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


def people(count: int) -> dict[str, str]:
    return {f"P-{number:04}": f"Firm {number}" for number in range(count)}


def test_S6_tap_jsonl_reads_files(site: PlatformAccount, commands: Commands) -> None:
    file, config = commands.folder / "people.jsonl", commands.folder / "config.json"
    rows = people(2_000)

    def write() -> None:
        file.write_text("".join(json.dumps({"id": id, "firm": firm}) + "\n" for id, firm in rows.items()))

    write()
    config.write_text(json.dumps({"path": str(file), "stream_name": "people", "primary_keys": ["id"]}))
    commands.offer(str(taps.program("tap-jsonl")), config=str(config))
    source = command_source(site.store, site.pk)
    assert source.run().result["news"] == 2_000
    assert (source.row.failure, source.firms()) == ("", rows)
    rows["P-0007"] = "Another firm"
    write()
    assert source.run().result["news"] == 1  # the time of the file changed with each record, their content did not
    assert source.firms() == rows


@contextmanager
def serving(rows: dict[str, tuple[str, str]]) -> Iterator[str]:
    """A REST list of rows, {id: (firm, time of change)}, by pages, with those changed since a time. Yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            since = query["since"][:19]
            listed = [{"id": id, "firm": firm, "changed": at} for id, (firm, at) in rows.items() if at[:19] >= since]
            first = (int(query["page"]) - 1) * SIZE
            body = json.dumps({"members": listed[first : first + SIZE]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_S6_tap_rest_api_reads_a_list_and_goes_on_from_its_state(site: PlatformAccount, commands: Commands) -> None:
    rows = {id: (firm, "2026-11-29T10:00:00Z") for id, firm in people(180).items()}
    folder, config = commands.folder, commands.folder / "config.json"
    for name in ("schema", "catalog"):
        (folder / name).mkdir()
    with serving(rows) as origin:
        settings = {
            "url": f"{origin}/members?page={{current_page_one_base}}&since={{start_datetime}}",
            "record_list_level": "members[*]",
            "items_per_page": SIZE,
            "datetime_key": "changed",
            "start_datetime": "2026-01-01T00:00:00Z",
            "streams": "people",
            "schema_dir": str(folder / "schema"),
            "catalog_dir": str(folder / "catalog"),
        }
        config.write_text(json.dumps(settings))
        tap = taps.program("tap-rest-api")
        subprocess.run([tap, "--config", config, "--infer_schema"], check=True, capture_output=True, cwd=folder)
        commands.offer(str(tap), config=str(config), catalog=str(folder / "catalog" / "catalog.json"))
        source = command_source(site.store, site.pk)
        _key_is_id(source)
        assert source.run().result["news"] == 180
        assert (source.row.failure, source.firms()) == ("", {id: firm for id, (firm, _at) in rows.items()})
        rows["P-0007"] = ("Another firm", "2026-11-29T11:00:00Z")
        rows["P-0180"] = ("A new firm", "2026-11-29T11:30:00Z")
        assert source.run().result["news"] == 2
        assert source.firms() == {id: firm for id, (firm, _at) in rows.items()}
        assert source.run().result["news"] == 0
        assert "2026-11-29T11:30:00" in json.dumps(source.progress.state)


def _key_is_id(source: CommandSource) -> None:
    """This tap names no key: the code is the record's id."""
    mapping = source.row.mapping.replace('"key"', '"record.id"')
    with scopes_disabled():
        Source.objects.filter(pk=source.id).update(mapping=mapping)
