"""Saves connections (guide: Setting up a Connection; C1, C5, P12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from django.utils import timezone

from heliograph.accounts.audit import Deed
from heliograph.connections import page_sender
from heliograph.connections.answers import checked
from heliograph.connections.models import Connection
from heliograph.connections.vault import vault
from heliograph.domain.connection import connection as rules
from heliograph.domain.connection.cure import RENEWED
from heliograph.domain.connection.secret import Secret, check_secret
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.connection.target_url import LONGEST_URL, AddressError, parse_rest, split_address
from heliograph.domain.mapping import headers as header_rules
from heliograph.outbound.certificates import BadCertificate, check_authorities, check_identity
from heliograph.outbound.target import with_ascii_host
from heliograph.setup.errors import InUse, Invalid, NotThere, check
from heliograph.setup.save_questions import SavedMeanwhile
from heliograph.setup.services import queue_effects
from heliograph.setup.services.dependents import uses_above
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import RESTORED, Version, version, watching_flows, write
from heliograph.setup.usage import Thing, Use
from heliograph.store import oauth
from heliograph.store.database import Database
from heliograph.store.secrets import SecretPlace, load_secrets, remove_secrets, save_secret

OWNER = "connection"
REPLACED = "replaced"
"""In an entry of the audit: the secrets that were replaced or removed, by field."""
_OF_TOKENS = frozenset(rules.TOKEN_QUERIES.values())
_OF_URLS = {Secret.PATH: "origin", Secret.TEST_PATH: "test_origin"}


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """A connection as a form provides it.

    fields: those of the connection's body, without origins and secrets; for headers whose names mark them as credentials the newly typed
    values, SEALED or "" = unchanged. url, test_url: complete, None = unchanged. secrets: the newly typed ones, "" or absent = unchanged.
    forget: secrets to delete.
    """

    fields: Mapping[str, object] = field(repr=False)
    url: str | None = None
    test_url: str | None = None
    secrets: Mapping[Secret, str] = field(default_factory=dict, repr=False)
    forget: frozenset[Secret] = frozenset()


class SecretsAgain(Invalid):
    """The host changed: the secrets were meant for the old one and must be entered again (C5). names: of the secrets; headers: of the
    encrypted headers."""

    def __init__(self, names: frozenset[Secret], headers: Sequence[str] = ()) -> None:
        self.names = names
        found: dict[str, list[str]] = {name.value: ["The host changed, so this has to be entered again."] for name in sorted(names)}
        if headers:
            found["headers"] = [f"The host changed, so this has to be entered again: {', '.join(headers)}."]
        super().__init__(found)


def save_connection(
    s: SetupTransaction,
    facts: ConnectionFacts,
    id: int | None = None,
    *,
    confirmed: bool = False,
    http: bool | None = None,
    restored: int | None = None,
    signing: str = "",
) -> Connection:
    """Saves a connection with its secrets. http: whether an address without TLS is possible; by default where the operator allowed networks. The sender
    judges the address itself once more: without TLS it goes only to what was allowed. restored: the version that is made the newest again by it.
    signing: what was done with its signing secrets, for the audit.

    Raises Invalid (SecretsAgain), NotThere, AsksFirst.
    """
    s.needs_signal()
    row = Connection(account_id=s.account, created_by=s.by[:60], changed_by=s.by[:60]) if id is None else connection_row(id)
    shown = dict(row.body)
    stored = {} if id is None else load_secrets(s.db, vault(), s.account, OWNER, [id]).get(id, {})
    before = rules.Connection.from_body(row.body) if id is not None else None
    entered = {name: value for name, value in facts.secrets.items() if value}
    origins = _take_urls(facts, before, entered, http=may_be_plain(s.account) if http is None else http)
    token_urls = _take_token_urls(facts, entered, stored)
    try:
        entered = {name: check_secret(name, value) for name, value in entered.items()}
        _check_certificates(entered, facts)
        kept = (
            (before.secrets if before else frozenset()) - facts.forget - ({Secret.TEST_PATH} if not origins["test_origin"] else frozenset())
        )
        kept -= frozenset(secret for name, secret in rules.TOKEN_QUERIES.items() if "?" not in token_urls[name])
        have = kept | frozenset(entered)
        asks_otherwise = any(entered.get(name, stored.get(name) if name in have else None) != stored.get(name) for name in _OF_TOKENS)
        connected = before.connected if before and not asks_otherwise else ""  # else only services.oauth changes it
        body = {**facts.fields, **token_urls, **origins, "connected": connected, "secrets": sorted(have)}
        after = rules.Connection.from_body(body)
        typed = _typed_headers(facts)
        sealed = header_rules.sealed_texts(typed, _header_texts(stored))
        _check_length(after, {**stored, **{name.value: value for name, value in entered.items()}})
    except ConnectionSetupError as error:
        raise Invalid({error.field: [f"{error.reason[:1].upper()}{error.reason[1:]}."]}) from None
    except header_rules.NotSealed as error:
        raise Invalid({"headers": [f"Type the value: none is stored for {', '.join(error.names)}."]}) from None
    if before is not None and after.asks_secrets_again(before):
        again = frozenset(kept - frozenset(entered) - frozenset(_OF_URLS))
        headers_again = [name for name, text in typed.items() if text in ("", header_rules.SEALED)]
        if again or headers_again:
            raise SecretsAgain(again, headers_again)
    with watching_flows(s, confirmed=confirmed):
        row.name, row.type, row.host, row.body = after.name, after.auth.value, after.shown, after.to_body()
        check(row)
        row.save()
        replaced = _keep_secrets(s, row, stored, sealed | {name.value: value for name, value in entered.items()}, after.stored_fields)
        if before is not None and (after.auth is not rules.Auth.OAUTH2 or after.bond != before.bond or asks_otherwise):
            oauth.forget(s.db, s.account, row.pk)  # tokens are good for what they were given for, and nothing else
        row.body |= _extra_body(shown, replaced, entered) | ({} if restored is None else {RESTORED: restored})
        write(s, row)
    moved = before is not None and (after.reach != before.reach or Secret.CLIENT_CERTIFICATE in entered)
    elsewhere = before is not None and after.origin != before.origin
    queue_effects.connection_saved(s, row.pk, moved=moved, elsewhere=elsewhere)
    _note(s, row, None if before is None else shown, replaced, signing)
    return row


def _note(s: SetupTransaction, row: Connection, before: Mapping[str, Any] | None, replaced: Sequence[str], signing: str) -> None:
    """The audit says which secrets were replaced or removed, and what was done with its signing secrets; never an edition."""
    was, now = ({name: value for name, value in (body or {}).items() if name not in ("edition", RENEWED)} for body in (before, row.body))
    if before is None:
        s.note(Deed.CREATED, "connection", row, None, now)
    else:
        done = ({REPLACED: list(replaced)} if replaced else {}) | ({"signing": signing} if signing else {})
        s.note(Deed.CHANGED, "connection", row, was, now | done)


def restorable(now: rules.Connection, version: Version) -> rules.Connection:
    """A past version as it would replace the current one: with the current URLs and secrets, because old ones are not stored (C5). Raises
    ConnectionSetupError if it is no longer valid."""
    then = rules.Connection.from_body(version.body)
    kept = now.secrets - _other_credentials(then.auth)
    return replace(then, origin=now.origin, test_origin=now.test_origin, connected=now.connected, secrets=kept)


def restore_connection(s: SetupTransaction, id: int, number: int, *, confirmed: bool = False) -> Connection:
    """Makes a past version the newest (F10), with the current URLs and secrets. Raises NotThere, AsksFirst, and Invalid if its secrets
    would be sent to another host, or its name is taken by now."""
    now = rules.Connection.from_body(connection_row(id).body)
    try:
        then = restorable(now, version(s.db, s.account, "connection", id, number))
    except ConnectionSetupError as error:
        raise Invalid({error.field: [f"{error.reason[:1].upper()}{error.reason[1:]}."]}) from None
    try:
        return save_connection(
            s, ConnectionFacts(then.to_body(), forget=_other_credentials(then.auth)), id, confirmed=confirmed, restored=number
        )
    except SecretsAgain:
        raise Invalid(
            {
                "": [
                    "Its token URLs are at another host, which must not get the secrets of today. Change them in Connection Setup, with the secrets."
                ]
            }
        ) from None


def _other_credentials(auth: rules.Auth) -> frozenset[Secret]:
    """Credentials of other Authentication Types."""
    return frozenset(secret for kind, secret in rules.CREDENTIAL.items() if kind is not auth)


def save_rule(s: SetupTransaction, id: int, rule: Sequence[object], *, opened: int | None = None) -> Connection:
    """Saves a connection with another response rule (C7); all else stays. What it had refused because of the set-up is due at once.

    rule: its body; JSONPath and JSON Pointer become plain paths. opened: the version whose rule was being edited. Raises Invalid, NotThere,
    SavedMeanwhile (another rule was saved since).
    """
    plain = [clause.to_body() for clause in checked(rule)]
    row = connection_row(id)
    if opened is not None and opened != row.number:
        then, now = version(s.db, s.account, "connection", id, opened).body.get("rule", []), row.body.get("rule", [])
        if now not in (then, plain):
            raise SavedMeanwhile(row.number, row.changed_by)
    return save_connection(s, ConnectionFacts({**connection_row(id).body, "rule": plain}), id)


def _take_token_urls(facts: ConnectionFacts, entered: dict[Secret, str], stored: Mapping[str, str]) -> dict[str, str]:
    """The OAuth2 URLs, with hosts as they are sent; new queries are added to the secrets. stored: the secrets of today. Raises Invalid."""
    urls: dict[str, str] = {}
    for name, secret in rules.TOKEN_QUERIES.items():
        typed = facts.fields.get(name)
        url, _, query = with_ascii_host(typed.strip()).partition("?") if isinstance(typed, str) else ("", "", "")
        urls[name] = url
        if not query:
            entered.pop(secret, None)
            continue
        if query != header_rules.SEALED:
            if header_rules.SEALED in query:
                raise Invalid({name: [f"{header_rules.SEALED} stands for the stored query; type the whole query again."]})
            if "{" in query:
                raise Invalid({name: ["This URL cannot contain a source field."]})
            try:
                entered[secret] = split_address(f"{url}?{query}", http=True).rest.partition("?")[2]
            except AddressError as error:
                raise Invalid({name: [str(error)]}) from None
            entered[secret] = f"?{entered[secret]}"
        elif secret not in entered and secret not in stored:
            raise Invalid({name: [f"{header_rules.SEALED} stands for a stored query, and none is stored. Type the query."]})
        urls[name] = f"{url}?{header_rules.SEALED}"
    return urls


def may_be_plain(account: int) -> bool:
    """True if URLs without TLS may be entered: if the operator allowed networks (C6)."""
    policy = page_sender.policy(account)
    return bool(policy.networks or policy.endpoints)


def _take_urls(facts: ConnectionFacts, before: rules.Connection | None, entered: dict[Secret, str], *, http: bool) -> dict[str, str]:
    """The origins of both URLs; path and query are added to the secrets. Raises Invalid."""
    origins = {"origin": before.origin if before else "", "test_origin": before.test_origin if before else ""}
    for secret, name, url in ((Secret.PATH, "url", facts.url), (Secret.TEST_PATH, "test_url", facts.test_url)):
        if url is None:
            continue
        entered.pop(secret, None)
        origins[_OF_URLS[secret]] = ""
        if not url.strip():
            if secret is Secret.PATH:
                raise Invalid({name: ["The URL is missing."]})
            continue
        try:
            address = split_address(with_ascii_host(url.strip()), http=http)
        except AddressError as error:
            raise Invalid({name: [str(error)]}) from None
        origins[_OF_URLS[secret]], entered[secret] = address.origin, address.rest
    return origins


def _check_certificates(entered: Mapping[Secret, str], facts: ConnectionFacts) -> None:
    """Raises ConnectionSetupError for certificates that TLS could not use."""
    authorities = facts.fields.get("authorities")
    for name, text, check_it in (
        ("authorities", authorities if isinstance(authorities, str) else "", check_authorities),
        (Secret.CLIENT_CERTIFICATE, entered.get(Secret.CLIENT_CERTIFICATE, ""), check_identity),
    ):
        try:
            if text:
                check_it(text)
        except BadCertificate as error:
            raise ConnectionSetupError(name, str(error).removesuffix(".")) from None


def _check_length(connection: rules.Connection, secrets: Mapping[str, str]) -> None:
    """Raises ConnectionSetupError for a URL whose own texts, with the key in its query, are longer than any request may have."""
    try:
        rest = "".join(parse_rest(secrets.get(Secret.PATH, "")).texts)
    except AddressError:
        return  # which is refused by itself
    key = ""
    if connection.auth is rules.Auth.KEY and connection.key_place is rules.KeyPlace.QUERY:
        key = "?" + urlencode({connection.key_name: secrets.get(Secret.KEY, "")}, quote_via=quote, safe="")
    if len(connection.origin + rest + key) > LONGEST_URL:
        raise ConnectionSetupError("url", f"with its query the URL is longer than {LONGEST_URL:,} characters")


def _typed_headers(facts: ConnectionFacts) -> dict[str, str]:
    """The values typed for encrypted headers, by name; SEALED or "" = unchanged. Raises ConnectionSetupError, which never repeats a value."""
    typed: dict[str, str] = {}
    given = facts.fields.get("headers")
    for name, value in given if isinstance(given, (list, tuple)) else ():
        text = value.strip()
        if not header_rules.is_secret_name(name):
            continue
        if header_rules.SEALED in text and text != header_rules.SEALED:
            raise ConnectionSetupError(
                "headers", f"{header_rules.SEALED} stands for the stored value of {name}; type the whole value again"
            )
        if problem := header_rules.value_problem(text):
            raise ConnectionSetupError("headers", f"the value of {name} {problem}")
        typed[name] = text
    return typed


def _header_texts(stored: Mapping[str, str]) -> dict[str, str]:
    """The texts of headers among a connection's stored secrets, by field."""
    return {name: text for name, text in stored.items() if name not in set(Secret)}


