"""Every endpoint of the REST API, and what a token needs for it. An endpoint that is missing here fails `test_api_routes`."""

from __future__ import annotations

from typing import Final

from heliograph.accounts.models import Role, TokenScope

type Route = tuple[str, str]
type Need = tuple[TokenScope, Role]

_READ: Final = (TokenScope.READ, Role.VIEWER)
_SEND: Final = (TokenScope.INGEST, Role.PLANNER)
_OPERATE: Final = (TokenScope.OPERATE, Role.PLANNER)
_SET_UP: Final = (TokenScope.SET_UP, Role.ADMINISTRATOR)
_READ_PEOPLE: Final = (TokenScope.PEOPLE, Role.VIEWER)
_PEOPLE: Final = (TokenScope.PEOPLE, Role.ADMINISTRATOR)
_READ_SET_UP: Final = (TokenScope.READ, Role.ADMINISTRATOR)
_ADMINISTER: Final = (TokenScope.OPERATE, Role.ADMINISTRATOR)

ROUTES: Final[dict[Route, Need]] = {
    ("GET", "jobs"): _READ,
    ("GET", "jobs/{job}"): _READ,
    ("POST", "jobs/{job}/pause"): _OPERATE,
    ("POST", "jobs/{job}/resume"): _OPERATE,
    ("POST", "jobs/{job}/cancel"): _OPERATE,
    ("GET", "registrations"): _READ,
    ("POST", "registrations"): _SEND,
    ("GET", "registrations/lookup"): _READ,
    ("POST", "registrations/set-status"): _SEND,
    ("POST", "registrations/set-status/preview"): _SEND,
    ("GET", "registrations/{registration}"): _READ,
    ("PATCH", "registrations/{registration}"): _SEND,
    ("GET", "registrations/{registration}/is-active"): _READ,
    ("POST", "registrations/{registration}/is-active"): _SEND,
    ("GET", "registrations/{registration}/history"): _READ,
    ("GET", "registrations/{registration}/timeline"): _READ,
    ("GET", "registrations/{registration}/timeline/summary"): _READ,
    ("POST", "registrations/{registration}/sync"): _OPERATE,
    ("GET", "changes/{change}/flows/{flow}/why"): _READ,
    ("GET", "changes/{change}/flows/{flow}/others"): _READ,
    ("POST", "changes/{change}/flows/{flow}/others/judge-again"): _OPERATE,
    ("GET", "actions/{action}"): _READ,
    ("GET", "actions/{action}/attempts"): _READ,
    ("GET", "registrations.ndjson"): _READ,
    ("POST", "registrations.ndjson"): _SEND,
    ("GET", "tags"): _READ,
    ("POST", "tags"): _SET_UP,
    ("GET", "tags/{tag}"): _READ,
    ("PATCH", "tags/{tag}"): _SET_UP,
    ("DELETE", "tags/{tag}"): _SET_UP,
    ("POST", "tags/{tag}/merge"): _SET_UP,
    ("GET", "users"): _READ_PEOPLE,
    ("POST", "users"): _PEOPLE,
    ("GET", "users/{user}"): _READ_PEOPLE,
    ("PATCH", "users/{user}"): _PEOPLE,
    ("DELETE", "users/{user}"): _PEOPLE,
    ("POST", "users/{user}/links"): _PEOPLE,
    ("DELETE", "users/{user}/sessions"): _PEOPLE,
    ("DELETE", "users/{user}/second-factor"): _PEOPLE,
    ("GET", "sign-in-rules"): _READ_PEOPLE,
    ("PATCH", "sign-in-rules"): _PEOPLE,
    ("GET", "tokens"): _READ_PEOPLE,
    ("POST", "tokens"): _PEOPLE,
    ("GET", "tokens/{token}"): _READ_PEOPLE,
    ("DELETE", "tokens/{token}"): _PEOPLE,
    ("GET", "audit"): _READ,
    ("GET", "flows"): _READ,
    ("POST", "flows"): _SET_UP,
    ("GET", "flows/{flow}"): _READ,
    ("PATCH", "flows/{flow}"): _SET_UP,
    ("DELETE", "flows/{flow}"): _SET_UP,
    ("POST", "flows/{flow}/copies"): _SET_UP,
    ("GET", "flows/{flow}/effects"): _READ,
    ("GET", "connections"): _READ,
    ("POST", "connections"): _SET_UP,
    ("GET", "connections/{connection}"): _READ,
    ("PATCH", "connections/{connection}"): _SET_UP,
    ("DELETE", "connections/{connection}"): _SET_UP,
    ("GET", "connections/{connection}/state"): _READ,
    ("POST", "connections/{connection}/copy"): _SET_UP,
    ("POST", "connections/{connection}/pause"): _ADMINISTER,
    ("POST", "connections/{connection}/resume"): _ADMINISTER,
    ("POST", "connections/{connection}/release"): _ADMINISTER,
    ("GET", "connections/{connection}/test"): _READ,
    ("POST", "connections/{connection}/test"): _SET_UP,
    ("GET", "connections/{connection}/signing"): _READ,
    ("POST", "connections/{connection}/signing"): _SET_UP,
    ("DELETE", "connections/{connection}/signing"): _SET_UP,
    ("POST", "connections/{connection}/signing/finish"): _SET_UP,
    ("GET", "connections/{connection}/rule"): _READ,
    ("PUT", "connections/{connection}/rule"): _SET_UP,
    ("DELETE", "connections/{connection}/rule"): _SET_UP,
    ("POST", "connections/{connection}/rule/trial"): _SET_UP,
    ("POST", "connections/{connection}/rule/proposal"): _SET_UP,
    ("GET", "connections/{connection}/answers"): _READ_SET_UP,
    ("GET", "connections/{connection}/access"): _READ,
    ("GET", "presets"): _READ_SET_UP,
    ("GET", "presets/{preset}"): _READ_SET_UP,
    ("POST", "presets/{preset}/connections"): _SET_UP,
    ("GET", "mappings"): _READ,
    ("POST", "mappings"): _SET_UP,
    ("GET", "mappings/fields"): _READ,
    ("POST", "mappings/preview"): _SET_UP,
    ("POST", "mappings/sample"): _SET_UP,
    ("GET", "mappings/starts"): _READ_SET_UP,
    ("GET", "mappings/{mapping}"): _READ,
    ("PATCH", "mappings/{mapping}"): _SET_UP,
    ("DELETE", "mappings/{mapping}"): _SET_UP,
    ("POST", "mappings/{mapping}/copy"): _SET_UP,
    ("GET", "mappings/{mapping}/preview"): _READ,
}
