"""Charts drawn on the server, as SVG without inline style: colours are classes, the baseline is zero, bars and slices link to their records.

Columns are stretched SVG and their labels HTML, so that text never shrinks. components/chart.html and chart_multiples.html draw a `Plot`,
chart_rows.html draws `RowBar`s, share.html a bar of `SharePart`s; `pie` is SVG by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

type Tone = Literal["ink", "ink-2", "ink-3", "wait", "failed", "invalid"]

LABELS = 6
"""The most labels of an axis that fit on a phone."""
THIN = 1.0
"""The least height of a bar that is not zero, in pixels. Heights are true to scale otherwise: what is rare has a chart of its own (`outcomes`)."""
AT_END = 12
"""A label within the last twelfth of a chart would be cut off if it stood in the middle of its column."""
THIN_PART = 0.6
"""The least length of a part of a share bar, in percent."""
THIN_SLICE = 0.015
"""The least share of a slice, so that it can be seen and clicked; the legend gives the number."""


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers that a chart shows in one colour."""

    tone: Tone
    values: Sequence[int]
    """One for each bucket."""
    words: Callable[[int], str]
    """A number in words: "3 failed"."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The span of time of a column."""

    label: str
    """On the axis; "" for none."""
    words: str
    """For the tooltip."""
    href: str
    """The page of its records."""
    is_chosen: bool = False
    """True for the one whose records the page shows. The others are drawn paler."""
    is_to_come: bool = False
    """True for one that has not begun."""


@dataclass(frozen=True, slots=True)
class Before:
    """The numbers of the period before, drawn as a line across each column."""

    name: str
    """That period: "Yesterday"."""
    values: Sequence[int]
    """One for each bucket."""
    words: Callable[[int], str]
    """A number in words: "3 delivered"."""


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """One column of a chart."""

    href: str
    """The page of its records; "" for an empty column, which the Tab key skips."""
    description: str
    rects: Sequence[tuple[str, str, str]]
    """(tone, y, height) in pixels of the plot, from the top."""
    label: str
    minor: bool
    """True for every second label, which a phone has no room for."""
    at_end: bool = False
    """True for a label so near to the end that it ends with its column."""
    is_chosen: bool = False
    before: str = ""
    """The place of the line of the period before, in pixels from the top; "" for none."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart of columns."""

    title: str
    height: int
    """In pixels."""
    columns: Sequence[ChartColumn]
    ticks: Sequence[str]
    """The numbers of the axis, from the top."""
    lines: Sequence[str]
    """The places of the ticks, in pixels from the top."""

    @property
    def has_links(self) -> bool:
        """Whether any column leads to its records."""
        return any(column.href for column in self.columns)


@dataclass(frozen=True, slots=True)
class OutcomePlots:
    """What became of each column: delivered above, and below it, on a scale of its own, what was not."""

    delivered: Plot
    undelivered: Plot | None
    """None if everything was delivered."""
    chosen: str = ""
    """The chosen column in words: "13:00 to 14:00: 12 delivered, 1 failed"; "" if none is chosen."""


@dataclass(frozen=True, slots=True)
class RowBar:
    """A row with one horizontal bar."""

    name: str
    value: int
    href: str
    width: str
    """In percent of the longest bar."""
    sub: str = ""
    tone: Tone = "ink"


@dataclass(frozen=True, slots=True)
class ChartTable:
    """A chart as a table, with a row for each column of the chart that is not empty. A cell is (number, URL of its records)."""

    caption: str
    head: Sequence[str]
    rows: Sequence[tuple[str, Sequence[tuple[int, str]]]]
    foot: Sequence[int]


@dataclass(frozen=True, slots=True)
class SharePart:
    """A part of a bar of proportions."""

    label: str
    value: int
    tone: Tone
    href: str = ""
    sub: str = ""
    begin: str = ""
    """Where it begins, in percent of the bar."""
    width: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    label: str
    value: int
    tone: Tone
    href: str


