"""The account's own retry intervals (D5): how long the worker waits before each retry, by the category of the failure.

They apply to every failure after the save. An item that already waits keeps its time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

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
"""The form's field for the intervals of each category, such as "source_api"."""


def _bad_intervals() -> str:
    refusal = _(
        "Three times in minutes are needed, each longer than 0 and at most %(most)s (%(days)s days), such as 15, 60, 240; seconds as 30 s."
    )
    return refusal % {"most": intcomma(LONGEST_INTERVAL // MINUTE), "days": LONGEST_INTERVAL // DAY}


def save_intervals(transaction: SetupTransaction, typed: Mapping[str, str]) -> RetryPolicy:
    """Saves the three intervals of each category. Raises Invalid.

    typed: minutes with commas between them, by field; "" or absent = the standard intervals.
    """
    return _save(transaction, lambda category, _stored: _read(category, typed.get(FIELDS[category], "")))


def save_minutes(transaction: SetupTransaction, minutes: Mapping[str, Sequence[float] | None]) -> RetryPolicy:
    """Saves the three intervals of each category. Raises Invalid.

    minutes: by field; None = the standard intervals, absent = the stored ones.
    """

    def read(category: Category, stored: Intervals) -> Intervals:
        if FIELDS[category] not in minutes:
            return stored
        given = minutes[FIELDS[category]]
        if given is None:
            return STANDARD[category]
        return intervals_of(category, (each * MINUTE for each in given if math.isfinite(each * MINUTE)))

    return _save(transaction, read)


def account_intervals(row: Account) -> dict[Category, Intervals]:
    """The account's own intervals, or the standard ones."""
    stored = row.retry_intervals
    return {c: STANDARD[c] if stored is None else intervals_of(c, (each * SECOND for each in stored[c.value])) for c in SEVERITY}


def _save(transaction: SetupTransaction, read: Callable[[Category, Intervals], Intervals]) -> RetryPolicy:
    """Saves new intervals of all categories. Raises Invalid.

    read: makes a category's new intervals of its stored ones. Raises BadIntervals.
    """
    transaction.needs_account()
    row = Account.objects.get(pk=transaction.account)
    stored = account_intervals(row)
    errors: dict[str, list[str]] = {}
    intervals: dict[Category, Intervals] = {}
    for category, name in FIELDS.items():
        try:
            intervals[category] = read(category, stored[category])
        except BadIntervals:
            errors[name] = [_bad_intervals()]
    if errors:
        raise Invalid(errors)
    try:
        policy = RetryPolicy(intervals)
    except BadIntervals as error:
        raise Invalid({FIELDS[error.category] if error.category else "": [error.sentence]}) from None
    row.retry_intervals = None if intervals == dict(STANDARD) else {c.value: [wait / SECOND for wait in intervals[c]] for c in SEVERITY}
    row.save(update_fields=["retry_intervals"])
    transaction.note(Deed.CHANGED, "account", row, _audit_values(stored), _audit_values(intervals))
    return policy


def minutes_of(waits: Intervals) -> str:
    """Intervals as they are typed: "2 s, 5 s, 10" for two and five seconds and ten minutes; "0.5, 10, 30"."""
    return ", ".join(_typed(wait) for wait in waits)


def _typed(wait: int) -> str:
    """Minutes, or seconds if that is shorter: "0.5", "2 s"."""
    minutes = f"{wait / MINUTE:.4f}".rstrip("0").rstrip(".")
    seconds = f"{wait / SECOND:.4f}".rstrip("0").rstrip(".") + " s"
    return seconds if len(seconds) < len(minutes) else minutes


def _read(category: Category, text: str) -> Intervals:
    """Parses typed intervals; "" means the standard ones. Raises BadIntervals."""
    if not text.strip():
        return STANDARD[category]
    waits = []
    for piece in text.replace(";", ",").split(","):
        number = piece.strip().removesuffix("min").removesuffix("s").strip()
        unit = SECOND if piece.strip().endswith("s") else MINUTE
        if not (number.isascii() and number.replace(".", "", 1).isdigit() and len(number) <= 10):
            raise BadIntervals(_bad_intervals(), category)
        waits.append(float(number) * unit)
    return intervals_of(category, waits)


def _audit_values(intervals: Mapping[Category, Intervals]) -> dict[str, str]:
    """The values of an audit entry: minutes by category."""
    return {f"retry {category.value} (minutes)": minutes_of(intervals[category]) for category in SEVERITY}
