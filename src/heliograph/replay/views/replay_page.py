"""The context of replay/run.html: a replay at each of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.domain.flow import sentence
from heliograph.domain.flow.flow import Flow
from heliograph.jobs.page import how_far
from heliograph.replay import replays
from heliograph.replay.dry_run_lines import PARTS, DryRunLine, dry_run_page
from heliograph.replay.replays import ReplayState, SentCounts, Stage
from heliograph.replay.selection import Selection
from heliograph.replay.words import SAYS, TONES, VERDICTS, selected
from heliograph.store.moments import from_micros
from heliograph.web.confirmation import promise_of
from heliograph.web.cursor import Pager, read_cursor
from heliograph.web.forms import member_of

_FIRST = (
    *(ReplayVerdict.DIFFERENT, ReplayVerdict.NEW, ReplayVerdict.WOULD_FAIL),
    *(ReplayVerdict.SUPERSEDED, ReplayVerdict.FILTERED, ReplayVerdict.SAME),
)
"""Which verdict's lines are shown first: what a person wants to look at before sending."""


def replay_page(request: AccountRequest, of: AccountReader, state: ReplayState) -> dict[str, Any]:
    """What the page shows of a replay."""
    row, stage = state.replay, state.stage
    flow = of.config.flows.get(row.flow_id)
    selection = Selection.from_json(row.selection)
    events = of.events({selection.event} if selection.event is not None else ())
    event = next((found.code for found in events.values()), "")
    people = names_of_users(of.account, [row.by, row.started_by, row.stopped_by])
    shown: dict[str, Any] = {
        "replay": row,
        "stage": stage.value,
        "live": stage in (Stage.CHECKING, Stage.SENDING),
        "heading": _heading(stage),
        "about": ", ".join(
            part for part in ((flow.name if flow else row.flow_name) or _("Without a name"), selected(selection, event)) if part
        ),
        "sentence": sentence.parts(flow, sentence.SentenceNames.from_config(of.config), _) if flow else [],
        "by": people.get(row.started_by or row.by, ""),
        "at": row.started or row.created,
        "reason": row.reason,
        "changed": _is_outdated(of, state),
        "promise": send_promise(of, state),
        "gone": flow is None,
        "again": _again(row.flow_id, selection),
    }
    if stage in (Stage.CHECKING, Stage.CHECK_STOPPED):
        return shown | {"progress": _check_progress(state), "error": _(state.check.error) if state.check.error else ""}
    if stage is Stage.CHECKED:
        return shown | _dry_run(request, of, state, flow)
    return shown | _sending(of, state, people)


def send_promise(of: AccountReader, state: ReplayState) -> str:
    """What sending promises (P15): the flow as it is now, with its destinations, and whether the set-up was saved since the dry run. The dry run itself
    stays as it is."""
    flow = of.config.flows.get(state.replay.flow_id)
    connections = (
        [of.config.connections[id].name for d in flow.destinations if (id := d.connection) is not None and id in of.config.connections]
        if flow
        else []
    )
    return promise_of(state.replay.pk, flow and flow.number, connections, _is_outdated(of, state))


def _is_outdated(of: AccountReader, state: ReplayState) -> bool:
    return state.stage is Stage.CHECKED and state.replay.config_version not in (0, of.config.version)


def _heading(stage: Stage) -> str:
    return {
        Stage.SENDING: _("Replay is sending"),
        Stage.PAUSED: _("Replay is paused"),
        Stage.FAILED: _("Replay has stopped"),
        Stage.CANCELLED: _("Replay is cancelled"),
        Stage.DONE: _("Replay is done"),
    }.get(stage, _("Dry run"))


def _again(flow: int, selection: Selection) -> str:
    """The form with the same flow and event."""
    event = f"&event={selection.event}" if selection.event is not None else ""
    return f"{reverse('replay')}?flow={flow}{event}"


