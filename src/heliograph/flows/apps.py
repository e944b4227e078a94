"""The Django app of this package."""

from __future__ import annotations

from django.apps import AppConfig


class FlowsConfig(AppConfig):
    name = "heliograph.flows"

    def ready(self) -> None:
        """Registers the flows with the set-up below, which queries and notifies them."""
        from heliograph.flows.flow_dependents import Flows  # noqa: PLC0415 - models are there only now
        from heliograph.setup.services import dependents  # noqa: PLC0415

        dependents.register(Flows())
