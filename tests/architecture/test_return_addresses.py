"""Where a browser is led back to is judged in one place (P1): accounts/return_address.py."""

from __future__ import annotations

import ast

from tests.architecture.source import modules

JUDGE = "heliograph.accounts.return_address"


def test_P1_one_module_judges_addresses_to_lead_back_to() -> None:
    """A module that reads the header Referer, or asks Django what is safe, leaves the judgement to that one. allauth reads `next`, and asks our adapter."""
    wrong = []
    for module in modules():
        names = {name for _node, name in module.imported}
        if "django.utils.http.url_has_allowed_host_and_scheme" in names and module.name != JUDGE:
            wrong.append(f"{module.name} judges addresses itself")
        reads = [node for node in ast.walk(module.tree) if isinstance(node, ast.Constant) and node.value in ("Referer", "HTTP_REFERER")]
        if reads and not any(name.startswith(JUDGE) for name in names):
            wrong.append(f"{module.place(reads[0])} reads where to lead back to")
    assert not wrong, "\n".join(wrong)
