"""Configuration as code by the REST API (B5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django_scopes import scope
from tests.api_client import ApiClient
from tests.configuration_files import SECRETS, WHOLE, applied, new_account

from heliograph.accounts.models import AuditEntry, Role, TokenScope
from heliograph.api.configuration.configuration_file import TOP
from heliograph.domain.flow.flow import Flow as Version
from heliograph.domain.flow.flow import Mode
from heliograph.flows.models import Flow
from heliograph.flows.services.flows import save_flow, set_active
from heliograph.setup.services.setup_save import saving

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Iterator[int]:
    id = new_account("ACME")
    with scope(account=id):
        yield id


@pytest.fixture
def api(account: int) -> ApiClient:
    return ApiClient.for_account(account)


def refused(api: ApiClient, path: str, body: dict[str, Any], *, status: int = 400) -> dict[str, Any]:
    answer: dict[str, Any] = api.ask("POST", path, body, status=status)
    return answer


def test_B5_a_file_is_planned_applied_and_exported_by_rest(api: ApiClient, account: int) -> None:
    body = {"text": WHOLE, "secrets": SECRETS}
    plan = api.post("configuration/plan", body, status=200)
    assert len(plan["changes"]) == 42
    assert (plan["left"], plan["without_value"]) == ([], [])
    assert not Flow.objects.exists()
    done = api.post("configuration/apply", body | {"name": "account.yaml"}, status=200)
    assert [(each["section"], each["name"], each["change"]) for each in done["changes"]] == [
        (each["section"], each["name"], each["change"]) for each in plan["changes"]
    ]
    assert done["version"] == 1
    assert all(each["id"] is None for each in done["changes"] if each["change"] == "add")
    export = api.get("configuration")
    assert list(export) == ["heliograph", *TOP]
    assert list(api.get("configuration?sections=tags,flows")) == ["heliograph", "tags", "flows"]
    (row,) = api.get("configuration/applied")["items"]
    assert (row["version"], row["name"], row["by_name"], row["added"], row["changed"]) == (1, "account.yaml", "test", 34, 8)
    assert row["sections"] == list(TOP)
    assert {entry.by for entry in AuditEntry.objects.filter(kind="flow")} == {done_by(account)}


def done_by(account: int) -> str:
    """The actor of the client's token."""
    with scope(account=account):
        return str(AuditEntry.objects.filter(kind="tag").values_list("by", flat=True)[0])


def test_B5_a_plan_needs_a_token_that_reads_and_applying_one_that_sets_up(account: int) -> None:
    """A pull request of a stranger is planned by a token that can change nothing."""
    reading = ApiClient.for_account(account, [TokenScope.READ])
    body = {"text": "tags:\n  - {name: VIP, kinds: [event]}\n"}
    assert len(reading.post("configuration/plan", body, status=200)["changes"]) == 1
    assert refused(reading, "configuration/apply", body, status=403)["type"].endswith(":scope")
    viewer = ApiClient.for_account(account, [TokenScope.READ], Role.VIEWER)
    assert refused(viewer, "configuration/plan", body, status=403)["type"].endswith(":role")


def test_B5_a_request_reads_no_environment_and_no_file_of_the_server(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOGRAPH_SECRET_URL", "https://target.example.org/planted")
    text = "connections:\n  - {name: CRM, auth: Open / No Auth, url: {env: HELIOGRAPH_SECRET_URL}}\n"
    assert "was not brought along" in refused(api, "configuration/apply", {"text": text})["detail"]
    done = api.post("configuration/apply", {"text": text, "secrets": {"HELIOGRAPH_SECRET_URL": "https://target.example.org/x"}}, status=200)
    assert done["changes"][0]["name"] == "CRM"


def test_B5_what_is_wrong_is_said_by_entry(api: ApiClient) -> None:
    problem = refused(api, "configuration/plan", {"text": "flows:\n  - {name: F, statuses: [Nobody]}\n  - {name: G, colour: red}\n"})
    assert [error["field"] for error in problem["errors"]] == ["flows, F", "flows, G"]
    problem = refused(api, "configuration/plan", {"text": "flows: ["})
    assert [error["field"] for error in problem["errors"]] == ["text"]


def test_B5_what_widens_a_rule_needs_to_be_allowed(api: ApiClient, account: int) -> None:
    applied(account, WHOLE)
    text = WHOLE.replace("      - {field: event.code, op: is any of, values: [SUMMIT-26]}\n", "")
    body = {"text": text, "secrets": SECRETS}
    (change,) = api.post("configuration/plan", body, status=200)["changes"]
    assert (change["widens"], change["stops"]) == (True, False)
    problem = refused(api, "configuration/apply", body, status=409)
    assert problem["type"].endswith(":not-allowed")
    assert problem["flows"] == ["Leads to the CRM"]
    assert api.post("configuration/apply", body | {"allow_wider": True}, status=200)["version"] == 2


def test_B5_drift_is_read_and_put_back(api: ApiClient, account: int) -> None:
    assert api.get("configuration/drift") == {"version": None, "changes": []}
    applied(account, WHOLE)
    assert api.get("configuration/drift") == {"version": 1, "changes": []}
    flow = Flow.objects.get(name="Sessions")
    with saving(account, by="user:7", whole_account=True) as transaction:
        set_active(transaction, flow.pk, active=False)
    (change,) = api.get("configuration/drift")["changes"]
    assert (change["section"], change["name"], change["takes_back"]["by"]) == ("flows", "Sessions", "user:7")
    assert change["members"] == [{"path": ["active"], "before": True, "after": False}]
    assert len(api.post("configuration/drift/put-back", {"section": "flows", "id": change["id"]}, status=200)["changes"]) == 1
    assert api.get("configuration/drift")["changes"] == []
    api.ask("POST", "configuration/drift/put-back", {"section": "flows", "id": change["id"]}, status=404)
    flow = Flow.objects.get(name="Leads to the CRM")
    with saving(account, by="user:7", whole_account=True) as transaction:
        save_flow(transaction, replace(Version.from_body(flow.pk, flow.number, flow.body), mode=Mode.TEST), flow.pk)
    body = {"section": "flows", "id": str(flow.pk)}
    assert refused(api, "configuration/drift/put-back", body, status=409)["flows"] == ["Leads to the CRM"]
    assert len(api.post("configuration/drift/put-back", body | {"allow_wider": True}, status=200)["changes"]) == 1
    api.delete("configuration/applied")
    assert api.get("configuration/drift") == {"version": None, "changes": []}
    assert len(api.get("configuration/applied")["items"]) == 1


def test_B5_another_account_is_not_reached(api: ApiClient, account: int) -> None:
    """Neither by what a file names, nor by an id of its drift."""
    other = new_account("OTHER")
    applied(account, WHOLE)
    applied(other, WHOLE)
    stranger = ApiClient.for_account(other)
    flow = Flow.objects.get(name="Sessions")
    with saving(account, by="user:7", whole_account=True) as transaction:
        set_active(transaction, flow.pk, active=False)
    assert stranger.get("configuration/drift")["changes"] == []
    stranger.ask("POST", "configuration/drift/put-back", {"section": "flows", "id": str(flow.pk)}, status=404)
    text = "tags: []\nflows: []\nmappings: []\nconnections: []\n"
    stranger.post("configuration/apply", {"text": text, "prune": True, "allow_wider": True}, status=200)
    assert api.get("configuration")["flows"] != []
    assert stranger.get("configuration")["flows"] == []
