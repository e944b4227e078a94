"""Connection Setup (guide: Adding a Connection; C1-C3): the form of a new or a stored connection, Save & Test, Send a sample, Connect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from heliograph.accounts.kept_form import AGAIN, shows_again
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import WHO, AccountRequest, may, needs
from heliograph.connections import connection_words, diagnosis_words, page_sender, rule_words
from heliograph.connections.answers import unmatched_conditions
from heliograph.connections.connection_deliveries import FOLLOWED, SentSince, pace_of, sent_since
from heliograph.connections.connection_list import ConnectionRow
from heliograph.connections.services import oauth_grant, test_progress
from heliograph.connections.services.connections import connection_row, connection_url, save_connection
from heliograph.connections.services.save_and_test import NotTested
from heliograph.connections.views import connection_form, connection_values, typed_secrets
from heliograph.connections.views import oauth_pages as access_views
from heliograph.connections.views.connection_form import ConnectionForm
from heliograph.connections.views.connection_list_page import flow_href, get_row, menu, standing
from heliograph.connections.views.connection_tabs import connection_tabs
from heliograph.connections.views.trouble_callout import left_text, sent_text, trouble_callout
from heliograph.connections.views.url_form import url_fields
from heliograph.connections.waiting_items import once_connected, waiting_items
from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.message_words import message_words
from heliograph.domain.connection.connection_health import AccessState, Health
from heliograph.domain.connection.diagnosis import DiagnosisStep, DiagnosisVerdict, StepState
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.retry_policy import DAY
from heliograph.domain.ids import read_id
from heliograph.setup.save_questions import AsksFirst
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.confirmed_save import promise_of_save, save_confirmed
from heliograph.setup.views.return_to_flow import ReturnToFlow
from heliograph.store.django_database import read_database
from heliograph.store.instants import from_micros
from heliograph.web.confirmation import has_changed
from heliograph.web.forms import posted, refused_count
from heliograph.web.pages import asks_for_part, page
from heliograph.web.templatetags.moments import moment
from heliograph.web.toasts import say

SETUP = "connections/setup.html"
SAVED_AT = "saved"
"""The parameter of the page after a save: the time of the save (microseconds), if items waited for it."""


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def new_webhook(request: AccountRequest) -> HttpResponse:
    """The form of a connection to any webhook."""
    to_flow = ReturnToFlow.from_request(request)
    if request.method != "POST":
        return _form_page(request, None, ConnectionForm(frozenset()), to_flow)
    return _post(request, None, to_flow)


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def connection(request: AccountRequest, connection: int) -> HttpResponse:
    """A stored connection: its form for an Administrator, and a description for everyone else."""
    row = get_row(request, connection)
    to_flow = ReturnToFlow.from_request(request)
    if asks_for_part(request) and to_flow.flow is not None:
        has_passed = row.tested is not None and row.tested[1].verdict is not DiagnosisVerdict.FAILED
        if has_passed and going(request, row.id) is None:
            return HttpResponseClientRedirect(to_flow.back("", connection=connection))
    if not may(request.user, Role.ADMINISTRATOR):
        if request.method == "POST":
            return _refuse(request)
        return page(request, "connections/read.html", here="connections", **_read_only_context(request, row))
    if request.method == "POST":
        return _post(request, row, to_flow)
    return _form_page(request, row, _form_of(request, row), to_flow)


@needs(Role.ADMINISTRATOR)
def _refuse(_request: AccountRequest) -> HttpResponse:
    raise AssertionError  # only non-Administrators get here


def _form_of(request: AccountRequest, row: ConnectionRow) -> ConnectionForm:
    """The form of a stored connection, with the posted values, if any."""
    with read_database() as db:
        url, test_url = connection_url(db, request.account.pk, row.id)
        edition = int(connection_row(row.id).body.get("edition", 0))
    initial = connection_values.initial_of(row.connection, url, test_url)
    return ConnectionForm(row.connection.secrets, posted(request), stored=initial, edition=edition)


def _post(request: AccountRequest, row: ConnectionRow | None, to_flow: ReturnToFlow) -> HttpResponse:
    form = _form_of(request, row) if row else ConnectionForm(frozenset(), request.POST)
    do = form.posted["do"]
    if do == "sample" and row is not None and AGAIN not in form.data:
        return _test(request, row.id, to_flow, sample=True)
    waits = f"connection {row.id if row else 'new'}"
    typed = connection_values.secrets_of(form, typed_secrets.recall(request, waits))
    stops: AsksFirst | None = None
    with read_database() as db:
        saved_at = db.now() if row is not None and row.waiting and row.pause is None else 0
    if not form.insert() and form.is_valid():
        try:
            saved = _save(request, row, form, typed)
        except AsksFirst as error:
            stops = error
        else:
            if saved is not None:
                typed_secrets.forget(request)
                return access_views.connect(request, saved) if do == "connect" else _test(request, saved, to_flow, saved_at=saved_at)
    # A refused secret is not stored.
    unsaved_secrets = {name: text for name, text in typed.items() if text and name not in form.errors}
    form.say_typed(unsaved_secrets)
    return _form_page(request, row, form, to_flow, waiting=typed_secrets.keep(request, waits, unsaved_secrets), stops=stops)


def _save(request: AccountRequest, row: ConnectionRow | None, form: ConnectionForm, typed: Mapping[str, str]) -> int | None:
    """Saves the connection and returns its id; None, with the errors in the form, if it was refused. Raises AsksFirst.

    typed: the typed secrets, by field
    """
    rule = row.connection.to_body().get("rule", []) if row else []
    facts = connection_values.facts_of(form, rule if isinstance(rule, list) else [], typed)

    def save(confirmed: bool) -> int:
        with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
            return save_connection(transaction, facts, row.id if row else None, confirmed=confirmed).pk

    try:
        return save_confirmed(request, save)
    except Invalid as error:
        form.refuse(error, names=connection_values.names_of(error))
        return None


def _test(request: AccountRequest, id: int, to_flow: ReturnToFlow, *, sample: bool = False, saved_at: int = 0) -> HttpResponse:
    """Tests the saved connection and redirects to its page, or back to the flow for which it was made, if the test passed.

    saved_at: see `_with_save`
    """
    try:
        report = test_progress.begin(request.account.pk, id, sample=sample)
    except NotTested as error:
        say(request, f"{_('Saved.')} {translated(error)}")
        return HttpResponseRedirect(to_flow.address(reverse("connection", args=(id,))))
    if to_flow.flow is not None and report is not None and report.verdict is not DiagnosisVerdict.FAILED:
        say(request, f"{_('Saved.')} {diagnosis_words.summary(report)}")
        return HttpResponseRedirect(to_flow.back("", connection=id))
    return HttpResponseRedirect(_with_save(to_flow.address(reverse("connection", args=(id,))), saved_at))


def _with_save(url: str, saved_at: int) -> str:
    """The URL of a page that says what became of the items that waited, if any did.

    saved_at: when the connection was saved (microseconds); 0 if nothing waited for it
    """
    return f"{url}{'&' if '?' in url else '?'}{SAVED_AT}={saved_at}" if saved_at else url


def _form_page(
    request: AccountRequest,
    row: ConnectionRow | None,
    form: ConnectionForm,
    to_flow: ReturnToFlow,
    *,
    waiting: str = "",
    stops: AsksFirst | None = None,
) -> HttpResponse:
    """The page of the form.

    waiting: the name under which the typed secrets are stored in the session
    stops: the flows that would stop; the user has to confirm that
    """
    refused = form.refused
    context: dict[str, Any] = {
        "is_new": row is None,
        "form": form.sections(url_fields(request)) | {"waiting": waiting},
        "asks": [(kind, sentences) for kind, sentences in connection_form.ASK.items()],
        "refused": refused_count(sum(name in form.fields for name in form.errors)) if refused else "",
        "rest": [str(error) for error in form.non_field_errors()],
        "stops": [stop.name or _("Without a name") for stop in stops.stops] if stops else [],
        "promise": promise_of_save(stops) if stops else "",
        "changed": stops is not None and has_changed(request, promise_of_save(stops)),
        "redirect_url": oauth_grant.redirect_url(),
        "to_flow": to_flow,
        "cancel": to_flow.back(reverse("connection-list"), **({"connection": row.id} if row else {})),
        "address_note": form.address_note(page_sender.policy(request.account.pk)),
        "result": None,
        "going": None,
        "going_href": "",
        "incomplete": "",
        "access": None,
        "rule": [],
        "rule_doubts": [],
        "trouble": None,
        "sent": None,
        "left": None,
        "tabs": [],
    }
    if row is not None:
        sent = _sent_since_save(request, row)
        if sent is not None:
            row = get_row(request, row.id)  # so that nothing counts as waiting what `sent` says is sent
        context["tabs"] = connection_tabs(row.id, "setup", administers=True)
        context |= _trouble_context(request, row, sent)
        context |= _shared_context(request, row)
        complete = row.health is not Health.INCOMPLETE  # the last test is from before a setting was missing, so it is not shown
        context["going"] = None if refused or stops else going(request, row.id)
        context["result"] = result_of(row) if complete and not refused and not stops else None
        if context["result"] is not None and context["trouble"] is not None:
            context["result"] |= aged(row)
        context["going_href"] = to_flow.address(reverse("connection", args=(row.id,)))
        context["incomplete"] = "" if complete else context["standing"]["note"]
    return page(request, SETUP, here="connections", status=409 if stops else form.status, **context)


def _sent_since_save(request: AccountRequest, row: ConnectionRow) -> SentSince | None:
    """What became of the items that waited for the connection when it was saved; None if it was not just saved."""
    saved_at = read_id(request.GET.get(SAVED_AT, "")) or 0
    with account_reader(request.account.pk) as reader:
        now = reader.db.now()
        return sent_since(reader, row.id, saved_at) if now - FOLLOWED < saved_at <= now else None


def _trouble_context(request: AccountRequest, row: ConnectionRow, sent: SentSince | None) -> dict[str, Any]:
    """What is wrong with the connection; after a save, what became of the items that waited for it."""
    with account_reader(request.account.pk) as reader:
        trouble = trouble_callout(reader, row, request.user, pace_of(reader, row.id), on_setup=True)
    shows_sent = sent is not None and bool(sent.sent or sent.under_way)
    has_settled = sent is not None and not sent.under_way and trouble is None
    return {
        "left": left_text(row) if has_settled and row.waiting else None,
        "trouble": None if shows_sent and sent is not None and sent.under_way else trouble,
        "sent": {
            "text": sent_text(sent),
            "under_way": sent.under_way,
            "href": f"{request.path}?{SAVED_AT}={read_id(request.GET[SAVED_AT])}",
        }
        if shows_sent and sent is not None
        else None,
    }


def _shared_context(request: AccountRequest, row: ConnectionRow) -> dict[str, Any]:
    """The part of a stored connection's page that Administrators and everybody else see."""
    people = names_of_users(request.account.pk, [row.pause.by] if row.pause else [])
    facts = row.connection
    with account_reader(request.account.pk) as reader:
        unmatched = unmatched_conditions(reader.db, reader.account, row.id, facts.rule)
    context: dict[str, Any] = {
        "id": row.id,
        "name": facts.name,
        "standing": standing(row, people),
        "flows": [(name or _("Without a name"), flow_href(id)) for id, name in row.flows],
        "menu": menu(row),
        "signed": facts.is_signed,
        "rotating": Secret.SIGNING_BEFORE in facts.secrets,
        "access": None,
        "rule": rule_words.sentences(facts.rule),
        "rule_doubts": rule_words.doubts(facts.rule, unmatched),
    }
    if facts.needs_connecting:
        state, waits = oauth_grant.state_of(facts, row.access), ""
        if state is AccessState.LOST:
            with account_reader(request.account.pk) as reader:
                waits = once_connected(waiting_items(reader.db, reader.config, row.id))
        context["access"] = {
            "state": state.name.lower(),
            "holder": row.access.holder if row.access else "",
            "since": from_micros(row.access.connected_at) if row.access and row.access.connected_at else None,
            "failure": message_words(row.access.failure) if row.access else "",
            "failed": from_micros(row.access.failed_at) if row.access and row.access.failed_at else None,
            "href": reverse("connection-access", args=(row.id,)),
            "waits": waits,
        }
    return context


