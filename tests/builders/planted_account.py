"""Secrets in every place of an account that can hold one, each known to the test: connections of every kind, what their targets repeat, people and programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.test import Client
from django_scopes import scopes_disabled

from heliograph.accounts.models import ApiToken, EntryLink, Role, User
from heliograph.domain.connection.secret import Secret, signing_secret
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.retry import downloads
from tests import authority as certificates
from tests.builders.deeds_account import DeedsAccount, run_jobs
from tests.credentials import received, signing_key, spelled, token_secret
from tests.oauth import Authority, connects
from tests.receiver import Answer, Received, Receiver
from tests.story import Story

MARK: Final = "pl4nted"
"""Is part of every secret that the test chooses."""
PASSWORD: Final = f"{MARK}-password-of-a-person+/=&<x>"
TOTP_SECRET: Final = "PL4NTEDTOTPSECRET234567ABCDEFGHI"
PATH: Final = f"/services/T0/{MARK}-path-Zq7?x={MARK}-query"
BASIC: Final = f'{MARK} "pass" wörd+/=&<x>'
KEY: Final = f"{MARK}-key-in-a-header-77"
QUERY_KEY: Final = f"{MARK} key/in+a=query&88"
HEADER: Final = f"{MARK}-in-a-fixed-header+/77"
ROW: Final = f"{MARK}-in-a-row-of-a-mapping+/88"
CLIENT: Final = f"{MARK}-client-secret+/=<&>"
CODE_CLIENT: Final = f"{MARK}-secret-of-the-code-client"
TENANT: Final = f"{MARK}-query-of-a-token-address"
OPEN: Final = "Open / No Auth"


@dataclass
class Planted:
    """What was planted.

    needles: every secret, in every spelling
    stored: secrets that tables have as they are, such as the key of a session, and no answer
    answered: how often a target repeated what it was sent
    authorities: whose tokens are not among the needles yet
    """

    needles: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    answered: int = 0
    authorities: list[Authority] = field(default_factory=list)

    def add(self, *secrets: str) -> None:
        """Adds secrets in their spellings."""
        self.needles |= {text for secret in secrets for text in spelled(secret)}


def plant(story: Story, receiver: Receiver, made: DeedsAccount) -> Planted:
    """Plants secrets, and sends over all connections, so that attempts, answers and tests have them, too."""
    planted = Planted()
    planted.add(PASSWORD, TOTP_SECRET, PATH, BASIC, KEY, QUERY_KEY, HEADER, ROW, CLIENT, CODE_CLIENT, TENANT)
    planted.needles |= {MARK, MARK.upper()}
    _deliveries(story, made, _connections(story, receiver, made, planted), planted)
    _people(made, planted)
    _files(made)
    return planted


def _repeats(planted: Planted, status: int) -> Any:
    """A target that answers with all that it was sent, as many do in errors."""

    def answer(request: Received) -> Answer:
        planted.answered += 1
        texts = [
            request.path,
            *(value for _name, value in request.headers),
            *sorted(received([request])),
            request.body.decode(errors="replace"),
        ]
        return Answer(status, "\n".join(texts), {"x-path": request.path.encode("ascii", "replace").decode()[:300]})

    return answer


def _connections(story: Story, receiver: Receiver, made: DeedsAccount, planted: Planted) -> list[int]:
    """Connections of every kind, to a target that repeats what it is sent. Returns their ids."""
    receiver.answer_all(_repeats(planted, 400))
    signed = {Secret.SIGNING: signing_secret(b"pl4nted-signing-secret-of-32-byte")}
    planted.needles |= signing_key(signed[Secret.SIGNING])
    connected = [
        story.connection("Path", PATH, secrets=signed),
        story.connection("Basic", "/basic", auth="Basic Authentication", user_name="ada", secrets={Secret.PASSWORD: BASIC}),
        story.connection("Key", "/key", auth="API Key / Token", key_place="header", key_name="X-Key", secrets={Secret.KEY: KEY}),
        story.connection("Query", "/query", auth="API Key / Token", key_place="query", key_name="key", secrets={Secret.KEY: QUERY_KEY}),
        story.connection("Header", "/header", headers=[["X-API-Key", HEADER]]),
        *_oauth(story, receiver, made, planted),
    ]
    with TemporaryDirectory() as folder:
        identity = certificates.Authority(Path(folder)).identity("client")
    planted.add(*[line for line in identity.splitlines() if "-----" not in line][-4:-1])
    made.api.post("connections", {"name": "Identity", "auth": OPEN, "url": f"https://crm.example{PATH}", "client_certificate": identity})
    tested = {"name": "Tested", "auth": OPEN, "url": f"https://crm.example{PATH}", "test_url": f"https://crm.example{PATH}"}
    made.api.post("connections", tested)
    rotated = made.api.post("connections", {"name": "Rotated", "auth": OPEN, "url": "https://crm.example/"})["id"]
    for _rotation in range(2):
        planted.needles |= signing_key(made.api.post(f"connections/{rotated}/signing")["secret"])
    return connected


def _oauth(story: Story, receiver: Receiver, made: DeedsAccount, planted: Planted) -> list[int]:
    """A connection of each grant, with access tokens."""
    authority = Authority(receiver, client="cc", secret=CLIENT, path="/token1")
    code = Authority(receiver, client="code", secret=CODE_CLIENT, path="/token2", rotates=True)
    address = f"{receiver.url('/token1')}?tenant={TENANT}"
    connected = [
        story.connection("Client", "/cc", secrets={Secret.CLIENT_SECRET: CLIENT}, **authority.fields(access_token_url=address)),
        story.connection("Code", "/code", secrets={Secret.CLIENT_SECRET: CODE_CLIENT}, **code.fields(grant="Authorization Code")),
    ]
    connects(made.browser, code, connected[1])
    assert code.given
    planted.authorities += [authority, code]
    return connected


def _deliveries(story: Story, made: DeedsAccount, connected: list[int], planted: Planted) -> None:
    """A flow over all of them sends one change; its header mapping holds a credential, too."""
    headers = story.mapping("Credentials", {"Authorization": f"=Bearer {ROW}"}, kind=MappingKind.HEADER)
    flow = story.flow(
        "Everywhere", [story.to(each, header=headers if n == 4 else None) for n, each in enumerate(connected)], statuses=["Cancelled"]
    )
    with story.worker():
        story.record("P1", status="Cancelled")
        story.wait_for(
            lambda: len(story.states("P1")) > len(connected) and "pending" not in story.states("P1")
        )  # the flow Leads takes it, too
    story.set_active(flow, False)
    made.ids["registration_p1"] = str(story.registrations["P1"])
    for each in connected:
        made.api.send("POST", f"connections/{each}/test", {"sample": True})
    for authority in planted.authorities:
        assert authority.given
        planted.add(*authority.given, *authority.refresh, *authority.used)
    planted.authorities.clear()


def _people(made: DeedsAccount, planted: Planted) -> None:
    """A password, both kinds of second factors, a session, a link; and the tokens of programs."""
    with scopes_disabled():
        account = User.objects.get(pk=made.user).account
        zoe = User.objects.create_user("zoe@example.org", PASSWORD, name="Zoe", account=account, role=Role.PLANNER)
        TOTP.activate(zoe, TOTP_SECRET)
        planted.add(decrypt(RecoveryCodes.activate(zoe).instance.data["seed"]))  # the codes made of it are as short as other numbers
        browser = Client()
        browser.force_login(zoe)
        planted.stored |= {str(browser.session.session_key), made.session, zoe.password}
        planted.add(made.token, token_secret(made.token))
        for user in (made.ids["eve"], str(zoe.pk)):
            planted.add(urlsplit(made.api.post(f"users/{user}/links")["link"]).path.strip("/").rpartition("/")[2])
        planted.add(token_secret(made.api.post("tokens", {"name": "Planted", "scopes": ["read"]})["secret"]))
        planted.stored |= {*ApiToken.objects.values_list("digest", flat=True), *EntryLink.objects.values_list("digest", flat=True)}
    planted.add(*settings.HELIOGRAPH.keys, settings.SECRET_KEY)


def _files(made: DeedsAccount) -> None:
    """An export of a list, and all columns of what failed."""
    made.api.post("records/failed/export?days=2", {"form": "exact"}, status=202)
    made.api.post("retry/downloads", {"columns": list(downloads.COLUMNS)}, status=202)
    run_jobs(after=made.newest_job)
    registration = made.api.get("registrations")["items"][0]
    made.api.post("erasures", {"registration": registration["id"], "confirmation": registration["code"]})  # its job does not run here
