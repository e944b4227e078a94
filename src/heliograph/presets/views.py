"""Add A Connection from an application (B3): its blanks, what to ask of its administrator, and a connection with its first mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.connections import diagnosis_words
from heliograph.connections.does_words import DOES
from heliograph.connections.services import test_progress
from heliograph.connections.services.save_and_test import TooManyTests
from heliograph.connections.views import connection_setup, typed_secrets
from heliograph.connections.views.connection_form import Groups
from heliograph.connections.views.connection_setup import inserted, url_fields
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisVerdict
from heliograph.domain.connection.presets import Blank, BlankKind, Preset
from heliograph.domain.delivery.action import Does
from heliograph.presets import services
from heliograph.presets.services import Made
from heliograph.setup.errors import Invalid, NotThere
from heliograph.setup.services.saving import saving
from heliograph.setup.views.return_to_flow import Errand
from heliograph.web.fields import Field
from heliograph.web.pages import page
from heliograph.web.toasts import say

ANY = "webhook"
LONGEST = 8_000


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def connection_add(request: AccountRequest, start: str) -> HttpResponse:
    """The form of a new connection: of any webhook, or a preset's."""
    if start == ANY:
        return connection_setup.connection_add(request)
    try:
        chosen = services.preset(start)
    except NotThere:
        raise Http404 from None
    errand = Errand.of(request)
    if request.method != "POST":
        values = {blank.name: blank.default for blank in chosen.blanks} | {"name": services.suggested_name(request.account.pk, chosen)}
        return _form(request, chosen, errand, values, {})
    form = f"preset {chosen.key}"
    before = typed_secrets.recall(request, form)
    values = {blank.name: request.POST.get(blank.name, "")[:LONGEST] or before.get(blank.name, "") for blank in chosen.blanks}
    secrets = {blank.name: values[blank.name] for blank in chosen.blanks if blank.kind is BlankKind.SECRET}
    do = request.POST.get("do", "")
    into = do.removeprefix("insert:")
    if into != do:
        return _form(request, chosen, errand, inserted(request, values, into), {}, typed_secrets.keep(request, form, secrets))
    try:
        with saving(request.account.pk, by=f"user:{request.user.pk}", whole_account=True) as s:
            made = services.make(s, start, values)
    except Invalid as error:
        errors = {name: " ".join(_(said) for said in each) for name, each in error.fields.items()}
        good = {name: secret for name, secret in secrets.items() if name not in errors}
        return _form(request, chosen, errand, values, errors, typed_secrets.keep(request, form, good))
    typed_secrets.forget(request)
    return _made(request, made, replace(errand, does=chosen.does))


def _form(
    request: AccountRequest, chosen: Preset, errand: Errand, values: Mapping[str, str], errors: Mapping[str, str], waiting: str = ""
) -> HttpResponse:
    """waiting: the name under which secrets that were typed wait."""
    n = len(errors)
    known = {blank.name for blank in chosen.blanks}
    groups = url_fields(request) if any(blank.takes_fields for blank in chosen.blanks) else []
    return page(
        request,
        "presets/preset.html",
        here="connections",
        status=422 if errors else 200,
        preset=chosen,
        does="" if errand.flow is not None or chosen.does is Does.UPDATES else DOES[chosen.does],  # a flow that waits gets it chosen
        typed=waiting,
        fields=[_field(blank, values, errors, groups, again=bool(waiting)) for blank in chosen.blanks],
        refused=ngettext("%(n)d field was refused; nothing was saved", "%(n)d fields were refused; nothing was saved", n) % {"n": n}
        if n
        else "",
        rest=[said for name, said in errors.items() if name not in known],
        start=errand.address(reverse("connection-new")),
        cancel=errand.back(reverse("connection-list")),
    )


def _field(blank: Blank, values: Mapping[str, str], errors: Mapping[str, str], groups: Groups, *, again: bool) -> Field:
    """groups: the fields that a URL may hold; again: the form comes back, with what was typed."""
    secret = blank.kind is BlankKind.SECRET
    error = errors.get(blank.name, "")
    waits = secret and again and not error and values.get(blank.name)
    return Field(
        kind="password" if secret else "url" if blank.takes_fields else "text",
        id=blank.name,
        label=_(blank.label),
        value="" if secret else values.get(blank.name, ""),
        help=_(blank.help) if blank.help else "",
        optional=not blank.required,
        required=blank.required and not waits,
        groups=groups if blank.takes_fields else (),
        error=error,
        inputmode="numeric" if blank.kind is BlankKind.NUMBER else "",
        placeholder=_("Typed just now; type to replace")
        if waits
        else "https://"
        if blank.kind in (BlankKind.URL, BlankKind.ORIGIN, BlankKind.FORM)
        else "",
        autocomplete="" if secret else "off",
    )


def _made(request: AccountRequest, made: Made, errand: Errand) -> HttpResponse:
    """Tests what was made, and leads on: to the connection, or back to the flow that waits for connection and mapping."""
    id = made.connection.pk
    report: DiagnosisReport | None = None
    try:
        report = test_progress.begin(request.account.pk, id)
    except TooManyTests as error:
        said = _(str(error))
    else:
        said = diagnosis_words.summary(report) if report is not None else _("It is being tested.")
    names = ", ".join(mapping.name for mapping in made.mappings)
    say(
        request,
        _("“%(connection)s” is there, with the mapping “%(mapping)s”. %(test)s")
        % {"connection": made.connection.name, "mapping": names, "test": said},
    )
    errand = replace(errand, mapping=next((mapping.pk for mapping in made.mappings), None))
    if errand.flow is not None and report is not None and report.verdict is not DiagnosisVerdict.FAILED:
        return HttpResponseRedirect(errand.back("", connection=id))
    return HttpResponseRedirect(f"{errand.address(reverse('connection', args=(id,)))}#test")
