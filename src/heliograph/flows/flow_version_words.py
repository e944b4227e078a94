"""The words for the versions of a flow: the names of what they name, and of what is gone (F10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.flow import sentence
from heliograph.domain.flow.flow import LISTS, Flow
from heliograph.domain.setup.filter_fields import is_named_by_account
from heliograph.flows import flow_words
from heliograph.flows.flow_facts import FlowDifference, differences, facts, field_name, names_of
from heliograph.flows.services.flow_restoration import Gone, MissingPart
from heliograph.flows.services.rules import named_tags
from heliograph.setup.services.versions import history
from heliograph.setup.version_list import MOST_LOOKED_UP


def body_differences(old: Mapping[str, object], new: Mapping[str, object], names: sentence.SentenceNames) -> list[FlowDifference]:
    """The settings that differ between the bodies of two versions."""
    return differences(*(facts(Flow.from_body(0, 0, body), names) for body in (old, new)))


def gone_texts(gone: Sequence[Gone], names: sentence.SentenceNames) -> list[str]:
    """One text for each thing that the version names but that no longer exists. It says where the version names the thing."""
    return list(dict.fromkeys(_gone_text(each, names) for each in gone))


def _gone_text(gone: Gone, names: sentence.SentenceNames) -> str:
    if gone.part is MissingPart.TAG and gone.place in LISTS:
        return _("%(list)s: the tag %(name)s") % {"list": flow_words.list_name(gone.place), "name": _name(names.tags, gone)}
    if gone.part is MissingPart.TAG:
        return _("Filter %(n)d: the tag %(name)s") % {"n": int(gone.place) + 1, "name": _name(names.tags, gone)}
    if gone.part is MissingPart.FIELD:
        return _("Filter %(n)d: the field %(name)s") % {"n": int(gone.place) + 1, "name": field_name(str(gone.key), names)}
    named = {"of": gone.place or _("without a name")}
    if gone.part is MissingPart.CONNECTION:
        return _("Destination “%(of)s”: the connection %(name)s") % {**named, "name": _name(names.connections, gone)}
    if gone.part is MissingPart.PAYLOAD_MAPPING:
        return _("Destination “%(of)s”: the payload mapping %(name)s") % {**named, "name": _name(names.mappings, gone)}
    return _("Destination “%(of)s”: the header mapping %(name)s") % {**named, "name": _name(names.mappings, gone)}


def _name(names: Mapping[int, str], gone: Gone) -> str:
    return names.get(int(gone.key), f"({gone.key})")


def names_of_versions(reader: AccountReader, id: int) -> sentence.SentenceNames:
    """The names of everything that the versions of the flow name by id. A deleted tag or custom field has the name that it had when a version
    was saved with it."""
    versions = history(reader.db, reader.account, "flow", id)
    flows = [Flow.from_body(id, v.number, v.body) for v in versions]
    names = names_of(reader.config, flows)
    tags, fields = dict(names.tags), dict(names.fields)
    looked_up = 0
    for version, flow in zip(versions, flows, strict=True):
        lost = {tag for _place, tag in named_tags(flow)} - tags.keys()
        unknown = {row.field for row in flow.filters if is_named_by_account(row.field)} - fields.keys()
        if (lost or unknown) and looked_up < MOST_LOOKED_UP:
            looked_up += 1
            then = sentence.SentenceNames.from_config(reader.provider.account(reader.account, version.since))
            tags |= {tag: _("%(name)s (deleted)") % {"name": then.tags[tag]} for tag in lost & then.tags.keys()}
            fields |= {key: _("%(name)s (deleted)") % {"name": then.fields[key]} for key in unknown & then.fields.keys()}
    return sentence.SentenceNames(tags, fields, names.connections, names.mappings)
