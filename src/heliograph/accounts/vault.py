"""The vault of this installation, from its key."""

from __future__ import annotations

import functools

from django.conf import settings

from heliograph.store.secrets import SECOND_FACTOR, Vault


def vault() -> Vault:
    """Encrypts and decrypts the secrets of connections and of second factors."""
    return _vault(tuple(settings.HELIOGRAPH.keys))


@functools.lru_cache(maxsize=4)
def _vault(keys: tuple[str, ...]) -> Vault:
    return Vault(keys, settings.HELIOGRAPH.key_source)


def sealed(text: str) -> str:
    """A second factor's secret as stored."""
    return vault().seal(SECOND_FACTOR, text).decode("ascii")


def opened(text: str) -> str:
    """The secret from a second factor's row. Raises SecretError."""
    return vault().open(SECOND_FACTOR, text.encode("ascii", "replace"))
