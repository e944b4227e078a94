"""The states of registrations as JSON, as recording would have written them, with places for a guest's own values and for the times.

A state is encoded once for all registrations that share it (`seed.history_copies`); a text is that form with the values put in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Final

from heliograph.domain.delivery.retry_policy import MINUTE, SECOND
from heliograph.domain.registration.change import RegistrationState
from heliograph.recording.contents import write_state
from heliograph.seed.request_forms import CODE, MARKS
from heliograph.store.instants import from_micros, to_micros

_TIMES: Final = tuple(datetime(2001, 2, 3, 4, 5, n, tzinfo=UTC) for n in (1, 2, 3))
_PLACES: Final = (*MARKS.values(), CODE, *(time.isoformat().replace("+00:00", "Z") for time in _TIMES))
"""The marks that stand for values: first those of `values_of`, in its order, then created, modified and status_modified."""
_PLACE: Final = re.compile("|".join(_PLACES))


class _Clock(dict[int, str]):
    """Minutes since 1970 as the beginning of a moment in JSON."""

    def __missing__(self, minute: int) -> str:
        text = self[minute] = from_micros(minute * MINUTE).isoformat()[:17]
        return text


_clock: Final = _Clock()


@dataclass(frozen=True, slots=True)
class StateForm:
    """A state as a format."""

    text: str
    places: Any
    times: tuple[tuple[int, str], tuple[int, str], tuple[int, str]]
    """(minute, text of the seconds) of created, modified and status_modified."""

    def filled(self, values: tuple[str, ...], minutes: int) -> str:
        """The JSON for a guest.

        values: from `values_of`
        minutes: minutes by which all times are earlier
        """
        (one, created), (two, modified), (three, status) = self.times
        times = (_clock[one - minutes] + created, _clock[two - minutes] + modified, _clock[three - minutes] + status)
        filled: str = self.text % self.places((*values, *times))
        return filled


def state_form(state: RegistrationState) -> StateForm:
    """The form of a state."""
    profile = {name: MARKS.get(name, text) for name, text in state.profile.items()}
    created, modified, status = _TIMES
    text = write_state(replace(state, code=CODE, profile=profile, created=created, modified=modified, status_modified=status))
    order = [_PLACES.index(mark) for mark in _PLACE.findall(text)]
    places = _PLACE.split(text)
    return StateForm(
        "%s".join(part.replace("%", "%%") for part in places),
        itemgetter(*order),
        (_apart(state.created), _apart(state.modified), _apart(state.status_modified)),
    )


def _apart(moment: datetime) -> tuple[int, str]:
    minute, micros = divmod(to_micros(moment), MINUTE)
    return minute, f"{micros // SECOND:02}.{micros % SECOND:06}Z"
