"""Sources in words: their platform, how they are, and what became of their calls (S1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heliograph.accounts.actors import Actors
from heliograph.accounts.languages import translated
from heliograph.deliveries.message_words import message_words
from heliograph.domain.sentence_template import Sentence, sentence_in
from heliograph.domain.source.certain import CERTAIN
from heliograph.domain.source.eventbrite import EVENTBRITE
from heliograph.domain.source.platforms import COMMAND, FOLDER, PLATFORMS, REST, WEBHOOK, Way, has_described_list
from heliograph.domain.source.pretix import PRETIX
from heliograph.domain.source.source_health import SourceHealth
from heliograph.domain.source.source_states import CallState
from heliograph.domain.source.watched_folder import FolderProgress
from heliograph.sources.folder_place import folder_name
from heliograph.sources.models import CallKind, Source, SourceCall
from heliograph.sources.services.pretix_setup import next_step, setup_of
from heliograph.sources.source_list import SourceRow, progress_of
from heliograph.web.templatetags.inline_components import status
from heliograph.web.templatetags.moments import clock_minute, short_moment

PLATFORM_NAMES: Final = {
    WEBHOOK: gettext_lazy("Any webhook"),
    REST: gettext_lazy("Any REST list"),
    FOLDER: gettext_lazy("Watched folder"),
    COMMAND: gettext_lazy("Program"),
}
WAYS: Final = {
    Way.CALLED: gettext_lazy("calls us"),
    Way.READ: gettext_lazy("is read"),
    Way.FILES: gettext_lazy("takes files"),
    Way.RUN: gettext_lazy("is run"),
}
TONES: Final = {
    SourceHealth.PAUSED: ("wait", ""),
    SourceHealth.DRAFT: ("wait", "missing"),
    SourceHealth.FAILING: ("failed", ""),
    SourceHealth.ASKS: ("wait", "warn"),
    SourceHealth.REFUSING: ("failed", ""),
    SourceHealth.BROKEN: ("wait", "warn"),
    SourceHealth.OPEN: ("failed", "warn"),
    SourceHealth.FILE_FAILED: ("failed", ""),
    SourceHealth.WELL: ("", ""),
}
"""The tone and the sign of each health."""
CALL_STATES: Final = {
    CallState.STORED: (gettext_lazy("Kept"), ""),
    CallState.RECORDED: ("", ""),
    CallState.WAITING: (gettext_lazy("Waiting"), "wait"),
    CallState.NOTHING: (gettext_lazy("Nothing to record"), ""),
}


@dataclass(frozen=True, slots=True)
class HealthWords:
    """How a source is. fix: a link for Administrators that cures it, as (words, href); ("", "") if there is none."""

    word: str
    alert: str
    tone: str
    icon: str
    says: str
    fix: tuple[str, str] = ("", "")


def platform_name(source: Source) -> str | Promise:
    """The platform's name."""
    named = PLATFORMS.get(source.platform)
    return (named.name if named is not None else source.platform) or PLATFORM_NAMES[source.platform]


def kind(source: Source) -> str:
    """The platform and how it comes: "Tito, calls us"."""
    platform = PLATFORMS.get(source.platform)
    way = _("is read and calls us") if platform is not None and platform.has_doorbell else WAYS[way_of(source)]
    return _("%(platform)s, %(way)s") % {"platform": platform_name(source), "way": way}


def way_of(source: Source) -> Way:
    """How the registrations of a source come."""
    return PLATFORMS[source.platform].way if source.platform in PLATFORMS else Way.READ