def _read_only_context(request: AccountRequest, row: ConnectionRow) -> dict[str, Any]:
    """The description of a connection: without secrets, the URL's path, and the values of headers."""
    facts = row.connection
    labelled_texts = [
        (_("Target"), _("Webhook")),
        (_("Authentication Type"), connection_words.kind(facts)),
        (_("URL"), facts.shown),
        (_("Content Type"), facts.content_type.value),
        (_("Request Method"), facts.method.value),
        (_("Test Connection URL"), f"{facts.test_origin.partition('://')[2]}/…" if facts.test_origin else _("None")),
        (_("Is this a primary connection"), _("Yes") if facts.primary else _("No")),
        (_("At most per minute"), intcomma(facts.rate) if facts.rate else _("No limit")),
        (_("At once"), intcomma(facts.parallel) if facts.parallel else _("No limit")),
        (_("Retries"), connection_words.retries(facts) or _("As set for the account")),
        (_("Fixed headers"), ", ".join(name for name, _value in facts.headers) or _("None")),
        (_("Signing"), connection_words.signing(facts)),
        (_("Last attempt"), connection_words.attempt(row.attempt)),
    ]
    return {
        **_shared_context(request, row),
        "facts": labelled_texts,
        "result": result_of(row),
        "readonly": WHO[Role.ADMINISTRATOR],
    }


