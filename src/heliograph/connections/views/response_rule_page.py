"""The response rule of a connection (C7): edited, created from a logged answer, and tried on one before it is saved."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.connections import answers, rule_form, rule_words
from heliograph.connections.answers import Logged, NeverMatched, NoAnswer, OfferedAnswer, RuleEffect, UnmatchedCondition
from heliograph.connections.rule_form import ClauseDraft, ClauseForm, ConditionForm
from heliograph.connections.services.connections import save_rule
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.message_words import message_words
from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.response_rule import MAX_CLAUSES, MAX_CONDITIONS, Then
from heliograph.domain.ids import read_id
from heliograph.domain.mapping.paths import ABSENT
from heliograph.setup.save_questions import SavedMeanwhile
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.versions import number_of
from heliograph.setup.setup_errors import Invalid
from heliograph.store.instants import from_micros
from heliograph.web.confirmation import agrees, promise_of
from heliograph.web.form_fields import Hidden, Select, TypedLine
from heliograph.web.forms import Form
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice, FormField
from heliograph.web.templatetags.moments import short_moment
from heliograph.web.toasts import say

FIND, TRY = "find", "try"
"""The buttons that save nothing: FIND offers other answers, TRY tries the rule on the chosen answer."""
SHOWN = 4_000
"""Characters of an answer that the page shows."""
type Errors = Mapping[str, dict[str, str]]
"""Sentences, by the prefix of a form and the field."""


class RuleForm(Form):
    """The form's fixed fields. The number of clauses changes with its buttons, so `rule_form` reads and moves them."""

    do = Hidden()
    """The button."""
    answer = Select(gettext_lazy("A logged answer"), any_value=True, placeholder=gettext_lazy("Choose one"))
    """The answer on which the rule is tried: the action's id and the number of the attempt, such as "12.1"."""
    opened = Hidden()
    """The version of the connection that is being edited."""
    person = TypedLine(
        gettext_lazy("For which registration"),
        longest=200,
        optional=True,
        help=gettext_lazy("Its code or part of the name. Finds older answers, too."),
    )
    """The registration whose answers are offered."""


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def response_rule(request: AccountRequest, connection: int) -> HttpResponse:
    """The rule's clauses in order, beside an answer to try them on."""
    form = RuleForm(request.POST if request.method == "POST" else None)
    answer = form.posted.get("answer", "") or request.GET.get("answer", "")
    person = form.posted.get("person", "").strip()
    with account_reader(request.account.pk) as reader:
        stored_connection = reader.config.connections.get(connection)
        if stored_connection is None:
            raise Http404
        offered = answers.newest_answers(reader.db, reader.account, connection, person)
        chosen = _read_answer(answer, reader, connection)
        opened = read_id(form.posted.get("opened", "")) or number_of(reader.db, reader.account, "connection", connection)
    errors: Errors = {}
    others: list[str] = []
    asks: Sequence[UnmatchedCondition] = ()
    clauses = rule_form.read(form.data) if form.is_bound else rule_form.of_body([c.to_body() for c in stored_connection.rule])
    do = form.posted["do"] or "save" if form.is_bound else ""
    effect: RuleEffect | None = None
    if do in (Then.DELIVERED.value, Then.FAILED.value):
        with account_reader(request.account.pk) as reader:
            if chosen is not None:
                _connection, proposed = answers.propose_rule(reader.db, reader.account, *chosen[0], Then(do))
                clauses = rule_form.of_body(proposed) + clauses
    elif do and do != FIND and not rule_form.changed(clauses, do) and not _too_many(clauses):
        try:
            rule = answers.parse_rule(rule_form.to_body(clauses))
            if do != TRY:
                with account_reader(request.account.pk) as reader:
                    tried_on = chosen[1].response if chosen else None
                    try:
                        answers.check_matched(reader.db, reader.account, connection, rule, tried_on)
                    except NeverMatched as error:
                        asks = error.conditions
                if not asks or agrees(request, _promise_of(asks)):
                    with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                        save_rule(transaction, connection, [clause.to_body() for clause in rule], opened=opened)
                    say(request, _("Response rule saved. It applies to every answer from now on."))
                    return HttpResponseRedirect(reverse("connection", args=(connection,)))
        except Invalid as error:
            errors, others = _errors(error)
        except SavedMeanwhile as error:
            with account_reader(request.account.pk) as reader:
                stored_connection = reader.config.connections.get(connection, stored_connection)
            who = names_of_users(request.account.pk, [error.by]).get(error.by) or _("Somebody else")
            conflict = _("%(who)s saved another rule while you had it open, as follows. Save again to replace it with yours.")
            opened, others = error.number, [conflict % {"who": who}, *rule_words.sentences(stored_connection.rule)]
    rest = _too_many(clauses) or others
    if chosen is not None and not errors and not rest:
        with account_reader(request.account.pk) as reader, suppress(Invalid, NoAnswer):
            effect = answers.try_rule(reader.db, reader.account, *chosen[0], rule_form.to_body(clauses))
    view_model = RulePage(
        id=connection,
        connection=stored_connection,
        clauses=clauses,
        errors=errors,
        rest=rest,
        asks=asks,
        offered=offered,
        person=person,
        chosen=chosen,
        effect=effect,
        opened=opened,
    )
    return _page(request, view_model)


