"""The hot tables (docs/design/recording.md, docs/design/queue.md, docs/design/figures.md).

Django creates and reads them; the hot path writes them by the plain SQL beside this file. They hold ids of configuration as plain numbers,
because foreign keys would make every flow or connection a hot row. `recording` is the only writer of events, registrations and session
registrations.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django_scopes import ScopedManager

from heliograph.store.fields import MicrosField
from heliograph.store.indexes import CoveringIndex


class Event(models.Model):
    """An event (P2). Its id comes from the sequence that all subjects share; `version` counts its recorded changes."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    code = models.CharField(max_length=25)
    name = models.CharField(max_length=200)
    status_id = models.BigIntegerField()
    start = models.DateTimeField(null=True)
    end = models.DateTimeField(null=True)
    timezone = models.CharField(max_length=64, default="UTC")
    location = models.CharField(max_length=300, default="")
    custom = models.JSONField(default=dict)  # field id -> values
    version = models.BigIntegerField(default=0)
    created = MicrosField()
    modified = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "event"
        constraints = (
            models.UniqueConstraint(fields=("account_id", "code"), name="event_code_unique"),
            models.UniqueConstraint("account_id", Lower("code"), name="event_code_in_any_case"),  # codes are ASCII, and filters compare so
        )

    def __str__(self) -> str:
        return self.code


LISTED = ("version", "event_id", "status_id", "attendee_type_id", "is_active", "is_test", "search")
"""Columns of a registration by which lists filter."""


class Registration(models.Model):
    """A registration (P8). `state` is its full state as JSON; the other columns repeat what lists filter, sort and search by."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    event_id = models.BigIntegerField()
    code = models.CharField(max_length=100)
    serial = models.BigIntegerField(
        null=True
    )  # its position in the bitmaps of distinct figures; null only inside the transaction that creates it
    version = models.BigIntegerField(default=0)
    sent_modified = MicrosField(null=True)  # the newest `modified` from a sender (I2: older data is stale)
    state = models.TextField(default="")
    status_id = models.BigIntegerField(default=0)
    attendee_type_id = models.BigIntegerField(null=True)
    is_active = models.BooleanField(default=True)
    is_test = models.BooleanField(default=False)
    name = models.CharField(max_length=400, default="")
    organization = models.CharField(max_length=1000, default="")
    search = models.TextField(default="")  # code, names, e-mail, organization: NFKC, casefolded
    created = MicrosField(default=0)
    modified = MicrosField(default=0)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "registration"
        constraints = (
            models.UniqueConstraint(fields=("event_id", "code"), name="registration_code_unique"),
            models.UniqueConstraint(fields=("account_id", "serial"), name="registration_serial_unique"),
        )
        indexes = (
            # SQLite searches and filters in this index instead of reading whole rows, which are long.
            CoveringIndex(fields=("account_id", "modified", "id"), also=LISTED, name="registration_modified"),
            models.Index(fields=("account_id", "name", "id"), name="registration_name"),
            models.Index(fields=("account_id", "code", "id"), name="registration_code"),
            models.Index(fields=("event_id", "status_id"), name="registration_status_of_event"),
        )

    def __str__(self) -> str:
        return self.code


class SessionRegistration(models.Model):
    """A registration for a session (P5). Locked by its registration's row."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    registration_id = models.BigIntegerField()
    session_id = models.BigIntegerField()
    status_id = models.BigIntegerField()
    version = models.BigIntegerField(default=0)
    created = MicrosField()
    modified = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "session_registration"
        constraints = (models.UniqueConstraint(fields=("registration_id", "session_id"), name="session_registration_unique"),)
        indexes = (models.Index(fields=("session_id", "status_id"), name="session_registration_status"),)