def health(row: SourceRow, actors: Actors) -> HealthWords:
    """How a source is, with the one thing to do about it."""
    source = row.source
    word = _doing(row)
    tone, icon = TONES[row.health]
    match row.health:
        case SourceHealth.PAUSED:
            says = _("By %(name)s, %(when)s. When you resume, it continues where it stopped.") % {
                "name": actors.name(source.paused_by),
                "when": short_moment(source.paused),
            }
            return HealthWords(word, _("Paused"), tone, icon, says)
        case SourceHealth.DRAFT:
            if way_of(source) is Way.FILES:
                says = _("Nothing is imported yet. Choose how the columns of its files are read, then switch it on.")
                fix = (_("Choose the columns"), reverse("source-folder", args=(source.pk,)))
                return HealthWords(_("Nothing yet"), _("Not switched on"), tone, icon, says, fix)
            word = _kept(row.day.stored) if row.day.stored else _("Nothing yet")
            if source.platform == PRETIX:
                fix = (_("Continue the set-up"), reverse(next_step(source), args=(source.pk,)))
                return HealthWords(word, _("Not switched on"), tone, icon, _("Nothing is recorded yet. Your set-up so far is saved."), fix)
            says = _("Nothing is recorded yet. Finish the mapping, then switch it on.")
            fix = (_("Finish the mapping"), reverse("source-mapping", args=(source.pk,)))
            return HealthWords(word, _("Not switched on"), tone, icon, says, fix)
        case SourceHealth.FAILING:
            alert = _("Can’t be read since %(time)s") % {"time": clock_minute(source.failing_since)}
            return HealthWords(word, alert, tone, icon, failure_words(source))
        case SourceHealth.ASKS:
            progress = progress_of(source)
            alert = _("Asks about missing registrations")
            says = _("%(missing)s of %(known)s are no longer in its list. That is so many that somebody has to decide.") % {
                "missing": intcomma(progress.missing),
                "known": intcomma(progress.known),
            }
            return HealthWords(word, alert, tone, icon, says, (_("Decide"), reverse("source-missing", args=(source.pk,))))
        case SourceHealth.REFUSING:
            since = min(each.first_at for each in row.day.refusals)
            alert = _("Refusing calls since %(time)s") % {"time": clock_minute(since)}
            says = _("They don’t prove themselves as they should. Was the secret changed at the sender?")
            return HealthWords(word, alert, tone, icon, says, (_("Address and secret"), reverse("source-proof", args=(source.pk,))))
        case SourceHealth.BROKEN:
            alert = _("Webhook broken since %(time)s") % {"time": clock_minute(row.broken_since)}
            says = _("%(platform)s no longer tells us about changes. They still arrive with the next reading.")
            return HealthWords(word, alert, tone, icon, says % {"platform": platform_name(source)})
        case SourceHealth.OPEN:
            says = _("Anyone who knows the address can send registrations.")
            fix = (_("Choose how it proves itself"), reverse("source-proof", args=(source.pk,)))
            return HealthWords(word, _("No verification"), tone, icon, says, fix)
        case SourceHealth.FILE_FAILED:
            return HealthWords(word, _("A file was not imported"), tone, icon, _failed_file_words(source))
        case SourceHealth.WELL:
            return _new_in_pretix(row, word) or HealthWords(word, "", tone, icon, "")


def _new_in_pretix(row: SourceRow, word: str) -> HealthWords | None:
    """What to do about products and questions that nobody has matched; None if there are none."""
    source = row.source
    names = list(setup_of(source).new_parts.values()) if source.platform == PRETIX else []
    match = (_("Match"), reverse("source-pretix-match", args=(source.pk,)))
    if source.platform == PRETIX and not names and row.day.waiting:
        says = _("Most often pretix has something new, such as a product: look again, and match it. Then waiting orders run automatically.")
        return HealthWords(word, _("Orders wait"), "wait", "warn", says, match)
    if not names:
        return _new_events(row, word)
    says = ngettext("“%(name)s” is not matched yet.", "“%(name)s” and %(n)d more are not matched yet.", len(names))
    words = says % {"name": names[0], "n": len(names) - 1}
    return HealthWords(word, _("New in pretix"), "wait", "warn", words, match)