def _promise_of(asks: Sequence[UnmatchedCondition]) -> str:
    """The promise of Save after it has asked (P15): the conditions whose path or header no answer has.

    The number of answers is left out, because it grows by itself.
    """
    return promise_of([(each.clause, each.condition) for each in asks])


def _too_many(clauses: Sequence[ClauseDraft]) -> list[str]:
    """The errors if the form has more clauses or conditions than a rule may have."""
    problems = []
    if len(clauses) > MAX_CLAUSES:
        problems.append(_("A rule has at most %(most)d clauses, and these are %(n)d.") % {"most": MAX_CLAUSES, "n": len(clauses)})
    for number, clause in enumerate(clauses, 1):
        if len(clause.conditions) > MAX_CONDITIONS:
            facts = {"most": MAX_CONDITIONS, "i": number, "n": len(clause.conditions)}
            problems.append(_("A clause has at most %(most)d conditions, and clause %(i)d has %(n)d.") % facts)
    return problems


def _answer_choice(each: OfferedAnswer) -> Choice:
    """An answer as an option of the select: its time, registration, status and beginning."""
    parts = [
        short_moment(from_micros(each.at)),
        " ".join(delivery_words.isolated(text) for text in (each.code, each.name) if text),
        delivery_words.answered(each.status),
        delivery_words.isolated(each.beginning) or _("an empty answer"),
    ]
    return Choice(f"{each.action}.{each.attempt}", " · ".join(part for part in parts if part))


def _read_answer(text: str, reader: AccountReader, connection: int) -> tuple[tuple[int, int], Logged] | None:
    """The answer that the text names ("12.1": action and attempt), with these two numbers; None if it does not belong to this connection."""
    match = re.fullmatch(r"([0-9]{1,18})\.([0-9]{1,6})", text, re.ASCII)
    if match is None:
        return None
    which = int(match[1]), int(match[2])
    try:
        return which, answers.read_logged_of(reader.db, reader.account, connection, *which)
    except NoAnswer:
        return None


def _errors(error: Invalid) -> tuple[Errors, list[str]]:
    """The sentences of an error at their fields, and the sentences that belong to no field."""
    errors = defaultdict[str, dict[str, str]](dict)
    rest = []
    for where, sentences in error.fields.items():
        text = " ".join(translated(sentence) for sentence in sentences)
        match = re.match(r"rule\[(\d+)\](?:\.if\[(\d+)\])?(?:\.(\w+))?", where)
        if match is None:
            rest.append(text)
            continue
        clause, condition, name = match[1], match[2], match[3] or ""
        if condition is not None:
            errors[f"c{clause}-{condition}"][name if name == "name" else "values"] = text
        else:
            errors[f"c{clause}"][name if name in ClauseForm.base_fields else "then"] = text
    return errors, rest


