"""A configuration file: its sections in the order in which they are saved, reading it, and exporting an account as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from heliograph.accounts.models import Account
from heliograph.api.configuration.account_names import AccountNames, Mapped, Named
from heliograph.api.configuration.account_sections import (
    AccountSettings,
    EventFields,
    EventStatuses,
    ProfileFields,
    RegistrationStatuses,
    Retention,
    RetryIntervals,
    SessionStatuses,
    Tags,
)
from heliograph.api.configuration.event_sections import EVENT_SETUP, Events, EventSetup
from heliograph.api.configuration.notification_sections import ConnectionRules, FlowRules, Notifications
from heliograph.api.configuration.secret_references import BadReference, SecretReference, proposed_reference, take_references
from heliograph.api.configuration.section import Entry, EntryRefused, Section, StoredEntry, at_entry, read_struct
from heliograph.api.configuration.signal_sections import Connections, Flows, Mappings, without_secrets
from heliograph.api.configuration.source_sections import Sources
from heliograph.api.documents.rule_documents import ClauseDocument
from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence, at_place, joined
from heliograph.setup.name_fields import folded

FORMAT: Final = 1
VERSION_MEMBER: Final = "heliograph"
"""The member of a file that says which form of files it has."""
EVENTS: Final = Events()
SECTIONS: Final[tuple[Section, ...]] = (
    AccountSettings(),
    Tags(),
    ProfileFields(),
    EventFields(),
    RegistrationStatuses(),
    SessionStatuses(),
    EventStatuses(),
    EVENTS,
    *EVENT_SETUP,
    RetryIntervals(),
    Retention(),
    Connections(),
    Mappings(),
    Sources(),
    Flows(),
    Notifications(),
    ConnectionRules(),
    FlowRules(),
)
"""In the order in which they are saved: what an entry names stands before it."""
TOP: Final = {section.name: section for section in SECTIONS if not isinstance(section, EventSetup)}
"""The sections at the top of a file, by name. Those of an event's set-up stand below the event."""
MOST_PROBLEMS: Final = 100
"""What is wrong with a file is looked for until there is so much."""
WITH_SECRETS: Final = ("connections", "mappings")
"""The sections in whose entries secrets can stand."""
OF_SIGNAL: Final = ("connections", "mappings", "flows", "notifications", "connection_notifications", "flow_notifications")
"""The sections of what sends, and of who is told about it. An account for which Signal is off does not have them (N4)."""


class FileRefused(HeliographError):
    """A file cannot be applied. problems: what is wrong with it, MOST_PROBLEMS or a few more"""

    def __init__(self, problems: Sequence[EntryRefused]) -> None:
        self.problems = tuple(problems)
        super().__init__(joined(" ", (problem.sentence for problem in self.problems)))


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """A file that was read."""

    entries: Mapping[str, Sequence[Entry]]
    """By `place_of` their section. A section that the file does not manage is absent."""
    managed: Mapping[str, frozenset[str]]
    """The events, by their folded codes, whose set-up of this kind the file manages, by `place_of` the section."""
    content: Mapping[str, Any]
    """The file without the secrets that stand in it."""

    def manages(self, section: Section, key: tuple[str, ...]) -> bool:
        """Whether the file has the list in which an entry of this key would stand."""
        place = place_of(section)
        return key[0] in self.managed.get(place, ()) if isinstance(section, EventSetup) else place in self.entries

    @property
    def sections(self) -> list[str]:
        """The names of the sections that the file has."""
        return [name for name in TOP if name in self.content]


def place_of(section: Section) -> str:
    """Where the entries of a section stand in the file: “flows”, or “events.questions” below an event."""
    return f"events.{section.name}" if isinstance(section, EventSetup) else section.name


def check_sections(content: Mapping[str, Any]) -> None:
    """Raises FileRefused if the file has MOST_PROBLEMS sections that do not exist: before any transaction, whatever else it has."""
    unknown = list(islice((name for name in content if name not in TOP and name != VERSION_MEMBER), MOST_PROBLEMS))
    if len(unknown) == MOST_PROBLEMS:
        raise FileRefused([_no_section(name) for name in unknown])


