"""The warnings about a mapping in words (M8, C2, C5, M9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from heliograph.connections import header_words
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.mapping import headers
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.mappings import mapping_warnings as warnings
from heliograph.mappings.mapping_trial import MappingTrial
from heliograph.mappings.mapping_warnings import Joined
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database


def address_warning(config: AccountConfig, uses: Sequence[tuple[Flow, Destination]], id: int, mapping: FieldMapping) -> str:
    """The warning about personal data in the query of a GET; "" if there is none."""
    if mapping.kind is not MappingKind.PAYLOAD or not any(warnings.is_personal(key) for key in mapping.sources):
        return ""
    names = warnings.in_address(config, uses, id)
    if not names:
        return ""
    warning = _(
        "%(connection)s uses GET: these fields go into the address, and servers on the way write addresses into their logs. POST keeps them out of it."
    )
    return warning % {"connection": ", ".join(names)}


def credential_warning(target: str) -> str:
    """The warning about a header that is a credential by its name."""
    advice = _("The name %(name)s looks like a credential. Better keep it in the connection, which sends it to its own host only. ")
    more = _("What is typed here is kept encrypted once it is saved, and never shown again.")
    return f"{(advice % {'name': target}).strip()} {more}"


def joined_warning(answers: Joined, label: str) -> str:
    """The warning that answers are joined.

    label: the label of their tag
    """
    return _("In %(event)s %(n)s questions have the tag %(tag)s: %(questions)s. Their answers are joined with “; ”.") % {
        "event": answers.event,
        "n": len(answers.questions),
        "tag": label,
        "questions": ", ".join(f"“{label}”" for label in answers.questions[:4]),
    }


def joined_by_tag(
    db: Database, config: AccountConfig, uses: Sequence[tuple[Flow, Destination]], mapping: FieldMapping
) -> dict[int, Joined]:
    """By tag, the event in which answers that the mapping sends would be joined.

    If flows use the mapping, only events in which one of these flows takes changes count.
    """
    flows = list({flow.id: flow for flow, _destination in uses}.values())
    taken = warnings.taken_by(flows, config, Committed(db)) if flows else None
    return warnings.joined_answers(warnings.answer_tags(mapping.sources).values(), taken)


def all_warnings(db: Database, config: AccountConfig, id: int, trial: MappingTrial) -> Iterator[str]:
    """Every warning about a mapping. Needs the account's scope.

    id: the id of the stored mapping; 0 for a new one
    """
    mapping = trial.mapping
    if warning := address_warning(config, trial.uses, id, mapping):
        yield warning
    yield from (credential_warning(row.target) for row in mapping.rows if mapping.seals(row))
    for tag, answers in joined_by_tag(db, config, trial.uses, mapping).items():
        yield joined_warning(answers, config.tags[tag].label if tag in config.tags else "")
    if mapping.kind is MappingKind.HEADER:
        for row, value in zip(mapping.rows, trial.preview.values, strict=True):
            if isinstance(value, str) and headers.is_doubtful(value) and not mapping.seals(row):
                yield header_words.doubtful([row.target])
