"""An errand for a flow that is being edited: New Connection, New Mapping, and back with what was made (guide: Setting up a Destination).

`?for=7` names the flow; it goes along from page to page. Whoever comes back finds the flow as it was saved.
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
class Errand:
    """flow: id of the flow that something is made for, None for an errand of one's own; name: of that flow. mapping: made along the way, for it.
    does: what a request of the application does, which a preset knows (F8)."""

    flow: int | None = None
    name: str = ""
    mapping: int | None = None
    does: Does | None = None

    @classmethod
    def of(cls, request: AccountRequest) -> Errand:
        """The errand of a request. Raises Http404 for a flow that the account does not have."""
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
        """An address of the errand's own pages."""
        return path if self.flow is None else f"{path}?{urlencode({'for': self.flow, **self._made})}"

    def back(self, elsewhere: str, **made: int) -> str:
        """Back to the flow with what was made, or elsewhere where nobody waits for it."""
        if self.flow is None:
            return elsewhere
        flow = reverse("flow", args=(self.flow,))
        brought = self._made | made
        return f"{flow}?{urlencode(brought)}" if brought else flow
