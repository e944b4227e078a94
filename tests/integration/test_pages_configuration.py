"""The page Configuration File: export, plan, apply, drift, put back, stop (B5; guide: Configuration as code)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django_scopes import scope
from tests import configuration_files
from tests.builders.platform_account import PlatformAccount, planned
from tests.configuration_files import SECRETS, WHOLE, new_account
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts.models import Role
from heliograph.accounts.vault import vault
from heliograph.api.configuration.applied_configuration import drift_of
from heliograph.api.configuration.configuration_plan import FileToApply, export_account, plan_file
from heliograph.api.configuration.configuration_text import read_text, write_yaml
from heliograph.api.configuration.missing_secrets import missing_secrets
from heliograph.api.configuration_lines import drift_lines
from heliograph.connections.models import Connection
from heliograph.domain.flow.flow import Flow as FlowFacts
from heliograph.domain.flow.flow import Mode
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.models import Flow
from heliograph.flows.services.flows import delete_flow, save_flow
from heliograph.setup.models import AppliedFile, Tag
from heliograph.store.secrets import load_secrets

PAGE, PLAN = "/settings/configuration/", "/settings/configuration/plan/"
PUT_BACK, STOP = "/settings/configuration/put-back/", "/settings/configuration/stop/"
CERTIFICATES = re.findall(r"client_certificate: \{\w+: ([\w.-]+)\}", WHOLE)
CONNECTION = """
connections:
  - name: Chat
    auth: API Key / Token
    url: {env: HELIOGRAPH_SECRET_CHAT_URL}
    key: {env: HELIOGRAPH_SECRET_CHAT_KEY}
    headers:
      - {name: X-Api-Key, value: {file: chat-key}}
"""
type Page = Any


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as made:
        yield made


@pytest.fixture
def ada(site: PlatformAccount, client: Client) -> Client:
    """An Administrator's browser."""
    site.signs_in(client)
    return client


def sent(client: Client, text: str) -> Page:
    """What comes of a file that is pasted."""
    return client.post(PLAN, {"do": "file", "text": text})


def applied(client: Client, plan: Page, **ticked: Any) -> Page:
    """What comes of pressing Apply."""
    return client.post(PLAN, posted(plan.content.decode(), "plan-form") | ticked)


def exported(site: PlatformAccount) -> dict[str, Any]:
    return json.loads(json.dumps(export_account(site.pk)))


def managed(site: PlatformAccount, client: Client) -> dict[str, Any]:
    """Manages the account by its own export. Returns the file."""
    content = exported(site)
    assert applied(client, sent(client, write_yaml(content))).status_code == 302
    return content


def edits_flow(site: PlatformAccount, **changes: Any) -> Flow:
    with site.acme.setting_up() as transaction:
        row = Flow.objects.get(pk=site.acme.flow.pk)
        return save_flow(transaction, replace(FlowFacts.from_body(row.pk, row.number, row.body), **changes), row.pk, confirmed=True)


def flow_name(site: PlatformAccount) -> str:
    with scope(account=site.pk):
        return str(Flow.objects.get(pk=site.acme.flow.pk).name)


@pytest.mark.parametrize("role", [Role.PLANNER, Role.VIEWER])
def test_P1_only_administrators_use_the_page(site: PlatformAccount, client: Client, role: Role) -> None:
    site.signs_in(client, role)
    for path in (PAGE, PLAN, STOP, f"{PAGE}yaml/", f"{PAGE}json/", f"{PAGE}applied/1/"):
        assert client.get(path).status_code == 403, path
    for path in (PLAN, PUT_BACK, STOP):
        assert client.post(path, {"do": "file", "text": "tags: []"}).status_code == 403, path
    assert PAGE not in client.get("/settings/tags/").content.decode()


def test_B5_an_account_without_a_file_says_what_one_is(ada: Client) -> None:
    text = text_of(ada.get(PAGE).content)
    assert "These pages manage the account" in text
    assert "Drift" not in text
    assert PAGE in ada.get("/settings/tags/").content.decode(), "it stands in the panel"