def _keep_secrets(
    s: SetupTransaction, row: Connection, stored: Mapping[str, str], wanted: Mapping[str, str], have: frozenset[str]
) -> list[str]:
    """Stores what was entered and removes what is not needed; the fields that differ from before. stored: what there was; have: all that is to be
    there, by field."""
    remove_secrets(s.db, s.account, OWNER, row.pk, keep=have)
    different = {str(name): value for name, value in wanted.items() if stored.get(name) != value}
    for name, value in different.items():
        save_secret(s.db, vault(), SecretPlace(s.account, OWNER, row.pk, name), value)
    return sorted({*different, *(set(stored) - have)})


def _extra_body(old: Mapping[str, Any], replaced: Sequence[str], entered: Mapping[Secret, str]) -> dict[str, object]:
    """The parts of the body that the domain does not read: a counter that makes new secrets a new version (D7), which ones the last of these replaced,
    and the fields in the URL."""
    chips = sorted(set(parse_rest(entered[Secret.PATH]).chips)) if Secret.PATH in entered else old.get("chips", [])
    renewed = list(replaced) or old.get(RENEWED, [])
    counter = {"edition": int(old.get("edition", 0)) + bool(replaced)} | ({RENEWED: renewed} if renewed else {})
    return counter | ({"chips": chips} if chips else {})


