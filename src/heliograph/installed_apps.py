"""The Django apps of an installation, for Django's settings and for code that finds their migrations without loading Django."""

from __future__ import annotations

from typing import Final

INSTALLED_APPS: Final = (
    "heliograph.accounts",
    "heliograph.store",
    "heliograph.jobs",
    "heliograph.setup",
    "heliograph.registrations",
    "heliograph.connections",
    "heliograph.mappings",
    "heliograph.presets",
    "heliograph.sources",
    "heliograph.flows",
    "heliograph.recipes",
    "heliograph.deliveries",
    "heliograph.retry",
    "heliograph.timeline",
    "heliograph.insights",
    "heliograph.overview",
    "heliograph.replay",
    "heliograph.notifications",
    "heliograph.administration",
    "heliograph.guide",
    "heliograph.search",
    "heliograph.api",
    "heliograph.web",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "django_htmx",
)
