"""The report of a bench: one JSON object, or a readable table, with the changes since an earlier report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from heliograph.domain.errors import HeliographError

type BenchReport = Mapping[str, Any]
MACHINE: Final = "machine"
LEAST_SHOWN: Final = 1.0
"""Microseconds a delivery that a thread takes at least to be shown."""


class NotComparable(HeliographError):
    """This file is not a report of `heliograph bench --json`."""


def read_report(file: Path) -> BenchReport:
    """An earlier report. Raises NotComparable."""
    try:
        report = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise NotComparable(f"{file} cannot be read: {error}.") from None
    if not isinstance(report, dict) or MACHINE not in report:
        raise NotComparable(f"{file} is not a report of `heliograph bench --json`.")
    return report


def show(report: BenchReport, earlier: BenchReport | None, console: Console) -> None:
    """Prints the report.

    earlier: a report whose figures are shown beside the new ones
    """
    machine = report[MACHINE]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, {machine['database']},"
        f" load {machine['load']} at the start",
        style="dim",
    )
    console.print(f"The receiver alone takes {machine['receiver_per_s']:,.0f} requests/s.", style="dim")
    for name, figures in report.items():
        if name != MACHINE:
            console.print(_table(name, figures, (earlier or {}).get(name)))


def _table(name: str, figures: BenchReport, earlier: BenchReport | None) -> Table:
    table = Table(title=name, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column("")
    table.add_column("now", justify="right")
    beside = figures.get("beside")
    if beside:
        table.add_column(beside["what"], justify="right")
    if earlier:
        table.add_column("before", justify="right")
        table.add_column("now / before", justify="right")
    others = dict(_lines(beside)) if beside else {}
    before = dict(_lines(earlier)) if earlier else {}
    for what, value in _lines(figures):
        row = [what, _number(value)]
        if beside:
            row.append(_number(others[what]) if what in others else "")
        if earlier:
            was = before.get(what)
            row += [_number(was), f"{value / was:.2f}" if was else ""]
        table.add_row(*row)
    return table


def _lines(figures: BenchReport) -> Iterator[tuple[str, float]]:
    """Every figure with its name."""
    for name, words in (("deliveries_per_s", "deliveries/s"), ("floor_per_s", "bare libcurl, requests/s"), ("ratio", "ratio")):
        if name in figures:
            yield words, figures[name]
    for share, values in figures["latency_ms"].items():
        for percentile, value in values.items():
            yield f"{percentile} at {share} % of the rate, ms" if share.isdecimal() else f"{percentile} of {share}, ms", value
    for process, value in figures["cpu_us_per_delivery"].items():
        yield f"CPU of {process}, µs a delivery", value
    for thread, value in figures.get("thread_us_per_delivery", {}).items():
        if value >= LEAST_SHOWN:
            yield f"of which {thread}, µs", value
    for what, values in figures.get("batches", {}).items():
        yield f"batches {what} a second", values["per_s"]
        yield f"mean batch {what}", values["mean"]
    for path, values in figures.get("pages", {}).items():
        yield f"{path}, reads", values["read"]
        yield f"{path}, mean ms", values["ms"]
    for process, value in figures.get("idle_percent", {}).items():
        yield f"{process} with nothing to do, % of a core", value
    for process, value in figures.get("rss_mb", {}).items():
        yield f"memory of {process}, MB", value
    for name in ("lost", "duplicated"):
        if name in figures:
            yield name, figures[name]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1_000 else f"{value:,.3f}" if abs(value) < 1 else f"{value:,.1f}"
