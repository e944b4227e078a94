"""The state of a connection in words (C3, C8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from heliograph.connections import diagnosis_words
from heliograph.connections.connection_list import MOST_HELD, ConnectionRow, LastAttempt, Pause
from heliograph.deliveries.message_words import message_words
from heliograph.domain.connection.connection import Auth, Connection
from heliograph.domain.connection.connection_health import Health
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisVerdict, Finding, refusal_finding
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.retry_policy import HOUR, PATIENT
from heliograph.jobs.page import queue_place
from heliograph.store.instants import from_micros
from heliograph.web.templatetags.moments import short_moment, soon

HEALTH: Final[Mapping[Health, Promise]] = {
    Health.ANSWERS: pgettext_lazy("a connection", "Answers"),
    Health.MIXED: gettext_lazy("Answers, with failures"),
    Health.BLOCKED: gettext_lazy("Address not allowed"),
    Health.REFUSES: gettext_lazy("Refuses"),
    Health.SILENT: gettext_lazy("Does not answer"),
    Health.REACHED: gettext_lazy("Reached"),
    Health.CONNECTED: gettext_lazy("Connected"),
    Health.PAUSED: gettext_lazy("Paused"),
    Health.RELEASED: gettext_lazy("Being released"),
    Health.RESTS: gettext_lazy("Rate limit"),
    Health.NOT_YET: gettext_lazy("Not connected yet"),
    Health.LOST: gettext_lazy("No longer connected"),
    Health.INCOMPLETE: gettext_lazy("Incomplete"),
    Health.UNTRIED: gettext_lazy("Not tried yet"),
}
TONES: Final[Mapping[Health, str]] = {
    Health.ANSWERS: "success",
    Health.MIXED: "wait",
    Health.BLOCKED: "failed",
    Health.REFUSES: "failed",
    Health.SILENT: "failed",
    Health.REACHED: "quiet",
    Health.CONNECTED: "quiet",
    Health.PAUSED: "wait",
    Health.RELEASED: "wait",
    Health.RESTS: "wait",
    Health.NOT_YET: "wait",
    Health.LOST: "failed",
    Health.INCOMPLETE: "wait",
    Health.UNTRIED: "quiet",
}
ICONS: Final[Mapping[Health, str]] = {Health.NOT_YET: "missing", Health.LOST: "missing", Health.INCOMPLETE: "missing"}
PATIENT_RETRIES: Final = format_lazy(gettext_lazy("after {}, {} and {} hours"), *(interval // HOUR for interval in PATIENT))
"""When a connection that is marked patient retries."""
_LACKS: Final[Mapping[str, Promise]] = {
    Secret.PATH: gettext_lazy("URL"),
    Secret.PASSWORD: gettext_lazy("Password"),
    Secret.KEY: gettext_lazy("API Key / Token"),
    Secret.CLIENT_SECRET: gettext_lazy("Client Secret"),
    Secret.AUTHORIZATION_QUERY: gettext_lazy("Authorization URL, with its query"),
    Secret.ACCESS_TOKEN_QUERY: gettext_lazy("Access Token URL, with its query"),
    Secret.REFRESH_TOKEN_QUERY: gettext_lazy("Refresh Token URL, with its query"),
    "user_name": gettext_lazy("User Name"),
    "client_id": gettext_lazy("Client Id"),
    "access_token_url": gettext_lazy("Access Token URL"),
    "authorization_url": gettext_lazy("Authorization URL"),
}


def headline(row: ConnectionRow) -> str:
    """The connection's state in two or three words; every page that shows the state uses these."""
    if row.health is Health.RELEASED and row.waiting_release is not None:
        return _("Waiting to be released, %(n)s a minute") % {"n": intcomma(row.state.release_rate)}
    if row.health is Health.RELEASED:
        return _("Being released, %(n)s a minute") % {"n": intcomma(row.state.release_rate)}
    if row.health is Health.RESTS:
        return _("Paused until %(time)s (rate limit)") % {"time": soon(from_micros(row.state.held_until))}
    return str(HEALTH[row.health])


