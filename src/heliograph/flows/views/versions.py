"""Past versions: what each changed, what differs from what is in use, and restoring one (F10). One page for mappings, flows and connections."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import WHO, AccountRequest, may
from heliograph.domain.fields import Subject
from heliograph.domain.mapping import Mapping as FieldMapping
from heliograph.domain.mapping import MappingError, Row
from heliograph.domain.rendering import Preview, preview
from heliograph.flows import mapping_warnings as warnings
from heliograph.flows.errors import AsksFirst
from heliograph.flows.mapping_subjects import Subjects, Tried
from heliograph.flows.services.mappings import mapping_row, restore_mapping
from heliograph.flows.services.versions import Version, history
from heliograph.flows.source_fields import SourceFields
from heliograph.flows.views import mapping_rows as rows
from heliograph.flows.views.mapping_editor import empty_name
from heliograph.flows.views.people import names_of_users
from heliograph.platform.errors import Invalid, NotThere
from heliograph.platform.services.saving import Saving, saving
from heliograph.recording.sources import Committed
from heliograph.store.database import of_django
from heliograph.web.pages import page
from heliograph.web.toasts import say

SHOWN = 100
"""Versions that are listed; older ones stay stored."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a difference: chips, or words; result: what it gives."""

    parts: tuple[rows.Chip, ...] = ()
    text: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. what: "Changed", "Added" or "Removed", in words."""

    target: str
    what: str
    old: Side
    new: Side


@dataclass(frozen=True, slots=True)
class Versioned:
    """What has versions. kind: as `services.versions` calls it; here: the panel's entry; crumbs end at the thing itself.

    differences: of an older and a newer body; restore: makes a version the newest; consequences: what restoring means, in sentences; note: below the heading of the differences.
    """

    kind: str
    id: int
    name: str
    here: str
    crumbs: Sequence[tuple[str, str]]
    href: str
    differences: Callable[[Mapping[str, object], Mapping[str, object]], Sequence[Difference]]
    restore: Callable[[Saving, int, bool], object]
    consequences: Callable[[], Sequence[str]]
    note: str = ""


def versions_page(request: AccountRequest, of: Versioned) -> HttpResponse:
    """The page of one thing's versions: ?version=N compares with the one in use, &restore=1 asks; a post restores `version`."""
    with transaction.atomic(using="read"):
        found = [each for each in history(of_django(connections["read"]), request.account.pk, of.kind, of.id) if each.body]
    if not found:
        raise Http404
    if request.method == "POST":
        return _restore(request, of, found)
    return _compared(request, of, found, _number(request.GET.get("version")), asked=request.GET.get("restore") == "1")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 9 else None


def _compared(
    request: AccountRequest, of: Versioned, found: Sequence[Version], chosen: int | None, *, asked: bool = False, refused: str = "", status: int = 200
) -> HttpResponse:  # fmt: skip
    newest = found[0]
    if chosen is None:
        chosen = found[1].number if len(found) > 1 else newest.number
    older = next((each for each in found if each.number == chosen), None)
    if older is None:
        raise Http404
    shown, editable = found[:SHOWN], may(request.user, Role.ADMINISTRATOR)
    people = names_of_users(request.account.pk, [each.by for each in shown])
    before = {each.number: previous for each, previous in itertools.pairwise(found)}
    differences = of.differences(older.body, newest.body)
    return page(
        request,
        "flows/versions.html",
        status=status,
        here=of.here,
        name=of.name,
        crumbs=of.crumbs,
        href=of.href,
        versions=[
            {
                "number": each.number,
                "at": each.at,
                "by": people.get(each.by, ""),
                "what": _summary(of, before.get(each.number), each),
                "in_use": each is newest,
                "on": each.number == chosen,
            }
            for each in shown
        ],
        chosen=chosen,
        newest=newest.number,
        same=older is newest,
        differences=differences,
        counted=_counted(differences),
        note=of.note,
        editable=editable,
        asked=asked and editable and older is not newest,
        next_number=newest.number + 1,
        consequences=of.consequences() if asked and editable else (),
        refused=refused,
    )


def _counted(differences: Sequence[Difference]) -> str:
    n = len(differences)
    return ngettext("%(n)s difference.", "%(n)s differences.", n) % {"n": n}


def _summary(of: Versioned, before: Version | None, version: Version) -> str:
    """What a version changed, in a few words."""
    if before is None:
        return _("The first one")
    found = of.differences(before.body, version.body)
    if not found:
        return _("The same as before")
    by_what: dict[str, list[str]] = {}
    for each in found:
        by_what.setdefault(each.what, []).append(each.target)
    parts = [f"{what}: {', '.join(names[:3])}{' …' if len(names) > 3 else ''}" for what, names in by_what.items()]
    return "; ".join(parts)


