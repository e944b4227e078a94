"""Account Settings > Management > Tags (guide: Setting Tags Up for an Account; P12): the list, and one tag's forms and confirmations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.coverage import coverage
from heliograph.setup.models import KIND_NAMES, Tag
from heliograph.setup.name_fields import folded
from heliograph.setup.services import dependents
from heliograph.setup.services import tags as services
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.tags import TagFacts
from heliograph.setup.setup_errors import InUse, Invalid, NotThere
from heliograph.setup.usage import Effect, Use
from heliograph.setup.views.coverage_page import uncovered
from heliograph.setup.views.setup_frame import form_page, readonly, settings_page
from heliograph.setup.views.shared_form import SharedForm
from heliograph.setup.views.uses import items_of, losses, then
from heliograph.store.django_database import of_django
from heliograph.web.confirmation import Breaks, LinkedThing, is_agreed, question, shortened, with_fields
from heliograph.web.form_fields import Choices, Hidden, Select, TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.list_filters import ChoiceFilter, EnumFilter, ListFilters, SearchFilter
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

FLOWS, NOWHERE = "flows", "nowhere"


def _kinds() -> list[Choice]:
    return [Choice(kind.value, name) for kind, name in KIND_NAMES.items()]


class TagForm(SharedForm):
    """A tag, and the kinds of objects that it is for."""

    pairs = (("name", "label"),)

    name = TextLine(
        gettext_lazy("Name"),
        help=gettext_lazy("Used in files and the API. Must be unique."),
        required=True,
        autocomplete="off",
    )
    label = TextLine(gettext_lazy("Label"), help=gettext_lazy("What pages and flows show."), autocomplete="off")
    objects = Choices(gettext_lazy("Object(s)"), options=_kinds, extra="in-columns")

    @property
    def facts(self) -> TagFacts:
        """The data for the service."""
        typed = self.cleaned_data
        return TagFacts(typed["name"], frozenset(TagKind(kind) for kind in typed["objects"]), typed["label"])

    def refuse_tag(self, error: Invalid | InUse) -> None:
        """Adds the service's errors. An error about the whole tag appears at the name, which is unique."""
        if isinstance(error, Invalid):
            self.refuse(error, names={"kinds": "objects", "": "name"})
        else:
            self.add_error("objects", _("%(what)s. Remove it from these first.") % {"what": str(error).rstrip(".")})

    def say_carried(self, carried: Mapping[TagKind, int]) -> None:
        """Marks kinds that cannot be removed, with how many objects have the tag."""
        self.say(
            "objects",
            options=[
                Choice(
                    kind.value,
                    name,
                    sub=_("Assigned to %(objects)s: stays") % {"objects": counted(kind, carried[kind])} if carried.get(kind) else "",
                )
                for kind, name in KIND_NAMES.items()
            ],
            help=_("You can’t remove an object kind while some of its records have the tag.") if any(carried.values()) else "",
        )


class MergeForm(Form):
    """The form that merges a tag into another one."""

    into = Select(gettext_lazy("Into"), placeholder=gettext_lazy("Choose a tag"), required=True)
    """The tag that takes the place of this one."""
    look = Hidden()
    """Not empty if the page only shows the consequences."""


class TagFilters(ListFilters):
    """The filters of the list of tags."""

    no_match = gettext_lazy("No tag matches")
    no_match_text = gettext_lazy("Try another word, or another object.")
    show_all = gettext_lazy("Show all tags")

    q = SearchFilter(gettext_lazy("Search tags"), placeholder=gettext_lazy("Name or label"))
    kind = EnumFilter(gettext_lazy("Object"), KIND_NAMES, KIND_NAMES.__getitem__, every=gettext_lazy("All objects"), param="object")
    use = ChoiceFilter(
        gettext_lazy("Use"),
        options=[Choice(FLOWS, gettext_lazy("Used in flows")), Choice(NOWHERE, gettext_lazy("Used nowhere"))],
        every=gettext_lazy("Used or not"),
    )


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def tags(request: AccountRequest) -> HttpResponse:
    """The list of the account's tags, and the form that adds one."""
    form = TagForm(posted(request), initial={"objects": [TagKind.REGISTRATION_STATUS.value]})
    if request.method == "POST":
        return _add(request, form)
    return _listed(request, form)


