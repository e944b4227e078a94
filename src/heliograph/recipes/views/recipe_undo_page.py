"""Undo of a recipe that was just switched on: the page says what goes and what stays, before anything is removed (B3, P15)."""

from __future__ import annotations

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.flows.flow_list import FlowList
from heliograph.recipes.recipe_file import recipe_of
from heliograph.recipes.recipe_undo import SESSION_KEY, RecipeParts, UndoPlan, undo_plan, undo_recipe
from heliograph.setup.services.setup_save import saving
from heliograph.web.confirmation import Breaks, LinkedThing, Moving, is_agreed, question
from heliograph.web.pages import page
from heliograph.web.toasts import say


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def recipe_undo(request: AccountRequest, recipe: str, flow: int) -> HttpResponse:
    """Takes a recipe back."""
    chosen, parts = recipe_of(recipe), RecipeParts.of_flow(request.session, flow)
    with account_reader(request.account.pk) as reader:
        if parts is None or flow not in reader.config.flows:
            raise Http404
        config = reader.config
        undelivered = FlowList(reader.db, request.account.pk).undelivered(flow)
    plan = undo_plan(request.account.pk, parts)
    goes, stays = _things(config, parts, plan)
    notes = [_("What it has sent stays sent, and its figures stay.")]
    if undelivered:
        text = ngettext(
            "%(n)s delivery is not done yet. It ends as Failed.", "%(n)s deliveries are not done yet. They end as Failed.", undelivered
        )
        notes.append(Moving(text % {"n": intcomma(undelivered)}))
    confirmation = question(
        _("Undo “%(name)s”?") % {"name": _(chosen.name)},
        frame="signal.html",
        notes=notes,
        breaks=[
            Breaks(_("This goes"), items=goes),
            *([Breaks(_("This stays, because something else uses it"), items=stays)] if stays else []),
        ],
        thing=config.flows[flow].number,
        button=_("Undo"),
        button_class="danger",
        cancel=_("Keep it"),
        cancel_href=reverse("recipe-done", args=(chosen.key, flow)),
    )
    if not is_agreed(request, confirmation):
        return page(request, "confirmation.html", here="flows", **confirmation)
    with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
        undo_recipe(transaction, parts)
    request.session[SESSION_KEY] = [each for each in request.session[SESSION_KEY] if each["flow"] != flow]
    say(request, _("It is undone: nothing is sent by it any more."))
    return HttpResponseRedirect(reverse("recipes"))


def _things(config: AccountConfig, parts: RecipeParts, plan: UndoPlan) -> tuple[list[LinkedThing], list[LinkedThing]]:
    """What goes, and what stays."""
    goes = [LinkedThing(config.flows[parts.flow].name or _("Without a name"), reverse("flow", args=(parts.flow,)), _("Flow"))]
    stays: list[LinkedThing] = []
    if parts.connection in config.connections:
        connection = LinkedThing(
            config.connections[parts.connection].name, reverse("connection", args=(parts.connection,)), _("Connection")
        )
        (goes if plan.connection else stays).append(connection)
    if parts.mapping in config.mappings:
        mapping = LinkedThing(config.mappings[parts.mapping].name, reverse("mapping", args=(parts.mapping,)), _("Mapping"))
        (goes if plan.mapping else stays).append(mapping)
    names = sorted({config.tags[tag].name for tag in parts.tagged.values() if tag in config.tags})
    if names:
        tags = LinkedThing(", ".join(names), reverse("registration-statuses"), _("Standard tags of statuses that have no other"))
        (goes if plan.tags else stays).append(tags)
    return goes, stays