def test_B5_the_page_exports_what_the_service_exports(site: PlatformAccount, ada: Client) -> None:
    content = export_account(site.pk)
    yaml, as_json = ada.get(f"{PAGE}yaml/"), ada.get(f"{PAGE}json/")
    assert yaml.content.decode() == write_yaml(content)
    assert json.loads(as_json.content) == content
    assert yaml["Content-Disposition"] == f'attachment; filename="{site.acme.account.code.lower()}.yaml"'
    assert yaml["Cache-Control"] == as_json["Cache-Control"] == "no-store"


def test_B5_an_uploaded_file_is_planned_and_applied(site: PlatformAccount, ada: Client) -> None:
    text = "tags:\n  - {name: Exhibitor, kinds: [attendee_type]}\n"
    plan = ada.post(PLAN, {"do": "file", "text": "", "file": SimpleUploadedFile("tags.yaml", text.encode())})
    shown = text_of(plan.content)
    assert "Plan: 1 change" in shown
    assert "tags.yaml, read just now. Nothing has changed yet." in shown
    assert "Add Tag Exhibitor" in shown
    with scope(account=site.pk):
        assert not Tag.objects.filter(name="Exhibitor").exists()
    done = applied(ada, plan)
    assert (done.status_code, done["Location"]) == (302, PAGE)
    page = text_of(ada.get(PAGE).content)
    assert "Applied as version 1: 1 added." in page
    assert "No drift: everything is as the file says." in page
    assert "File tags.yaml" in page
    assert "Covers 1 of 17 sections: tags" in page
    with scope(account=site.pk):
        assert Tag.objects.filter(name="Exhibitor").exists()
        assert AppliedFile.objects.get().by == site.people[Role.ADMINISTRATOR].actor


def test_B5_a_file_that_changes_nothing_manages_the_account_from_then_on(site: PlatformAccount, ada: Client) -> None:
    plan = sent(ada, write_yaml(exported(site)))
    assert "No changes" in text_of(plan.content)
    assert applied(ada, plan).status_code == 302
    assert "No drift" in text_of(ada.get(PAGE).content)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tags: [", "This is not YAML"),
        ("", "Choose a file, or paste it below."),
        ("tagz: []", "tagz: There is no such section."),
        ("tags:\n  - {name: VIP, kinds: [attendee_type], colour: red}", "colour"),
        ("flows:\n  - {name: Leads, watch: Registration Status Change, statuses: [Nowhere]}", "There is no tag “Nowhere”."),
        ("heliograph: 2", "This release reads files of the form 1."),
    ],
)
def test_B5_what_is_wrong_with_a_file_is_said_with_its_place(ada: Client, text: str, reason: str) -> None:
    refused = sent(ada, text)
    assert refused.status_code == 422
    assert reason in text_of(refused.content)


@pytest.mark.parametrize("text", ["connections:\n  - {name: Chat, key: planted\n", "tagz: [planted]"])
def test_C5_a_pasted_file_is_not_shown_again(ada: Client, text: str) -> None:
    """Secrets may stand in it, also in one that cannot be read."""
    refused = sent(ada, text)
    assert refused.status_code == 422
    assert "planted" not in refused.content.decode()


def test_B5_a_file_that_is_no_text_is_refused(ada: Client) -> None:
    refused = ada.post(PLAN, {"do": "file", "text": "", "file": SimpleUploadedFile("a.yaml", b"\xff\xfe\x00")})
    assert refused.status_code == 422
    assert "The file is not text in UTF-8." in text_of(refused.content)


def test_B5_a_flow_that_acts_on_more_is_allowed_by_its_own_box(site: PlatformAccount, ada: Client) -> None:
    edits_flow(site, mode=Mode.TEST)
    content = exported(site)
    content["flows"][0]["mode"] = "Live"
    plan = sent(ada, write_yaml(content))
    shown = text_of(plan.content)
    assert "1 change would widen a rule, or stop a flow" in shown
    assert "Widens a rule" in shown
    assert "Allow this flow to act on more" in shown
    refused = applied(ada, plan)
    assert refused.status_code == 409
    assert "Nothing is applied until then." in text_of(refused.content)
    assert applied(ada, plan, allow=["999999"]).status_code == 409
    assert applied(ada, plan, allow=[str(site.acme.flow.pk)]).status_code == 302
    with scope(account=site.pk):
        assert Flow.objects.get(pk=site.acme.flow.pk).body["mode"] == "Live"


