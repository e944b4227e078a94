"""The set-up of an account and its events: tags, statuses, types, questions, properties, sessions, custom fields (P1-P7).

Every row has its account, and the database refuses a row that refers to another account's (`store.tenancy`). record() and the engine do not
read these tables. They read the versions of configuration, which the services write beside these rows (F10).
"""

from __future__ import annotations

from heliograph.setup.models.applied_files import AppliedFile
from heliograph.setup.models.event_models import (
    AttendeeType,
    AttendeeTypeTag,
    EventTag,
    RegistrationProperty,
    RegistrationPropertyTag,
    Session,
)
from heliograph.setup.models.questions import CustomField, Question
from heliograph.setup.models.status_models import (
    EventStatus,
    EventStatusTag,
    RegistrationStatus,
    RegistrationStatusTag,
    SessionStatus,
    SessionStatusTag,
)
from heliograph.setup.models.tag_models import KIND_NAMES, Tag, TagOn

__all__ = [
    "KIND_NAMES",
    "AppliedFile",
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
