"""Past versions: what each changed, how it differs from the current one, and restoring it (F10).

Flows, mappings and connections share this page.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, require
from heliograph.domain.flow.sentence import SentencePart
from heliograph.domain.ids import read_number
from heliograph.setup.save_questions import AsksFirst, SavedMeanwhile, WidensFirst
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import Version, history, number_of, version
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.version_list import compared_with, version_of, version_page
from heliograph.store.django_database import read_database
from heliograph.web.confirmation import agrees, promise_of
from heliograph.web.cursor import ListPage, Pager, address
from heliograph.web.cursor import read_cursor as cursor_of
from heliograph.web.form_fields import Hidden
from heliograph.web.forms import Form, posted
from heliograph.web.pages import page
from heliograph.web.toasts import say

SHOWN = 100
"""Most versions on one page of the list."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a difference: chips or words."""

    parts: Sequence[object] = ()
    """Chips, as components/setup_line.html draws them."""
    text: str = ""
    """The words, if there are no chips."""
    result: str = ""
    """What it produces, such as the value of a mapping's row for a registration; "" for nothing to show."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference."""

    target: str
    what: str
    """"Changed", "Added" or "Removed", translated."""
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
    """The consequences of restoring a version."""

    sentences: Sequence[str]
    """What happens."""
    lists: Sequence[ListedConsequence] = ()
    """What is omitted, and what is missing afterwards."""
    rule: Sequence[SentencePart] = ()
    """A flow as its sentence."""
    stops: bool = False
    """The question already says that running flows stop."""
    widens: str = ""
    """The sentence that the flow takes more; "" if it does not."""

    def promise(self, restored: Version, newest: Version) -> str:
        """The promise of restoring a version while another one is the newest (P15)."""
        return promise_of(self, restored.number, newest.number)


@dataclass(frozen=True, slots=True)
class Versioned:
    """A flow, mapping or connection with its versions."""

    kind: str
    """As in `services.versions`."""
    id: int
    name: str
    entry: str
    """Its entry in the panel."""
    crumbs: Sequence[tuple[str, str]]
    """The breadcrumbs. The last one is the thing itself."""
    href: str
    differences: Callable[[Mapping[str, object], Mapping[str, object]], Sequence[Difference]]
    """The differences of an older and a newer body."""
    question: Callable[[Version], RestoreQuestion]
    """The consequences of restoring a version."""
    restore: Callable[[SetupTransaction, Version, bool], Sequence[str]]
    """Makes a version the newest, and returns sentences to show. Its last argument is True if its question is confirmed."""
    note: str = ""
    """Stands below the heading of the differences."""


class RestoreForm(Form):
    """Restores a version."""

    version = Hidden()
    """The version that becomes the newest one."""
    seen = Hidden()
    """The version that the page showed as the newest (P14)."""
    promise = Hidden()
    """The digest of the consequences that the page stated (P15)."""


@dataclass(frozen=True, slots=True)
class ComparedVersions:
    """The versions that the page shows."""

    at: Version
    """The chosen one."""
    other: Version | None
    """The one that it is compared with."""
    newest: Version
    page: ListPage[Version]
    """One page of the list."""
    before: Mapping[int, Version]
    """The version before each of the list, by its number."""

    @property
    def sides(self) -> tuple[Version, Version] | None:
        """The older and the newer one; None if there is only one."""
        if self.other is None or self.other.number == self.at.number:
            return None
        older, newer = sorted((self.other, self.at), key=lambda each: each.number)
        return older, newer


def versions_page(request: AccountRequest, versioned: Versioned) -> HttpResponse:
    """The page of one thing's versions. A post restores a version.

    ?version=3              compares version 3 with the version in force
    ?version=3&with=2       compares it with version 2
    ?version=3&restore=1    shows what restoring it would do
    """
    if request.method == "POST":
        return _restore(request, versioned)
    return _compared(request, versioned, read_number(request.GET.get("version", "")), shows_question=request.GET.get("restore") == "1")


