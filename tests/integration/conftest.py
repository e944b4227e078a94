"""What the tests with the real engine share."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from tests.builders import signal_account
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.receiver import Receiver
from tests.rest_platform import Manners, Platform
from tests.rest_stub import RestStub
from tests.story import Story


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with Receiver() as made:
        yield made


@pytest.fixture
def stub() -> Iterator[RestStub]:
    """A platform with a REST list, on loopback."""
    with RestStub(Platform(Manners(), random.Random(5))) as made:
        yield made


@pytest.fixture
def story(database: DatabaseFacts, receiver: Receiver) -> Iterator[Story]:
    """The scripted story's account; at the end everything must add up."""
    made = Story(database, receiver)
    try:
        yield made
        made.is_sound()
    finally:
        made.close()


@pytest.fixture
def forgetful_story(database: DatabaseFacts, receiver: Receiver) -> Iterator[Story]:
    """The same without the recount at the end: retention removes records, or the pages’ process folds deltas."""
    made = Story(database, receiver)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    """An account with registrations in every state, and three users."""
    with signal_account.site(database) as made:
        signal_account.fill(made)
        yield made
