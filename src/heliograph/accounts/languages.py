"""The languages in which people read pages and messages, and what each person has chosen.

What many people read has one language, STORED: audit entries, the results of jobs, messages over connections, the API, the command line.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext

from heliograph.accounts.models import User
from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence

STORED: Final = "en"
"""The language of what is stored as words, or is for everybody."""
A_YEAR: Final = 365 * 24 * 3600
"""Seconds for which a browser remembers a choice."""


def is_offered(code: str) -> bool:
    """Whether there are pages in this language."""
    return code in dict(settings.LANGUAGES)


def chosen_language(user: User) -> str:
    """The language that the user has chosen; "" if the browser decides. A language that a newer release had is no choice."""
    return user.language if is_offered(user.language) else ""


def in_language_of(user: User | None) -> AbstractContextManager[None]:
    """Texts for this person: in the language that they have chosen. Whoever has chosen none, or is no user, reads English, since no browser is asked."""
    return translation.override((chosen_language(user) if user is not None else "") or STORED)


def in_stored_language() -> AbstractContextManager[None]:
    """Texts that are stored, or that everybody reads."""
    return translation.override(STORED)


def translated(text: str | HeliographError) -> str:
    """What the domain says in English, in the active language: an error, a Sentence, or a text that is a message of the catalogue."""
    if isinstance(text, HeliographError):
        text = text.sentence
    return text.in_language(gettext, intcomma) if isinstance(text, Sentence) else gettext(text)


def choose_language(user: User, code: str) -> None:
    """Saves the user's own choice. code: of a language that is offered; "": the browser decides."""
    user.language = code
    user.save(update_fields=["language"])


def remember_language(response: HttpResponseBase, code: str) -> None:
    """Sets the cookie that holds the choice for this browser, also where nobody is signed in; "" deletes it."""
    name = settings.LANGUAGE_COOKIE_NAME
    if not code:
        response.delete_cookie(name, samesite="Lax")
        return
    response.set_cookie(
        name,
        code,
        max_age=A_YEAR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