def _read(request: AccountRequest, versioned: Versioned, chosen: int | None, other: int | None) -> ComparedVersions:
    """Reads the versions that the page shows. Raises Http404 if there are none.

    chosen: the number of the chosen version. None for the one before the newest, or for the newest on a later page of the list.
    other: the number of the version to compare it with; None for the usual one (`compared_with`).
    """
    cursor = cursor_of(request, (int,))
    thing = (request.account.pk, versioned.kind, versioned.id)
    with read_database() as db:
        list_page = version_page(db, *thing, cursor, size=SHOWN)
        newest = next(iter(history(db, *thing, most=1)), None)
        if newest is None or not newest.body or not list_page.rows:
            raise Http404
        version_below = history(db, *thing, below=list_page.rows[-1].number, most=1)
        before = {each.number: previous for each, previous in itertools.pairwise([*list_page.rows, *version_below])}
        at = newest if chosen is None else version_of(db, *thing, chosen)
        if chosen is None and newest.number > 1 and cursor is None:
            at = version_of(db, *thing, newest.number - 1)
        beside = compared_with(db, *thing, at, other)
    return ComparedVersions(at, beside, newest, list_page, before)


def _compared(
    request: AccountRequest,
    versioned: Versioned,
    chosen: int | None,
    *,
    shows_question: bool = False,
    question: RestoreQuestion | None = None,
    refused: RestoreRefusal | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page.

    shows_question: whether it shows what restoring the chosen version would do.
    question: the question of a restoration that was not confirmed.
    refused: why nothing was restored.
    """
    compared = _read(request, versioned, chosen, read_number(request.GET.get("with", "")))
    newest, at, sides = compared.newest, compared.at, compared.sides
    editable = may(request.user, Role.ADMINISTRATOR)
    people = names_of_users(request.account.pk, [each.by for each in compared.page.rows])
    differences = versioned.differences(sides[0].body, sides[1].body) if sides else ()
    shows_question = (shows_question or question is not None) and editable and at.number != newest.number
    question = question or (versioned.question(at) if shows_question else RestoreQuestion(()))
    return page(
        request,
        "setup/versions.html",
        status=status,
        here=versioned.entry,
        name=versioned.name,
        crumbs=versioned.crumbs,
        href=versioned.href,
        versions=[_version_row(request, versioned, compared, each, people) for each in compared.page.rows],
        pager=Pager.from_page(request, compared.page, ""),
        chosen=at.number,
        newest=newest.number,
        is_newest=at.number == newest.number,
        older=sides[0].number if sides else None,
        newer=sides[1].number if sides else None,
        with_newest=sides is not None and sides[1].number == newest.number,
        other=compared.other.number if compared.other else None,
        kept=request.GET.get("at", ""),
        differences=differences,
        counted=ngettext("%(n)s difference.", "%(n)s differences.", len(differences)) % {"n": len(differences)},
        note=versioned.note,
        editable=editable,
        shows_question=shows_question,
        next_number=newest.number + 1,
        question=question,
        promise=question.promise(at, newest) if shows_question else "",
        refused=refused,
    )


def _version_row(
    request: AccountRequest, versioned: Versioned, compared: ComparedVersions, each: Version, people: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "number": each.number,
        "at": each.at,
        "by": people.get(each.by, ""),
        "what": _summary(versioned, compared.before.get(each.number), each),
        "in_use": each.number == compared.newest.number,
        "on": each.number == compared.at.number,
        "href": address(request, version=each.number, restore=None, **{"with": None}),
    }


@dataclass(frozen=True, slots=True)
class RestoreRefusal:
    """Why nothing was restored."""

    title: str
    text: str
    tone: str = "failed"


def _summary(versioned: Versioned, before: Version | None, made: Version) -> str:
    """The changes of a version, in a few words."""
    if before is None:
        return _("The first one")
    if made.restored:
        return _("Restored from version %(number)s") % {"number": made.restored}
    differences = versioned.differences(before.body, made.body)
    if not differences:
        return _("The same as before")
    by_what: dict[str, list[str]] = {}
    for each in differences:
        by_what.setdefault(each.what, []).append(each.target)
    parts = [f"{what}: {', '.join(names[:3])}{' …' if len(names) > 3 else ''}" for what, names in by_what.items()]
    return "; ".join(parts)


class _AskedAnew(Exception):
    """The page promised something else than what restoring would do now. Nothing is saved."""


def _restore(request: AccountRequest, versioned: Versioned) -> HttpResponse:
    require(request.user, Role.ADMINISTRATOR)
    form = RestoreForm(posted(request))
    number = read_number(form.cleaned_data["version"]) if form.is_valid() else None
    if number is None:
        raise Http404
    with read_database() as db:
        restored, newest = (
            version(db, request.account.pk, versioned.kind, versioned.id, each_number)
            for each_number in (number, number_of(db, request.account.pk, versioned.kind, versioned.id))
        )
    if not restored.body:
        raise Http404
    question = versioned.question(restored)
    try:
        if read_number(form.cleaned_data["seen"]) != newest.number:
            raise SavedMeanwhile(newest.number, newest.by)
        messages = _restored(request, versioned, restored, newest, question)
    except Invalid as error:
        message = " ".join(translated(sentence) for sentences in error.fields.values() for sentence in sentences)
        return _compared(request, versioned, number, refused=RestoreRefusal(_("Not restored"), message), status=422)
    except AsksFirst as error:
        return _compared(request, versioned, number, question=_with_stops(question, error), status=409)
    except WidensFirst as error:
        question = _with_more(question, error)
        return _compared(
            request,
            versioned,
            number,
            question=question,
            refused=RestoreRefusal(_("It would act on more"), question.widens, "wait"),
            status=409,
        )
    except SavedMeanwhile as error:
        return _compared(request, versioned, number, shows_question=True, refused=_meanwhile(request, versioned, error), status=409)
    except _AskedAnew:
        title = _("Nothing was done: something has changed")
        text = _(
            "What this page is about has changed since you opened it. It now shows what would happen: confirm it again, or leave it as it is."
        )
        refused = RestoreRefusal(title, text, "wait") if form.cleaned_data["promise"] else None
        return _compared(request, versioned, number, shows_question=True, refused=refused, status=409)
    say(request, " ".join([_("Version %(number)s is restored, as the newest one.") % {"number": number}, *messages]))
    return HttpResponseRedirect(versioned.href)


def _restored(
    request: AccountRequest, versioned: Versioned, restored: Version, newest: Version, question: RestoreQuestion
) -> Sequence[str]:
    """Restores a version if the page has said everything that this does. Raises AsksFirst, WidensFirst, _AskedAnew, Invalid."""

    def is_promised(question_now: RestoreQuestion) -> bool:
        return agrees(request, question_now.promise(restored, newest))

    def restore(*, confirmed: bool) -> Sequence[str]:
        with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
            messages = versioned.restore(transaction, restored, confirmed)
            if not confirmed and not is_promised(question):
                raise _AskedAnew
            return messages

    try:
        return restore(confirmed=question.stops and is_promised(question))
    except AsksFirst as error:
        if not is_promised(_with_stops(question, error)):
            raise
    except WidensFirst as error:
        if not is_promised(_with_more(question, error)):
            raise
    return restore(confirmed=True)


def _with_stops(question: RestoreQuestion, error: AsksFirst) -> RestoreQuestion:
    names = [stop.name or _("Without a name") for stop in error.stops]
    return replace(question, lists=[*question.lists, ListedConsequence(_("This stops these running flows:"), names)], stops=True)


def _with_more(question: RestoreQuestion, error: WidensFirst) -> RestoreQuestion:
    message = _("This makes it Live.") if error.goes_live else _("It is Live, and would act on changes that it leaves out now.")
    return replace(question, widens=message)


def _meanwhile(request: AccountRequest, versioned: Versioned, error: SavedMeanwhile) -> RestoreRefusal:
    """Names the author and the changes of a version that was saved after the page was shown (P14)."""
    with read_database() as db:
        last = history(db, request.account.pk, versioned.kind, versioned.id, most=2)
    who = names_of_users(request.account.pk, [error.by]).get(error.by) or _("Somebody else")
    title = _("Not restored: %(who)s saved version %(number)s meanwhile") % {"who": who, "number": error.number}
    text = _("It changed: %(what)s. If you restore anyway, the version below replaces it.")
    return RestoreRefusal(title, text % {"what": _summary(versioned, last[1] if len(last) > 1 else None, last[0])}, "wait")