def connection_url(db: Database, account: int, id: int) -> tuple[str, str]:
    """(URL, test URL), complete: only for an Administrator's form (C5). Raises NotThere."""
    row = connection_row(id)
    secrets = load_secrets(db, vault(), account, OWNER, [id]).get(id, {})
    body = rules.Connection.from_body(row.body)
    return body.origin + secrets.get(Secret.PATH, ""), body.test_origin + secrets.get(Secret.TEST_PATH, "") if body.test_origin else ""


def copy_connection(s: SetupTransaction, id: int, name: str) -> Connection:
    """Copies a connection with its secrets under a new name. OAuth2 access by sign-in is not copied: someone must connect the copy. Raises
    Invalid, NotThere."""
    s.needs_signal()
    of = connection_row(id)
    stored = load_secrets(s.db, vault(), s.account, OWNER, [id]).get(id, {})
    body = rules.Connection.from_body(of.body)
    url, test_url = connection_url(s.db, s.account, id)
    secrets = {secret: stored[secret.value] for secret in body.secrets - frozenset(_OF_URLS) if secret.value in stored}
    headers = [[header, stored.get(header_rules.sealed_field(header), value)] for header, value in body.headers]
    return save_connection(
        s, ConnectionFacts({**of.body, "name": name, "headers": headers}, url=url, test_url=test_url, secrets=secrets), http=True
    )


def users(account: int, id: int) -> list[Use]:
    """The flows that use a connection (P12)."""
    return uses_above(account, Thing.CONNECTION, id)


def delete_connection(s: SetupTransaction, id: int) -> None:
    """Deletes a connection that no flow uses, with its secrets. Raises InUse, NotThere."""
    s.needs_signal()
    row = connection_row(id)
    uses = users(s.account, id)
    if uses:
        raise InUse(row.name, uses)
    row.deleted_at = timezone.now()
    write(s, row)
    remove_secrets(s.db, s.account, OWNER, id)
    oauth.forget(s.db, s.account, id)
    s.note(Deed.DELETED, "connection", row, row.body, None)


def connection_row(id: int) -> Connection:
    """A connection that is not deleted. Raises NotThere."""
    row: Connection | None = Connection.objects.filter(pk=id, deleted_at=None).first()
    if row is None:
        raise NotThere(f"There is no connection {id}.")
    return row
