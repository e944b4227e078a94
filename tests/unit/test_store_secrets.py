"""Encrypted secrets can only be decrypted in their own place, with the right key (C5)."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from heliograph.store.secrets import MisplacedSecret, SecretPlace, Vault, WrongKey

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
PLACE = SecretPlace(1, "connection", 7, "password")
places = st.builds(SecretPlace, st.integers(0, 2**63 - 1), st.text(max_size=20), st.integers(0, 2**63 - 1), st.text(max_size=60))


@given(places, st.text())
def test_C5_what_was_sealed_opens(place: SecretPlace, text: str) -> None:
    vault = Vault([NEW])
    assert vault.open(place, vault.seal(place, text)) == text


@given(places, places, st.text())
def test_C5_a_secret_opens_only_in_its_place(place: SecretPlace, other: SecretPlace, text: str) -> None:
    vault = Vault([NEW])
    sealed = vault.seal(place, text)
    if other != place:
        with pytest.raises(MisplacedSecret) as error:
            vault.open(other, sealed)
        assert sealed.decode() not in str(error.value)


def test_C5_another_key_does_not_open_and_says_where() -> None:
    sealed = Vault([OLD]).seal(PLACE, "hunter2")
    with pytest.raises(WrongKey, match="connection 7, password"):
        Vault([NEW]).open(PLACE, sealed)


@pytest.mark.parametrize(
    "change",
    [lambda sealed: sealed[:-1], lambda sealed: b"", lambda sealed: sealed[:-9] + b"AAAAAAAA="],
    ids=["cut", "empty", "another signature"],
)
def test_C5_a_damaged_secret_is_refused(change) -> None:
    vault = Vault([NEW])
    with pytest.raises(WrongKey):
        vault.open(PLACE, change(vault.seal(PLACE, "hunter2")))


def test_C5_a_new_key_in_front_opens_the_old_and_renews_it() -> None:
    sealed = Vault([OLD]).seal(PLACE, "hunter2")
    both = Vault([NEW, OLD])
    assert both.open(PLACE, sealed) == "hunter2"
    renewed = both.renewed(PLACE, sealed)
    assert renewed is not None
    assert Vault([NEW]).open(PLACE, renewed) == "hunter2"
    assert both.renewed(PLACE, renewed) is None


def test_C5_neither_text_nor_key_shows() -> None:
    vault = Vault([NEW])
    assert b"hunter2" not in vault.seal(PLACE, "hunter2")
    assert vault.seal(PLACE, "hunter2") != vault.seal(PLACE, "hunter2")
    assert NEW not in repr(vault)


def test_C5_what_is_no_key_is_refused() -> None:
    for keys in (["short"], [NEW[:-1]], []):
        with pytest.raises(ValueError, match="Fernet"):
            Vault(keys)
