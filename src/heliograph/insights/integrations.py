"""The integrations that flows deliver by, each with a page of its own in Metrics (guide: Metrics Dashboard; X1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from heliograph.domain.figures import WEBHOOKS
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.flows.services.rules import INTEGRATION


@dataclass(frozen=True, slots=True)
class Integration:
    """code: of its figures; name: as destinations carry it; segment: in addresses; heading, about: of its page."""

    code: int
    name: str
    segment: str
    heading: str | Promise
    about: str | Promise

    @property
    def key(self) -> str:
        """Of its entry in the panel."""
        return f"posts-{self.segment}"


INTEGRATIONS: Final = (
    Integration(
        WEBHOOKS,
        INTEGRATION,
        "webhooks",
        gettext_lazy("Webhook Posts"),
        gettext_lazy("Only what flows send by webhook: all events, registrations and flows of the account."),
    ),
)


def integration_of(segment: str) -> Integration | None:
    """The integration of an address."""
    return next((each for each in INTEGRATIONS if each.segment == segment), None)


def integrations_by_destination(config: AccountConfig) -> dict[int, Integration]:
    """By which integration each destination of the account's flows delivers."""
    known = {each.name: each for each in INTEGRATIONS}
    return {
        destination.id: known[destination.integration or INTEGRATION]
        for flow in config.flows.values()
        for destination in flow.destinations
        if (destination.integration or INTEGRATION) in known
    }


def integrations_of(config: AccountConfig) -> list[Integration]:
    """Those that the account's flows deliver by; a destination that was saved without one delivers by webhook."""
    used = {destination.integration or INTEGRATION for flow in config.flows.values() for destination in flow.destinations}
    return [each for each in INTEGRATIONS if each.name in used]