def _new_events(row: SourceRow, word: str) -> HealthWords | None:
    """What to do about events that came to pretix since somebody has chosen its events; None if there are none."""
    if row.source.platform != PRETIX:
        return None
    setup = setup_of(row.source)
    names = [event.name if (event := setup.catalogue.event(key)) else key for key in setup.new_events]
    if not names:
        return None
    says = ngettext(
        "The event “%(name)s” is new there, and is not read.",
        "The event “%(name)s” and %(n)d more are new there, and are not read.",
        len(names),
    )
    fix = (_("Choose events"), reverse("source-pretix-events", args=(row.source.pk,)))
    return HealthWords(word, _("New in pretix"), "wait", "warn", says % {"name": names[0], "n": len(names) - 1}, fix)


def _doing(row: SourceRow) -> str:
    match way_of(row.source):
        case Way.CALLED:
            return _("Receiving")
        case Way.FILES:
            return _("Watching its folder")
        case Way.RUN:
            minutes = row.settings.get("command", {}).get("every", 60)
            return ngettext("Running every minute", "Running every %(n)d min", minutes) % {"n": minutes}
        case Way.READ:
            return _every(row)


def _failed_file_words(source: Source) -> str:
    failed = FolderProgress.from_body(json.loads(source.cursor or "{}")).failed
    return (
        "" if failed is None else _("“%(file)s” is in the folder failed. %(why)s") % {"file": failed.name, "why": translated(failed.words)}
    )


def failure_words(source: Source) -> str:
    """Why the last reading failed; "" if it did not."""
    stored: Mapping[str, Any] = json.loads(source.failure) if source.failure else {}
    words = sentence_in(stored, "words")
    return translated(words) if isinstance(words, Sentence) else message_words(words)


def _every(row: SourceRow) -> str:
    minutes = int((row.settings.get("list") or row.settings.get(PRETIX) or {}).get("every", 5))
    return ngettext("Reading every minute", "Reading every %(n)d min", minutes) % {"n": minutes}


def _kept(count: int) -> str:
    return ngettext("%(n)s call kept", "%(n)s calls kept", count) % {"n": intcomma(count)}


def last_facts(source: Source) -> list[tuple[str, str]]:
    """When it last brought something: (name, time)."""
    facts = []
    if source.last_call_at is not None:
        facts.append((_("Last call taken"), short_moment(source.last_call_at)))
    if source.last_read_at is not None:
        facts.append((_("Last read"), short_moment(source.last_read_at)))
    return facts


def failure_facts(source: Source) -> list[tuple[str, str]]:
    """Why its last try failed, from the first failure on, and when it is tried next: (name, words)."""
    if not source.failures or source.due_at is None:
        return []
    return [(_("Last try failed"), failure_words(source)), (_("Next try"), short_moment(source.due_at))]


def reading_facts(source: Source) -> list[tuple[str, str]]:
    """How far a source that is read has come, or the folder that is watched: (name, words)."""
    if way_of(source) is Way.FILES:
        return [(_("Folder"), folder_name(source.pk))]
    if way_of(source) not in (Way.READ, Way.RUN) or source.last_read_at is None:
        return []
    progress = progress_of(source)
    if not progress.is_filled:
        return [(_("First reading"), _("Running quietly: no flow acts"))]
    passed = ngettext("%(n)s change skipped", "%(n)s changes skipped", progress.passed) % {"n": intcomma(progress.passed)}
    return [(_("Since the first reading"), passed)]


def day_words(row: SourceRow) -> dict[str, str]:
    """What it changed, refused and keeps waiting, in words; "" for none."""
    day = row.day
    return {
        "changed": ngettext("%(n)s changed", "%(n)s changed", day.changed) % {"n": intcomma(day.changed)} if day.changed else "",
        "refused": ngettext("%(n)s refused", "%(n)s refused", day.refused) % {"n": intcomma(day.refused)} if day.refused else "",
        "waits": ngettext("%(n)s call waiting", "%(n)s calls waiting", day.waiting) % {"n": intcomma(day.waiting)} if day.waiting else "",
    }


