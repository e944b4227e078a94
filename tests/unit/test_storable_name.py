"""What a name may hold: any character of any script except control characters, however long the text is."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from django.core.exceptions import ValidationError

from heliograph.setup.name_fields import storable


@pytest.mark.parametrize("control", [chr(i) for i in range(sys.maxunicode + 1) if unicodedata.category(chr(i)) == "Cc"])
def test_a_name_with_a_control_character_is_refused(control: str) -> None:
    with pytest.raises(ValidationError):
        storable(f"A{control}B")


def test_a_name_takes_every_other_character() -> None:
    storable("".join(chr(i) for i in range(0x20, sys.maxunicode + 1) if unicodedata.category(chr(i)) not in ("Cc", "Cs")))
