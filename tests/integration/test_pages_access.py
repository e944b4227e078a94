"""Who sees what: every page by role, nothing of another account, and signing in (P1, N4; docs/design/security.md, section 1)."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import get_resolver
from tests.builders import signal_account
from tests.builders.people import PASSWORD, user
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.confirming import confirms
from tests.databases import DatabaseFacts

from heliograph.accounts.models import Account, Role, User

READ = (
    "/registrations/",
    "/signal/flows/",
    "/signal/metrics/",
    "/signal/metrics/troubleshooting/",
    "/signal/metrics/records/changes/",
    "/signal/metrics/feed/",
    "/signal/metrics/posts/webhooks/",
    "/signal/metrics/posts/webhooks/troubleshooting/",
    "/signal/metrics/posts/webhooks/feed/",
    "/signal/retry/",
    "/signal/find/",
    "/find/",
    "/signal/replay/",
    "/signal/notifications/",
    "/signal/notifications/rules/",
    "/signal/notifications/rules/everything/",
    "/signal/notifications/sent/",
    "/help/",
    "/help/tags/",
)
OF_A_REGISTRATION = ("/registrations/SUMMIT-26/S26-2/", "/signal/registrations/SUMMIT-26/S26-2/")


@pytest.fixture(autouse=True)
def no_locks() -> None:
    """Clears other tests' wrong passwords."""
    cache.clear()