def menu(source: Source) -> list[tuple[str, str]]:
    """The menu of a source, for who may change it: the label and URL of each operation."""
    proof = [(_("Address and secret"), reverse("source-proof", args=(source.pk,)))] if source.path else []
    described = (
        [(_("The list that is read"), reverse("source-list-form", args=(source.pk,)))] if has_described_list(source.platform) else []
    )
    if source.platform == CERTAIN:
        described.insert(0, (_("The event at Certain"), reverse("source-certain", args=(source.pk,))))
    if source.platform == EVENTBRITE:
        described.insert(0, (_("The event at Eventbrite"), reverse("source-eventbrite", args=(source.pk,))))
    if source.platform == PRETIX:
        described = [
            (_("Address and token of pretix"), reverse("source-pretix", args=(source.pk,))),
            (_("Events of pretix"), reverse("source-pretix-events", args=(source.pk,))),
            (_("Webhook of pretix"), reverse("source-pretix-start", args=(source.pk,))),
        ]
    folder = [(_("Columns of the files"), reverse("source-folder", args=(source.pk,)))] if source.platform == FOLDER else []
    program = [(_("The program"), reverse("source-command", args=(source.pk,)))] if source.platform == COMMAND else []
    return [
        *proof,
        *described,
        *folder,
        *program,
        (_("Rename"), reverse("source-name", args=(source.pk,))),
        (_("Remove"), reverse("source-remove", args=(source.pk,))),
    ]


def file_of(call: SourceCall) -> Mapping[str, Any]:
    """What a call that is a file of a folder says: file, job, words; empty for other calls."""
    stored: Mapping[str, Any] = json.loads(call.headers) if call.kind == CallKind.FILE else {}
    return stored


def call_words(call: SourceCall) -> str:
    """What a call or page brought."""
    brought = {
        CallKind.CALL: _("Call"),
        CallKind.PAGE: _("Page of the list"),
        CallKind.RECORD: _("Records"),
        CallKind.FILE: str(file_of(call).get("file", "")),
        CallKind.DELETIONS: _("Deleted at the source"),
    }[CallKind(call.kind)]
    if not call.documents:
        return brought
    documents = ngettext("%(n)s registration", "%(n)s registrations", call.documents) % {"n": intcomma(call.documents)}
    return f"{brought}, {documents}"


def tabs(source: Source, current: str, *, waiting: int, can: bool) -> list[tuple[str, str, bool]]:
    """The pages of a source: (name, URL, whether it is open).

    can: whether the user may change the mapping
    """
    items = ngettext("Source items (%(n)s waiting)", "Source items (%(n)s waiting)", waiting) % {"n": intcomma(waiting)}
    if way_of(source) is Way.FILES:
        pages = [("calls", _("Files"), "source"), *([("folder", _("Columns of the files"), "source-folder")] if can else [])]
        return [(name, reverse(url, args=(source.pk,)), key == current) for key, name, url in pages]
    pages = [("calls", _("Calls"), "source"), ("items", items if waiting else _("Source items"), "source-items")]
    if can:
        pages += (
            [("match", _("Match"), "source-pretix-match")] if source.platform == PRETIX else [("mapping", _("Mapping"), "source-mapping")]
        )
    pages += [("proof", _("Address and secret"), "source-proof")] if can and source.path else []
    return [(name, reverse(url, args=(source.pk,)), key == current) for key, name, url in pages]


def list_tabs(current: str, gaps: int) -> list[tuple[str, str, bool]]:
    """The pages of all sources: (name, URL, whether it is open). The ledger's name says how many gaps it has.

    current: the name of the URL of the open one
    """
    words = ngettext("%(n)s gap", "%(n)s gaps", gaps) % {"n": intcomma(gaps)}
    ledger = format_html("{} {}", _("Ledger"), status(words, tone="wait", sign="warn")) if gaps else _("Ledger")
    return [(name, reverse(url), url == current) for url, name in (("sources", _("Sources")), ("ledger", ledger))]
