"""What the tests of crowds and kills share with those of the engine: the receiver and the story."""

from __future__ import annotations

from tests.integration.conftest import receiver, story

__all__ = ["receiver", "story"]
