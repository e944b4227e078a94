"""What figures and lists of records count: the period, the mode, the integration, and which replays (X1, X3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.flow.flow import Mode
from heliograph.insights.integrations import Integration
from heliograph.insights.period import Window
from heliograph.insights.period_figures import PeriodFigures
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.instants import from_micros
from heliograph.store.retention_record import records_kept_since, records_removed_at
from heliograph.web.templatetags.moments import day, minute


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureScope:
    """What is counted."""

    window: Window
    mode: Mode
    integration: Integration | None = None
    """None for Account Insights, which counts all integrations."""
    replays: ReplayShare = ReplayShare.ALL
    kept_since: int = 0
    """Older records are removed (microseconds)."""
    removed_at: int | None = None
    """When the records of the beginning of the period were removed (microseconds); None if they are kept."""

    @classmethod
    def read(
        cls, reader: AccountReader, window: Window, mode: Mode, integration: Integration | None, replays: ReplayShare = ReplayShare.ALL
    ) -> Self:
        """The scope of an account, with what retention has removed of it."""
        return cls(
            window=window,
            mode=mode,
            integration=integration,
            replays=replays,
            kept_since=records_kept_since(reader.db, reader.account),
            removed_at=records_removed_at(reader.db, reader.account, window.since),
        )

    def figures(self, reader: AccountReader) -> PeriodFigures:
        """Its figures."""
        return PeriodFigures(reader, self.window, self.mode, self.code, self.counts_replays)

    @property
    def code(self) -> int | None:
        """The number of the integration in the figures; None for all."""
        return self.integration.code if self.integration else None

    @property
    def counts_replays(self) -> bool:
        return self.replays is ReplayShare.ALL

    @property
    def mode_text(self) -> str:
        """The mode in words."""
        return _("Test Flows") if self.mode is Mode.TEST else _("Live Flows")

    @property
    def period_text(self) -> str:
        """The period in words: "13 Oct 2026, 14:32 to 14 Oct 2026, 14:32 (Europe/Vienna)"."""
        window, zone = self.window, timezone.get_current_timezone_name()
        ends = {"since": minute(from_micros(window.since)), "until": minute(from_micros(window.until)), "zone": zone}
        if window.first and window.last:
            days = (window.last - window.first).days + 1
            return ngettext(
                "%(since)s to %(until)s (%(zone)s): %(n)d whole day.", "%(since)s to %(until)s (%(zone)s): %(n)d whole days.", days
            ) % (ends | {"n": days})
        return _("%(since)s to %(until)s (%(zone)s)") % ends

    @property
    def kept_text(self) -> str:
        """The sentence that says why numbers of this period have no links (X6); "" if its records are kept."""
        if self.removed_at is None:
            return ""
        return _("Details are kept until %(day)s. Older changes than %(since)s are counted, but can no longer be listed.") % {
            "day": day(from_micros(self.removed_at)),
            "since": minute(from_micros(self.kept_since)),
        }
