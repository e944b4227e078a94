"""A recipe that is switched on: what it created, somebody to register, and the first delivery as it happens (B3, F1)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import connection, transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.message_words import message_words
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.flow import sentence
from heliograph.domain.flow.filters import matches
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.domain.flow.recipes import EVENT_CODE, Recipe
from heliograph.domain.sentence_template import at_place
from heliograph.domain.setup.tag_kinds import StandardProperty
from heliograph.recipes.first_delivery import FlowDelivery, newest_delivery
from heliograph.recipes.recipe_file import recipe_of
from heliograph.recipes.recipe_undo import RecipeParts
from heliograph.registrations import draft
from heliograph.setup.name_fields import CODE_LENGTH, code_for
from heliograph.setup.services.events import new_event, save_event
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros
from heliograph.web.field_names import flow_parts
from heliograph.web.form_fields import Select, TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.pages import live
from heliograph.web.shown_fields import Choice

EVENTS = 50
"""Events that the list offers: the newest."""


class FirstRegistrationForm(Form):
    """Somebody to register, to see the first delivery."""

    first_name = TextLine(gettext_lazy("First Name"), autocomplete="off")
    last_name = TextLine(gettext_lazy("Last Name"), autocomplete="off")
    event = Select(gettext_lazy("Event"), any_value=True)
    new_event = TextLine(gettext_lazy("Name of your first event"), help=gettext_lazy("It starts in Testing."), autocomplete="off")
    pairs = (("first_name", "last_name"),)

    def __init__(self, codes: Sequence[str], *args: Any, first_event: bool, **given: Any) -> None:
        """codes: of the events to choose from
        first_event: whether the account has no event yet, so that one is added
        """
        super().__init__(*args, **given)
        del self.fields["event" if first_event else "new_event"]
        self.codes = codes
        if not first_event:
            self.say("event", options=[Choice(code, code) for code in codes])

    def clean(self) -> None:
        """Requires a name, because without one nobody would recognize the message, and an event."""
        values = self.cleaned_data
        if not values.get("first_name") and not values.get("last_name"):
            self.add_error("first_name", _("Type a name that you will recognize in the message."))
        if "event" in self.fields and values.get("event") not in self.codes:
            self.add_error("event", _("Choose one of these events."))
        if "new_event" in self.fields and not values.get("new_event"):
            self.add_error("new_event", _("Type a name for the event."))


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def recipe_done(request: AccountRequest, recipe: str, flow: int) -> HttpResponse:
    """The page after Switch on. It records the registration of its form, and shows the flow's newest delivery as it changes."""
    chosen = recipe_of(recipe)
    with account_reader(request.account.pk) as reader:
        stored = reader.config.flows.get(flow)
        if stored is None:
            raise Http404
        codes, testing = _events(reader, stored)
        has_events = bool(reader.db.all("SELECT 1 FROM event WHERE account_id = :account LIMIT 1", {"account": reader.account}))
        parts = flow_parts(stored, sentence.SentenceNames.from_config(reader.config), mode=False)
        destination = next(iter(stored.destinations), None)
        connection_id = destination.connection if destination else None
        connection_facts = reader.config.connections.get(connection_id or 0)
        mapping = reader.config.mappings.get((destination.payload_mapping if destination else 0) or 0)
        delivery = newest_delivery(reader.db, reader.account, flow)
    usual = {"first_name": request.user.name.partition(" ")[0]}
    form = FirstRegistrationForm(codes, posted(request), first_event=not has_events, initial=usual)
    if form.is_valid() and _record(request, chosen, stored, form):
        return HttpResponseRedirect(reverse("recipe-done", args=(chosen.key, flow)))
    made = []
    if connection_facts is not None:
        made.append((_("Connection"), connection_facts.name, reverse("connection", args=(connection_id,))))
    if mapping is not None and destination is not None:
        kind = _("Message") if chosen.message else _("Mapping")
        made.append((kind, mapping.name, reverse("mapping", args=(destination.payload_mapping,))))
    made.append((_("Flow"), stored.name or _("Without a name"), reverse("flow", args=(flow,))))
    return live(
        request,
        "recipes/done.html",
        part="delivery",
        here="flows",
        status=form.status,
        recipe=chosen,
        name=_(chosen.name),
        sentence=parts,
        is_running=stored.active,
        is_test=stored.mode is Mode.TEST,
        made=made,
        testing=testing,
        undo=reverse("recipe-undo", args=(chosen.key, flow)) if RecipeParts.of_flow(request.session, flow) else "",
        fields=form.draw_fields() if codes or not has_events else [],
        refused=[str(error) for error in form.non_field_errors()],
        delivery=_delivery_words(delivery, connection_facts.name if connection_facts else chosen.app),
        delivered=delivery is not None and delivery.state is ActionState.SUCCESS,
    )