def read_file(content: Mapping[str, Any], names: AccountNames) -> ConfigurationFile:
    """Reads the content of a file. Raises FileRefused with everything that is wrong.

    names: of the account
    """
    if content.get(VERSION_MEMBER, FORMAT) != FORMAT:
        raise FileRefused([EntryRefused(VERSION_MEMBER, "This release reads files of the form %(form)s.", form=FORMAT)])
    refused = [_no_section(name) for name in content if name not in TOP and name != VERSION_MEMBER]
    lists: dict[str, list[Any]] = {}
    for name, section in TOP.items():
        if name in content:
            raw = content[name] if section.is_list else [content[name]]
            if isinstance(raw, list):
                lists[name] = raw
            else:
                refused.append(EntryRefused(name, "It must be a list."))
    managed: dict[str, set[str]] = {}
    setup: dict[str, list[tuple[str, Any]]] = {}
    events = [_take_setup(raw, managed, setup) for raw in lists.get(EVENTS.name, [])]
    spelled = names.spelling(_own_names(lists))
    entries: dict[str, list[Entry]] = {}
    for section in SECTIONS:
        place = place_of(section)
        if isinstance(section, EventSetup):
            if place in managed:
                entries[place] = list(_entries(section, setup.get(place, []), spelled, refused))
        elif place in lists:
            raws = events if section is EVENTS else lists[place]
            entries[place] = list(_entries(section, [("", raw) for raw in raws], spelled, refused))
    if refused:
        raise FileRefused(refused)
    safe = {name: [without_secrets(raw) if name in WITH_SECRETS else raw for raw in raws] for name, raws in lists.items()}
    remembered = {name: raws if TOP[name].is_list else raws[0] for name, raws in safe.items()}
    return ConfigurationFile(entries, {place: frozenset(events) for place, events in managed.items()}, remembered)


def _no_section(name: str) -> EntryRefused:
    return EntryRefused(name, "There is no such section. There are: %(names)s.", names=", ".join(TOP))


def _take_setup(raw: Any, managed: dict[str, set[str]], setup: dict[str, list[tuple[str, Any]]]) -> Any:
    """Notes the lists of an event's set-up, whose entries are read by themselves. Returns the event without them."""
    if not isinstance(raw, dict) or not isinstance(raw.get("code"), str):
        return raw
    code = raw["code"]
    event = dict(raw)
    for section in EVENT_SETUP:
        if isinstance(raw.get(section.name), list):
            managed.setdefault(place_of(section), set()).add(folded(code))
            setup.setdefault(place_of(section), []).extend((code, each) for each in event.pop(section.name))
    return event


def _own_names(lists: Mapping[str, Sequence[Any]]) -> dict[Named, dict[str, str]]:
    """The names that the file itself makes known, by their folded spelling."""
    own: dict[Named, dict[str, str]] = {}
    for name, raws in lists.items():
        kind = TOP[name].defines
        member = "code" if kind in (Named.PROFILE_FIELD, Named.EVENT_FIELD) else "name"
        if kind is not None:
            texts = [raw[member] for raw in raws if isinstance(raw, dict) and isinstance(raw.get(member), str)]
            own[kind] = {folded(text): text.strip() for text in texts}
    return own


def _entries(section: Section, raws: Sequence[tuple[str, Any]], spelled: Mapped, refused: list[EntryRefused]) -> Iterator[Entry]:
    """The entries of a section. Adds to `refused` what is wrong with the others."""
    seen: Counter[tuple[str, ...]] = Counter()
    for number, (event, raw) in enumerate(raws, 1):
        if len(refused) >= MOST_PROBLEMS:
            return
        where = _where(section, event, raw, number)
        try:
            with at_entry(where):
                entry = _entry(section, event, raw, where, spelled)
        except EntryRefused as error:
            refused.append(error)
            continue
        key = entry.key
        seen[key] += 1
        if isinstance(section, Flows):
            yield Entry(where, (*key, str(seen[key])), entry.name, entry.document, entry.references, entry.was)
        elif seen[key] == 1:
            yield entry
        else:
            refused.append(EntryRefused(where, "It is in the file twice."))


def _where(section: Section, event: str, raw: Any, number: int) -> str:
    name = ""
    if isinstance(raw, dict):
        members = ("code", "name") if section is EVENTS else ("name", "code", "label")
        name = next((str(raw[member]) for member in members if isinstance(raw.get(member), str) and raw[member]), "")
    parts = [*(("events", event) if event else ()), section.name, *((name or str(number),) if section.is_list else ())]
    return ", ".join(parts)


