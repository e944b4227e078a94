"""Refused sign-ins, pages and API tokens: counted in memory, written to the log and the audit every few seconds (P1, O8).

A flood of guesses must fill neither the disk nor the database, and must not slow down recording. So a request only counts its refusal, and a
thread writes the counts. Refusals with equal reason, person or token, page and address become one line of the log for each write of a
process, and one entry of the audit for each day. Both are bounded:

    log, for each process    LINES_A_DAY lines in 24 hours, then one summary a minute
    audit, for each account  MOST_A_DAY entries a day; later refusals are counted by reason alone, without an address

A refusal that belongs to no account, such as that of a user name that does not exist, is written to the log only.

The log names people by their id and never quotes what was typed, because a password may have been typed into the field of the user name. It
contains network addresses, because an operator needs them to block an attacker.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

import structlog

from heliograph.domain.retention import DAY
from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.instants import from_micros

log = structlog.get_logger(__name__)

REFUSED: Final = "was refused"
"""The verb of these entries in the audit (`accounts.audit`)."""
SOMEBODY: Final = "somebody"
"""The author of an audit entry if nobody is signed in."""
MOST_COUNTED: Final = 200
"""The most different refusals that a process counts between two writes."""
LINES_A_DAY: Final = 1_000
"""The most lines of the log that a process writes in 24 hours, one for each refusal."""
SUMMARY_AFTER: Final = 60.0
"""Seconds between two summaries of the refusals that got no line of their own."""
MOST_A_DAY: Final = 500
"""Entries of an account's audit in a day."""
WRITTEN_AFTER: Final = 5.0
"""Seconds for which refusals are counted before they are written."""
DAYS_KEPT: Final = 90
"""Days for which the audit keeps refusals: they hold network addresses."""


class Reason(StrEnum):
    """Why somebody was refused."""

    PASSWORD = "wrong password"  # noqa: S105
    CODE = "wrong code"
    TOO_MANY_TRIES = "too many tries"
    SWITCHED_OFF = "switched off"
    UNKNOWN_USER = "unknown user"
    NOT_INVITED = "not invited"
    NOT_PERMITTED = "not permitted"
    STALE_FORM = "form without its token"
    UNKNOWN_TOKEN = "unknown token"  # noqa: S105
    WRONG_TOKEN = "wrong token"  # noqa: S105
    REVOKED_TOKEN = "revoked token"  # noqa: S105
    EXPIRED_TOKEN = "expired token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class AccessRefusal:
    """One kind of refusal: why, from where, of which person or token, on which page. Equal ones are counted together."""

    reason: Reason
    address: str
    """The network address that it came from; "" for several."""
    user: int | None = None
    """The id of the user who was signed in, or whose user name was typed."""
    is_signed_in: bool = False
    token_prefix: str = ""
    """The public part of an API token. Its owner, and what is wrong with it, are looked up when the refusal is written."""
    page: str = ""
    """The pattern of the page's address, without the codes and ids in it."""


class RefusalCounter:
    """Counts the refusals of this process until they are written.

    report: called with each reason, and how often
    """

    def __init__(self) -> None:
        self.report: Callable[[Reason, int], object] = lambda _reason, _times: None
        self._counts: dict[AccessRefusal, int] = {}
        self._lock = threading.Lock()
        self.has_news = threading.Event()

    def note(self, refusal: AccessRefusal, times: int = 1) -> None:
        """Counts a refusal. Once there are MOST_COUNTED different ones, new ones are counted by their reason alone."""
        self.report(refusal.reason, times)
        with self._lock:
            if refusal not in self._counts and len(self._counts) >= MOST_COUNTED:
                refusal = AccessRefusal(refusal.reason, "")
            self._counts[refusal] = self._counts.get(refusal, 0) + times
        self.has_news.set()

    def take(self) -> dict[AccessRefusal, int]:
        """Returns the counts and starts again from zero."""
        with self._lock:
            counts, self._counts = self._counts, {}
            self.has_news.clear()
        return counts


PROCESS: Final = RefusalCounter()
"""The counter of this process, which all its doors share."""


class RefusalLog:
    """Writes the refusals of a process to the log: LINES_A_DAY lines in 24 hours, then at most one summary a minute.

    clock: seconds; it never goes back
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._day_ends = self._summary_at = clock()
        self._lines = 0
        self._summed: Counter[str] = Counter()

    def write(self, times: int, reason: str, **facts: Any) -> None:
        """Writes the line of a refusal, or adds it to the next summary."""
        now = self._clock()
        if now >= self._day_ends:
            self._day_ends, self._lines = now + DAY / 1_000_000, 0
        if self._lines < LINES_A_DAY:
            self._lines += 1
            log.warning("access_refused", reason=reason, times=times, **facts)
        else:
            self._summed[reason] += times

    def write_summary(self, *, at_once: bool = False) -> None:
        """Writes the summary if there is anything to sum up and the last one is a minute ago.

        at_once: True to write it however recent the last one is
        """
        if self._summed and (at_once or self._clock() >= self._summary_at):
            log.warning("more_access_refused", times=self._summed.total(), reasons=dict(self._summed))
            self._summed.clear()
            self._summary_at = self._clock() + SUMMARY_AFTER

    @property
    def seconds_to_summary(self) -> float | None:
        """Seconds until the next summary is due; None if there is nothing to sum up."""
        return max(0.0, self._summary_at - self._clock()) if self._summed else None


class RefusalWriter:
    """A thread that writes what this process counts, until it is closed."""

    def __init__(self, connect: Callable[[], Database], counter: RefusalCounter = PROCESS) -> None:
        self._connect, self._counter, self._log = connect, counter, RefusalLog()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Writes what is counted, and ends."""
        self._stop.set()
        self._counter.has_news.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._counter.has_news.wait(self._log.seconds_to_summary):
                self._stop.wait(WRITTEN_AFTER)
            if counts := self._counter.take():
                try:
                    with closing(self._connect()) as db:
                        write_refusals(db, counts, self._log)
                except driver_errors.all_errors() as error:
                    log.warning("refusals_not_written", error=type(error).__name__, message=str(error)[:200])
            self._log.write_summary(at_once=self._stop.is_set())