def test_P15_a_plan_that_the_account_has_overtaken_is_shown_again(site: PlatformAccount, ada: Client) -> None:
    """Applying plans anew under the lock: only what was shown is done."""
    content = exported(site)
    content["flows"][0]["name"] = "Leads of the file"
    content["flows"][0]["was"] = flow_name(site)
    plan = sent(ada, write_yaml(content))
    edits_flow(site, active=False)
    again = applied(ada, plan)
    assert again.status_code == 409
    assert "Nothing was done: something has changed" in text_of(again.content)
    assert flow_name(site) != "Leads of the file"
    allowed = {"allow": [str(site.acme.flow.pk)]} if 'name="allow"' in again.content.decode() else {}
    assert applied(ada, again, **allowed).status_code == 302
    assert flow_name(site) == "Leads of the file"


def test_P15_a_plan_without_its_promise_is_not_applied(ada: Client) -> None:
    plan = sent(ada, "tags:\n  - {name: Exhibitor, kinds: [attendee_type]}\n")
    assert applied(ada, plan, promise="0" * 32).status_code == 409
    assert applied(ada, plan, promise="").status_code == 409


def test_B5_what_is_not_in_the_file_is_named_and_deleted_only_if_chosen(site: PlatformAccount, ada: Client) -> None:
    site.tag("Scholarship", TagKind.ATTENDEE_TYPE)
    content = {"tags": [each for each in exported(site)["tags"] if each["name"] != "Scholarship"]}
    plan = sent(ada, write_yaml(content))
    shown = text_of(plan.content)
    assert "Also delete 1 object that is not in the file" in shown
    assert "Tag “Scholarship”" in shown
    assert applied(ada, plan).status_code == 302
    with scope(account=site.pk):
        assert Tag.objects.filter(name="Scholarship").exists()
    assert applied(ada, sent(ada, write_yaml(content)), prune="1").status_code == 302
    with scope(account=site.pk):
        assert not Tag.objects.filter(name="Scholarship").exists()


def test_B5_deleting_a_running_flow_is_allowed_by_its_own_box(site: PlatformAccount, ada: Client) -> None:
    plan = sent(ada, "flows: []")
    again = applied(ada, plan, prune="1")
    assert again.status_code == 409
    assert "Stops a flow" in text_of(again.content)
    assert posted(again.content.decode(), "plan-form")["prune"] == ["1"]
    assert applied(ada, again, allow=[str(site.acme.flow.pk)]).status_code == 302
    with scope(account=site.pk):
        assert not Flow.objects.filter(deleted_at=None).exists()


def test_B5_what_is_in_use_is_not_deleted_and_the_plan_stays(site: PlatformAccount, ada: Client) -> None:
    refused = applied(ada, sent(ada, "mappings: []"), prune="1")
    assert refused.status_code == 409
    assert "Some objects that are not in the file cannot be deleted." in text_of(refused.content)
    assert applied(ada, refused).status_code == 302


