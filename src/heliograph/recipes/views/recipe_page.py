"""A recipe on one page: paste the address, see the message, send a sample, switch on (B3, F1). Nothing is created before the last step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.connections import diagnosis_words
from heliograph.connections.services.connections import may_be_plain
from heliograph.connections.services.save_and_test import NotTested
from heliograph.connections.views import typed_secrets
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.domain.connection.connection import SignIn
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisVerdict, Finding
from heliograph.domain.flow import sentence
from heliograph.domain.flow.flow import Mode, Op
from heliograph.domain.flow.recipes import EVENT_CODE, Recipe, RecipeGroup, flow_of_recipe, tags_of_recipe
from heliograph.domain.setup.standard_tags import TAG_BY_STATUS, plan_standard_tags
from heliograph.flows.filter_values import FilterValues
from heliograph.presets.services import preset
from heliograph.presets.views import PresetForm
from heliograph.recipes.message_preview import preview_recipe
from heliograph.recipes.recipe_file import recipe_of
from heliograph.recipes.recipe_undo import RecipeParts
from heliograph.recipes.services import AppliedRecipe, apply_recipe, connection_name, default_mode, send_sample
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.web.field_names import flow_parts
from heliograph.web.form_fields import TextLine, TypedChips
from heliograph.web.forms import pressed, refused_count
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice

SAMPLE, ON, LOOK = "sample", "on", "look"
"""The buttons; LOOK is posted half a second after something was typed, and only checks it."""
SAMPLED: Final = "recipe-sampled"
"""The session key of the address to which a sample was sent last, as an HMAC."""
LONGEST: Final = 2_000
"""Most characters of the chip input of events. Of an address, LONGEST_URL."""
LONGEST_URL: Final = 8_000


class RecipeForm(PresetForm):
    """The blanks of the recipe's preset, without the connection's name, and the events that it is for."""

    events = TypedChips(
        gettext_lazy("Events"),
        longest=LONGEST,
        placeholder=gettext_lazy("Every event"),
        glue=gettext_lazy("or"),
        optional=True,
        help=gettext_lazy("Empty means every event."),
    )

    def __init__(self, recipe: Recipe, *args: Any, **given: Any) -> None:
        super().__init__(preset(recipe.preset), *args, **given)
        self.recipe = recipe
        del self.fields["name"]
        for blank in self.preset.blanks:
            if blank.takes_fields:  # a recipe's address is pasted whole, so nothing is inserted into it
                words: dict[str, Any] = {"required": blank.required, "optional": not blank.required, "help": _(blank.help)}
                self.fields[blank.name] = TextLine(_(blank.label), longest=LONGEST_URL, autocomplete="off", placeholder="https://", **words)

    @property
    def blank_names(self) -> list[str]:
        """The names of the fields of the preset's blanks."""
        return [blank.name for blank in self.preset.blanks if blank.name in self.fields]

    @property
    def event_words(self) -> list[str]:
        """The typed events."""
        return [word.strip() for word in str(self.posted["events"]).split(";") if word.strip()]


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def recipe(request: AccountRequest, recipe: str) -> HttpResponse:
    """The page of a recipe, its sample, and switching it on."""
    chosen = recipe_of(recipe)
    if request.method != "POST":
        blanks = preset(chosen.preset).blanks
        return _page(request, RecipeForm(chosen, initial={blank.name: blank.default for blank in blanks}))
    form = RecipeForm(chosen, request.POST)
    waits = f"recipe {chosen.key}"
    before = typed_secrets.recall(request, waits)
    secrets = {name: form.posted.get(name, "") or before.get(name, "") for name in form.secrets}
    report: DiagnosisReport | None = None
    problem = ""
    if pressed(request) == LOOK:
        return _page(request, RecipeForm(chosen, initial=dict(form.posted.items())), secrets=secrets)
    if form.is_valid():
        values = {name: secrets.get(name) or str(form.cleaned_data[name]) for name in form.blank_names}
        try:
            if pressed(request) == ON:
                applied = _switch_on(request, form, values)
                typed_secrets.forget(request)
                RecipeParts.from_applied(applied).remember(request.session)
                return HttpResponseRedirect(reverse("recipe-done", args=(chosen.key, applied.flow.pk)))
            report = send_sample(request.account.pk, chosen, values)
        except Invalid as error:
            form.refuse(error)
        except NotTested as error:
            problem = translated(error)
        if report is not None and report.verdict is not DiagnosisVerdict.FAILED:
            request.session[SAMPLED] = _mark_of(chosen, values)
    good = {name: secret for name, secret in secrets.items() if secret and name not in form.errors}
    for name in good:
        form.say_waiting(name)
    return _page(request, form, typed_secrets.keep(request, waits, good), secrets=secrets, report=report, problem=problem)