def scale_of(top: int, steps: int = 3) -> list[int]:
    """The numbers of an axis: 0 and about `steps` round steps up to at least `top`."""
    raw = max(top, 1) / steps
    power = 10 ** max(math.floor(math.log10(raw)), 0)
    step = next(int(factor * power) for factor in (1, 2, 5, 10) if factor * power >= raw)
    return list(range(0, math.ceil(max(top, 1) / step) * step + 1, step))


def plot(
    buckets: Sequence[Bucket],
    series: Sequence[Series],
    *,
    title: str,
    height: int = 144,
    top: int = 0,
    steps: int = 3,
    before: Before | None = None,
) -> Plot:
    """A chart with one column for each bucket.

    top: the end of a scale that several charts share; 0 for a scale of its own
    """
    totals = [sum(each.values[index] for each in series) for index in range(len(buckets))]
    scale = scale_of(top or max([*totals, *(before.values if before else ())], default=0), steps)
    labelled = [index for index, bucket in enumerate(buckets) if bucket.label]
    shown_labels = labelled[:: max(math.ceil(len(labelled) / LABELS), 1)]
    columns = []
    for index, bucket in enumerate(buckets):
        foot = float(height)
        rects: list[tuple[str, str, str]] = []
        for each in series:
            if value := each.values[index]:
                tall = max(height * value / scale[-1], THIN)
                foot -= tall + (1 if rects else 0)
                rects.append((each.tone, f"{max(foot, 0):.1f}", f"{tall:.1f}"))
        is_labelled = index in shown_labels
        columns.append(
            ChartColumn(
                bucket.href if totals[index] else "",
                _description(bucket, index, series, before),
                rects,
                bucket.label if is_labelled else "",
                minor=is_labelled and shown_labels.index(index) % 2 != 0,
                at_end=is_labelled and (index + 1) * AT_END > len(buckets) * (AT_END - 1) and index > 0,
                is_chosen=bucket.is_chosen,
                before=f"{height * (1 - before.values[index] / scale[-1]):.1f}" if before else "",
            )
        )
    return Plot(
        title, height, columns, [intcomma(tick) for tick in reversed(scale)], [f"{height * (1 - tick / scale[-1]):.1f}" for tick in scale]
    )


def outcomes(
    buckets: Sequence[Bucket],
    delivered: Series,
    undelivered: Sequence[Series],
    *,
    title: str,
    buckets_of_undelivered: Sequence[Bucket],
    before: Before | None = None,
) -> OutcomePlots:
    """The charts of what became of each column.

    buckets_of_undelivered: the columns with the pages of what was not delivered
    before: what was delivered in the period before
    """
    bad = None
    if any(any(series.values) for series in undelivered):
        bad = plot(buckets_of_undelivered, undelivered, title=_("Not delivered"), height=40, steps=2)
    chosen = next((index for index, bucket in enumerate(buckets) if bucket.is_chosen), None)
    return OutcomePlots(
        plot(buckets, [delivered], title=title, height=96, steps=2, before=before),
        bad,
        "" if chosen is None else _description(buckets[chosen], chosen, [delivered, *undelivered]),
    )


def _description(bucket: Bucket, index: int, series: Sequence[Series], before: Before | None = None) -> str:
    """What one column says, such as "13:00 to 14:00: 12 delivered, 1 failed", and the period before: ". Yesterday: 14 delivered"."""
    values = ", ".join(each.words(each.values[index]) for each in series if each.values[index])
    state = _("still to come") if bucket.is_to_come else values or _("nothing")
    text = _("%(name)s: %(state)s") % {"name": bucket.words, "state": state}
    if before is None:
        return text
    return f"{text}. " + _("%(name)s: %(state)s") % {"name": before.name, "state": before.words(before.values[index])}


def row_bars(rows: Sequence[tuple[str, int, str, str]]) -> list[RowBar]:
    """Rows of (name, value, href, sub) as bars on one scale. An empty bar is no link."""
    most = max((value for _name, value, *_rest in rows), default=0) or 1
    return [RowBar(name, value, href if value else "", f"{100 * value / most:.1f}", sub) for name, value, href, sub in rows]


