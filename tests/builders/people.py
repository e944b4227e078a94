"""People who sign in."""

from __future__ import annotations

from heliograph.accounts.models import Account, Role, User
from tests.processes import PASSWORD

__all__ = ["PASSWORD", "team", "user"]


def user(account: Account | None, role: Role = Role.ADMINISTRATOR, *, name: str = "", email: str = "") -> User:
    """Somebody with PASSWORD, named after the role unless told otherwise. account: None = an operator."""
    name = name or (role.value if account else "Operator")
    where = f"-{account.pk}" if account else ""
    email = email or f"{name.lower().replace(' ', '.')}{where}@example.org"
    return User.objects.create_user(email, PASSWORD, name=name, account=account, role=role)


def team(account: Account) -> dict[Role, User]:
    """One person of each role."""
    return {role: user(account, role) for role in Role}
