"""Tag coverage (P11): the objects whose tag a flow or mapping needs, and tagging them in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, require
from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.untagged_key import ANY_EVENT, untagged_key
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.ids import read_id
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup import coverage as services
from heliograph.setup.coverage import OF_ACCOUNT, Applied, Coverage, Gap, WatchedKinds
from heliograph.setup.models import KIND_NAMES
from heliograph.setup.views.setup_frame import readonly, settings_page
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.store.django_database import of_django
from heliograph.web.form_fields import TextLine, Ticks
from heliograph.web.forms import Form, posted
from heliograph.web.list_count import many
from heliograph.web.list_filters import EnumFilter, Filter, ListFilters
from heliograph.web.shown_fields import Choice

NAMED = 12


class CoverageForm(Form):
    """The objects to tag."""

    tag = TextLine()
    """The id of the tag; "" for each object's suggested one."""
    row = Ticks()
    """The chosen objects, by `Gap.key`."""


class CoverageFilters(ListFilters):
    """The filters of the page."""

    kind = EnumFilter(gettext_lazy("Object"), TagKind, every=gettext_lazy("All objects"), param="object")
    event = Filter(gettext_lazy("Event"), every=gettext_lazy("The account and all events"), extra="wide")
    """An event's code, or OF_ACCOUNT."""

    def offer_gaps(self, coverage: Coverage) -> None:
        """Sets the options of the filters: the kinds and events that have gaps."""
        events = sorted({gap.where for gaps in coverage.gaps.values() for gap in gaps if gap.where}, key=natural_order)
        self.offer("kind", ((kind.value, KIND_NAMES[kind]) for kind in coverage.gaps))
        self.offer("event", [(OF_ACCOUNT, _("The account")), *((code, code) for code in events)])


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def coverage(request: AccountRequest) -> HttpResponse:
    """Lists untagged objects; a post tags the checked rows and shows the rest."""
    administers = may(request.user, Role.ADMINISTRATOR)
    form = CoverageForm(posted(request))
    chosen, done, ticked = "", None, set[str]()
    if request.method == "POST":
        require(request.user, Role.PLANNER)
    if form.is_valid():
        chosen = form.cleaned_data["tag"]
        tag = (read_id(chosen) or 0) if chosen else None  # there is no tag 0
        applied = services.apply(request.account.pk, form.cleaned_data["row"], tag, by=request.user.actor, administers=administers)
        done, ticked = _done(applied, chosen=bool(chosen)), {gap.key for gap in applied.left}
    untagged = services.coverage(of_django(connection), request.account.pk)
    with account_reader(request.account.pk) as reader:
        config = reader.config
    filters = CoverageFilters(request)
    filters.offer_gaps(untagged)
    groups = [
        _group(kind, gaps, untagged, administers=administers, ticked=ticked if form.is_bound else None)
        for kind, gaps in untagged.matching(**filters.cleaned_data).items()
    ]
    row_count = sum(len(group["rows"]) for group in groups)
    return settings_page(
        request,
        "setup/coverage.html",
        entry="tags",
        status=form.status,
        uncovered=uncovered(untagged.total),
        groups=groups,
        total=ngettext("%(n)d without a tag", "%(n)d without a tag", row_count) % {"n": row_count},
        filters=filters,
        choices=_choices(config, untagged),
        chosen=chosen,
        done=done,
        readonly=readonly(request, Role.PLANNER),
        now=timezone.now(),
    )


def _choices(config: AccountConfig, coverage: Coverage) -> list[tuple[str, list[Choice]]]:
    """The tags that untagged objects can get, by group. A tag stands once, in the group that names all kinds of such objects."""
    by_kinds: dict[tuple[str, ...], dict[str, Choice]] = {}
    options = {kind: TagChoices(config.tags, kind).options for kind in KIND_NAMES if kind in coverage.gaps}
    for choice in (each for choices in options.values() for each in choices):
        kinds = tuple(str(KIND_NAMES[kind]) for kind, choices in options.items() if choice.value in {each.value for each in choices})
        by_kinds.setdefault(kinds, {})[choice.value] = choice
    return [
        (", ".join(kinds), sorted(choices.values(), key=lambda choice: natural_order(str(choice.label))))
        for kinds, choices in by_kinds.items()
    ]


def uncovered(total: int) -> str:
    """ "10 untagged", "" for none."""
    return ngettext("%(n)s untagged", "%(n)s untagged", total) % {"n": intcomma(total)} if total else ""