def result_of(row: ConnectionRow) -> dict[str, Any] | None:
    """The last test as the page shows it, step by step. None if there was none, or if it failed and the connection has worked since."""
    if row.tested is None or row.is_test_stale:
        return None
    at, report = row.tested
    steps = [
        {
            "name": diagnosis_words.step_name(each.step),
            "state": {StepState.DONE: "passed", StepState.FAILED: "failed"}.get(each.state, "unread"),
            "detail": f"{diagnosis_words.wrong(report)} {diagnosis_words.field_of(report)}".strip()
            if each.state is StepState.FAILED
            else "",
            "is": _took(each.seconds) or diagnosis_words.state_name(each.state),
        }
        for each in report.steps
    ]
    failed = report.verdict is DiagnosisVerdict.FAILED
    failed_step = diagnosis_words.step_name(report.failed_at) if report.failed_at else ""
    return {
        "title": _("The test failed at “%(step)s”") % {"step": failed_step} if failed else diagnosis_words.summary(report),
        "tone": "failed" if failed else "",
        "when": moment(from_micros(at)),
        "steps": steps,
        "remedy": diagnosis_words.remedy(report),
        "sample": report.sample,
        "trace": report.trace,
        "answer": report.answer,
        "status": report.status,
    }


def aged(row: ConnectionRow) -> dict[str, Any]:
    """What is said of a test that is older than the failure of the connection: it says nothing about now."""
    if row.tested is None or row.evidence is None or row.tested[0] >= row.evidence.attempt.at:
        return {}
    with read_database() as db:
        days = (db.now() - row.tested[0]) // DAY
    title = ngettext("The last test is %(n)d day old", "The last test is %(n)d days old", days) % {"n": days}
    return {
        "title": title if days else _("The last test is from before it failed"),
        "tone": "",
        "when": _("%(when)s. It says nothing about now.") % {"when": moment(from_micros(row.tested[0]))},
        "aged": True,
        "remedy": "",
    }


def going(request: AccountRequest, id: int) -> dict[str, Any] | None:
    """The progress of a running test; None if there is none."""
    with read_database() as db:
        progress = test_progress.under_way(db, request.account.pk, id)
    if progress is None:
        return None
    done = {each.step: each for each in progress.steps}
    steps = []
    for step in DiagnosisStep:
        state, state_text = ("wait", _("under way")) if step is progress.at else ("unread", _("not tried yet"))
        if step in done:
            state, state_text = "passed", _took(done[step].seconds) or diagnosis_words.state_name(done[step].state)
        steps.append({"name": diagnosis_words.step_name(step), "state": state, "detail": "", "is": state_text})
    return {"when": moment(from_micros(progress.since)), "steps": steps}


def _took(seconds: float | None) -> str:
    return "" if seconds is None else _("%(n)s ms") % {"n": intcomma(max(1, round(seconds * 1000)))}
