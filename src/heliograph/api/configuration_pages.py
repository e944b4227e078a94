"""Account Settings > Implementation > Configuration File: export, plan, apply, and what was changed by hand since (B5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from heliograph.accounts import save_order
from heliograph.accounts.actors import Actors
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.api.configuration.account_names import AccountNames
from heliograph.api.configuration.applied_configuration import drift_of, put_back, stop_managing
from heliograph.api.configuration.configuration_file import FORMAT, TOP, VERSION_MEMBER, FileRefused, exported_entries
from heliograph.api.configuration.configuration_plan import NotAllowed, export_account
from heliograph.api.configuration.configuration_text import write_json, write_yaml
from heliograph.api.configuration.configuration_words import summary
from heliograph.api.configuration.planned_changes import ChangeKind, PlannedChange
from heliograph.api.configuration.secret_references import take_references
from heliograph.api.configuration_forms import EntryForm
from heliograph.api.configuration_lines import configuration_crumbs, drift_lines, section_words
from heliograph.api.configuration_plan_pages import ENTRY
from heliograph.setup.models import AppliedFile
from heliograph.setup.services.applied_file_record import newest_applied
from heliograph.setup.setup_errors import NotThere
from heliograph.setup.views.setup_frame import settings_page
from heliograph.web.confirmation import is_agreed, question
from heliograph.web.cursor import Pager, keyset, read_cursor
from heliograph.web.templatetags.moments import minute
from heliograph.web.toasts import say

APPLIED_ROWS: Final = 20
WRITERS: Final = {"yaml": (write_yaml, "application/yaml"), "json": (write_json, "application/json")}


# --- the page


@require_safe
@needs(Role.ADMINISTRATOR)
def configuration(request: AccountRequest) -> HttpResponse:
    """The file that manages the account, what differs from it, and the files that were applied."""
    return _page(request)


def _page(request: AccountRequest, callout: Mapping[str, Any] | None = None, status: int = 200) -> HttpResponse:
    newest = newest_applied()
    applied = newest if newest is not None and newest.state is not None else None
    changes = drift_of(applied) if applied else []
    page = keyset(AppliedFile.objects.all(), "number", "id", read_cursor(request, (int, int)), size=APPLIED_ROWS)
    actors = Actors.from_stored(request.account, [row.by for row in (*page.rows, *([newest] if newest else ()))])
    return settings_page(
        request,
        "api/configuration.html",
        entry=ENTRY,
        status=status,
        callout=callout,
        is_managed=applied is not None,
        verdict=_verdict(changes),
        lines=drift_lines(request.account, changes, _yaml_of(request.account.pk, changes)),
        facts=_facts(applied, actors) if applied else [],
        files=[_file_row(row, actors) for row in page.rows],
        pager=Pager.from_page(request, page, _("You can download the newest 20 files.")),
    )


def _verdict(changes: Sequence[PlannedChange]) -> str:
    if not changes:
        return _("No drift: everything is as the file says.")
    return ngettext(
        "Drift: %(n)s change was made by hand, and is not in the file.",
        "Drift: %(n)s changes were made by hand, and are not in the file.",
        len(changes),
    ) % {"n": len(changes)}


def _yaml_of(account: int, changes: Sequence[PlannedChange]) -> dict[tuple[str, int], str]:
    """The entries for the file of what was changed and still exists, by section and id."""
    keys = {(change.section, change.id) for change in changes if change.kind is not ChangeKind.DELETE}
    contents = exported_entries(AccountNames.of_account(account), keys) if keys else {}
    return {key: write_yaml(content) for key, content in contents.items()}


def _facts(applied: AppliedFile, actors: Actors) -> list[tuple[str, str]]:
    _without, references = take_references(applied.content or {})
    secrets = len({reference.name for reference in references.values()})
    covers = {"n": len(applied.sections), "m": len(TOP), "names": section_words(applied.sections)}
    return [
        (_("File"), applied.name or _("without a name")),
        (_("Version"), str(applied.number)),
        (_("Applied"), minute(applied.at)),
        (_("By"), actors.name(applied.by)),
        (_("Covers"), _("%(n)s of %(m)s sections: %(names)s") % covers),
        (_("Secrets"), _("%(n)s, by reference") % {"n": secrets} if secrets else _("none")),
    ]


def _file_row(row: AppliedFile, actors: Actors) -> dict[str, Any]:
    return {
        "at": row.at,
        "number": row.number,
        "name": row.name,
        "has_content": row.content is not None,
        "by": actors.name(row.by),
        "place": actors.place(row.by),
        "what": summary(row.counts),
    }


# --- files


@require_safe
@needs(Role.ADMINISTRATOR)
def export(request: AccountRequest, form: str) -> HttpResponse:
    """The account as a configuration file. form: yaml or json"""
    return _download(export_account(request.account.pk), form, f"{request.account.code.lower()}.{form}")


@require_safe
@needs(Role.ADMINISTRATOR)
def applied_file(request: AccountRequest, number: int) -> HttpResponse:
    """A file as it was applied, without secrets that stood in it."""
    row = AppliedFile.objects.filter(number=number).exclude(content__isnull=True).first()
    if row is None:
        raise Http404
    content: dict[str, Any] = {VERSION_MEMBER: FORMAT, **(row.content or {})}
    return _download(content, "yaml", f"{request.account.code.lower()}-{number}.yaml")


def _download(content: dict[str, Any], form: str, name: str) -> HttpResponse:
    write, media_type = WRITERS[form]
    headers = {"Content-Disposition": content_disposition_header(as_attachment=True, filename=name)}
    return HttpResponse(write(content), content_type=f"{media_type}; charset=utf-8", headers=headers)


# --- putting back, and stopping


@require_POST
@needs(Role.ADMINISTRATOR)
def put_entry_back(request: AccountRequest) -> HttpResponse:
    """Puts one thing back to what the file says. Asks first if that deletes it, or lets a flow act on more or stop."""
    entry = EntryForm(request.POST).entry
    applied = newest_applied()
    changes = drift_of(applied) if applied is not None else []
    change = next((each for each in changes if (each.section, each.id) == entry), None)
    if change is None:
        return _led_back(request, _("This is as the file says."))
    account, by, deletes = request.account.pk, request.user.actor, change.kind is ChangeKind.ADD
    name = change.name or (_("a flow without a name") if change.section == "flows" else _(change.label))
    refused: Sequence[PlannedChange] = ()
    try:
        if not deletes:
            with save_order.undone():
                put_back(account, change.section, change.id, by=by)
            return _led_back(request, _("%(name)s is as the file says.") % {"name": name})
    except NotAllowed as error:
        refused = error.plan.refused
    except (FileRefused, NotThere) as error:
        return _page(request, _not_put_back(error), 409)
    confirmation = _question_of(change, name, refused)
    if not is_agreed(request, confirmation):
        return settings_page(request, "confirmation.html", entry=ENTRY, **confirmation)
    try:
        put_back(account, change.section, change.id, by=by, allow_wider=True)
    except (FileRefused, NotThere) as error:
        return _page(request, _not_put_back(error), 409)
    return _led_back(request, (_("%(name)s is deleted.") if deletes else _("%(name)s is as the file says.")) % {"name": name})


def _question_of(change: PlannedChange, name: str, refused: Sequence[PlannedChange]) -> dict[str, Any]:
    """The question before a thing is put back. refused: the flows that act on more by it, or stop; none if it is deleted"""
    if not refused:
        title, lead, button = _("Delete %(name)s?"), _("It is not in the file."), _("Delete it")
    else:
        title, button = _("Put %(name)s back?"), _("Put it back")
        widens = any(each.widens for each in refused)
        lead = _("This Live flow would act on more:") if widens else _("This running flow would stop:")
    return question(
        title % {"name": name},
        lead=lead,
        sentence=refused[0].rules[1] if refused else (),
        crumbs=configuration_crumbs(),
        hidden=[("section", change.section), ("id", str(change.id))],
        thing=[(member.path, member.before, member.after) for member in change.members],
        button=button,
        button_class="primary" if refused else "danger",
        cancel=_("Leave it"),
        cancel_href=reverse("configuration"),
    )


def _not_put_back(error: FileRefused | NotThere) -> dict[str, Any]:
    return {"tone": "failed", "title": _("Not put back"), "text": translated(error), "items": []}


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def stop(request: AccountRequest) -> HttpResponse:
    """Asks, and stops managing the account by a file."""
    applied = newest_applied()
    if applied is None or applied.state is None:
        return _led_back(request, _("No file manages this account."))
    confirmation = question(
        _("Stop managing by a file?"),
        lead=_(
            "Everything stays as it is. Differences from the file are no longer shown. The list of applied files stays, but their texts are deleted."
        ),
        crumbs=configuration_crumbs(),
        thing=applied.number,
        button=_("Stop"),
        cancel_href=reverse("configuration"),
    )
    if not is_agreed(request, confirmation):
        return settings_page(request, "confirmation.html", entry=ENTRY, **confirmation)
    stop_managing(request.account.pk, by=request.user.actor)
    return _led_back(request, _("These pages manage the account again."))


def _led_back(request: HttpRequest, text: str) -> HttpResponse:
    say(request, text)
    return HttpResponseRedirect(reverse("configuration"))
