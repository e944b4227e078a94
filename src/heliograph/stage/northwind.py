"""Northwind Events, the account of the demo and of `heliograph seed`: four events, tags, statuses, custom fields and questions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from heliograph.accounts.models import Account
from heliograph.domain.setup.configuration import EventState, QuestionType
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tags import TagKind
from heliograph.setup.models import EventStatus, RegistrationStatus, SessionStatus
from heliograph.setup.services import custom_fields, event_setup, events, object_tags, tags
from heliograph.setup.services.create_account import AccountFacts, create_account
from heliograph.setup.services.save import saving
from heliograph.setup.services.transaction import SetupTransaction

BY = "demo"
ACCOUNT = AccountFacts(code="NORTHWIND", name="Northwind Events", timezone="Europe/Berlin")
DIETS = ("Vegan", "Vegetarian", "Gluten free", "Kosher", "Halal")

_STATUS, _PROPERTY, _TYPE, _EVENT = TagKind.REGISTRATION_STATUS, TagKind.REGISTRATION_PROPERTY, TagKind.ATTENDEE_TYPE, TagKind.EVENT
_TAGS: dict[str, tuple[TagKind, ...]] = {
    "New": (_STATUS,),
    "Registered": (_STATUS,),
    "Waitlisted": (_STATUS,),
    "Attended": (_STATUS, TagKind.SESSION_STATUS),
    "No-show": (_STATUS, TagKind.SESSION_STATUS),
    "Cancelled": (_STATUS, TagKind.SESSION_STATUS),
    "VIP": (_PROPERTY,),
    "Speaker": (_TYPE,),
    "Press": (_TYPE,),
    "Partner": (_TYPE,),
    "Flagship": (_EVENT,),
    "Dietary": (TagKind.QUESTION,),
    "Marketing consent": (TagKind.QUESTION,),
}
_STATUS_TAGS = {
    "New": "New",
    "Pre-Registered": "Registered",
    "Attended": "Attended",
    "No-show": "No-show",
    "Waitlist Hold": "Waitlisted",
    "Cancelled": "Cancelled",
    "Declined Invitation": "Cancelled",
    "Request Denied": "Cancelled",
}
_SESSION_TAGS = {"Attended": "Attended", "No-show": "No-show", "Cancelled": "Cancelled"}


@dataclass(frozen=True, slots=True)
class _Event:
    code: str
    name: str
    status: str
    start: str
    end: str
    timezone: str
    location: str
    types: tuple[str, ...]
    sessions: tuple[tuple[str, str], ...] = ()
    # custom status -> tag; None: deliberately untagged, so that there is something to find and fix
    statuses: tuple[tuple[str, StatusClass, str | None], ...] = ()
    tags: tuple[str, ...] = ()
    vip: bool = False


_INVOICE = ("Registered - invoice", StatusClass.ACCEPTED, "Registered")
_EVENTS = (
    _Event(
        "SUMMIT-26",
        "Annual Summit 2026",
        "Live",
        "2026-12-02T09:00",
        "2026-12-04T17:00",
        "Europe/Berlin",
        "Berlin",
        ("Attendee", "Speaker", "Press"),
        (("KEYNOTE", "Opening keynote"), ("WORKSHOP-A", "Workshop A")),
        (_INVOICE, ("Invited by partner", StatusClass.PENDING, None)),
        ("Flagship",),
        vip=True,
    ),
    _Event(
        "FORUM-26",
        "Partner Forum",
        "Live",
        "2026-12-01T10:00",
        "2026-12-01T18:00",
        "America/New_York",
        "New York",
        ("Attendee", "Partner"),
        (("ROUNDTABLE", "Round table"),),
        (_INVOICE,),
    ),
    _Event("WEBINAR-11", "Product webinar, November", "On-Site", "2026-11-30T16:00", "2026-11-30T17:00", "UTC", "", ("Attendee",)),
    _Event(
        "ROADSHOW-TYO", "Roadshow Tokyo", "Testing", "2027-02-10T09:00", "2027-02-10T17:00", "Asia/Tokyo", "東京", ("Attendee", "Speaker")
    ),
)


def make_account(facts: AccountFacts = ACCOUNT, retry_intervals: dict[str, list[float]] | None = None) -> Account:
    """Creates the account with everything except its flows. retry_intervals: seconds by category (D5); the demo's are short."""
    account = create_account(facts, by=BY)
    if retry_intervals is not None:
        account.retry_intervals = retry_intervals
        account.save(update_fields=["retry_intervals"])
    with saving(account.pk, by=BY, whole_account=True) as transaction:
        known = _tags(transaction)
        custom_fields.save_field(
            transaction, custom_fields.FieldFacts("profile", "tshirt", "T-shirt size", QuestionType.SELECT, ("S", "M", "L", "XL"))
        )
        custom_fields.save_field(transaction, custom_fields.FieldFacts("event", "cost_centre", "Cost centre"))
        for status in RegistrationStatus.objects.filter(event=None):
            if status.name in _STATUS_TAGS:
                object_tags.set_tags(transaction, TagKind.REGISTRATION_STATUS, status.pk, [known[_STATUS_TAGS[status.name]]])
        for of_session in SessionStatus.objects.all():
            if of_session.name in _SESSION_TAGS:
                object_tags.set_tags(transaction, TagKind.SESSION_STATUS, of_session.pk, [known[_SESSION_TAGS[of_session.name]]])
    for event in _EVENTS:
        _make_event(account.pk, event, known)
    return account


def _tags(transaction: SetupTransaction) -> dict[str, int]:
    return {name: tags.save_tag(transaction, tags.TagFacts(name, frozenset(kinds))).pk for name, kinds in _TAGS.items()}


def _make_event(account: int, event: _Event, known: dict[str, int]) -> None:
    zone = ZoneInfo(event.timezone)
    with saving(account, by=BY) as transaction:
        state = EventState(
            code=event.code,
            name=event.name,
            status=EventStatus.objects.get(name=event.status).pk,
            start=datetime.fromisoformat(event.start).replace(tzinfo=zone),
            end=datetime.fromisoformat(event.end).replace(tzinfo=zone),
            timezone=event.timezone,
            location=event.location,
            tags=tuple(known[name] for name in event.tags),
        )
        id = events.save_event(transaction, state)
    with saving(account, by=BY, events=[id]) as transaction:
        for name in event.types:
            event_setup.save_type(transaction, id, event_setup.TypeFacts(_code(name), name, (known[name],) if name in known else ()))
        for name, cls, tag in event.statuses:
            event_setup.save_status(transaction, id, event_setup.StatusFacts(_code(name), name, cls, (known[tag],) if tag else ()))
        for code, name in event.sessions:
            event_setup.save_session(transaction, id, event_setup.SessionFacts(code, name))
        if event.vip:
            event_setup.save_property(transaction, id, event_setup.PropertyFacts("vip-guest", "VIP guest", (known["VIP"],)))
        event_setup.save_question(
            transaction,
            id,
            event_setup.QuestionFacts("dietary", "Do you have dietary needs?", QuestionType.MULTI_SELECT, DIETS, known["Dietary"]),
        )
        event_setup.save_question(
            transaction,
            id,
            event_setup.QuestionFacts(
                "consent_marketing",
                "May we write to you about other events?",
                QuestionType.RADIO,
                ("Yes", "No"),
                known["Marketing consent"],
            ),
        )


def _code(name: str) -> str:
    return name.lower().replace(" - ", "-").replace(" ", "-")
