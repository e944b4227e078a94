"""The fields by which flows filter, and the values that they offer (guide: Flow Filters; F6)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec
from django.utils.translation import gettext
from dmr import Query
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.shared_forms import Document
from heliograph.api.list_answers import Items, all_of
from heliograph.api.token_access import READ
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.flow import Flow, Op, Watch
from heliograph.flows.drafts import subject_of
from heliograph.flows.filter_values import FilterValues


class FilterFieldQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The parameter of the list of fields."""

    watch: Annotated[Watch, msgspec.Meta(description="What the flow watches for.")] = Watch.REGISTRATION


class FilterFieldDocument(Document):
    """A field by which a flow can filter."""

    field: Annotated[str, msgspec.Meta(description="Its key.")]
    label: str
    group: Annotated[str, msgspec.Meta(description="As pages group the fields.")]
    ops: Annotated[list[Op], msgspec.Meta(description="The comparisons that fit it.")]


class FilterValueQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The parameters of the values."""

    field: Annotated[str, msgspec.Meta(max_length=100, description="The key of the field.")]
    op: Annotated[Op, msgspec.Meta(description="The comparison.")] = Op.IS_ANY_OF


class FilterValue(Document):
    """A value that can be chosen."""

    value: str
    label: str


class OfferedValues(Document):
    """The values that a filter offers."""

    values: list[FilterValue]
    closed: Annotated[bool, msgspec.Meta(description="True: no other values are accepted.")]
    whole: Annotated[bool, msgspec.Meta(description="False: there are older ones that are accepted, too.")]


class FilterFields(ApiController):
    """The fields of filters."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_query: Query[FilterFieldQuery]) -> Items[FilterFieldDocument]:
        """List the fields by which a flow can filter, with the comparisons that fit them."""
        with account_reader(self.account.pk) as reader:
            values = FilterValues(reader.db, reader.account, reader.config)
            fields = values.fields(subject_of(Flow(0, watch=parsed_query.watch)))
        return all_of(
            fields,
            lambda each: FilterFieldDocument(
                field=each.key,
                label=each.label,
                group=gettext(each.group),
                ops=[op for op in Op if op.fits(each.shape)],
            ),
        )


class FilterValueList(ApiController):
    """The values of filters."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_query: Query[FilterValueQuery]) -> OfferedValues:
        """Read the values that a filter offers. Any day and any number can be sent, and any text unless `closed` is true."""
        with account_reader(self.account.pk) as reader:
            offered = FilterValues(reader.db, reader.account, reader.config).offered(parsed_query.field, parsed_query.op)
        values = [FilterValue(value=value, label=label) for value, label in offered.labels.items()]
        return OfferedValues(values=values, closed=offered.closed, whole=offered.whole)


ROUTES: Final = [
    path("flows/filter-fields", FilterFields.as_view()),
    path("flows/filter-values", FilterValueList.as_view()),
]