def _events(reader: AccountReader, flow: Flow) -> tuple[list[str], str]:
    """The codes of events whose registrations the flow takes, the newest first; and the code of the newest event that is still a test event,
    "" without one."""
    of_event = [row for row in flow.filters if row.field == EVENT_CODE]
    rows = reader.db.all(
        "SELECT code, status_id FROM event WHERE account_id = :account ORDER BY id DESC LIMIT :most",
        {"account": reader.account, "most": EVENTS},
    )
    fitting = [(code, reader.config.is_test_event(status)) for code, status in rows if all(matches(row, (code,)) for row in of_event)]
    codes = [code for code, is_test in fitting if flow.mode is Mode.TEST or not is_test]
    return codes, next((code for code, is_test in fitting if is_test), "")


def _record(request: AccountRequest, recipe: Recipe, flow: Flow, form: FirstRegistrationForm) -> bool:
    """Records the registration, with the recipe's first status, in an event that is added if there is none. For a Test flow it is marked Test.
    False if it was refused."""
    values = form.cleaned_data
    with transaction.atomic():
        try:
            event = values["event"] if "event" in form.fields else _add_event(request, values["new_event"])
        except Invalid as error:
            form.refuse(error, names={"name": "new_event", "code": "new_event"})
            return False
        db = of_django(connection)
        document: dict[str, Any] = {
            "event": event,
            "code": draft.free_code(db, request.account.pk, event),
            "profile": {name: values[name] for name in ("first_name", "last_name") if values[name]},
        }
        if recipe.statuses:
            document["status"] = recipe.statuses[0]
        if flow.mode is Mode.TEST:
            document["properties"] = {StandardProperty.TEST.label: True}
        answer = draft.save(db, request.account.pk, document, by=request.user.actor, expected=0)
        if not answer.is_recorded:
            transaction.set_rollback(True)  # the event, too
    for problem in answer.problems:
        form.add_error(None, translated(at_place(problem.field, problem.reason)))
    return answer.is_recorded


def _add_event(request: AccountRequest, name: str) -> str:
    """Adds the account's first event, in Testing. Returns its code, which is made of the name. Raises Invalid."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    code = code_for(ascii_name.replace("_", "-").upper(), CODE_LENGTH, ())
    with saving(request.account.pk, by=request.user.actor) as setup_transaction:
        config = setup_transaction.provider.account(request.account.pk)
        save_event(setup_transaction, replace(new_event(config), code=code, name=name))
    return code


def _delivery_words(delivery: FlowDelivery | None, connection_name: str) -> dict[str, Any]:
    """The newest delivery in words: tone, icon, title, text, link, href."""
    if delivery is None:
        title = _("Waiting for the first registration")
        return {"tone": "", "icon": "clock", "title": title, "text": _("It shows up here within a second."), "link": "", "href": ""}
    named = {"connection": connection_name, "who": delivery.name or delivery.code}
    timeline = reverse("timeline", args=(delivery.event, delivery.code)) if delivery.code else ""
    match delivery.state:
        case ActionState.SUCCESS:
            title = _("Delivered to %(connection)s: %(who)s") % named
            words = {"tone": "", "icon": "check", "title": title, "text": "", "at": from_micros(delivery.ended)}
        case ActionState.PENDING:
            title = _("Sending to %(connection)s: %(who)s") % named
            words = {"tone": "", "icon": "clock", "title": title, "text": ""}
        case ActionState.QUEUED:
            title = _("%(connection)s has not taken it yet: %(who)s") % named
            words = {"tone": "wait", "icon": "", "title": title, "text": message_words(delivery.message)}
        case _:
            title = _("%(connection)s refused it: %(who)s") % named
            words = {"tone": "failed", "icon": "", "title": title, "text": message_words(delivery.message)}
    return words | {"link": _("Timeline") if timeline else "", "href": timeline}
