"""A URL has one reading or none (C6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.outbound.target import InvalidTarget, Target, read_target


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "literal", "sent"),
    [
        ("https://hooks.example.org/a?b=c", "https", "hooks.example.org", 443, False, "https://hooks.example.org/a?b=c"),
        ("HTTPS://Hooks.Example.ORG:443/A", "https", "hooks.example.org", 443, False, "https://hooks.example.org/A"),
        ("http://example.org", "http", "example.org", 80, False, "http://example.org/"),
        ("http://example.org?x=1", "http", "example.org", 80, False, "http://example.org/?x=1"),
        ("http://example.org/#part", "http", "example.org", 80, False, "http://example.org/"),
        ("https://example.org:8443/", "https", "example.org", 8443, False, "https://example.org:8443/"),
        ("https://example.org:/", "https", "example.org", 443, False, "https://example.org/"),
        ("https://bücher.example/ü?q=日", "https", "xn--bcher-kva.example", 443, False, "https://xn--bcher-kva.example/%C3%BC?q=%E6%97%A5"),
        ("https://BÜCHER.example/", "https", "xn--bcher-kva.example", 443, False, "https://xn--bcher-kva.example/"),
        ("https://_dmarc.my-host.example/", "https", "_dmarc.my-host.example", 443, False, "https://_dmarc.my-host.example/"),
        ("https://example.org/a@b:c", "https", "example.org", 443, False, "https://example.org/a@b:c"),
        ("https://example.org/%2f%00", "https", "example.org", 443, False, "https://example.org/%2f%00"),
        ("http://127.1:8080/", "http", "127.0.0.1", 8080, True, "http://127.0.0.1:8080/"),
        ("http://0x7f000001/", "http", "127.0.0.1", 80, True, "http://127.0.0.1/"),
        ("http://[::FFFF:127.0.0.1]:80/", "http", "::ffff:127.0.0.1", 80, True, "http://[::ffff:127.0.0.1]/"),
    ],
)
def test_C6_reads(url: str, scheme: str, host: str, port: int, literal: bool, sent: str) -> None:
    target = read_target(url)
    assert (target.scheme, target.host, target.port, target.literal, target.url) == (scheme, host, port, literal, sent)


def test_C5_what_may_be_shown_is_host_and_port() -> None:
    target = read_target("https://hooks.example.org:8443/T000/SECRET?token=SECRET")
    assert str(target) == "hooks.example.org:8443"
    assert "SECRET" not in repr(target)


@given(st.text(st.characters(codec=None), max_size=60))
def test_C6_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.org/{text}"):
        try:
            target = read_target(url)
        except InvalidTarget:
            continue
        assert isinstance(target, Target)
        assert target.url.isascii()
        assert read_target(target.url) == target


@given(st.text(max_size=30), st.sampled_from(["@", "\\", " ", "\n", "\t", "\0", "%", "[", "]"]), st.text(max_size=30))
def test_C6_an_authority_with_a_second_reading_is_refused(before: str, sign: str, after: str) -> None:
    authority = "".join(character for character in f"a{before}{sign}{after}" if character not in "/?#")
    with pytest.raises(InvalidTarget):
        read_target(f"https://{authority}/")