class Change(models.Model):
    """A recorded change. Only `processed`, and `mode` when reconsidered, are ever updated. Its content is in `change_content`."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    kind = models.SmallIntegerField()  # domain.registration.change.SubjectKind
    subject_id = models.BigIntegerField()
    registration_id = models.BigIntegerField(null=True)  # of a registration or session registration
    session_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField()
    version = models.BigIntegerField()
    facets = models.SmallIntegerField()
    mode = models.SmallIntegerField()  # 1 live, 2 test (F3)
    processed = models.BooleanField(default=False)  # a flow's run was triggered or not triggered
    quiet = models.BooleanField(default=False)
    at = MicrosField()
    by = models.CharField(max_length=60)  # user:7, token:3, import:12, demo ...
    account_version = models.BigIntegerField()  # configuration in force (F9)
    event_version = models.BigIntegerField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "change"
        constraints = (models.UniqueConstraint(fields=("subject_id", "version"), name="change_version_unique"),)
        indexes = (
            models.Index(fields=("account_id", "at", "id"), name="change_at"),
            models.Index(fields=("registration_id", "id"), name="change_of_registration"),
            models.Index(fields=("account_id", "at", "id"), name="change_of_tests", condition=Q(mode=2)),
        )


class ChangeContent(models.Model):
    """What a change contains: the state after it and the old values of what changed (X6). Partitioned by its time on PostgreSQL."""

    change_id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    at = MicrosField()
    after = models.TextField()
    before = models.TextField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "change_content"
        managed = False


class Run(models.Model):
    """The decision of one flow that evaluated a change: triggered, or not triggered with a reason (F7). Filtered runs are not stored."""

    NOT_TRIGGERED, TRIGGERED = 1, 2

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    change_id = models.BigIntegerField()
    flow_id = models.BigIntegerField()
    flow_number = models.IntegerField()
    decision = models.SmallIntegerField()
    reason = models.CharField(max_length=40, default="")  # domain.flow.decision.Reason
    mode = models.SmallIntegerField()
    at = MicrosField()  # of the first decision (X2)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "run"
        indexes = (
            models.Index(fields=("account_id", "at", "id"), name="run_at"),
            models.Index(fields=("change_id",), name="run_of_change"),
            models.Index(fields=("flow_id", "at"), name="run_of_flow"),
            models.Index(fields=("account_id", "mode", "at", "id"), name="run_not_triggered", condition=Q(decision=1)),
        )


class Judgement(models.Model):
    """A run stuck for a fixable reason (untagged, F7; or an exception while deciding): a Retry item that is reconsidered, with three tries
    of its own."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    run_id = models.BigIntegerField(unique=True)
    change_id = models.BigIntegerField()
    flow_id = models.BigIntegerField()
    registration_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField()
    mode = models.SmallIntegerField()
    queue = models.SmallIntegerField(default=1)  # 1 Retry, 2 Error, 3 Failed, 4 Done
    category = models.SmallIntegerField()
    tries = models.SmallIntegerField(default=0)
    due_at = MicrosField(null=True)
    cause = models.CharField(max_length=60)
    message = models.CharField(max_length=500, default="")
    created = MicrosField()
    ended = MicrosField(null=True)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "judgement"
        indexes = (
            models.Index(fields=("account_id", "due_at"), name="judgement_due", condition=Q(queue__lt=3)),
            models.Index(fields=("account_id", "queue", "id"), name="judgement_queue"),
            models.Index(fields=("change_id",), name="judgement_of_change"),
            models.Index(fields=("account_id", "mode", "created", "id"), name="judgement_open", condition=Q(queue__lt=4)),
            models.Index(fields=("account_id", "ended"), name="judgement_ended", condition=Q(ended__isnull=False)),
        )


class Lane(models.Model):
    """One destination × one subject: the unit of ordering (D2). What is in flight is in its owner's memory."""

    IDLE, READY, WAITING = 0, 1, 2

    id = models.BigAutoField(primary_key=True)
    destination_id = models.BigIntegerField()
    subject_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    connection_id = models.BigIntegerField()
    slot = models.SmallIntegerField()
    state = models.SmallIntegerField()
    rank = models.SmallIntegerField()
    pos = models.BigIntegerField()
    due_at = MicrosField(null=True)
    begun_version = models.BigIntegerField(db_default=0)
    marks = models.SmallIntegerField(db_default=0)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "lane"
        constraints = (models.UniqueConstraint(fields=("destination_id", "subject_id"), name="lane_unique"),)
        indexes = (
            models.Index(fields=("connection_id", "rank", "pos"), name="lane_ready", condition=Q(state=1)),
            models.Index(fields=("connection_id", "due_at"), name="lane_due", condition=Q(state=2)),
        )


