"""A connection's requests as their target sees them (C2, C7): forms, headers, timeouts, certificates, signatures. The real engine, real
sockets."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import standardwebhooks
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django_scopes import scope
from tests.authority import Authority
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.receiver import Answer, Received, Receiver
from tests.story import Story
from tests.waiting import PATIENCE

from heliograph.accounts.models import AuditEntry
from heliograph.connections.models import Connection
from heliograph.connections.services import signing_secrets
from heliograph.connections.services.connections import ConnectionFacts, SecretsAgain, save_connection
from heliograph.connections.services.networks import allow_networks
from heliograph.domain.connection.secret import Secret, signing_secret
from heliograph.domain.flow.completeness import is_complete
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.outbound.guard import Policy
from heliograph.setup.setup_errors import Invalid

ANSWERS = {"first": "profile.first_name", "diet": "answer.{}", "code": "registration.code"}


def rows(story: Story) -> dict[str, str]:
    return {target: source.format(story.tags["Dietary"]) for target, source in ANSWERS.items()}


def deliver(story: Story, connection: int, **more: int) -> Received:
    """Delivers one registration. Returns its request."""
    story.flow(f"Flow {connection}", [story.to(connection, mapping=story.mapping(f"Mapping {connection}", rows(story)), **more)])
    with story.worker():
        story.record(f"R{connection}", first="Zoë & Søren", answers={"dietary": ["Vegan", "Kosher"]})
        return story.receiver.wait_for(1)[0]


def test_C2_json_is_utf8_with_an_id_and_our_own_user_agent(story: Story) -> None:
    request = deliver(story, story.connection("CRM", "/crm"))
    assert (request.method, request.header("content-type")) == ("POST", "application/json")
    assert request.json() == {"first": "Zoë & Søren", "diet": "Vegan, Kosher", "code": request.json()["code"]}
    assert "Zoë" in request.body.decode()
    assert request.header("user-agent").startswith("Heliograph")
    assert request.header("webhook-id")
    assert request.header("webhook-signature") is None


def test_C2_a_form_is_utf8_pairs(story: Story) -> None:
    request = deliver(story, story.connection("Form", "/form", content_type="application/x-www-form-urlencoded"))
    assert request.header("content-type") == "application/x-www-form-urlencoded"
    assert request.body.isascii()
    assert dict(parse_qsl(request.body.decode(), strict_parsing=True))["first"] == "Zoë & Søren"


def test_C2_get_adds_the_pairs_to_the_query(story: Story) -> None:
    request = deliver(story, story.connection("Query", "/query?list=7", method="GET"))
    assert (request.method, request.body, request.header("content-type")) == ("GET", b"", None)
    pairs = parse_qsl(request.path.partition("?")[2], strict_parsing=True)
    assert ("list", "7") in pairs
    assert ("first", "Zoë & Søren") in pairs


def test_F8_a_header_mapping_sets_headers(story: Story) -> None:
    connection = story.connection("CRM", "/crm", headers=[["X-Fixed", "always"]])
    header = story.mapping("Headers", {"X-Code": "registration.code", "X-Typed": "=typed"}, kind=MappingKind.HEADER)
    request = deliver(story, connection, header=header)
    assert request.header("x-code") == f"R{connection}"
    assert (request.header("x-fixed"), request.header("x-typed")) == ("always", "typed")


def test_C2_a_connection_has_its_own_timeout_and_cap(story: Story) -> None:
    """The last attempt ends at the cap: that is where the stored answer ends."""
    story.retries(0.1, 0.1, 0.1)
    slow = story.connection("Slow", "/slow", total_timeout=3, answer_cap=1)
    story.flow("Slow", [story.to(slow)])
    story.receiver.answer("/slow", Answer(then="hang"), Answer(200, "x" * 5_000))
    with story.worker():
        story.record("R1")
        story.until("R1", "success")
    kept = [json.loads(response) for (response,) in story.db.all("SELECT response FROM attempt_content ORDER BY at")]
    assert (kept[0]["failure"], len(kept[-1]["body"]), kept[-1]["cut"]) == ("timeout", 1_024, True)
    assert kept[0]["timings"]["total"] > 2.9


# --- certificates


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_C2_a_connection_may_trust_its_own_authority(story: Story, authority: Authority) -> None:
    with Receiver(tls=authority.server("127.0.0.1")) as target:
        story.retries(600, 600, 600)
        connection = story.connection("CRM", url=target.url("/crm"))
        story.flow("All", [story.to(connection)])
        with story.worker():
            story.record("R1")
            story.until("R1", "queued")
            assert story.action("R1")["cause"] == "tls"
            assert target.requests == []
            story.change_connection(connection, authorities=authority.ca_file.read_text())
            story.record("R2")
            target.wait_for(1, path="/crm")


def test_C2_a_client_certificate_proves_who_sends(story: Story, authority: Authority, tmp_path: Path) -> None:
    with Receiver(tls=authority.server("127.0.0.1", clients=authority.ca_file)) as target:
        trusted = {"authorities": authority.ca_file.read_text()}
        stranger = {Secret.CLIENT_CERTIFICATE: Authority(tmp_path, "Somebody else").identity("sender.example")}
        ours = {Secret.CLIENT_CERTIFICATE: authority.identity("sender.example")}
        for name, secrets in (("Without", {}), ("Stranger", stranger), ("Ours", ours)):
            story.flow(name, [story.to(story.connection(name, url=target.url(f"/{name}"), secrets=secrets, **trusted))])
        with story.worker():
            story.record("R1", first="Zoë")
            target.wait_for(1, path="/Ours")
            story.wait_for(lambda: sorted(a["state"] for a in story.actions("R1")) == ["queued", "queued", "success"])
    assert [request.path for request in target.requests] == ["/Ours"]


def test_C5_a_monstrous_private_key_is_refused_at_once(story: Story) -> None:
    numbers = rsa.RSAPrivateNumbers(
        p=(1 << 20_000) + 1,
        q=(1 << 20_001) + 3,
        d=3,
        dmp1=1,
        dmq1=1,
        iqmp=1,
        public_numbers=rsa.RSAPublicNumbers(e=3, n=((1 << 20_000) + 1) * ((1 << 20_001) + 3)),
    )
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    began = time.monotonic()
    with pytest.raises(Invalid) as refused:
        story.connection("CRM", "/crm", secrets={Secret.CLIENT_CERTIFICATE: pem})
    assert time.monotonic() - began < PATIENCE
    assert list(refused.value.fields) == ["client_certificate"]


@pytest.mark.parametrize("wrong", ["no key", "another key", "nonsense", "two keys", "password"])
def test_C5_a_client_certificate_is_checked_when_it_is_saved(story: Story, authority: Authority, wrong: str) -> None:
    good, other = authority.identity("one.example"), authority.identity("two.example")
    cut = good.index("-----BEGIN PRIVATE")
    texts = {
        "no key": good[:cut],
        "another key": good[:cut] + other[other.index("-----BEGIN PRIVATE") :],
        "nonsense": good.replace("MI", "XX"),
        "two keys": good + other,
        "password": "hunter2 is no certificate",
    }
    with pytest.raises(Invalid) as refused:
        story.connection("CRM", "/crm", secrets={Secret.CLIENT_CERTIFICATE: texts[wrong]})
    assert list(refused.value.fields) == ["client_certificate"]
    assert "hunter2" not in str(refused.value)
    assert good[cut + 30 : cut + 60] not in str(refused.value)


def test_C5_a_bundle_of_authorities_is_checked_when_it_is_saved(story: Story, authority: Authority) -> None:
    for wrong in ("not a certificate", authority.identity("x.example", key=ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(Invalid) as refused:
            story.connection("CRM", "/crm", authorities=wrong)
        assert list(refused.value.fields) == ["authorities"]


# --- signatures


def verified(secret: str, request: Received) -> bool:
    """Verified by the Standard Webhooks project's own library."""
    try:
        standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers), json_parse=False)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_C7_signed_requests_pass_the_projects_own_verifier(story: Story, content_type: str) -> None:
    connection = story.connection("CRM", "/crm", content_type=content_type)
    with story.saving() as transaction:
        first = signing_secrets.rotate(transaction, connection)
    request = deliver(story, connection)
    assert verified(first, request)
    assert not verified(signing_secret(b"x" * 32), request)
    assert len(request.header("webhook-signature").split(" ")) == 1


