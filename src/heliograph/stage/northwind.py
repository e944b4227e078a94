"""Northwind Events, the account of the demo and of `heliograph seed`: four events, tags, statuses, custom fields and questions."""

from __future__ import annotations

from collections.abc import Mapping

from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.services.account_creation import AccountFacts
from heliograph.setup.services.custom_fields import FieldFacts
from heliograph.stage.account import AccountPlan, EventPlan, QuestionPlan

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


_QUESTIONS = (
    QuestionPlan("dietary", "Do you have dietary needs?", "Dietary", QuestionType.MULTI_SELECT, DIETS),
    QuestionPlan("consent_marketing", "May we write to you about other events?", "Marketing consent", QuestionType.RADIO, ("Yes", "No")),
)
_INVOICE = ("Registered - invoice", StatusClass.ACCEPTED, "Registered")
EVENTS = (
    EventPlan(
        "SUMMIT-26",
        "Annual Summit 2026",
        "2026-12-02T09:00",
        "2026-12-04T17:00",
        "Europe/Berlin",
        "Berlin",
        ("Attendee", "Speaker", "Press"),
        _QUESTIONS,
        tags=("Flagship",),
        sessions=(("KEYNOTE", "Opening keynote"), ("WORKSHOP-A", "Workshop A")),
        # deliberately untagged, so that there is something to find and fix
        statuses=(_INVOICE, ("Invited by partner", StatusClass.PENDING, None)),
        properties=(("VIP guest", "VIP"),),
    ),
    EventPlan(
        "FORUM-26",
        "Partner Forum",
        "2026-12-01T10:00",
        "2026-12-01T18:00",
        "America/New_York",
        "New York",
        ("Attendee", "Partner"),
        _QUESTIONS,
        sessions=(("ROUNDTABLE", "Round table"),),
        statuses=(_INVOICE,),
    ),
    EventPlan(
        "WEBINAR-11", "Product webinar, November", "2026-11-30T16:00", "2026-11-30T17:00", "UTC", "", ("Attendee",), _QUESTIONS, "On-Site"
    ),
    EventPlan(
        "ROADSHOW-TYO",
        "Roadshow Tokyo",
        "2027-02-10T09:00",
        "2027-02-10T17:00",
        "Asia/Tokyo",
        "東京",
        ("Attendee", "Speaker"),
        _QUESTIONS,
        "Testing",
    ),
)


def northwind(facts: AccountFacts = ACCOUNT, retry_intervals: Mapping[str, list[float]] | None = None) -> AccountPlan:
    """The plan of the account, without its connections, mappings and flows.

    retry_intervals: seconds by category (D5); the demo's are short
    """
    return AccountPlan(
        facts,
        _TAGS,
        EVENTS,
        status_tag=_STATUS_TAGS.get,
        session_tag=_SESSION_TAGS.get,
        custom_fields=(
            FieldFacts("profile", "tshirt", "T-shirt size", QuestionType.SELECT, ("S", "M", "L", "XL")),
            FieldFacts("event", "cost_centre", "Cost centre"),
        ),
        retry_intervals=retry_intervals,
    )