def _group(kind: TagKind, gaps: Sequence[Gap], coverage: Coverage, *, administers: bool, ticked: set[str] | None) -> dict[str, Any]:
    return {
        "id": f"cover-{kind.value}",
        "name": KIND_NAMES[kind],
        "why": _why(kind, coverage.watchers[kind]),
        "rows": [_row(gap, administers=administers, ticked=ticked) for gap in gaps],
    }


def _why(kind: TagKind, watchers: WatchedKinds) -> str:
    if watchers.mappings:
        count = len(watchers.mappings)
        return ngettext(
            "%(n)d mapping reads answers by their tags: %(names)s.", "%(n)d mappings read answers by their tags: %(names)s.", count
        ) % {"n": count, "names": _names(watchers.mappings)}
    if watchers.flows:
        count = len(watchers.flows)
        return ngettext("%(n)d flow decides by them: %(names)s.", "%(n)d flows decide by them: %(names)s.", count) % {
            "n": count,
            "names": _names(watchers.flows),
        }
    if kind is TagKind.REGISTRATION_PROPERTY:
        return _("Flows can’t act on a property without a tag.")
    return _("A flow that decides by status waits if a status has no tag.")


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _row(gap: Gap, *, administers: bool, ticked: set[str] | None) -> dict[str, Any]:
    because = ""
    if gap.suggested is not None:
        because = (
            ngettext("as in %(n)d other event", "as in %(n)d other events", gap.others) % {"n": gap.others}
            if gap.others
            else _("a tag with this name")
        )
    of_account = gap.event is None
    closed = _("An Administrator tags it, for all events.") if of_account and not administers else ""
    return {
        "key": gap.key,
        "name": gap.name,
        "where": gap.where or _("The account"),
        "href": _href(gap),
        "tag": gap.suggested.label if gap.suggested else "",
        "because": because,
        "waits": many(gap.waits) if gap.waits.number else "",
        "retry": _retry_url(gap),
        "closed": closed,
        "on": gap.key in ticked if ticked is not None else gap.suggested is not None,
    }


def _retry_url(gap: Gap) -> str:
    """The list of what waits for a tag of this object."""
    event = next(iter(gap.waits_in)) if len(gap.waits_in) == 1 else ANY_EVENT
    return reverse("retry", query={"status": "untagged", "cause": untagged_key(event, gap.kind, gap.name)})


def _href(gap: Gap) -> str:
    of_event = {
        TagKind.REGISTRATION_STATUS: "custom-statuses",
        TagKind.REGISTRATION_PROPERTY: "configure",
        TagKind.ATTENDEE_TYPE: "attendee-types",
        TagKind.QUESTION: "questions",
        TagKind.EVENT: "event-details",
    }
    of_account = {
        TagKind.REGISTRATION_STATUS: "registration-statuses",
        TagKind.SESSION_STATUS: "session-registration-statuses",
        TagKind.EVENT_STATUS: "event-statuses",
    }
    if gap.event is None:
        return f"{reverse(of_account[gap.kind])}#row-{gap.id}"
    place = reverse(of_event[gap.kind], args=(gap.where,))
    return place if gap.kind is TagKind.EVENT else f"{place}#row-{gap.id}"


def _done(applied: Applied, *, chosen: bool) -> dict[str, Any]:
    tagged, left = applied.tagged, applied.left
    title = ngettext("%(n)d row got its tag", "%(n)d rows got their tag", tagged) % {"n": tagged}
    if not tagged and not left:
        return {"tone": "wait", "title": _("No row was selected"), "text": "", "items": []}
    text = _("Changes that waited for them are checked again now.") if tagged else ""
    items = [
        _("%(name)s, %(where)s: %(why)s") % {"name": gap.name, "where": gap.where or _("The account"), "why": _stayed(gap, chosen=chosen)}
        for gap in left[:NAMED]
    ]
    if len(left) > NAMED:
        items.append(_("and %(n)s more") % {"n": len(left) - NAMED})
    link = {"link": _("See them in Retry"), "href": reverse("retry")} if tagged else {}
    return {"tone": "wait" if left else "", "title": title, "text": text, "items": items, **link}


def _stayed(gap: Gap, *, chosen: bool) -> str:
    return (
        _("the tag is not for such objects, or you may not tag it")
        if chosen
        else _("no suggestion, or you may not tag it")
        if gap.suggested is None
        else _("you may not tag it")
    )
