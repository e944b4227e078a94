"""What needs somebody, in words: the title, the target's own words, since when, how many wait, and the one button that cures it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import may
from heliograph.connections import connection_words, diagnosis_words
from heliograph.connections.connection_list import ConnectionRow
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.connection.connection import SignIn
from heliograph.domain.connection.connection_health import Health
from heliograph.domain.connection.diagnosis import Finding
from heliograph.domain.delivery.outcomes import Cause
from heliograph.retry.cause_groups import CauseGroup
from heliograph.retry.cure_words import cure_of
from heliograph.retry.fix_links import FixLink, Trouble, cured_at
from heliograph.retry.group_words import title_of
from heliograph.retry.item_words import thing_named
from heliograph.retry.needs import Need, NeedKind
from heliograph.retry.retry_items import StatusChoice
from heliograph.sources.failing_sources import FailingSource, failing_sources
from heliograph.store.instants import from_micros
from heliograph.web.enumerations import enumeration
from heliograph.web.list_count import many
from heliograph.web.templatetags.moments import clock_minute, since_when

NAMED = 3
"""How many untagged statuses, or stopped flows, are named; of more, the number."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A target's own words; "" if it gave none."""

    words: str = ""
    source: str = ""
    """When, and with which status: "Its answer at 14:30, 401 Unauthorized"."""


def need_rows(needs: Sequence[Need], reader: AccountReader, user: User) -> list[dict[str, Any]]:
    """What needs somebody, for overview/overview.html and the palette: causes of what waits, then sources that cannot be read."""
    return [*(_need_row(need, reader, user) for need in needs), *map(_source_row, failing_sources())]


def _need_row(need: Need, reader: AccountReader, user: User) -> dict[str, Any]:
    quote, fix = quote_of(need), _fix(need, reader, user)
    return {
        "key": re.sub(r"[^\w-]+", "-", need.key),
        "tone": "wait" if need.is_of_runs or need.is_only_held else "failed",
        "icon": "tag" if need.kind is NeedKind.TAGS else "plug" if need.connection is not None else "flow",
        "title": _title(need),
        "quote": quote,
        "text": _text(need),
        "since": _since(need, reader),
        "held": connection_words.held_text(need.connection) if need.connection is not None else "",
        "held_href": reverse("connection-overview", args=(need.connection.id,)) if need.connection is not None else "",
        "waits": _waits(need),
        "waits_href": _waits_href(need),
        "fix": fix.text,
        "href": fix.href,
    }


def _source_row(source: FailingSource) -> dict[str, Any]:
    return {
        "key": f"source-{source.href.strip('/').replace('/', '-')}",
        "tone": "failed",
        "icon": "list",
        "title": source.title,
        "quote": None,
        "text": source.text,
        "since": "",
        "held": "",
        "held_href": "",
        "waits": "",
        "waits_href": "",
        "fix": _("Open the source"),
        "href": source.href,
    }


def quote_of(need: Need) -> Quote:
    """What the target answered last to what waits, in its own words."""
    says = need.groups[0].refusal.says if need.groups else ""
    if need.last is None or need.last.status is None:
        return Quote(says)
    time, status = clock_minute(from_micros(need.last.at)), delivery_words.answered(need.last.status)
    if not says:
        return Quote(status, _("At %(time)s") % {"time": time})
    return Quote(says, _("Its answer at %(time)s, %(status)s") % {"time": time, "status": status})


def later_row(group: CauseGroup, reader: AccountReader, user: User) -> dict[str, Any]:
    """A cause of items that have used up their retries, for overview/overview.html."""
    fix = cured_at(Trouble(group.failure, group.flow, group.destination, group.prospect), reader.config, user)
    href = f"{reverse('retry')}?{urlencode({'cause': group.key, 'status': StatusChoice.FAILED.value})}#items"
    number = many(group.count)
    return {
        "failed": ngettext("%(n)s failed", "%(n)s failed", group.number) % {"n": number},
        "failed_href": href,
        "title": title_of(group),
        "link": fix.text or ngettext("Open it", "Open the %(n)s", group.number) % {"n": number},
        "href": fix.href or href,
    }