def _entry(section: Section, event: str, raw: Any, where: str, spelled: Mapped) -> Entry:
    try:
        without, references = take_references(raw)
    except BadReference as error:
        raise EntryRefused(where, error.sentence) from None
    struct = read_struct(without, section.entry, where)
    document = msgspec.to_builtins(struct)
    was = document.pop("was", "")
    document = section.mapped(section.completed(struct, document), spelled)
    key = (folded(event), *section.key_of(document)) if event else section.key_of(document)
    name = section.name_of(document) + (f" ({event})" if event else "")
    for path in references:
        if not section.can_refer(path, document):
            reason = Sentence("A reference to a secret cannot stand here, where it would not be encrypted.")
            raise EntryRefused(where, at_place(".".join(map(str, path)), reason))
    return Entry(where, key, name, document, references, (folded(was),) if was else ())


# --- export


def export(names: AccountNames, only: Collection[str] = ()) -> dict[str, Any]:
    """The account in scope as the content of a file.

    only: the names of the sections to export; none for all

    Raises FileRefused for a section that does not exist.
    """
    if unknown := [name for name in only if name not in TOP]:
        raise FileRefused([_no_section(name) for name in unknown])
    has_signal = Account.objects.get(pk=names.account).signal_enabled
    content: dict[str, Any] = {VERSION_MEMBER: FORMAT}
    taken: set[str] = set()
    for name, section in TOP.items():
        if (only and name not in only) or (name in OF_SIGNAL and not has_signal):
            continue
        stored = section.stored(names)
        if section is EVENTS:
            content[name] = _exported_events(stored, names)
        elif section.is_list:
            content[name] = [exported(section, each, taken) for each in stored]
        else:
            content[name] = stored[0].document
    return content


def exported_entries(names: AccountNames, keys: Collection[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
    """Things of the account in scope, each as the content of a file that has nothing else, with the references of a whole export.

    keys: `place_of` the section, and the id
    """
    places = {place for place, _id in keys}
    codes = {each.key[0]: each.name for each in EVENTS.stored(names)} if any("." in place for place in places) else {}
    taken: set[str] = set()
    contents: dict[tuple[str, int], dict[str, Any]] = {}
    for section in SECTIONS:
        place = place_of(section)
        if place not in places and not isinstance(section, Connections):  # whose references come first in an export
            continue
        for each in section.stored(names):
            entry = exported(section, each, taken) if section.is_list else each.document
            content: dict[str, Any] = {section.name: [entry] if section.is_list else entry}
            if (place, each.id) in keys:
                contents[place, each.id] = (
                    {"events": [{"code": codes[each.key[0]], **content}]} if isinstance(section, EventSetup) else content
                )
    return contents


def _exported_events(stored: Sequence[StoredEntry], names: AccountNames) -> list[dict[str, Any]]:
    setup: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for section in EVENT_SETUP:
        for each in section.stored(names):
            setup.setdefault((each.key[0], section.name), []).append(exported(section, each, set()))
    return [
        exported(EVENTS, each, set()) | {section.name: setup.get((each.key[0], section.name), []) for section in EVENT_SETUP}
        for each in stored
    ]


def exported(section: Section, stored: StoredEntry, taken: set[str]) -> dict[str, Any]:
    """A thing as an entry of the file, without members that have their defaults.

    taken: the references that other entries have; those of this one are added
    """
    if isinstance(section, Connections):
        entry = {name: value for name, value in stored.document.items() if value not in (None, "", [], False)}
        if stored.document["rule"]:
            entry["rule"] = _compact(msgspec.convert(stored.document["rule"], list[ClauseDocument]))
    else:
        entry = _compact(msgspec.convert(stored.document, section.entry))
    for path in stored.secrets:
        words = [str(part) for part in path if isinstance(part, str) and part not in ("rows", "parts", "value")]
        at: Any = entry
        for part in path[:-1]:
            if isinstance(part, int) and isinstance(at[part], dict):
                words += [str(at[part][member]) for member in ("name", "target") if member in at[part]]
            at = at[part]
        reference: SecretReference = proposed_reference(stored.name, "_".join(words), taken)
        taken.add(reference.name)
        at[path[-1]] = reference.member
    return {name: entry[name] for name in ("name", "auth", "url") if name in entry} | entry


def _compact(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        config = type(value).__struct_config__
        compact = {config.tag_field: config.tag} if config.tag_field else {}
        for field in msgspec.structs.fields(value):
            member = getattr(value, field.name)
            default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
            if member is not msgspec.UNSET and member != default:
                compact[field.encode_name] = _compact(member)
        return compact
    if isinstance(value, list):
        return [_compact(each) for each in value]
    return msgspec.to_builtins(value)
