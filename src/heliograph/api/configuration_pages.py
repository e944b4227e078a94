"""Account Settings > Implementation > Configuration File: export, plan, apply, and what was changed by hand since (B5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from django.db import transaction as django_transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from heliograph.accounts import save_order
from heliograph.accounts.actors import Actors
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.api.configuration.account_names import AccountNames
from heliograph.api.configuration.applied_configuration import drift_of, put_back, stop_managing
from heliograph.api.configuration.configuration_file import FORMAT, TOP, VERSION_MEMBER, FileRefused, exported_entries
from heliograph.api.configuration.configuration_plan import (
    ChangeKind,
    FileToApply,
    NotAllowed,
    Plan,
    PlannedChange,
    apply_file,
    export_account,
    plan_file,
)
from heliograph.api.configuration.configuration_text import BadText, write_json, write_yaml
from heliograph.api.configuration.configuration_words import heading, summary
from heliograph.api.configuration.missing_secrets import missing_secrets
from heliograph.api.configuration.secret_references import take_references
from heliograph.api.configuration_forms import SECRETS, EntryForm, FileForm, PlanForm, SecretsForm, SentFile, typed_values
from heliograph.api.configuration_lines import drift_lines, plan_lines, section_words
from heliograph.connections.views import typed_secrets
from heliograph.domain.errors import HeliographError
from heliograph.setup.models import AppliedFile
from heliograph.setup.services.applied_file_record import newest_applied
from heliograph.setup.setup_errors import NotThere
from heliograph.setup.views.setup_frame import settings_page
from heliograph.web.confirmation import is_agreed, promise_of, question
from heliograph.web.cursor import Pager, keyset, read_cursor
from heliograph.web.forms import posted
from heliograph.web.templatetags.moments import minute
from heliograph.web.toasts import say

ENTRY: Final = "configuration"
APPLIED_ROWS: Final = 20
WRITERS: Final = {"yaml": (write_yaml, "application/yaml"), "json": (write_json, "application/json")}


class PlanDiffers(HeliographError):
    """The account has changed since the plan was shown. plan: what the file would do now."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


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
        pager=Pager.from_page(request, page, _("Of the newest 20, the file can be downloaded.")),
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


# --- a plan


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def plan(request: AccountRequest) -> HttpResponse:
    """Takes a file, asks for secrets that are not stored, shows what the file would change, and applies it."""
    answer = PlanForm(posted(request)).posted
    if request.method != "POST" or answer["do"] not in ("secrets", "apply"):
        return _take_file(request)
    file = SentFile.from_sealed(request, answer["sent"])
    if file is None:
        return _file_page(request, FileForm(), _("Choose the file again: the page was too old."))
    values = typed_values(request)
    try:
        missing = [each for each in missing_secrets(request.account.pk, file.text) if each.reference.name not in values]
        if answer["do"] == "secrets":
            form = SecretsForm(missing, request.POST)
            return _planned(request, file, values | form.typed) if form.is_valid() else _secrets_page(request, file, form)
        if missing:
            return _secrets_page(request, file, SecretsForm(missing))
        allowed = {int(id) for id in answer["allow"] if id.isascii() and id.isdecimal() and len(id) < 19}
        return _applied(request, file, values, bool(answer["prune"]), allowed, answer["promise"])
    except (BadText, FileRefused) as error:
        return _file_page(request, FileForm(), refused=error)


def _take_file(request: AccountRequest) -> HttpResponse:
    form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
    file = form.sent_file() if request.method == "POST" else None
    if file is None:
        return _file_page(request, form)
    if not file.sealed(request):
        form.add_error("file", _("The file is too large for this page. Use `heliograph plan`, or the REST API."))
        return _file_page(request, form)
    try:
        missing = missing_secrets(request.account.pk, file.text)
        return _secrets_page(request, file, SecretsForm(missing)) if missing else _planned(request, file, {})
    except (BadText, FileRefused) as error:
        return _file_page(request, FileForm(), refused=error)  # a pasted text is not shown again: secrets may stand in it


