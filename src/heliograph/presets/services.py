"""Creates connections and mappings from presets (B3). The created rows are ordinary ones and can be edited afterwards."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from heliograph.connections.models import Connection
from heliograph.connections.preset_files import presets
from heliograph.connections.services.connections import ConnectionFacts, may_be_plain, save_connection
from heliograph.domain.connection.presets import BlanksWrong, Preset
from heliograph.domain.connection.secret import Secret
from heliograph.domain.mapping.mapping import MAX_NAME
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.services import save_mapping
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere


@dataclass(frozen=True, slots=True)
class MadeFromPreset:
    """The connection and the mappings that were created from a preset."""

    preset: Preset
    connection: Connection
    mappings: tuple[StoredMapping, ...]


def preset(key: str) -> Preset:
    """The preset with this key. Raises NotThere."""
    matching_preset = next((each for each in presets() if each.key == key), None)
    if matching_preset is None:
        raise NotThere(f"There is no preset {key!r}.")
    return matching_preset


def suggested_name(account: int, chosen: Preset) -> str:
    """A free name for a connection of this preset: "Slack message", "Slack message 2"."""
    rows = Connection.objects.filter(account=account, deleted_at=None, name__istartswith=chosen.name)
    return first_free(chosen.name, rows.values_list("name", flat=True))


def make(transaction: SetupTransaction, key: str, values: Mapping[str, str], *, http: bool | None = None) -> MadeFromPreset:
    """Creates a connection and its mappings.

    values: the texts by the name of the blank; an absent one has its default
    http: whether URLs without TLS are valid; by default if the operator allowed networks

    Raises NotThere, and Invalid with sentences by the name of the blank.
    """
    chosen = preset(key)
    if http is None:
        http = may_be_plain(transaction.account)
    try:
        filled = chosen.fill(values, http=http)
    except BlanksWrong as error:
        raise Invalid({name: [reason] for name, reason in error.reasons.items()}) from None
    name = str(values.get("name", chosen.name)).strip()
    facts = ConnectionFacts(
        {**filled.fields, "name": name}, url=filled.url, secrets={Secret(kind): value for kind, value in filled.secrets.items() if value}
    )
    try:
        connection = save_connection(transaction, facts, http=http)
    except Invalid as error:
        raise Invalid({_blank_of(chosen, field): sentences for field, sentences in error.fields.items()}) from None
    rows = []
    for body in filled.mappings:
        usual = _("%(connection)s mapping") % {"connection": name[: MAX_NAME - 30]}
        free = first_free(usual, StoredMapping.objects.filter(deleted_at=None).values_list("name", flat=True))
        rows.append(save_mapping(transaction, FieldMapping.from_body({"name": free, **body})))
    return MadeFromPreset(chosen, connection, tuple(rows))


def _blank_of(chosen: Preset, field: str) -> str:
    """The blank of the preset from which the refused field of the connection was filled."""
    if field in ("name", ""):  # the one error about the whole connection is that its name is taken
        return "name"
    secrets = dict(chosen.connection.get("secrets", {}))
    for more in chosen.connection.get("when", {}).values():
        secrets |= more.get("secrets", {})
    for secret, text in secrets.items():
        if secret == field:
            return str(text).strip("{}")
    return chosen.url_blank


def first_free(name: str, names: Iterable[str]) -> str:
    """The name if it is not among the names, else the first free one of "name 2", "name 3" and so on. Case makes no difference."""
    taken = {each.casefold() for each in names}
    return next(each for each in itertools.chain([name], (f"{name} {n}" for n in itertools.count(2))) if each.casefold() not in taken)
