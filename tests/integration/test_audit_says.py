"""What the audit says was done: in words, with the names of that time (P1, C5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.tables import table_rows

from heliograph.accounts.models import Role
from heliograph.connections.services.connections import save_rule
from heliograph.domain.flow.flow import FilterRow, Op
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.services.flows import save_flow
from heliograph.setup.services.custom_fields import delete_field
from heliograph.setup.services.tags import TagFacts, delete_tag, save_tag


@pytest.fixture
def site(database: DatabaseFacts, client: Client) -> Iterator[PlatformAccount]:
    with planned(database) as made:
        made.signs_in(client, Role.ADMINISTRATOR)
        yield made


def entries(client: Client, kind: str = "") -> list[dict[str, str]]:
    """The rows of the audit, the newest first."""
    return table_rows(client.get(f"/settings/audit/?kind={kind}").content, "What", "Setting Before After")


def test_C5_another_path_of_a_url_is_said_and_not_shown(site: PlatformAccount, client: Client) -> None:
    assert site.acme.connection is not None
    url = f"/signal/connections/{site.acme.connection.pk}/"
    form = posted(client.get(url).content.decode(), "form")
    assert client.post(url, form | {"url": ["https://crm.example.com/n3w-path?n3w-query=1"], "password": ["n3w-word"]}).status_code == 302
    for role in Role:
        site.signs_in(client, role)
        said = entries(client, "signal")[0]["Setting Before After"]
        assert "Secrets replaced" in said
        assert "URL: another path or query" in said
        assert "Password" in said
        assert "dition" not in said
        assert not [row for row in entries(client, "signal") if "n3w" in str(row)]
    site.signs_in(client, Role.ADMINISTRATOR)
    form = posted(client.get(url).content.decode(), "form")
    assert client.post(url, form | {"rate": ["60"]}).status_code == 302
    assert "replaced" not in entries(client, "signal")[0]["Setting Before After"]


def test_P1_a_response_rule_is_said_in_sentences(site: PlatformAccount, client: Client) -> None:
    assert site.acme.connection is not None
    rule = [{"if": [{"in": "json", "name": "created", "is": ["true"]}], "then": "delivered", "lead": "created"}]
    with site.acme.setting_up() as transaction:
        save_rule(transaction, site.acme.connection.pk, rule)
    said = entries(client, "signal")[0]["Setting Before After"]
    assert "If “created” in the answer’s JSON is “true”: delivered, a lead was created." in said


def test_P1_what_was_named_then_is_called_as_then(site: PlatformAccount, client: Client) -> None:
    tag = site.tag("Vips", TagKind.REGISTRATION_STATUS, TagKind.EVENT)
    assert site.acme.flow is not None
    flow = site.acme.flow_facts()
    shirt = next(field.id for field in site.acme.config().profile_fields.values() if field.code == "shirt")
    filters = (FilterRow(f"profile.custom.{shirt}", Op.IS_ANY_OF, ("S",)),)
    with site.acme.setting_up() as transaction:
        save_flow(transaction, replace(flow, statuses=(*flow.statuses, tag.pk), filters=filters), flow.id, confirmed=True)
    with site.acme.setting_up() as transaction:
        save_flow(transaction, flow, flow.id, confirmed=True)
        save_tag(transaction, TagFacts("Gold", frozenset({TagKind.REGISTRATION_STATUS, TagKind.EVENT})), tag.pk)
    with site.acme.setting_up() as transaction:
        delete_tag(transaction, tag.pk)
        delete_field(transaction, shirt)
    changed = [row["Setting Before After"] for row in entries(client, "signal") if "Changed the flow" in row["What"]]
    assert "Registered, Vips" in changed[1]
    assert "Shirt is any of S" in changed[1]
    assert not [row for row in entries(client) if re.search(r"\(\d+\)|custom\.\d", row["Setting Before After"])]
