"""Account Insights: the tabs Summary and Troubleshooting (guide: Account Insights; X1-X3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries import outcome_numbers as numbers
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.domain.delivery.retry_policy import SEVERITY, Category
from heliograph.domain.figures import Figures, Measure
from heliograph.domain.registration.change import Facet
from heliograph.insights.period_figures import PeriodFigures
from heliograph.insights.record_kinds import RecordKind
from heliograph.insights.record_words import FACETS
from heliograph.insights.views.delivered_text import delivered_text
from heliograph.insights.views.destination_table import destination_rows
from heliograph.insights.views.insights_frame import Frame
from heliograph.insights.views.reason_rows import reason_rows, untagged_context, untagged_words
from heliograph.web.charts import Before, Bucket, ChartTable, OutcomePlots, Plot, Series, Slice, outcomes, pie, plot, row_bars
from heliograph.web.pages import page

NOT_REPORTED = "-"
"""Shown for a figure that no connection reports (X2)."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with the URL of its records, which is "" if it has none."""

    name: str
    value: int | str
    href: str = ""
    sub: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class PlotRow:
    """One of several charts with a common scale."""

    name: str
    value: int
    href: str
    plot: Plot
    sub: str = ""


@require_safe
def summary(request: AccountRequest, integration: str = "") -> HttpResponse:
    """The Summary tab."""
    frame = Frame.from_request(request, integration)
    if refusal := frame.refusal("summary"):
        return refusal
    with account_reader(request.account.pk, snapshot=True) as reader:
        frame = replace(frame, seen=reader.db.now())
        figures = frame.figures(reader)
        tiles = figures.tiles
        activity = {facet: values for facet, values in figures.activity().items() if any(values) or facet <= Facet.SESSION_STATUS_CHANGED}
        reports_leads = figures.reports_leads
        reasons, all_reasons = reason_rows(reader, frame)
        untagged = untagged_words(tiles.untagged, reader)
        before, line = frame.figures_before(reader), frame.delivered_before(reader)
        destinations = destination_rows(reader, frame, figures, before)
    success, failures = tiles.pie
    return page(
        request,
        "insights/summary.html",
        **frame.context("summary", tiles),
        **frame.replays_context(figures.replayed),
        answer=delivered_text(tiles.success, before.sums.success, frame.before_text),
        destinations=destinations,
        people_known=all(row["people"] is not None for row in destinations),
        hours_head=frame.columns_text,
        before_head=frame.before_heading if any(row["before"] for row in destinations) else "",
        hours=_hours(figures, frame, line),
        hours_legend=_outcome_legend(tiles, frame, line),
        hours_said=_("The line is the period before. Each column opens its records.") if line else "",
        tiles=_summary_tiles(tiles, frame, untagged, reports_leads=reports_leads),
        nothing=not tiles.changes and not tiles.triggered and not any(map(any, activity.values())),
        equation=_equation(tiles, frame),
        pie=pie(
            [
                Slice(_("Successes"), success, "ink", frame.number_at(RecordKind.SUCCESS, success)),
                Slice(_("Failures"), failures, "failed", frame.number_at(RecordKind.FAILURES, failures)),
            ],
            title=_("Processing Status"),
        ),
        legend=[
            (_("Successes"), "ink", success, frame.number_at(RecordKind.SUCCESS, success)),
            (_("Failures"), "failed", failures, frame.number_at(RecordKind.FAILURES, failures)),
        ],
        neither=_("%(superseded)s replaced by newer data, %(held)s held and %(pending)s being sent are in neither part.")
        % {"superseded": intcomma(tiles.superseded), "held": intcomma(tiles.held_count), "pending": intcomma(tiles.pending)},
        reasons=reasons,
        all_reasons=all_reasons,
        **untagged_context(tiles, frame, untagged),
        not_judged=tiles.not_judged,
        held=tiles.held_count,
        activity=_activity(activity, frame),
        activity_table=_activity_table(activity, frame),
    )