@pytest.mark.parametrize(
    "settings", [{}, {"content_type": "application/x-www-form-urlencoded"}, {"method": "GET"}], ids=["json", "form", "get"]
)
def test_C7_the_snippet_of_the_documents_verifies_what_is_sent(story: Story, settings: dict[str, str]) -> None:
    connection = story.connection("CRM", "/crm", **settings)
    with story.saving() as transaction:
        secret = signing_secrets.rotate(transaction, connection)
    request = deliver(story, connection)
    document = (Path(__file__).parents[2] / "docs" / "reference" / "outgoing-requests.md").read_text("utf-8")
    (snippet,) = [code for code in re.findall(r"```python\n(.*?)```", document, re.DOTALL) if "Webhook(" in code]
    facts = {"body": request.body, "headers": dict(request.headers)}
    exec(snippet.replace("whsec_…", secret), facts)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        exec(snippet.replace("whsec_…", signing_secret(b"x" * 32)), facts)


def test_C7_a_second_new_secret_keeps_the_one_that_the_target_knows(story: Story) -> None:
    connection = story.connection("CRM", "/crm")
    with story.saving() as transaction:
        known, new = signing_secrets.rotate(transaction, connection), signing_secrets.rotate(transaction, connection)
        with pytest.raises(signing_secrets.RotationOpen):
            signing_secrets.rotate(transaction, connection)
        newest = signing_secrets.rotate(transaction, connection, again=True)
    request = deliver(story, connection)
    assert [verified(secret, request) for secret in (known, new, newest)] == [True, False, True]