@needs(Role.ADMINISTRATOR)
def _add(request: AccountRequest, form: TagForm) -> HttpResponse:
    if form.is_valid():
        try:
            with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                row = services.save_tag(transaction, form.facts)
        except Invalid as error:
            form.refuse_tag(error)
        else:
            say(request, _("Tag %(label)s created.") % {"label": row.label})
            return HttpResponseRedirect(reverse("tags"))
    return _listed(request, form)


def _listed(request: AccountRequest, form: TagForm) -> HttpResponse:
    filters = TagFilters(request)
    kind, use = filters.cleaned_data["kind"], filters.cleaned_data["use"]
    known = list(Tag.objects.all())
    carried, users = services.carried(), dependents.tag_users(request.account.pk)
    untagged = coverage(of_django(connection), request.account.pk)
    words = folded(filters.cleaned_data["q"]).split()
    rows = [
        tag
        for tag in sorted(known, key=lambda tag: (natural_order(tag.label), tag.pk))
        if all(word in f"{tag.folded_name} {folded(tag.label)}" for word in words)
        and (kind is None or kind in tag.kinds)
        and (use != FLOWS or any(u.kind == "flow" for u in users.get(tag.pk, ())))
        and (use != NOWHERE or not (users.get(tag.pk) or carried.get(tag.pk)))
    ]
    closed = readonly(request, Role.ADMINISTRATOR)
    return settings_page(
        request,
        "setup/tags.html",
        entry="tags",
        status=form.status,
        uncovered=uncovered(untagged.total),
        add=() if closed else form.draw_fields(),
        readonly=closed,
        none=not known,
        total=ngettext("%(n)d tag", "%(n)d tags", len(known)) % {"n": len(known)},
        rows=[_row(tag, carried.get(tag.pk, {}), users.get(tag.pk, ())) for tag in rows],
        filters=filters,
    )


