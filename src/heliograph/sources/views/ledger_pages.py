"""The ledger of all sources, and the one of an event with its gaps (S9)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.source.ledger_rules import FlowBalance, GapKind
from heliograph.domain.source.platforms import FOLDER
from heliograph.domain.source.silence import HOUR, Doorbell, HourOfChanges
from heliograph.domain.source.source_states import SourceState
from heliograph.domain.source.source_times import DAY
from heliograph.domain.spreadsheet_cells import without_formula
from heliograph.registrations.imports.preparation import load_known
from heliograph.setup.views.setup_frame import settings_page
from heliograph.sources import ledger_words as words
from heliograph.sources.call_targets import CallTargets
from heliograph.sources.ledger_gaps import Gap
from heliograph.sources.models import CallKind, Source, SourceCall
from heliograph.sources.source_ledger import (
    DAYS,
    MOST_GAPS,
    GapFilter,
    LedgerRow,
    SourceLedger,
    filtered_gaps,
    gap_page,
    is_cut,
    is_read,
    ledger_of,
)
from heliograph.sources.source_words import list_tabs
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import read_database
from heliograph.store.instants import from_micros
from heliograph.store.ledger_reads import hours_of_changes
from heliograph.web.charts import Bucket, ChartTable, Series, SharePart, Tone, plot, share
from heliograph.web.cursor import ROWS, Pager, read_cursor
from heliograph.web.date_texts import date_text
from heliograph.web.list_count import ListCount, many
from heliograph.web.list_filters import EnumFilter, Filter, IdFilter, ListFilters
from heliograph.web.templatetags.moments import short_moment

ENTRY: Final = "sources"
PLACE: Final = (int, int, int, int)
"""The types of a gap's place in its list."""


class GapFilters(ListFilters):
    """The filters of an event's gaps."""

    no_match = gettext_lazy("No gap matches")
    no_match_text = gettext_lazy("Nothing matches the filters. Change one of them.")
    show_all = gettext_lazy("Show all gaps")

    event = Filter(place="view")
    source = IdFilter(place="link")
    kind = EnumFilter(gettext_lazy("Gap"), GapKind, words.KINDS.__getitem__, every=gettext_lazy("All gaps"))

    @property
    def gap_filter(self) -> GapFilter:
        """The chosen filters, as the ledger takes them."""
        values = self.cleaned_data
        return GapFilter(values["event"], values["source"], values["kind"])


@require_safe
def ledger(request: AccountRequest) -> HttpResponse:
    """Each event and source: there, here, owed and delivered."""
    with read_database() as db:
        rows = ledger_of(db, request.account.pk).rows
    return settings_page(
        request,
        "sources/ledger.html",
        entry=ENTRY,
        tabs=list_tabs("ledger", sum(row.balance.gaps for row in rows)),
        is_bad=any(row.balance.gaps or row.flows.to_go for row in rows),
        verdict=words.verdict(rows),
        rows=[_row(row) for row in rows],
        folders=_folders(),
        days=DAYS,
    )


def _folders() -> list[Mapping[str, Any]]:
    """The watched folders, each with what became of its last file."""
    newest = SourceCall.objects.filter(source=OuterRef("pk"), kind=CallKind.FILE).order_by("-at", "-id").values("pk")[:1]
    folders = Source.objects.filter(deleted_at=None, platform=FOLDER).exclude(state=SourceState.DRAFT)
    ids = dict(folders.annotate(file=Subquery(newest)).values_list("pk", "file"))
    files = SourceCall.objects.defer("body").in_bulk([id for id in ids.values() if id is not None])
    return [_folder(source, files.get(ids.get(source.pk))) for source in folders]


def _folder(source: Source, file: SourceCall | None) -> Mapping[str, Any]:
    """A watched folder, with what became of its last file."""
    return {
        "name": source.name,
        "href": reverse("source", args=(source.pk,)),
        "says": words.file_words(file) if file is not None else _("No file was imported yet."),
        "state": "" if file is None else words.file_state(file),
    }


def event_url(event: str, **query: str) -> str:
    """The address of an event's ledger."""
    return reverse("ledger-event", query={"event": event, **query})


