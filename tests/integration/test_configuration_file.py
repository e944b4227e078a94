"""Configuration as code: plan, apply, export (B5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliograph.api.configuration.configuration_plan import FileToApply, apply_file, export_account, plan_file
from heliograph.api.configuration.configuration_text import write_yaml
from heliograph.api.configuration.secret_references import SecretReference
from heliograph.setup.services.account_creation import AccountFacts, create_account

pytestmark = pytest.mark.django_db

WHOLE = (Path(__file__).parent.parent / "data" / "configuration.yaml").read_text()
"""A file with every section, and every member that a page can set."""


def value(reference: SecretReference) -> str | None:
    """A value for every reference of the file."""
    if reference.name.endswith("_URL"):
        return f"https://target.example.org/{reference.name.lower()}?key=planted"
    if reference.name.endswith("SIGNING_SECRET"):
        return "whsec_" + "A" * 43 + "="
    return f"planted-{reference.name}"


def new_account(code: str) -> int:
    return create_account(AccountFacts(code, code, "UTC"), by="test").pk


def applied(account: int, text: str, **options: bool) -> None:
    apply_file(account, FileToApply(text, value_of=value, **options), by="test")


def test_B5_a_file_is_applied_elsewhere_and_exported_identically() -> None:
    """export → apply elsewhere → export is identical, and then a plan of either has no changes."""
    first, second = new_account("FIRST"), new_account("SECOND")
    applied(first, WHOLE)
    one = write_yaml(export_account(first))
    applied(second, one)
    assert write_yaml(export_account(second)) == one
    assert "planted" not in one
    for account, text in ((first, WHOLE), (second, one)):
        assert plan_file(account, FileToApply(text, value_of=value), by="test").changes == []
