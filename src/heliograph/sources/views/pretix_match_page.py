"""The third step of a pretix source's set-up: what becomes of statuses, products and questions (S4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.ids import read_id
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.domain.source.pretix import ItemUse
from heliograph.domain.source.pretix_orders import PretixState
from heliograph.domain.source.pretix_proposals import propose_status
from heliograph.setup.name_fields import folded
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import settings_page
from heliograph.setup.views.tag_chips import SEPARATOR
from heliograph.sources.models import Source
from heliograph.sources.services.pretix_events import look_again
from heliograph.sources.services.pretix_match import ANSWERS, PROFILE, ItemMatch, PretixMatch, QuestionMatch, StatusMatch, save_match
from heliograph.sources.services.pretix_match_proposals import MatchProposals, ProposedItem, ProposedQuestion
from heliograph.sources.services.pretix_setup import pretix_row, setup_of
from heliograph.sources.views.pretix_pages import ENTRY, frame
from heliograph.web.form_fields import Chips, Hidden, Select
from heliograph.web.forms import Form, not_saved, posted
from heliograph.web.shown_fields import Choice

STATES: Final[Mapping[PretixState, tuple[str | Promise, str | Promise]]] = {
    PretixState.PAID: (gettext_lazy("Paid"), ""),
    PretixState.PENDING: (gettext_lazy("Pending"), gettext_lazy("Ordered, not paid yet")),
    PretixState.VALID: (gettext_lazy("Valid while pending"), gettext_lazy("Not paid, but may come")),
    PretixState.APPROVAL: (gettext_lazy("Needs approval"), ""),
    PretixState.ATTENDED: (gettext_lazy("Checked in"), gettext_lazy("At any list for entry")),
    PretixState.CANCELLED: (gettext_lazy("Cancelled"), gettext_lazy("Orders and single positions")),
    PretixState.EXPIRED: (gettext_lazy("Expired"), ""),
    PretixState.DENIED: (gettext_lazy("Denied"), ""),
}
"""Each state of orders in words, and what it means."""
TYPE, SESSION = "type:", "session:"
"""What stands before the name of what a product becomes."""
OFFERED_FIELDS: Final = ("position", "organization", "department", "phone", "mobile", "country", "city", "website", "notes", "badge_name")
MOST_OFFERED: Final = 100


class MatchForm(Form):
    """What the whole page posts."""

    do = Hidden()
    version = Hidden()
    test_mode = Hidden()


class RowForm(Form):
    """A row of the page, posted as <row>-to and <row>-tags."""

    to = Select(options=(), any_value=True)
    tags = Chips()

    def add_prefix(self, field_name: str) -> str:
        return f"{self.prefix}-{field_name}"


@dataclass
class MatchRow:
    """One part of pretix, and what it becomes."""

    id: str
    theirs: str | Promise
    sub: str | Promise
    proposed: str
    """The value of the select: proposed, or saved before."""
    options: Sequence[Choice]
    tags: str
    """The proposed tags."""
    todo: str | Promise
    """What a missing tag means; "" if there are no tags."""
    form: RowForm = field(init=False)

    def bind(self, data: QueryDict | None) -> None:
        """Reads the row of a posted form; the proposals without one."""
        self.form = RowForm(data, prefix=self.id, initial={"to": self.proposed, "tags": self.tags})
        self.form.say("to", options=self.options)

    @property
    def to(self) -> str:
        """What was chosen. A value that is not among the options counts as the proposal."""
        chosen = str(self.form.posted.get("to", self.proposed))
        return chosen if chosen in {option.value for option in self.options} else self.proposed

    @property
    def tag_names(self) -> tuple[str, ...]:
        """The typed tags."""
        typed = str(self.form.posted.get("tags", self.tags))
        return tuple(name for word in typed.split(";") if (name := word.strip()))

    def shown(self, errors: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """The row as the template shows it."""
        return {
            "id": self.id,
            "theirs": self.theirs,
            "sub": self.sub,
            "to": self.to,
            "options": self.options,
            "tags": SEPARATOR.join(self.tag_names),
            "todo": self.todo if self.todo and not self.tag_names else "",
            "has_tags": bool(self.todo),
            "error": " ".join(translated(sentence) for sentence in errors.get(self.id, ())),
        }


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_pretix_match(request: AccountRequest, id: int) -> HttpResponse:
    """The third step: what becomes of what. The usual case needs no change."""
    source = pretix_row(id)
    if not setup_of(source).is_read:
        return HttpResponseRedirect(reverse("source-pretix-events", args=(id,)))
    page = MatchPage(request, source)
    errors: Mapping[str, Sequence[str]] = {}
    if page.form.posted.get("do") == "look":
        refusal = look_again(request.account.pk, id, by=request.user.actor)
        if not refusal:
            return HttpResponseRedirect(reverse("source-pretix-match", args=(id,)))
        errors = {"": [refusal]}
    elif request.method == "POST":
        try:
            with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                save_match(transaction, id, page.match(), seen=read_id(page.form.posted["version"]) or 0)
        except Invalid as error:
            errors = error.fields
        else:
            return HttpResponseRedirect(reverse("source-pretix-start", args=(id,)))
    return settings_page(
        request,
        "sources/pretix_match.html",
        entry=ENTRY,
        status=422 if errors else 200,
        told=not_saved([translated(sentence) for sentence in errors.get("", ())]) if errors else None,
        **page.context(errors),
        **frame(pretix_row(id), 3),
    )


class MatchPage:
    """The rows of the page, with proposals by name and what was saved before."""

    def __init__(self, request: AccountRequest, source: Source) -> None:
        self.form = MatchForm(posted(request))
        self._proposals = MatchProposals(request.account.pk, source)
        data = posted(request)
        self._statuses = {state: self._status_row(state) for state in STATES}
        self._items = [(self._item_row(each), each) for each in self._proposals.proposed_items()]
        self._questions = [(self._question_row(each), each) for each in self._proposals.proposed_questions()]
        for row in self._rows():
            row.bind(data)

    def _rows(self) -> Iterable[MatchRow]:
        return [*self._statuses.values(), *(row for row, _ in self._items), *(row for row, _ in self._questions)]

    def match(self) -> PretixMatch:
        """What was posted."""
        return PretixMatch(
            [StatusMatch(state, row.to, row.tag_names) for state, row in self._statuses.items()],
            [
                ItemMatch(row.id, each.match.keys, *_use(row.to), row.tag_names if row.to.startswith(TYPE) else ())
                for row, each in self._items
            ],
            [QuestionMatch(row.id, each.match.identifier, row.to, next(iter(row.tag_names), "")) for row, each in self._questions],
            include_test_mode=bool(self.form.posted.get("test_mode")),
        )

    # --- rows

    def _status_row(self, state: PretixState) -> MatchRow:
        known, match = self._proposals.statuses, self._proposals.status_match(state)
        proposed = propose_status(state, [each.name for each in known.values()]).name
        offered = dict.fromkeys([match.name, proposed, *(each.name for each in known.values())])
        theirs, sub = STATES[state]
        return MatchRow(
            f"status-{state.value}",
            theirs,
            sub,
            match.name,
            [_option(each, each, folded(each) in known) for each in offered],
            _chips(match.tags),
            gettext_lazy("No tag yet. Flows that need one will wait."),
        )

    def _item_row(self, item: ProposedItem) -> MatchRow:
        types, sessions, name = self._proposals.types, self._proposals.sessions, item.name
        use = item.proposals[0].use
        proposed = _value(item.match.use, item.match.name)
        names = dict.fromkeys([name, *(each.name for each in types.values())])
        choices = [_option(f"{TYPE}{each}", each, folded(each) in types) for each in list(names)[:MOST_OFFERED]]
        choices.append(Choice(f"{SESSION}{name}", _("A session: %(name)s") % {"name": name}))
        choices += [
            Choice(f"{SESSION}{each.name}", _("A session: %(name)s") % {"name": each.name})
            for each in list(sessions.values())[:MOST_OFFERED]
            if each.name != name
        ]
        choices.append(Choice("", _("Leave it out")))
        if proposed not in {choice.value for choice in choices}:
            choices.insert(0, Choice(proposed, proposed.partition(":")[2]))
        todo = gettext_lazy("No tag yet. Flows that filter by it won’t find it.") if use is ItemUse.TYPE else ""
        sub = gettext_lazy("New in pretix") if item.is_new else gettext_lazy("Add-on") if use is ItemUse.SESSION else ""
        return MatchRow(item.match.row, item.theirs, sub, proposed, choices, _chips(item.match.tags or item.proposals[0].ours.tags), todo)

    def _question_row(self, question: ProposedQuestion) -> MatchRow:
        known, by_label = self._proposals.questions, self._proposals.code_by_label
        theirs, proposed = question.proposal.theirs, question.match.target
        create = [] if folded(theirs) in by_label else [Choice(f"{ANSWERS}{theirs}", _("Create %(name)s") % {"name": theirs})]
        options = [
            *create,
            *(Choice(f"{ANSWERS}{code}", each.label) for code, each in list(known.items())[:MOST_OFFERED]),
            *(Choice(f"{PROFILE}{key}", _("Profile: %(name)s") % {"name": _(PROFILE_FIELDS[key])}) for key in OFFERED_FIELDS),
            Choice("", _("Leave it out")),
        ]
        if proposed not in {option.value for option in options}:
            options.insert(0, Choice(proposed, proposed.partition(".")[2]))
        todo = gettext_lazy("No tag yet. Mappings can’t use it.") if proposed.startswith(ANSWERS) else ""
        count = len(question.proposal.options)
        sub = ngettext("%(n)s choice", "%(n)s choices", count) % {"n": count} if count else ""
        sub = _("New in pretix") if question.is_new else sub
        return MatchRow(question.match.row, theirs, sub, proposed, options, _chips([question.match.tag]), todo)

    # --- the page

    def context(self, errors: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """The context of the template."""
        sections = [
            (_("Statuses"), _("What an order’s state means here"), TagKind.REGISTRATION_STATUS, self._statuses.values()),
            (
                _("Products"),
                _("Tickets become attendee types, add-ons become sessions"),
                TagKind.ATTENDEE_TYPE,
                [row for row, _ in self._items],
            ),
            (_("Questions"), _("Answers come along with each registration"), TagKind.QUESTION, [row for row, _ in self._questions]),
        ]
        return {
            "sections": [
                {
                    "name": name,
                    "says": says,
                    "list": f"tags-{kind.value}",
                    "choices": list(self._proposals.tag_names(kind).values()),
                    "rows": [row.shown(errors) for row in rows],
                }
                for name, says, kind, rows in sections
                if rows
            ],
            "test_mode": bool(self.form.posted["test_mode"]) if self.form.is_bound else self._proposals.includes_test_mode,
            "codes": ", ".join(event.code for event in self._proposals.events),
        }


def _chips(tags: Iterable[str]) -> str:
    """The value of a chip input with these tags."""
    return SEPARATOR.join(tag.replace(";", ",") for tag in tags)


def _option(value: str, name: str, is_there: bool) -> Choice:
    return Choice(value, name if is_there else _("Create %(name)s") % {"name": name})


def _value(use: ItemUse, name: str) -> str:
    return {ItemUse.TYPE: f"{TYPE}{name}", ItemUse.SESSION: f"{SESSION}{name}", ItemUse.LEFT_OUT: ""}[use]


def _use(value: str) -> tuple[ItemUse, str]:
    kind, _colon, name = value.partition(":")
    return {"type": (ItemUse.TYPE, name), "session": (ItemUse.SESSION, name)}.get(kind, (ItemUse.LEFT_OUT, ""))
