"""New Connection and New Mapping for a flow that is being edited, and back with the result (guide: Setting up a Destination).

`?for=7` names the flow and is passed from page to page. On return, the flow is as it was last saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404
from django.urls import reverse

from heliograph.accounts.roles import AccountRequest
from heliograph.domain.delivery.action import Does
from heliograph.domain.ids import read_id
from heliograph.setup.services.dependents import flow_name
from heliograph.web.forms import member_of


@dataclass(frozen=True, slots=True)
class ReturnToFlow:
    """The flow for which a connection or mapping is created."""

    flow: int | None = None
    """Its id; None if nothing is created for a flow."""
    name: str = ""
    mapping: int | None = None
    """The id of the mapping that was created for it on the way."""
    does: Does | None = None
    """What a request does at the application (F8), as its preset says; None without a preset."""

    @classmethod
    def from_request(cls, request: AccountRequest) -> ReturnToFlow:
        """Reads it from a request. Raises Http404 for a flow that the account does not have."""
        text = request.GET.get("for", "")
        if not text:
            return cls()
        flow = read_id(text)
        name = None if flow is None else flow_name(request.account.pk, flow)
        if name is None:
            raise Http404
        return cls(flow, name, read_id(request.GET.get("mapping", "")), member_of(Does, request.GET.get("does"), None))

    @property
    def _made(self) -> dict[str, int | str]:
        made: dict[str, int | str] = {} if self.mapping is None else {"mapping": self.mapping}
        return made if self.does is None else made | {"does": self.does.value}

    def address(self, path: str) -> str:
        """The URL of another page that keeps the flow."""
        return path if self.flow is None else f"{path}?{urlencode({'for': self.flow, **self._made})}"

    def back(self, elsewhere: str, **made: int) -> str:
        """The URL back to the flow with what was created, or `elsewhere` if there is no flow."""
        if self.flow is None:
            return elsewhere
        flow = reverse("flow", args=(self.flow,))
        brought = self._made | made
        return f"{flow}?{urlencode(brought)}" if brought else flow
