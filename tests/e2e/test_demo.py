"""`heliograph demo` as somebody meets it who has just cloned the repository: what it prints is true, and its pages live."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser import sign_in
from tests.databases import DatabaseFacts
from tests.processes import Process
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.once
GREETING = re.compile(r"runs at +(http://127\.0\.0\.1:\d+)\n +User +(\S+)\n +Password +(\S+)")
SECONDS = 90
"""A working address in under two minutes, also on a busy machine."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Process]:
    """A demo on a folder of its own, with nothing of ours in its environment."""
    env = DatabaseFacts("sqlite", "", tmp_path, "").env(HELIOGRAPH_DATA=str(tmp_path))
    for name in ("HELIOGRAPH_DATABASE_URL", "HELIOGRAPH_KEY", "HELIOGRAPH_LOG_FORMAT"):
        del env[name]
    process = Process(("demo",), env, tmp_path / "demo.log")
    yield process
    process.kill()


def test_the_demo_shows_everything_and_ends_at_once(demo: Process, tmp_path: Path, page: Page) -> None:
    demo.until_printed("Password", SECONDS)
    greeting = GREETING.search(demo.output)
    assert greeting, demo.output
    url, user, password = greeting.groups()

    sign_in(page, url, user, password, heading="Registrations")
    expect(page.get_by_role("row")).not_to_have_count(1, timeout=SECONDS * 1000)  # more than its head

    # The terminal shows each kind of what happens.
    for word in ("recorded", "delivered", "not triggered", "waits"):
        demo.until_printed(f"  {word} ", SECONDS)

    # And so do the pages: the feed moves by itself, something waits in Retry with its reason.
    page.goto(f"{url}/signal/metrics/feed/")
    top = page.get_by_role("main").locator("ol > li").nth(1)
    before = top.inner_text()
    until(lambda: top.inner_text() != before, SECONDS, every=0.5)
    for result, said in (("success", ": delivered"), ("not-triggered", ": not triggered")):
        page.goto(f"{url}/signal/metrics/feed/?result={result}")
        expect(page.get_by_role("main").locator("ol > li").filter(has_text=said)).not_to_have_count(0)
    page.goto(f"{url}/signal/retry/")
    expect(page.get_by_role("main").get_by_role("row")).not_to_have_count(0)
    expect(page.get_by_text(re.compile(r"\d+ items?: \d+ Retry( \(\d+ waits? for a tag\))?, "))).to_be_visible()

    os.kill(demo.pid, signal.SIGINT)
    assert demo.wait(PATIENCE) == 0
    assert "continues with this data" in demo.output

    # What the database says is what was shown: nothing is left half done.
    with closing(sqlite3.connect(tmp_path / "demo" / "heliograph.db")) as db:
        ((events, people),) = db.execute("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM registration)")
        assert events == 4
        assert people >= 20