def share(parts: Sequence[SharePart]) -> list[SharePart]:
    """The parts of a bar, as long as their numbers. One that is too thin to see is widened."""
    total = sum(part.value for part in parts) or 1
    lengths = [max(100 * part.value / total, THIN_PART) if part.value else 0.0 for part in parts]
    scale = sum(lengths) / 100 or 1
    begins = [sum(lengths[:index]) / scale for index in range(len(parts))]
    gap = 0.15
    return [
        replace(part, begin=f"{begin:.2f}", width=f"{max(length / scale - gap, 0):.2f}")
        for part, begin, length in zip(parts, begins, lengths, strict=True)
    ]


def pie(slices: Sequence[Slice], *, title: str, size: int = 120) -> SafeString:
    """A small pie. A slice too thin to see is widened."""
    visible_slices = [each for each in slices if each.value]
    total = sum(each.value for each in visible_slices) or 1
    shares = [max(each.value / total, THIN_SLICE) for each in visible_slices]
    centre, radius, angle, sectors = size / 2, size / 2 - 1, -math.pi / 2, []
    radius_text, centre_text, top = _number(radius), _number(centre), _number(centre - radius)

    def rim(at: float) -> str:
        """The point of the rim at an angle in radians."""
        return f"{_number(centre + radius * math.cos(at))} {_number(centre + radius * math.sin(at))}"

    for each, share in zip(visible_slices, shares, strict=True):
        turn = share / sum(shares) * 2 * math.pi
        description = _("%(name)s: %(state)s") % {"name": each.label, "state": intcomma(each.value)}
        # A slice links to its records, unless they have been deleted.
        opening = (
            format_html('<a href="{}" aria-label="{}">', each.href, description)
            if each.href
            else format_html('<g role="img" aria-label="{}">', description)
        )
        if turn >= 2 * math.pi - 1e-9:  # an arc cannot end where it begins
            path = f"M{centre_text} {top}A{radius_text} {radius_text} 0 1 1 {_number(centre - 0.1)} {top}Z"
        else:
            arc = f"A{radius_text} {radius_text} 0 {int(turn > math.pi)} 1 {rim(angle + turn)}"
            path = f"M{centre_text} {centre_text}L{rim(angle)}{arc}Z"
        sectors.append((opening, description, each.tone, path, SafeString("a" if each.href else "g")))
        angle += turn
    links = format_html_join("", '{}<title>{}</title><path class="slice fill-{}" d="{}"/></{}>', sectors)
    return format_html(
        '<svg class="pie" viewBox="0 0 {} {}" width="{}" height="{}" role="group" aria-label="{}">{}</svg>',
        size,
        size,
        size,
        size,
        title,
        links or mark_safe(""),
    )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class HourBars:
    """The hours of one row, small, on the row's own scale and true to it (components/hours.html)."""

    rects: Sequence[tuple[Tone, int, str, str]]
    """(tone, x, y, height) in pixels."""
    width: int
    height: int
    zero: str
    """The place of the zero line, in pixels from the top."""


def hour_bars(delivered: Sequence[int], undelivered: Sequence[int], *, columns: int = 0, height: int = 24) -> HourBars:
    """Bars of what was delivered in each hour; below them, a mark for each hour in which something was not: 3 % would not show as a height.

    columns: the width, where the last hours are still to come; 0 for as many as there are hours
    """
    top = max(delivered, default=0) or 1
    rects: list[tuple[Tone, int, str, str]] = []
    for column, (good, bad) in enumerate(zip(delivered, undelivered, strict=True)):
        if good:
            tall = max(height * good / top, THIN)
            rects.append(("ink", column * 4, f"{height - tall:.1f}", f"{tall:.1f}"))
        if bad:
            rects.append(("failed", column * 4, f"{height + 2}", "3"))
    return HourBars(rects, max(len(delivered), columns, 1) * 4, height + 6, f"{height + 0.5}")