@require_safe
def troubleshooting(request: AccountRequest, integration: str = "") -> HttpResponse:
    """The Troubleshooting tab."""
    frame = Frame.from_request(request, integration)
    if refusal := frame.refusal("troubleshooting"):
        return refusal
    with account_reader(request.account.pk, snapshot=True) as reader:
        frame = replace(frame, seen=reader.db.now())
        figures = frame.figures(reader)
        tiles = figures.sums
        retries, delivered = figures.by_column(Measure.RETRIED), figures.by_column(Measure.RETRIED_OK)
        categories = figures.retried_by_category()
        connections, connections_table = _connections(figures, reader, frame)
        reasons, all_reasons = reason_rows(reader, frame)
        untagged = untagged_words(tiles.untagged, reader)
    calm = not (tiles.in_retry_queue or tiles.retried or tiles.abandoned or tiles.validation_errors)
    buckets = frame.buckets(RecordKind.RETRIES)
    return page(
        request,
        "insights/troubleshooting.html",
        **frame.context("troubleshooting", tiles),
        **frame.replays_context(figures.replayed),
        tiles=_trouble_tiles(tiles, frame, untagged),
        reasons=reasons,
        all_reasons=all_reasons,
        **untagged_context(tiles, frame, untagged),
        calm=calm,
        retries=_retry_plot(buckets, retries, delivered),
        retries_legend=[(_("Delivered"), "ink", sum(delivered)), (_("Failed again"), "failed", sum(retries) - sum(delivered))],
        retries_table=ChartTable(
            _("Retry Activity"),
            [_("From"), _("Retries"), _("Delivered"), _("Failed again")],
            [
                (bucket.words, [(number, bucket.href), (good, ""), (number - good, "")])
                for bucket, number, good in zip(buckets, retries, delivered, strict=True)
                if number
            ],
            [sum(retries), sum(delivered), sum(retries) - sum(delivered)],
        ),
        categories=row_bars(
            [
                (
                    _(category.value),
                    categories[category],
                    frame.records_at(RecordKind.RETRIES, category=category.value),
                    str(_CATEGORIES[category]),
                )
                for category in SEVERITY
            ]
        ),
        retried=tiles.retried,
        connections=connections,
        connections_table=connections_table,
    )


def _retry_plot(buckets: Sequence[Bucket], retries: Sequence[int], delivered: Sequence[int]) -> Plot:
    """The retries by column: those that delivered, and above them those that failed again."""
    failed = tuple(n - ok for n, ok in zip(retries, delivered, strict=True))
    return plot(
        buckets,
        [Series("ink", tuple(delivered), numbers.delivered), Series("failed", failed, numbers.failed_again)],
        title=_("Retry Activity"),
        height=96,
    )


def _hours(figures: PeriodFigures, frame: Frame, before: Before | None) -> OutcomePlots:
    """What became of the actions of each column, by their state now. Beside the period before, a day or week is whole."""
    delivered = Series("ink", figures.by_column(Measure.SUCCESS), numbers.delivered)
    undelivered = [
        Series("wait", figures.by_column(Measure.QUEUED), numbers.waiting),
        Series("failed", figures.by_column(Measure.FAILED), numbers.failed),
        Series("invalid", figures.by_column(Measure.VALIDATION), numbers.invalid),
    ]
    edges = frame.window.whole_edges(ZoneInfo(frame.request.account.timezone)) if before else frame.window.edges
    empty = 0 if before else frame.columns_before_account(edges, *(series.values for series in (delivered, *undelivered)))
    to_come = (0,) * (len(edges) - len(frame.window.edges))
    cut = [replace(series, values=(*series.values[empty:], *to_come)) for series in (delivered, *undelivered)]
    buckets, of_undelivered = (frame.buckets(kind, empty, edges) for kind in (RecordKind.SUCCESS, RecordKind.FAILURES))
    title = _("Delivered, and not delivered")
    return outcomes(buckets, cut[0], cut[1:], title=title, buckets_of_undelivered=of_undelivered, before=before)