class Action(models.Model):
    """One triggered run × one destination: what has to be delivered (D1). `uid` is the stable webhook-id."""

    PENDING, QUEUED, SUCCESS, FAILED, VALIDATION, SUPERSEDED = 1, 2, 10, 11, 12, 13
    RECORDED, JUDGED_AGAIN, REPLAY, RESEND = 0, 1, 2, 3

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    uid = models.CharField(max_length=40)
    lane_id = models.BigIntegerField()
    run_id = models.BigIntegerField(null=True)
    change_id = models.BigIntegerField()
    registration_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField()
    flow_id = models.BigIntegerField()
    destination_id = models.BigIntegerField()
    mode = models.SmallIntegerField()
    version = models.BigIntegerField()
    rank = models.SmallIntegerField()
    state = models.SmallIntegerField(db_default=1)
    origin = models.SmallIntegerField(db_default=0)
    queue = models.SmallIntegerField(db_default=0)  # 0 never in the Retry Queue, 1 Retry, 2 Error, 3 Failed, 4 Done (D6)
    due_at = MicrosField(null=True)  # null = due; not now(), which PostgreSQL takes before the wait for locks
    tries = models.SmallIntegerField(db_default=0)  # automatic retries made
    looks = models.SmallIntegerField(db_default=0)  # times that it could not start (D5)
    sent = models.IntegerField(db_default=0)  # attempts of any kind
    category = models.SmallIntegerField(null=True)  # of the last failure
    cause = models.CharField(max_length=60, db_default="")
    message = models.CharField(max_length=500, db_default="")
    lead = models.SmallIntegerField(db_default=0)  # 1 created, 2 updated, as reported by the target (C7); 0: not reported
    names = models.BigIntegerField(null=True)  # the action that a resend, sync or replay repeats (D1)
    as_of = models.BigIntegerField(null=True)  # the account's version whose mappings the next try by hand uses (D8); null: today's
    created = MicrosField()
    ended = MicrosField(null=True)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "action"
        indexes = (
            models.Index(fields=("lane_id", "version"), name="action_open", condition=Q(state__lt=10)),
            models.Index(fields=("id",), name="action_replay_open", condition=Q(origin=2, state=1)),
            models.Index(fields=("account_id", "queue", "id"), name="action_queue", condition=Q(queue__gt=0)),
            models.Index(fields=("account_id", "created", "id"), name="action_created"),
            models.Index(fields=("change_id",), name="action_of_change"),
            models.Index(fields=("flow_id", "state", "created", "id"), name="action_of_flow"),
            # Lists of the few among very many: none of these is written when a Live action is delivered.
            models.Index(fields=("account_id", "mode", "created", "id"), name="action_failed", condition=Q(state__in=(2, 11, 12))),
            models.Index(fields=("account_id", "created", "id"), name="action_of_tests", condition=Q(mode=2)),
            models.Index(fields=("account_id", "ended", "id"), name="action_ended", condition=Q(ended__isnull=False)),
            models.Index(fields=("account_id", "created", "id"), name="action_lead", condition=Q(lead__gt=0)),
            models.Index(fields=("account_id", "ended"), name="action_done", condition=Q(queue=4)),
        )


