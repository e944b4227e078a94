"""Tags."""

from __future__ import annotations

from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.models import Tag
from heliograph.setup.services.tags import TagFacts, save_tag
from heliograph.setup.services.transaction import SetupTransaction


def tag(transaction: SetupTransaction, name: str, *kinds: TagKind, label: str = "") -> Tag:
    """A new tag for these kinds of things."""
    return save_tag(transaction, TagFacts(name, frozenset(kinds), label))
