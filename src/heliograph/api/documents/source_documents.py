"""Sources as JSON (S1)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from heliograph.api.documents.shared_forms import Document, Id
from heliograph.domain.source.list_trial import Doubt, Effect, Turn, keyless, keys_twice
from heliograph.domain.source.source_health import SourceHealth
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.sources.models import SourceCall
from heliograph.sources.source_list import SourceRow
from heliograph.sources.source_removal import RemovalPreview
from heliograph.sources.trial_read import TrialRead

Name = Annotated[str, msgspec.Meta(description="Unique in the account, whatever its case.")]
Platform = Annotated[
    str,
    msgspec.Meta(
        description="`webhook`, `rest`, `folder`, `command`, or the key of a platform with its settings filled in, such as `tito`."
    ),
]


class State(StrEnum):
    """Whether a source records what it brings."""

    DRAFT = "draft"
    ON = "on"
    PAUSED = "paused"


class CallOutcome(StrEnum):
    """What became of a call."""

    STORED = "stored"
    RECORDED = "recorded"
    WAITING = "waiting"
    NOTHING = "nothing"


class RefusalDocument(Document):
    """Calls that were refused in the last 24 hours for one reason."""

    reason: str
    count: int
    first_at: datetime
    last_at: datetime


class SourceDay(Document):
    """What a source did in the last 24 hours."""

    calls: int
    changed: Annotated[int, msgspec.Meta(description="Registrations that were created or changed.")]
    waiting: Annotated[int, msgspec.Meta(description="Calls of any age that wait for a corrected mapping or set-up.")]
    stored: Annotated[int, msgspec.Meta(description="Calls of any age that are kept and not recorded yet.")]
    refusals: list[RefusalDocument]


class SourceDocument(Document):
    """A live source."""

    id: Id
    name: Name
    platform: Platform
    state: State
    health: Annotated[SourceHealth, msgspec.Meta(description="How the source is, in one word.")]
    called_at: Annotated[datetime | None, msgspec.Meta(description="When its last call was taken.")]
    read_at: Annotated[datetime | None, msgspec.Meta(description="When it was last read.")]
    day: SourceDay

    @classmethod
    def from_row(cls, row: SourceRow) -> SourceDocument:
        """The document of a row. Its address is not part of it: it can be as secret as a password."""
        source, day = row.source, row.day
        refusals = [RefusalDocument(reason=e.reason, count=e.count, first_at=e.first_at, last_at=e.last_at) for e in day.refusals]
        return cls(
            id=str(source.pk),
            name=source.name,
            platform=source.platform,
            state=State[SourceState(source.state).name],
            health=row.health,
            called_at=source.last_call_at,
            read_at=source.last_read_at,
            day=SourceDay(calls=day.calls, changed=day.changed, waiting=day.waiting, stored=day.stored, refusals=refusals),
        )


class SourceCallDocument(Document):
    """A call that was taken, or a page that was read."""

    id: Id
    at: datetime
    state: CallOutcome
    registrations: Annotated[int, msgspec.Meta(description="Registrations in it.")]
    changed: int
    refused: int

    @classmethod
    def from_row(cls, call: SourceCall) -> SourceCallDocument:
        """The document of a row."""
        return cls(
            id=str(call.pk),
            at=call.at,
            state=CallOutcome[CallState(call.state).name],
            registrations=call.documents,
            changed=call.changed,
            refused=call.refused,
        )


class SecretDocument(Document):
    """A secret by which calls prove themselves. Its text is never read back."""

    id: Id
    since: datetime
    ends: Annotated[datetime | None, msgspec.Meta(description="From then on calls with it are refused; null: no end.")]
    used: Annotated[datetime | None, msgspec.Meta(description="When the last call with it was taken.")]


class ProofDocument(Document):
    """How the calls of a source prove themselves."""

    address: Annotated[str, msgspec.Meta(description="Where the platform sends its calls.")]
    verification: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="docs/reference/inbound.md says what it can contain. null: every call is refused.")
    ]
    handshake: Annotated[dict[str, Any] | None, msgspec.Meta(description="How the platform asks whether the address is yours; null: not.")]
    secrets: list[SecretDocument]


class NewProof(Document):
    """How calls must prove themselves from now on: by the settings of a known sender, or by a verification of one's own."""

    preset: Annotated[
        str, msgspec.Meta(description="A known sender, such as `standard-webhooks` or `tito`; instead of `verification`.")
    ] = ""
    verification: dict[str, Any] | None = None
    handshake: dict[str, Any] | None = None


class NewSecret(Document):
    """A secret to add."""

    secret: Annotated[str, msgspec.Meta(description="The sender's; empty to have one made.")] = ""


class MadeSecret(Document):
    """The secret that was added, shown this once."""

    secret: str


class MissingAnswer(Document):
    """What becomes of registrations that a source no longer lists, if they are more than a tenth of all."""

    set_inactive: Annotated[
        bool,
        msgspec.Meta(
            description="True: each is asked for once more, and becomes inactive if it is gone. False: they stay, and are looked for again."
        ),
    ]


class Become(StrEnum):
    """What becomes of registrations that came only by a source."""

    INACTIVE = "inactive"
    QUIET = "inactive quietly"


class SourceRemoval(Document):
    """Removing a source with what came by it."""

    registrations: Annotated[
        Become,
        msgspec.Meta(
            description="What becomes of the registrations that came only by this source. `inactive`: flows act; `inactive quietly`: no flow does."
        ),
    ]


class FlowActs(Document):
    """How often a flow would act."""

    flow: str
    registrations: int


