"""The floor under the sender posts to this machine only."""

from __future__ import annotations

import pytest

from heliograph.outbound.floor import Loop, NotHere, is_here


@pytest.mark.parametrize("url", ["http://127.0.0.1:8700/hook", "http://127.0.0.1/hook", "http://127.0.0.1:8700"])
def test_this_machine_is_here(url: str) -> None:
    assert is_here(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8700@example.org/",
        "http://127.0.0.1:x@example.org/",
        "http://127.0.0.1.example.org/",
        "http://127.0.0.1:8700.example.org/",
        "http://127.0.0.1:8700\\@example.org/",
        "http://127.0.0.11:80/",
        "https://127.0.0.1:8700/",
        "http://example.org/#http://127.0.0.1:8700/",
        "file:///etc/passwd",
        "",
    ],
)
def test_what_only_begins_like_it_is_not(url: str) -> None:
    assert not is_here(url)
    with pytest.raises(NotHere):
        Loop(url, 1)
