"""The Activity Feed (guide: Activity Feed; X4)."""

from __future__ import annotations

from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from dmr import Query
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.feed_documents import FeedDocument, FeedItems, FeedQuery
from heliograph.api.list_answers import items_of
from heliograph.api.token_access import READ
from heliograph.deliveries.account_reader import account_reader
from heliograph.insights.feed import Feed
from heliograph.store.instants import from_micros


class ActivityFeed(ApiController):
    """The Activity Feed."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_query: Query[FeedQuery]) -> FeedItems:
        """List the changes that flows acted on, the newest first, each with what became of it at every destination."""
        with account_reader(self.account.pk) as reader:
            feed_filter = parsed_query.feed_filter(reader.db.now(), ZoneInfo(self.account.timezone))
            feed = Feed(reader, feed_filter, until=parsed_query.paused_at)
            page = feed.page(parsed_query.position, size=parsed_query.limit)
            documents = [FeedDocument.from_feed_row(row, reader) for row in page.rows]
        answer = items_of(self.request, page.with_rows(documents), lambda document: document)
        looked_to = from_micros(int(page.scan_end[0])) if page.scan_end is not None else None
        return FeedItems(items=answer.items, next=answer.next, looked_to=looked_to)


ROUTES: Final = [path("feed", ActivityFeed.as_view())]
