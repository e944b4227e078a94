"""The integrations that flows deliver by, each with a page of its own in Metrics (guide: Metrics Dashboard; X1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from heliograph.domain.figures import WEBHOOKS
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.flows.services.rules import INTEGRATION


@dataclass(frozen=True, slots=True)
class Integration:
    """An integration, by which destinations deliver."""

    code: int
    """Its number in the figures."""
    name: str
    """Its name, as destinations store it."""
    segment: str
    """Its part of a URL."""
    heading: str | Promise
    """The heading of its page."""
    about: str | Promise
    """The introduction of its page."""

    @property
    def key(self) -> str:
        """The key of its entry in the panel."""
        return f"posts-{self.segment}"


INTEGRATIONS: Final = (
    Integration(
        WEBHOOKS,
        INTEGRATION,
        "webhooks",
        gettext_lazy("Webhook Posts"),
        gettext_lazy("Only what flows send by webhook, for all events, registrations and flows of the account."),
    ),
)


def integration_of(segment: str) -> Integration | None:
    """The integration with this part of a URL; None if there is none."""
    return next((each for each in INTEGRATIONS if each.segment == segment), None)


def integrations_by_destination(config: AccountConfig) -> dict[int, Integration]:
    """The integration of each destination of the account's flows, by the destination's id."""
    known = {each.name: each for each in INTEGRATIONS}
    return {
        destination.id: known[destination.integration or INTEGRATION]
        for flow in config.flows.values()
        for destination in flow.destinations
        if (destination.integration or INTEGRATION) in known
    }


def integrations_of(config: AccountConfig) -> list[Integration]:
    """The integrations of the account's flows. A destination that was saved without one delivers by webhook."""
    used = {destination.integration or INTEGRATION for flow in config.flows.values() for destination in flow.destinations}
    return [each for each in INTEGRATIONS if each.name in used]
