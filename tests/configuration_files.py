"""Configuration files for tests: one with everything, and applying it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from heliograph.api.configuration.configuration_plan import FileToApply, Plan, apply_file, plan_file
from heliograph.api.configuration.secret_references import SecretReference
from heliograph.setup.services.account_creation import AccountFacts, create_account
from tests.authority import Authority

with TemporaryDirectory() as _folder:
    _AUTHORITY: Final = Authority(Path(_folder))
    _PEM: Final = _AUTHORITY.ca_file.read_text("ascii")
    _IDENTITY: Final = _AUTHORITY.identity("portal.example.org")
WHOLE: Final = (Path(__file__).parent / "data" / "configuration.yaml").read_text("utf-8").replace("AUTHORITIES", json.dumps(_PEM))
"""A file with every section, and every member that a page can set."""


def value(reference: SecretReference) -> str | None:
    """A value for every reference of the file; each contains "planted", so that it is found wherever it must not be."""
    if reference.name.lower().endswith((".pem", "certificate")):
        return _IDENTITY
    if reference.name.endswith("_URL"):
        return f"https://target.example.org/{reference.name.lower()}?key=planted"
    if reference.name.endswith("SIGNING_SECRET"):
        return "whsec_" + "A" * 43 + "="
    return f"planted-{reference.name}"


SECRETS: Final = {
    name: str(value(SecretReference("env" if name.startswith("HELIOGRAPH") else "file", name)))
    for name in (*re.findall(r"HELIOGRAPH_SECRET_[A-Z_]+", WHOLE), *re.findall(r"\{file: ([^}]+)\}", WHOLE))
}
"""The values of all secrets to which the whole file refers, by their names."""


def new_account(code: str) -> int:
    """The id of a new account."""
    return create_account(AccountFacts(code, code, "UTC"), by="test").pk


def applied(account: int, text: str, *, prune: bool = False, allow_wider: bool = False) -> Plan:
    """Applies a file, with a value for every secret. Returns what was changed."""
    return apply_file(account, FileToApply(text, value_of=value, prune=prune, allow_wider=allow_wider), by="test")[0]


def planned(account: int, text: str, *, prune: bool = False) -> Plan:
    """Plans a file, with a value for every secret."""
    return plan_file(account, FileToApply(text, value_of=value, prune=prune), by="test")
