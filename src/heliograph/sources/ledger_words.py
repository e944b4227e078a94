"""The ledger in words: its verdict, what each gap is and why, and what repairs it (S9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heliograph.accounts.languages import translated
from heliograph.deliveries.message_words import message_words
from heliograph.domain.source.call_documents import CallProblem
from heliograph.domain.source.ledger_rules import GapCause, GapKind, Repair
from heliograph.domain.source.silence import Doorbell, Silence
from heliograph.domain.source.source_states import CallState
from heliograph.sources.call_targets import CallTargets, problem_words
from heliograph.sources.ledger_gaps import Gap, PlaceInFile
from heliograph.sources.models import Source, SourceCall
from heliograph.sources.source_ledger import DOORBELL_DAYS, LedgerRow
from heliograph.sources.source_words import file_of, platform_name
from heliograph.store.instants import from_micros
from heliograph.store.refused_rows import WHOLE_FILE
from heliograph.web.templatetags.moments import short_moment

KINDS: Final = {
    GapKind.MISSING: gettext_lazy("Missing here"),
    GapKind.OLDER: gettext_lazy("Older here"),
    GapKind.ONLY_HERE: gettext_lazy("Only here"),
    GapKind.UNDELIVERED: gettext_lazy("Not delivered"),
}
TONES: Final = {GapKind.MISSING: "failed", GapKind.OLDER: "wait", GapKind.ONLY_HERE: "quiet", GapKind.UNDELIVERED: "wait"}
REPAIRS: Final = {
    Repair.RUN_AGAIN: gettext_lazy("Run the call again"),
    Repair.IMPORT_AGAIN: gettext_lazy("Import the rows again"),
    Repair.READ: gettext_lazy("Read it now"),
    Repair.SET_INACTIVE: gettext_lazy("Set inactive"),
    Repair.RETRY: gettext_lazy("Submit to Retry Queue"),
    Repair.NONE: "",
}
MOST_NAMED: Final = 3
"""Events that the verdict names."""


def verdict(rows: Sequence[LedgerRow]) -> str:
    """The ledger in one sentence or two."""
    gaps: dict[str, int] = {}
    for row in rows:
        gaps[row.event] = gaps.get(row.event, 0) + row.balance.gaps
    events = {event: count for event, count in gaps.items() if count}
    total, to_go = sum(events.values()), sum(row.flows.to_go for row in rows)
    messages = ngettext("%(n)s message is still to be sent.", "%(n)s messages are still to be sent.", to_go) % {"n": intcomma(to_go)}
    if not total:
        return _("Everything is here. %(messages)s") % {"messages": messages} if to_go else _("Everything is here and delivered.")
    count = ngettext("%(n)s gap", "%(n)s gaps", total) % {"n": intcomma(total)}
    largest = sorted(events.items(), key=lambda each: (-each[1], each[0]))[:MOST_NAMED]
    named = ", ".join(_("%(n)s in %(event)s") % {"n": intcomma(n), "event": event_name(event)} for event, n in largest)
    sentence = _("%(gaps)s: %(events)s.") % {"gaps": count, "events": named}
    if len(events) > MOST_NAMED:
        return f"{sentence} {_('More events have gaps.')}"
    return f"{sentence} {_('The others are complete.')}" if len(gaps) > len(events) else sentence


def event_name(event: str) -> str:
    """The code of an event, or what stands for one that cannot be read."""
    return event or _("an event that can’t be read")


def reason(gap: Gap, targets: CallTargets) -> tuple[str, str]:
    """Why there is a gap: a sentence, and what is known besides; "" for nothing."""
    match gap.verdict.cause:
        case GapCause.REFUSED if gap.place_in_file is not None:
            return _row_problem(gap.problems), _row_place(gap.place_in_file, gap.at)
        case GapCause.REFUSED:
            when = _("The call came %(time)s") % {"time": _moment(gap.at)}
            return (problem_words(gap.problems[0], targets) if gap.problems else _("A call with it is waiting.")), when
        case GapCause.KEPT:
            return _("A call with it is stored, and not recorded yet."), _("It is recorded next. If the source is paused, resume it.")
        case GapCause.LOST if gap.verdict.kind is GapKind.OLDER:
            theirs, ours = _moment(gap.theirs), _moment(gap.ours)
            if not ours:
                return _("Changed there %(theirs)s. No change of it was recorded here.") % {"theirs": theirs}, ""
            return _("Changed there %(theirs)s, ours is from %(ours)s.") % {"theirs": theirs, "ours": ours}, ""
        case GapCause.LOST:
            return _("The source has it, and no call with it is waiting."), _("It was removed here, or changed before we recorded it.")
        case GapCause.UNSEEN:
            times = ngettext("The last comparison did not find it there.", "The last %(n)s comparisons did not find it there.", gap.misses)
            return times % {"n": intcomma(gap.misses)}, _("The source is asked for it before it becomes inactive.")
        case GapCause.DELETED:
            return _("Deleted there, and active here again."), ""
        case GapCause.WAITS:
            return message_words(gap.message) or _("It waits for its next try."), _moment(gap.at)
        case GapCause.FAILED:
            return message_words(gap.message) or _("All tries are used up."), _moment(gap.at)
        case GapCause.INVALID:
            return message_words(gap.message) or _("The message could not be built."), _moment(gap.at)


def _row_problem(problems: Sequence[CallProblem]) -> str:
    """Why a row of a file was refused."""
    sentences = [f"{problem.path}: {translated(problem.reason)}" if problem.path else translated(problem.reason) for problem in problems]
    return " ".join(sentences) or _("The row was refused.")


def _row_place(place: PlaceInFile, at: int | None) -> str:
    """Where a refused row stands."""
    numbers = {"file": place.file, "line": intcomma(place.line), "time": _moment(at)}
    if place.line == WHOLE_FILE:
        return _("“%(file)s”, read %(time)s") % numbers
    return _("“%(file)s”, line %(line)s, read %(time)s") % numbers


def silence_words(silence: Silence) -> str:
    """That no call came for longer than usual, as the guess that it is."""
    usual = ngettext("usually %(n)s call comes in that time", "usually %(n)s calls come in that time", silence.usual)
    sentence = _("Silent since %(time)s; %(usual)s. This is a guess: it may just be a quiet day.")
    return sentence % {"time": _moment(silence.since), "usual": usual % {"n": intcomma(silence.usual)}}


def broken_words(source: Source, doorbell: Doorbell) -> str:
    """That the webhook of a source that is read is broken, which is certain."""
    numbers = {"platform": platform_name(source), "time": _moment(doorbell.broken_since), "n": intcomma(doorbell.unannounced)}
    return _("Your webhook at %(platform)s is broken since %(time)s.") % numbers


def doorbell_words(doorbell: Doorbell) -> str:
    """What calls announced, and what reading alone found."""
    total = doorbell.announced + doorbell.unannounced
    numbers = {"n": intcomma(doorbell.unannounced), "all": intcomma(total), "days": DOORBELL_DAYS}
    if not total:
        return _("Nothing changed in the last %(days)s days.") % numbers
    if not doorbell.unannounced:
        sentence = ngettext(
            "In the last %(days)s days a call announced the %(all)s change.",
            "In the last %(days)s days calls announced all %(all)s changes.",
            total,
        )
        return f"{sentence % numbers} {_('Reading found nothing else.')}"
    sentence = ngettext(
        "%(n)s of %(all)s changes of the last %(days)s days was not announced by a call. Reading found it.",
        "%(n)s of %(all)s changes of the last %(days)s days were not announced by a call. Reading found them.",
        doorbell.unannounced,
    )
    return sentence % numbers


def file_words(file: SourceCall) -> str:
    """What became of a file of a watched folder."""
    numbers = {"file": file_of(file).get("file", ""), "time": short_moment(file.at), "rows": intcomma(file.documents)}
    rows = ngettext("“%(file)s”, %(time)s: %(rows)s row", "“%(file)s”, %(time)s: %(rows)s rows", file.documents) % numbers
    if not file.refused:
        return rows if file.state == CallState.RECORDED else _("“%(file)s”, %(time)s: nothing was recorded") % numbers
    refused = ngettext("%(n)s was refused", "%(n)s were refused", file.refused) % {"n": intcomma(file.refused)}
    return _("%(rows)s, %(refused)s") % {"rows": rows, "refused": refused}


def file_state(file: SourceCall) -> str:
    """What is to be looked at of a file of a watched folder; "" if all is well."""
    if file.state != CallState.RECORDED:
        return _("Not imported")
    return _("Rows refused") if file.refused else ""


def announced(count: int) -> str:
    """Changes that calls announced, for a column of the chart."""
    return ngettext("%(n)s announced", "%(n)s announced", count) % {"n": intcomma(count)}


def unannounced(count: int) -> str:
    """Changes that reading alone found, for a column of the chart."""
    return ngettext("%(n)s found by reading only", "%(n)s found by reading only", count) % {"n": intcomma(count)}


def _moment(at: int | None) -> str:
    return "" if at is None else str(short_moment(from_micros(at)))


def left_out(count: int) -> str:
    """That refused rows were left out."""
    if not count:
        return _("This gap no longer exists.")
    return ngettext("%(n)s refused row is left out.", "%(n)s refused rows are left out.", count) % {"n": intcomma(count)}


def repaired(begun: int, not_begun: int, refused: str) -> str:
    """What became of a repair."""
    sentences = []
    if begun:
        sentences.append(ngettext("%(n)s repair has started.", "%(n)s repairs have started.", begun) % {"n": intcomma(begun)})
    if not_begun:
        text = ngettext("%(n)s gap can’t be repaired by this.", "%(n)s gaps can’t be repaired by this.", not_begun)
        sentences.append(text % {"n": intcomma(not_begun)})
    if refused:
        sentences.append(_(refused))
    return " ".join(sentences) or _("This gap no longer exists.")
