"""Past versions: what each changed, how it differs from the current one, and restoring it (F10). One page for flows, mappings and
connections."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import WHO, AccountRequest, may
from heliograph.domain.flow.sentence import SentencePart
from heliograph.setup.errors import Invalid, NotThere
from heliograph.setup.save_questions import AsksFirst
from heliograph.setup.services.save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import Version, history
from heliograph.store.database import of_django
from heliograph.web.forms import Form, Hidden, posted
from heliograph.web.pages import page
from heliograph.web.toasts import say

SHOWN = 100
"""Versions listed; older ones stay stored."""
MOST_LOOKED_UP = 20
"""Most past versions of the account's set-up that are read to find the names of deleted things."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a difference: chips as rendered by components/setup_line.html, or words; result: what it produces."""

    parts: Sequence[object] = ()
    text: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. what: "Changed", "Added" or "Removed", translated."""

    target: str
    what: str
    old: Side
    new: Side


def worded(target: str, before: str, after: str) -> Difference:
    """The difference of two texts; "" for none."""
    what = _("Changed") if before and after else _("Added") if after else _("Removed")
    return Difference(target, what, Side(text=before or _("Not there")), Side(text=after or _("Not there")))


@dataclass(frozen=True, slots=True)
class ListedConsequence:
    """A sentence and the items it lists."""

    title: str
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class RestoreQuestion:
    """The consequences of restoring a version. sentences: what happens; lists: what is omitted, and what is missing afterwards; rule: a
    flow as its sentence; sure: the page has already said that running flows stop."""

    sentences: Sequence[str]
    lists: Sequence[ListedConsequence] = ()
    rule: Sequence[SentencePart] = ()
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Versioned:
    """A thing with versions. kind: as in `services.versions`; here: the panel's entry; crumbs: end with the thing itself.

    differences: of an older and a newer body; question: the consequences of restoring a version; restore: makes a version the newest, and
    returns sentences to show; note: below the heading of the differences.
    """

    kind: str
    id: int
    name: str
    here: str
    crumbs: Sequence[tuple[str, str]]
    href: str
    differences: Callable[[Mapping[str, object], Mapping[str, object]], Sequence[Difference]]
    question: Callable[[Version], RestoreQuestion]
    restore: Callable[[SetupTransaction, Version, bool], Sequence[str]]
    note: str = ""


class RestoreForm(Form):
    """The version to restore; sure: the page has already said that running flows stop."""

    version = Hidden()
    sure = Hidden()


def versions_page(request: AccountRequest, of: Versioned) -> HttpResponse:
    """The page of one thing's versions: ?version=N compares with the current one, &restore=1 asks; a post restores `version`."""
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
    request: AccountRequest,
    of: Versioned,
    found: Sequence[Version],
    chosen: int | None,
    *,
    asked: bool = False,
    stops: Sequence[str] = (),
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    """stops: names of the flows that restoring it would stop; then the page asks once more."""
    newest = found[0]
    if chosen is None:
        chosen = found[1].number if len(found) > 1 else newest.number
    at = next((each for each in found if each.number == chosen), None)
    if at is None:
        raise Http404
    shown, editable = found[:SHOWN], may(request.user, Role.ADMINISTRATOR)
    people = names_of_users(request.account.pk, [each.by for each in shown])
    before = {each.number: previous for each, previous in itertools.pairwise(found)}
    older = before.get(at.number) if at is newest else at  # for the newest version, show what it changed
    differences = of.differences(older.body, newest.body) if older else ()
    asked = (asked or bool(stops)) and editable and at is not newest
    question = of.question(at) if asked else RestoreQuestion(())
    if stops:
        question = replace(question, lists=[*question.lists, ListedConsequence(_("These running flows stop by it:"), stops)], sure=True)
    return page(
        request,
        "setup/versions.html",
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
        is_newest=at is newest,
        older=older.number if older else None,
        differences=differences,
        counted=_counted(differences),
        note=of.note,
        editable=editable,
        asked=asked,
        next_number=newest.number + 1,
        question=question,
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
    form = RestoreForm(posted(request))
    if not form.is_valid():
        raise Http404
    number = _number(form.cleaned_data["version"])
    wanted = next((each for each in found if each.number == number), None)
    if wanted is None:
        raise Http404
    try:
        with saving(request.account.pk, by=f"user:{request.user.pk}", whole_account=True) as s:
            told = of.restore(s, wanted, form.cleaned_data["sure"] == "yes")
    except NotThere:
        raise Http404 from None
    except Invalid as error:
        said = " ".join(_(sentence) for sentences in error.fields.values() for sentence in sentences)
        return _compared(request, of, found, number, refused=said, status=422)
    except AsksFirst as error:
        stops = [stop.name or _("Without a name") for stop in error.stops]
        return _compared(request, of, found, number, stops=stops, status=409)
    say(request, " ".join([_("Version %(number)s is restored, as the newest one.") % {"number": number}, *told]))
    return HttpResponseRedirect(of.href)
