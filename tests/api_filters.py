"""Compares the parameters of a list of the REST API with those of its page's address."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from heliograph.api.list_answers import ListQuery
from heliograph.web.list_filters import Filter, ListFilters


def check_filters(query: type[ListQuery], page: type[ListFilters], *, only_page: Mapping[str, str], only_api: Mapping[str, str]) -> None:
    """Asserts that both have the same parameters. only_page, only_api: those that only one has, each with the reason."""
    own = {field.encode_name for field in msgspec.structs.fields(query)}
    shared = {field.encode_name for field in msgspec.structs.fields(ListQuery)}
    of_page = {(field.param if isinstance(field, Filter) else "") or name for name, field in page.base_fields.items()}
    assert own - shared - of_page == only_api.keys()
    assert of_page - own == only_page.keys()
    assert all([*only_page.values(), *only_api.values()]), "each needs its reason"
