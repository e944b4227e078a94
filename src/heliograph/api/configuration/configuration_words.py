"""What a configuration file changes, in words, for the page and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from heliograph.api.configuration.configuration_plan import Plan
from heliograph.api.configuration.planned_changes import ChangeKind, PlannedChange
from heliograph.domain.setup.document_changes import ORDER, MemberChange

KINDS: Final = {
    ChangeKind.ADD: gettext_noop("Add"),
    ChangeKind.CHANGE: gettext_noop("Change"),
    ChangeKind.DELETE: gettext_noop("Delete"),
}
_MEMBERS: Final = {
    "edition": gettext_noop("secrets"),
    "host": gettext_noop("URL"),
    "test_host": gettext_noop("Test Connection URL"),
    ORDER: gettext_noop("order"),
}
_LONGEST: Final = 200


def heading(plan: Plan) -> str:
    """How much a plan changes."""
    count = len(plan.changes)
    if not count:
        return _("No changes")
    return ngettext("Plan: %(count)s change", "Plan: %(count)s changes", count) % {"count": count}


def place(change: MemberChange) -> str:
    """Where a member stands: `filters › event.code › values`."""
    return " › ".join(_(_MEMBERS[part]) if part in _MEMBERS else part.replace("_", " ") for part in change.path)


def sides(change: MemberChange) -> tuple[str, str]:
    """A member before and afterwards. Of secrets only that they were replaced."""
    if change.path == ("edition",):
        return _("as stored"), _("replaced")
    return value(change.before), value(change.after)


def value(member: Any) -> str:
    """A value as people read it."""
    match member:
        case None | "" | [] | {}:
            return _("nothing")
        case True:
            return _("yes")
        case False:
            return _("no")
        case list():
            text = ", ".join(_inner(each) for each in member)
        case dict():
            text = _inner(member)
        case _:
            text = str(member)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _inner(member: Any) -> str:
    if isinstance(member, dict):
        return " · ".join(f"{name}: {_inner(each)}" for name, each in member.items() if each not in (None, "", [], {}, False))
    if isinstance(member, list):
        return ", ".join(map(_inner, member))
    return str(member)


def summary(counts: dict[str, int]) -> str:
    """What applying did: "1 added, 2 changed"."""
    words = {
        "added": lambda count: ngettext("%(count)s added", "%(count)s added", count),
        "changed": lambda count: ngettext("%(count)s changed", "%(count)s changed", count),
        "deleted": lambda count: ngettext("%(count)s deleted", "%(count)s deleted", count),
    }
    parts = [words[name](count) % {"count": count} for name, count in counts.items() if count]
    return ", ".join(parts) or _("Nothing was changed")


def warnings(change: PlannedChange) -> Sequence[str]:
    """What somebody must allow before the change is applied."""
    sentences = []
    if change.widens:
        sentences.append(_("This Live flow would act on more."))
    if change.stops:
        sentences.append(_("This running flow would stop."))
    return sentences
