"""A response rule as sentences (C7)."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.connections.answers import UnmatchedCondition
from heliograph.connections.rule_paths import ForeignPath, is_foreign, plain_path
from heliograph.domain.connection.response_rule import Clause, Condition, How, ResponsePlace, Rule, Then
from heliograph.domain.delivery.outcomes import Lead
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.mapping.paths import parse_path


def sentences(rule: Rule) -> list[str]:
    """One sentence for each clause, in order: the first clause that matches decides."""
    return [sentence(clause) for clause in rule]


def sentence(clause: Clause) -> str:
    """ "If the status is 200 and the answer’s text is “ok”: delivered." """
    conditions = _(" and ").join(condition(each) for each in clause.conditions)
    return _("If %(conditions)s: %(then)s.") % {"conditions": conditions, "then": then(clause)}


def condition(each: Condition) -> str:
    """A condition in words."""
    where = place(each)
    texts = [f"“{value}”" if each.place is not ResponsePlace.STATUS else value for value in each.values]
    values = "".join(texts)
    if len(texts) > 1:
        values = _("%(first)s or %(last)s") % {"first": ", ".join(texts[:-1]), "last": texts[-1]}
    match each.how, each.unless:
        case How.FILLED, False:
            return _("%(where)s is filled") % {"where": where}
        case How.FILLED, True:
            return _("%(where)s is empty or missing") % {"where": where}
        case How.IS, False:
            return _("%(where)s is %(values)s") % {"where": where, "values": values}
        case How.IS, True:
            return _("%(where)s is not %(values)s") % {"where": where, "values": values}
        case How.CONTAINS, False:
            return _("%(where)s contains %(values)s") % {"where": where, "values": values}
        case _other:
            return _("%(where)s does not contain %(values)s") % {"where": where, "values": values}


def place(each: Condition) -> str:
    """The part of the answer that a condition reads."""
    match each.place:
        case ResponsePlace.STATUS:
            return _("the status")
        case ResponsePlace.BODY:
            return _("the answer’s text")
        case ResponsePlace.JSON:
            return _("“%(name)s” in the answer’s JSON") % {"name": each.name}
        case ResponsePlace.HEADER:
            return _("the header %(name)s") % {"name": each.name}


def nothing_at(number: int, each: Condition, *, is_json: bool) -> str:
    """Says that an answer does not have the JSON path or the header that a condition reads.

    number: the number of the condition's clause, from 1
    is_json: whether the answer is JSON
    """
    named = {"n": number, "name": each.name}
    if each.place is ResponsePlace.HEADER:
        return _("Clause %(n)d: this answer has no header %(name)s.") % named
    if not is_json:
        return _("Clause %(n)d looks for “%(name)s” in JSON, and this answer is not JSON.") % named
    return _("Clause %(n)d: this answer’s JSON has nothing at “%(name)s”.") % named


def nowhere(each: UnmatchedCondition) -> str:
    """Says that none of the newest answers has the JSON path or the header that a condition reads."""
    name, answers = each.condition.name, each.json or each.answers
    named = {"n": each.clause + 1, "name": name, "answers": intcomma(answers)}
    if each.condition.place is ResponsePlace.HEADER:
        return (
            ngettext(
                "Clause %(n)d: the newest answer has no header %(name)s.",
                "Clause %(n)d: none of the newest %(answers)s answers has a header %(name)s.",
                answers,
            )
            % named
        )
    if not each.json:
        return (
            ngettext(
                "Clause %(n)d looks for “%(name)s” in JSON, and the newest answer is not JSON.",
                "Clause %(n)d looks for “%(name)s” in JSON, and none of the newest %(answers)s answers is JSON.",
                answers,
            )
            % named
        )
    return (
        ngettext(
            "Clause %(n)d: the newest answer that is JSON has nothing at “%(name)s”.",
            "Clause %(n)d: none of the newest %(answers)s answers that are JSON has anything at “%(name)s”.",
            answers,
        )
        % named
    )


def taken_by_its_name(number: int, path: str) -> str:
    """Says that a stored path counts as the name of a field, although it looks like JSONPath or JSON Pointer.

    number: the number of the path's clause, from 1
    """
    try:
        meant = plain_path(path)
    except ForeignPath:
        return _("Clause %(n)d looks for a field that is called “%(name)s”. Open the rule and write the path of a field.") % {
            "n": number,
            "name": parse_path(path, in_list=True)[0],
        }
    sentence_of_doubt = _("Clause %(n)d looks for a field that is called “%(name)s”. If you meant %(meant)s, open the rule and write that.")
    return sentence_of_doubt % {"n": number, "name": parse_path(path, in_list=True)[0], "meant": meant}


def doubts(rule: Rule, unmatched: Sequence[UnmatchedCondition]) -> list[str]:
    """Warnings about a saved rule's conditions that have probably never matched an answer. There are two kinds:

        - a JSONPath or JSON Pointer that was saved as the name of a field, before these notations were supported
        - a JSON path or header that none of the newest answers has

    unmatched: the conditions whose path or header none of the newest answers has. A field that is really called "$.a" is in some answer, so
        its condition is not among them.
    """
    by_condition = {(each.clause, each.condition): each for each in unmatched}
    sentences_of_doubt = []
    for number, clause in enumerate(rule):
        for each in clause.conditions:
            missing = by_condition.get((number, each))
            if each.place is ResponsePlace.JSON and is_foreign(each.name) and missing:
                sentences_of_doubt.append(taken_by_its_name(number + 1, each.name))
            elif missing and missing.answers:
                sentences_of_doubt.append(nowhere(missing))
        if is_foreign(clause.shows):
            sentences_of_doubt.append(taken_by_its_name(number + 1, clause.shows))
    return sentences_of_doubt


def then(clause: Clause) -> str:
    """The result of a clause."""
    if clause.then is Then.DELIVERED:
        return {
            Lead.CREATED: _("delivered, a lead was created"),
            Lead.UPDATED: _("delivered, a lead was updated"),
            None: _("delivered"),
        }[clause.lead]
    parts = [_("failed")]
    if clause.category is not Category.GENERAL:
        parts.append(_("category %(category)s") % {"category": _(clause.category.value)})
    if clause.renew:
        parts.append(_("sent again with a new access token"))
    if clause.retry_after:
        parts.append(
            ngettext("the connection is paused for %(n)s second", "the connection is paused for %(n)s seconds", clause.retry_after)
            % {"n": intcomma(clause.retry_after)}
        )
    if clause.says:
        parts.append(f"“{clause.says.removesuffix('.')}”")
    if clause.shows:
        parts.append(_("with the reason in “%(path)s”") % {"path": clause.shows})
    return ", ".join(parts)
