"""Registration Statuses, Session Registration Statuses and Event Statuses of the account, with tags on each (guide: Applying Tags in an Account)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.setup.compiled_setup import Status
from heliograph.domain.setup.statuses import NEW
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.coverage import watched
from heliograph.setup.services.object_tags import set_tags
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.setup.views.setup_frame import check, settings_page
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.setup.views.tag_table import Cell, TagRow, TagRows, row_of, rows_context, say_saved
from heliograph.web.forms import posted


@dataclass(frozen=True, slots=True)
class StatusesPage:
    """One of the three pages."""

    url_name: str
    """The name of its URL, and of its entry in the panel."""
    kind: TagKind
    config_field: str
    """The attribute of AccountConfig that lists these statuses."""
    heading: Promise
    lead: Promise
    untagged: Promise


PAGES = {
    page.url_name: page
    for page in (
        StatusesPage(
            "registration-statuses",
            TagKind.REGISTRATION_STATUS,
            "statuses",
            gettext_lazy("Registration Statuses"),
            gettext_lazy("The 11 standard ones, in every event. Each has one or more tags."),
            gettext_lazy("No tag: a flow decides by it, and changes wait for one in Retry."),
        ),
        StatusesPage(
            "session-registration-statuses",
            TagKind.SESSION_STATUS,
            "session_statuses",
            gettext_lazy("Session Registration Statuses"),
            gettext_lazy("Of registrations for sessions, in every event. Each has one or more tags."),
            gettext_lazy("No tag: a flow decides by it, and changes wait for one in Retry."),
        ),
        StatusesPage(
            "event-statuses",
            TagKind.EVENT_STATUS,
            "event_statuses",
            gettext_lazy("Event Statuses"),
            gettext_lazy("What an event can be. Each has one or more tags; flows that watch events decide by them."),
            gettext_lazy("No tag: a flow decides by it, and changes wait for one in Retry."),
        ),
    )
}


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def statuses(request: AccountRequest, url_name: str) -> HttpResponse:
    """Shows the statuses, and saves changed tags."""
    statuses_page = PAGES[url_name]
    with account_reader(request.account.pk) as reader:
        config = reader.config
    choices = TagChoices(config.tags, statuses_page.kind)
    tags = TagRows(TagRow, {id: status.tags for id, status in _rows(config, statuses_page).items()}, choices, posted(request))
    if request.method == "POST":
        check(request, Role.ADMINISTRATOR)
        if not tags.refused and _saved(request, statuses_page, tags):
            return HttpResponseRedirect(request.path)
    closed = (
        ""
        if may(request.user, Role.ADMINISTRATOR)
        else _("An Administrator tags these for all events. You tag your events’ own statuses.")
        if may(request.user, Role.PLANNER)
        else _("An Administrator tags these for all events. You can read them.")
    )
    return settings_page(
        request,
        "setup/rows.html",
        entry=url_name,
        status=422 if tags.refused else 200,
        **_context(config, statuses_page, tags, choices, closed),
    )


def _rows(config: AccountConfig, statuses_page: StatusesPage) -> Mapping[int, Status]:
    rows: Mapping[int, Status] = getattr(config, statuses_page.config_field)
    return rows


def _saved(request: AccountRequest, statuses_page: StatusesPage, rows: TagRows) -> bool:
    at, changed = 0, rows.changed
    try:
        with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
            for at, tags in changed.items():
                set_tags(transaction, statuses_page.kind, at, tags)
            released = len(transaction.tagged)
    except (Invalid, NotThere) as error:
        rows.refuse(at, error)
        return False
    say_saved(request, len(changed), released)
    return True


def _context(config: AccountConfig, statuses_page: StatusesPage, tags: TagRows, choices: TagChoices, closed: str) -> dict[str, Any]:
    statuses_by_id, depends = _rows(config, statuses_page), watched(statuses_page.kind, config).is_watched
    rows = []
    for status in statuses_by_id.values():
        cells = [Cell(_("Class"), str(status.cls))] if status.cls else []
        untagged = (
            _("No tag. The tag New is there to be used.")
            if status.name == NEW and NEW in choices.labels(choices.label_by_id)
            else str(statuses_page.untagged)
            if depends or (status.name == NEW and statuses_page.kind is TagKind.REGISTRATION_STATUS)
            else ""
        )
        rows.append(row_of(status.id, status.name, cells, status.tags, tags.forms[status.id], untagged=untagged))
    new = next((s for s in statuses_by_id.values() if statuses_page.kind is TagKind.REGISTRATION_STATUS and s.name == NEW), None)
    warning = None
    if new is not None and not new.tags and not closed:
        text = _("Every registration saved without a status is New, so this one matters even if you never use it.")
        warning = {"title": _("New carries no tag"), "text": text}
    return rows_context(
        heading=statuses_page.heading,
        lead=statuses_page.lead,
        warning=warning,
        told=tags.draw_callout(),
        unsaved=tags.is_unsaved,
        heads=[_("Status"), *([_("Class")] if statuses_page.kind is TagKind.REGISTRATION_STATUS else [])],
        rows=rows,
        tagged=True,
        tag_options=choices.options,
        readonly=closed,
        save_note=_("It may be saved without a tag.")
        if not all(s.tags for s in statuses_by_id.values())
        else _("All %(n)d carry a tag.") % {"n": len(statuses_by_id)},
    )
