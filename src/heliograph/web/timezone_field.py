"""A choice of all time zones, for forms."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy

from heliograph.web.form_fields import TextLine, WidgetKind
from heliograph.web.shown_fields import Choice, FormField


class TimezoneField(TextLine):
    """All time zones by area, plus the stored one if it is not among them. The service refuses unknown time zones."""

    kind: ClassVar[WidgetKind] = "select"

    def __init__(self, **words: Any) -> None:
        super().__init__(gettext_lazy("Timezone"), **words)

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        zones = dict.fromkeys([*_zones(), *([str(value)] if value else [])])
        self.words["options"] = [Choice(zone, zone.replace("_", " ")) for zone in zones]
        return super().draw_field(name, value, errors)


@cache
def _zones() -> tuple[str, ...]:
    areas = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return ("UTC", *sorted(zone for zone in zoneinfo.available_timezones() if zone.startswith(areas)))
