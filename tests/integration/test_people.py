"""Users, invitations, one-time links, sessions, second factor (P1)."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.account.utils import get_next_redirect_url
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django_scopes import scope
from tests.builders import signal_account
from tests.builders.people import PASSWORD, user
from tests.builders.signal_account import SignalAccount
from tests.confirming import confirms
from tests.counted import counting_pages
from tests.databases import DatabaseFacts
from tests.waiting import PATIENCE

from heliograph.accounts import people
from heliograph.accounts.links import GOOD_FOR, LinkOver, make_link
from heliograph.accounts.login_sessions import sends_files
from heliograph.accounts.models import AuditEntry, EntryLink, Purpose, Role, User
from heliograph.accounts.people import LastAdministrator, NoSuchPerson, PersonFacts, PersonRefused
from heliograph.store.instants import to_micros

NEW = "another sentence to remember"
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def no_locks() -> None:
    """Clears other tests' wrong passwords."""
    cache.clear()


@pytest.fixture
def site(database: DatabaseFacts) -> Any:
    with signal_account.site(database) as made:
        yield made


def code_now(secret: str = SECRET, ahead: int = 0) -> str:
    """A code currently valid in the app; `ahead` for another valid one."""
    return format_hotp_value(hotp_value(secret, list(yield_hotp_counters_from_time())[1 + ahead]))


def invited(site: SignalAccount, email: str = "jonas@example.org", role: str = Role.PLANNER, **more: Any) -> tuple[User, str]:
    """An invited user, and the path of their link."""
    user, link = people.invite(PersonFacts(email, "Jonas Weiß", role, site.account, **more), by=f"user:{site.administrator.pk}")
    return user, path_of(link.address)


def path_of(address: str) -> str:
    return re.sub(r"^https?://[^/]+", "", address)


def deeds(site: SignalAccount, user: User) -> list[str]:
    with scope(account=site.account.pk):
        return list(AuditEntry.objects.filter(kind="user", object_id=user.pk).order_by("id").values_list("what", flat=True))


def shown_link(answer: HttpResponse) -> str:
    found = re.search(r'id="secret"[^>]*>([^<]+)<', answer.content.decode())
    assert found
    return found.group(1)


def sign_in(client: Client, user: User, password: str = PASSWORD, **more: Any) -> HttpResponse:
    return client.post("/accounts/sign-in/", {"login": user.email, "password": password}, **more)


# --- invitations