@dataclass(frozen=True, slots=True)
class RulePage:
    """The content of the page."""

    id: int
    """The connection's id."""
    connection: Connection
    clauses: Sequence[ClauseDraft]
    errors: Errors
    rest: Sequence[str]
    """The errors that belong to no field."""
    asks: Sequence[UnmatchedCondition]
    """The conditions that the user confirms by saving again."""
    offered: Sequence[OfferedAnswer]
    person: str
    """The text by which the offered answers were searched; "" for the newest ones."""
    chosen: tuple[tuple[int, int], Logged] | None
    """The answer on which the rule is tried, with its action's id and its attempt's number."""
    effect: RuleEffect | None
    """The decision of the rule in the form about that answer."""
    opened: int
    """The version of the connection that is being edited."""


def _page(request: AccountRequest, view_model: RulePage) -> HttpResponse:
    chosen, effect, errors, rest = view_model.chosen, view_model.effect, view_model.errors, view_model.rest
    # The conditions whose path or header this answer lacks, often because of a typing mistake.
    absent = []
    if chosen and effect:
        is_json = chosen[1].response.json is not ABSENT
        absent = [rule_words.nothing_at(clause + 1, each, is_json=is_json) for clause, each in effect.absent]
    key = f"{chosen[0][0]}.{chosen[0][1]}" if chosen else ""
    form = RuleForm(initial={"answer": key, "person": view_model.person, "opened": view_model.opened})
    options = [_answer_choice(each) for each in view_model.offered]
    if key and key not in {each.value for each in options}:
        options.append(Choice(key, _("The answer that you came from")))
    form.say("answer", options=options)
    return page(
        request,
        "connections/response_rule.html",
        here="connections",
        status=422 if errors or rest else 409 if view_model.asks else 200,
        connection={"id": view_model.id, "name": view_model.connection.name},
        clauses=[_clause(at, clause, errors, last=len(view_model.clauses) - 1) for at, clause in enumerate(view_model.clauses)],
        refused=bool(errors or rest),
        rest=rest,
        asks=[rule_words.nowhere(each) for each in view_model.asks],
        promise=_promise_of(view_model.asks),
        form=form,
        offered=form.draw_field("answer") if options else None,
        person=form.draw_field("person"),
        searched=bool(view_model.person),
        answer=_answer(chosen[1]) if chosen else None,
        effect=_effect_text(effect) if effect else "",
        effect_tone="" if effect is None else "success" if effect.delivered else "failed" if effect.delivered is False else "wait",
        absent=absent,
        today=rule_words.sentences(view_model.connection.rule),
    )


def _answer(logged: Logged) -> dict[str, Any]:
    return {
        "status": delivery_words.answered(logged.response.status),
        "headers": "\n".join(f"{name}: {value}" for name, value in logged.response.headers),
        "body": logged.response.text[:SHOWN],
        "cut": logged.cut,
    }


def _effect_text(effect: RuleEffect) -> str:
    """The sentence that says how the rule in the form decides about the answer."""
    if effect.delivered is None:
        return _("Can’t tell: only the start of this answer was stored, and the rule looks at the rest.")
    by = _("by its status, no clause fits") if effect.clause is None else _("by clause %(n)d") % {"n": effect.clause + 1}
    if effect.delivered:
        return _("Delivered, %(by)s.") % {"by": by}
    return _("Failed, %(by)s: %(why)s") % {"by": by, "why": message_words(effect.message)}


def _clause(at: int, clause: ClauseDraft, errors: Errors, *, last: int) -> dict[str, Any]:
    """The fields of one clause.

    at: its place in the rule, from 0; the page also shows its number, from 1
    last: the place of the last clause
    """
    conditions: list[dict[str, FormField]] = []
    for position, condition in enumerate(clause.conditions):
        row = ConditionForm(prefix=f"c{at}-{position}", initial=asdict(condition))
        row.show_errors(errors.get(f"c{at}-{position}", {}))
        for name in row.fields:
            row.say(name, label=str(row.field(name).label) % {"n": at + 1, "m": position + 1})
        conditions.append({name: row.draw_field(name) for name in row.fields})
    form = ClauseForm(prefix=f"c{at}", initial=asdict(clause))
    form.show_errors(errors.get(f"c{at}", {}))
    return {
        "position": at,
        "number": at + 1,
        "first": at == 0,
        "last": at == last,
        "conditions": conditions,
        "then": form.draw_field("then"),
        "lead": form.draw_field("lead"),
        "failed": form.draw_fields("category", "says", "shows", "retry_after", "renew"),
    }
