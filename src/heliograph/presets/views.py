"""Add A Connection from a preset (B3).

The page has the preset's blanks, and what to ask the application's administrator. It creates the connection and its first mapping.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.connections import diagnosis_words
from heliograph.connections.does_words import DOES
from heliograph.connections.services import test_progress
from heliograph.connections.services.save_and_test import NotTested
from heliograph.connections.views import connection_setup, typed_secrets
from heliograph.connections.views.url_form import UrlForm, url_fields
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisVerdict
from heliograph.domain.connection.presets import Blank, BlankKind, Preset
from heliograph.domain.delivery.action import Does
from heliograph.presets import services
from heliograph.presets.services import MadeFromPreset
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.return_to_flow import ReturnToFlow
from heliograph.web.form_fields import SecretLine, TextLine, UrlLine
from heliograph.web.forms import refused_count
from heliograph.web.pages import page
from heliograph.web.toasts import say

ANY = "webhook"
LONGEST = 8_000


class PresetForm(UrlForm):
    """The blanks of a preset."""

    def __init__(self, preset: Preset, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.preset = preset
        self.fields |= {blank.name: _field(blank) for blank in preset.blanks}

    @property
    def secrets(self) -> list[str]:
        """The names of the blanks that take a secret."""
        return [blank.name for blank in self.preset.blanks if blank.kind is BlankKind.SECRET]

    def say_waiting(self, name: str) -> None:
        """Marks the field of a secret that was typed into the form before it was refused."""
        self.say(name, required=False, placeholder=_("Typed just now; type to replace"))


def _field(blank: Blank) -> TextLine:
    words: dict[str, Any] = {"longest": LONGEST, "required": blank.required, "optional": not blank.required}
    if blank.help:
        words["help"] = _(blank.help)
    if blank.kind is BlankKind.SECRET:
        return SecretLine(_(blank.label), **words)
    words["autocomplete"] = "off"
    if blank.kind in (BlankKind.URL, BlankKind.ORIGIN, BlankKind.FORM):
        words["placeholder"] = "https://"
    if blank.kind is BlankKind.NUMBER:
        words["inputmode"] = "numeric"
    return UrlLine(_(blank.label), **words) if blank.takes_fields else TextLine(_(blank.label), **words)


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def connection_add(request: AccountRequest, start: str) -> HttpResponse:
    """The form of a new connection: any webhook, or a preset."""
    if start == ANY:
        return connection_setup.new_webhook(request)
    chosen = services.preset(start)
    to_flow = ReturnToFlow.from_request(request)
    if request.method != "POST":
        values = {blank.name: blank.default for blank in chosen.blanks} | {"name": services.suggested_name(request.account.pk, chosen)}
        return _page(request, PresetForm(chosen, initial=values), to_flow)
    form = PresetForm(chosen, request.POST)
    waits = f"preset {chosen.key}"
    before = typed_secrets.recall(request, waits)
    secrets = {name: form.posted.get(name, "") or before.get(name, "") for name in form.secrets}
    if not form.insert() and form.is_valid():
        try:
            with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                made = services.make(transaction, start, form.cleaned_data | secrets)
        except Invalid as error:
            form.refuse(error)
        else:
            typed_secrets.forget(request)
            return _test_and_redirect(request, made, replace(to_flow, does=chosen.does))
    good = {name: secret for name, secret in secrets.items() if secret and name not in form.errors}
    for name in good:
        form.say_waiting(name)
    return _page(request, form, to_flow, typed_secrets.keep(request, waits, good))


def _page(request: AccountRequest, form: PresetForm, to_flow: ReturnToFlow, waiting: str = "") -> HttpResponse:
    """The page of the form.

    waiting: the name under which the session stores the typed secrets
    """
    chosen = form.preset
    urls = [blank.name for blank in chosen.blanks if blank.takes_fields]
    groups = url_fields(request) if urls else []
    for name in urls:
        form.say(name, groups=groups)
    return page(
        request,
        "presets/preset.html",
        here="connections",
        status=form.status,
        preset=chosen,
        does="" if to_flow.flow is not None or chosen.does is Does.UPDATES else DOES[chosen.does],  # a waiting flow gets this choice
        typed=waiting,
        fields=form.draw_fields(),
        refused=refused_count(len(form.errors)) if form.refused else "",
        rest=[str(error) for error in form.non_field_errors()],
        start=to_flow.address(reverse("connection-new")),
        cancel=to_flow.back(reverse("connection-list")),
    )


def _test_and_redirect(request: AccountRequest, made: MadeFromPreset, to_flow: ReturnToFlow) -> HttpResponse:
    """Tests the new connection and redirects to it, or back to the flow for which it was made, if the test passed."""
    id = made.connection.pk
    report: DiagnosisReport | None = None
    try:
        report = test_progress.begin(request.account.pk, id)
    except NotTested as error:
        test_text = translated(error)
    else:
        test_text = diagnosis_words.summary(report) if report is not None else _("It is being tested.")
    names = ", ".join(mapping.name for mapping in made.mappings)
    say(
        request,
        _("Saved “%(connection)s” and a first mapping, “%(mapping)s”. %(test)s")
        % {"connection": made.connection.name, "mapping": names, "test": test_text},
    )
    to_flow = replace(to_flow, mapping=next((mapping.pk for mapping in made.mappings), None))
    if to_flow.flow is not None and report is not None and report.verdict is not DiagnosisVerdict.FAILED:
        return HttpResponseRedirect(to_flow.back("", connection=id))
    return HttpResponseRedirect(to_flow.address(reverse("connection", args=(id,))))