def _outcome_legend(tiles: Figures, frame: Frame, before: Before | None) -> list[tuple[str, str, int, str]]:
    """The outcomes with their numbers, each with the page of its records. What there is nothing of is left out, except what was delivered."""
    parts = (
        (_("Delivered"), "ink", tiles.success, RecordKind.SUCCESS),
        (_("Waiting"), "wait", tiles.queued, RecordKind.QUEUED),
        (_("Failed"), "failed", tiles.failed, RecordKind.FAILED),
        (_("Invalid"), "invalid", tiles.validation, RecordKind.VALIDATION),
    )
    legend = [(name, tone, n, frame.number_at(kind, n) if n else "") for name, tone, n, kind in parts if n or tone == "ink"]
    if before:
        legend.insert(1, (before.name, "before", sum(before.values), ""))
    return legend


def _summary_tiles(tiles: Figures, frame: Frame, untagged: str, *, reports_leads: bool) -> list[Tile]:
    at = frame.number_at
    summary_tiles = [
        Tile(_("Changes Processed"), tiles.changes, at(RecordKind.CHANGES, tiles.changes), _("changes a flow looked at")),
        Tile(_("Unique Registrations"), tiles.unique, at(RecordKind.REGISTRATIONS, tiles.unique), _("people, each counted once")),
        Tile(_("Actions Triggered"), tiles.triggered, at(RecordKind.TRIGGERED, tiles.triggered), _("first sends only")),
    ]
    if tiles.not_triggered:
        parts = [_("%(n)s not selected") % {"n": intcomma(tiles.not_selected)}, untagged]
        if tiles.not_judged:
            parts.append(_("%(n)s not checked") % {"n": intcomma(tiles.not_judged)})
        sub = ", ".join(parts)
        summary_tiles.append(Tile(_("Actions Not Triggered"), tiles.not_triggered, at(RecordKind.NOT_TRIGGERED, tiles.not_triggered), sub))
    summary_tiles.append(
        Tile(_("Active Flows"), tiles.active_flows, at(RecordKind.FLOWS, tiles.active_flows), _("checked a change in this period"))
    )
    for name, value, kind in (
        (_("Leads Created"), tiles.leads_created, RecordKind.LEADS_CREATED),
        (_("Leads Updated"), tiles.leads_updated, RecordKind.LEADS_UPDATED),
    ):
        if reports_leads:
            summary_tiles.append(Tile(name, value, at(kind, value), _("as your CRM reports in its answers")))
        else:
            summary_tiles.append(Tile(name, NOT_REPORTED, sub=_("no response rule says which answers of a CRM mean it")))
    return summary_tiles


def _trouble_tiles(tiles: Figures, frame: Frame, untagged: str) -> list[Tile]:
    at = frame.number_at
    parts = [
        ngettext("%(n)s action", "%(n)s actions", tiles.queued) % {"n": intcomma(tiles.queued)},
        untagged,
    ]
    if tiles.undecided:
        parts.append(_("%(n)s not checked yet") % {"n": intcomma(tiles.undecided)})
    waiting = ", ".join(parts)
    return [
        Tile(
            _("In Retry Queue"),
            tiles.in_retry_queue,
            at(RecordKind.IN_RETRY_QUEUE, tiles.in_retry_queue),
            waiting,
            "wait" if tiles.in_retry_queue else "",
        ),
        Tile(_("Total Retried"), tiles.retried, at(RecordKind.RETRIES, tiles.retried), _("automatic and manual attempts")),
        Tile(
            _("Retried Abandoned"),
            tiles.abandoned,
            at(RecordKind.ABANDONED, tiles.abandoned),
            _("failed three retries"),
            "failed" if tiles.abandoned else "",
        ),
        Tile(
            _("Validation Errors"),
            tiles.validation_errors,
            at(RecordKind.VALIDATION_ERRORS, tiles.validation_errors),
            _("no retry can help"),
            "invalid" if tiles.validation_errors else "",
        ),
    ]


def _equation(tiles: Figures, frame: Frame) -> list[dict[str, Any]]:
    """The parts that add up to Actions Triggered."""
    parts = (
        (tiles.success, _("success"), "", RecordKind.SUCCESS),
        (tiles.superseded, _("replaced by newer data"), "", RecordKind.SUPERSEDED),
        (tiles.queued, _("waiting"), "wait", RecordKind.QUEUED),
        (tiles.failed, _("failed"), "failed", RecordKind.FAILED),
        (tiles.validation, _("invalid"), "invalid", RecordKind.VALIDATION),
        (tiles.held_count, _("held"), "wait", RecordKind.HELD),
        (tiles.pending, _("being sent"), "", RecordKind.PENDING),
    )
    whole = {"number": tiles.triggered, "word": _("triggered"), "tone": "", "href": frame.number_at(RecordKind.TRIGGERED, tiles.triggered)}
    return [
        whole,
        *({"number": n, "word": word, "tone": tone if n else "", "href": frame.number_at(kind, n)} for n, word, tone, kind in parts),
    ]


