"""What a text about a refusal may say, given how the connection signs in and what the target answered."""

from __future__ import annotations

from heliograph.domain.connection.connection import SignIn
from heliograph.domain.connection.stated_error import OF_SIGN_IN

ONLY_FOR = {
    "password": {SignIn.PASSWORD},
    "user name": {SignIn.PASSWORD},
    "the key": {SignIn.KEY},
    "this key": {SignIn.KEY},
    "Press Connect": {SignIn.PERSON_TOKEN},
    "press Connect": {SignIn.PERSON_TOKEN},
    "Client Id": {SignIn.CLIENT_TOKEN},
    "access token": {SignIn.CLIENT_TOKEN, SignIn.PERSON_TOKEN},
}
"""Words that would be false of any other way to prove who sends."""
CLAIMS = ("was withdrawn", "was deleted")
"""Causes that nobody has seen: they stand only behind "most likely" or "if"."""


def agrees(text: str, sign_in: SignIn | None, status: int, error: str) -> None:
    """Asserts that a text says nothing that the facts do not."""
    for words, ways in ONLY_FOR.items():
        assert words not in text or sign_in in ways, (words, text)
    for claim in CLAIMS:
        sentences = [sentence for sentence in text.split(". ") if claim in sentence]
        assert all("most likely" in sentence or "A webhook that" in sentence for sentence in sentences), text
        assert not sentences or (status in (403, 404, 410) and error not in OF_SIGN_IN), text
    assert "%(" not in text