def _file_page(request: AccountRequest, form: FileForm, notice: str = "", refused: BadText | FileRefused | None = None) -> HttpResponse:
    """The form for a file, with what is wrong with the last one."""
    callout = _refused_file(refused) if refused is not None else None
    if notice:
        callout = {"tone": "wait", "title": notice, "text": "", "items": []}
    return settings_page(
        request,
        "api/configuration_file.html",
        entry=ENTRY,
        status=422 if callout else form.status,
        crumbs=_crumbs(),
        callout=callout,
        error=" ".join(map(str, form["file"].errors)),
        fields=form.draw_fields("text"),
    )


def _refused_file(refused: BadText | FileRefused) -> dict[str, Any]:
    """Says what is wrong with a file, with its places."""
    problems = refused.problems if isinstance(refused, FileRefused) else ()
    title = ngettext("%(n)s entry of the file cannot be applied", "%(n)s entries of the file cannot be applied", len(problems))
    return {
        "tone": "failed",
        "title": title % {"n": len(problems)} if problems else _("The file cannot be read"),
        "text": _("Nothing was changed. Correct the file, and plan it again."),
        "items": list(map(str, problems or (refused,))),
    }


def _secrets_page(request: AccountRequest, file: SentFile, form: SecretsForm) -> HttpResponse:
    """Asks for the secrets that are not stored."""
    return settings_page(
        request,
        "api/configuration_secrets.html",
        entry=ENTRY,
        status=form.status,
        crumbs=_crumbs(),
        fields=form.draw_fields(*(form.errors or form.fields)),
        sent=file.sealed(request),
        typed=typed_secrets.keep(request, SECRETS, typed_values(request) | form.typed),
    )


def _planned(request: AccountRequest, file: SentFile, values: Mapping[str, str]) -> HttpResponse:
    planned = plan_file(request.account.pk, _to_apply(file, values), by=request.user.actor)
    return _plan_page(request, file, values, planned)


def _applied(
    request: AccountRequest, file: SentFile, values: Mapping[str, str], prune: bool, allowed: Collection[int], promise: str
) -> HttpResponse:
    """Applies the file if it does what the page has promised; otherwise shows what it would do now (P15)."""
    try:
        with django_transaction.atomic():
            done, row = apply_file(request.account.pk, _to_apply(file, values, prune=prune, allowed_flows=allowed), by=request.user.actor)
            if _promise(done) != promise:
                raise PlanDiffers(done)
    except FileRefused as error:
        if not prune:
            raise
        planned = plan_file(request.account.pk, _to_apply(file, values), by=request.user.actor)  # what is in use is not deleted
        return _plan_page(request, file, values, planned, callout=_not_deleted(error), status=409)
    except (NotAllowed, PlanDiffers) as error:
        return _plan_page(
            request, file, values, error.plan, prune=prune, allowed=allowed, changed=_promise(error.plan) != promise, status=409
        )
    typed_secrets.forget(request)
    say(request, _("Applied as version %(number)s: %(what)s.") % {"number": row.number, "what": summary(done.counts)})
    return HttpResponseRedirect(reverse("configuration"))


def _to_apply(file: SentFile, values: Mapping[str, str], **options: Any) -> FileToApply:
    return FileToApply(file.text, file.name, lambda reference: values.get(reference.name), **options)


def _promise(planned: Plan) -> str:
    """The digest of what a plan changes. It is the same with and without deleting what is not in the file: the page names that in any case."""
    changes = [
        (
            change.section,
            change.name,
            change.kind,
            None if change.kind is ChangeKind.ADD else change.id,
            change.sentences,
            [(member.path, member.before, member.after) for member in change.members if member.path != ("edition",)],
            change.widens,
            change.stops,
        )
        for change in planned.changes
        if change.kind is not ChangeKind.DELETE
    ]
    absent = {(each.section, each.name) for each in planned.left}
    absent |= {(change.section, change.name) for change in planned.changes if change.kind is ChangeKind.DELETE}
    return promise_of("configuration file", changes, absent)


