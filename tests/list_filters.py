"""The parameters of a list of the API beside those of its page: they have the same names (docs/reference/api.md, Lists)."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from heliograph.api.list_answers import ListQuery
from heliograph.web.list_filters import Filter, ListFilters


def query_names(query: type[ListQuery]) -> set[str]:
    """The parameters of a list, without those of every list."""
    return {field.encode_name for field in msgspec.structs.fields(query)} - {
        field.encode_name for field in msgspec.structs.fields(ListQuery)
    }


def filter_names(filters: type[ListFilters], *, without: Collection[str] = ()) -> set[str]:
    """The parameters of a page's filters. without: those that only show the list in another way."""
    fields = filters.base_fields
    return {field.param or name for name, field in fields.items() if isinstance(field, Filter)} - set(without)
