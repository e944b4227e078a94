"""Account Settings > Management > Erase a person: who it is, what is known and who was told, the confirmation, and what was done (B7)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from heliograph.accounts.actors import Actors
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.domain.registration.erasure import ErasedPart, ErasureReason
from heliograph.domain.spreadsheet_cells import without_formula
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.page import Sum, error_text
from heliograph.registrations.draft import opened_many
from heliograph.registrations.erasures.person import KnownOfPerson, Person, ToldApplication, known_of, people, person_of, told_of
from heliograph.registrations.erasures.person_erasure import backups_left, erasure_of, keep_proposed, start_erasure
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import settings_page
from heliograph.store import erasures
from heliograph.store.erasures import ErasureRow
from heliograph.store.instants import from_micros
from heliograph.web.confirmation import Breaks, LinkedThing, Moving, is_agreed, question
from heliograph.web.form_fields import Hidden, Select, TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.list_filters import ListFilters, SearchFilter
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import day, moment
from heliograph.web.toasts import say

REASONS: Final = {
    ErasureReason.ASKED: gettext_lazy("The person asked"),
    ErasureReason.SOURCE: gettext_lazy("A source erased them"),
    ErasureReason.OTHER: gettext_lazy("Another reason"),
}
PARTS: Final = {
    ErasedPart.REGISTRATIONS: gettext_lazy("Registrations emptied"),
    ErasedPart.SESSIONS: gettext_lazy("Sessions and answers erased"),
    ErasedPart.TIMELINE: gettext_lazy("Timeline entries without values"),
    ErasedPart.EXCHANGES: gettext_lazy("Requests and answers erased"),
    ErasedPart.UNDELIVERED: gettext_lazy("Messages that are no longer sent"),
    ErasedPart.DRY_RUNS: gettext_lazy("Lines of dry runs without values"),
    ErasedPart.CALLS: gettext_lazy("Calls and reads of sources without values"),
    ErasedPart.ANSWERS: gettext_lazy("Stored answers to programs erased"),
    ErasedPart.TEXTS: gettext_lazy("Other entries without names"),
    ErasedPart.FILES: gettext_lazy("Files deleted"),
}
SHOWN: Final = 50
"""People, and erasures, of one page."""


class PeopleFilters(ListFilters):
    """The search for a person."""

    no_match = gettext_lazy("Nobody matches")
    no_match_text = gettext_lazy("Try the e-mail address, a single name, or a registration’s code.")
    show_all = gettext_lazy("Search again")

    acts_at_once = False
    button = gettext_lazy("Find")

    q = SearchFilter(gettext_lazy("E-mail, name or registration code"), placeholder=gettext_lazy("E-mail, name or code"))


class ReasonForm(Form):
    """Why a person is erased, and the account's own reference."""

    why = Select(
        gettext_lazy("Why"), options=[Choice(reason.value, words) for reason, words in REASONS.items()], placeholder=gettext_lazy("Choose")
    )
    reference = TextLine(
        gettext_lazy("Your reference"), optional=True, autocomplete="off", help=gettext_lazy("It is kept in the audit. No name, please.")
    )


class ConfirmForm(Form):
    """What has to be typed before anything is erased."""

    why = Hidden()
    reference = Hidden()
    confirmation = TextLine(autocomplete="off", required=True)


class KeepForm(Form):
    """The proposal that is declined."""

    keep = Hidden()


@require_safe
@needs(Role.ADMINISTRATOR)
def erase(request: AccountRequest) -> HttpResponse:
    """The search for a person, what sources propose, and what was done before."""
    filters = PeopleFilters(request)
    text = filters.cleaned_data["q"]
    with account_reader(request.account.pk) as reader:
        matching = people(reader, text)[:SHOWN] if text else []
        done = erasures.erasures(reader.db, reader.account, limit=SHOWN)
        proposals = erasures.open_proposals(reader.db, reader.account)
        actors = Actors.from_stored(request.account, [*(each.by for each in done), *(each.by for each in proposals)])
    return settings_page(
        request,
        "registrations/erase.html",
        entry="erase",
        filters=filters,
        text=text,
        people=[_listed(person) for person in matching],
        done=[(from_micros(each.begun), each.id, _heading(each), actors.name(each.by), _why(each.why)) for each in done],
        proposed=len(proposals),
        proposed_by=", ".join(sorted({actors.name(each.by) for each in proposals})),
    )


