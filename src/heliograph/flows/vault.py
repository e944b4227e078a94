"""The vault of this installation, from its key."""

from __future__ import annotations

import functools

from django.conf import settings

from heliograph.store.secrets import Vault


def vault() -> Vault:
    """Seals and opens the secrets of connections."""
    return _vault(tuple(settings.HELIOGRAPH.keys))


@functools.lru_cache(maxsize=4)
def _vault(keys: tuple[str, ...]) -> Vault:
    return Vault(keys, settings.HELIOGRAPH.key_source)