def _switch_on(request: AccountRequest, form: RecipeForm, values: Mapping[str, str]) -> AppliedRecipe:
    """Applies the recipe. Raises Invalid, also if no sample was sent to this address."""
    if not _is_sampled(request, form.recipe, values):
        raise Invalid({"": [_("Send a sample first to see that it arrives.")]})
    with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
        applied = apply_recipe(transaction, form.recipe, values, events=form.event_words)
    request.session.pop(SAMPLED, None)
    return applied


def _mark_of(recipe: Recipe, values: Mapping[str, str]) -> str:
    """Stands for the recipe with these values, and tells nobody what they are."""
    text = json.dumps([recipe.key, sorted(values.items())])
    return salted_hmac(SAMPLED, text, algorithm="sha256").hexdigest()


def _is_sampled(request: AccountRequest, recipe: Recipe, values: Mapping[str, str]) -> bool:
    return constant_time_compare(request.session.get(SAMPLED, ""), _mark_of(recipe, values))


def _page(
    request: AccountRequest,
    form: RecipeForm,
    waiting: str = "",
    *,
    secrets: Mapping[str, str] | None = None,
    report: DiagnosisReport | None = None,
    problem: str = "",
) -> HttpResponse:
    """The page.

    waiting: the name under which the session stores the typed secrets
    secrets: the typed secrets
    report: how the sample ended that was sent just now
    problem: why no sample was sent
    """
    recipe = form.recipe
    values = {name: str(form[name].value() or "") for name in form.blank_names} | dict(secrets or {})
    with account_reader(request.account.pk) as reader:
        preview = preview_recipe(reader, recipe, form.preset, values, now=timezone.now())
        offered = FilterValues(reader.db, request.account.pk, reader.config).offered(EVENT_CODE, Op.IS_ANY_OF)
        form.say("events", options=[Choice(value, label) for value, label in offered.labels.items()])
        comes_with = _comes_with(reader, recipe)
        parts = _sentence(reader, recipe, form.event_words if form.is_bound else [])
        is_test = default_mode(reader.db, reader.config) is Mode.TEST
    status = form.status if report is None or report.verdict is not DiagnosisVerdict.FAILED else 422
    return page(
        request,
        "recipes/recipe.html",
        here="flows",
        status=422 if problem else status,
        recipe=recipe,
        preset=form.preset,
        name=_(recipe.name),
        fields=form.draw_fields(*form.blank_names),
        events=form.draw_field("events"),
        typed=waiting,
        refused=refused_count(len(form.errors)) if form.refused else "",
        rest=[str(error) for error in form.non_field_errors()],
        preview=preview,
        address=None if form.errors else _address_words(request, form, values),
        sample=_sample_words(recipe, report),
        problem=problem,
        is_sampled=form.is_bound and not form.errors and _is_sampled(request, recipe, values),
        sentence=parts,
        comes_with=comes_with,
        is_test=is_test,
    )


