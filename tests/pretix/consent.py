"""A person who lets a program read a pretix: signs in there, and allows it (RFC 6749 §4.1)."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tests.pretix import Pretix
from tests.waiting import PATIENCE

PERSON: Final = ("ada@example.org", "correct horse battery")
_FIELD: Final = re.compile(r'<input[^>]*type="hidden"[^>]*>')


@dataclass(frozen=True)
class Application:
    """A program that pretix knows."""

    client: str
    secret: str


def application(pretix: Pretix, redirect_url: str) -> Application:
    """Adds a person of the organizer's team, and a program, by pretix's own shell."""
    client, secret = "heliograph", "secret-of-the-program-at-pretix"
    email, password = PERSON
    pretix.shell(
        "from django_scopes import scopes_disabled\n"
        "from pretix.base.models import Team, User\n"
        "from pretix.api.models import OAuthApplication\n"
        "with scopes_disabled():\n"
        f"    person = User.objects.create_user('{email}', '{password}')\n"
        "    Team.objects.get().members.add(person)\n"
        f"    OAuthApplication.objects.create(name='Heliograph', client_id='{client}', client_secret='{secret}', user=person,"
        f" redirect_uris='{redirect_url}', client_type='confidential', authorization_grant_type='authorization-code')\n"
        "\n"
    )
    return Application(client, secret)


def allowed(pretix: Pretix, url: str) -> str:
    """Signs in and allows what the page at `url` asks for. The query of the address to which pretix sends the browser back."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), _NoRedirect())
    email, password = PERSON
    sign_in = f"{pretix.origin}/control/login"
    _post(opener, sign_in, _hidden(_get(opener, sign_in)) | {"email": email, "password": password})
    page = _get(opener, url)
    organizers = re.findall(r'name="organizers"[^>]*value="(\d+)"|value="(\d+)"[^>]*name="organizers"', page)
    fields = _hidden(page) | {"allow": "Authorize", "organizers": next(filter(None, organizers[0]))}
    return urlsplit(_post(opener, url, fields)).query


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _get(opener: urllib.request.OpenerDirector, url: str) -> str:
    with opener.open(url, timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def _hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    fields = {}
    for field in _FIELD.findall(page):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', field))
        fields[attributes["name"]] = attributes.get("value", "").replace("&amp;", "&")
    return fields


def _post(opener: urllib.request.OpenerDirector, url: str, fields: dict[str, str]) -> str:
    """Posts a form. The address to which the answer redirects."""
    request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode(), {"Referer": url})
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            raise AssertionError(f"{url} was not done: {answer.read().decode()[:3_000]}")
    except urllib.error.HTTPError as error:
        with error:
            if error.code not in (302, 303):
                raise AssertionError(f"{url} answered {error.code}: {error.read()[:3_000]!r}") from None
            return str(error.headers["Location"])
