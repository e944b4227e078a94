"""The input and output of record()."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from heliograph.domain.registration.change import Upsert
from heliograph.domain.registration.document import address
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.sentence_template import Sentence, plain_text
from heliograph.store.instants import to_micros

MAX_KEY = 300
_json = msgspec.json.Encoder(order="sorted")
_result_json = msgspec.json.Encoder(order="sorted", enc_hook=plain_text)


@dataclass(slots=True)
class RecordItem:
    """A registration document to record (I2)."""

    account: int
    """Its id, from the sender's token or session."""
    document: Mapping[str, object]
    by: str
    """The actor that saves it: `user:7`, `token:3`, `import:12`."""
    key: str | None = None
    """The Idempotency-Key (I3)."""
    quiet: bool = False
    """No flow evaluates it (P9)."""
    by_hand: bool = False
    """An edit on a page: its time is not a sender's `modified`, and it is never stale."""
    expected: int | None = None
    """The version that a form showed; a newer one is a Conflict."""
    trace: str = ""
    """The traceparent of the request that brought it, "" for none. Its changes store it."""
    prepared: PreparedItem | None = field(default=None, repr=False)
    """Filled in by `prepare()`, so that the transaction has little left to do."""
    _hash: str = field(default="", init=False, repr=False, compare=False)
    _address: tuple[str, str] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def address(self) -> tuple[str, str]:
        """(event code, registration code) in the document. Raises DocumentRefused."""
        if self._address is None:
            self._address = address(self.document)
        return self._address

    @property
    def sent_modified(self) -> int | None:
        """The sender's `modified` in the prepared document, in microseconds; None if there is none, and for an edit by hand."""
        upsert = self.prepared.upsert if self.prepared is not None else None
        return None if self.by_hand or upsert is None or upsert.modified is None else to_micros(upsert.modified)

    @property
    def request_hash(self) -> str:
        """A hash of the document, by which a key that is reused with another document is refused. Raises ValueError or RecursionError if it
        is not JSON."""
        if not self._hash:
            self._hash = hashlib.sha256(_json.encode(self.document)).hexdigest()
        return self._hash

    @property
    def problem(self) -> DocumentProblem | None:
        """Why the item cannot be stored under its key; None if it can."""
        key = self.key or ""
        if not key or len(key) > MAX_KEY or not key.isprintable():  # lone surrogates are not printable either
            return DocumentProblem("Idempotency-Key", Sentence("must be 1 to %(most)s printable characters.", most=MAX_KEY))
        try:
            self.request_hash  # noqa: B018 -- whether it can be worked out
        except (ValueError, TypeError, RecursionError):
            return DocumentProblem("", "cannot be stored as JSON: it contains a lone surrogate, or is nested too deeply.")
        return None


@dataclass(frozen=True, slots=True)
class PreparedItem:
    """A document that was resolved with these versions of the configuration, or its problems if it is refused."""

    account_version: int
    event_version: int
    event: int
    code: str
    upsert: Upsert | None
    problems: tuple[DocumentProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemResult:
    """The result of record() for one item: the sender gets it, and it is stored under the item's key."""

    outcome: ItemOutcome
    registration: int | None = None
    version: int = 0
    """Of the registration."""
    changes: tuple[int, ...] = ()
    """Their ids, that of the registration first."""
    problems: tuple[DocumentProblem, ...] = ()

    @property
    def is_recorded(self) -> bool:
        return self.outcome in (ItemOutcome.CREATED, ItemOutcome.UPDATED, ItemOutcome.UNCHANGED, ItemOutcome.STALE, ItemOutcome.ERASED)


_results = msgspec.json.Decoder(ItemResult)


def write_result(result: ItemResult) -> str:
    """The result as stored under its key."""
    return _result_json.encode(result).decode()


def read_result(text: str) -> ItemResult:
    """Reads a result that was stored under a key."""
    return _results.decode(text)