class Attempt(models.Model):
    """One attempt to deliver an action, whether or not a request was sent. Request and response are in `attempt_content`."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    action_id = models.BigIntegerField()
    n = models.IntegerField()
    kind = models.SmallIntegerField()  # 1 first, 2 auto, 3 manual
    at = MicrosField()
    took = models.IntegerField()  # microseconds
    state = models.SmallIntegerField()  # the action's state afterwards
    category = models.SmallIntegerField(null=True)
    status = models.SmallIntegerField(null=True)  # of the response
    message = models.CharField(max_length=500, default="")
    flow_id = models.BigIntegerField()
    connection_id = models.BigIntegerField()
    numbers = models.CharField(max_length=80, default="")  # versions used: flow, connection, payload mapping, header mapping (F10)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "attempt"
        constraints = (models.UniqueConstraint(fields=("action_id", "n"), name="attempt_n_unique"),)
        indexes = (
            models.Index(fields=("account_id", "at", "id"), name="attempt_at"),
            models.Index(fields=("connection_id", "at"), name="attempt_of_connection"),
            models.Index(fields=("account_id", "at", "id"), name="attempt_not_first", condition=Q(kind__gt=1) | Q(state__in=(11, 12))),
        )


class AttemptContent(models.Model):
    """Request and response of an attempt, secrets masked. Partitioned by its time on PostgreSQL."""

    action_id = models.BigIntegerField(primary_key=True)
    n = models.IntegerField()
    account_id = models.BigIntegerField()
    at = MicrosField()
    request = models.TextField()  # JSON: method, url (masked), headers, body
    response = models.TextField()  # JSON: status, headers, body, timings, address

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "attempt_content"
        managed = False


class Retention(models.Model):
    """What an account was told of its retention (O4): the terms announced, since when, and who agreed to begin at once."""

    account_id = models.BigIntegerField(primary_key=True)
    content_days = models.IntegerField()
    row_days = models.IntegerField()
    announced = MicrosField()
    agreed = MicrosField(null=True)
    agreed_by = models.CharField(max_length=60, db_default="")

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "retention"


class RetentionDay(models.Model):
    """What retention removed of an account on one day (X6): of content older than `content_before` and of records older than `rows_before`."""

    pk = models.CompositePrimaryKey("account_id", "day")
    account_id = models.BigIntegerField()
    day = models.IntegerField()  # days since 1970, UTC
    at = MicrosField()  # of its first removal
    content_before = MicrosField(db_default=0)
    rows_before = MicrosField(db_default=0)
    contents = models.BigIntegerField(db_default=0)
    changes = models.BigIntegerField(db_default=0)
    runs = models.BigIntegerField(db_default=0)
    actions = models.BigIntegerField(db_default=0)
    attempts = models.BigIntegerField(db_default=0)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "retention_day"


class Idempotency(models.Model):
    """The stored answer of an idempotency key (I3). `answer` is empty while the first request runs."""

    pk = models.CompositePrimaryKey("account_id", "endpoint", "key")
    account_id = models.BigIntegerField()
    endpoint = models.CharField(max_length=40)
    key = models.CharField(max_length=300)
    request_hash = models.CharField(max_length=64)
    answer = models.TextField(null=True)  # noqa: DJ001 -- null means: not answered yet
    at = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "idempotency"
        indexes = (models.Index(fields=("at",), name="idempotency_at"),)


class ConfigVersion(models.Model):
    """The version of an account's (scope 1) or an event's (scope 2) configuration; raised by each save."""

    ACCOUNT, EVENT = 1, 2

    pk = models.CompositePrimaryKey("scope", "scope_id")
    scope = models.SmallIntegerField()
    scope_id = models.BigIntegerField()
    version = models.BigIntegerField()

    class Meta:
        db_table = "config_version"


class ConfigHistory(models.Model):
    """One version of one entity (F10), in force for the configuration versions `since` ≤ v < `until`."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    scope = models.SmallIntegerField()
    scope_id = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    entity_id = models.BigIntegerField()
    number = models.IntegerField()
    body = models.TextField()
    since = models.BigIntegerField()
    until = models.BigIntegerField(null=True)
    at = MicrosField()
    by = models.CharField(max_length=60)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "config_history"
        constraints = (models.UniqueConstraint(fields=("scope", "scope_id", "kind", "entity_id", "number"), name="config_history_number"),)
        indexes = (
            models.Index(fields=("scope", "scope_id"), name="config_history_now", condition=Q(until__isnull=True)),
            models.Index(fields=("scope", "scope_id", "since"), name="config_history_then"),
        )


class ConnectionState(models.Model):
    """The state of a connection, without versions: a take-over must not forget a Retry-After (C8)."""

    connection_id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    held_until = MicrosField(null=True)
    paused = models.BooleanField(db_default=False)
    paused_why = models.CharField(max_length=200, db_default="")
    release_rate = models.IntegerField(null=True)  # requests a minute during a release; null: no release
    release_until = MicrosField(null=True)  # renewed by the release job; when it passes, the connection pauses again
    failures = models.IntegerField(db_default=0)  # consecutive failures to reach the target: trips the breaker
    tested_at = MicrosField(null=True)
    test_result = models.TextField(db_default="")  # JSON: domain.connection.diagnosis.DiagnosisReport, "" for none
    tests_since = MicrosField(null=True)  # start of the minute in which tests are being counted
    tests = models.IntegerField(db_default=0)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "connection_state"


class Slot(models.Model):
    """One 64th of all connections, owned by one worker at a time (docs/design/queue.md, section 3)."""

    id = models.SmallIntegerField(primary_key=True)
    owner = models.CharField(max_length=36, null=True)  # noqa: DJ001 -- null means: nobody
    epoch = models.BigIntegerField(db_default=0)
    until = models.BigIntegerField(db_default=0)  # microseconds, the database's clock

    class Meta:
        db_table = "slot"