def test_P1_an_invitation_is_shown_once_and_lets_in_once(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    answer = client.post("/settings/users/invite/", {"name": "Jonas Weiß", "email": "Jonas@Example.org", "role": "Planner"})
    address = shown_link(answer)
    assert address.startswith("http://127.0.0.1:8700/accounts/invitation/")
    page = answer.content.decode()
    assert "no mail server is set up" in page
    assert "invites you to" in page  # a message that can be copied
    until = re.search(r"Valid for one use, until ([^.]+)\.", page)
    assert until
    assert f"until {until.group(1)} ({site.account.timezone})" in page, "the message has the time of the page"
    user = User.objects.get(email="jonas@example.org")
    assert (user.role, user.invited, user.has_usable_password()) == (Role.PLANNER, True, False)
    row = EntryLink.objects.get(user=user)
    assert address.split("/")[-2] not in row.digest
    assert "Invited" in client.get("/settings/users/").content.decode()

    guest = Client()
    shown = guest.get(path_of(address)).content.decode()
    assert "Welcome to Brightfield Events" in shown
    assert "Administrator invited you as Planner" in shown
    short = guest.post(path_of(address), {"name": "Jonas", "password": "short", "again": "short"})
    assert (short.status_code, "at least 12" in short.content.decode()) == (422, True)
    differs = guest.post(path_of(address), {"name": "Jonas", "password": NEW, "again": "other"})
    assert differs.status_code == 422
    answer = guest.post(path_of(address), {"name": "Jonas W.", "password": NEW, "again": NEW})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert guest.get("/registrations/").status_code == 200
    user.refresh_from_db()
    assert (user.name, user.invited) == ("Jonas W.", False)
    assert deeds(site, user) == ["invited", "joined", "signed in"]

    again = Client().post(path_of(address), {"name": "Thief", "password": NEW, "again": NEW})
    assert again.status_code == 410


def test_P1_an_invitation_is_good_for_7_days(site: SignalAccount, client: Client) -> None:
    user, path = invited(site)
    link = EntryLink.objects.get(user=user)
    assert link.expires - link.created == GOOD_FOR[Purpose.INVITATION] == timedelta(days=7)
    EntryLink.objects.filter(user=user).update(expires=to_micros(link.created))
    assert client.get(path).status_code == 410
    assert client.post(path, {"name": "X", "password": NEW, "again": NEW}).status_code == 410
    site.signs_in(client)
    assert "Invitation expired" in client.get("/settings/users/").content.decode()


def test_P1_of_two_who_take_an_invitation_at_once_one_gets_in(site: SignalAccount) -> None:
    user, path = invited(site)
    token = path.split("/")[-2]
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def take(name: str) -> None:
        try:
            start.wait(PATIENCE)
            people.follow(Purpose.INVITATION, token, NEW, name)
            outcomes.append(name)
        except LinkOver:
            outcomes.append("over")
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(name,)) for name in ("One", "Two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(outcomes) == 2
    assert "over" in outcomes
    user.refresh_from_db()
    assert user.name in outcomes


def test_a_new_link_ends_the_old_one_and_withdrawing_ends_all(site: SignalAccount, client: Client) -> None:
    user, path = invited(site)
    site.signs_in(client)
    assert client.get(f"/settings/users/{user.pk}/link/").status_code == 200
    second = path_of(shown_link(confirms(client, f"/settings/users/{user.pk}/link/")))
    assert Client().get(path).status_code == 410
    assert Client().get(second).status_code == 200
    assert confirms(client, f"/settings/users/{user.pk}/remove/").status_code == 302
    assert Client().get(second).status_code == 410
    assert not User.objects.filter(pk=user.pk).exists()


@pytest.mark.parametrize("token", ["x", "%00", "a" * 500, "../../etc", "~2E~2E~2F~2E~2E~2Fetc", "☃"])
def test_a_made_up_link_lets_nobody_in(site: SignalAccount, client: Client, token: str) -> None:
    invited(site)
    for kind in ("invitation", "new-password"):
        assert client.get(f"/accounts/{kind}/{token}/").status_code in ({400} if token.startswith("..") else {404, 410})


def test_a_link_is_good_for_its_own_purpose_only(site: SignalAccount, client: Client) -> None:
    _user, path = invited(site)
    assert client.get(path.replace("/invitation/", "/new-password/")).status_code == 410


def test_links_begin_with_the_base_url_whatever_the_request_says(site: SignalAccount, client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    site.signs_in(client)
    made = {"name": "Eve", "email": "eve@example.org", "role": "Viewer"}
    answer = client.post("/settings/users/invite/", made, headers={"host": "evil.example", "x-forwarded-host": "evil.example"})
    assert "evil.example" not in answer.content.decode()
    assert shown_link(answer).startswith("http://127.0.0.1:8700/")


def test_nobody_learns_from_an_invitation_who_is_in_another_account(site: SignalAccount, client: Client) -> None:
    other = signal_account.made(site.store, name="Another")
    site.signs_in(client)
    answer = client.post("/settings/users/invite/", {"name": "X", "email": other.viewer.email, "role": "Viewer"})
    assert answer.status_code == 422
    assert "This address cannot be used. Use another one." in answer.content.decode()
    answer = client.post("/settings/users/invite/", {"name": "X", "email": site.viewer.email, "role": "Viewer"})
    assert "Viewer already has this address. Use another one." in answer.content.decode()


def test_names_are_text_and_one_line(site: SignalAccount, client: Client) -> None:
    name = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    user, _path = invited(site)
    people.change_user(site.account, user.pk, PersonFacts(user.email, name, Role.PLANNER), by="test")
    site.signs_in(client)
    for url in ("/settings/users/", f"/settings/users/{user.pk}/", f"/settings/users/{user.pk}/remove/", "/settings/audit/"):
        shown = client.get(url).content.decode()
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert "&lt;script&gt;alert(1)" in shown
    with pytest.raises(PersonRefused):
        people.change_user(site.account, user.pk, PersonFacts(user.email, "Two\r\nBcc: all@example.org", Role.PLANNER), by="test")
    with pytest.raises(PersonRefused):
        people.change_user(site.account, user.pk, PersonFacts("not an address\r\nX: y", "Two", Role.PLANNER), by="test")


def test_an_invitation_is_mailed_where_mail_is_set_up(site: SignalAccount, client: Client, settings: Any, mailoutbox: list[Any]) -> None:
    class WithMail:
        def __getattr__(self, name: str) -> Any:
            return getattr(had, name)

    had = settings.HELIOGRAPH
    mail = WithMail()
    mail.smtp_url = type("Url", (), {"get_secret_value": lambda _self: "smtp://mail.example.org"})()  # type: ignore[attr-defined]
    settings.HELIOGRAPH = mail
    site.signs_in(client)
    answer = client.post("/settings/users/invite/", {"name": "Jonas", "email": "jonas@example.org", "role": "Viewer"})
    assert "also mailed to jonas@example.org" in answer.content.decode()
    (sent,) = mailoutbox
    assert sent.to == ["jonas@example.org"]
    assert shown_link(answer) in sent.body


# --- new passwords


def test_a_new_password_ends_the_sessions_of_the_old_one_and_asks_for_the_second_factor(site: SignalAccount, client: Client) -> None:
    TOTP.activate(site.planner, SECRET)
    old = Client()
    site.signs_in(old, site.planner)
    site.signs_in(client)
    path = path_of(shown_link(confirms(client, f"/settings/users/{site.planner.pk}/link/")))
    guest = Client()
    assert "Choose a new password" in guest.get(path).content.decode()
    answer = guest.post(path, {"password": NEW, "again": NEW})
    assert answer["Location"] == "/accounts/sign-in/code/"
    assert guest.get("/registrations/").status_code == 302
    assert old.get("/registrations/").status_code == 302
    assert guest.post("/accounts/sign-in/code/", {"code": code_now()})["Location"] == "/"
    assert Client().get(path).status_code == 410
    assert "changed the password of" in deeds(site, site.planner)


def test_a_link_taken_in_somebody_elses_browser_signs_that_one_out(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.viewer)
    before = client.cookies["heliograph_session"].value
    user, path = invited(site)
    client.post(path, {"name": "Jonas", "password": NEW, "again": NEW})
    assert client.session["_auth_user_id"] == str(user.pk)
    assert client.cookies["heliograph_session"].value != before


# --- the last Administrator, roles


def test_P1_the_last_administrator_cannot_go(site: SignalAccount, client: Client) -> None:
    admin = site.administrator
    invited(site, role=Role.ADMINISTRATOR)  # a user who has never signed in does not count
    for act in (
        lambda: people.remove(site.account, admin.pk, by="test"),
        lambda: people.switch(site.account, admin.pk, on=False, by="test"),
        lambda: people.change_user(site.account, admin.pk, PersonFacts(admin.email, "A", Role.VIEWER), by="test"),
    ):
        with pytest.raises(LastAdministrator):
            act()
    site.signs_in(client)
    answer = client.post(f"/settings/users/{admin.pk}/", {"name": "A", "email": admin.email, "role": "Viewer"})
    assert "this is the only Administrator" in answer.content.decode()
    assert confirms(client, f"/settings/users/{admin.pk}/remove/").status_code == 409
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == (Role.ADMINISTRATOR, True)


def test_P1_of_two_administrators_who_remove_each_other_one_stays(site: SignalAccount) -> None:
    other = user(site.account, name="Second")
    start, said = threading.Barrier(2), list[str]()

    def remove(id: int) -> None:
        try:
            start.wait(PATIENCE)
            people.remove(site.account, id, by="test")
            said.append("removed")
        except LastAdministrator:
            said.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=remove, args=(user.pk,)) for user in (site.administrator, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(said) == ["refused", "removed"]


def test_P1_users_says_that_a_planner_replays(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    assert "Reads everything; Submit to Retry Queue, sync now, replay" in client.get("/settings/users/").content.decode()
    assert "in Signal reads, retries, syncs and replays" in client.get("/settings/users/invite/").content.decode()


def test_P1_nobody_raises_their_own_role(site: SignalAccount, client: Client) -> None:
    for member in (site.planner, site.viewer):
        site.signs_in(client, member)
        given = {"name": "X", "email": member.email, "role": "Administrator", "second_factor_required": "", "is_operator": "1"}
        assert client.post(f"/settings/users/{member.pk}/", given).status_code == 403
        assert client.post("/accounts/me/", given).status_code == 302
        had = member.role
        member.refresh_from_db()
        assert (member.role, member.name) == (had, "X")
    site.signs_in(client)
    answer = client.post(f"/settings/users/{site.planner.pk}/", {"name": "X", "email": site.planner.email, "role": "Owner"})
    assert answer.status_code == 422


ADMINISTRATORS_ONLY = ("/settings/users/invite/", "/settings/users/{user}/", "/settings/tokens/new/", "/settings/tokens/{token}/revoke/")
ACTS = ("link", "sign-out", "second-factor", "off", "on", "remove")


@pytest.mark.parametrize(("role", "may"), [("administrator", True), ("planner", False), ("viewer", False)])
def test_P1_who_reads_and_who_changes_people(site: SignalAccount, client: Client, role: str, may: bool) -> None:
    from heliograph.accounts.api_tokens import create_token

    token = create_token(site.account.pk, "Desk", by="test").row.pk
    site.signs_in(client, getattr(site, role))
    for url in ("/settings/users/", "/settings/tokens/", "/settings/audit/", "/accounts/me/"):
        assert client.get(url).status_code == 200, url
    urls = [url.format(user=site.viewer.pk, token=token) for url in ADMINISTRATORS_ONLY]
    urls += [f"/settings/users/{site.viewer.pk}/{act}/" for act in ACTS]
    for url in urls:
        assert (client.get(url).status_code == 403) is not may, url
        if not may:
            assert client.post(url).status_code == 403, url
    assert ("Invite a user" in client.get("/settings/users/").content.decode()) is may
    site.viewer.refresh_from_db()
    assert site.viewer.is_active


def test_P1_nobody_of_another_account_is_there(site: SignalAccount, client: Client) -> None:
    from heliograph.accounts.api_tokens import create_token

    other = signal_account.made(site.store, name="Another")
    token = create_token(site.account.pk, "Desk of ours", by="test").row.pk
    site.signs_in(client, other.administrator)
    urls = [f"/settings/users/{site.viewer.pk}/", *(f"/settings/users/{site.viewer.pk}/{act}/" for act in ACTS)]
    for url in (*urls, f"/settings/tokens/{token}/revoke/"):
        assert client.get(url).status_code == 404, url
        assert client.post(url, {"name": "X", "email": "x@example.org", "role": "Viewer"}).status_code == 404, url
    assert client.get("/settings/users/99999999999999999999/").status_code == 404
    for url in ("/settings/users/", "/settings/tokens/", "/settings/audit/", f"/settings/audit/?who=user:{site.viewer.pk}"):
        shown = client.get(url).content.decode()
        assert site.viewer.email not in shown
        assert "Desk of ours" not in shown
    with pytest.raises(NoSuchPerson):
        people.remove(other.account, site.viewer.pk, by="test")
    site.viewer.refresh_from_db()
    assert site.viewer.is_active


# --- switching off, signing out, sessions


def test_who_is_switched_off_is_out_at_once(site: SignalAccount, client: Client) -> None:
    theirs = Client()
    assert sign_in(theirs, site.planner).status_code == 302
    path = path_of(make_link(Purpose.RESET, site.planner, by="test").address)
    site.signs_in(client)
    confirms(client, f"/settings/users/{site.planner.pk}/off/")
    assert theirs.get("/registrations/").status_code == 302
    assert sign_in(theirs, site.planner)["Location"] == "/accounts/sign-in/refused/"
    assert Client().get(path).status_code == 410
    assert client.post(f"/settings/users/{site.planner.pk}/link/").status_code == 404
    confirms(client, f"/settings/users/{site.planner.pk}/on/")
    assert sign_in(theirs, site.planner)["Location"] == "/"
    assert deeds(site, site.planner)[-3:] == ["switched off", "switched on", "signed in"]


def test_each_browser_has_the_appearance_that_was_chosen_in_it(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    assert "data-theme" not in client.get("/accounts/me/").content.decode()
    for theme in ("dark", "light"):
        chosen = client.post("/accounts/me/appearance/", {"theme": theme})
        assert chosen["Location"] == "/accounts/me/"
        assert (chosen.cookies["theme"]["httponly"], chosen.cookies["theme"]["samesite"]) == (True, "Lax")
        assert f'data-theme="{theme}"' in client.get("/signal/flows/").content.decode()
    for nothing in ("", '"><script>', "neon"):
        client.post("/accounts/me/appearance/", {"theme": "dark"})
        client.post("/accounts/me/appearance/", {"theme": nothing})
        assert "data-theme" not in client.get("/accounts/me/").content.decode()


def test_sessions_are_listed_and_end(site: SignalAccount, client: Client) -> None:
    here, there, third = Client(), Client(headers={"user-agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}), Client()
    for each in (here, there, third):
        assert sign_in(each, site.planner).status_code == 302
    shown = here.get("/accounts/me/").content.decode()
    assert "Firefox on Linux" in shown
    session = UserSession.objects.get(session_key=there.session.session_key)
    site.signs_in(client)
    assert client.post("/accounts/me/sessions/", {"session": session.pk}).status_code == 404  # another user's
    assert here.post("/accounts/me/sessions/", {"session": session.pk}).status_code == 302
    assert there.get("/registrations/").status_code == 302
    assert third.get("/registrations/").status_code == 200
    here.post("/accounts/me/sessions/", {"session": "others"})
    assert third.get("/registrations/").status_code == 302
    assert here.get("/registrations/").status_code == 200
    confirms(client, f"/settings/users/{site.planner.pk}/sign-out/")
    assert here.get("/registrations/").status_code == 302


def test_signing_in_gives_another_session(site: SignalAccount, client: Client) -> None:
    """A session that someone planted before is useless afterwards."""
    client.get("/accounts/sign-in/")
    session = client.session
    session["planted"] = "yes"
    session.save()
    before = session.session_key
    sign_in(client, site.planner)
    assert client.session.session_key != before
    assert Client().session.session_key != client.session.session_key


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "http:evil.example",
    "http:///evil.example",
    "http://testserver@evil.example/",
    "http://testserver.evil.example/",
    # every Host that a server answers is in ALLOWED_HOSTS; for a visitor, these are their own machine
    "http://localhost/",
    "http://localhost:9999/",
    "//localhost/",
    "http://127.0.0.1:8700/",
    "http://[::1]/",
    "http://testserver:9999/",
    "ftp://testserver/",
)


@pytest.mark.parametrize("next", ELSEWHERE)
def test_P1_no_link_leads_to_another_site(site: SignalAccount, client: Client, next: str) -> None:
    more = {"next": next}
    way = f"?{urlencode(more)}"
    planner, viewer = {"login": site.planner.email, "password": PASSWORD}, {"login": site.viewer.email, "password": PASSWORD}
    assert client.post(f"/accounts/sign-in/{way}", planner | more)["Location"] == "/"
    assert client.get(f"/accounts/sign-in/{way}")["Location"] == "/", "somebody who is signed in"
    assert client.post(f"/accounts/sign-out/{way}", more)["Location"] == "/accounts/sign-in/"
    TOTP.activate(site.viewer, SECRET)
    other = Client()
    other.post(f"/accounts/sign-in/{way}", viewer | more)
    assert other.post(f"/accounts/sign-in/code/{way}", {"code": code_now()} | more)["Location"] == "/"
    assert other.post(f"/accounts/me/confirm/{way}", {"password": PASSWORD} | more)["Location"] == "/"
    assert other.post(f"/accounts/me/confirm/code/{way}", {"code": code_now(ahead=1)} | more)["Location"] == "/"
    request = RequestFactory().get(f"/accounts/openid/oidc/{way}")
    with context.request_context(request):
        assert get_next_redirect_url(request) is None, "what allauth keeps for the return from a provider"


@pytest.mark.parametrize("next", ["/signal/retry/", "/registrations/?q=a%20b", "http://testserver/signal/", "//testserver/signal/"])
def test_P1_a_link_leads_to_our_own_pages(site: SignalAccount, client: Client, next: str) -> None:
    given = {"login": site.planner.email, "password": PASSWORD, "next": next}
    assert client.post(f"/accounts/sign-in/?{urlencode({'next': next})}", given)["Location"] == next


@pytest.mark.parametrize("referer", ELSEWHERE)
def test_P1_no_address_that_a_browser_names_leads_to_another_site(site: SignalAccount, client: Client, referer: str) -> None:
    site.signs_in(client)
    answer = client.post("/signal/retry/submit/", {"item": "a1"}, headers={"Referer": f"{referer}/signal/retry/"})
    assert answer["Location"] == "/signal/retry/"


def test_a_password_is_changed_by_the_old_one(site: SignalAccount, client: Client) -> None:
    other = Client()
    assert sign_in(other, site.planner).status_code == 302
    sign_in(client, site.planner)
    given = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    assert "oldpassword-error" in client.post("/accounts/me/password/", given).content.decode()
    assert client.post("/accounts/me/password/", given | {"oldpassword": PASSWORD})["Location"] == "/accounts/me/"
    assert client.get("/registrations/").status_code == 200
    assert other.get("/registrations/").status_code == 302


# --- the second factor


def test_a_second_factor_that_is_due_comes_first(site: SignalAccount, client: Client) -> None:
    user, path = invited(site, second_factor=True)
    client.post(path, {"name": "Jonas", "password": NEW, "again": NEW})
    for url in ("/registrations/", "/signal/flows/", "/accounts/me/", "/settings/users/"):
        assert client.get(url)["Location"] == "/accounts/me/second-factor/", url
    assert client.post("/accounts/me/", {"name": "Y"})["Location"] == "/accounts/me/second-factor/"
    shown = client.get("/accounts/me/second-factor/").content.decode()
    secret = client.session["mfa.totp.secret"]
    assert secret[:4] in shown
    wrong = client.post("/accounts/me/second-factor/", {"code": "000000"})
    assert "That code isn’t right" in wrong.content.decode()
    assert client.post("/accounts/me/second-factor/", {"code": code_now(secret)})["Location"] == "/accounts/me/recovery-codes/"
    codes = re.findall(r"<li><code>(\d{8})</code>", client.get("/accounts/me/recovery-codes/").content.decode())
    assert len(codes) == 10
    assert not re.search(r"<code>\d{8}</code>", client.get("/accounts/me/recovery-codes/").content.decode())  # shown once
    assert client.get("/registrations/").status_code == 200
    user.refresh_from_db()
    assert not user.second_factor_due
    assert "set up the second factor of" in deeds(site, user)

    again = Client()
    assert sign_in(again, user, NEW)["Location"] == "/accounts/sign-in/code/"
    assert again.post("/accounts/sign-in/code/", {"code": codes[0]})["Location"] == "/"
    third = Client()
    sign_in(third, user, NEW)
    assert "That code isn’t right" in third.post("/accounts/sign-in/code/", {"code": codes[0]}).content.decode()


def test_its_secrets_are_sealed(site: SignalAccount) -> None:
    TOTP.activate(site.planner, SECRET)
    ((data,),) = site.store.all("SELECT data FROM mfa_authenticator")
    assert SECRET not in str(data)
    row = Authenticator.objects.get(user=site.planner)
    assert row.wrap().validate_code(code_now())


def test_not_to_be_asked_on_this_device_for_30_days(site: SignalAccount, client: Client) -> None:
    TOTP.activate(site.planner, SECRET)
    sign_in(client, site.planner)
    answer = client.post("/accounts/sign-in/code/", {"code": code_now(), "trust": "1"})
    cookie = answer.cookies["heliograph_trust"]
    assert cookie["max-age"] == 30 * 86_400
    assert cookie["httponly"]
    client.post("/accounts/sign-out/")
    assert sign_in(client, site.planner)["Location"] == "/"
    assert sign_in(Client(), site.planner)["Location"] == "/accounts/sign-in/code/"
    # It says nothing about other users, and a new password ends it.
    TOTP.activate(site.viewer, SECRET)
    client.post("/accounts/sign-out/")
    assert sign_in(client, site.viewer)["Location"] == "/accounts/sign-in/code/"
    site.planner.set_password(NEW)
    site.planner.save()
    fresh = Client()
    fresh.cookies["heliograph_trust"] = cookie.value
    assert sign_in(fresh, site.planner, NEW)["Location"] == "/accounts/sign-in/code/"


def test_codes_are_not_guessed(site: SignalAccount, client: Client) -> None:
    TOTP.activate(site.planner, SECRET)
    sign_in(client, site.planner)
    for _try in range(5):
        client.post("/accounts/sign-in/code/", {"code": "000000"})
    assert client.post("/accounts/sign-in/code/", {"code": code_now()}).status_code == 200  # blocked, although the code is right
    assert client.get("/registrations/").status_code == 302


def test_what_decides_who_gets_in_asks_for_the_password_again(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)  # an old session
    answer = client.get("/accounts/me/second-factor/")
    assert answer["Location"].startswith("/accounts/me/confirm/?next=")
    assert "Is it you?" in client.get(answer["Location"]).content.decode()
    answer = client.post(answer["Location"], {"password": PASSWORD, "next": "/accounts/me/second-factor/"})
    assert answer["Location"] == "/accounts/me/second-factor/"
    assert client.get("/accounts/me/second-factor/").status_code == 200


# --- bounded for all users


def test_pages_ask_no_more_with_more_people(site: SignalAccount, client: Client) -> None:
    from heliograph.accounts.api_tokens import create_token

    site.signs_in(client)
    urls = ("/settings/users/", "/settings/tokens/", "/settings/audit/", "/accounts/me/")

    def asked() -> list[int]:
        counts = []
        for url in urls:
            client.get(url)
            with counting_pages() as cost:
                assert client.get(url).status_code == 200
            counts.append(cost.statements)
        return counts

    create_token(site.account.pk, "One", by=f"user:{site.planner.pk}")
    invited(site, "first@example.org")
    sign_in(Client(), site.administrator)
    before = asked()
    for n in range(30):
        user, _path = invited(site, f"more{n}@example.org")
        create_token(site.account.pk, f"More {n}", by=f"user:{user.pk}")
        UserSession.objects.create(user=site.administrator, ip="192.0.2.1", session_key=f"key{n}", user_agent="curl")
    assert asked() == before


def test_P1_a_file_is_taken_only_from_who_may_import(site: SignalAccount, client: Client) -> None:
    def cookies() -> str:
        return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())

    assert not sends_files("")
    assert not sends_files("theme=dark; heliograph_session=0123456789abcdefghijklmnopqrstuv")
    for member, may in ((site.administrator, True), (site.planner, True), (site.viewer, False)):
        site.signs_in(client, member)
        assert sends_files(cookies()) is may, member.role
    site.signs_in(client, site.planner)
    before = cookies()
    User.objects.filter(pk=site.planner.pk).update(second_factor_required=True)
    assert not sends_files(before)
    User.objects.filter(pk=site.planner.pk).update(second_factor_required=False, is_active=False)
    assert not sends_files(before)
    User.objects.filter(pk=site.planner.pk).update(is_active=True)
    assert sends_files(before)
    client.logout()
    assert not sends_files(before)