def test_C5_secrets_that_are_not_stored_are_asked_for_and_shown_nowhere(site: PlatformAccount, ada: Client) -> None:
    asked = sent(ada, CONNECTION)
    names = ["HELIOGRAPH_SECRET_CHAT_URL", "HELIOGRAPH_SECRET_CHAT_KEY", "chat-key"]
    shown = asked.content.decode()
    assert re.findall(r'type="password" id="([^"]+)"', shown) == [f"env-{names[0]}", f"env-{names[1]}", f"file-{names[2]}"]
    form = posted(shown, "form")
    lacking = ada.post(PLAN, form | {f"env-{names[0]}": "https://chat.example.org/hook/planted-path"})
    assert lacking.status_code == 422
    assert "planted" not in lacking.content.decode()
    assert re.findall(r'type="password" id="([^"]+)"', lacking.content.decode()) == [f"env-{names[1]}", f"file-{names[2]}"], (
        "typed ones are kept"
    )
    form = posted(lacking.content.decode(), "form") | {f"env-{names[1]}": ["planted-key"], f"file-{names[2]}": ["planted-header"]}
    plan = ada.post(PLAN, form)
    assert plan.status_code == 200
    assert "Add Connection Chat" in text_of(plan.content)
    assert "planted" not in plan.content.decode()
    done = applied(ada, plan)
    assert done.status_code == 302
    with scope(account=site.pk):
        row = Connection.objects.get(name="Chat")
        stored = load_secrets(site.store, vault(), site.pk, "connection", [row.pk])[row.pk]
        assert "planted" not in json.dumps(AppliedFile.objects.get().content)
    assert {"planted-key", "planted-header"} <= set(stored.values())
    page = ada.get(PAGE).content.decode()
    assert "planted" not in page
    assert "3, by reference" in text_of(page.encode())
    assert sent(ada, CONNECTION).status_code == 200, "they are stored now, so nothing is asked"
    assert missing_secrets(site.pk, CONNECTION) == []


def test_C5_a_plan_asks_again_when_the_typed_secrets_are_gone(ada: Client) -> None:
    form = posted(sent(ada, CONNECTION).content.decode(), "form")
    values = {"env-HELIOGRAPH_SECRET_CHAT_URL": "https://chat.example.org/x", "env-HELIOGRAPH_SECRET_CHAT_KEY": "k", "file-chat-key": "h"}
    plan = ada.post(PLAN, form | values)
    again = applied(ada, plan, typed="")
    assert "Secrets of the file" in text_of(again.content)
    assert 'type="password"' in again.content.decode()


def test_C5_every_secret_of_a_whole_file_is_asked_for_once_and_then_never(db: None) -> None:
    """The page asks for exactly the references without which the services refuse the file, and for none that is stored."""
    account = new_account("NEW")
    missing = {each.reference.name for each in missing_secrets(account, WHOLE)}
    assert missing == set(SECRETS)
    assert [each.reference.name for each in missing_secrets(account, WHOLE) if each.is_certificate] == CERTIFICATES
    configuration_files.applied(account, WHOLE)
    assert missing_secrets(account, WHOLE) == []
    assert missing_secrets(account, write_yaml(export_account(account))) == []
    assert plan_file(account, FileToApply(WHOLE), by="test").changes == []


def test_C5_the_file_of_a_plan_is_encrypted_for_its_account_and_its_user(site: PlatformAccount, ada: Client) -> None:
    """A page that is posted back by another person, or changed, plans nothing."""
    plan = sent(ada, "tags:\n  - {name: Exhibitor, kinds: [attendee_type]}\n")
    form = posted(plan.content.decode(), "plan-form")
    assert "Exhibitor" not in form["sent"][0]
    other = Client()
    site.signs_in(other, Role.PLANNER)
    assert other.post(PLAN, form).status_code == 403
    for broken in ("", "gAAAAA", form["sent"][0][:-9] + "AAAAAAAA="):
        refused = ada.post(PLAN, form | {"sent": broken})
        assert refused.status_code == 422
        assert "Choose the file again" in text_of(refused.content)


def test_B5_drift_is_shown_with_both_sides_in_words(site: PlatformAccount, ada: Client) -> None:
    content = managed(site, ada)
    site.tag("By hand", TagKind.ATTENDEE_TYPE)
    edits_flow(site, mode=Mode.TEST)
    page = ada.get(PAGE)
    shown = text_of(page.content)
    assert "Drift: 2 changes were made by hand, and are not in the file." in shown
    assert "Tag By hand" in shown
    assert re.search(r"In the file Live ?: when .* Here now Test ?: when ", shown)
    yaml = re.findall(r'<pre class="raw" id="yaml-tags[^>]*>(.*?)</pre>', page.content.decode(), re.DOTALL)
    (entry,) = read_text(yaml[0])["tags"]
    assert entry["name"] == "By hand"
    replan = sent(ada, write_yaml(content))
    assert "Reverts changes made by hand" in text_of(replan.content)


