"""Where a person is led back to: a page of ours that can be read, also when a view is run again because somebody else saved first (O9, P1)."""

from __future__ import annotations

from typing import Any, cast

import pytest
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import ResolverMatch, reverse
from tests.builders import signal_account
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.routes import every_route
from tests.story import BY, Story

from heliograph.accounts.middleware import AccountMiddleware
from heliograph.accounts.models import Account
from heliograph.accounts.return_address import readable_page
from heliograph.accounts.save_order import SavedSince
from heliograph.domain.errors import TooMuchWork
from heliograph.jobs import control

HERE = "http://testserver"
TOO_MANY = "1 job of this account waits or runs, which is as many as an account may have."


def led_to(address: str) -> str:
    return readable_page(RequestFactory().get("/"), address)


@pytest.mark.parametrize(
    ("address", "page"),
    [
        (f"{HERE}/signal/replay/?flow=1", f"{HERE}/signal/replay/?flow=1"),
        ("/signal/replay/7/", "/signal/replay/7/"),
        (f"{HERE}/signal/replay/7/send/?x=1", "/signal/replay/7/"),
        (f"{HERE}/signal/retry/submit/", "/signal/retry/"),
        (f"{HERE}/signal/retry/submit/nothing/is/here", "/signal/retry/"),
        (f"{HERE}/no/such/page/", "/"),
        ("https://elsewhere.example/signal/replay/", "/"),
        ("", "/"),
    ],
)
def test_O9_it_is_the_page_itself_or_the_one_above_it(address: str, page: str) -> None:
    assert led_to(address) == page


def test_O9_an_address_that_only_takes_forms_is_known_by_its_view(database: DatabaseFacts, client: Client) -> None:
    """By what each address of the product answers to GET."""
    with signal_account.site(database) as site:
        site.signs_in(client)
        client.raise_request_exception = False
        refused = {route.path for route in every_route() if route.name and client.get(route.path).status_code == 405}
    assert len(refused) > 10
    assert refused == {route.path for route in every_route() if route.name and led_to(route.path) != route.path}


@pytest.fixture
def full(story: Story, client: Client, settings: Any) -> Story:
    """An account that has as many jobs as it may."""
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"jobs_waiting": 1})
    story.signs_in(client)
    control.create("set-status", story.account, {}, by=BY)
    return story


def test_O9_a_refused_job_never_leads_to_an_address_that_only_takes_forms(full: Story, client: Client) -> None:
    flow = full.flow("Leads", [full.to(full.connection("CRM", "/crm"))])
    for headers, status, header in (({}, 302, "Location"), ({"HX-Request": "true"}, 200, "HX-Redirect")):
        answer = client.post(
            reverse("replay"),
            {"flow": str(flow), "since": "2020-01-01", "which": "latest"},
            headers={"referer": f"{HERE}/signal/replay/7/send/"} | headers,
        )
        assert (answer.status_code, answer[header]) == (status, "/signal/replay/7/")
    assert text_of(client.get(reverse("replay")).content).count(TOO_MANY) == 1


@pytest.mark.parametrize("saves", [0, 1, 3])
def test_O9_a_refused_job_says_so_also_when_somebody_else_saved_first(full: Story, saves: int) -> None:
    """The view is run again after each save of somebody else, and only the last run is refused."""
    outcomes: list[Exception] = [SavedSince()] * saves

    def begins_a_job(request: HttpRequest) -> HttpResponse:
        if outcomes:
            raise outcomes.pop()
        control.create("set-status", full.account, {}, by=BY)
        return HttpResponse()

    request = cast("Any", RequestFactory().post("/signal/replay/", headers={"referer": f"{HERE}/signal/replay/7/send/"}))
    request.account = Account.objects.get(pk=full.account)
    request.resolver_match = ResolverMatch(begins_a_job, (), {})
    request._messages = CookieStorage(request)
    with pytest.raises((SavedSince, TooMuchWork)) as first_run:
        begins_a_job(request)
    answer = AccountMiddleware(lambda _: HttpResponse()).process_exception(request, first_run.value)
    assert answer is not None
    assert (answer.status_code, answer["Location"]) == (302, "/signal/replay/7/")
    assert [str(message) for message in request._messages] == [
        f"Not started: {TOO_MANY} Wait until it has ended, or stop it.",
    ]
