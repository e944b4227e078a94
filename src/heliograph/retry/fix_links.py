"""Links to the page where a cause can be fixed: beside each group and item of the Retry Queue (D6), and beside the gate that stopped a
change (F9).

A user who may not change a thing gets no link to change it (P1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import may
from heliograph.deliveries.prospects import NO_PROSPECT, Prospect
from heliograph.deliveries.why import Why
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.decision import GateName
from heliograph.domain.flow.sending import destination_of
from heliograph.retry.cure_words import Failure

_CONNECTION = (Cause.TLS, Cause.BLOCKED, Cause.OAUTH, Cause.BAD_REQUEST)
_FLOW = (Cause.FLOW_INACTIVE, Cause.FLOW_INCOMPLETE, Cause.FLOW_MODE, Cause.FLOW_WATCH, Cause.MAPPING_GONE, Cause.CONNECTION_GONE)


@dataclass(frozen=True, slots=True)
class FixLink:
    """A link to a fix: its words, "" if there is no such page, and its URL."""

    text: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure and where it happened. flow and destination: ids; None if the items of a cause differ in it."""

    failure: Failure
    flow: int | None = None
    destination: int | None = None
    prospect: Prospect = NO_PROSPECT


def cured_at(trouble: Trouble, config: AccountConfig, user: User) -> FixLink:
    """The page that fixes it, among those that this user may change."""
    failure, prospect, cause = trouble.failure, trouble.prospect, trouble.failure.cause
    if cause is Cause.UNTAGGED:
        return FixLink(_("Tag it"), reverse("tag-coverage")) if may(user, Role.PLANNER) else FixLink()
    if prospect.is_over or not may(user, Role.ADMINISTRATOR):
        return FixLink()
    if (cause in _FLOW or prospect.stop in _FLOW) and trouble.flow in config.flows:
        return FixLink(_("Open the flow"), reverse("flow", args=(trouble.flow,)))
    if prospect.connection not in (None, failure.connection):  # the flow sends over another connection now
        return FixLink()
    setup = FixLink()
    if failure.connection in config.connections:
        setup = FixLink(_("Open Connection Setup"), reverse("connection", args=(failure.connection,)))
    if cause in _CONNECTION or failure.is_of_setup:
        return setup
    return _mapping(trouble, config) or setup if failure.is_of_mapping else FixLink()


_CHANGED_AT = {
    GateName.ACTIVE: (gettext_lazy("Open the flow"), ""),
    GateName.MODE: (gettext_lazy("Open the flow"), ""),
    GateName.FILTERS: (gettext_lazy("Change the filters of this flow"), "#filters"),
    GateName.ACTIVATION: (gettext_lazy("Change the tags of this flow"), "#source"),
}
"""Where a flow is edited to let a change through one of its gates."""


_PLACES = {GateName.WATCH: "#source", GateName.ACTIVE: "", GateName.MODE: "", GateName.FILTERS: "#filters", GateName.ACTIVATION: "#source"}
"""The part of the flow editor in which each gate is set."""


def with_places(why: Why, config: AccountConfig, user: User) -> Why:
    """The same, with the place of each gate where it is changed (F9), for who may change it."""
    if why.flow.id not in config.flows or not may(user, Role.ADMINISTRATOR):
        return why
    flow = reverse("flow", args=(why.flow.id,))
    places = {name.value: f"{flow}{part}" for name, part in _PLACES.items()} | {"": f"{flow}#destination"}
    return replace(why, gates=[replace(gate, place=places[gate.gate]) for gate in why.gates])


def with_cure(why: Why, config: AccountConfig, user: User) -> Why:
    """The same, with a link in the gate that stopped the change (F9). A Viewer, or a deleted flow, gets none."""
    place = FixLink()
    if why.curable:
        place = cured_at(Trouble(Failure(Cause.UNTAGGED)), config, user)
    elif why.stopped in _CHANGED_AT and why.flow.id in config.flows and may(user, Role.ADMINISTRATOR):
        text, part = _CHANGED_AT[why.stopped]
        place = FixLink(str(text), reverse("flow", args=(why.flow.id,)) + part)
    gates = [replace(gate, fix=place.text, fix_href=place.href) if gate.state in ("stopped", "wait") else gate for gate in why.gates]
    return replace(why, gates=gates)


def _mapping(trouble: Trouble, config: AccountConfig) -> FixLink | None:
    """The mapping that built what was refused."""
    found = destination_of(config, trouble.flow or 0, trouble.destination or 0)
    mapping = config.mappings.get(found.payload_mapping or 0) if found else None
    if found is None or mapping is None:
        return None
    return FixLink(_("Edit %(mapping)s") % {"mapping": mapping.name}, reverse("mapping", args=(found.payload_mapping,)))
