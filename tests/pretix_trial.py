"""A real pretix is edited while processes that read it are killed; in the end the registrations are what pretix has (S4)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliograph.domain.source.pretix import ItemUse, PretixItem, PretixQuestion
from heliograph.engine.ingest.fast_door import Door
from heliograph.engine.ingest.reception import Reception
from heliograph.sources.gap_counter import count_gaps
from heliograph.sources.services import list_readings
from heliograph.store.config_cache import Committed, ConfigCache
from tests.builders.account import BY
from tests.builders.platform_account import PlatformAccount
from tests.builders.pretix_source import SESSIONS, PretixSource, SoldThere, expected, prepare, pretix_source, settings_for, token_connection
from tests.databases import DatabaseFacts
from tests.doors import VAULT, add_secret
from tests.pretix import EditingProcess, Pretix
from tests.reader_kills import READERS, Readers, ledger_gaps
from tests.waiting import PATIENCE, until

SETTLES_WITHIN = 4 * PATIENCE
SECRET = "the-part-of-the-address-that-nobody-knows"


@dataclass(frozen=True)
class Result:
    """What a trial came to."""

    edits: dict[str, int]
    """By kind."""
    kills: int
    pretix_kills: int
    registrations: int
    missing: int
    stale: int
    resurrected: int
    gaps: int
    """Gaps that the ledger names."""
    waiting: int
    """Calls that could not be recorded."""
    doorbells: int
    announced: int
    unannounced: int
    proposed: int
    """Registrations whose erasure is proposed after pretix erased everybody."""
    changed_by_erasing: int
    """Registrations that are other ones because pretix erased everybody."""
    problems: tuple[object, ...] = ()
    """Of calls that could not be recorded the first: why, and when they came."""
    differences: tuple[object, ...] = ()
    """Of stale registrations the first: theirs and ours."""


def run(site: PlatformAccount, facts: DatabaseFacts, folder: Path, *, edits: int, kills: int, pretix_kills: int, seed: int) -> Result:
    """Edits a pretix, a fifth of it before the first reading, and kills readers and pretix meanwhile. At the end it erases everybody."""
    prepare(site)
    dice = random.Random(seed)
    batch = max(10, edits // 100)
    with Pretix(folder) as pretix, _door(facts) as door, EditingProcess(pretix, seed) as editing:
        editing.begin(edits // 5)
        editing.end()
        source = source_of(site, pretix, token_connection(site, pretix.origin, pretix.facts["token"]))
        add_secret(site.store, source.id, SECRET, account=site.pk)
        pretix.webhook(f"http://127.0.0.1:{door.port}/in/{source.row.path}/{SECRET}")
        readers = Readers(facts)
        readers.start()
        try:
            until(lambda: source.progress.is_filled, SETTLES_WITHIN, every=0.1)
            batches = (edits - editing.counts.total()) // batch
            at = dice.sample(range(batches), kills + pretix_kills)
            reader_kills_at, pretix_kills_at = set(at[:kills]), set(at[kills:])
            number = 0
            while number < batches or editing.counts.total() < edits:
                calls = _count(source, "source_call")
                editing.begin(batch)
                if number in pretix_kills_at:
                    _await_call(source, calls)
                    pretix.kill()
                    editing.kill()
                    pretix.start()
                    editing.start()
                else:
                    if number in reader_kills_at:
                        _await_call(source, calls)
                        readers.kill(dice.randrange(READERS))
                    editing.end()
                if number % 5 == 4 or number in pretix_kills_at:
                    source.due_now()
                number += 1
            ours, theirs = _settled(source, pretix)
            gaps = ledger_gaps(source)
            count_gaps()  # ends what waits of an order that was read amid an edit, and read once more since
            ((announced, unannounced),) = site.store.all("SELECT SUM(announced), SUM(unannounced) FROM source_changes")
            _erase_everybody(source, pretix)
        finally:
            readers.end()
        after = source.registrations()
        return Result(
            dict(editing.counts),
            readers.kills,
            len(pretix_kills_at),
            len(theirs),
            missing=len(theirs.keys() - ours.keys()),
            stale=sum(ours[code] != registration for code, registration in theirs.items() if code in ours),
            resurrected=len(ours.keys() - theirs.keys()),
            gaps=gaps,
            waiting=_count(source, "source_call WHERE problem <> ''"),
            problems=tuple(site.store.all("SELECT problem, kind, at FROM source_call WHERE problem <> '' ORDER BY id LIMIT 5")),
            doorbells=_count(source, "source_call WHERE kind = 0"),
            announced=int(announced),
            unannounced=int(unannounced),
            proposed=_count(source, "erasure_proposal"),
            differences=tuple((theirs[code], ours[code]) for code in sorted(theirs) if code in ours and ours[code] != theirs[code])[:3],
            changed_by_erasing=sum(after.get(code) != registration for code, registration in ours.items()),
        )


def _await_call(source: PretixSource, before: int) -> None:
    """Edits are under way: another call has come. before: how many there were"""
    until(lambda: _count(source, "source_call") > before, SETTLES_WITHIN)


def source_of(site: PlatformAccount, pretix: Pretix, connection: int) -> PretixSource:
    """A source that is on, and reads this pretix by a connection."""
    event = pretix.facts["events"]["summit26"]
    settings = settings_for(
        pretix.origin,
        organizer=pretix.facts["organizer"],
        connection=connection,
        items=(
            PretixItem(f"{event['ticket']}", ItemUse.TYPE, "Guest"),
            PretixItem(f"{event['speaker']}", ItemUse.TYPE, "Speaker"),
            *(
                PretixItem(f"{event['workshop']}/{number}", ItemUse.SESSION, name)
                for number, name in zip(event["variations"], SESSIONS, strict=True)
            ),
        ),
        questions=(PretixQuestion("DIET", "answers.diet", (("VEGAN", "Vegan"), ("HALAL", "Halal"))),),
    )
    return pretix_source(site, pretix, settings)


def _settled(source: PretixSource, pretix: Pretix) -> tuple[dict[str, tuple[object, ...]], dict[str, tuple[object, ...]]]:
    """Ours and theirs, once readings bring nothing more. Nothing is swept for: what is not here by then is missing."""
    event = pretix.facts["events"]["summit26"]
    sold = SoldThere({event["ticket"]: "Guest", event["speaker"]: "Speaker"}, dict(zip(event["variations"], SESSIONS, strict=True)))
    theirs = expected(pretix.orders(), sold=sold)
    began = source.db.now()
    list_readings.read_now(source.account, source.id, by=BY)

    def unrest() -> dict[str, object]:
        """What is still going on; empty once nothing is."""
        progress, row = source.progress, source.row
        signs = {
            "reading": progress.reading,
            "not read since": progress.began < began,
            "failure": row.failure,
            "removing": progress.is_removing,
            "announced": _count(source, "source_ring"),
            "stored": _count(source, "source_call WHERE state = 0"),
        }
        return {name: sign for name, sign in signs.items() if sign}

    try:
        until(lambda: not unrest(), SETTLES_WITHIN, every=0.2)
    except AssertionError:
        raise AssertionError(
            f"it does not come to rest: {unrest()}, {source.progress}, due {source.row.due_at}, now {source.db.now()}"
        ) from None
    return source.registrations(), theirs


def _erase_everybody(source: PretixSource, pretix: Pretix) -> None:
    """Pretix erases who attends, which moves no time; the nightly comparison finds it."""
    pretix.shred("summit26")
    source.sweep_now()
    until(lambda: source.progress.sweep is None and (source.progress.swept_at or 0) > 1, SETTLES_WITHIN, every=0.2)
    until(lambda: not _count(source, "source_call WHERE state = 0"), SETTLES_WITHIN, every=0.2)


def _count(source: PretixSource, what: str) -> int:
    ((count,),) = source.db.all(f"SELECT count(*) FROM {what}")
    return int(count)


@contextmanager
def _door(facts: DatabaseFacts) -> Iterator[Door]:
    deaths: list[BaseException] = []
    reception = Reception(
        facts.open,
        lambda: facts.open(read_only=True),
        lambda db: Committed(db, ConfigCache()),
        on_death=deaths.append,
        vault=VAULT,
        on_stored=lambda: None,
    )
    door = Door("127.0.0.1", 0, reception, on_death=deaths.append)
    door.open()
    try:
        yield door
    finally:
        door.close()
    assert not deaths
