"""A choice of all time zones, for forms."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from functools import cache

from django.utils.translation import gettext as _

from heliograph.web.fields import Choice, Field


def timezone_field(value: str, errors: Mapping[str, str], help: str = "") -> Field:
    """A choice of all time zones."""
    zones = dict.fromkeys([*_zones(), *([value] if value else [])])
    options = [Choice(zone, zone.replace("_", " ")) for zone in zones]
    return Field(
        kind="select", id="timezone", label=_("Timezone"), value=value, options=options, help=help, error=errors.get("timezone", "")
    )


@cache
def _zones() -> tuple[str, ...]:
    areas = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return ("UTC", *sorted(zone for zone in zoneinfo.available_timezones() if zone.startswith(areas)))
