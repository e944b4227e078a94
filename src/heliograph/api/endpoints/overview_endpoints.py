"""An account at a glance (guide: The Overview; N2)."""

from __future__ import annotations

from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.overview_documents import OverviewDocument
from heliograph.api.token_access import READ
from heliograph.deliveries.account_reader import account_reader
from heliograph.overview.account_overview import AccountOverview


class Overview(ApiController):
    """The account at a glance."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self) -> OverviewDocument:
        """Read what needs somebody, and what was delivered today at each destination."""
        with account_reader(self.account.pk, snapshot=True) as reader:
            return OverviewDocument.read(AccountOverview(reader, ZoneInfo(self.account.timezone)))


ROUTES: Final = [path("overview", Overview.as_view())]
