"""The frame that the tabs of Insights share: integration, mode, period, tabs, and the URLs of records (X1, X3)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries import outcome_numbers
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.outcome_hours import outcome_columns
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.figures import Figures
from heliograph.domain.flow.flow import Mode
from heliograph.insights.current_event import current_event
from heliograph.insights.figure_scope import FigureScope
from heliograph.insights.integrations import integration_of
from heliograph.insights.period import DAY, HOUR, MOST_DAYS, PARAMETERS, CalendarPeriod, Rolling, WrongPeriod, rolling_window, window_of
from heliograph.insights.period_figures import PeriodFigures
from heliograph.insights.record_kinds import RecordKind, has_replays
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.instants import from_micros, to_micros
from heliograph.web.charts import Before, Bucket
from heliograph.web.date_texts import date_text
from heliograph.web.pages import page

FEWEST_COLUMNS = 6
"""Columns that a chart keeps, however new the account is."""
KEPT = ("mode", "replays")
"""The parameters of Summary and Troubleshooting that a link to another period keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame(FigureScope):
    """A tab of Insights with its mode and period."""

    request: AccountRequest
    seen: int = 0
    """When its numbers were read (microseconds). Links to records carry it, so that a list can say how many have moved since."""
    tests_only: bool = False
    """Whether the account has flows, but none that is Live, so that all its numbers are those of Test flows."""
    wrong: WrongPeriod | None = None
    """The error, if the URL asks for a period that does not exist. No other period is shown in its place (`refusal`)."""
    kept_names: Sequence[str] = KEPT
    """The parameters of the URL that links to other periods keep."""
    goes_without: bool = False
    """Whether the tab can be shown without a period, as the Activity Feed."""
    is_any_time: bool = False
    """Whether it is shown so: the URL asks for no period."""

    @classmethod
    def from_request(
        cls, request: AccountRequest, integration: str = "", *, kept_names: Sequence[str] = KEPT, goes_without: bool = False
    ) -> Frame:
        """The frame that the URL of a request asks for.

        integration: the integration's part of the URL; "" for Account Insights
        kept_names, goes_without: see the fields

        Raises Http404 for an unknown integration.
        """
        known_integration = integration_of(integration)
        if integration and known_integration is None:
            raise Http404
        mode = Mode.TEST if request.GET.get("mode") == "test" else Mode.LIVE
        wrong = None
        try:
            window = window_of(request.GET.dict(), to_micros(timezone.now()), ZoneInfo(request.account.timezone))
        except WrongPeriod as error:
            wrong, window = error, rolling_window(Rolling.DAY, to_micros(timezone.now()))
        replays = ReplayShare.WITHOUT if request.GET.get("replays") == ReplayShare.WITHOUT.value else ReplayShare.ALL
        with account_reader(request.account.pk) as reader:
            scope = FigureScope.read(reader, window, mode, known_integration, replays)
            tests_only = {flow.mode for flow in reader.config.flows.values()} == {Mode.TEST}
        facts = {field.name: getattr(scope, field.name) for field in fields(FigureScope)}
        return cls(
            **facts,
            request=request,
            tests_only=tests_only,
            wrong=wrong,
            kept_names=kept_names,
            goes_without=goes_without,
            is_any_time=goes_without and not any(request.GET.get(name, "").strip() for name in PARAMETERS),
        )

    def refusal(self, tab: str = "") -> HttpResponse | None:
        """The page that says what is wrong with the period, with the typed values; None if nothing is.

        tab: the tab of Insights; "" for a list of records
        """
        if self.wrong is None:
            return None
        return page(self.request, "insights/wrong_period.html", status=422, sentence=str(self.wrong), **self.context(tab))

    @property
    def heading(self) -> str:
        """The heading of the page, which is also its name in the panel."""
        return str(self.integration.heading) if self.integration else _("Account Insights")

    @property
    def key(self) -> str:
        """The key of the page's entry in the panel."""
        return self.integration.key if self.integration else "insights"

    def tab(self, name: str) -> str:
        """The URL of a tab.

        name: "summary", "troubleshooting" or "feed"
        """
        if self.integration:
            return reverse({"summary": "posts"}.get(name, f"posts-{name}"), args=(self.integration.segment,))
        return reverse({"summary": "insights"}.get(name, name))

    def feed(self, **narrowed: str) -> str:
        """The URL of the Activity Feed for this period and mode.

        narrowed: further filters
        """
        return self.tab("feed") + self._query(**narrowed)

    def back(self) -> str:
        """The URL of the Summary in this mode, for its default period."""
        return self.tab("summary") + ("?mode=test" if self.mode is Mode.TEST else "")

    def number_at(self, kind: RecordKind, number: int, *, alike: int | None = None) -> str:
        """The URL of the list of exactly the records that a number counts. It contains the number."""
        return self.records_at(kind, alike=alike, n=str(number), seen=self.seen)

    def records_at(self, kind: RecordKind, since: int | None = None, until: int | None = None, **narrowed: object) -> str:
        """The URL of the list of exactly the records that a number counts, with the absolute ends of the period; "" if they are removed.

        since, until: the ends of one column of a chart (microseconds); None for those of the whole period
        narrowed: further parameters of the URL
        """
        if (since if since is not None else self.window.since) < self.kept_since:
            return ""
        query = {
            "since": (since if since is not None else self.window.since) // MINUTE,
            "until": (until if until is not None else self.window.until) // MINUTE,
            **({"mode": "test"} if self.mode is Mode.TEST else {}),
            **({"integration": self.integration.segment} if self.integration else {}),
            **({"replays": self.replays.value} if self.replays is not ReplayShare.ALL and has_replays(kind) else {}),
            **{name: value for name, value in narrowed.items() if value},
        }
        return f"{reverse('records', args=(kind.value,))}?{urlencode(query)}"

    def buckets(self, kind: RecordKind, skipped: int = 0, edges: Sequence[int] = (), **narrowed: object) -> list[Bucket]:
        """The columns of a chart, each with the URL of its records.

        skipped: the number of columns that are left out at the beginning
        edges: where they begin and end; () for those of the period. Columns that have not begun have no records.
        """
        edges = (edges or self.window.edges)[skipped:]
        return [
            Bucket(
                self._label(since, edges),
                self._stretch(since, until),
                self.records_at(kind, since, until, **narrowed),
                is_to_come=since >= self.seen > 0,
            )
            for since, until in pairwise(edges)
        ]

    def _label(self, since: int, edges: Sequence[int]) -> str:
        """What the axis says below the column that begins then. In a chart of several days only the first column of each day has a label."""
        window, local = self.window, self._local(since)
        if window.step >= DAY * MINUTE:
            return date_text(local, "j M")
        if edges[-1] - edges[0] <= 2 * DAY * MINUTE:
            return date_text(local, "H:i")
        return date_text(local, "D j") if since == edges[0] or local.hour < window.step // HOUR else ""

    def figures_before(self, reader: AccountReader) -> PeriodFigures:
        """The figures of the period before, to compare with."""
        return replace(self, window=self.window.before(ZoneInfo(self.request.account.timezone), reader.db.now())).figures(reader)

    def delivered_before(self, reader: AccountReader) -> Before | None:
        """What was delivered in the period before, for each column of `Window.whole_edges`; None if nothing was."""
        edges = self.window.edges_before(ZoneInfo(self.request.account.timezone))
        counted = outcome_columns(reader.db, reader.account, self.mode, edges, integration=self.code, replays=self.counts_replays)
        return Before(self.before_name, counted.delivered, outcome_numbers.delivered) if counted.sent else None

    @property
    def before_name(self) -> str:
        """The period before by its name."""
        match self.window.calendar:
            case CalendarPeriod.TODAY:
                return _("Yesterday")
            case CalendarPeriod.YESTERDAY:
                return _("The day before")
            case CalendarPeriod.WEEK:
                return _("Last week")
            case _:
                return _("The period before")

    @property
    def before_text(self) -> str:
        """The period before in words, after "than"."""
        match self.window.calendar:
            case CalendarPeriod.TODAY:
                return _("yesterday by this time")
            case CalendarPeriod.YESTERDAY:
                return _("the day before")
            case CalendarPeriod.WEEK:
                return _("last week by this time")
            case _:
                return _("in the period before")

    @property
    def before_heading(self) -> str:
        """The period before as the heading of a column of differences."""
        match self.window.calendar:
            case CalendarPeriod.TODAY:
                return _("Than yesterday")
            case CalendarPeriod.YESTERDAY:
                return _("Than the day before")
            case CalendarPeriod.WEEK:
                return _("Than last week")
            case _:
                return _("Than before")

    @property
    def columns_text(self) -> str:
        """The columns of a chart as a heading: from where to where in the period's time."""
        window = self.window
        if window.until - window.since <= DAY * MINUTE and window.calendar:
            return _("From 00 h")
        if window.step >= DAY * MINUTE:
            return _("By day")
        return _("By hour") if window.step <= HOUR else _("By quarter of a day")

    def columns_before_account(self, edges: Sequence[int], *values: Sequence[int]) -> int:
        """How many columns of a chart end before the account was created: a new account's chart fits its age. 0 if any of them has a number.

        edges: the instants at which columns begin and end
        values: the numbers of the chart, by column
        """
        created = to_micros(self.request.account.created)
        empty = max(0, min(sum(1 for end in edges[1:] if end <= created), len(edges) - 1 - FEWEST_COLUMNS))
        return 0 if any(any(each[:empty]) for each in values) else empty

    def context(self, tab: str, sums: Figures | None = None) -> dict[str, Any]:
        """The context of insights/head.html.

        sums: the figures of the period and mode, for the numbers beside Troubleshooting; None for a period that cannot be read
        """
        window, periods = self.window, self._periods()
        return {
            "here": self.key,
            "heading": self.heading,
            "about": str(self.integration.about)
            if self.integration
            else _("All events, registrations and flows of the account, over every integration."),
            "tab": tab,
            "waiting": sums.in_retry_queue - sums.untagged if sums else 0,  # what waits for a tag has a name of its own (N2)
            "failed": sums.failed if sums else 0,
            "tests_only": self.tests_only and self.mode is Mode.LIVE,
            "modes": [
                (_("Live Flows"), self._page_url(mode=None), self.mode is Mode.LIVE),
                (_("Test Flows"), self._page_url(mode="test"), self.mode is Mode.TEST),
            ],
            "tabs": [
                (_("Summary"), self.tab("summary") + self._query(), tab == "summary"),
                (_("Troubleshooting"), self.tab("troubleshooting") + self._query(), tab == "troubleshooting"),
                (_("Activity Feed"), self.feed(), tab == "feed"),
            ],
            "periods": periods,
            "rolling": [
                (_PERIODS[each](), self._page_url(period=each.value), window.rolling is each and self._is_chosen) for each in Rolling
            ],
            "period_name": self._period_name(),
            "period_now": self._period_name() or next((text for text, _href, is_open in periods if is_open), _("Other period")),
            "period_is_other": not self.wrong and not any(is_open for _text, _href, is_open in periods),
            "feed_href": self.feed(),
            "period_text": self.period_text if self._is_chosen else "",
            "kept_text": self.kept_text if self._is_chosen else "",
            "other": bool(self.wrong),
            **self._typed(),
            "wrong": self.wrong,
            "kept": [(name, value) for name in self.kept_names if (value := self.request.GET.get(name))],
            "now_href": self._page_url(period=Rolling.DAY.value) if window.fixed else "",
        }

    def _periods(self) -> list[tuple[str, str, bool]]:
        """The periods that are chosen most: of the calendar, and since the event of now was created."""
        window, zone = self.window, ZoneInfo(self.request.account.timezone)
        periods = [(_("Any time"), self._page_url(period=None), self.is_any_time)] if self.goes_without else []
        periods += [
            (_CALENDAR[each](), self._page_url(period=each.value), window.calendar is each and not self.wrong) for each in CalendarPeriod
        ]
        if event := current_event():
            today = timezone.now().astimezone(zone).date()
            first = max(event.created.astimezone(zone).date(), today - datetime.timedelta(days=MOST_DAYS - 1))
            query = {"from": first.isoformat(), "to": today.isoformat()}
            is_open = (window.first, window.last) == (first, today)
            periods.append((_("%(event)s so far") % {"event": event.code}, self._page_url(period=None, **query), is_open))
        return periods

    @property
    def _is_chosen(self) -> bool:
        """Whether the window is what the URL asks for, or the tab's default."""
        return not self.wrong and not self.is_any_time

    def _period_name(self) -> str:
        """The period in a word, for the button that opens the others; "" for one of the periods that stand beside it."""
        window = self.window
        if not self._is_chosen:
            return ""
        if window.rolling:
            return _PERIODS[window.rolling]()
        if window.days:
            return ngettext("%(n)d day", "%(n)d days", window.days) % {"n": window.days}
        return ""

    def _typed(self) -> dict[str, str]:
        """The values of the fields for another period: the present period, or the typed values if they are no period."""
        if self.wrong is not None:
            return {field: self.request.GET.get(name, "")[:40] for field, name in (("days", "days"), ("first", "from"), ("last", "to"))}
        window = self.window
        return {
            "days": str(window.days or ""),
            "first": window.first.isoformat() if window.first else "",
            "last": window.last.isoformat() if window.last else "",
        }

    def replays_context(self, replayed: int) -> dict[str, Any]:
        """The context of the sentence about replays in the head, with the link that counts them in or leaves them out.

        replayed: how many actions of the period are replays
        """
        if self.replays is ReplayShare.WITHOUT:
            return {
                "replays_text": _("Replays are left out."),
                "replays_link": _("Count them in"),
                "replays_href": self._page_url(replays=None),
            }
        if not replayed:
            return {}
        text = ngettext("%(n)s of the actions was a replay.", "%(n)s of the actions were replays.", replayed) % {"n": intcomma(replayed)}
        return {
            "replays_text": text,
            "replays_link": _("Leave them out"),
            "replays_href": self._page_url(replays=ReplayShare.WITHOUT.value),
        }

    def _stretch(self, since: int, until: int) -> str:
        """A column in words."""
        begin, end = self._local(since), self._local(until)
        if self.window.step >= DAY * MINUTE and (begin.hour, begin.minute) == (0, 0) and (end - begin).days <= 1:
            return date_text(begin, "j M Y")
        if begin.date() == end.date():
            return _("%(since)s to %(until)s") % {"since": date_text(begin, "H:i"), "until": date_text(end, "H:i")}
        return _("%(since)s to %(until)s") % {
            "since": date_text(begin, "j M, H:i"),
            "until": date_text(end, "j M, H:i"),
        }

    def _local(self, at: int) -> Any:
        return timezone.localtime(from_micros(at))

    def _query(self, **changed: str | None) -> str:
        """The query string of this page's period and mode, with changed parameters. None removes a parameter; another period, what is not kept."""
        names = self.kept_names if "period" in changed else (*PARAMETERS, *KEPT)
        current = {name: value for name in names if (value := self.request.GET.get(name))}
        query = {name: value for name, value in (current | changed).items() if value}
        return f"?{urlencode(query)}" if query else ""

    def _page_url(self, **changed: str | None) -> str:
        return self.request.path + self._query(**changed)


_CALENDAR = {
    CalendarPeriod.TODAY: lambda: _("Today"),
    CalendarPeriod.YESTERDAY: lambda: _("Yesterday"),
    CalendarPeriod.WEEK: lambda: _("This week"),
}
_PERIODS = {
    Rolling.MINUTES_15: lambda: _("Last 15 min"),
    Rolling.HOUR: lambda: _("Last hour"),
    Rolling.HOURS_4: lambda: _("Last 4 hours"),
    Rolling.DAY: lambda: _("Last 24 hours"),
    Rolling.WEEK: lambda: _("Last 7 days"),
    Rolling.MONTH: lambda: _("Last 30 days"),
}
