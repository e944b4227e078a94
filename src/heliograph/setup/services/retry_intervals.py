"""The account's own retry intervals (D5): when the worker tries again what failed, by the category of the cause.

They apply to every failure after the save. An item that already waits keeps its time.
"""

from __future__ import annotations

from collections.abc import Mapping

from heliograph.accounts.audit import Deed
from heliograph.accounts.models import Account
from heliograph.domain.delivery.retry_policy import (
    DAY,
    LONGEST_INTERVAL,
    MINUTE,
    SECOND,
    SEVERITY,
    STANDARD,
    BadIntervals,
    Category,
    Intervals,
    RetryPolicy,
    intervals_of,
)
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid

FIELDS: Mapping[Category, str] = {category: category.name.lower() for category in SEVERITY}
"""Under which name a category's intervals are given: "source_api"."""


_BAD_INTERVALS = (
    f"Three times in minutes are needed, each longer than 0 and at most {LONGEST_INTERVAL // MINUTE:,} ({LONGEST_INTERVAL // DAY} days),"
    " such as 15, 60, 240."
)


def save_intervals(transaction: SetupTransaction, typed: Mapping[str, str]) -> RetryPolicy:
    """Saves three intervals a category. typed: minutes with commas between them, by field; "" or absent = the usual ones. Raises Invalid."""
    transaction.needs_account()
    row = Account.objects.get(pk=transaction.account)
    errors: dict[str, list[str]] = {}
    intervals: dict[Category, Intervals] = {}
    for category, name in FIELDS.items():
        try:
            intervals[category] = _read(category, typed.get(name, ""))
        except BadIntervals:
            errors[name] = [_BAD_INTERVALS]
    if errors:
        raise Invalid(errors)
    try:
        policy = RetryPolicy(intervals)
    except BadIntervals as error:
        raise Invalid({FIELDS[error.category] if error.category else "": [str(error)]}) from None
    before = _audit_values(row.retry_intervals)
    row.retry_intervals = None if intervals == dict(STANDARD) else {c.value: [wait / SECOND for wait in intervals[c]] for c in SEVERITY}
    row.save(update_fields=["retry_intervals"])
    transaction.note(Deed.CHANGED, "account", row, before, _audit_values(row.retry_intervals))
    return policy


def minutes_of(waits: Intervals) -> str:
    """Intervals as they are typed: "0.5, 10, 30"."""
    return ", ".join(f"{wait / MINUTE:.4f}".rstrip("0").rstrip(".") for wait in waits)


def _read(category: Category, text: str) -> Intervals:
    """Intervals as they were typed; "" for the usual ones. Raises BadIntervals."""
    if not text.strip():
        return STANDARD[category]
    pieces = [piece.strip() for piece in text.replace(";", ",").split(",")]
    if not all(piece.isascii() and piece.replace(".", "", 1).isdigit() and len(piece) <= 10 for piece in pieces):
        raise BadIntervals(_BAD_INTERVALS, category)
    return intervals_of(category, (float(piece) * MINUTE for piece in pieces))


def _audit_values(intervals: Mapping[str, list[float]] | None) -> dict[str, str]:
    """The values of an audit entry: minutes by category."""
    waits = {c: STANDARD[c] if intervals is None else intervals_of(c, (each * SECOND for each in intervals[c.value])) for c in SEVERITY}
    return {f"retry {c.value} (minutes)": minutes_of(waits[c]) for c in SEVERITY}
