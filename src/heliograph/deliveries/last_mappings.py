"""The mappings of an action's last attempt, with which "As it was" sends it again (D8)."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.ids import read_id
from heliograph.store import configuration_versions
from heliograph.store.database import Database


@dataclass(frozen=True, slots=True)
class MappedThen:
    """The mappings of the last attempt of an action."""

    version: int
    """The version of the account's configuration that contains all of them."""
    destination: Destination
    """The destination as it was then."""
    payload_number: int
    """The number of the payload mapping's version."""


def mapped_then(db: Database, account: int, action: int) -> MappedThen | None:
    """The mappings that the last attempt used; None if it used none, or if their versions are not kept.

    An attempt names its versions by number (F10). They were in force together, so the configuration's version that saved the last of them
    contains all of them.
    """
    rows = db.all(
        "SELECT a.flow_id, a.destination_id, t.versions FROM attempt t JOIN action a ON a.id = t.action_id"
        " WHERE t.action_id = :action AND +t.account_id = :account AND t.versions <> '' ORDER BY t.n DESC LIMIT 1",
        {"action": action, "account": account},
    )
    versions = [read_id(number) or 0 for number in rows[0][2].split(",")] if rows else []
    if len(versions) != 4:
        return None
    flow_id, destination_id, _versions = rows[0]
    past_flow = configuration_versions.past_body(db, account, "flow", flow_id, versions[0])
    if past_flow is None:
        return None
    flow = Flow.from_body(flow_id, versions[0], past_flow[1])
    destination = next((d for d in flow.destinations if d.id == destination_id), None)
    if destination is None or destination.payload_mapping is None:
        return None
    mapping_numbers = [(destination.payload_mapping, versions[2])]
    mapping_numbers += [(destination.header_mapping, versions[3])] if destination.header_mapping is not None else []
    mappings = [configuration_versions.past_body(db, account, "mapping", id, number) for id, number in mapping_numbers]
    saved_at = [mapping[0] for mapping in mappings if mapping is not None]
    if len(saved_at) < len(mapping_numbers):
        return None
    return MappedThen(max([past_flow[0], *saved_at]), destination, versions[2])
