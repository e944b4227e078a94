"""The words for what a request does at its target (F8)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from heliograph.domain.delivery.action import Does

DOES = {Does.UPDATES: gettext_lazy("Updates the same record (CRM)"), Does.ADDS: gettext_lazy("Posts a new message each time (chat, sheet)")}