def _row(row: LedgerRow) -> Mapping[str, Any]:
    balance, flows = row.balance, row.flows
    gap_count = ListCount(balance.gaps, row.is_more)
    gaps = ngettext("%(n)s gap", "%(n)s gaps", balance.gaps) % {"n": many(gap_count)} if balance.gaps else ""
    to_go = [
        ("wait", ngettext("%(n)s waiting", "%(n)s waiting", flows.waiting), flows.waiting),
        ("failed", ngettext("%(n)s failed", "%(n)s failed", flows.failed), flows.failed),
        ("invalid", ngettext("%(n)s invalid", "%(n)s invalid", flows.invalid), flows.invalid),
    ]
    return {
        "event": words.event_name(row.event),
        "href": event_url(row.event),
        "is_first": row.is_first,
        "source": row.source.name,
        "source_href": reverse("source", args=(row.source.pk,)),
        "there": balance.there,
        "recorded": balance.recorded,
        "gaps": gaps,
        "gaps_href": event_url(row.event, source=str(row.source.pk)),
        "says": _complete(row.source),
        "compared": compared_at(row),
        "broken": words.broken_words(row.source, row.doorbell) if row.doorbell and row.doorbell.broken_since else "",
        "owed": flows.owed,
        "delivered": flows.delivered + flows.replaced,
        "to_go": [(tone, text % {"n": intcomma(count)}) for tone, text, count in to_go if count],
    }


def _complete(source: Source) -> str:
    """That nothing of a source is missing."""
    if source.platform == FOLDER:
        return _("All rows are recorded")
    return _("The same") if is_read(source) else _("All calls are recorded")


def compared_at(row: LedgerRow) -> str:
    """When a source was compared last, or that it is silent."""
    source = row.source
    if row.silence is not None:
        return words.silence_words(row.silence)
    if source.platform == FOLDER:
        return _("Last file taken %(time)s") % {"time": short_moment(source.last_read_at)} if source.last_read_at else ""
    if not is_read(source):
        return _("Last call taken %(time)s") % {"time": short_moment(source.last_call_at)} if source.last_call_at else ""
    return _("Read %(time)s") % {"time": short_moment(source.last_read_at)} if source.last_read_at else _("Not read yet")


# --- one event


@require_safe
def ledger_event(request: AccountRequest) -> HttpResponse:
    """The ledger of one event: its sources, its gaps, and what flows made of it."""
    filters = GapFilters(request)
    event = filters.cleaned_data["event"]
    with read_database() as db:
        account = ledger_of(db, request.account.pk)
        rows = [row for row in account.rows if row.event == event]
        if not rows and event not in account.event_ids:
            raise Http404
        page = gap_page(account, filters.gap_filter, read_cursor(request, PLACE), size=ROWS)
        total = ListCount(len(filtered_gaps(account, filters.gap_filter)), is_cut(account, filters.gap_filter))
        gaps = _gaps(db, request.account.pk, page.rows)
        flows = _flows(db, account, event)
        announced = [
            _announced(row, row.doorbell, hours_of_changes(db, row.source.pk, account.now - DAY), account.now)
            for row in rows
            if row.doorbell is not None
        ]
    can = may(request.user, Role.ADMINISTRATOR)
    kind = filters.cleaned_data["kind"]
    count = ngettext("%(n)s gap", "%(n)s gaps", total.number) % {"n": many(total)}
    cut = _("The list ends after %(n)s gaps of a source and %(n)s messages. Repair some, and the next ones are listed.")
    return settings_page(
        request,
        "sources/ledger_event.html",
        entry=ENTRY,
        event=event,
        heading=_("Ledger of %(event)s") % {"event": words.event_name(event)},
        can=can,
        compares=can and any(is_read(row.source) for row in rows),
        sources=[_source(row) for row in rows],
        filters=filters,
        result=count,
        gaps=gaps,
        cut=cut % {"n": intcomma(MOST_GAPS)} if total.is_more else "",
        repair_all=filters.address(reverse("ledger-repair-all")) if can and kind and total.number > 1 else "",
        csv_href=filters.address(reverse("ledger-gaps-file")),
        pager=Pager.from_page(request, page, count, by_time=False),
        flows=flows,
        announced=announced,
        days=DAYS,
    )


