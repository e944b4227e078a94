"""The words for a trial on past changes (flows/past.html)."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.languages import translated
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.flow.flow import Flow
from heliograph.flows.past_trial import PastChange, PastTrial, PastVerdict
from heliograph.store.instants import from_micros

SHOWN: Final = 5
"""Rows that are visible at first; the others are collapsed."""
MOST_SHOWN: Final = 200
"""Most rows altogether: the newest."""


def past_context(trial: PastTrial, reader: AccountReader, flow: Flow) -> dict[str, Any]:
    """The context of flows/past.html:

    answer       how many changes each rule sends
    notes        what restricts the answer
    shares       (word, number) for each verdict
    fails        how many changes would fail
    fails_say    their most frequent problems
    rows, more   the changes that differ or would fail: those visible at first, and the collapsed ones
    all          how many there are
    cut          whether there are more than are shown
    """
    if not trial.changes_tried:
        return {"answer": _("No change that it watches for was recorded yet.")}
    rows = _rows(trial.notable[:MOST_SHOWN], reader, flow)
    notable, failing = len(trial.notable), trial.failing
    return {
        "answer": _answer(trial),
        "notes": _notes(trial, off=not flow.active),
        "shares": _shares(trial),
        "fails": ngettext("%(n)s would fail", "%(n)s would fail", len(failing)) % {"n": intcomma(len(failing))} if failing else "",
        "fails_say": "; ".join(
            translated(text) for text, _n in Counter(problem for row in failing for problem in row.problems).most_common(3)
        ),
        "rows": rows[:SHOWN],
        "more": rows[SHOWN:],
        "all": ngettext("%(n)s that differs or would fail", "All %(n)s that differ or would fail", notable) % {"n": intcomma(notable)},
        "cut": notable > MOST_SHOWN,
    }


def _answer(trial: PastTrial) -> str:
    """How many changes the edited rule would send, and how many today's rule sends."""
    facts = {"looked": intcomma(trial.changes_tried), "would": intcomma(trial.would_send), "sends": intcomma(trial.sends)}
    first = ngettext(
        "Of the last %(looked)s change that it watches for, this rule would send %(would)s.",
        "Of the last %(looked)s changes that it watches for, this rule would send %(would)s.",
        trial.changes_tried,
    )
    if not trial.in_force:
        return first % facts
    return (first + " " + _("Today’s rule sends %(sends)s.")) % facts


def _notes(trial: PastTrial, *, off: bool) -> list[str]:
    notes = []
    if off:
        notes.append(_("Shown as if it were on: it is off."))
    if not trial.in_force:
        notes.append(_("No rule of this flow is in force yet."))
    if trial.gone:
        notes.append(
            ngettext("The content of %(n)s is no longer stored.", "The content of %(n)s is no longer stored.", trial.gone)
            % {"n": intcomma(trial.gone)}
        )
    return notes


def _shares(trial: PastTrial) -> list[tuple[str, str]]:
    """How many changes both rules send, and how many only one of them; empty if no rule is in force."""
    if not trial.in_force:
        return []
    shares = (
        (_("By both"), trial.count(PastVerdict.BOTH)),
        (_("Only by this rule"), trial.count(PastVerdict.GAINED)),
        (_("Only by today’s"), trial.count(PastVerdict.LOST)),
    )
    return [(word, intcomma(n)) for word, n in shares]


def _rows(rows: list[PastChange], reader: AccountReader, flow: Flow) -> list[dict[str, Any]]:
    people = reader.people(row.registration for row in rows)
    stored = flow.id in reader.config.flows
    context_rows = []
    for row in rows:
        person = people.get(row.registration) if row.registration is not None else None
        timeline = reverse("timeline", args=(row.event.code, person.code)) if person else ""
        tone, word = "success", _("Sent now, too") if stored else _("Would be sent")
        if row.problems:
            tone, word = "invalid", _("Would fail")
        elif row.verdict is PastVerdict.LOST:
            tone, word = "quiet", _("No longer sent")
        context_rows.append(
            {
                "who": (person.name or person.code) if person else row.event.state.name,
                "href": reverse("why", args=(row.id, flow.id)) if stored else timeline,
                "what": delivery_words.happened(row.change, reader.config, row.event),
                "at": from_micros(row.at),
                "tone": tone,
                "word": word,
                "problem": "; ".join(map(translated, row.problems)),
            }
        )
    return context_rows
