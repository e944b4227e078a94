"""Whoever shortens the address of a page comes to another page: every beginning of an address leads somewhere (P13)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from tests.builders import signal_account
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts

from heliograph.insights.views.feed_page import feed_of_event
from heliograph.registrations.views.registration_list_page import registrations_of_event
from heliograph.web.nearest_page import NearestPage

SAMPLES = {"int": "7", "segment": "SUMMIT-26", "slug": "webhooks"}
PARAMETER = re.compile(r"<(\w+):\w+>")


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """The routes of all pages, whole."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def beginnings() -> set[str]:
    """The proper beginnings of all routes, up to a slash."""
    parts = [
        route.split("/") for route in routes(get_resolver().url_patterns) if not route.startswith("api/")
    ]  # programs walk no addresses
    return {"/".join(part[:n]) + "/" for part in parts for n in range(1, len(part)) if any(part[n:])}


def address(route: str) -> str:
    return "/" + PARAMETER.sub(lambda parameter: SAMPLES[parameter[1]], route)


def shape(route: str) -> str:
    return PARAMETER.sub("<>", route)


def test_P13_each_beginning_of_an_address_is_one_of_its_own() -> None:
    """Resolved by itself, not by a page that takes its last word for a code."""
    wrong = {route: match.route for route in beginnings() if shape((match := resolve(address(route))).route) != shape(route)}
    assert wrong == {}


def test_P13_what_is_no_page_leads_to_one(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    led = 0
    for route in sorted(beginnings()):
        answer = client.get(address(route))
        view = resolve(address(route)).func
        if getattr(view, "view_class", None) is NearestPage or view in (registrations_of_event, feed_of_event):
            led += 1
            assert answer.status_code == 302, route
            final = client.get(address(route), follow=True)
            there = {"/signal/flows/<int:flow>/send/", "/import/<segment:upload>/"}  # of a flow and a file that there are not
            assert final.status_code == 200 or f"/{route}" in there, (route, final.status_code, final.redirect_chain)
    assert led > 15


def test_P13_the_address_of_an_event_leads_to_its_first_page_and_to_what_it_has(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.record(person("S26-1", "Zoë", "Marin"))
        site.signs_in(client)
        event = site.setup.event
        for short, whole in (
            ("/events/SUMMIT-26/", "/events/SUMMIT-26/details/"),
            ("/registrations/SUMMIT-26/", f"/registrations/?event={event}"),
            ("/signal/registrations/SUMMIT-26/", f"/signal/metrics/feed/?event={event}"),
        ):
            answer = client.get(short)
            assert (answer.status_code, answer["Location"]) == (302, whole)
            assert client.get(whole).status_code == 200
        for nobody in ("/events/NOPE/", "/registrations/NOPE/", "/signal/registrations/NOPE/"):
            assert client.get(nobody, follow=True).status_code == 404, nobody
