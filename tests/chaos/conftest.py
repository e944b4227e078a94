"""What the tests of crowds and kills share with those of the engine: the receiver and the stories."""

from __future__ import annotations

from tests.integration.conftest import forgetful_story, receiver, story

__all__ = ["forgetful_story", "receiver", "story"]