class Worker(models.Model):
    """A worker that is alive until `until`."""

    id = models.CharField(max_length=36, primary_key=True)
    until = models.BigIntegerField()
    said = models.TextField(db_default="")  # its own status as JSON, for `heliograph status`

    class Meta:
        db_table = "worker"


class FigureDelta(models.Model):
    """The amount a transaction adds to a figure (docs/design/figures.md); folded later. `serials`: registrations for the bitmaps."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    minute = models.IntegerField()  # minutes since the epoch, in the measure's own time
    mode = models.SmallIntegerField()
    integration = models.SmallIntegerField()
    flow_id = models.BigIntegerField(db_default=0)
    connection_id = models.BigIntegerField(db_default=0)
    category = models.SmallIntegerField(db_default=0)
    measure = models.SmallIntegerField()
    n = models.BigIntegerField()
    serials = models.BinaryField(null=True)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "figure_delta"
        indexes = (models.Index(fields=("account_id", "minute"), name="figure_delta_minute"),)


class FigureSum(models.Model):
    """Folded deltas, per minute."""

    pk = models.CompositePrimaryKey("account_id", "minute", "mode", "integration", "flow_id", "connection_id", "category", "measure")
    account_id = models.BigIntegerField()
    minute = models.IntegerField()
    mode = models.SmallIntegerField()
    integration = models.SmallIntegerField()
    flow_id = models.BigIntegerField()
    connection_id = models.BigIntegerField()
    category = models.SmallIntegerField()
    measure = models.SmallIntegerField()
    n = models.BigIntegerField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "figure_sum"


class FigureHour(models.Model):
    """The same per hour: what a long period reads."""

    pk = models.CompositePrimaryKey("account_id", "hour", "mode", "integration", "flow_id", "connection_id", "category", "measure")
    account_id = models.BigIntegerField()
    hour = models.IntegerField()
    mode = models.SmallIntegerField()
    integration = models.SmallIntegerField()
    flow_id = models.BigIntegerField()
    connection_id = models.BigIntegerField()
    category = models.SmallIntegerField()
    measure = models.SmallIntegerField()
    n = models.BigIntegerField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "figure_hour"


class FigureBitmap(models.Model):
    """Distinct registrations by hour and day, and by minute where retention removed the changes: serialised roaring bitmaps of serials."""

    MINUTE, HOUR, DAY = 1, 60, 1440

    pk = models.CompositePrimaryKey("account_id", "unit", "bucket", "mode", "integration")
    account_id = models.BigIntegerField()
    unit = models.SmallIntegerField()  # minutes in a bucket: 1, 60 or 1440
    bucket = models.IntegerField()
    mode = models.SmallIntegerField()
    integration = models.SmallIntegerField()
    bits = models.BinaryField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "figure_bitmap"


class Secret(models.Model):
    """One encrypted secret, bound to its place (C5). Account 0 holds the key's check value."""

    pk = models.CompositePrimaryKey("account_id", "kind", "row_id", "field")
    account_id = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    row_id = models.BigIntegerField()
    field = models.CharField(max_length=120)
    value = models.BinaryField()
    at = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "secret"


class OAuthAccess(models.Model):
    """The tokens of an OAuth2 connection, without versions (C4). `sealed` holds both tokens, encrypted for account and connection."""

    connection_id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    generation = models.BigIntegerField(db_default=0)  # rises with each new token
    bond = models.CharField(max_length=40, db_default="")  # identifies the connection's settings at the time they were given
    sealed = models.BinaryField(null=True)
    in_body = models.BooleanField(null=True)  # whether the authority wants the client secret in the body; null: not known
    scope = models.TextField(db_default="")  # as granted
    holder = models.CharField(max_length=200, db_default="")  # whose access it is
    obtained_at = MicrosField(db_default=0)
    expires_at = MicrosField(null=True)
    connected_at = MicrosField(null=True)
    connected_by = models.CharField(max_length=60, db_default="")
    refreshing_until = MicrosField(null=True)  # until then one process is requesting new tokens
    refreshing_by = models.CharField(max_length=40, db_default="")
    failed_at = MicrosField(null=True)  # since when no new token has been given
    failure = models.TextField(db_default="")
    lost = models.BooleanField(db_default=False)  # until someone connects again

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "oauth_access"
