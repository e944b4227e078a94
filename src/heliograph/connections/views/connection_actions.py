"""Operations on a connection besides editing it: pause and release (C8), sign (C7), copy, delete (P12).

Each has its own confirmation page.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import time_ns
from typing import Any, Unpack

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.connections import release_job
from heliograph.connections.connection_list import ConnectionRow
from heliograph.connections.services import connections as services
from heliograph.connections.services import pause as holding
from heliograph.connections.services import signing_secrets
from heliograph.connections.services.pause import FASTEST, WHY_LENGTH, NotPaused
from heliograph.connections.views.connection_list_page import flow_href, get_row, redirect, standing
from heliograph.domain.connection.secret import Secret
from heliograph.domain.ids import read_number
from heliograph.jobs.models import ENDED, Job, JobState
from heliograph.jobs.page import after_progress, error_text
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.store.instants import from_micros
from heliograph.web.confirmation import (
    Breaks,
    LinkedThing,
    QuestionParts,
    agrees,
    has_changed,
    is_agreed,
    promise_of,
    question,
    with_fields,
)
from heliograph.web.form_fields import LONGEST_TEXT, Hidden, TextLine
from heliograph.web.forms import Form
from heliograph.web.pages import asks_for_part, page
from heliograph.web.templatetags.moments import soon
from heliograph.web.toasts import say

USUAL_RATE = 60


class PauseForm(Form):
    """Why a connection is paused."""

    why = TextLine(gettext_lazy("Why"), longest=LONGEST_TEXT, optional=True)


class ReleaseForm(Form):
    """How a paused connection continues."""

    do = Hidden()
    """The button: "rate", "hold" (pause again), or "once" for everything at once."""
    rate = TextLine(
        gettext_lazy("Requests a minute"),
        extra="short",
        inputmode="numeric",
        help=gettext_lazy("Held items go out in order at this rate. Then the connection works as usual."),
    )

    @property
    def number(self) -> int:
        """The rate; 0 if it is not a number."""
        return read_number(self.cleaned_data["rate"]) or 0


class CopyConnectionForm(Form):
    """The name of the copy."""

    name = TextLine(gettext_lazy("Connection Name"), required=True)


class SigningForm(Form):
    """The buttons of the page on signing."""

    do = Hidden()
    """The button: "new", "finish" or "stop"."""
    seen = Hidden()
    """The edition of the secrets that the page showed."""
    confirmed = Hidden()
    """Not empty once the question was answered with yes."""


def _saving(request: AccountRequest) -> Any:
    return saving(request.account.pk, by=request.user.actor, whole_account=True)


def _question(row: ConnectionRow, heading: str, **parts: Unpack[QuestionParts]) -> dict[str, Any]:
    """The confirmation page's context for an operation on a connection."""
    href = reverse("connection", args=(row.id,))
    usual: QuestionParts = {
        "frame": "signal.html",
        "crumbs": [(_("Connection List"), reverse("connection-list")), (row.connection.name, href)],
        "cancel_href": href,
        "thing": services.connection_row(row.id).number,
    }
    return question(heading, **usual | parts)


def _used_by(flows: Iterable[tuple[int, str]]) -> list[Breaks]:
    """The list of the flows that use a connection; empty if there are none.

    flows: the id and name of each
    """
    items = [LinkedThing(name or _("Without a name"), flow_href(id)) for id, name in flows]
    return [Breaks(_("Used by"), items=items)] if items else []


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def pause(request: AccountRequest, connection: int) -> HttpResponse:
    """Pauses the connection."""
    row = get_row(request, connection)
    form = PauseForm(request.POST if request.method == "POST" else None)
    form.say("why", help=_("At most %(n)d characters. Shown to whoever opens the paused connection.") % {"n": WHY_LENGTH})
    confirmation = _question(
        row,
        _("Pause %(name)s?") % {"name": row.connection.name},
        lead=_("Nothing is sent over it until somebody releases it. Items are held in order; nothing is lost, and no retry is used up."),
        breaks=_used_by(row.flows),
        thing=(services.connection_row(connection).number, _paused_by(row)),
        button=_("Pause it"),
        button_class="danger",
        cancel=_("Leave it on"),
    )
    if not (form.is_valid() and is_agreed(request, confirmation)):
        return page(request, "confirmation.html", here="connections", **with_fields(confirmation, form))
    with _saving(request) as transaction:
        holding.pause(transaction, connection, form.cleaned_data["why"])
    say(request, _("“%(name)s” is paused. Items are held in order until somebody releases it.") % {"name": row.connection.name})
    return redirect("connection", connection)


