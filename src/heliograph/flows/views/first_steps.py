"""Setting Signal up in four steps (guide: The four steps; N3). It is the first page of an account without a flow, and Help links to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.tag_kinds import STANDARD_TAGS, TagKind
from heliograph.setup.coverage import Coverage, coverage
from heliograph.web.pages import page

NEW: Final = "New"
LISTED: Final = 5
"""Most lines about untagged objects; the page Tag coverage has them all."""


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One of the four steps."""

    number: int
    """From 1."""
    name: str
    where: str
    """The page on which it is done."""
    text: str
    done: bool
    state: str
    """What is done, in words."""
    link: str
    href: str
    todo: list[str] = field(default_factory=list)
    """What is missing."""
    next: bool = False


@require_safe
def first(request: AccountRequest) -> HttpResponse:
    """The page of the four steps, with the state of each."""
    administers = may(request.user, Role.ADMINISTRATOR)
    with account_reader(request.account.pk) as reader:
        steps = steps_of(reader, administers=administers)
    following = next((step.number for step in steps if not step.done), None)
    done = sum(step.done for step in steps)
    return page(request, "flows/first_steps.html", here="flows", steps=steps, following=following, done=done, administers=administers)


def steps_of(reader: AccountReader, *, administers: bool) -> list[FirstStep]:
    """The four steps, with the state of each.

    administers: whether the reader of the page may add connections and flows
    """
    return _steps(reader.config, coverage(reader.db, reader.account), administers=administers)


def _steps(config: AccountConfig, gaps: Coverage, *, administers: bool) -> list[FirstStep]:
    tags = len(config.tags.keys() - STANDARD_TAGS.keys())
    tagged = sum(bool(status.tags) for status in config.statuses.values())
    new = next((status for status in config.statuses.values() if status.name == NEW), None)
    names = [connection.name for connection in config.connections.values()]
    flows = len(config.flows)
    begun = _("Not begun")
    covered = bool(new and new.tags)
    applied = _("Done: %(n)d of %(all)d statuses tagged") if covered else _("Begun: %(n)d of %(all)d statuses tagged")
    connected = _("Done: %(name)s")
    others = len(names) - 1
    if others > 0:
        connected = ngettext("Done: %(name)s and %(n)d more", "Done: %(name)s and %(n)d more", others)
    return [
        FirstStep(
            1,
            _("Add tags in the account"),
            _("Account Settings > Management > Tags"),
            _("Flows use tags instead of statuses, so one flow works for all events."),
            tags > 0,
            ngettext("Done: %(n)d tag", "Done: %(n)d tags", tags) % {"n": tags} if tags else begun,
            _("Open Tags"),
            reverse("tags"),
        ),
        FirstStep(
            2,
            _("Apply those tags"),
            _("Registration Statuses, and in each event"),
            _(
                "Only for flows that decide by statuses: a status without a tag would make them wait. One click gives all 11 their standard tags."
            ),
            covered,
            applied % {"n": tagged, "all": len(config.statuses)} if tagged else begun,
            _("Apply tags"),
            reverse("tag-coverage") if tags else reverse("registration-statuses"),
            _untagged_lines(config, gaps) if tags else [],
        ),
        FirstStep(
            3,
            _("Add a Connection"),
            _("Connections"),
            _("Where a flow sends its data."),
            bool(names),
            connected % {"name": min(names, key=natural_order), "n": others} if names else begun,
            _("Open Connection List") if names or not administers else _("Add A Connection"),
            reverse("connection-list" if names or not administers else "connection-new"),
        ),
        FirstStep(
            4,
            _("Configure a Flow"),
            _("Flows"),
            _("What to watch for, what to act on, where to send it. Try it as Test first."),
            flows > 0,
            ngettext("Done: %(n)d flow", "Done: %(n)d flows", flows) % {"n": flows} if flows else begun,
            _("ADD A FLOW") if administers and not flows else _("Open Flow List"),
            reverse("flow-new" if administers and not flows else "flow-list"),
        ),
    ]


def _untagged_lines(config: AccountConfig, gaps: Coverage) -> list[str]:
    """The lines about untagged statuses: New first, then the account's others, then the statuses of each event."""
    untagged = [status.name for status in config.statuses.values() if not status.tags]
    sentences = [_("New has no tag")] if NEW in untagged else []
    rest = len(untagged) - len(sentences)
    if rest:
        sentences.append(
            ngettext("%(n)d more registration status has no tag", "%(n)d more registration statuses have no tag", rest) % {"n": rest}
        )
    by_event = Counter(gap.where for gap in gaps.gaps.get(TagKind.REGISTRATION_STATUS, ()) if gap.where)
    sentences += [
        ngettext("%(event)s: %(n)d custom status has no tag", "%(event)s: %(n)d custom statuses have no tag", count)
        % {"event": event, "n": count}
        for event, count in sorted(by_event.items(), key=lambda pair: natural_order(pair[0]))
    ]
    return sentences[:LISTED]
