"""Finds why a request cannot be sent although each of its values can: its URL or headers are too long, or a connection cannot carry it.

The rules are those of the worker (M7, M9, C2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from heliograph.accounts.vault import vault
from heliograph.connections.services.connections import OWNER
from heliograph.domain.connection.request import limit_problems, prepare, query_text
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.domain.mapping.mapping_renderer import InvalidValues, Rendered, ValueProblem, render
from heliograph.mappings.mapping_subjects import Tried
from heliograph.store.database import Database
from heliograph.store.secrets import load_secrets

MOST_CONNECTIONS = 20
"""The most connections that a mapping is tried with: those with the lowest ids."""
_ANY_ID: Final = f"msg_{0:026}"
"""As long as the id of an action."""


@dataclass(frozen=True, slots=True)
class UnsendableRequest:
    """A connection over which the request could not be sent."""

    connection: int
    """Its id; 0 if the values exceed the limits of any request."""
    problem: ValueProblem
    """The first reason."""


def unsendable_requests(
    db: Database, config: AccountConfig, connections: Iterable[int], rendered: Rendered, kind: MappingKind, tried: Tried, *, as_query: bool
) -> list[UnsendableRequest]:
    """The connections over which the request could not be sent.

    If there are none, but the values exceed the limits of any request, the result is one entry with the id 0.

    rendered: the mapping's values, each of which can be sent
    as_query: the page shows the values as the query of a GET
    """
    unsendable = []
    for id in sorted(set(connections) & config.connections.keys())[:MOST_CONNECTIONS]:
        problem = _problem_over(db, config, id, rendered, kind, tried)
        if problem is not None:
            unsendable.append(UnsendableRequest(id, problem))
    if unsendable:
        return unsendable
    if kind is MappingKind.HEADER:
        problems = limit_problems("", rendered.headers())
    else:
        try:
            problems = limit_problems(f"https://host/?{query_text(rendered.pairs())}", ()) if as_query else []
        except UnicodeEncodeError:  # a lone surrogate does not make the URL too long; over a connection, `build` reports it
            problems = []
    return [UnsendableRequest(0, each) for each in problems[:1]]


def _problem_over(db: Database, config: AccountConfig, id: int, rendered: Rendered, kind: MappingKind, tried: Tried) -> ValueProblem | None:
    """The first problem of the request over a connection; None if there is none, and for an incomplete connection, whose page says so."""
    secrets = load_secrets(db, vault(), config.id, OWNER, [id]).get(id, {})
    try:
        prepared = prepare(config.connections[id], secrets)
    except HeliographError:
        return None
    payload, headers = rendered, None
    if kind is MappingKind.HEADER:
        nothing = render(FieldMapping("?"), tried.facts, timezone=tried.zone)
        assert isinstance(nothing, Rendered)  # without rows nothing is invalid
        payload, headers = nothing, rendered
    request = prepared.build(payload, headers, tried.facts, webhook_id=_ANY_ID, timezone=tried.zone)
    return request.problems[0] if isinstance(request, InvalidValues) else None