def _title(need: Need) -> str:
    if need.kind is NeedKind.TAGS:
        count = len(need.groups)
        return ngettext("%(n)d status or property has no tag", "%(n)d statuses or properties have no tag", count) % {"n": count}
    if need.connection is None:
        group = need.groups[0]
        is_off = Cause.FLOW_INACTIVE in (group.cause, group.prospect.stop if group.waits_for_flow else None)
        return (
            _("“%(name)s” is off") % {"name": delivery_words.isolated(group.flow_name)} if is_off and group.flow_name else title_of(group)
        )
    name = delivery_words.isolated(need.connection.connection.name)
    if not need.groups or need.connection.health in (Health.PAUSED, Health.LOST, Health.INCOMPLETE, Health.NOT_YET):
        return _("%(name)s: %(state)s") % {"name": name, "state": _lowered(connection_words.headline(need.connection))}
    if need.groups[0].failure.is_of_setup and need.connection.health is Health.REFUSES:
        return _("%(name)s refuses what we send") % {"name": name}
    return title_of(need.groups[0])


def _text(need: Need) -> str:
    """What is most likely wrong, or what is known to be."""
    if need.kind is NeedKind.TAGS:
        things = [
            _("%(thing)s in %(event)s") % {"thing": thing_named(group.lacks), "event": group.event}
            if group.event
            else thing_named(group.lacks)
            for group in need.groups
        ]
        return _("%(things)s. Flows need a tag to know what a status means.") % {"things": enumeration(things, NAMED)}
    if need.connection is not None and (not need.groups or need.is_only_held):
        return connection_words.note(need.connection)
    group = need.groups[0]
    if group.failure.finding is not None and group.failure.is_of_setup:
        return diagnosis_words.likely_remedy(group.failure.finding, group.refusal.sign_in)
    return cure_of(group.failure, prospect=group.prospect, is_single=group.number == 1)


def _since(need: Need, reader: AccountReader) -> str:
    parts = [_("Since %(time)s.") % {"time": since_when(from_micros(need.since))}] if need.since else []
    names = sorted({group.flow_name for group in need.groups if group.flow_name})
    if not names and need.connection is not None:
        names = [name for id, name in need.connection.flows if id in reader.config.flows and reader.config.flows[id].active]
    if names:
        parts.append(_("Stops %(flows)s.") % {"flows": enumeration(list(map(delivery_words.isolated, names)), NAMED)})
    return " ".join(parts)


def _waits(need: Need) -> str:
    if need.waiting.is_none:
        return ""
    return ngettext("%(n)s waiting", "%(n)s waiting", need.waiting.number) % {"n": many(need.waiting)}


def _waits_href(need: Need) -> str:
    """The list of exactly what waits; "" if nothing is in Retry."""
    facts: dict[str, str | int] = {"status": StatusChoice.UNTAGGED.value if need.kind is NeedKind.TAGS else StatusChoice.WAITING.value}
    if need.kind is not NeedKind.TAGS:
        if not need.groups:
            return ""
        if len(need.groups) == 1:
            facts["cause"] = need.groups[0].key
        elif need.connection is not None:
            facts["connection"] = need.connection.id
    return f"{reverse('retry')}?{urlencode(facts)}#items"


def _fix(need: Need, reader: AccountReader, user: User) -> FixLink:
    """The one button that cures it, for somebody who may."""
    if need.kind is NeedKind.TAGS:
        return FixLink(_("Choose tags"), reverse("tag-coverage")) if may(user, Role.PLANNER) else FixLink()
    if not may(user, Role.ADMINISTRATOR):
        return FixLink()
    if need.connection is not None:
        return FixLink(button_of(need), _setup_href(need.connection))
    group = need.groups[0]
    return cured_at(Trouble(group.failure, group.flow, group.destination, group.prospect), reader.config, user)


def button_of(need: Need) -> str:
    """What the button that cures a connection says."""
    assert need.connection is not None
    match need.connection.health:
        case Health.PAUSED:
            return _("Release")
        case Health.LOST:
            return _("Connect again")
        case Health.NOT_YET:
            return _("Connect")
        case Health.INCOMPLETE:
            return _("Fill in what is missing")
    if need.groups and need.groups[0].failure.finding is Finding.UNAUTHORIZED:
        return {
            SignIn.KEY: _("Enter a new key"),
            SignIn.PASSWORD: _("Enter the password"),
            SignIn.PERSON_TOKEN: _("Connect again"),
        }.get(need.groups[0].refusal.sign_in or SignIn.NOTHING, _("Open Connection Setup"))
    return _("Open Connection Setup")


def _setup_href(row: ConnectionRow) -> str:
    return reverse("connection-release" if row.health is Health.PAUSED else "connection", args=(row.id,))


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
