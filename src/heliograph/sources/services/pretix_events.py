"""Which events of a pretix become which of ours; what is not here yet is created (S4, P2)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from zoneinfo import available_timezones

from django.utils.translation import gettext as _

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.domain.source.pretix_catalogue import CatalogueEvent, NotPretix, PretixCatalogue
from heliograph.setup.name_fields import CODE_LENGTH
from heliograph.setup.services.events import new_event, save_event
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.pretix_requests import MOST_CHOSEN, PretixRefusal
from heliograph.sources.services.pretix_setup import pretix_row, requests_of, save_setup, setup_of
from heliograph.sources.services.source_mappings import SavedMeanwhile
from heliograph.sources.services.sources import lock_source
from heliograph.store import source_reads
from heliograph.store.models import Event

NEW: Final = ""
"""In place of a code: an event with the suggested code is created."""


@dataclass(frozen=True, slots=True)
class EventChoice:
    """An event of a pretix, or a date of a series, and the code of our event; NEW for one that is created."""

    key: str
    """See `CatalogueEvent.key`."""
    code: str = NEW


def suggested_code(event: CatalogueEvent) -> str:
    """The code of our event: "SUMMIT-26" for "summit.26", "TOUR-2027-05-03" for a date of "tour"."""
    moment = f"-{_code(event.moment)}" if event.moment else ""
    return (_code(event.slug)[: CODE_LENGTH - len(moment)].strip("-") or "EVENT"[: CODE_LENGTH - len(moment)]) + moment


def _code(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").upper()


def proposed_code(event: CatalogueEvent, codes: Iterable[str]) -> str:
    """The code of the existing event that has the letters and digits of this one's slug, or of the code of a date; NEW if there is none."""
    plain = _plain(suggested_code(event) if event.moment else event.slug)
    return next((code for code in codes if _plain(code) == plain), NEW)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def choose_events(account: int, id: int, choices: Sequence[EventChoice], *, by: str, seen: int) -> str:
    """Reads the set-up of the chosen events, creates those of ours that are missing, and keeps the newest orders as a sample.

    Returns why pretix could not be asked, or "". Call it outside of a transaction.
    seen: the version of the source that the page showed
    Raises NotThere, SavedMeanwhile, and Invalid by the keys of the events, "" for all.
    """
    setup = setup_of(pretix_row(id))
    _check(setup.catalogue, choices)
    try:
        sample = requests_of(account, setup).sample(setup.catalogue, [each.key for each in choices])
    except (PretixRefusal, NotPretix) as error:
        return error.sentence
    with saving(account, by=by) as transaction:
        row = lock_source(id)
        if row.version != seen:
            raise SavedMeanwhile({"": [_("Somebody else saved this source in the meantime. Look at it, and save again.")]})
        codes: list[tuple[str, str]] = []
        for choice in choices:
            event = sample.catalogue.event(choice.key)
            if event is None:
                raise Invalid({choice.key: [_("This event is no longer in pretix.")]})
            codes.append((choice.key, _our_event(transaction, event, choice)))
        save_setup(transaction, row, replace(setup, catalogue=sample.catalogue, events=tuple(codes), refusal="", new_events=()))
        if sample.orders:
            body = json.dumps(list(sample.orders), ensure_ascii=False).encode("utf-8", "replace")
            source_reads.store_sample(transaction.db, account, id, body, transaction.db.now())
    return ""


def look_again(account: int, id: int, *, by: str) -> str:
    """Reads the products and questions of the chosen events once more. Returns why pretix could not be asked, or "". Call it outside of a
    transaction. Raises NotThere."""
    setup = setup_of(pretix_row(id))
    try:
        sample = requests_of(account, setup).sample(setup.catalogue, setup.chosen)
    except (PretixRefusal, NotPretix) as error:
        return error.sentence
    with saving(account, by=by) as transaction:
        save_setup(transaction, lock_source(id), replace(setup, catalogue=sample.catalogue, refusal=""))
    return ""


def _check(catalogue: PretixCatalogue, choices: Sequence[EventChoice]) -> None:
    if not choices:
        raise Invalid({"": [_("Choose at least one event.")]})
    if len(choices) > MOST_CHOSEN:
        raise Invalid({"": [_("At most %(n)s events are possible. Add another source for more.") % {"n": MOST_CHOSEN}]})
    codes = {}
    for each in choices:
        event = catalogue.event(each.key)
        codes[each.key] = (each.code or (suggested_code(event) if event is not None else each.key)).lower()
    counted = Counter(codes.values())
    twice = {key: [_("Another event becomes this one, too. Choose different ones.")] for key, code in codes.items() if counted[code] > 1}
    if twice:
        raise Invalid(twice)


def _our_event(transaction: SetupTransaction, event: CatalogueEvent, choice: EventChoice) -> str:
    """The code of our event, which is created if it is not there. Raises Invalid."""
    code = choice.code or suggested_code(event)
    existing = Event.objects.filter(account_id=transaction.account, code__iexact=code).values_list("code", flat=True).first()
    if existing is not None:
        return str(existing)
    if choice.code != NEW:
        raise Invalid({choice.key: [_("There is no event %(code)s any more.") % {"code": code}]})
    try:
        save_event(transaction, event_state(event, code, transaction.provider.account(transaction.account)))
    except Invalid as error:
        raise Invalid({choice.key: [sentence for sentences in error.fields.values() for sentence in sentences]}) from None
    return code


def event_state(event: CatalogueEvent, code: str, config: AccountConfig) -> EventState:
    """Our event for one of pretix: in Testing, so that no Live flow acts on it before a person says so."""
    start, end = _instant(event.starts), _instant(event.ends)
    return replace(
        new_event(config),
        code=code,
        name=event.name,
        start=start,
        end=end if start is None or end is None or end >= start else None,
        timezone=event.zone if event.zone in available_timezones() else config.timezone,
    )


def _instant(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC).replace(second=0, microsecond=0)