def test_C7_while_a_secret_is_rotated_either_one_verifies(story: Story) -> None:
    connection = story.connection("CRM", "/crm")
    story.flow("All", [story.to(connection)])
    secrets: list[str] = []

    def next_request(code: str) -> Received:
        story.record(code, first="Zoë")
        return story.receiver.wait_for(len(secrets), path="/crm")[-1]

    with story.worker():
        for number in range(2):
            with story.saving() as transaction:
                secrets.append(signing_secrets.rotate(transaction, connection))
            request = next_request(f"R{number}")
            assert [verified(secret, request) for secret in secrets] == [True] * len(secrets)
        with story.saving() as transaction:
            signing_secrets.finish(transaction, connection)
        secrets.append("")
        request = next_request("R9")
        assert (verified(secrets[0], request), verified(secrets[1], request)) == (False, True)


def test_C7_a_retry_has_the_same_id_and_its_own_timestamp(story: Story) -> None:
    story.retries(1.2, 1.2, 1.2)
    connection = story.connection("CRM", "/crm")
    story.receiver.answer("/crm", Answer(503), Answer(200))
    with story.saving() as transaction:
        secret = signing_secrets.rotate(transaction, connection)
    story.flow("All", [story.to(connection)])
    with story.worker():
        story.record("R1")
        first, second = story.receiver.wait_for(2, path="/crm")
    assert first.header("webhook-id") == second.header("webhook-id")
    assert int(second.header("webhook-timestamp")) > int(first.header("webhook-timestamp"))
    assert verified(secret, first)
    assert verified(secret, second)


def test_C5_signing_secrets_are_checked_masked_and_asked_for_again(story: Story) -> None:
    for wrong in ("hunter2", "whsec_!!!", "whsec_c2hvcnQ="):
        with pytest.raises(Invalid) as refused:
            story.connection("CRM", "/crm", secrets={Secret.SIGNING: wrong})
        assert wrong not in str(refused.value)
    connection = story.connection("CRM", "/crm")
    with story.saving() as transaction:
        secret = signing_secrets.rotate(transaction, connection)
    with scope(account=story.account):
        assert secret not in json.dumps(Connection.objects.get(pk=connection).body)
        assert secret not in json.dumps([[entry.before, entry.after] for entry in AuditEntry.objects.all()])
    facts = ConnectionFacts({"name": "CRM", "auth": "Open / No Auth"}, url="https://elsewhere.example/")
    with story.saving() as transaction, pytest.raises(SecretsAgain):
        save_connection(transaction, facts, connection)
    with story.saving() as transaction:
        signing_secrets.stop(transaction, connection)
    assert deliver(story, connection).header("webhook-signature") is None


# --- networks of an account


def test_C6_an_account_reaches_what_the_operator_allowed_it_at_once(story: Story) -> None:
    story.retries(600, 600, 600)
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    with story.worker(policy=lambda _account: Policy()):
        story.record("R1", first="Zoë")
        story.until("R1", "queued")
        assert (story.action("R1")["category"], story.action("R1")["cause"]) == ("Config", "blocked")
        assert story.receiver.connections == 0
        with story.saving() as transaction:
            allow_networks(transaction, ["10.1.0.0/16", f"127.0.0.1:{story.receiver.port}"])
        story.until("R1", "success")  # D7: without waiting for its retry
        with story.saving() as transaction:
            allow_networks(transaction, [])
        story.record("R2", first="Zoë")
        story.until("R2", "queued")
    assert len(story.receiver.at("/crm")) == 1


