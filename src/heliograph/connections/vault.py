"""The vault that encrypts the secrets of connections: the installation's."""

from __future__ import annotations

from heliograph.accounts.vault import vault

__all__ = ["vault"]