def _source(row: LedgerRow) -> Mapping[str, Any]:
    """A source's part of the page: what is there and here."""
    balance, numbers = row.balance, {"source": row.source.name, "here": intcomma(row.balance.recorded)}
    if balance.there is None:
        title = _("%(source)s: %(here)s here") % numbers
        says = _("It can’t be counted there. Its calls are compared with what was recorded.")
        if row.source.platform == FOLDER:
            says = _(
                "A file may leave out registrations, so they can’t be counted there. The rows of its files are compared with what was recorded."
            )
    else:
        title = _("%(source)s: %(there)s there, %(here)s here") % {**numbers, "there": intcomma(balance.there)}
        says = _("Every registration by its key and time of change.")
    counts: list[tuple[GapKind, int, Tone]] = [
        (GapKind.OLDER, balance.older, "wait"),
        (GapKind.MISSING, balance.missing, "failed"),
        (GapKind.ONLY_HERE, balance.only_here, "ink-3"),
    ]
    parts = [
        SharePart(str(words.KINDS[kind]), count, tone, event_url(row.event, source=str(row.source.pk), kind=kind))
        for kind, count, tone in counts
    ]
    return {
        "id": row.source.pk,
        "href": reverse("source", args=(row.source.pk,)),
        "title": title,
        "says": f"{says} {compared_at(row)}",
        "share": share([SharePart(_("The same"), balance.equal, "ink"), *parts]) if balance.there else [],
        "parts": [part for part in parts if part.value],
        "broken": words.broken_words(row.source, row.doorbell) if row.doorbell and row.doorbell.broken_since else "",
    }


