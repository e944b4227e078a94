"""The causes of the Retry Queue in words (D6): how many items wait, what cures them, and how the items of a cured cause ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.models import User
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.prospect_words import may_go
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.retry.cause_groups import CauseGroup, Healing
from heliograph.retry.cure_words import cure_of
from heliograph.retry.fix_links import Trouble, cured_at
from heliograph.retry.group_words import title_of
from heliograph.retry.retry_items import StatusChoice
from heliograph.store.instants import from_micros
from heliograph.web.list_count import ListCount, many
from heliograph.web.templatetags.moments import clock, since_when


def download_words(count: ListCount) -> str:
    """The words of the link that downloads this number of rows. Those that wait for a retry are among them, so "failed" is not said."""
    if count.is_more:
        return _("Download all rows that match")
    return ngettext("Download %(n)s row", "Download %(n)s rows", count.number) % {"n": many(count)}


def group_row(group: CauseGroup, reader: AccountReader, user: User, *, open: bool, healing: Healing | None = None) -> dict[str, Any]:
    """A cause for retry/groups.html.

    healing: how other items of this cause ended by now
    """
    cure = cure_of(group.failure, prospect=group.prospect, used_up=not open, is_single=group.number == 1)
    if open and group.next_due and may_go(group.prospect):
        cure = f"{cure} {delivery_words.next_try(group.next_due)}.".strip()
    fix = cured_at(Trouble(group.failure, group.flow, group.destination, group.prospect), reader.config, user)
    again = group.cause is Cause.UNTAGGED
    is_untagged = again and not group.waits_for_flow
    status = (StatusChoice.FAILED if not open else StatusChoice.UNTAGGED if is_untagged else StatusChoice.WAITING).value
    one, all_n = (_("Check it again"), _("Check all %(n)s again")) if again else (_("Submit it"), _("Submit all %(n)s"))
    return {
        **_place(group),
        "cause": title_of(group),
        "since": _("since %(time)s") % {"time": since_when(from_micros(group.since))},
        "text": _number(group),
        "tone": "wait" if open else "failed",
        "so_far": _("%(became)s so far") % {"became": became(healing)} if healing else "",
        "so_far_href": _done_href(healing) if healing else "",
        "cure": cure,
        "fix": fix.text,
        "fix_href": fix.href,
        "key": group.key,
        "href": f"{reverse('retry')}?{_query(group, status)}#items",
        "status": status,
        "submit": ""
        if group.prospect.is_over
        else (_("Check all of them again") if again else _("Submit all of them"))
        if group.count.is_more
        else one
        if group.number == 1
        else all_n % {"n": many(group.count)},
        "discard": f"{reverse('retry-discard')}?{_query(group, StatusChoice.WAITING.value)}"
        if open and group.cause is Cause.FLOW_MODE
        else "",
    }


def healed_row(healing: Healing, names: dict[str, str]) -> dict[str, Any]:
    """A cured cause for retry/groups.html."""
    return {
        **_place(healing.group),
        "cause": title_of(healing.group),
        "since": "",
        "text": became(healing),
        "tone": "failed" if healing.failed else "success",
        "so_far": "",
        "so_far_href": "",
        "cure": _cured_by(healing, names),
        "fix": "",
        "fix_href": "",
        "key": "",
        "status": "",
        "href": _done_href(healing),
        "submit": "",
        "discard": "",
    }


def _place(group: CauseGroup) -> dict[str, str]:
    """The connection of a cause, or what stands in its place."""
    if group.connection is not None:
        return {"of": group.connection_name, "of_note": ""}
    if group.cause is Cause.UNTAGGED and not group.waits_for_flow:
        return {"of": _("No tag"), "of_note": _("before any connection")}
    return {"of": group.flow_name or _("No connection"), "of_note": _("flow") if group.flow_name else ""}


def by_connection(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows, with those of a connection side by side; connections in the order of their first row."""
    places = list(dict.fromkeys(row["of"] for row in rows))
    return sorted(rows, key=lambda row: places.index(row["of"]))


def became(healing: Healing) -> str:
    """ "37 sent, 2 not selected"."""
    parts = [
        (healing.sent, ngettext("%(n)s sent", "%(n)s sent", healing.sent)),
        (healing.superseded, ngettext("%(n)s replaced by newer data", "%(n)s replaced by newer data", healing.superseded)),
        (healing.not_selected, ngettext("%(n)s not selected", "%(n)s not selected", healing.not_selected)),
        (healing.failed, ngettext("%(n)s failed", "%(n)s failed", healing.failed)),
        (healing.under_way, ngettext("%(n)s not delivered yet", "%(n)s not delivered yet", healing.under_way)),
    ]
    return ", ".join(text % {"n": many(ListCount(n, healing.group.count.is_more))} for n, text in parts if n)


def _cured_by(healing: Healing, names: dict[str, str]) -> str:
    if healing.group.cause in (Cause.UNTAGGED, Cause.NOT_SELECTED):
        return _("It has a tag now.")
    if healing.fix is None:
        return _("Recovered, or resubmitted.")
    facts = {"time": clock(from_micros(healing.fix.at)), "name": names.get(healing.fix.by, "")}
    if healing.fix.kind == "flow":
        return (_("The flow was saved at %(time)s by %(name)s.") if facts["name"] else _("The flow was saved at %(time)s.")) % facts
    saved = _("Connection Setup was saved at %(time)s by %(name)s.") if facts["name"] else _("Connection Setup was saved at %(time)s.")
    return saved % facts


def _number(group: CauseGroup) -> str:
    if group.cause is not Cause.UNTAGGED:
        return _of_flow(ngettext("%(n)s action", "%(n)s actions", group.number) % {"n": many(group.count)}, group)
    people = ngettext("%(n)s registration", "%(n)s registrations", group.registrations) % {
        "n": many(ListCount(group.registrations, group.is_more))
    }
    if group.number == group.registrations and group.flows < 2:
        return _of_flow(people, group)
    words = delivery_words.waits_for_flow if group.waits_for_flow else delivery_words.waits_for_tag
    waiting = words(group.number, many(group.count))
    flows = ngettext("%(n)d flow", "%(n)d flows", group.flows) % {"n": group.flows}
    return _("%(waiting)s: %(people)s, %(flows)s") % {"waiting": waiting, "people": people, "flows": flows}


def _of_flow(text: str, group: CauseGroup) -> str:
    """A number of items with the name of their flow, if they have only one: "3 actions of Badges"."""
    return _("%(n)s of %(flow)s") % {"n": text, "flow": delivery_words.isolated(group.flow_name)} if group.flow_name else text


def _query(group: CauseGroup, status: str) -> str:
    return urlencode({"cause": group.key, "status": status})


def _done_href(healing: Healing) -> str:
    """The URL of the list of exactly the items that a healing counts."""
    facts: dict[str, str | int] = {"cause": healing.group.key, "status": QueueStatus.DONE.value, "since": healing.since}
    return f"{reverse('retry')}?{urlencode(facts)}#items"