def _check_progress(state: ReplayState) -> dict[str, Any]:
    job = state.check
    total = max(int(job.total or 0), 1)
    return {
        "text": how_far(job),
        "done": min(100, job.done * 100 // total) if job.total else 0,
    }


def _dry_run(request: HttpRequest, of: AccountReader, state: ReplayState, flow: Flow | None) -> dict[str, Any]:
    numbers = state.verdicts
    usual = next((verdict for verdict in _FIRST if numbers[verdict]), ReplayVerdict.NEW)
    verdict = member_of(ReplayVerdict, request.GET.get("show"), usual)
    lines = dry_run_page(of, state.replay.pk, flow, verdict, read_cursor(request, PARTS))
    subjects = int(state.check.result.get("subjects", 0))
    return {
        "total": ngettext("%(n)s record matches", "%(n)s records match", subjects) % {"n": f"{subjects:,}"},
        "none": not sum(numbers.values()),
        "compared": _compared_with(of, flow),
        "verdicts": [_verdict(each, numbers, state) for each in VERDICTS],
        "sendable": sum(n for each, n in numbers.items() if each.is_sent),
        "show": verdict.value,
        "shown_title": f"{VERDICTS[verdict]}: {numbers[verdict]:,}",
        "may_tick": verdict.is_sent,
        "compares": verdict in (ReplayVerdict.NEW, ReplayVerdict.DIFFERENT),
        "lines": [_line(line) for line in lines.rows],
        "pager": Pager.from_page(request, lines, "", by_time=False),
    }


def _verdict(verdict: ReplayVerdict, numbers: Mapping[ReplayVerdict, int], state: ReplayState) -> dict[str, Any]:
    says = str(SAYS[verdict])
    if verdict is ReplayVerdict.WOULD_FAIL and (problems := state.check.result.get("problems")):
        says = "; ".join(_("%(problem)s: %(n)s") % {"problem": _(text), "n": f"{n:,}"} for text, n in problems)
    return {
        "value": verdict.value,
        "name": VERDICTS[verdict],
        "n": numbers[verdict],
        "says": says,
        "sent": verdict.is_sent and numbers[verdict] > 0,
        "tone": TONES.get(verdict, "") if numbers[verdict] else "",
        "href": f"?{urlencode({'show': verdict.value})}#lines",
    }


def _compared_with(of: AccountReader, flow: Flow | None) -> str:
    """The connections that are compared with, by name."""
    connections = [of.config.connections.get(d.connection or 0) for d in flow.destinations] if flow else []
    return ", ".join(dict.fromkeys(connection.name for connection in connections if connection))


def _line(line: DryRunLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "code": line.code,
        "who": line.who,
        "destination": line.destination,
        "href": "" if line.is_event or not line.event else reverse("timeline", args=(line.event, line.code)),
        "last": from_micros(line.last) if line.last else None,
        "fields": line.fields,
        "more": ngettext("and %(n)d more field", "and %(n)d more fields", line.more) % {"n": line.more} if line.more else "",
        "why": line.why,
    }


def _sending(of: AccountReader, state: ReplayState, people: dict[str, str]) -> dict[str, Any]:
    found = replays.sent_counts(of.db, state)
    row, send = state.replay, state.send
    assert send is not None
    words = {"n": f"{found.ended:,}", "of": f"{found.chosen:,}", "unsent": f"{found.not_sent:,}"}
    return {
        "progress": {
            "label": _progress_label(state, people),
            "text": (_("%(n)s of %(of)s; %(unsent)s not sent") if found.not_sent else _("%(n)s of %(of)s")) % words,
            "done": min(100, found.ended * 100 // max(found.chosen, 1)),
        },
        "error": _(send.error) if state.stage is Stage.FAILED and send.error else "",
        "tiles": _tiles(found, row.flow_id),
        "sum": _sum(found),
        "waits": found.queued,
        "retry_href": f"{reverse('retry')}?flow={row.flow_id}&status=waiting",
        "feed_href": f"{reverse('feed')}?flow={row.flow_id}",
    }


def _progress_label(state: ReplayState, people: dict[str, str]) -> str:
    stopped = people.get(state.replay.stopped_by, "")
    if state.stage is Stage.SENDING:
        return _("Sending, at most %(rate)s a minute") % {"rate": f"{state.replay.rate or 0:,}"}
    if state.stage is Stage.CANCELLED and stopped:
        return _("Cancelled by %(who)s") % {"who": stopped}
    return _heading(state.stage)


def _tiles(found: SentCounts, flow: int) -> list[dict[str, Any]]:
    tiles = [
        {"name": _("Success"), "value": found.success, "href": "", "sub": "", "tone": ""},
        {
            "name": _("Superseded"),
            "value": found.superseded,
            "href": "",
            "sub": _("newer data was sent") if found.superseded else "",
            "tone": "",
        },
        {
            "name": _("In Retry Queue"),
            "value": found.queued,
            "href": f"{reverse('retry')}?flow={flow}&status=waiting" if found.queued else "",
            "sub": "",
            "tone": "wait" if found.queued else "",
        },
        {"name": _("Pending"), "value": found.pending, "href": "", "sub": "", "tone": ""},
    ]
    if found.not_sent:
        tiles.append(
            {"name": _("Not sent"), "value": found.not_sent, "href": "", "sub": _("the replay was cancelled first"), "tone": "quiet"}
        )
    if found.failed + found.validation:
        href = f"{reverse('retry')}?flow={flow}&status=Failed" if found.failed else ""
        tiles.append({"name": _("Failed"), "value": found.failed + found.validation, "href": href, "sub": "", "tone": "failed"})
    return tiles


def _sum(found: SentCounts) -> str:
    """The equation of what was chosen (X2)."""
    parts = [
        (found.success, _("%(n)s success")),
        (found.superseded, _("%(n)s superseded")),
        (found.queued, _("%(n)s queued")),
        (found.failed, _("%(n)s failed")),
        (found.validation, _("%(n)s validation")),
        (found.pending, _("%(n)s pending")),
    ]
    parts += [(found.filtered, _("%(n)s filtered by now"))] if found.filtered else []
    parts += [(found.gone, _("%(n)s whose content is gone"))] if found.gone else []
    parts += [(found.not_sent, _("%(n)s not sent"))] if found.not_sent else []
    return _("%(n)s chosen = %(parts)s") % {"n": f"{found.chosen:,}", "parts": " + ".join(text % {"n": f"{n:,}"} for n, text in parts)}
