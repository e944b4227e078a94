"""Accounts and users (P1)."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from heliograph.accounts.models import Account, User

pytestmark = pytest.mark.django_db


def test_P1_one_address_is_one_person_whatever_its_case() -> None:
    user = User.objects.create_user("Zoe@Example.org ", name="Zoë")
    assert user.email == "zoe@example.org"
    assert User.objects.get_by_natural_key(" ZOE@example.ORG") == user
    with pytest.raises(ValidationError, match="already exists"):
        User.objects.create_user("ZOE@EXAMPLE.ORG", name="Another")


def test_P1_the_database_itself_refuses_a_second_spelling_of_an_address() -> None:
    User.objects.create_user("zoe@example.org", name="Zoë")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(email="Zoe@example.org", name="Another")])


def test_P1_the_database_refuses_an_unknown_role() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(email="a@example.org", name="A", role="Owner")])


def test_P1_a_user_without_password_cannot_sign_in_by_one() -> None:
    assert not User.objects.create_user("a@example.org", name="A").has_usable_password()


@pytest.mark.parametrize("code", ["", "with space", "ümlaut", "a/b", "x" * 26, "line\n"])
def test_P1_an_account_code_is_1_to_25_letters_digits_and_dashes(code: str) -> None:
    with pytest.raises(ValidationError):
        Account(code=code, name="Name").full_clean()


def test_P1_a_time_zone_must_exist() -> None:
    with pytest.raises(ValidationError, match="is not a time zone"):
        Account(code="A-1", name="Name", timezone="Europe/Atlantis").full_clean()
    Account(code="A-1", name="Name", timezone="Europe/Berlin").full_clean()
