"""The connections that a list can be asked by (S3)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.connections.models import Connection
from heliograph.web.shown_fields import Choice


def connection_choices() -> list[Choice]:
    """None, and the connections of the account in scope, by id."""
    return [Choice("", _("None")), *(Choice(str(row.pk), row.name) for row in Connection.objects.filter(deleted_at=None))]