def _paused_by(row: ConnectionRow) -> tuple[object, ...]:
    """Who paused it, when and why; () if it is not paused."""
    return (row.pause.by, row.pause.at, row.pause.why) if row.pause else ()


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def release(request: AccountRequest, connection: int) -> HttpResponse:
    """Resumes a paused connection at once, or releases its actions at a chosen rate by a job whose progress this page shows."""
    row = get_row(request, connection)
    form = ReleaseForm(request.POST if request.method == "POST" else None, initial={"rate": row.connection.rate or USUAL_RATE})
    promise = promise_of(row.connection.name, _paused_by(row), frozenset(row.flows))
    if form.is_valid() and agrees(request, promise) and _release(request, row, form):
        return redirect("connection-release" if form.cleaned_data["do"] == "rate" else "connection", connection)
    job = Job.objects.filter(kind=release_job.KIND, account=request.account, parameters__connection=connection).order_by("-pk").first()
    going = job is not None and job.state not in ENDED and row.pause is not None and row.state.release_rate is not None
    if asks_for_part(request) and not going:
        return HttpResponseClientRefresh()
    progress = None
    if going:
        assert job is not None
        waits = job.is_waiting
        made = _("%(n)s requests made, %(left)s still to make") % {
            "n": intcomma(job.done),
            "left": intcomma(max(0, int(job.total or 0) - job.done)),
        }
        total = max(int(job.total or 0), 1)
        progress = {
            "label": _("Waiting to send held items") if waits else _("Sending held items"),
            "live": not waits,
            "done": min(100, job.done * 100 // total) if job.total else 0,
            "text": after_progress(made if job.done else "", job) if waits else made,
            "failed": error_text(job) if job.state == JobState.FAILED else "",
        }
    return page(
        request,
        "connections/release.html",
        here="connections",
        status=409 if has_changed(request, promise) else form.status,
        promise=promise,
        changed=has_changed(request, promise),
        connection={"id": row.id, "name": row.connection.name},
        standing=standing(row, names_of_users(request.account.pk, [row.pause.by] if row.pause else [])),
        paused=row.pause is not None,
        progress=progress,
        rate=form.draw_field("rate"),
    )


def _release(request: AccountRequest, row: ConnectionRow, form: ReleaseForm) -> bool:
    """Performs the operation of the pressed button. Returns False, with the error in the form, if the rate is invalid."""
    try:
        with _saving(request) as transaction:
            match form.cleaned_data["do"]:
                case "hold":
                    holding.pause(transaction, row.id, row.pause.why if row.pause else "")
                case "rate":
                    holding.release(transaction, row.id, form.number)
                case "once":
                    holding.resume(transaction, row.id)
                    text = _("“%(name)s” sends again.") % {"name": row.connection.name}
                    if row.state.held_until > time_ns() // 1_000:  # a retry-after pause of the target goes on
                        text = _("“%(name)s” is released. Its target asked us to wait until %(time)s; sending continues then.") % {
                            "name": row.connection.name,
                            "time": soon(from_micros(row.state.held_until)),
                        }
                    say(request, text)
                case _:
                    raise Http404
    except Invalid:
        form.add_error("rate", _("Give a whole number of requests a minute from 1 to %(most)s.") % {"most": intcomma(FASTEST)})
    except NotPaused:
        say(request, _("“%(name)s” is not paused.") % {"name": row.connection.name})
    return not form.errors


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def copy(request: AccountRequest, connection: int) -> HttpResponse:
    """Copies a connection."""
    row = get_row(request, connection)
    usual = _("%(name)s (copy)") % {"name": row.connection.name}
    form = CopyConnectionForm(request.POST if request.method == "POST" else None, initial={"name": usual})
    notes = [_("Copies its URL, settings and credentials. No flow uses the copy until you choose it in one.")]
    if row.connection.needs_connecting:
        notes.append(_("The sign-in is not copied: press Connect in the copy."))
    confirmation = _question(row, _("Copy %(name)s") % {"name": row.connection.name}, notes=notes, button=_("Copy it"))
    if form.is_valid() and is_agreed(request, confirmation):
        try:
            with _saving(request) as transaction:
                made = services.copy_connection(transaction, connection, form.cleaned_data["name"])
        except Invalid as error:
            form.refuse(error, names=dict.fromkeys(error.fields, "name"))
        else:
            say(request, _("“%(name)s” created, with the same settings and credentials.") % {"name": made.name})
            return redirect("connection", made.pk)
    return page(request, "confirmation.html", here="connections", **with_fields(confirmation, form))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def delete(request: AccountRequest, connection: int) -> HttpResponse:
    """Deletes a connection that no flow uses; otherwise lists the flows that use it (P12)."""
    row = get_row(request, connection)
    uses = services.users(request.account.pk, connection)
    if uses:
        confirmation = _question(
            row,
            _("“%(name)s” is in use") % {"name": row.connection.name},
            lead=ngettext(
                "%(n)d flow uses it. Choose another connection there or delete the flow. Then you can delete this connection.",
                "%(n)d flows use it. Choose another connection there or delete the flows. Then you can delete this connection.",
                len(uses),
            )
            % {"n": len(uses)},
            breaks=_used_by((use.id, use.name) for use in uses),
            cancel=_("Back"),
        )
    else:
        confirmation = _question(
            row,
            _("Delete %(name)s?") % {"name": row.connection.name},
            lead=_("Its settings and credentials are deleted. What was sent over it stays in Metrics, under its name."),
            button=_("Delete it"),
            button_class="danger",
            cancel=_("Keep it"),
        )
    if not is_agreed(request, confirmation):
        return page(request, "confirmation.html", here="connections", **confirmation)
    with _saving(request) as transaction:
        services.delete_connection(transaction, connection)
    say(request, _("“%(name)s” is deleted, with its credentials.") % {"name": row.connection.name})
    return HttpResponseRedirect(reverse("connection-list"))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def sign(request: AccountRequest, connection: int) -> HttpResponse:
    """Signing requests (Standard Webhooks). A new secret is shown once, in the response to the post that made it.

    An operation that deletes or replaces a secret asks first. A post that is sent a second time does nothing, because its edition is outdated.
    """
    row = get_row(request, connection)
    secret, question, conflict = "", None, ""
    form = SigningForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        do, rotating = form.cleaned_data["do"], Secret.SIGNING_BEFORE in row.connection.secrets
        if form.cleaned_data["seen"] != str(signing_secrets.edition(connection)):
            conflict = _(
                "Nothing was done: the secrets have changed since you opened this page. Open it again. A new secret is shown once, when it is made."
            )
        elif not form.cleaned_data["confirmed"] and (do in ("finish", "stop") or (do == "new" and rotating)):
            question = {"do": do} | _signing_question(do, rotating=rotating)
        else:
            secret = _sign(request, connection, do)
            if not secret:
                return redirect("connection-signing", connection)
        row = get_row(request, connection)
    return page(
        request,
        "connections/signing.html",
        here="connections",
        status=409 if conflict else 200,
        connection={"id": row.id, "name": row.connection.name},
        secret=secret,
        signed=row.connection.is_signed,
        rotating=Secret.SIGNING_BEFORE in row.connection.secrets,
        seen=signing_secrets.edition(connection),
        question=question,
        conflict=conflict,
    )


def _sign(request: AccountRequest, connection: int, do: str) -> str:
    """Performs the operation of the button. Returns the new secret, or "" if none was made."""
    with _saving(request) as transaction:
        match do:
            case "new":
                return signing_secrets.rotate(transaction, connection, again=True)
            case "finish":
                signing_secrets.finish(transaction, connection)
                say(request, _("Finished: requests are signed with the newest secret only."))
            case "stop":
                signing_secrets.stop(transaction, connection)
                say(request, _("Requests are no longer signed."))
    return ""


def _signing_question(do: str, *, rotating: bool) -> dict[str, str]:
    """The question before a secret is deleted or replaced: title, text, and the label of the button."""
    match do:
        case "finish":
            return {
                "title": _("Does the target know the new secret?"),
                "text": _("Requests are then signed with the new secret only. A target that knows only the previous one refuses them."),
                "button": _("Yes, finish"),
            }
        case "stop":
            return {
                "title": _("Stop signing?"),
                "text": _("The secrets are deleted, and requests have no signature. A target that checks it refuses them.")
                + (" " + _("The unfinished new secret is deleted, too.") if rotating else ""),
                "button": _("Stop signing"),
            }
        case _:
            return {
                "title": _("Make yet another secret?"),
                "text": _(
                    "There is already a new secret that you have not finished. Another one replaces it: if the target has that "
                    "one, give it the newest. The oldest secret keeps signing until you finish."
                ),
                "button": _("Make another secret"),
            }