def test_B5_a_flows_drift_is_said_by_its_sentences(site: PlatformAccount, ada: Client) -> None:
    managed(site, ada)
    edits_flow(site, mode=Mode.TEST)
    with scope(account=site.pk):
        applied_row = AppliedFile.objects.get()
        (line,) = drift_lines(site.acme.account, drift_of(applied_row), {})
    assert [part.text for part in line.before][:1] == ["Live"]
    assert [part.text for part in line.after][:1] == ["Test"]
    assert line.has_sentences


def test_B5_a_thing_is_put_back(site: PlatformAccount, ada: Client) -> None:
    managed(site, ada)
    before = flow_name(site)
    edits_flow(site, name="Changed by hand")
    form = {"section": "flows", "id": str(site.acme.flow.pk)}
    done = ada.post(PUT_BACK, form)
    assert done.status_code == 302
    assert flow_name(site) == before
    page = text_of(ada.get(PAGE).content)
    assert "No drift" in page
    assert f"{before} is as the file says." in page or "is as the file says." in page
    assert "This is as the file says." in text_of(ada.post(PUT_BACK, form, follow=True).content)


@pytest.mark.parametrize("form", [{}, {"section": "flows"}, {"section": "nothing", "id": "1"}, {"section": "flows", "id": "1" * 30}])
def test_B5_nothing_else_is_put_back(site: PlatformAccount, ada: Client, form: dict[str, str]) -> None:
    managed(site, ada)
    edits_flow(site, name="Changed by hand")
    assert ada.post(PUT_BACK, form).status_code == 302
    assert flow_name(site) == "Changed by hand"


def test_B5_a_thing_that_was_deleted_by_hand_is_made_again(site: PlatformAccount, ada: Client) -> None:
    managed(site, ada)
    with site.acme.setting_up() as transaction:
        delete_flow(transaction, site.acme.flow.pk)
    shown = text_of(ada.get(PAGE).content)
    assert "Drift: 1 change was made by hand" in shown
    ada.post(PUT_BACK, {"section": "flows", "id": str(site.acme.flow.pk)})
    with scope(account=site.pk):
        assert Flow.objects.filter(deleted_at=None).count() == 1
    assert "No drift" in text_of(ada.get(PAGE).content)


def test_B5_the_text_of_a_version_is_kept_for_the_newest_20(site: PlatformAccount, ada: Client) -> None:
    for number in range(1, 23):
        assert applied(ada, sent(ada, f"retry_intervals: {{system: [1, 5, {number + 5}]}}")).status_code == 302
    page = ada.get(PAGE).content.decode()
    rows = re.findall(r"applied/(\d+)/", page)
    assert [int(row) for row in rows] == list(range(22, 2, -1))
    assert "Older" in page
    assert read_text(ada.get(f"{PAGE}applied/22/").content.decode())["retry_intervals"]["system"] == [1, 5, 27]
    assert ada.get(f"{PAGE}applied/2/").status_code == 404
    older = ada.get(PAGE + re.findall(r'href="(\?at=[^"]+)"', page)[-1])
    assert older.status_code == 200
    assert "22" not in re.findall(r"applied/(\d+)/", older.content.decode())


def test_B5_retry_intervals_drift_interval_by_interval(site: PlatformAccount, ada: Client) -> None:
    assert applied(ada, sent(ada, "retry_intervals: {connection: [1, 5, 30]}")).status_code == 302
    assert "No drift" in text_of(ada.get(PAGE).content)


def test_B5_an_account_is_no_longer_managed_by_a_file(site: PlatformAccount, ada: Client) -> None:
    managed(site, ada)
    asked = ada.get(STOP)
    assert "Stop managing by a file?" in text_of(asked.content)
    promise = re.search(r'name="promise" value="([0-9a-f]+)"', asked.content.decode())
    assert promise is not None
    assert ada.post(STOP, {"promise": promise[1]}).status_code == 302
    edits_flow(site, name="Changed by hand")
    page = text_of(ada.get(PAGE).content)
    assert "These pages manage the account" in page
    assert "Drift" not in page
    assert "Applied" in page, "the list stays"
    assert ada.get(STOP).status_code == 302
