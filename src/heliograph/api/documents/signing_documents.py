"""The signing of a connection's requests as JSON (C7)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from heliograph.api.documents.shared_forms import Document


class SigningState(Document):
    """Whether a connection's requests are signed (Standard Webhooks)."""

    is_signed: bool
    is_rotating: Annotated[bool, msgspec.Meta(description="A new secret was made, and the one before signs as well until it is finished.")]


class NewSigningSecret(Document):
    """A new secret. It is in this answer only."""

    secret: Annotated[str, msgspec.Meta(description="`whsec_…`, to be entered at the target.")]
    is_rotating: bool
