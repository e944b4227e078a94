"""The values of forms, and the changes made in them: for registrations and events (I1, P2).

A form posts both what it showed and its current values; only the differences are saved. Values are compared as texts with line breaks as
one character, because a browser preserves nothing more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from heliograph.domain.setup.compiled_setup import Field, QuestionType

type Texts = tuple[str, ...]
type FormValues = dict[str, Texts]
"""A form's values by field name; () = empty. The names of a registration's form:

    status, attendee_type, active, order_code
    profile.email    a field of the profile
    custom.7         the answer to the custom field with the id 7
    answer.12        the answer to the question with the id 12
    properties       the names of the properties that are set
    session.5        the status of the registration for the session with the id 5
"""

YES = "Yes"


def shown_then(text: str) -> FormValues:
    """The values that the form showed when it was opened, from its hidden field; {} if that cannot be read."""
    try:
        opened_values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(opened_values, dict):
        return {}
    return {
        name: tuple(str(v) for v in values) for name, values in opened_values.items() if isinstance(name, str) and isinstance(values, list)
    }


def written(values: FormValues) -> str:
    """The hidden field that `shown_then` reads: everything the form shows, which excludes Is Active (it has its own page)."""
    form_values = {name: texts for name, texts in values.items() if name != "active"}
    return json.dumps(form_values, ensure_ascii=False, separators=(",", ":"))


def changed(then: FormValues, now: FormValues) -> FormValues:
    """The names of changed fields, with their new values."""
    return {name: values for name, values in now.items() if name in then and then[name] != values}


@dataclass(frozen=True, slots=True)
class EditConflict:
    """A field that two people had open."""

    name: str
    was: Texts
    """Its value when the form was opened."""
    theirs: Texts
    """As stored now."""
    posted: Texts
    """As this person posted it."""

    @property
    def by_both(self) -> bool:
        """True if the person must choose."""
        return self.was not in (self.theirs, self.posted) and self.theirs != self.posted


def differences(then: FormValues, stored: FormValues, posted: FormValues) -> list[EditConflict]:
    """Fields that one of the two has changed since the form was opened, in the form's order."""
    return [
        EditConflict(name, was, stored.get(name, ()), posted.get(name, was))
        for name, was in then.items()
        if name in stored and not was == stored[name] == posted.get(name, was)
    ]


def takes_many(field: Field) -> bool:
    """True if several options can be checked."""
    return field.type in QuestionType.MANY and bool(field.options)


def in_order(field: Field, values: Texts) -> Texts:
    """Values in the order of the field's options; values that are no longer options come last."""
    if not takes_many(field):
        return values
    return (*(o for o in field.options if o in values), *(v for v in values if v not in field.options))


def one(text: str) -> Texts:
    """A text as values; () if it is empty."""
    return (text,) if text else ()


def plain(text: str) -> str:
    """Line breaks as one character: browsers send them as two."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
