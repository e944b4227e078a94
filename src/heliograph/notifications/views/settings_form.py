"""The form of what a person, or the account, is told, and where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import MAIL, SUMMARY_MINUTES, WAITS_MINUTES, Settings, way_of_connection
from heliograph.domain.notification.quiet_hours import QuietHours
from heliograph.notifications.kind_words import clock_words, minutes_words
from heliograph.setup.views.shared_form import SharedForm
from heliograph.web.form_fields import Box, Choices, Hidden, Select, TextLine
from heliograph.web.shown_fields import Choice

_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(:[0-5]\d)?")
FIRST_KINDS: Final = (Kind.REFUSES, Kind.FAILED)
"""What a connection or address that was just added is told."""


class ClockLine(TextLine):
    """A time of the day as minutes since midnight; 0 for an empty text."""

    def clean(self, value: Any) -> Any:
        """The minutes. Raises ValidationError for a text that is no time."""
        text = str(super().clean(value) or "")
        match = _TIME.fullmatch(text)
        if text and match is None:
            raise forms.ValidationError(_("Give a time, such as 22:00."))
        return int(match[1]) * 60 + int(match[2]) if match else 0


class SettingsForm(SharedForm):
    """Kinds by ways, and the quiet hours."""

    waits_minutes = Select(
        gettext_lazy("Something waits longer than"), options=lambda: [Choice(str(n), minutes_words(n)) for n in WAITS_MINUTES]
    )
    summary_at = Select(gettext_lazy("Morning summary at"), options=lambda: [Choice(str(n), clock_words(n)) for n in SUMMARY_MINUTES])
    quiet_from = ClockLine(gettext_lazy("From"), inputmode="numeric", autocomplete="off")
    quiet_to = ClockLine(gettext_lazy("Until"), inputmode="numeric", autocomplete="off")
    weekend = Box(gettext_lazy("All day on Saturday and Sunday"))
    urgent = Box(
        gettext_lazy("Except when the disk or the worker is in trouble"), sub=gettext_lazy("For operators: don’t wait until morning.")
    )
    add_connection = Select(gettext_lazy("Add a connection"), placeholder=gettext_lazy("Choose a connection"))
    add_address = TextLine(gettext_lazy("Add an e-mail address"), autocomplete="off", type="email", longest=254)
    do = Hidden()

    def __init__(
        self, *args: Any, settings: Settings, kinds: Sequence[Kind], own_way: bool, connections: Mapping[int, str], **given: Any
    ) -> None:
        """kinds: those that are shown
        own_way: whether there is an own address, as a person has
        connections: the names of those that can be chosen, by id
        """
        self.settings, self.kinds, self.connections = settings, kinds, connections
        self.ways = [*([MAIL] if own_way else []), *settings.ways]
        stored: dict[str, Any] = {
            "waits_minutes": str(settings.waits_minutes),
            "summary_at": str(settings.summary_at),
            "quiet_from": clock_words(settings.quiet.first) if settings.quiet.first != settings.quiet.last else "",
            "quiet_to": clock_words(settings.quiet.last) if settings.quiet.first != settings.quiet.last else "",
            "weekend": settings.quiet.weekend,
            "urgent": settings.urgent,
            **{kind.value: sorted(settings.ways_of(kind)) for kind in kinds},
        }
        super().__init__(*args, stored=stored, **given)
        options = [Choice(way, way) for way in self.ways]
        for kind in kinds:
            self.fields[kind.value] = Choices(options=options)
        free = {way_of_connection(id): name for id, name in connections.items() if way_of_connection(id) not in self.ways}
        self.say("add_connection", options=[Choice(way, name) for way, name in free.items()])
        if Kind.TROUBLE not in kinds:
            del self.fields["urgent"]

    def _is_compared(self, name: str) -> bool:
        return name not in ("add_connection", "add_address") and super()._is_compared(name)

    @property
    def chosen(self) -> Settings:
        """The settings as posted, with the connection or address that was added. A way without any kind is left out."""
        values = self.cleaned_data
        chosen = {kind: frozenset(values[kind.value]) for kind in self.kinds}
        chosen |= {kind: ways for kind, ways in self.settings.chosen.items() if kind not in chosen}
        added = [way for way in (values["add_connection"], values["add_address"].lower()) if way and way not in self.ways]
        for kind in FIRST_KINDS:
            chosen[kind] = chosen.get(kind, frozenset()) | set(added)
        used = frozenset[str]().union(*chosen.values())
        return Settings(
            tuple(way for way in [*self.settings.ways, *added] if way in used),
            chosen,
            int(values["waits_minutes"] or self.settings.waits_minutes),
            int(values["summary_at"] or self.settings.summary_at),
            QuietHours(values["quiet_from"], values["quiet_to"], values["weekend"]),
            values.get("urgent", self.settings.urgent),
        )


class RuleForm(SharedForm):
    """Who is told about one connection or flow."""

    users = Choices(gettext_lazy("People"), help=gettext_lazy("They get what they chose under For you."))
    connections = Choices(gettext_lazy("Connections"))
    addresses = TextLine(
        gettext_lazy("Other e-mail addresses"),
        autocomplete="off",
        longest=2_000,
        optional=True,
        help=gettext_lazy("Separate several with a comma."),
    )
    kinds = Choices(gettext_lazy("About"))
    do = Hidden()
