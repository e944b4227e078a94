"""What uses a thing of the set-up, as JSON (P12)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from heliograph.api.documents.shared_forms import Document, Id
from heliograph.setup.usage import Use


class UseDocument(Document):
    """Something that uses an object of the set-up: a flow, a mapping, an event, or registrations, which are counted."""

    kind: Annotated[
        str, msgspec.Meta(description="Such as `flow`, `mapping`, `event`; `registrations` for all of an event or of the account.")
    ]
    id: Annotated[Id, msgspec.Meta(description="Its id; of `registrations` the id of their event, or of the account.")]
    name: Annotated[str, msgspec.Meta(description="Its name; of `registrations` and of an event the code of the event.")]
    count: Annotated[int, msgspec.Meta(description="How many, of `registrations`; otherwise 1.")]

    @classmethod
    def from_use(cls, use: Use) -> UseDocument:
        """The document of a use."""
        return cls(kind=use.kind, id=str(use.id), name=use.name, count=use.count)