def _activity(activity: dict[Facet, tuple[int, ...]], frame: Frame) -> list[PlotRow]:
    top = max((n for values in activity.values() for n in values), default=0)
    rows = []
    for facet, values in activity.items():
        name = str(FACETS[facet])
        buckets = frame.buckets(RecordKind.RECORDED, facet=facet.value)
        chart = plot(buckets, [Series("ink", values, numbers.changes)], title=name, height=56, top=top, steps=2)
        sub = _("also created or updated") if facet is Facet.STATUS_CHANGED else ""
        rows.append(PlotRow(name, sum(values), frame.records_at(RecordKind.RECORDED, facet=facet.value), chart, sub))
    return rows


def _activity_table(activity: dict[Facet, tuple[int, ...]], frame: Frame) -> ChartTable:
    buckets = {facet: frame.buckets(RecordKind.RECORDED, facet=facet.value) for facet in activity}
    first = next(iter(buckets.values()), [])
    rows = [
        (bucket.words, [(values[column], buckets[facet][column].href) for facet, values in activity.items()])
        for column, bucket in enumerate(first)
        if any(values[column] for values in activity.values())
    ]
    return ChartTable(
        _("Registration Activity"),
        [_("From"), *(str(FACETS[facet]) for facet in activity)],
        rows,
        [sum(values) for values in activity.values()],
    )


def _connections(figures: PeriodFigures, reader: AccountReader, frame: Frame) -> tuple[list[PlotRow], ChartTable]:
    """The charts of Connection Activity, one for each connection, the busiest first; and their table."""
    figures_of = figures.connections()
    names = reader.connection_names(figures_of)
    top = max((ok + bad for each in figures_of.values() for ok, bad in zip(each.delivered, each.failed, strict=True)), default=0)
    rows, cells = [], []
    for id, each in sorted(figures_of.items(), key=lambda item: -sum(item[1].delivered) - sum(item[1].failed)):
        name = names.get(id, "")
        series = [Series("ink", each.delivered, numbers.delivered), Series("failed", each.failed, numbers.failed)]
        buckets = frame.buckets(RecordKind.ATTEMPTS, connection=id)
        chart = plot(buckets, series, title=name, height=56, top=top, steps=2)
        sub = ngettext(
            "%(failed)s failed, %(errors)s validation error", "%(failed)s failed, %(errors)s validation errors", each.validation
        ) % {
            "failed": intcomma(sum(each.failed)),
            "errors": intcomma(each.validation),
        }
        attempts = [ok + bad for ok, bad in zip(each.delivered, each.failed, strict=True)]
        rows.append(PlotRow(name, sum(attempts), frame.records_at(RecordKind.ATTEMPTS, connection=id), chart, sub))
        cells.append([(n, bucket.href) for n, bucket in zip(attempts, buckets, strict=True)])
    words = [bucket.words for bucket in frame.buckets(RecordKind.ATTEMPTS)]
    table = ChartTable(
        _("Connection Activity"),
        [_("From"), *(row.name for row in rows)],
        [(words[i], [each[i] for each in cells]) for i in range(len(words)) if any(each[i][0] for each in cells)],
        [row.value for row in rows],
    )
    return rows, table


_CATEGORIES: Final = {
    Category.SYSTEM: gettext_lazy("an error of Heliograph’s own"),
    Category.CONNECTION: gettext_lazy("the target didn’t answer"),
    Category.SOURCE_API: gettext_lazy("a source of registrations couldn’t be read"),
    Category.GENERAL: gettext_lazy("the target refused what it got"),
    Category.CONFIG: gettext_lazy("the key, the address or another setting is wrong"),
}
"""The categories of the guide in plain words."""
