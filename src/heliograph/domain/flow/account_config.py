"""An account's full configuration: its set-up, and what it sends (ARCHITECTURE.md, rule 8; F10). `domain.snapshot` compiles it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from heliograph.domain.connection.connection import Connection
from heliograph.domain.delivery.retry_policy import RetryPolicy
from heliograph.domain.flow.flow import Flow
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.registration.change import Facet
from heliograph.domain.setup.compiled_setup import AccountSetup


@dataclass(frozen=True)
class AccountConfig(AccountSetup):
    """An account's configuration in force at `version`."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)  # D5: the account's own intervals
    flows: Mapping[int, Flow] = field(default_factory=dict)
    mappings: Mapping[int, FieldMapping] = field(default_factory=dict)
    connections: Mapping[int, Connection] = field(default_factory=dict)
    numbers: Mapping[tuple[str, int], int] = field(default_factory=dict)  # (kind, id) -> version number in force
    by_facet: Mapping[Facet, tuple[Flow, ...]] = field(default_factory=dict)  # complete and active flows by each single facet
    candidates: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Candidate flows computed while deciding; events with equal answers share them."""
