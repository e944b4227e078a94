"""The registrations that each connection was sent something for in a period, each counted once (docs/design/figures.md, section 2).

Distinct numbers cannot be added up. So the hours that are over, and the slots of five minutes until now, have a roll-up: a bitmap of registrations
per connection, and the same by day.

    slot   the rows of the actions that were created in it and are delivered now; only of hours that have no roll-up
    hour   the union of its slots
    day    the union of its hours (UTC)

A roll-up carries the figure that it was made at: how many deliveries its time had. An action that is delivered later adds to that figure. Then the
roll-up does not count any more, and smaller ones and rows are read until it is renewed. So the numbers are exact at any moment.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pyroaring import BitMap

from heliograph.domain.delivery.action import ActionState, Origin
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import REPLAYED, Measure
from heliograph.domain.flow.flow import Mode
from heliograph.store.configuration_versions import connections_of_destinations
from heliograph.store.database import Database

SLOT, HOUR, DAY = 5, 60, 24 * 60
"""Minutes."""
MOST_ROWS: Final = 200_000
"""The number of deliveries that are read from rows for one answer, at most."""
_LOCK: Final = 11
"""The scope of the lock under which one process renews the roll-ups of an account."""
_NO_CONNECTION: Final = 0
"""Stands in place of a connection in the row that carries the figure of the whole roll-up."""

type Place = tuple[int, bool]
"""A connection, and whether the deliveries are replays."""
type Span = tuple[int, int]
"""From one minute to another, exclusive, since 1970."""
type Unit = tuple[int, int]
"""SLOT, HOUR or DAY, and the number of such units since 1970."""


@dataclass(frozen=True, slots=True)
class PeopleSent:
    """The serials of the registrations of a period, by place."""

    serials: Mapping[Place, BitMap]

    def number(self, connection: int | None = None, *, firsts: bool = True, replays: bool = True) -> int:
        """How many registrations something was sent for.

        connection: to this one; None for any
        firsts, replays: whether deliveries that are no replays, and those that are, count
        """
        return len(
            BitMap().union(
                *(
                    bits
                    for (of_connection, is_replay), bits in self.serials.items()
                    if connection in (None, of_connection) and (replays if is_replay else firsts)
                )
            )
        )

    @property
    def connections(self) -> set[int]:
        """The connections that anything was sent to."""
        return {connection for connection, _is_replay in self.serials}


def people_sent(db: Database, account: int, mode: Mode, since: int, until: int, kept_since: int) -> PeopleSent | None:
    """Who was sent something by the actions that were created in [since, until), in whole minutes (microseconds).

    kept_since: the instant from which on rows are kept (microseconds)

    None if that cannot be told: rows that no roll-up covers are gone, or are more than MOST_ROWS.
    """
    first, last = since // MINUTE, until // MINUTE
    units, spans = _in_hours(db, account, mode, first, last)
    rows: list[Span] = []
    number = 0
    for span in _joined(spans):
        slots, of_rows, in_rows = _in_slots(db, account, mode, span)
        units += slots
        rows += of_rows
        number += in_rows
    if number > MOST_ROWS or any(begin * MINUTE < kept_since for begin, _end in rows):
        return None
    return PeopleSent(_united(_of_units(db, account, mode, units), *(_of_rows(db, account, mode, *span) for span in _joined(rows))))


def _in_hours(db: Database, account: int, mode: Mode, first: int, last: int) -> tuple[list[Unit], list[Span]]:
    """The roll-ups of hours and days that count in [first, last), and what they leave of it, as far as anything was delivered then."""
    begin, end = -(-first // HOUR), last // HOUR
    numbers = _deliveries(db, account, mode, first // HOUR, -(-last // HOUR))
    stored = _figures(db, account, mode, begin, end) if begin < end else {}
    units: list[Unit] = []
    spans: list[Span] = []
    hour = begin
    while hour < end:
        day, length = hour // 24, 24
        if hour % 24 == 0 and hour + 24 <= end and stored.get((DAY, day)) == sum(numbers.get(hour + n, 0) for n in range(24)):
            units.append((DAY, day))
        else:
            length, number = 1, numbers.get(hour, 0)
            if number and stored.get((HOUR, hour)) == number:
                units.append((HOUR, hour))
            elif number:
                spans.append((hour * HOUR, hour * HOUR + HOUR))
        hour += length
    ends = ((first, begin * HOUR), (end * HOUR, last)) if begin <= end else ((first, last),)
    return units, spans + [span for span in ends if span[0] < span[1] and numbers.get(span[0] // HOUR, 0)]


def _in_slots(db: Database, account: int, mode: Mode, span: Span) -> tuple[list[Unit], list[Span], int]:
    """The roll-ups of slots that count in a span, and what they leave of it, with the number of deliveries in the slots of that."""
    first, last = span[0] // SLOT, -(-span[1] // SLOT)
    numbers, stored = _deliveries_of_slots(db, account, mode, first, last), _figures_of(db, account, mode, SLOT, first, last)
    units: list[Unit] = []
    rows: list[Span] = []
    in_rows = 0
    for slot, number in sorted(numbers.items()):
        begin, end = max(slot * SLOT, span[0]), min(slot * SLOT + SLOT, span[1])
        if end - begin == SLOT and stored.get((SLOT, slot)) == number:
            units.append((SLOT, slot))
        elif number:
            rows.append((begin, end))
            in_rows += number
    return units, rows, in_rows


def renew(db: Database, account: int, first: int, last: int, kept_since: int, stop: threading.Event) -> int:
    """Makes the roll-ups of the hours [first, last) that are missing or do not count any more, and of their days. Returns how many hours.

    kept_since: hours that began before (microseconds) have lost rows, and stay as they are
    """
    renewed = 0
    for mode in Mode:
        numbers, stored = _deliveries(db, account, mode, first, last), _figures(db, account, mode, first, last)
        for hour, number in sorted(numbers.items(), reverse=True):
            if stop.is_set():
                return renewed
            if not number or stored.get((HOUR, hour)) == number or hour * HOUR * MINUTE < kept_since:
                continue
            serials = _of_hour(db, account, mode, hour)
            if _deliveries(db, account, mode, hour, hour + 1).get(hour) == number:  # else a delivery was settled meanwhile: next time
                _put(db, account, mode, (HOUR, hour), serials, number)
                renewed += 1
        _renew_days(db, account, mode, -(-first // 24), last // 24)
    return renewed


def renew_slots(db: Database, account: int, first: int, last: int, kept_since: int, stop: threading.Event) -> int:
    """Makes the roll-ups of the slots [first, last) that are missing or do not count any more. Returns how many.

    kept_since: as for `renew`
    """
    renewed = 0
    for mode in Mode:
        numbers, stored = _deliveries_of_slots(db, account, mode, first, last), _figures_of(db, account, mode, SLOT, first, last)
        for slot, number in sorted(numbers.items()):
            if stop.is_set():
                return renewed
            if not number or stored.get((SLOT, slot)) == number or slot * SLOT * MINUTE < kept_since:
                continue
            serials = _of_rows(db, account, mode, slot * SLOT, slot * SLOT + SLOT)
            if _deliveries_of_slots(db, account, mode, slot, slot + 1).get(slot) == number:
                _put(db, account, mode, (SLOT, slot), serials, number)
                renewed += 1
    return renewed


def _of_hour(db: Database, account: int, mode: Mode, hour: int) -> dict[Place, BitMap]:
    """The people of an hour by its slots that count, and by its rows in the others."""
    units, rows, _number = _in_slots(db, account, mode, (hour * HOUR, hour * HOUR + HOUR))
    return _united(_of_units(db, account, mode, units), *(_of_rows(db, account, mode, *span) for span in _joined(rows)))


def _renew_days(db: Database, account: int, mode: Mode, first: int, last: int) -> None:
    """Makes the roll-ups of the days [first, last) that differ from their hours."""
    stored = _figures(db, account, mode, first * 24, last * 24)
    for day in range(first, last):
        number = sum(stored.get((HOUR, day * 24 + n), 0) for n in range(24))
        if number and stored.get((DAY, day)) != number:
            hours = _of_units(db, account, mode, [(HOUR, day * 24 + n) for n in range(24)])
            _put(db, account, mode, (DAY, day), hours, number)


def _put(db: Database, account: int, mode: Mode, unit: Unit, serials: Mapping[Place, BitMap], number: int) -> None:
    """Stores a roll-up in place of the one that was there."""
    place = {"account": account, "unit": unit[0], "bucket": unit[1], "mode": mode.code}
    rows = [
        {**place, "connection": connection, "replays": int(is_replay), "n": 0, "bits": bits.serialize()}
        for (connection, is_replay), bits in serials.items()
    ]
    with db.transaction():
        db.lock(_LOCK, account)
        db.run("DELETE FROM people_sent WHERE account_id = :account AND unit = :unit AND bucket = :bucket AND mode = :mode", place)
        if unit[0] == HOUR:  # its slots are done with
            db.run(
                "DELETE FROM people_sent WHERE account_id = :account AND unit = :unit AND bucket >= :first AND bucket < :last AND mode = :mode",
                {**place, "unit": SLOT, "first": unit[1] * HOUR // SLOT, "last": (unit[1] + 1) * HOUR // SLOT},
            )
        db.many(
            "INSERT INTO people_sent (account_id, unit, bucket, mode, connection_id, replays, n, bits)"
            " VALUES (:account, :unit, :bucket, :mode, :connection, :replays, :n, :bits)",
            [*rows, {**place, "connection": _NO_CONNECTION, "replays": 0, "n": number, "bits": BitMap().serialize()}],
        )


def _deliveries(db: Database, account: int, mode: Mode, first: int, last: int) -> dict[int, int]:
    """The figure of each hour of [first, last): the deliveries of the actions created in it, replays among them."""
    condition = f"account_id = :account AND mode = :mode AND measure IN ({Measure.SUCCESS:d}, {Measure.SUCCESS + REPLAYED:d})"
    rows = db.all(
        "SELECT hour, SUM(n) FROM ("
        f"SELECT minute / 60 AS hour, n FROM figure_delta WHERE minute >= :begin AND minute < :end AND {condition}"
        f" UNION ALL SELECT hour, n FROM figure_hour WHERE hour >= :first AND hour < :last AND {condition}) found GROUP BY hour",
        {"account": account, "mode": mode.code, "first": first, "last": last, "begin": first * HOUR, "end": last * HOUR},
    )
    return {int(hour): int(number) for hour, number in rows}


def _deliveries_of_slots(db: Database, account: int, mode: Mode, first: int, last: int) -> dict[int, int]:
    """The figure of each slot of [first, last)."""
    where = f"minute >= :begin AND minute < :end AND account_id = :account AND mode = :mode AND measure IN ({Measure.SUCCESS:d}, {Measure.SUCCESS + REPLAYED:d})"
    rows = db.all(
        f"SELECT minute / {SLOT}, SUM(n) FROM (SELECT minute, n FROM figure_delta WHERE {where}"
        f" UNION ALL SELECT minute, n FROM figure_sum WHERE {where}) found GROUP BY 1",
        {"account": account, "mode": mode.code, "begin": first * SLOT, "end": last * SLOT},
    )
    return {int(slot): int(number) for slot, number in rows}


def _figures(db: Database, account: int, mode: Mode, first: int, last: int) -> dict[Unit, int]:
    """The figure that each roll-up of the hours [first, last), and of the days within them, was made at."""
    return _figures_of(db, account, mode, HOUR, first, last) | _figures_of(db, account, mode, DAY, -(-first // 24), last // 24)


def _figures_of(db: Database, account: int, mode: Mode, unit: int, first: int, last: int) -> dict[Unit, int]:
    """The figure that each roll-up of one unit was made at."""
    rows = db.all(
        "SELECT bucket, n FROM people_sent WHERE account_id = :account AND unit = :unit AND bucket >= :first AND bucket < :last"
        f" AND mode = :mode AND connection_id = {_NO_CONNECTION}",
        {"account": account, "mode": mode.code, "unit": unit, "first": first, "last": last},
    )
    return {(unit, int(bucket)): int(number) for bucket, number in rows}


def _of_units(db: Database, account: int, mode: Mode, units: Iterable[Unit]) -> dict[Place, BitMap]:
    """The union of some roll-ups."""
    buckets: defaultdict[int, list[int]] = defaultdict(list)
    for unit, bucket in units:
        buckets[unit].append(bucket)
    serials: defaultdict[Place, list[BitMap]] = defaultdict(list)
    for unit, chosen in buckets.items():
        rows = db.all(
            "SELECT connection_id, replays, bits FROM people_sent WHERE account_id = :account AND unit = :unit"
            f" AND {db.member('bucket', 'chosen')} AND mode = :mode AND connection_id <> {_NO_CONNECTION}",
            {"account": account, "mode": mode.code, "unit": unit, "chosen": chosen},
        )
        for connection, replays, bits in rows:
            serials[connection, bool(replays)].append(BitMap.deserialize(bytes(bits)))
    return {place: BitMap.union(*bitmaps) for place, bitmaps in serials.items()}


def _of_rows(db: Database, account: int, mode: Mode, first: int, last: int) -> dict[Place, BitMap]:
    """The same from the rows of actions that were created in [first, last), in minutes since 1970."""
    moved = sorted(id for id, connections in connections_of_destinations(db, account).items() if len(connections) > 1)
    # Of a destination that got another connection, the lane may lie under another one than its delivery went over.
    attempt = "SELECT t.connection_id FROM attempt t WHERE t.action_id = a.id AND t.n = a.sent"
    target = f"CASE WHEN {db.member('a.destination_id', 'moved')} THEN ({attempt}) END" if moved else "CAST(NULL AS bigint)"
    rows = db.all(
        "SELECT COALESCE(sent.target, l.connection_id), sent.origin, r.serial FROM"
        f" (SELECT DISTINCT a.lane_id, a.registration_id, a.origin, {target} AS target FROM action a"
        " WHERE a.account_id = :account AND a.created >= :since AND a.created < :until"
        f" AND +a.mode = :mode AND +a.state = {ActionState.SUCCESS:d}) sent CROSS JOIN lane l CROSS JOIN registration r"
        " WHERE l.id = sent.lane_id AND r.id = sent.registration_id",
        {"account": account, "mode": mode.code, "since": first * MINUTE, "until": last * MINUTE} | ({"moved": moved} if moved else {}),
    )
    serials: defaultdict[Place, list[int]] = defaultdict(list)
    for connection, origin, serial in rows:
        serials[connection, origin == Origin.REPLAY].append(serial)
    return {place: BitMap(numbers) for place, numbers in serials.items()}


def _united(*parts: Mapping[Place, BitMap]) -> dict[Place, BitMap]:
    serials: defaultdict[Place, BitMap] = defaultdict(BitMap)
    for part in parts:
        for place, bits in part.items():
            serials[place] |= bits
    return dict(serials)


def _joined(spans: Sequence[Span]) -> list[Span]:
    """The same minutes in as few spans as possible."""
    ordered = sorted(spans)
    starts = [span for before, span in pairwise([(-1, -1), *ordered]) if before[1] != span[0]]
    ends = [span for span, after in pairwise([*ordered, (-1, -1)]) if span[1] != after[0]]
    return [(start[0], end[1]) for start, end in zip(starts, ends, strict=True)]
