"""Savers of one account queue up, whatever process they are in (docs/design/configuration.md, section 3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.db import connections
from tests.builders.account import BY, Acme, acme
from tests.waiting import until

from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.services.events import save_event
from heliograph.setup.services.setup_save import acting, saving
from heliograph.setup.services.tags import TagFacts, save_tag
from heliograph.setup.setup_errors import Invalid

THREADS, SAVES = 4, 5


@pytest.mark.django_db(transaction=True)
def test_F10_every_save_gets_a_version_of_its_own_and_none_is_lost() -> None:
    made = acme()
    before = made.config().version

    def save(thread: int) -> list[str]:
        try:
            return [_save_tag(made, f"Tag {n}") for n in range(SAVES)] + [_save_event(made, thread, n) for n in range(SAVES)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        said = [word for words in pool.map(save, range(THREADS)) for word in words]
    # of all savers that wanted one name, one got it, and the others got a sentence
    assert said.count("saved") == SAVES
    assert said.count("There is a tag of this name already.") == SAVES * (THREADS - 1)
    config = made.config()
    assert config.version == before + SAVES
    assert {f"Tag {n}" for n in range(SAVES)} <= {tag.name for tag in config.tags.values()}
    assert made.event_config().version == 1 + 1 + said.count("event")  # its creation, its set-up, and each save that differed


@pytest.mark.django_db(transaction=True)
def test_F10_no_event_is_saved_while_somebody_acts_on_the_set_up() -> None:
    made = acme()

    def save() -> str:
        try:
            return _save_event(made, 0, 0)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with acting(made.pk) as db:
            saved = pool.submit(save)
            if db.vendor == "postgresql":
                waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 2 AND NOT granted"
                until(lambda: saved.done() or bool(db.all(waiting)))
            assert not saved.done()
        assert saved.result() == "event"


def _save_tag(made: Acme, name: str) -> str:
    try:
        with saving(made.pk, by=BY, whole_account=True) as transaction:
            save_tag(transaction, TagFacts(name, frozenset({TagKind.EVENT})))
    except Invalid as refused:
        ((sentence,),) = refused.fields.values()
        return sentence
    return "saved"


def _save_event(made: Acme, thread: int, n: int) -> str:
    with saving(made.pk, by=BY, events=[made.event]) as transaction:
        save_event(transaction, replace(transaction.provider.event(made.event).state, location=f"Hall {thread}.{n}"), made.event)
    return "event"
