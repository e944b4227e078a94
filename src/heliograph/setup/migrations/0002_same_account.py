"""The database refuses a row that refers to a row of another account, even if the code does not check that."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from heliograph.store.tenancy import SameAccount


class Migration(migrations.Migration):
    dependencies: ClassVar = [("setup", "0001_initial"), ("store", "0002_plain_sql")]
    operations: ClassVar = [
        SameAccount("registration_status", "event_id", "event"),
        SameAccount("registration_status_tag", "status_id", "registration_status"),
        SameAccount("registration_status_tag", "tag_id", "tag"),
        SameAccount("session_status_tag", "status_id", "session_status"),
        SameAccount("session_status_tag", "tag_id", "tag"),
        SameAccount("event_status_tag", "status_id", "event_status"),
        SameAccount("event_status_tag", "tag_id", "tag"),
        SameAccount("event_tag", "event_id", "event"),
        SameAccount("event_tag", "tag_id", "tag"),
        SameAccount("attendee_type", "event_id", "event"),
        SameAccount("attendee_type_tag", "type_id", "attendee_type"),
        SameAccount("attendee_type_tag", "tag_id", "tag"),
        SameAccount("registration_property", "event_id", "event"),
        SameAccount("registration_property_tag", "property_id", "registration_property"),
        SameAccount("registration_property_tag", "tag_id", "tag"),
        SameAccount("question", "event_id", "event"),
        SameAccount("question", "tag_id", "tag"),
        SameAccount("session", "event_id", "event"),
    ]
