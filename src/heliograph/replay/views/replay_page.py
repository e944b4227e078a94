"""The context of replay/run.html: a replay at each of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.message_words import message_words
from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.domain.flow import sentence
from heliograph.domain.flow.flow import Flow
from heliograph.jobs.page import after_progress, error_text, how_far, length_text
from heliograph.replay import replays
from heliograph.replay.dry_run_lines import PARTS, DryRunLine, dry_run_page
from heliograph.replay.replay_words import SAYS, TONES, VERDICTS, selected
from heliograph.replay.replays import USUAL_RATE, ReplayState, SentCounts, Stage
from heliograph.replay.selection import Selection
from heliograph.store.instants import from_micros
from heliograph.web.confirmation import promise_of
from heliograph.web.cursor import Pager, read_cursor
from heliograph.web.field_names import flow_parts
from heliograph.web.forms import member_of

LIVE_STAGES = (Stage.CHECKING, Stage.WAITING, Stage.SENDING)
"""The stages in which the page refreshes itself."""


def replay_page(request: AccountRequest, reader: AccountReader, state: ReplayState) -> dict[str, Any]:
    """The context of a replay's page."""
    row, stage = state.replay, state.stage
    flow = reader.config.flows.get(row.flow_id)
    selection = Selection.from_json(row.selection)
    events = reader.events({selection.event} if selection.event is not None else ())
    event = next((config.code for config in events.values()), "")
    people = names_of_users(reader.account, [row.by, row.started_by, row.stopped_by])
    form_values = {"flow": row.flow_id} | ({"event": selection.event} if selection.event is not None else {})
    context: dict[str, Any] = {
        "replay": row,
        "stage": stage.value,
        "live": stage in LIVE_STAGES,
        "heading": _heading(stage),
        "about": ", ".join(
            part for part in ((flow.name if flow else row.flow_name) or _("Without a name"), selected(selection, event)) if part
        ),
        "sentence": flow_parts(flow, sentence.SentenceNames.from_config(reader.config)) if flow else [],
        "by": people.get(row.started_by or row.by, ""),
        "at": row.started or row.created,
        "reason": row.reason,
        "changed": replays.is_outdated(reader.config, state),
        "promise": send_promise(reader, state),
        "gone": flow is None,
        "again": f"{reverse('replay')}?{urlencode(form_values)}",
    }
    if stage in (Stage.CHECKING, Stage.CHECK_STOPPED):
        return context | {"progress": _check_progress(state), "error": error_text(state.check)}
    if stage is Stage.CHECKED:
        return context | _dry_run(request, reader, state, flow)
    return context | _sending(reader, state, people)


def send_promise(reader: AccountReader, state: ReplayState) -> str:
    """The promise of the button that sends (P15): the flow as it is now, with its connections, and whether the set-up was saved since the dry run.

    The lines of the dry run are not part of it, because they do not change.
    """
    flow = reader.config.flows.get(state.replay.flow_id)
    connections = (
        [
            reader.config.connections[id].name
            for destination in flow.destinations
            if (id := destination.connection) is not None and id in reader.config.connections
        ]
        if flow
        else []
    )
    return promise_of(state.replay.pk, flow and flow.number, connections, replays.is_outdated(reader.config, state))


def _heading(stage: Stage) -> str:
    return {
        Stage.WAITING: _("Replay waits"),
        Stage.SENDING: _("Replay is sending"),
        Stage.PAUSED: _("Replay is paused"),
        Stage.FAILED: _("Replay has stopped"),
        Stage.CANCELLED: _("Replay is cancelled"),
        Stage.DONE: _("Replay is done"),
    }.get(stage, _("Dry run"))