class SourceRemovalDocument(Document):
    """What removing a source with its registrations would do."""

    registrations: Annotated[int, msgspec.Meta(description="Active registrations that came only by it.")]
    changed_by_hand: Annotated[int, msgspec.Meta(description="Of these, those that people changed since.")]
    shared: Annotated[
        int, msgspec.Meta(description="Others that came by it and that another source, a file or a program changed; they stay.")
    ]
    complete: Annotated[bool, msgspec.Meta(description="False if only the first 100,000 registrations of the account were counted.")]
    tried: Annotated[int, msgspec.Meta(description="Registrations of which flows were asked what they would do.")]
    acts: Annotated[list[FlowActs], msgspec.Meta(description="On how many of them each flow would act.")]

    @classmethod
    def from_preview(cls, preview: RemovalPreview) -> SourceRemovalDocument:
        """The document of a preview."""
        count = preview.count
        return cls(
            registrations=count.own,
            changed_by_hand=count.by_hand,
            shared=count.shared,
            complete=count.is_whole,
            tried=preview.tried,
            acts=[FlowActs(flow=name, registrations=number) for name, number in preview.acts.most_common()],
        )


class NewSource(Document):
    """A source to add. It records nothing before it is switched on."""

    platform: Platform
    name: Name


class SourceChange(Document):
    """What to change of a source."""

    name: Name


class ListDocument(Document):
    """How a list is asked and read."""

    list: Annotated[dict[str, Any], msgspec.Meta(description="docs/design/sources.md, section 8, says what it can contain.")]


class ListTrialDocument(Document):
    """What a trial of a list found. Nothing was recorded."""

    items: Annotated[int, msgspec.Meta(description="Items of the first page.")]
    keys_twice: Annotated[int, msgspec.Meta(description="Items of the first page whose key another one has.")]
    keyless: Annotated[int, msgspec.Meta(description="Items of the first page without a key.")]
    pages: Annotated[
        Turn,
        msgspec.Meta(
            description="How the second page follows: `found`, `same` items again, `end` (empty) or `none` (the first names no other)."
        ),
    ]
    pages_failure: Annotated[str, msgspec.Meta(description="Why the second page could not be read; empty if it could.")]
    since: Annotated[
        Effect | None, msgspec.Meta(description="What the time does that the list is asked for; null for a list that is not asked for one.")
    ]
    since_doubt: Annotated[Doubt | None, msgspec.Meta(description="Why `since` is unclear.")]
    since_failure: Annotated[str, msgspec.Meta(description="Why the list could not be read since a time; empty if it could.")]
    exclusive: Annotated[bool | None, msgspec.Meta(description="Whether items of exactly that time are left out; null: not known.")]
    clock_ahead: Annotated[float | None, msgspec.Meta(description="Seconds by which the server's clock is ahead of ours; null: not said.")]

    @classmethod
    def from_trial(cls, trial: TrialRead) -> ListTrialDocument:
        """The document of a trial."""
        since = trial.since
        return cls(
            items=len(trial.page.items),
            keys_twice=keys_twice(trial.page),
            keyless=keyless(trial.page),
            pages=trial.turn,
            pages_failure=trial.turn_failure,
            since=since.effect if since else Effect.UNCLEAR if trial.since_failure else None,
            since_doubt=since.doubt if since else None,
            since_failure=trial.since_failure,
            exclusive=since.is_exclusive if since else None,
            clock_ahead=None if trial.clock_ahead is None else trial.clock_ahead / 1_000_000,
        )


class FolderDocument(Document):
    """A watched folder."""

    folder: Annotated[str, msgspec.Meta(description="Its name, below the folder that HELIOGRAPH_FOLDERS names.")]
    reading: Annotated[
        dict[str, Any] | None,
        msgspec.Meta(description="`event` and `columns`, as docs/reference/import-columns.md has them; null: none is remembered yet."),
    ]


class NewFolderReading(Document):
    """How the files of a folder are read from now on."""

    reading: Annotated[dict[str, Any], msgspec.Meta(description="`event` and `columns`, as docs/reference/import-columns.md has them.")]


class CommandDocument(Document):
    """Which program a source runs."""

    name: Annotated[str, msgspec.Meta(description="As the operator's file HELIOGRAPH_COMMANDS names it.")]
    every: Annotated[int, msgspec.Meta(description="Minutes between the end of a run and the next one.")] = 60


class CertainDocument(Document):
    """One event at Certain."""

    server: Annotated[str, msgspec.Meta(description="Such as `https://app.certain.com`.")]
    account: Annotated[str, msgspec.Meta(description="The account's code there.")]
    event: Annotated[str, msgspec.Meta(description="The event's code there.")]
    connection: Annotated[Id | None, msgspec.Meta(description="The connection with Basic Authentication, on the same server.")] = None
    zone: Annotated[
        str, msgspec.Meta(description="The time zone of its times. Empty: not known; each reading then begins 26 hours earlier.")
    ] = ""
    event_here: Annotated[str, msgspec.Meta(description="The code of the event here; empty if it is the same.")] = ""
    part: Annotated[
        Literal["registrations", "sessions"],
        msgspec.Meta(description="`sessions` is another API of Certain: their sessions are read by a source of their own."),
    ] = "registrations"


class EventbriteDocument(Document):
    """One event at Eventbrite."""

    event: Annotated[str, msgspec.Meta(description="The event's number there.")]
    connection: Annotated[Id | None, msgspec.Meta(description="The connection with the private token, as `Authorization: Bearer …`.")] = (
        None
    )
    event_here: Annotated[str, msgspec.Meta(description="The code of the event here; empty if it is the same.")] = ""
    server: Annotated[str, msgspec.Meta(description="Of the REST API.")] = "https://www.eventbriteapi.com"


class ReadDocument(Document):
    """What became of a wish to read."""

    items: Annotated[
        int | None, msgspec.Meta(description="Items of the page that is kept as a sample; null: the source is on, and read at once.")
    ]