def _row(tag: Tag, carried: Mapping[TagKind, int], users: Sequence[Use]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for use in users:
        counts[use.kind] = counts.get(use.kind, 0) + 1
    menu = [
        (_("Rename"), reverse("tag", args=(tag.pk,))),
        (_("Merge"), reverse("tag-merge", args=(tag.pk,))),
        (_("Delete"), reverse("tag-delete", args=(tag.pk,))),
    ]
    return {
        "label": tag.label,
        "name": tag.name,
        "href": reverse("tag", args=(tag.pk,)),
        "objects": [str(KIND_NAMES[TagKind(kind)]) for kind in KIND_NAMES if kind in tag.kinds],
        "carried": [counted(kind, n) for kind, n in carried.items()],
        "used": [_counted_use(kind, n) for kind, n in counts.items()],
        "menu": menu,
        "menu_label": _("More for %(label)s") % {"label": tag.label},
    }


def counted(kind: TagKind, count: int) -> str:
    """ "11 statuses"."""
    words = {
        TagKind.REGISTRATION_STATUS: ngettext("%(n)s status", "%(n)s statuses", count),
        TagKind.REGISTRATION_PROPERTY: ngettext("%(n)s property", "%(n)s properties", count),
        TagKind.ATTENDEE_TYPE: ngettext("%(n)s attendee type", "%(n)s attendee types", count),
        TagKind.EVENT: ngettext("%(n)s event", "%(n)s events", count),
        TagKind.QUESTION: ngettext("%(n)s question", "%(n)s questions", count),
        TagKind.SESSION_STATUS: ngettext("%(n)s session status", "%(n)s session statuses", count),
        TagKind.EVENT_STATUS: ngettext("%(n)s event status", "%(n)s event statuses", count),
    }
    return words[kind] % {"n": intcomma(count)}


def _counted_use(kind: str, count: int) -> str:
    words = {
        "flow": ngettext("%(n)s flow", "%(n)s flows", count),
        "mapping": ngettext("%(n)s mapping", "%(n)s mappings", count),
        "connection": ngettext("%(n)s connection", "%(n)s connections", count),
    }
    return words[kind] % {"n": count}


# --- one tag


def _row_of(id: int) -> Tag:
    row: Tag | None = Tag.objects.filter(pk=id).first()
    if row is None:
        raise Http404
    return row


def _facts(row: Tag) -> tuple[object, ...]:
    """The facts about a tag that a confirmation promises."""
    return row.pk, row.name, row.label, frozenset(row.kinds)


def _crumbs() -> list[tuple[str, str]]:
    return [(_("Tags"), reverse("tags"))]


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def tag(request: AccountRequest, id: int) -> HttpResponse:
    """One tag: its form, and where it is used. Flows, mappings and statuses refer to the tag, not to its name."""
    row = _row_of(id)
    form = TagForm(posted(request), stored={"name": row.name, "label": row.label, "objects": row.kinds})
    if request.method == "POST":
        return _save(request, row, form)
    return _tag_page(request, row, form)


@needs(Role.ADMINISTRATOR)
def _save(request: AccountRequest, row: Tag, form: TagForm) -> HttpResponse:
    if form.is_valid():
        try:
            with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                saved = services.save_tag(transaction, form.facts, row.pk)
        except (Invalid, InUse) as error:
            form.refuse_tag(error)
        else:
            say(request, _("Tag %(label)s saved.") % {"label": saved.label})
            return HttpResponseRedirect(reverse("tags"))
    return _tag_page(request, row, form)


def _tag_page(request: AccountRequest, row: Tag, form: TagForm) -> HttpResponse:
    carried = services.objects_of(row.pk)
    users = dependents.tag_users(request.account.pk).get(row.pk, [])
    closed = readonly(request, Role.ADMINISTRATOR)
    kinds = ", ".join(str(KIND_NAMES[kind]) for kind in KIND_NAMES if kind in row.kinds)
    form.say_carried({kind: len(uses) for kind, uses in carried.items()})
    menu = [(_("Merge"), reverse("tag-merge", args=(row.pk,))), (_("Delete"), reverse("tag-delete", args=(row.pk,)))]
    return form_page(
        request,
        form,
        _("Tag “%(label)s”") % {"label": row.label},
        entry="tags",
        crumbs=_crumbs(),
        lead=_("Flows, mappings and statuses keep it when it is renamed: they hold the tag, not its name."),
        actions=[] if closed else menu,
        cancel_href=reverse("tags"),
        readonly=closed,
        facts=[(_("Name"), row.name), (_("Label"), row.label), (_("Object(s)"), kinds)],
        breaks=[
            Breaks(_("Used in"), "" if users else _("No flow, mapping or connection uses it."), items=items_of(users), anchor="used"),
            *(
                Breaks(_("Assigned to %(objects)s") % {"objects": counted(kind, len(uses))}, items=shortened(items_of(uses)), anchor="" if index else "carried")
                for index, (kind, uses) in enumerate(carried.items())
            ),
        ],
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def merge(request: AccountRequest, id: int) -> HttpResponse:
    """Replaces this tag by another everywhere."""
    row = _row_of(id)
    others = {str(tag.pk): tag for tag in Tag.objects.exclude(pk=id)}
    form = MergeForm(posted(request), initial={"into": request.GET.get("into", "")})
    form.say(
        "into",
        options=[
            Choice(pk, f"{tag.label} ({tag.name})" if tag.label != tag.name else tag.label)
            for pk, tag in sorted(others.items(), key=lambda x: natural_order(x[1].label))
        ],
    )
    into = others.get(str(form["into"].value()))
    confirmation = question(
        _("Merge the tag “%(label)s”") % {"label": row.label},
        lead=_("Everything that has or uses %(label)s gets the other tag, and %(label)s is deleted. You can’t undo this.")
        % {"label": row.label},
        crumbs=_crumbs(),
        look=_("See what it would do"),
        breaks=_merged(request, row, into) if into else [],
        thing=(_facts(row), into and _facts(into)),
        button=_("Merge into %(label)s") % {"label": into.label} if into else "",
        cancel_href=reverse("tags"),
    )
    if form.is_valid() and not form.cleaned_data["look"]:
        if into is None:
            form.add_error("into", _("Choose the tag that takes its place."))
        elif is_agreed(request, confirmation) and _merge(request, form, row, into):
            return HttpResponseRedirect(reverse("tags"))
    return settings_page(request, "confirmation.html", entry="tags", **with_fields(confirmation, form))


def _merge(request: AccountRequest, form: MergeForm, row: Tag, into: Tag) -> bool:
    try:
        with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
            services.merge_tags(transaction, row.pk, into.pk)
    except Invalid as error:
        form.refuse(error, names={"": "into"})
    except (NotThere, InUse) as error:
        form.add_error("into", translated(error))
    else:
        say(request, _("%(old)s is merged into %(new)s.") % {"old": row.label, "new": into.label})
    return not form.errors


def _merged(request: AccountRequest, row: Tag, into: Tag) -> list[Breaks]:
    consequences = []
    for kind, uses in services.objects_of(row.pk).items():
        title = _("%(objects)s will get %(label)s") % {"objects": counted(kind, len(uses)), "label": into.label}
        consequences.append(Breaks(title, items=shortened(items_of(uses))))
    effects = dependents.tag_effects(request.account.pk, row.pk, into.pk)
    flows = [e for e in effects if e.after]
    if flows:
        title = ngettext("%(n)d flow may act on more from then on", "%(n)d flows may act on more from then on", len(flows)) % {
            "n": len(flows)
        }
        consequences.append(Breaks(title, _("Past changes are not sent."), "wait", flows=then(flows)))
    others = [e.use for e in effects if not e.after]
    if others:
        consequences.append(Breaks(_("It replaces the tag in these"), items=items_of(others)))
    return consequences or [Breaks(_("Nothing has or uses it"))]


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def delete(request: AccountRequest, id: int) -> HttpResponse:
    """Asks for confirmation with the consequences, and deletes the tag. It never widens a rule (P12)."""
    row = _row_of(id)
    effects = dependents.tag_effects(request.account.pk, id, None)
    holding = [e.use for e in effects if e.refused]
    confirmation = question(
        _("The tag “%(label)s” cannot be deleted yet") % {"label": row.label}
        if holding
        else _("Delete the tag “%(label)s”?") % {"label": row.label},
        lead=_("These use it, and deleting it would change what they do. Change them first, or merge the tag into another.")
        if holding
        else _("This never makes a flow act on more. A flow that loses the last tag of a list or filter stops until you choose another."),
        crumbs=_crumbs(),
        breaks=[Breaks(_("What uses it"), tone="wait", items=items_of(holding))] if holding else _broken(id, effects),
        thing=_facts(row),
        button="" if holding else _("Delete the tag"),
        button_class="danger",
        cancel=_("Back to Tags") if holding else _("Keep it"),
        cancel_href=reverse("tags"),
    )
    if not is_agreed(request, confirmation):
        return settings_page(request, "confirmation.html", entry="tags", **confirmation)
    with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
        services.delete_tag(transaction, id)
    say(request, _("Tag %(label)s deleted.") % {"label": row.label})
    return HttpResponseRedirect(reverse("tags"))


def _broken(id: int, effects: Sequence[Effect]) -> list[Breaks]:
    consequences = losses(effects)
    left = services.left_untagged(id)
    if left:
        objects = ", ".join(counted(kind, len(uses)) for kind, uses in left.items())
        uses = [use for kind in left for use in left[kind]]
        title = _("Left without a tag: %(objects)s") % {"objects": objects}
        consequences.append(Breaks(title, _("Flows that need a tag of these will wait in Retry."), "wait", shortened(items_of(uses))))
    return consequences or [
        Breaks(
            _("Nothing is left without a tag, and no flow changes"),
            items=[LinkedThing(_("It is used nowhere else."))] if not effects else [],
        )
    ]
