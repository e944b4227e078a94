"""What is set up in an account and in its events: tags, statuses, types, questions, properties, sessions, custom fields (P1-P7).

Every row carries its account, and the database refuses a row that names one of another account (`store.tenancy`). What record()
and the engine read is not here but in the versions of configuration, which the services write beside these rows (F10).
"""

from __future__ import annotations

from heliograph.setup.models.events import AttendeeType, AttendeeTypeTag, EventTag, RegistrationProperty, RegistrationPropertyTag, Session
from heliograph.setup.models.questions import CustomField, Question
from heliograph.setup.models.statuses import (
    EventStatus,
    EventStatusTag,
    RegistrationStatus,
    RegistrationStatusTag,
    SessionStatus,
    SessionStatusTag,
)
from heliograph.setup.models.tags import KIND_NAMES, Tag, TagOn

__all__ = [
    "KIND_NAMES",
    "AttendeeType",
    "AttendeeTypeTag",
    "CustomField",
    "EventStatus",
    "EventStatusTag",
    "EventTag",
    "Question",
    "RegistrationProperty",
    "RegistrationPropertyTag",
    "RegistrationStatus",
    "RegistrationStatusTag",
    "Session",
    "SessionStatus",
    "SessionStatusTag",
    "Tag",
    "TagOn",
]