def note(row: ConnectionRow) -> str:
    """What is wrong with the connection and how to fix it; "" if nothing is wrong."""
    match row.health:
        case Health.RELEASED if row.waiting_release is not None:
            return queue_place(row.waiting_release)
        case Health.RELEASED:
            return _("Held items go out in order at this rate. Then the connection works as usual.")
        case Health.PAUSED:
            return paused(row.pause) if row.pause else ""
        case Health.INCOMPLETE:
            return _("Missing: %(fields)s.") % {"fields": ", ".join(lacking(row.connection))}
        case Health.RESTS:
            return _("The target application asked us to wait. Waiting items are sent afterwards.")
        case Health.NOT_YET:
            return _("Somebody has to press Connect and sign in there.")
        case Health.LOST:
            return _("Somebody has to press Connect and sign in there again.")
        case Health.CONNECTED:
            return _("Nothing has been sent over it since.")
        case Health.MIXED:
            return _("The last attempt was delivered. Earlier failures are in Retry.")
        case Health.BLOCKED:
            return diagnosis_words.remedy_of(Finding.BLOCKED, None)
        case Health.REFUSES | Health.SILENT if row.is_decided_by_test and row.tested is not None:
            return diagnosis_words.remedy(row.tested[1])
        case Health.REFUSES if row.evidence is not None and row.evidence.attempt.status is not None:
            finding = refusal_finding(row.evidence.attempt.status)
            return diagnosis_words.likely_remedy(finding, row.connection.sign_in)
        case Health.REFUSES | Health.SILENT:
            return _("A test in Connection Setup says what is wrong and how to fix it.")
        case _:
            return ""


def lacking(connection: Connection) -> list[str]:
    """The missing settings, by their names in the form."""
    return [str(_LACKS.get(name, name)) for name in connection.lacks if name != "connected"]


def paused(pause: Pause) -> str:
    """Why a paused connection sends nothing, and what happens to the actions that it holds."""
    consequence = _("Items are held in order until somebody releases it. Nothing is lost.")
    return f"{message_words(pause.why).rstrip('.')}. {consequence}" if pause.why else consequence


def held_text(row: ConnectionRow) -> str:
    """How many actions a connection holds, such as "3 held"; "" for none."""
    if not row.held_count:
        return ""
    if row.held_count > MOST_HELD:
        return _("more than %(n)s held") % {"n": intcomma(MOST_HELD)}
    return ngettext("%(n)s held", "%(n)s held", row.held_count) % {"n": intcomma(row.held_count)}


def kind(connection: Connection) -> str:
    """The connection's Authentication Type; for OAuth2 with the Grant Type."""
    return f"{_(connection.auth.value)}, {_(connection.grant.value)}" if connection.auth is Auth.OAUTH2 else _(connection.auth.value)


def attempt(last: LastAttempt | None) -> str:
    """The last attempt in one line."""
    if last is None:
        return _("None yet")
    stored = last.attempt
    when = short_moment(from_micros(stored.at))
    if stored.succeeded:
        return _("%(when)s: delivered, %(ms)s ms") % {"when": when, "ms": intcomma(max(1, round(stored.took / 1000)))}
    if stored.message:
        return _("%(name)s: %(state)s") % {"name": when, "state": message_words(stored.message).rstrip(".")}
    return _("%(when)s: not delivered") % {"when": when}


def test(row: ConnectionRow) -> str:
    """The last test in one line."""
    if row.tested is None:
        return _("None yet")
    at, report = row.tested
    if row.is_test_stale:
        return _("%(when)s: failed; it has worked since") % {"when": short_moment(from_micros(at))}
    return f"{short_moment(from_micros(at))}: {result(report)}"


def result(report: DiagnosisReport) -> str:
    """The result of a test in a few words."""
    if report.verdict is DiagnosisVerdict.TESTED:
        return _("passed")
    if report.verdict is DiagnosisVerdict.REACHED:
        return _("reached, credentials not tried") if report.tries_credentials else _("reached, nothing was sent")
    step = report.failed_at
    return _("failed at “%(step)s”") % {"step": diagnosis_words.step_name(step)} if step else _("failed")


def retries(connection: Connection) -> str:
    """The retries of a patient connection; "" if it has the account's."""
    return _("Patient: %(when)s") % {"when": PATIENT_RETRIES} if connection.patient else ""


def signing(connection: Connection) -> str:
    """How requests are signed (C7)."""
    if Secret.SIGNING_BEFORE in connection.secrets:
        return _("Each request is signed with the new secret and with the previous one (Standard Webhooks)")
    return _("Each request is signed (Standard Webhooks)") if connection.is_signed else _("Not signed")
