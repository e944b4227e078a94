"""The page of an error that nobody expected: 500, or 503 if the database could not be used. It promises nothing that it cannot know."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import Final

from django.db import InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponse
from django.template import loader

from heliograph.store import driver_errors
from heliograph.store.database_trouble import Trouble, trouble_of

RETRY_AFTER: Final = 5
"""Seconds after which a program may ask again."""
BUGS: Final = ("no such ", "near ", "ambiguous ", "no query solution")
"""SQLite reports wrong statements as operational errors, too. Their messages begin like this."""


def server_error(_request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the error is handled."""
    error = sys.exception()
    is_database = is_database_trouble(error)
    if trouble_of(error) is Trouble.READ_ONLY:
        connections.close_all()  # Django would keep this thread's session with a standby, which answers reads
    status = HTTPStatus.SERVICE_UNAVAILABLE if is_database else HTTPStatus.INTERNAL_SERVER_ERROR
    response = HttpResponse(loader.get_template("500.html").render({"is_database": is_database}), status=status)
    response["Cache-Control"] = "no-store"
    if is_database:
        response["Retry-After"] = str(RETRY_AFTER)
    return response


def is_database_trouble(error: BaseException | None) -> bool:
    """True if the database could not be used, for another reason than a wrong statement of ours."""
    if trouble_of(error) is Trouble.READ_ONLY:  # a standby: for the driver no operational error
        return True
    return isinstance(error, driver_errors.operational(OperationalError, InterfaceError)) and not str(error).startswith(BUGS)
