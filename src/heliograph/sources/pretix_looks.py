"""The thread beside pages that looks at each pretix once a day, for events, products and questions that nobody has placed yet (S4).

What it finds is proposed on the page of the source. Nothing is created or matched by itself.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Final

import structlog
from django.db import DatabaseError as DjangoDatabaseError
from django.db import close_old_connections, connections
from django_scopes import scope, scopes_disabled

from heliograph.domain.errors import HeliographError
from heliograph.domain.source.pretix import PRETIX
from heliograph.domain.source.pretix_catalogue import NotPretix
from heliograph.domain.source.source_states import SourceState
from heliograph.domain.source.source_times import DAY
from heliograph.setup.services.setup_save import saving
from heliograph.sources.models import Source
from heliograph.sources.pretix_requests import PretixRefusal
from heliograph.sources.services.pretix_setup import overview_of, requests_of, save_setup, setup_of
from heliograph.sources.services.sources import lock_source
from heliograph.store import driver_errors
from heliograph.store.django_database import of_django
from heliograph.store.restored_copy import unreleased_copy

log = structlog.get_logger(__name__)

EVERY: Final = 60.0
"""Seconds between looks for sources whose turn it is."""


def care(stop: threading.Event) -> None:
    """Looks until `stop` is set. Any number of processes may do so."""
    try:
        while not stop.wait(EVERY):
            try:
                look_at_due()
            except driver_errors.operational(DjangoDatabaseError, OSError, HeliographError):
                log.exception("pretix_not_looked_at")
                connections.close_all()
    finally:
        connections.close_all()


def look_at_due() -> int:
    """Looks at each pretix that was not looked at for a day. Returns how many answered."""
    close_old_connections()
    with scopes_disabled():
        sources = list(Source.objects.filter(platform=PRETIX, state=SourceState.ON, deleted_at=None).order_by("pk"))
    return sum(_look(source.account_id, source.pk) for source in sources if setup_of(source).matched)


def _look(account: int, id: int) -> bool:
    """Whether it was the source's turn, and pretix answered."""
    by = f"source:{id}"
    db = of_django(connections["default"])
    if unreleased_copy(db, account) is not None:  # the original looks at it
        return False
    with scope(account=account):
        with saving(account, by=by) as transaction:
            row = lock_source(id)
            setup, now = setup_of(row), transaction.db.now()
            if setup.looked_at > now - DAY:
                return False
            save_setup(transaction, row, replace(setup, looked_at=now))
        try:
            requests = requests_of(account, setup)
            catalogue = overview_of(requests, setup)
            catalogue = requests.sample(catalogue, setup.chosen).catalogue
        except (PretixRefusal, NotPretix) as error:
            log.info("pretix_look_refused", account=account, source=id, reason=str(error)[:200])
            return False
        known = {event.key for event in setup.catalogue.events}
        new = [event.key for event in catalogue.events if event.key not in known and setup.is_asked_about(event)]
        with saving(account, by=by) as transaction:
            row = lock_source(id)
            latest = setup_of(row)
            if latest.catalogue == setup.catalogue:  # nobody looked in the meantime
                save_setup(transaction, row, replace(latest, catalogue=catalogue, new_events=(*latest.new_events, *new)))
    return True