@pytest.mark.parametrize("wrong", ["intranet", "10.1.0.1/16", "127.0.0.1:http", "10.0.0.0/8:80"])
def test_C6_a_wrong_network_is_refused_with_a_sentence(story: Story, wrong: str) -> None:
    with pytest.raises(Invalid, match=r"10\.1\.0\.0/16|port"), story.saving() as transaction:
        allow_networks(transaction, [wrong])


def test_C6_commands_allow_and_check(heliograph: Starter, fresh_database: DatabaseFacts) -> None:
    def said(*arguments: str, code: int = 0, **env: str) -> dict[str, object]:
        process = heliograph.run(*arguments, "--json", **env)
        assert process.returncode == code, process.output
        return json.loads(process.output.splitlines()[-1])

    for account in ("ACME", "OTHER"):
        said("createaccount", account)
    assert said("allow-network", "ACME", "10.1.0.0/16", "127.0.0.1:8025")["networks"] == ["10.1.0.0/16", "127.0.0.1:8025"]
    assert said("allow-network", "ACME", "10.1.0.0/16", "--remove")["networks"] == ["127.0.0.1:8025"]
    url = "http://127.0.0.1:8025/x"
    assert said("check-address", url, "--account", "ACME") == {
        "allowed": True,
        "addresses": ["127.0.0.1"],
        "reason": "127.0.0.1 port 8025 is allowed by the operator.",
    }
    for arguments in ((url, "--account", "OTHER"), (url,), ("gopher://x/",)):
        refused = said("check-address", *arguments, code=1)
        assert refused["allowed"] is False
        assert refused["reason"]
    assert said("check-address", url, HELIOGRAPH_ALLOWED_NETWORKS="127.0.0.0/8")["allowed"] is True
    process = heliograph.run("check-address", url, "--account", "NOBODY")
    assert process.returncode == 1
    assert "There is no account NOBODY" in process.output


KEY_HEADER = {"auth": "API Key / Token", "key_place": "header", "key_name": "X-API-Key"}
KEY_QUERY = {"auth": "API Key / Token", "key_place": "query", "key_name": "api_key", "method": "GET"}


@pytest.mark.parametrize(
    ("settings", "kind", "target", "said"),
    [
        (KEY_HEADER, MappingKind.HEADER, "x-api-key", "authenticates with"),
        (KEY_QUERY, MappingKind.PAYLOAD, "api_key", "sends its key"),
        ({"method": "GET"}, MappingKind.PAYLOAD, "long", "longer than a URL"),
    ],
    ids=["header", "parameter", "query"],
)
def test_M9_what_every_request_would_fail_of_is_refused_by_whatever_is_saved_last(
    story: Story, settings: dict[str, str], kind: MappingKind, target: str, said: str
) -> None:
    secrets = {Secret.KEY: "k-1234567890"} if "auth" in settings else {}
    clashing = {target: ["=" + "x" * 4_990, "=" + "y" * 4_990] if target == "long" else "registration.code"}
    good, bad = story.connection("Open", "/open"), story.connection("Keyed", "/keyed", secrets=secrets, **settings)
    part = "header_mapping" if kind is MappingKind.HEADER else "payload_mapping"
    harmless = story.mapping("Harmless", {"code": "registration.code"}, kind=kind)
    harmful = story.mapping("Harmful", clashing, kind=kind)
    flow = story.flow("All", [replace(story.to(bad), **{part: harmless})])
    other = story.flow("Other", [replace(story.to(good), **{part: harmful})])

    def refused(save: Callable[[], object]) -> dict[str, Sequence[str]]:
        with pytest.raises(Invalid) as caught:
            save()
        assert said in " ".join(text for texts in caught.value.fields.values() for text in texts)
        return caught.value.fields

    assert list(refused(lambda: story.mapping("Harmless", clashing, id=harmless, kind=kind))) == ["rows"]
    assert list(refused(lambda: story.change_flow(flow, to=[replace(story.to(bad), **{part: harmful})]))) == ["destinations"]
    refused(lambda: story.change_connection(good, secrets=secrets, **settings))
    config = story.provider.account(story.account)
    assert all(is_complete(config.flows[id], config) for id in (flow, other))


def test_C2_a_url_whose_query_is_over_the_limit_is_refused(story: Story) -> None:
    fits = "/crm?note=" + "x" * 7_500
    with pytest.raises(Invalid) as caught:
        story.connection("CRM", fits, secrets={Secret.KEY: "k" * 700}, **{**KEY_QUERY, "method": "POST"})
    assert "8,192" in caught.value.fields["url"][0]
    with pytest.raises(Invalid):
        story.connection("CRM", "/crm?note=" + "\u00e9" * 2_000)  # as it is sent, each is six characters long
    story.connection("CRM", fits)
