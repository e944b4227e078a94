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
from heliograph.deliveries.explanation import Why
from heliograph.deliveries.prospects import NO_PROSPECT, Prospect
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.decision import GateName
from heliograph.domain.flow.stop_causes import destination_of
from heliograph.retry.cure_words import Failure

_CONNECTION = (Cause.TLS, Cause.BLOCKED, Cause.OAUTH, Cause.BAD_REQUEST, Cause.RULE)
_FLOW = (Cause.FLOW_INACTIVE, Cause.FLOW_INCOMPLETE, Cause.FLOW_MODE, Cause.FLOW_WATCH, Cause.MAPPING_GONE, Cause.CONNECTION_GONE)


@dataclass(frozen=True, slots=True)
class FixLink:
    """A link to the page that fixes a failure. Text and URL are "" if there is no such page."""

    text: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure and where it happened."""

    failure: Failure
    flow: int | None = None
    """The flow's id; None if the items of a cause have several."""
    destination: int | None = None
    """The destination's id; None if the items of a cause have several."""
    prospect: Prospect = NO_PROSPECT


def cured_at(trouble: Trouble, config: AccountConfig, user: User) -> FixLink:
    """The link to the page that fixes a failure, if this user may change it there."""
    failure, prospect, cause = trouble.failure, trouble.prospect, trouble.failure.cause
    if cause is Cause.UNTAGGED and prospect.stop is None:
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
    if not failure.is_of_mapping:
        return FixLink()
    # The mapping that built the refused request, unless it is gone.
    destination = destination_of(config, trouble.flow or 0, trouble.destination or 0)
    mapping = config.mappings.get(destination.payload_mapping or 0) if destination else None
    if destination is None or mapping is None:
        return setup
    return FixLink(_("Edit %(mapping)s") % {"mapping": mapping.name}, reverse("mapping", args=(destination.payload_mapping,)))


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
    """The decision, with a link from each gate to the place where it is edited (F9). A user who may not edit flows gets it unchanged."""
    if why.flow.id not in config.flows or not may(user, Role.ADMINISTRATOR):
        return why
    flow = reverse("flow", args=(why.flow.id,))
    places = {name.value: f"{flow}{part}" for name, part in _PLACES.items()} | {"": f"{flow}#destination"}
    return replace(why, gates=[replace(gate, place=places[gate.gate]) for gate in why.gates])


def with_cure(why: Why, config: AccountConfig, user: User) -> Why:
    """The decision, with a link in the gate that stopped the change to the page that cures it (F9).

    There is no link for a Viewer, nor for a flow that was deleted.
    """
    place = FixLink()
    if why.curable:
        place = cured_at(Trouble(Failure(Cause.UNTAGGED)), config, user)
    elif why.stopped in _CHANGED_AT and why.flow.id in config.flows and may(user, Role.ADMINISTRATOR):
        text, part = _CHANGED_AT[why.stopped]
        place = FixLink(str(text), reverse("flow", args=(why.flow.id,)) + part)
    gates = [replace(gate, fix=place.text, fix_href=place.href) if gate.state in ("stopped", "wait") else gate for gate in why.gates]
    return replace(why, gates=gates)