def _listed(person: Person) -> dict[str, Any]:
    newest = person.registrations[0]
    return {
        "id": newest.id,
        "name": person.name,
        "email": person.email,
        "registrations": [(each.event.code, each.code) for each in person.registrations],
        "modified": newest.state.modified,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def erase_proposed(request: AccountRequest) -> HttpResponse:
    """What sources have erased. A person decides about each."""
    if request.method == "POST":
        form = KeepForm(request.POST)
        number = form.posted.get("keep", "")
        if not number.isdecimal() or len(number) > 18:
            raise Http404
        keep_proposed(request.account.pk, int(number), by=request.user.actor)
        say(request, _("The registration stays."))
        return HttpResponseRedirect(request.path)
    with account_reader(request.account.pk) as reader:
        proposals = erasures.open_proposals(reader.db, reader.account)
        registrations = opened_many(reader.db, reader.account, [each.registration for each in proposals])
        actors = Actors.from_stored(request.account, [each.by for each in proposals])
        rows = [
            {
                "id": each.id,
                "registration": each.registration,
                "code": known.code,
                "name": known.name,
                "event": known.event.code,
                "by": actors.name(each.by),
                "at": from_micros(each.at),
                "told": _told_count(len(told_of(reader, Person((known,))))),
            }
            for each in proposals
            if (known := registrations.get(each.registration)) is not None
        ]
    return settings_page(request, "registrations/erase_proposed.html", entry="erase", crumbs=_crumbs(), rows=rows)


def _told_count(applications: int) -> str:
    if not applications:
        return _("Sent to no application")
    return ngettext("Sent to %(n)d application", "Sent to %(n)d applications", applications) % {"n": applications}


@require_safe
@needs(Role.ADMINISTRATOR)
def erase_person(request: AccountRequest, registration: int) -> HttpResponse:
    """Everything that is known of a person, and whom it was told to."""
    with account_reader(request.account.pk) as reader:
        person = person_of(reader, registration)
        known, applications = known_of(reader, person), told_of(reader, person)
        now = reader.db.now()
    form = ReasonForm()
    return settings_page(
        request,
        "registrations/erase_person.html",
        entry="erase",
        crumbs=_crumbs(),
        person=person,
        first=registration,
        known=_known_rows(person, known, now),
        applications=[_application_row(each) for each in applications],
        fields=form.draw_fields(),
    )


def _known_rows(person: Person, known: KnownOfPerson, now: int) -> list[tuple[str, str, int, str]]:
    """(where, about it, how much, what happens) of each place."""
    backups = backups_left(now)
    rows: list[tuple[str, str, int, str]] = [
        (
            _("Registrations"),
            ", ".join(_("%(code)s in %(event)s") % {"code": each.code, "event": each.event.code} for each in person.registrations),
            len(person.registrations),
            _("Emptied and inactive; they still count"),
        ),
        (_("Sessions and answers"), "", known.sessions + known.answers, _("Erased")),
        (_("Timelines"), _("What changed, and when"), known.changes, _("Times stay, values are removed")),
        (_("Requests and answers"), _("Kept for Retry and replay"), known.exchanges, _("Erased")),
        (_("Not sent yet"), ", ".join(sorted(set(known.undelivered))), len(known.undelivered), _("Ends as “erased”, is never sent")),
    ]
    if backups is not None:
        until = _("Can’t be changed; the last one ends %(day)s") % {"day": day(from_micros(backups.until))}
        rows.append((_("Backups"), _("The scheduled ones"), backups.count, until))
    return rows


def _application_row(application: ToldApplication) -> dict[str, Any]:
    return {
        "name": application.name or _("A deleted connection"),
        "host": application.host,
        "what": ", ".join(application.fields) or _("Its requests are no longer stored"),
        "times": application.times,
        "first": from_micros(application.first),
        "last": from_micros(application.last),
    }


@require_safe
@needs(Role.ADMINISTRATOR)
def erase_told(request: AccountRequest, registration: int) -> HttpResponse:
    """The list of who was told what, for the person's file."""
    with account_reader(request.account.pk) as reader:
        person = person_of(reader, registration)
        applications = told_of(reader, person)
    rows = [
        [
            each.name,
            each.host,
            ", ".join(each.fields),
            str(each.times),
            from_micros(each.first).isoformat(timespec="seconds"),
            from_micros(each.last).isoformat(timespec="seconds"),
        ]
        for each in applications
    ]
    head = [_("Application"), _("Address"), _("What"), _("Times"), _("First"), _("Last")]
    return _file(f"told-{person.registrations[0].code}.csv", [head, *rows])


def _file(name: str, rows: Iterable[Sequence[str]]) -> HttpResponse:
    text = io.StringIO()
    csv.writer(text).writerows([without_formula(cell) for cell in row] for row in rows)
    response = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    safe = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-.") else "-" for sign in name)
    response["Content-Disposition"] = f'attachment; filename="{safe}"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def erase_confirm(request: AccountRequest, registration: int) -> HttpResponse:
    """Asks once more, and begins once the person's e-mail address is typed."""
    reasons = ReasonForm(request.GET)
    form = ConfirmForm(posted(request))
    values = reasons.posted | {name: value for name, value in form.posted.items() if value}
    why = next((reason for reason in ErasureReason if reason.value == values.get("why")), None)
    if why is None:
        say(request, _("Choose why the person is erased."))
        return HttpResponseRedirect(reverse("erase-person", args=(registration,)))
    reference = str(values.get("reference") or "")
    with account_reader(request.account.pk) as reader:
        person = person_of(reader, registration)
        parts = _question_parts(reader, person, registration)
    form.say("confirmation", **_typed(person))
    confirmation = question(
        _("Erase %(name)s?") % {"name": person.name},
        lead=_("You can’t undo this."),
        hidden=[("why", why.value), ("reference", reference)],
        thing=[person.ids, person.confirmation],
        button=_("Erase %(name)s") % {"name": person.name},
        button_class="danger",
        cancel_href=reverse("erase-person", args=(registration,)),
        **parts,
    )
    status = 200
    if request.method == "POST" and is_agreed(request, confirmation):
        try:
            erasure = start_erasure(
                request.account.pk,
                person,
                why=why,
                reference=reference,
                confirmation=str(form.posted.get("confirmation") or ""),
                by=request.user.actor,
            )
        except Invalid as error:
            form.refuse(error)
            status = form.status
        else:
            return HttpResponseRedirect(reverse("erase-done", args=(erasure.id,)))
    confirmation["last_fields"] = form.draw_fields("confirmation")
    confirmation["notes"] = [*confirmation["notes"], *form.non_field_errors()]
    return settings_page(request, "confirmation.html", entry="erase", **confirmation | ({"status": status} if status != 200 else {}))


def _typed(person: Person) -> dict[str, str]:
    label = _("Type the e-mail to confirm") if person.email else _("Type the code to confirm")
    return {"label": label, "help": person.confirmation}


def _question_parts(reader: AccountReader, person: Person, registration: int) -> dict[str, Any]:
    """What the question says of its consequences."""
    known, applications, backups = known_of(reader, person), told_of(reader, person), backups_left(reader.db.now())
    emptied = ngettext("%(n)d registration is emptied", "%(n)d registrations are emptied", len(person.registrations)) % {
        "n": len(person.registrations)
    }
    records = ngettext("%(n)d record loses its values", "%(n)d records lose their values", known.records) % {"n": known.records}
    breaks = [
        Breaks(
            _("In Heliograph"),
            Moving(
                _(
                    "%(emptied)s, %(records)s, and every file and entry that names the person is deleted. Figures of Insights stay as they are."
                )
                % {"emptied": emptied, "records": records}
            ),
        )
    ]
    if known.undelivered:
        title = ngettext("%(n)d message is no longer sent", "%(n)d messages are no longer sent", len(known.undelivered))
        to = _("To %(names)s.") % {"names": ", ".join(sorted(set(known.undelivered)))}
        breaks.append(Breaks(Moving(title % {"n": len(known.undelivered)}), Moving(to), tone="wait"))
    if applications:
        title = ngettext("%(n)d application keeps what it got", "%(n)d applications keep what they got", len(applications))
        download = LinkedThing(_("Download for the file"), reverse("erase-told", args=(registration,)))
        text = _("Download the list first, if you haven’t.")
        breaks.append(Breaks(Moving(title % {"n": len(applications)}), text, tone="wait", items=[download]))
    breaks.append(
        Breaks(
            _("The source still has them"),
            _(
                "We keep a fingerprint of each code and refuse it from sources, imports and programs. By hand you can register "
                "the person again."
            ),
            tone="wait",
        )
    )
    breaks.append(Breaks(_("Backups"), _backup_text(backups)))
    crumbs = [*_crumbs(), (person.name, reverse("erase-person", args=(registration,)))]
    return {"breaks": breaks, "crumbs": crumbs}


def _backup_text(backups: Any) -> str:
    own = _("Backups that you made yourself hold the data until you delete them.")
    again = _("If you restore one, erase the person again.")
    if backups is None:
        return f"{own} {again}"
    until = ngettext(
        "%(n)d scheduled backup holds the data until %(day)s.", "%(n)d scheduled backups hold the data until %(day)s.", backups.count
    ) % {"n": backups.count, "day": day(from_micros(backups.until))}
    return Moving(f"{until} {own} {again}")


@require_safe
@needs(Role.ADMINISTRATOR)
def erase_done(request: AccountRequest, erasure: int) -> HttpResponse:
    """The report of an erasure, which names nobody."""
    row = erasure_of(request.account.pk, erasure)
    job = _job(request, row)
    backups = backups_left(row.begun)
    left: list[tuple[str, str, str]] = []
    if row.applications:
        title = ngettext("Tell %(n)d application", "Tell %(n)d applications", len(row.applications)) % {"n": len(row.applications)}
        left.append((title, ", ".join(row.applications), _("With you")))
    if backups is not None:
        ends = _("The last scheduled one that holds the data ends %(day)s.") % {"day": day(from_micros(backups.until))}
        left.append((_("Backups"), ends, _("Automatic")))
    left.append((_("The source"), _("Ask for the person’s data to be erased there, too."), _("With you")))
    return settings_page(
        request,
        "registrations/erase_done.html",
        entry="erase",
        crumbs=_crumbs(),
        erasure=row,
        heading=_heading(row),
        lead=_done_words(row, Actors.from_stored(request.account, [row.by]).name(row.by)),
        runs=job is not None and row.ended is None and job.state in (JobState.QUEUED, JobState.RUNNING),
        stopped=error_text(job) if job is not None and row.ended is None and job.state in (JobState.FAILED, JobState.PAUSED) else "",
        paused=job is not None and row.ended is None and job.state in (JobState.FAILED, JobState.PAUSED, JobState.CANCELLED),
        sums=_sums(row),
        left=left,
    )


@require_POST
@needs(Role.ADMINISTRATOR)
def erase_resume(request: AccountRequest, erasure: int) -> HttpResponse:
    """Goes on with an erasure that stopped."""
    row = erasure_of(request.account.pk, erasure)
    try:
        if row.job is not None:
            control.resume(row.job, request.account.pk)
    except control.NotPossible as error:
        say(request, translated(error))
    return HttpResponseRedirect(reverse("erase-done", args=(erasure,)))


@require_safe
@needs(Role.ADMINISTRATOR)
def erase_report(request: AccountRequest, erasure: int) -> HttpResponse:
    """The report as a file."""
    row = erasure_of(request.account.pk, erasure)
    rows = [[_("What"), _("How much")], *([each.name, str(each.number)] for each in _sums(row))]
    facts = [
        [_("Begun"), from_micros(row.begun).isoformat(timespec="seconds")],
        [_("Ended"), from_micros(row.ended).isoformat(timespec="seconds") if row.ended is not None else ""],
        [_("Why"), _why(row.why)],
        [_("Reference"), row.reference],
        [_("Applications that got data"), ", ".join(row.applications)],
    ]
    return _file(f"erasure-{row.id}.csv", [*rows, *facts])


def _job(request: AccountRequest, row: ErasureRow) -> Job | None:
    try:
        return control.find(row.job, request.account.pk) if row.job is not None else None
    except control.UnknownJob:  # retention has removed it
        return None


def _sums(row: ErasureRow) -> list[Sum]:
    still = _("They still count in every figure")
    return [
        Sum(str(words), row.counts.get(part.value, 0), still if part is ErasedPart.REGISTRATIONS else "")
        for part, words in PARTS.items()
        if row.counts.get(part.value, 0) or part is ErasedPart.REGISTRATIONS
    ]


def _done_words(row: ErasureRow, who: str) -> str:
    begun = _("%(when)s, by %(who)s: %(why)s.") % {"when": moment(from_micros(row.begun)), "who": who, "why": _why(row.why)}
    if row.ended is None:
        return begun
    seconds = max(1, round((row.ended - row.begun) / 1_000_000))
    return f"{begun} " + ngettext("It took %(n)d second.", "It took %(n)d seconds.", seconds) % {"n": seconds}


def _heading(row: ErasureRow) -> str:
    return row.reference or _("Erasure %(n)d") % {"n": row.id}


def _why(why: str) -> str:
    return str(REASONS.get(ErasureReason(why), "")) if why in list(ErasureReason) else ""


def _crumbs() -> list[tuple[str, str]]:
    return [(_("Erase a person"), reverse("erase"))]