def _restore(request: AccountRequest, of: Versioned, found: Sequence[Version]) -> HttpResponse:
    if not may(request.user, Role.ADMINISTRATOR):
        raise PermissionDenied(WHO[Role.ADMINISTRATOR])
    number = _number(request.POST.get("version"))
    if number is None or all(each.number != number for each in found):
        raise Http404
    try:
        with saving(request.account.pk, by=f"user:{request.user.pk}", whole_account=True) as s:
            of.restore(s, number, request.POST.get("sure") == "yes")
    except NotThere:
        raise Http404 from None
    except Invalid as error:
        said = " ".join(_(sentence) for sentences in error.fields.values() for sentence in sentences)
        return _compared(request, of, found, number, refused=said, status=422)
    except AsksFirst as error:
        names = ", ".join(stop.name or _("Without a name") for stop in error.stops)
        said = _("It would stop running flows, so it is not restored: %(flows)s.") % {"flows": names}
        return _compared(request, of, found, number, refused=said, status=409)
    say(request, _("Version %(number)s is restored, as the newest one.") % {"number": number})
    return HttpResponseRedirect(of.href)


# --- mappings


@require_http_methods(["GET", "HEAD", "POST"])
def mapping_versions(request: AccountRequest, id: int) -> HttpResponse:
    """The versions of a mapping, with what each row gives for the registration that changed last."""
    try:
        row = mapping_row(id)
    except NotThere:
        raise Http404 from None
    with transaction.atomic(using="read"):
        db = of_django(connections["read"])
        config = Committed(db).account(request.account.pk)
        subject = Subject(row.subject)
        subjects, fields = Subjects(db, request.account.pk, config, subject), SourceFields.of(config, subject)
        now = timezone.now()
        tried = subjects.tried("", "", now) or subjects.made_up(now)
    href = reverse("mapping", args=(id,))
    whom = f"{tried.match.code} {tried.match.name}".strip() if tried.match else _("made-up data")

    def consequences() -> list[str]:
        names = list(dict.fromkeys(flow.name or _("Without a name") for flow, _destination in warnings.used_by(config, id)))
        if not names:
            return [_("No flow uses this mapping yet.")]
        said = ngettext(
            "The flow that uses this mapping sends by it at once: %(flows)s.",
            "The flows that use this mapping send by it at once: %(flows)s.",
            len(names),
        )
        return [said % {"flows": ", ".join(names)}, _("Actions that wait in Retry are rendered by it, too.")]

    return versions_page(
        request,
        Versioned(
            kind="mapping",
            id=id,
            name=row.name,
            here="mappings",
            crumbs=[(_("Mappings"), reverse("mapping-list")), (row.name, href)],
            href=href,
            differences=lambda old, new: _mapping_differences(old, new, fields, tried),
            restore=lambda s, number, sure: restore_mapping(s, id, number, confirmed=sure),
            consequences=consequences,
            note=_("Results for %(whom)s.") % {"whom": whom},
        ),
    )


def _mapping_differences(
    old_body: Mapping[str, object], new_body: Mapping[str, object], fields: SourceFields, tried: Tried
) -> list[Difference]:
    """Rows by their targets; those that are the same on both sides are left out."""
    try:
        old, new = FieldMapping.from_body(old_body), FieldMapping.from_body(new_body)
    except MappingError:  # of an older release, with what none can be today
        return []
    found = []
    if old.name != new.name:
        found.append(Difference(_("Mapping name"), _("Changed"), Side(text=old.name), Side(text=new.name)))
    if old.empty is not new.empty:
        found.append(
            Difference(_("If an optional field is empty"), _("Changed"), Side(text=empty_name(old.empty)), Side(text=empty_name(new.empty)))
        )
    gives = [preview(each, tried.facts, timezone=tried.zone) for each in (old, new)]
    before = {row.path: (n, row) for n, row in enumerate(old.rows)}
    for n, row in enumerate(new.rows):
        known = before.pop(row.path, None)
        if known is None:
            found.append(Difference(row.target, _("Added"), _nothing(), _side(row, fields, gives[1], n)))
        elif known[1] != row:
            found.append(_changed(known[1], row, fields, (gives[0], known[0]), (gives[1], n)))
    found += [Difference(row.target, _("Removed"), _side(row, fields, gives[0], n), _nothing()) for n, row in before.values()]
    return found


def _nothing() -> Side:
    return Side(text=_("Not there"))


def _changed(old: Row, new: Row, fields: SourceFields, before: tuple[Preview, int], after: tuple[Preview, int]) -> Difference:
    if old.parts != new.parts:
        return Difference(new.target, _("Changed"), _side(old, fields, *before), _side(new, fields, *after))
    return Difference(
        new.target, _("Changed"), Side(text=_words(old), result=_result(*before)), Side(text=_words(new), result=_result(*after))
    )


def _side(row: Row, fields: SourceFields, gives: Preview, n: int) -> Side:
    return Side(tuple(rows.chip(part, fields) for part in row.parts), "" if row.parts else _("No source"), _result(gives, n))


def _result(gives: Preview, n: int) -> str:
    if n in gives.problems:
        return rows.problem_said(gives.problems[n])
    return rows.said(gives.values[n], left_out=n in gives.left_out)


def _words(row: Row) -> str:
    parts = [
        _("Required") if row.required else _("Optional"),
        rows.type_name(row.type),
        _("Trim") if row.trim else "",
        _(row.case) if row.case else "",
    ]
    return ", ".join(part for part in parts if part)