def _address_words(request: AccountRequest, form: RecipeForm, values: Mapping[str, str]) -> dict[str, str] | None:
    """Whether what was typed is an address of the recipe's application, before anything is sent; None if nothing was typed."""
    blank = form.preset.address_blank
    problem = form.preset.address_problem(values.get(blank.name, ""), http=may_be_plain(request.account.pk)) if blank else None
    if blank is None or problem is None:
        return None
    if problem:
        return {"tone": "failed", "text": translated(problem)}
    if blank.hosts:
        return {"tone": "", "text": _("This is a %(app)s address.") % {"app": form.recipe.app}}
    if form.recipe.group is not RecipeGroup.ANY:
        return {"tone": "", "text": _("This can be a %(app)s address. Send a sample to be sure.") % {"app": form.recipe.app}}
    return {"tone": "", "text": _("The address is complete. Send a sample to see what answers there.")}


def _sample_words(recipe: Recipe, report: DiagnosisReport | None) -> dict[str, Any] | None:
    """How the sample ended, in words."""
    if report is None:
        return None
    if report.verdict is DiagnosisVerdict.FAILED:
        title = _("%(app)s refused the sample") if report.status is not None else _("The sample did not reach %(app)s")
        remedy = diagnosis_words.remedy(report)
        if report.finding is Finding.UNAUTHORIZED and report.sign_in is SignIn.NOTHING:  # this page has no Authentication Type to choose
            remedy = _("Copy the whole address once more. If it was whole, get a new one from the target and paste it.")
        return {
            "tone": "failed",
            "title": title % {"app": recipe.app},
            "text": diagnosis_words.wrong(report),
            "remedy": remedy,
            "answer": report.answer,
        }
    text = _("Look for “%(trace)s” there, and delete it afterwards.") % {"trace": report.trace} if report.trace else ""
    return {"tone": "", "title": _("%(app)s took the sample") % {"app": recipe.app}, "text": text, "remedy": ""}


def _comes_with(reader: AccountReader, recipe: Recipe) -> list[tuple[str, str]]:
    """What the recipe creates: (kind, name)."""
    name = connection_name(reader.config.connections.values(), recipe)
    rows = [
        (_("Connection"), name),
        (_("Message") if recipe.message else _("Mapping"), _("%(connection)s mapping") % {"connection": name}),
        (_("Flow"), _(recipe.name)),
    ]
    plan = plan_standard_tags(reader.config.statuses.values(), reader.config.tags.values())
    if recipe.needs_tags and plan.tag_of:
        count = len(plan.tag_of)
        text = ngettext("%(names)s, for %(n)d status without a tag", "%(names)s, for %(n)d statuses without a tag", count)
        rows.append((_("Tags"), text % {"names": ", ".join(dict.fromkeys(plan.tag_of.values())), "n": count}))
    return rows


def _sentence(reader: AccountReader, recipe: Recipe, events: list[str]) -> list[sentence.SentencePart]:
    """The flow that the recipe would create, as a sentence; with the standard tags where a status has none yet."""
    config = reader.config
    labels = [config.tags[tag].label for tag in tags_of_recipe(recipe, config.statuses.values(), config.tags)]
    labels += [TAG_BY_STATUS[s.name] for s in config.statuses.values() if s.name in recipe.statuses and not s.tags]
    tag_labels = dict(enumerate(dict.fromkeys(labels), 1))
    name = connection_name(config.connections.values(), recipe)
    names = sentence.SentenceNames.from_config(config)
    mapping_name = _("%(connection)s mapping") % {"connection": name}
    names = sentence.SentenceNames(tags=tag_labels, fields=names.fields, connections={1: name}, mappings={1: mapping_name})
    flow = flow_of_recipe(
        recipe,
        name=recipe.name,
        mode=Mode.TEST,
        tags=tuple(tag_labels),
        events=events,
        destination=name,
        connection=1,
        mapping=1,
        does=preset(recipe.preset).does,
    )
    return flow_parts(flow, names, mode=False)
