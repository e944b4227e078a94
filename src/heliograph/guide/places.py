"""Maps screens to chapters of the guide, by the screen's URL name.

A new page needs an entry here; tests/architecture/test_guide.py checks that. Actions that only accept a form have none.
"""

from __future__ import annotations

_TAGS = "tags#setting-tags-up-for-an-account"
_STATUSES = "tags#registration-statuses"
_FIELDS = "events#event-data-and-profile-data"
_CONNECTION = "connections#adding-a-connection"
_FLOW = "flows#configuring-a-flow"
_PROFILE = "people#your-profile"
_SIGNING_IN = "people#signing-in"

PLACES: dict[str, str] = {
    # Account Settings
    "tags": _TAGS,
    "tag": _TAGS,
    "tag-merge": "tags#renaming-merging-deleting",
    "tag-delete": "tags#renaming-merging-deleting",
    "tag-coverage": "tags#tag-coverage",
    "registration-statuses": _STATUSES,
    "session-registration-statuses": "tags#session-registration-statuses-and-event-statuses",
    "event-statuses": "tags#session-registration-statuses-and-event-statuses",
    "event-data": _FIELDS,
    "event-data-edit": _FIELDS,
    "event-data-delete": _FIELDS,
    "profile-data": _FIELDS,
    "profile-data-edit": _FIELDS,
    "profile-data-delete": _FIELDS,
    "account-settings": "people#the-account",
    "retry-intervals": "retry",
    # an event
    "events": "events#adding-an-event",
    "event-add": "events#adding-an-event",
    "event-details": "tags#events",
    "event-leave-testing": "events#leaving-testing",
    "event-copy": "events#copying-an-event",
    "custom-statuses": "tags#custom-registration-statuses",
    "custom-statuses-edit": "tags#custom-registration-statuses",
    "custom-statuses-delete": "tags#custom-registration-statuses",
    "attendee-types": "tags#attendee-types",
    "attendee-types-edit": "tags#attendee-types",
    "attendee-types-delete": "tags#attendee-types",
    "questions": "tags#registration-questions",
    "questions-edit": "tags#registration-questions",
    "questions-delete": "tags#registration-questions",
    "sessions": "events#sessions",
    "sessions-edit": "events#sessions",
    "sessions-delete": "events#sessions",
    "configure": "tags#custom-registration-properties",
    "configure-edit": "tags#custom-registration-properties",
    "configure-delete": "tags#custom-registration-properties",
    # registrations
    "registrations": "registrations#finding-a-registration",
    "registration": "registrations#changing-a-registration",
    "registration-active": "registrations#deleting-a-registration",
    "registration-add": "registrations#adding-a-registration",
    "registrations-status": "registrations#one-status-for-many",
    "import": "import#upload",
    "import-columns": "import#columns",
    "import-dry-run": "import#dry-run",
    "job": "import#while-it-runs-and-after",
    # Signal
    "signal-first": "overview#the-four-steps",
    "flow-list": "flows#the-flow-list",
    "flow-new": _FLOW,
    "flow": _FLOW,
    "flow-new-test": "flows#trying-a-flow",
    "flow-test": "flows#trying-a-flow",
    "flow-send": "flows#trying-a-flow",
    "flow-copy": "flows#versions-copying-deleting",
    "flow-delete": "flows#versions-copying-deleting",
    "flow-versions": "flows#versions-copying-deleting",
    "connection-list": "connections#what-are-connections",
    "connection-new": _CONNECTION,
    "connection-add": _CONNECTION,
    "connection": _CONNECTION,
    "connection-pause": "connections#pausing-and-releasing",
    "connection-release": "connections#pausing-and-releasing",
    "connection-signing": "connections#signing",
    "connection-rule": "connections#response-rules",
    "connection-versions": "connections#versions",
    "connection-copy": "connections#copying-and-deleting",
    "connection-delete": "connections#copying-and-deleting",
    "mapping-list": "mappings#choosing-one-in-a-flow",
    "mapping-new": "mappings#new-mapping",
    "mapping": "mappings#filling-a-row",
    "mapping-copy": "mappings#versions",
    "mapping-delete": "mappings#versions",
    "mapping-versions": "mappings#versions",
    "connection-access": "connections#oauth2",
    "oauth-connect": "connections#oauth2",
    "oauth-return": "connections#oauth2",
    "insights": "watching#summary",
    "troubleshooting": "watching#troubleshooting",
    "records": "watching#account-insights",
    "feed": "watching#activity-feed",
    "retry": "retry#the-retry-queue",
    "retry-item": "retry#submitting-to-the-queue",
    "replay": "replay#choosing",
    "replay-run": "replay#the-dry-run",
    "replay-send": "replay#the-dry-run",
    "replay-act": "replay#sending",
    "timeline": "watching#the-timeline-of-a-registration",
    # people
    "account_login": _SIGNING_IN,
    "openid_connect_login": _SIGNING_IN,
    "openid_connect_callback": _SIGNING_IN,
    "account_logout": _SIGNING_IN,
    "account_inactive": _SIGNING_IN,
    "mfa_authenticate": "people#second-factor",
    "first-start": "people#the-first-start",
    "invitation": "people#inviting-somebody",
    "new-password": _SIGNING_IN,
    "users": "people#users",
    "user": "people#users",
    "user-invite": "people#inviting-somebody",
    "user-act": "people#users",
    "api-tokens": "people#api-tokens",
    "api-token-new": "people#api-tokens",
    "api-token-revoke": "people#api-tokens",
    "audit": "people#the-audit",
    "me": _PROFILE,
    "end-session": _PROFILE,
    "account_change_password": _PROFILE,
    "account_reauthenticate": _PROFILE,
    "mfa_reauthenticate": "people#second-factor",
    "mfa_activate_totp": "people#second-factor",
    "mfa_deactivate_totp": "people#second-factor",
    "second-factor-replace": "people#second-factor",
    "mfa_view_recovery_codes": "people#second-factor",
    "mfa_generate_recovery_codes": "people#second-factor",
    # the guide itself
    "help": "glossary",
    "help-chapter": "glossary",
}
"""The chapter, and the heading where the screen's part begins."""


def place_of(name: str) -> tuple[str, str]:
    """Chapter and anchor of a screen; both "" if it has none: then Help opens the table of contents."""
    chapter, _, anchor = PLACES.get(name, "").partition("#")
    return chapter, anchor