def _plan_page(
    request: AccountRequest,
    file: SentFile,
    values: Mapping[str, str],
    planned: Plan,
    *,
    prune: bool = False,
    allowed: Collection[int] = (),
    changed: bool = False,
    callout: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """What a file would change. callout: why it was not applied; None: that somebody must allow changes, if so"""
    newest = newest_applied()
    refused = [change for change in planned.refused if change.id not in allowed]
    return settings_page(
        request,
        "api/configuration_plan.html",
        entry=ENTRY,
        status=status,
        crumbs=_crumbs(),
        heading=heading(planned),
        name=file.name or _("The pasted file"),
        changed=changed,
        callout=callout or _not_allowed(refused),
        lines=plan_lines(request.account, planned.changes, allowed),
        prune=_prune_choice(planned),
        is_pruning=prune,
        unchanged_secrets=len(planned.without_value),
        button=ngettext("Apply %(n)s change", "Apply %(n)s changes", len(planned.changes)) % {"n": len(planned.changes)}
        if planned.changes
        else _("Apply"),
        version=(newest.number if newest else 0) + 1,
        sent=file.sealed(request),
        promise=_promise(planned),
        typed=typed_secrets.keep(request, SECRETS, values),
    )


def _not_deleted(error: FileRefused) -> dict[str, Any]:
    """Says why what is not in the file cannot be deleted."""
    text = _("What is not in the file cannot all be deleted. Apply the file without that, or add these to it.")
    return {"tone": "failed", "title": _("Nothing was applied"), "text": text, "items": list(map(str, error.problems))}


def _not_allowed(refused: Sequence[PlannedChange]) -> dict[str, Any] | None:
    """Says that somebody must allow changes."""
    if not refused:
        return None
    names = ", ".join(change.name or _("a flow without a name") for change in refused)
    title = ngettext("%(n)s change would widen a rule, or stop a flow", "%(n)s changes would widen a rule, or stop a flow", len(refused))
    text = _("%(names)s. Allow it below, or correct the file. Nothing is applied until then.") % {"names": names}
    return {"tone": "failed", "title": title % {"n": len(refused)}, "text": text, "items": []}


def _prune_choice(planned: Plan) -> dict[str, str] | None:
    """The box that deletes what is not in the file; None if the file has everything."""
    names = [f"{_(left.label)} “{left.name}”" for left in planned.left]
    names += [f"{_(change.label)} “{change.name}”" for change in planned.changes if change.kind is ChangeKind.DELETE]
    if not names:
        return None
    label = ngettext("Also delete %(n)s object that is not in the file", "Also delete %(n)s objects that are not in the file", len(names))
    return {"label": label % {"n": len(names)}, "sub": _("%(names)s. Without this they stay.") % {"names": ", ".join(names)}}


def _crumbs() -> list[tuple[str, str]]:
    return [(_("Configuration File"), reverse("configuration"))]


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
        crumbs=_crumbs(),
        hidden=[("section", change.section), ("id", str(change.id))],
        thing=[(member.path, member.before, member.after) for member in change.members],
        button=button,
        button_class="primary" if refused else "danger",
        cancel=_("Leave it"),
        cancel_href=reverse("configuration"),
    )


def _not_put_back(error: FileRefused | NotThere) -> dict[str, Any]:
    return {"tone": "failed", "title": _("Not put back"), "text": str(error), "items": []}


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
            "Everything stays as it is. Differences from the file are no longer shown; the list of applied files stays, their texts go."
        ),
        crumbs=_crumbs(),
        thing=applied.number,
        button=_("Stop"),
        cancel_href=reverse("configuration"),
    )
    if not is_agreed(request, confirmation):
        return settings_page(request, "confirmation.html", entry=ENTRY, **confirmation)
    stop_managing(request.account.pk, by=request.user.actor)
    return _led_back(request, _("These pages decide again."))


def _led_back(request: HttpRequest, text: str) -> HttpResponse:
    say(request, text)
    return HttpResponseRedirect(reverse("configuration"))
