"""A response rule as sentences (C7)."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.domain.connection.response_rule import Clause, Condition, How, ReplyPlace, Rule, Then
from heliograph.domain.delivery.outcomes import Lead
from heliograph.domain.delivery.retry_policy import Category


def sentences(rule: Rule) -> list[str]:
    """One sentence per clause, in order: the first that matches decides."""
    return [sentence(clause) for clause in rule]


def sentence(clause: Clause) -> str:
    """ "If the status is 200 and the answer’s text is “ok”: delivered." """
    conditions = _(" and ").join(condition(each) for each in clause.conditions)
    return _("If %(conditions)s: %(then)s.") % {"conditions": conditions, "then": then(clause)}


def condition(each: Condition) -> str:
    """A condition in words."""
    where = place(each)
    values = _or([f"“{value}”" if each.place is not ReplyPlace.STATUS else value for value in each.values])
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
    """Where a condition looks."""
    match each.place:
        case ReplyPlace.STATUS:
            return _("the status")
        case ReplyPlace.BODY:
            return _("the answer’s text")
        case ReplyPlace.JSON:
            return _("“%(name)s” in the answer’s JSON") % {"name": each.name}
        case ReplyPlace.HEADER:
            return _("the header %(name)s") % {"name": each.name}


def nothing_at(number: int, each: Condition, *, is_json: bool) -> str:
    """That a condition looks where an answer has nothing. number: of its clause, from 1; is_json: whether the answer can be read as JSON."""
    named = {"n": number, "name": each.name}
    if each.place is ReplyPlace.HEADER:
        return _("Clause %(n)d: this answer has no header %(name)s.") % named
    if not is_json:
        return _("Clause %(n)d looks for “%(name)s” in JSON, and this answer is no JSON.") % named
    return _("Clause %(n)d: nothing stands at “%(name)s” in this answer’s JSON.") % named


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
        parts.append(_("with a new access token and once more"))
    if clause.retry_after:
        parts.append(
            ngettext("the connection rests %(n)s second", "the connection rests %(n)s seconds", clause.retry_after)
            % {"n": f"{clause.retry_after:,}"}
        )
    if clause.says:
        parts.append(f"“{clause.says.removesuffix('.')}”")
    if clause.shows:
        parts.append(_("with the reason in “%(path)s”") % {"path": clause.shows})
    return ", ".join(parts)


def _or(values: Sequence[str]) -> str:
    if len(values) < 2:
        return "".join(values)
    return _("%(first)s or %(last)s") % {"first": ", ".join(values[:-1]), "last": values[-1]}
