"""Versions as JSON (F10)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from heliograph.api.documents.flow_documents import FlowSettings, MissingPart, missing_parts, settings_of
from heliograph.api.documents.shared_forms import Document, Instant
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow
from heliograph.flows.flow_facts import FlowDifference
from heliograph.setup.services.versions import Version


class VersionDocument(Document):
    """A version: who saved it, and when."""

    version: Annotated[int, msgspec.Meta(description="Its number.")]
    at: Instant
    by: Annotated[str, msgspec.Meta(description="Who saved it: `user:7`, `token:3`.")]
    restored: Annotated[int | None, msgspec.Meta(description="The number of the version that this one restored; null if it restored none.")]

    @classmethod
    def from_version(cls, version: Version) -> VersionDocument:
        """The document of a version."""
        return cls(version=version.number, at=version.at, by=version.by, restored=version.restored)


class FlowVersion(VersionDocument, kw_only=True):
    """A version of a flow with its settings. They name things by ids, of which some may be gone."""

    settings: FlowSettings

    @classmethod
    def from_flow_version(cls, version: Version) -> FlowVersion:
        """The document of a version."""
        head = msgspec.structs.asdict(VersionDocument.from_version(version))
        return cls(**head, settings=FlowSettings(**settings_of(Flow.from_body(0, version.number, version.body))))


class SettingDifference(Document):
    """A setting that differs, in words. A side that lacks it is an empty text."""

    setting: Annotated[str, msgspec.Meta(description="Its name on pages.")]
    before: str
    after: str

    @classmethod
    def from_difference(cls, difference: FlowDifference) -> SettingDifference:
        """The document of a difference."""
        return cls(setting=difference.label, before=difference.before, after=difference.after)


class VersionComparison(Document):
    """What differs between two versions."""

    older: Annotated[int | None, msgspec.Meta(description="Null: there is only one version.")]
    newer: int
    differences: list[SettingDifference]


class FlowRestoration(Document):
    """What restoring a version of a flow would do."""

    left_out: Annotated[list[str], msgspec.Meta(description="What the version names and what is gone, in words.")]
    missing: Annotated[list[MissingPart], msgspec.Meta(description="What the flow would lack.")]
    stops: Annotated[bool, msgspec.Meta(description="True: the flow runs, and would stop.")]
    settings: Annotated[
        FlowSettings, msgspec.Meta(description="The flow as it would be saved, with destinations that are gone as new ones.")
    ]

    @classmethod
    def from_flow(cls, flow: Flow, left_out: list[str], config: AccountConfig, *, running: bool) -> FlowRestoration:
        """The document of a restoration. running: the flow runs now."""
        lacks = missing_parts(flow, config)
        return cls(left_out=left_out, missing=lacks, stops=running and bool(lacks), settings=FlowSettings(**settings_of(flow)))
