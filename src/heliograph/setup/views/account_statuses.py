"""Registration Statuses, Session Registration Statuses and Event Statuses of the account, with tags on each (guide: Applying Tags in an Account)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, require
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.setup.compiled_setup import Status
from heliograph.domain.setup.standard_tags import plan_standard_tags
from heliograph.domain.setup.statuses import NEW
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.coverage import watched
from heliograph.setup.services.object_tags import set_tags
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.standard_tag_use import take_back_standard_tags, use_standard_tags
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.setup.views.setup_frame import settings_page
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.setup.views.tag_table import Cell, TagRow, TagRows, row_of, rows_context, say_saved
from heliograph.web.forms import posted, pressed
from heliograph.web.toasts import say

REGISTRATION_STATUSES = "registration-statuses"
STANDARD, UNDO = "standard", "undo"
"""The buttons of the standard tags."""
APPLIED = "standard-tags"
"""The session key of what using the standard tags did last."""


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
            REGISTRATION_STATUSES,
            TagKind.REGISTRATION_STATUS,
            "statuses",
            gettext_lazy("Registration Statuses"),
            gettext_lazy("The 11 standard ones, in every event. Flows use their tags."),
            gettext_lazy("No tag yet. Flows that need one will wait."),
        ),
        StatusesPage(
            "session-registration-statuses",
            TagKind.SESSION_STATUS,
            "session_statuses",
            gettext_lazy("Session Registration Statuses"),
            gettext_lazy("Of registrations for sessions, in every event. Each can have one or more tags."),
            gettext_lazy("No tag yet. Flows that need one will wait."),
        ),
        StatusesPage(
            "event-statuses",
            TagKind.EVENT_STATUS,
            "event_statuses",
            gettext_lazy("Event Statuses"),
            gettext_lazy("What an event can be. Each can have one or more tags; flows that watch events decide by them."),
            gettext_lazy("No tag yet. Flows that need one will wait."),
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
    do = pressed(request)
    if url_name == REGISTRATION_STATUSES and do in (STANDARD, UNDO):
        require(request.user, Role.ADMINISTRATOR)
        _use_standard_tags(request) if do == STANDARD else _take_back(request)
        return HttpResponseRedirect(request.path)
    tags = TagRows(TagRow, {id: status.tags for id, status in _rows(config, statuses_page).items()}, choices, posted(request))
    if request.method == "POST":
        require(request.user, Role.ADMINISTRATOR)
        if not tags.refused and _saved(request, statuses_page, tags):
            request.session.pop(APPLIED, None)
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
        **(_standard_tags(request, config) if url_name == REGISTRATION_STATUSES and not closed else {}),
    )


def _use_standard_tags(request: AccountRequest) -> None:
    """Applies the standard tags, and remembers in the session what Undo has to take back."""
    with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
        applied = use_standard_tags(transaction)
    if not applied.tagged:
        say(request, _("Nothing was changed: each status has a tag."))
        return
    request.session[APPLIED] = {
        "created": list(applied.created),
        "names": list(applied.plan.new),
        "tagged": {str(status): tag for status, tag in applied.tagged.items()},
        "already_tagged": applied.plan.already_tagged,
    }


def _take_back(request: AccountRequest) -> None:
    applied = request.session.pop(APPLIED, None)
    if applied is None:
        say(request, _("There is nothing to undo any more."))
        return
    tagged = {int(status): tag for status, tag in applied["tagged"].items()}
    with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
        take_back_standard_tags(transaction, applied["created"], tagged)
    say(request, _("The standard tags are removed again."))


def _standard_tags(request: AccountRequest, config: AccountConfig) -> dict[str, Any]:
    """What the page offers: to use the standard tags, with what that would do; and after it, what it did, with Undo."""
    applied = request.session.get(APPLIED)
    if applied is not None and all(
        config.statuses[int(id)].tags == {tag} for id, tag in applied["tagged"].items() if int(id) in config.statuses
    ):
        tagged_count = len(applied["tagged"])
        sentences = []
        if applied["names"]:
            sentences.append(_("Created: %(names)s.") % {"names": ", ".join(applied["names"])})
        if applied["already_tagged"]:
            sentence = ngettext("%(n)d status kept the tags it had.", "%(n)d statuses kept the tags they had.", applied["already_tagged"])
            sentences.append(sentence % {"n": applied["already_tagged"]})
        title = ngettext("%(n)d status got its standard tag", "%(n)d statuses got their standard tag", tagged_count) % {"n": tagged_count}
        return {"applied": {"title": title, "text": " ".join(sentences)}}
    plan = plan_standard_tags(config.statuses.values(), config.tags.values())
    if not plan.tag_of:
        return {}
    names = ", ".join(dict.fromkeys(plan.tag_of.values()))
    text = ngettext(
        "%(n)d status has no tag. It would get %(names)s.", "%(n)d statuses have no tag. They would get %(names)s.", len(plan.tag_of)
    )
    return {"standard": text % {"n": len(plan.tag_of), "names": names}}


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
        untagged = ""
        if depends:
            is_new = status.name == NEW and NEW in choices.labels(choices.label_by_id)
            untagged = _("No tag yet. You can use the tag New.") if is_new else str(statuses_page.untagged)
        rows.append(row_of(status.id, status.name, cells, status.tags, tags.forms[status.id], untagged=untagged))
    new = next((s for s in statuses_by_id.values() if statuses_page.kind is TagKind.REGISTRATION_STATUS and s.name == NEW), None)
    warning = None
    if depends and new is not None and not new.tags and not closed:
        text = _("Every registration saved without a status is New, so this one matters even if you never use it.")
        warning = {"title": _("New has no tag"), "text": text}
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
        save_note=_("Tags are optional.")
        if not all(s.tags for s in statuses_by_id.values())
        else _("All %(n)d have a tag.") % {"n": len(statuses_by_id)},
    )