def test_every_address_is_in_a_table_of_this_file() -> None:
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    tried = {
        "registrations",
        "registration",
        "registration-active",
        "flow-list",
        "flow-toggle",
        "insights",
        "troubleshooting",
        "records",
        "feed",
        "posts",
        "posts-troubleshooting",
        "posts-feed",
        "retry",
        "retry-item",
        "retry-submit",
        "retry-discard",
        "timeline",
        "sync-now",
        "help",
        "help-chapter",
    }
    # test_pages_settings.py and test_pages_events.py try these with every role and another account's ids.
    settings = {"settings", "tags", "tag", "tag-merge", "tag-delete", "account-settings", "retry-intervals", "retention"}
    settings |= {"registration-statuses", "session-registration-statuses", "event-statuses"}
    settings |= {f"{name}{act}" for name in ("event-data", "profile-data") for act in ("", "-edit", "-delete")}
    event = {"events", "event-add", "event-details", "event-leave-testing", "event-copy"}
    event |= {
        f"{n}{act}" for n in ("custom-statuses", "attendee-types", "questions", "sessions", "configure") for act in ("", "-edit", "-delete")
    }
    # test_pages_many.py, test_pages_import.py and test_pages_coverage.py
    many = {"tag-coverage", "registration-add", "registrations-status", "job", "job-refused", "import", "import-columns", "import-dry-run"}
    tried |= settings | event | many | {"records-export", "records-download"}  # test_pages_records.py
    oauth = {"connection-access", "oauth-connect", "oauth-return"}  # test_oauth_pages.py does, with another session's state as well
    deeds = {f"connection-{deed}" for deed in ("pause", "release", "copy", "delete", "signing", "rule", "versions")}
    tried |= oauth | deeds | {"connection-list", "connection-new", "connection-add", "connection"}  # test_pages_connections.py
    # test_pages_flows.py
    tried |= {"flow-new", "flow", "flow-copy", "flow-delete", "flow-versions", "flow-test", "flow-new-test", "flow-send"}
    tried |= {"recipes", "recipe", "recipe-done", "recipe-undo"}  # test_recipes.py
    # test_people.py
    tried |= {
        "users",
        "user-invite",
        "user",
        "user-act",
        "api-tokens",
        "api-token-new",
        "api-token-revoke",
        "audit",
        "me",
        "appearance",
        "end-session",
    }
    tried |= {"account_change_password", "account_reauthenticate", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp"}
    tried |= {"own-language", "language"}  # test_languages.py
    tried |= {"sign-in-rules"}  # test_sign_in_rules.py
    tried |= {"api-reference", "api-endpoint", "api-problems", "api-openapi"}  # test_api_reference.py
    # test_pages_configuration.py
    tried |= {f"configuration{more}" for more in ("", "-yaml", "-json", "-applied", "-plan", "-put-back", "-stop")}
    tried |= {"mfa_view_recovery_codes", "mfa_generate_recovery_codes", "second-factor-replace"}
    tried |= {
        "sources",
        *(f"source{more}" for more in ("", "-new", "-add", "-name", "-pause", "-proof", "-resume", "-remove")),
    }  # test_pages_sources.py
    tried |= {"source-command", "source-run"}  # test_source_command.py
    tried |= {"source-folder", "source-first-file"}  # test_source_folder.py
    # test_pages_source_ledger.py
    tried |= {
        "ledger",
        *(f"ledger-{more}" for more in ("event", "gaps-file", "repair", "repair-all", "compare", "leave-out")),
    }  # and test_folder_ledger.py
    tried |= {"source-list-form", "source-read", "source-missing"}  # test_pages_source_list.py
    tried |= {"source-certain", "source-eventbrite"}  # test_certain.py, test_eventbrite.py
    tried |= {f"source-pretix{more}" for more in ("", "-events", "-match", "-start")}  # test_pages_pretix.py
    tried |= {"source-mapping", "source-items", "source-again", "source-call"}  # test_pages_source_mapping.py
    tried |= {"signal-first"}  # test_first_start.py
    tried |= {"overview", "connection-overview"}  # test_overview.py
    tried |= {"restored-copy"}  # test_pages_restored_copy.py
    # test_retry_queue.py, test_retry_again.py
    tried |= {"retry-job", "retry-resend", *(f"retry-download{more}" for more in ("", "-ready", "-file", "-again"))}
    tried |= {"view-save", "view-rename", "view-delete"}  # test_saved_views.py
    tried |= {"find-all", "find-results"}  # test_pages_search.py
    tried |= {"find", "why", "why-others", "flow-decisions"}  # test_pages_find.py, test_pages_why.py
    tried |= {f"replay{more}" for more in ("", "-run", "-send", "-act")}  # test_pages_replay.py
    tried |= {
        f"erase{more}" for more in ("", "-proposed", "-person", "-told", "-confirm", "-done", "-resume", "-report")
    }  # test_pages_erase.py
    # test_pages_notifications.py
    tried |= {"notifications", *(f"notification-{more}" for more in ("test", "rules", "everything", "rule", "log"))}
    open_to_all = {"notifications-unsubscribe"}  # test_pages_notifications.py
    open_to_all |= {"openid_connect_login", "openid_connect_callback"}  # test_openid.py
    open_to_all |= {"first-start", "invitation", "new-password", "account_login", "account_logout", "account_inactive", "mfa_authenticate"}
    tried |= {f"mapping{more}" for more in ("", "-list", "-new", "-copy", "-delete", "-versions")}  # test_pages_mappings.py
    assert names - tried - open_to_all - {"start", "signal"} == set()


def test_P1_nobody_sees_a_page_without_signing_in(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        for url in (*READ, *OF_A_REGISTRATION, f"/signal/retry/{keys['waiting']}/", "/"):
            answer = client.get(url)
            assert answer.status_code == 302, url
            assert answer["Location"].startswith("/accounts/sign-in/?next="), url
        for url in ("/signal/retry/submit/", "/signal/sync/SUMMIT-26/S26-2/", f"/signal/flows/{site.setup.flows['All']}/active/"):
            assert client.post(url)["Location"].startswith("/accounts/sign-in/"), url


def test_a_part_of_a_page_does_not_show_the_sign_in_form(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database):
        answer = client.get("/signal/metrics/feed/", headers={"HX-Request": "true"})
        assert answer["HX-Refresh"] == "true"
        assert answer.content == b""


def test_P1_every_role_reads_every_page(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        for user in (site.administrator, site.planner, site.viewer):
            site.signs_in(client, user)
            for url in (*READ, *OF_A_REGISTRATION, *(f"/signal/retry/{key}/" for key in keys.values())):
                assert client.get(url).status_code == 200, (user.role, url)


@pytest.mark.parametrize(
    ("role", "may_submit", "may_toggle"), [("administrator", True, True), ("planner", True, False), ("viewer", False, False)]
)
def test_P1_what_each_role_may_do(database: DatabaseFacts, client: Client, role: str, may_submit: bool, may_toggle: bool) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        site.signs_in(client, getattr(site, role))
        acts = {
            "/signal/retry/submit/": ({"item": keys["waiting"]}, may_submit),
            "/signal/sync/SUMMIT-26/S26-2/": ({}, may_submit),
            "/registrations/SUMMIT-26/S26-2/": ({"opened": "{}"}, may_submit),
            "/registration-active/SUMMIT-26/S26-2/": ({"to": "active"}, may_submit),
            f"/signal/flows/{site.setup.flows['All']}/active/": ({"active": "off"}, may_toggle),
        }
        for url, (data, may) in acts.items():
            assert (client.post(url, data).status_code == 403) is not may, (role, url)
        shown = client.get("/signal/retry/").content.decode()
        assert ("Submit to Retry Queue</button>" in shown) is may_submit
        assert ('role="switch"' in client.get("/signal/flows/").content.decode()) is may_toggle


def test_P1_a_refused_page_names_whom_to_ask(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        gone = user(site.account, Role.ADMINISTRATOR, name="Gone Before")
        User.objects.filter(pk=gone.pk).update(is_active=False)
        user(site.account, Role.PLANNER, name="<b>Bo", email="bo@example.org")
        user(signal_account.made(site.store, name="Another").account, Role.ADMINISTRATOR, name="Somebody Else")
        site.signs_in(client, site.viewer)
        submitted = client.post("/signal/retry/submit/").content.decode()
        assert "Only planners and administrators of your account can do this. Ask Administrator, &lt;b&gt;Bo or Planner." in submitted
        toggled = f"/signal/flows/{site.setup.flows['All']}/active/"
        assert "Only administrators of your account can do this. Ask Administrator." in client.post(toggled).content.decode()
        User.objects.filter(account=site.account).update(role=Role.VIEWER)
        assert "Only administrators of your account can do this. Ask one of them." in client.post(toggled).content.decode()


def test_nothing_of_another_account_is_there(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        other = signal_account.made(site.store, name="Another")
        other.record(person("X-1", "Only", "Theirs"))
        site.signs_in(client, other.administrator)
        for url in (*READ, "/signal/metrics/feed/?q=Zo%C3%AB", "/registrations/?q=zo%C3%AB", f"/registrations/?event={site.setup.event}"):
            shown = client.get(url).content.decode()
            assert "Marin" not in shown, url
            assert "S26-" not in shown, url
        for url in (*OF_A_REGISTRATION, *(f"/signal/retry/{key}/" for key in keys.values())):
            assert client.get(url).status_code == 404, url
        assert client.post("/signal/sync/SUMMIT-26/S26-2/").status_code == 404
        assert client.post("/registrations/SUMMIT-26/S26-2/", {"opened": "{}"}).status_code == 404
        assert client.get("/registration-active/SUMMIT-26/S26-2/").status_code == 404
        assert client.post("/registration-active/SUMMIT-26/S26-2/", {"to": "inactive"}).status_code == 404
        before = site.store.all("SELECT id, rank, due_at, state FROM action ORDER BY id")
        client.post("/signal/retry/submit/", {"item": list(keys.values())})
        assert site.store.all("SELECT id, rank, due_at, state FROM action ORDER BY id") == before
        assert confirms(client, f"/signal/flows/{site.setup.flows['All']}/active/", {"active": "off"}).status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "/signal/metrics/feed/?at=x",
        "/signal/retry/?at=W10",
        "/registrations/?at=%C2%B2",
        "/registrations/?sort=name&at=WzAsMSwxXQ",
        "/signal/retry/a99999999999999999999/",
        "/signal/retry/x1/",
        "/signal/retry/a0/",
        "/registrations/NO-EVENT/S26-1/",
        "/registrations/SUMMIT-26/nobody/",
        "/signal/registrations/SUMMIT-26/nobody/",
    ],
)
def test_what_is_not_there_is_not_found(database: DatabaseFacts, client: Client, url: str) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client)
        assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["?event=x&flow=-1&result=%C2%B2", "?paused=abc", "?q=%25_!%27%22%3C", "?category=Nope&status=Nope&connection=9"],
)
def test_strange_filters_are_no_error(site: SignalAccount, client: Client, query: str) -> None:
    site.signs_in(client)
    for url in READ:
        assert client.get(f"{url}{query}").status_code == 200, url


def test_N4_signal_can_be_off_for_an_account(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        Account.objects.filter(pk=site.account.pk).update(signal_enabled=False)
        site.signs_in(client)
        assert client.get("/signal/flows/").status_code == 403
        shown = client.get("/registrations/")
        assert shown.status_code == 200
        assert "Signal" not in shown.content.decode()


def test_an_operator_has_no_account_to_look_at(database: DatabaseFacts, client: Client) -> None:
    client.force_login(user(None))
    answer = client.get("/registrations/")
    assert answer.status_code == 403
    assert "No account" in answer.content.decode()


def test_signing_in_and_out(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        given = {"login": site.planner.email.upper(), "password": PASSWORD}
        assert client.post("/accounts/sign-in/?next=/signal/retry/", given)["Location"] == "/signal/retry/"
        assert client.get("/registrations/").status_code == 200
        assert client.post("/accounts/sign-out/")["Location"] == "/accounts/sign-in/"
        assert client.get("/registrations/").status_code == 302


def test_a_link_does_not_lead_to_another_site_after_signing_in(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        given = {"login": site.planner.email, "password": PASSWORD}
        assert client.post("/accounts/sign-in/?next=https://evil.example/", given)["Location"] == "/"


def test_five_wrong_passwords_then_rest(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        for _try in range(5):
            shown = client.post("/accounts/sign-in/", {"login": site.planner.email, "password": "wrong"}).content.decode()
            assert "isn’t right" in shown
        shown = client.post("/accounts/sign-in/", {"login": site.planner.email, "password": PASSWORD}).content.decode()
        assert "is paused until" in shown
        assert client.get("/registrations/").status_code == 302
        other = client.post("/accounts/sign-in/", {"login": site.viewer.email, "password": PASSWORD})
        assert other.status_code == 302


@pytest.mark.parametrize("path", ["signup/", "email/", "password/reset/", "2fa/", "login/code/"])
def test_what_nobody_is_offered(database: DatabaseFacts, client: Client, path: str) -> None:
    assert client.get(f"/accounts/{path}").status_code == 404


def test_the_policy_allows_only_our_own(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client)
        for url in (*READ, "/nowhere/", "/accounts/sign-in/"):
            policy = client.get(url)["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "http" not in policy
