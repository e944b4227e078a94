"""The fields of an account's registrations that a source's mapping can fill: their names, their values, and problems in words (S2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.accounts.languages import translated
from heliograph.domain.registration.document_values import NO, YES
from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES
from heliograph.domain.source.call_documents import CallProblem
from heliograph.registrations.imports.columns import Known
from heliograph.web.field_names import standard_name
from heliograph.web.shown_fields import Choice

NAMES: Final = {
    "event": gettext_lazy("Event"),
    "code": gettext_lazy("Code"),
    "modified": gettext_lazy("Modified"),
    "status": gettext_lazy("Status"),
    "attendee_type": gettext_lazy("Attendee type"),
    "active": gettext_lazy("Is Active"),
    "order_code": gettext_lazy("Order code"),
    "sessions": gettext_lazy("Session codes"),
    "session_status": gettext_lazy("Status of the sessions"),
}


def group_of(target: str) -> str:
    """The group of the page in which a row stands."""
    prefix = target.partition(".")[0]
    return "sessions" if prefix in ("sessions", "session_status") else prefix if prefix in ("profile", "answers") else "registration"


@dataclass(frozen=True, slots=True)
class CallTargets:
    """The fields of registrations of an account, with their names and possible values."""

    known: Known

    def name(self, target: str) -> str | Promise:
        """The field's name on pages."""
        if target in NAMES:
            return NAMES[target]
        group, _dot, rest = target.partition(".")
        if target.startswith("profile.custom."):
            fields = self.known.account.profile_fields.values()
            return next((each.label for each in fields if each.code == rest.removeprefix("custom.")), rest.removeprefix("custom."))
        if group == "profile":
            return standard_name(PROFILE_FIELDS[rest])
        if group == "answers":
            return next((each.label for each in self.known.questions() if each.code == rest), rest)
        if group == "properties" and rest in STANDARD_PROPERTY_NAMES.values():
            return standard_name(rest)
        return rest

    def options(self, target: str) -> list[str]:
        """The values that the field can have, by name; empty if any text is possible."""
        events, account = self.known.events, self.known.account
        group, _dot, rest = target.partition(".")
        names: list[str] = []
        match group:
            case "event":
                names = [event.code for event in reversed(events)]
            case "status":
                names = [each.name for each in (*account.statuses.values(), *(s for event in events for s in event.statuses.values()))]
            case "attendee_type":
                names = [each.name for event in events for each in event.types.values()]
            case "active" | "properties":
                names = [YES, NO]
            case "session_status":
                names = [each.name for each in account.session_statuses.values()]
            case "sessions" if rest:
                names = [each.name for each in account.session_statuses.values()]
            case "sessions":
                names = [each.code for event in events for each in event.sessions.values()]
            case "answers":
                names = [option for each in self.known.questions() if each.code == rest for option in _options(each.type, each.options)]
            case "profile" if rest.startswith("custom."):
                fields = [each for each in account.profile_fields.values() if each.code == rest.removeprefix("custom.")]
                names = [option for each in fields for option in _options(each.type, each.options)]
        return list(dict.fromkeys(names))

    def accepted(self, target: str) -> set[str]:
        """The values that need no value map, folded: names and codes; empty if any text is possible."""
        names = set(self.options(target))
        if target == "status":
            names |= {each.code for each in self.known.account.statuses.values()}
        elif target == "attendee_type":
            names |= {each.code for event in self.known.events for each in event.types.values()}
        elif target == "sessions":
            names |= {each.name for event in self.known.events for each in event.sessions.values()}
        elif set(names) == {YES, NO}:
            names |= {"true", "false", "1", "0", "on", "off"}
        return {name.strip().casefold() for name in names}

    def addable(self, group: str, there: set[str]) -> list[Choice]:
        """The fields of a group for which there is no row yet."""
        targets: list[str] = []
        match group:
            case "registration":
                custom = [each.name for event in self.known.events for each in event.properties.values()]
                targets = ["active", "order_code", *(f"properties.{name}" for name in (*STANDARD_PROPERTY_NAMES.values(), *custom))]
            case "profile":
                targets = [f"profile.{key}" for key in PROFILE_FIELDS]
                targets += [f"profile.custom.{each.code}" for each in self.known.account.profile_fields.values() if each.code]
            case "answers":
                targets = [f"answers.{each.code}" for each in self.known.questions() if each.code]
            case "sessions":
                sessions = [each.code for event in self.known.events for each in event.sessions.values()]
                targets = ["sessions", "session_status", *(f"sessions.{code}" for code in sessions)]
        return [Choice(target, self.name(target)) for target in dict.fromkeys(targets) if target not in there]


def _options(type: str, options: Sequence[str]) -> Sequence[str]:
    return options or ((YES, NO) if type == QuestionType.CHECKBOX else ())


# --- values


def shown_value(document: Mapping[str, object], target: str) -> str | None:
    """The value of a field of a document in words; None if the document does not have it."""
    group, _dot, rest = target.partition(".")
    if target in ("sessions", "session_status"):
        return None if "sessions" not in document else ", ".join(_session_words(each) for each in _entries(document["sessions"]))
    if group == "sessions":
        return next((_session_words(each) for each in _entries(document.get("sessions", [])) if each.get("code") == rest), None)
    holder: Any = document
    for step in ("profile", "custom") if target.startswith("profile.custom.") else (group,) if rest else ():
        holder = holder.get(step, {}) if isinstance(holder, dict) else {}
    name = rest.removeprefix("custom.") if target.startswith("profile.custom.") else rest or target
    if name not in holder:
        return None
    value = holder[name]
    if value is None:
        return str(_("cleared"))
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _entries(sessions: object) -> list[Mapping[str, object]]:
    return sessions if isinstance(sessions, list) else []


def _session_words(session: Mapping[str, object]) -> str:
    return ", ".join(str(session[name]) for name in ("code", "status") if session.get(name))


def problem_words(problem: CallProblem, targets: CallTargets) -> str:
    """A problem as a sentence that begins with what it is about."""
    about = str(targets.name(problem.target)) if problem.target else problem.path or str(_("The call"))
    reason = translated(problem.reason)
    return f"{about}: “{problem.value}” {reason}" if problem.value and problem.value not in reason else f"{about} {reason}"