def _check_progress(state: ReplayState) -> dict[str, Any]:
    job = state.check
    total = max(int(job.total or 0), 1)
    return {
        "text": how_far(job),
        "done": min(100, job.done * 100 // total) if job.total else 0,
    }


def _dry_run(request: HttpRequest, reader: AccountReader, state: ReplayState, flow: Flow | None) -> dict[str, Any]:
    numbers = state.verdicts
    verdict = member_of(ReplayVerdict, request.GET.get("show"), state.first_verdict)
    lines = dry_run_page(reader, state.replay.pk, flow, verdict, read_cursor(request, PARTS))
    subjects = int(state.check.result.get("subjects", 0))
    # With the last deliveries over these connections the dry run compares.
    connections = [reader.config.connections.get(each.connection or 0) for each in flow.destinations] if flow else []
    changed = numbers[ReplayVerdict.NEW] + numbers[ReplayVerdict.DIFFERENT]
    pace = _("New and different: %(n)s, about %(time)s at %(rate)s a minute.")
    return {
        "total": ngettext("%(n)s record matches", "%(n)s records match", subjects) % {"n": intcomma(subjects)},
        "none": not sum(numbers.values()),
        "compared": ", ".join(dict.fromkeys(connection.name for connection in connections if connection)),
        "verdicts": [_verdict(each, numbers, state) for each in VERDICTS],
        "sendable": sum(n for each, n in numbers.items() if each.is_sent),
        "pace": changed and pace % {"n": f"{changed:,}", "time": length_text(timedelta(minutes=changed / USUAL_RATE)), "rate": USUAL_RATE},
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
        says = "; ".join(_("%(problem)s: %(n)s") % {"problem": message_words(text), "n": intcomma(n)} for text, n in problems)
    return {
        "value": verdict.value,
        "name": VERDICTS[verdict],
        "number": numbers[verdict],
        "says": says,
        "sent": verdict.is_sent and numbers[verdict] > 0,
        "tone": TONES.get(verdict, "") if numbers[verdict] else "",
        "href": f"?{urlencode({'show': verdict.value})}#lines",
    }


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


def _sending(reader: AccountReader, state: ReplayState, people: dict[str, str]) -> dict[str, Any]:
    counts = replays.sent_counts(reader.db, state)
    row, send = state.replay, state.send
    assert send is not None
    words = {"n": intcomma(counts.ended), "of": intcomma(counts.chosen), "unsent": intcomma(counts.not_sent)}
    text = (_("%(n)s of %(of)s; %(unsent)s not sent") if counts.not_sent else _("%(n)s of %(of)s")) % words
    if state.stage is Stage.WAITING:
        text = after_progress(text if send.done else "", send)
    return {
        "progress": {
            "label": _progress_label(state, people),
            "text": text,
            "done": min(100, counts.ended * 100 // max(counts.chosen, 1)),
            "live": state.stage is Stage.SENDING,
        },
        "error": error_text(send) if state.stage is Stage.FAILED else "",
        "tiles": _tiles(counts, row.flow_id),
        "sum": _sum(counts),
        "waits": counts.queued,
        "retry_href": f"{reverse('retry')}?flow={row.flow_id}&status=waiting",
        "feed_href": f"{reverse('feed')}?flow={row.flow_id}",
    }


def _progress_label(state: ReplayState, people: dict[str, str]) -> str:
    stopped = people.get(state.replay.stopped_by, "")
    if state.stage is Stage.WAITING:
        return _("Waiting to send, at most %(rate)s a minute") % {"rate": intcomma(state.replay.rate or 0)}
    if state.stage is Stage.SENDING:
        return _("Sending, at most %(rate)s a minute") % {"rate": intcomma(state.replay.rate or 0)}
    if state.stage is Stage.CANCELLED and stopped:
        return _("Cancelled by %(who)s") % {"who": stopped}
    return _heading(state.stage)


def _tiles(counts: SentCounts, flow: int) -> list[dict[str, Any]]:
    tiles = [
        {"name": _("Success"), "value": counts.success, "href": "", "sub": "", "tone": ""},
        {
            "name": _("Replaced by newer data"),
            "value": counts.superseded,
            "href": "",
            "sub": _("newer data was sent") if counts.superseded else "",
            "tone": "",
        },
        {
            "name": _("In Retry Queue"),
            "value": counts.queued,
            "href": f"{reverse('retry')}?flow={flow}&status=waiting" if counts.queued else "",
            "sub": "",
            "tone": "wait" if counts.queued else "",
        },
        {"name": _("Pending"), "value": counts.pending, "href": "", "sub": "", "tone": ""},
    ]
    if counts.not_sent:
        tiles.append(
            {"name": _("Not sent"), "value": counts.not_sent, "href": "", "sub": _("the replay was cancelled first"), "tone": "quiet"}
        )
    if counts.failed + counts.validation:
        href = f"{reverse('retry')}?flow={flow}&status=Failed" if counts.failed else ""
        tiles.append({"name": _("Failed"), "value": counts.failed + counts.validation, "href": href, "sub": "", "tone": "failed"})
    return tiles


def _sum(counts: SentCounts) -> str:
    """The equation of the chosen lines and their results (X2)."""
    parts = [
        (counts.success, _("%(n)s success")),
        (counts.superseded, _("%(n)s replaced")),
        (counts.queued, _("%(n)s queued")),
        (counts.failed, _("%(n)s failed")),
        (counts.validation, _("%(n)s validation")),
        (counts.pending, _("%(n)s pending")),
    ]
    parts += [(counts.filtered, _("%(n)s now filtered"))] if counts.filtered else []
    parts += [(counts.gone, _("%(n)s without stored content"))] if counts.gone else []
    parts += [(counts.not_sent, _("%(n)s not sent"))] if counts.not_sent else []
    return _("%(n)s chosen = %(parts)s") % {
        "n": intcomma(counts.chosen),
        "parts": " + ".join(text % {"n": intcomma(n)} for n, text in parts),
    }
