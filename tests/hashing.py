"""Passwords of test users: the product's own hash with one round, so that a process under test can check them too."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OneRound(PBKDF2PasswordHasher):
    iterations = 1
