"""What a trial of a REST list found, in words (S3)."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.languages import translated
from heliograph.domain.source.list_page import ListPage
from heliograph.domain.source.list_trial import Doubt, Effect, SinceTrial, Turn, is_sorted, is_unsorted, keyless, keys_twice
from heliograph.domain.source.rest_list import RestList
from heliograph.domain.source.source_times import SECOND
from heliograph.outbound.exchange import KIB
from heliograph.sources.trial_read import TrialRead
from heliograph.store.instants import from_micros
from heliograph.web.templatetags.moments import short_moment

PASSED: Final = "passed"
FAILED: Final = "failed"
UNREAD: Final = "unread"


def trial_result(description: RestList, trial: TrialRead) -> dict[str, Any]:
    """The result as sources/rest_list.html renders it: title, tone, when, steps, remedies."""
    steps = [_address(trial), _items(description, trial.page), _keys(trial.page)]
    if description.modified_path:
        steps.append(_modified(trial.page))
    if description.is_ordered and is_unsorted(trial.page):
        words = _("It is described as sorted by the time of change, oldest first, but this page is not. It is read as an unsorted list.")
        steps.append(_step(_("Order"), FAILED, _("Not sorted"), words))
    steps.append(_pages(trial))
    since, remedy = _since(description, trial)
    steps.append(since)
    steps.append(_clock(trial))
    bad = [step for step in steps if step["state"] == FAILED]
    unclear = [step for step in steps if step["state"] == UNREAD]
    remedies = [remedy] if remedy else []
    if trial.since is not None and is_sorted(trial.page) and not description.is_ordered:
        remedies.append(
            _(
                "The items of this page are in order of their time of change. If the platform promises that, select “Sorted”: reading is quicker then."
            )
        )
    title = _("Test read: everything fits")
    if bad:
        title = _("Test read: %(name)s does not fit") % {"name": bad[0]["name"]}
    elif unclear:
        title = _("Test read: look at %(name)s") % {"name": unclear[0]["name"]}
    requests = ngettext("%(n)d request, nothing was recorded", "%(n)d requests, nothing was recorded", trial.requests) % {
        "n": trial.requests
    }
    return {"title": title, "tone": FAILED if bad else "", "when": requests, "steps": steps, "remedies": remedies, "passed": not bad}


def _step(name: str, state: str, word: str, detail: str) -> dict[str, str]:
    return {"name": name, "state": state, "is": word, "detail": detail}


def _address(trial: TrialRead) -> dict[str, str]:
    took = _("%(ms)d ms") % {"ms": round(trial.answer.took * 1_000)}
    size = max(1, round(len(trial.answer.body) / KIB))
    return _step(_("Address"), PASSED, took, _("%(status)d, %(kb)d KB of JSON") % {"status": trial.answer.status, "kb": size})


def _items(description: RestList, page: ListPage) -> dict[str, str]:
    count = ngettext("%(n)d on page 1", "%(n)d on page 1", len(page.items)) % {"n": len(page.items)}
    where = description.items_path or _("The answer is the list")
    return _step(_("Items"), PASSED if page.items else UNREAD, _("Found") if page.items else _("Empty"), f"{where}, {count}")


def _keys(page: ListPage) -> dict[str, str]:
    twice, without = keys_twice(page), keyless(page)
    if without:
        words = ngettext("%(n)d item has none", "%(n)d items have none", without) % {"n": without}
        return _step(_("Key"), FAILED, _("Missing"), words)
    if twice:
        words = ngettext("%(n)d item has the key of another", "%(n)d items have the key of another", twice) % {"n": twice}
        return _step(_("Key"), FAILED, _("Not unique"), words)
    words = ngettext("%(n)d key, none twice", "%(n)d keys, none twice", len(page.items)) % {"n": len(page.items)}
    return _step(_("Key"), PASSED if page.items else UNREAD, _("Unique") if page.items else _("Unknown"), words)


def _modified(page: ListPage) -> dict[str, str]:
    times = [item.modified for item in page.items if item.modified is not None]
    if not times:
        return _step(_("Modified"), FAILED if page.items else UNREAD, _("No times"), _("No item has a time there"))
    newest = _("the newest from %(when)s") % {"when": short_moment(from_micros(max(times)))}
    lacking = len(page.items) - len(times)
    if lacking:
        words = ngettext("%(n)d item has no time; %(newest)s", "%(n)d items have no time; %(newest)s", lacking)
        return _step(_("Modified"), UNREAD, _("Not all"), words % {"n": lacking, "newest": newest})
    return _step(_("Modified"), PASSED, _("Readable"), _("All are times, %(newest)s") % {"newest": newest})


def _pages(trial: TrialRead) -> dict[str, str]:
    name = _("Pages")
    if trial.turn_failure:
        return _step(name, FAILED, _("Failed"), _("Page 2: %(reason)s") % {"reason": translated(trial.turn_failure)})
    match trial.turn:
        case Turn.NONE:
            return _step(name, PASSED, _("One"), _("The answer names no further page"))
        case Turn.END:
            return _step(name, PASSED, _("One"), _("Page 2 is empty: this is the whole list"))
        case Turn.FOUND:
            return _step(name, PASSED, _("Found"), _("Page 2 begins with other items"))
        case Turn.SAME:
            return _step(
                name,
                FAILED,
                _("No effect"),
                _("Page 2 has the same items as page 1. If there are more items, another parameter turns the pages"),
            )


def _since(description: RestList, trial: TrialRead) -> tuple[dict[str, str], str]:
    """The step of the time that is asked for, and what to do."""
    name = _("Only what changed")
    since = trial.since
    if trial.since_failure:
        words = _("Asked since a time, the list failed: %(reason)s") % {"reason": translated(trial.since_failure)}
        return _step(name, FAILED, _("Failed"), words), _("Look up how the platform wants the time written, and its time zone.")
    if since is None:
        return _step(name, PASSED, _("Not asked"), _("The whole list is read each time")), ""
    when = short_moment(from_micros(since.from_time)) if since.from_time is not None else ""
    match since.effect:
        case Effect.WORKS:
            words = ngettext("Asked since %(when)s: %(n)d item, none older", "Asked since %(when)s: %(n)d items, none older", since.items)
            return _step(name, PASSED, _("Works"), words % {"when": when, "n": since.items}), _boundary(description, since)
        case Effect.IGNORED:
            words = _("Asked since %(when)s, the same items came, older ones too") % {"when": when}
            cure = _(
                "Look up the parameter’s name in the platform’s documentation, or leave it blank. Then the whole list is read "
                "every time, which is fine up to a few thousand items."
            )
            return _step(name, FAILED, _("Ignored"), words), cure
        case _:
            return _step(name, UNREAD, _("Can’t tell"), _doubt(since, when)), ""


def _boundary(description: RestList, since: SinceTrial) -> str:
    if since.is_exclusive and description.is_inclusive:
        return _("Items that changed at exactly the requested time did not come. We selected that they are left out: save it.")
    return ""


def _doubt(since: SinceTrial, when: str) -> str:
    match since.doubt:
        case Doubt.EMPTY:
            words = ngettext(
                "Asked since %(when)s nothing came, although %(n)d item changed since. Check how the platform wants the time written.",
                "Asked since %(when)s nothing came, although %(n)d items changed since. Check how the platform wants the time written.",
                since.newer,
            )
            return words % {"when": when, "n": since.newer}
        case Doubt.OLDER:
            words = ngettext(
                "Asked since %(when)s, %(n)d older item came with others. Check whether the list goes by another time, or another time zone.",
                "Asked since %(when)s, %(n)d older items came with others. Check whether the list goes by another time, or another time zone.",
                since.older,
            )
            return words % {"when": when, "n": since.older}
        case Doubt.ONE_TIME:
            return _("All items of the page have the same time, so this can’t be tested. Test again once some of them were changed.")
        case _:
            return _("There are no items with times yet. Test again once there are some.")


def _clock(trial: TrialRead) -> dict[str, str]:
    ahead = trial.clock_ahead
    if ahead is None:
        return _step(_("Clock"), UNREAD, _("Unknown"), _("The answer does not say the server’s time; the newest change counts instead"))
    seconds = round(abs(ahead) / SECOND)
    words = _("As ours")
    if seconds > 1:
        words = _("Theirs is %(n)d s ahead of ours; theirs counts") if ahead > 0 else _("Theirs is %(n)d s behind ours; theirs counts")
        words %= {"n": seconds}
    return _step(_("Clock"), PASSED, _("Known"), words)