def _announced(row: LedgerRow, doorbell: Doorbell, hours: Sequence[HourOfChanges], now: int) -> Mapping[str, Any]:
    """What calls announced of a source that is read, and what reading alone found, by the hours of the last day."""
    by_hour = {hour.hour: hour for hour in hours}
    begins = [now // HOUR * HOUR - HOUR * ago for ago in reversed(range(24))]
    counted = [by_hour.get(begin, HourOfChanges(begin)) for begin in begins]
    buckets = [Bucket(*_hour_words(begin), "") for begin in begins]
    announced, unannounced = [hour.announced for hour in counted], [hour.unannounced for hour in counted]
    title = _("Last 24 hours, by the hour")
    is_drawn = any(announced) or any(unannounced)
    series = [Series("ink", announced, words.announced), Series("wait", unannounced, words.unannounced)]
    names = (_("Announced by a call"), _("Found by reading only"))
    return {
        "id": row.source.pk,
        "href": reverse("source", args=(row.source.pk,)),
        "title": _("What %(source)s announced") % {"source": row.source.name},
        "says": words.doorbell_words(doorbell),
        "broken": words.broken_words(row.source, doorbell) if doorbell.broken_since else "",
        "plot": plot(buckets, series, title=title, height=96) if is_drawn else None,
        "legend": [(names[0], "ink", sum(announced)), (names[1], "wait", sum(unannounced))],
        "table": ChartTable(
            title,
            [_("From"), *names],
            [
                (bucket.words, [(hour.announced, ""), (hour.unannounced, "")])
                for bucket, hour in zip(buckets, counted, strict=True)
                if hour.announced or hour.unannounced
            ],
            [sum(announced), sum(unannounced)],
        ),
    }


def _hour_words(begin: int) -> tuple[str, str]:
    """An hour on an axis, and in a sentence."""
    local = timezone.localtime(from_micros(begin))
    return date_text(local, "H:i"), date_text(local, "j M, H:i")


def _gaps(db: Database, account: int, gaps: Sequence[Gap]) -> list[Mapping[str, Any]]:
    """Gaps as rows of the page."""
    targets = CallTargets(load_known(db, Committed(db), account))
    reader = AccountReader(db, account)
    people = reader.people(gap.registration for gap in gaps)
    flows = reader.flow_names([gap.flow for gap in gaps if gap.flow is not None])
    rows: list[Mapping[str, Any]] = []
    for gap in gaps:
        why, more = words.reason(gap, targets)
        person = people.get(gap.registration) if gap.registration is not None else None
        code = gap.code or (person.code if person else "")
        rows.append(
            {
                "key": gap.key,
                "code": code or gap.item_key or _unnamed(gap),
                "leave_out": "" if gap.place_in_file is None else reverse("ledger-leave-out", query={"event": gap.event, "gap": gap.key}),
                "who": person.name if person else "",
                "href": _href(gap, code),
                "kind": words.KINDS[gap.verdict.kind],
                "tone": words.TONES[gap.verdict.kind],
                "flow": flows.get(gap.flow, "") if gap.flow is not None else "",
                "reason": why,
                "more": more,
                "repair": words.REPAIRS[gap.verdict.repair],
            }
        )
    return rows


def _unnamed(gap: Gap) -> str:
    """What stands for the code of a registration that cannot be read."""
    if gap.place_in_file is not None and not gap.is_of_row:
        return gap.place_in_file.file
    return _("A registration that can’t be named")


def _href(gap: Gap, code: str) -> str:
    """Where a gap leads: to its message, its call, its registration, or nowhere."""
    if gap.verdict.kind is GapKind.UNDELIVERED:
        return reverse("retry-item", args=(gap.key,))
    if gap.call is not None and gap.source is not None:
        return reverse("source-call", args=(gap.source, gap.call))
    return reverse("registration", args=(gap.event, code)) if gap.registration is not None and gap.event and code else ""


def _flows(db: Database, account: SourceLedger, event: str) -> list[Mapping[str, Any]]:
    """What each flow made of the event's changes."""
    event_id = account.event_ids.get(event)
    balances = {} if event_id is None else account.flows(event_id)
    names = AccountReader(db, account.account).flow_names(balances)
    named = sorted(
        ((names.get(flow, ""), flow, balance) for flow, balance in balances.items()), key=lambda each: (each[0].casefold(), each[1])
    )
    return [_flow(name, flow, event_id or 0, balance) for name, flow, balance in named]


def _flow(name: str, flow: int, event: int, balance: FlowBalance) -> Mapping[str, Any]:
    def records(kind: str) -> str:
        return reverse("records", args=(kind,), query={"flow": flow, "event": event, "period": "30d"})

    return {
        "name": name,
        "href": reverse("flow", args=(flow,)),
        "changes": balance.changes,
        "not_looked_at": balance.not_looked_at,
        "acted_on": balance.acted_on if balance.acted_on != balance.owed else 0,
        "columns": [
            (_("Filtered out"), balance.filtered, records("not-triggered"), ""),
            (_("Owed"), balance.owed, records("triggered"), ""),
            (_("Delivered"), balance.delivered, records("success"), ""),
            (_("Replaced"), balance.replaced, records("superseded"), ""),
            (_("Waiting"), balance.waiting, reverse("retry", query={"flow": flow, "event": event}), "wait"),
            (_("Failed"), balance.failed, records("failed"), "failed"),
            (_("Invalid"), balance.invalid, records("validation"), "invalid"),
            (_("Erased"), balance.erased, "", ""),
        ],
    }


@require_safe
@needs(Role.PLANNER)
def ledger_gaps_file(request: AccountRequest) -> HttpResponse:
    """The gaps that match the filters as CSV, all of them."""
    filters = GapFilters(request)
    if refusal := filters.refuse_unread(event_url(filters.cleaned_data["event"])):
        return refusal
    with read_database() as db:
        gaps = filtered_gaps(ledger_of(db, request.account.pk), filters.gap_filter)
        rows = _gaps(db, request.account.pk, gaps)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_("Registration"), _("Name"), _("Gap"), _("Flow"), _("Reason"), _("Repair")])
    for row in rows:
        cells = [row[name] for name in ("code", "who", "kind", "flow", "reason", "repair")]
        writer.writerow([without_formula(str(cell)) for cell in cells])
    response = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="gaps.csv"'
    return response
