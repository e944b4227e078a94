"""The plan of a configuration file as pages: the file, its secrets, what it would change; and applying it (B5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from django.db import transaction as django_transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.api.configuration.configuration_file import FileRefused
from heliograph.api.configuration.configuration_plan import MOST_AT_ONCE, FileToApply, NotAllowed, Plan, apply_file, plan_file
from heliograph.api.configuration.configuration_text import BadText
from heliograph.api.configuration.configuration_words import heading, summary
from heliograph.api.configuration.missing_secrets import missing_secrets
from heliograph.api.configuration.planned_changes import ChangeKind, PlannedChange
from heliograph.api.configuration_forms import SECRETS, FileForm, PlanForm, SecretsForm, SentFile, typed_values
from heliograph.api.configuration_lines import configuration_crumbs, plan_lines
from heliograph.connections.views import typed_secrets
from heliograph.domain.errors import HeliographError
from heliograph.setup.services.applied_file_record import newest_applied
from heliograph.setup.views.setup_frame import settings_page
from heliograph.web.confirmation import promise_of
from heliograph.web.forms import posted
from heliograph.web.toasts import say

ENTRY: Final = "configuration"
"""The entry of these pages in the panel."""


class PlanDiffers(HeliographError):
    """The account has changed since the plan was shown. plan: what the file would do now."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def plan(request: AccountRequest) -> HttpResponse:
    """Takes a file, asks for secrets that are not stored, shows what the file would change, and applies it."""
    answer = PlanForm(posted(request)).posted
    if request.method != "POST" or answer["do"] not in ("secrets", "apply"):
        return _take_file(request)
    file = SentFile.from_sealed(request, answer["sent"])
    if file is None:
        return _file_page(request, FileForm(), _("Choose the file again: this page was open for too long."))
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
        return _file_page(request, FileForm(), refused=error)


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
        crumbs=configuration_crumbs(),
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
        "items": list(map(translated, problems or (refused,))),
    }


def _secrets_page(request: AccountRequest, file: SentFile, form: SecretsForm) -> HttpResponse:
    """Asks for the secrets that are not stored."""
    return settings_page(
        request,
        "api/configuration_secrets.html",
        entry=ENTRY,
        status=form.status,
        crumbs=configuration_crumbs(),
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
    return FileToApply(file.text, file.name, lambda reference: values.get(reference.name), most=MOST_AT_ONCE, **options)


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
        crumbs=configuration_crumbs(),
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
    text = _("Some objects that are not in the file cannot be deleted. Apply the file without deleting, or add these to it.")
    return {"tone": "failed", "title": _("Nothing was applied"), "text": text, "items": list(map(translated, error.problems))}


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