@dataclass(frozen=True, slots=True)
class _AuditedRefusal:
    """A refusal of which the account is known, as the audit has it."""

    account: int
    kind: str
    object_id: int
    name: str
    by: str
    reason: str
    address: str
    page: str

    def entry(self, times: int, last: str) -> dict[str, Any]:
        """The contents of its entry."""
        entry = {"reason": self.reason, "address": self.address, "page": self.page, "times": times, "last": last}
        return {name: value for name, value in entry.items() if value != ""}


def write_refusals(db: Database, counts: Mapping[AccessRefusal, int], refusal_log: RefusalLog) -> None:
    """Writes refusals into the log, and each into the audit if it belongs to an account."""
    now = db.now()
    by_account: dict[int, list[tuple[_AuditedRefusal, int]]] = {}
    for refusal, times in counts.items():
        audited = _of_token(db, refusal, now) if refusal.token_prefix else _of_user(db, refusal)
        refusal_log.write(
            times,
            audited.reason if audited else refusal.reason.value,
            address=refusal.address,
            account=audited and audited.account,
            **{audited.kind: audited.object_id} if audited else {},
            page=refusal.page,
        )
        if audited is not None:
            by_account.setdefault(audited.account, []).append((audited, times))
    for account, refusals in by_account.items():
        with db.transaction():
            _write_entries(db, account, refusals, now)


def _of_user(db: Database, refusal: AccessRefusal) -> _AuditedRefusal | None:
    """The refusal with the account and the name of its user; None if the user does not exist or belongs to no account."""
    if refusal.user is None:
        return None
    rows = db.all("SELECT account_id, name FROM accounts_user WHERE id = :id AND account_id IS NOT NULL", {"id": refusal.user})
    by = f"user:{refusal.user}" if refusal.is_signed_in else SOMEBODY
    for account, name in rows:
        return _AuditedRefusal(account, "user", refusal.user, name, by, refusal.reason.value, refusal.address, refusal.page)
    return None


def _of_token(db: Database, refusal: AccessRefusal, now: int) -> _AuditedRefusal | None:
    """With the account and name of the API token that has this prefix; None if there is none."""
    rows = db.all("SELECT id, account_id, name, revoked, expires FROM api_token WHERE prefix = :prefix", {"prefix": refusal.token_prefix})
    for id, account, name, revoked, expires in rows:
        is_expired = expires is not None and expires <= now
        reason = Reason.REVOKED_TOKEN if revoked is not None else Reason.EXPIRED_TOKEN if is_expired else Reason.WRONG_TOKEN
        return _AuditedRefusal(account, "token", id, name, SOMEBODY, reason.value, refusal.address, refusal.page)
    return None


def _write_entries(db: Database, account: int, refusals: list[tuple[_AuditedRefusal, int]], now: int) -> None:
    """Adds to today's entries of the account, in the caller's transaction.

    A lock of the account's row comes first: two processes that read the same count would each add to it, and one sum would be lost.
    """
    db.all("SELECT id FROM accounts_account WHERE id = :account" + db.for_update, {"account": account})
    since = {"account": account, "since": now - now % DAY}
    rows = db.all(
        "SELECT id, kind, object_id, name, by, CAST(after AS text) FROM audit_entry"
        f" WHERE account_id = :account AND at >= :since AND what = '{REFUSED}'",
        since,
    )
    entries: dict[_AuditedRefusal, tuple[int, int]] = {}
    for id, kind, object_id, name, by, after in rows:
        known = json.loads(after)
        audited = _AuditedRefusal(account, kind, object_id, name, by, known["reason"], known.get("address", ""), known.get("page", ""))
        entries[audited] = (id, known["times"])
    last = from_micros(now).isoformat()
    for refusal, times in refusals:
        entry = refusal
        if refusal not in entries and len(entries) >= MOST_A_DAY:
            entry = replace(refusal, kind="account", object_id=account, name="", by=SOMEBODY, address="", page="")
        id, earlier = entries.get(entry, (0, 0))
        text = json.dumps(entry.entry(earlier + times, last))
        if id:
            db.run("UPDATE audit_entry SET after = :after WHERE id = :id", {"after": text, "id": id})
        else:
            values = {name: value for name, value in asdict(entry).items() if name not in ("reason", "address", "page")}
            ((id,),) = db.all(
                "INSERT INTO audit_entry (account_id, at, by, what, kind, object_id, name, after)"
                f" VALUES (:account, :now, :by, '{REFUSED}', :kind, :object_id, :name, :after) RETURNING id",
                {**values, "now": now, "after": text},
            )
        entries[entry] = (id, earlier + times)


def remove_old_refusals(db: Database, account: int, now: int, limit: int) -> int:
    """Deletes at most `limit` of the account's entries that are older than DAYS_KEPT. Returns how many. In the caller's transaction."""
    return db.run(
        "DELETE FROM audit_entry WHERE id IN (SELECT id FROM audit_entry"
        f" WHERE account_id = :account AND at < :before AND what = '{REFUSED}' LIMIT :limit)",
        {"account": account, "before": now - DAYS_KEPT * DAY, "limit": limit},
    )
