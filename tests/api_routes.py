"""Every endpoint of the REST API, and what a token needs for it. An endpoint that is missing here fails `test_api_routes`."""

from __future__ import annotations

from typing import Final

from heliograph.accounts.models import Role, TokenScope

type Route = tuple[str, str]
type Need = tuple[TokenScope, Role]

_READ: Final = (TokenScope.READ, Role.VIEWER)
_OPERATE: Final = (TokenScope.OPERATE, Role.PLANNER)
_SET_UP: Final = (TokenScope.SET_UP, Role.ADMINISTRATOR)

ROUTES: Final[dict[Route, Need]] = {
    ("GET", "jobs"): _READ,
    ("GET", "jobs/{job}"): _READ,
    ("POST", "jobs/{job}/pause"): _OPERATE,
    ("POST", "jobs/{job}/resume"): _OPERATE,
    ("POST", "jobs/{job}/cancel"): _OPERATE,
    ("GET", "tags"): _READ,
    ("POST", "tags"): _SET_UP,
    ("GET", "tags/{tag}"): _READ,
    ("PATCH", "tags/{tag}"): _SET_UP,
    ("DELETE", "tags/{tag}"): _SET_UP,
    ("POST", "tags/{tag}/merge"): _SET_UP,
}
