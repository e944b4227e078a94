"""The vault that seals the secrets of connections: that of the installation."""

from __future__ import annotations

from heliograph.accounts.vault import vault

__all__ = ["vault"]
