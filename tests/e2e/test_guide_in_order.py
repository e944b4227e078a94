"""The guide in Chromium, chapter by chapter and in its order, from "Setting up Tags" to "Mappings" and a delivered webhook.

One account goes through all of it: each chapter begins where the one before it has ended. Everything is found by role and label, under the
guide's names; no request leaves this machine and the console stays empty (PageErrors).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from tests import accessibility
from tests.conftest import PageErrors
from tests.databases import Databases
from tests.e2e import guide_in_signal as signal
from tests.e2e import guide_on_the_platform as platform
from tests.e2e.guide_reader import Reader
from tests.processes import Starter
from tests.receiver import Receiver

pytestmark = pytest.mark.once

CHAPTERS = (
    platform.setting_tags_up_for_an_account,
    platform.default_registration_statuses,
    platform.custom_fields,
    platform.an_event,
    platform.custom_registration_statuses,
    platform.custom_registration_properties,
    platform.attendee_types,
    platform.tags_of_events,
    platform.registration_questions,
    *signal.CHAPTERS,
)


@pytest.fixture(scope="module")
def watched() -> PageErrors:
    return PageErrors()


@pytest.fixture(scope="module")
def reader(
    databases: Databases,
    browser: Browser,
    browser_context_args: dict[str, Any],
    watched: PageErrors,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Reader]:
    """An account with nothing but its Administrator, and somebody at the first page."""
    with ExitStack() as stack:
        facts = stack.enter_context(databases.migrated())
        receiver = stack.enter_context(Receiver())
        heliograph = Starter(facts, Path(tmp_path_factory.mktemp("guide")))
        stack.callback(heliograph.end)  # before its target is gone
        made = heliograph.run("createaccount", "ACME", "--name", "Acme", "--timezone", "Europe/Vienna")
        assert made.returncode == 0, made.output
        heliograph.adds_ada("administrator")
        url = heliograph.serves()
        context = browser.new_context(**browser_context_args)
        stack.callback(context.close)
        watched.watch(context)
        yield Reader(url, receiver, context.new_page())


@pytest.mark.parametrize("n", [pytest.param(n, id=chapter.__name__) for n, chapter in enumerate(CHAPTERS)])
def test_the_guide(reader: Reader, watched: PageErrors, n: int) -> None:
    """A chapter, and those before it unless they were read already."""
    reader.reads(CHAPTERS[n], before=CHAPTERS[:n])
    assert not watched.unexpected, "\n".join(watched.unexpected)
    reader.at.wait_for_load_state()
    found = accessibility.violations(reader.at)
    assert not found, "\n".join(found)
    accessibility.fits_a_phone(reader.at)
