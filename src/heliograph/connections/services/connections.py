"""Saves connections (guide: Setting up a Connection; C1, C5, P12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import timezone
from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.accounts.vault import vault
from heliograph.connections import page_sender
from heliograph.connections.answers import parse_rule
from heliograph.connections.models import Connection
from heliograph.domain.connection import connection as rules
from heliograph.domain.connection.cure import RENEWED, changed_settings
from heliograph.domain.connection.secret import Secret, check_secret
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.connection.target_url import LONGEST_URL, AddressError, parse_path_and_query, split_address
from heliograph.domain.mapping import headers as header_rules
from heliograph.domain.sentence_template import Sentence, whole_sentence, without_stop
from heliograph.outbound.certificates import BadCertificate, check_authorities, check_identity
from heliograph.outbound.target import with_ascii_host
from heliograph.setup.save_questions import SavedMeanwhile
from heliograph.setup.services import queue_effects
from heliograph.setup.services.dependents import uses_above
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import RESTORED, Version, version, watching_flows, write
from heliograph.setup.setup_errors import InUse, Invalid, NotThere, check
from heliograph.setup.usage import Thing, Use
from heliograph.store import oauth_token_store
from heliograph.store.database import Database
from heliograph.store.secrets import SecretPlace, load_secrets, remove_secrets, save_secret

OWNER = "connection"
REPLACED = "replaced"
"""The key under which an audit entry lists the fields of the secrets that were replaced or removed."""
_OF_TOKENS = frozenset(rules.TOKEN_QUERIES.values())
_OF_URLS = {Secret.PATH: "origin", Secret.TEST_PATH: "test_origin"}


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """A connection as a form provides it."""

    fields: Mapping[str, object] = field(repr=False)
    """The fields of the connection's body, without origins and secrets. A header that is a credential by its name has its newly typed value;
    SEALED or "" leaves it unchanged."""
    url: str | None = None
    """Complete; None leaves it unchanged."""
    test_url: str | None = None
    """Complete; None leaves it unchanged."""
    secrets: Mapping[Secret, str] = field(default_factory=dict, repr=False)
    """The newly typed ones; "" or absent leaves a secret unchanged."""
    forget: frozenset[Secret] = frozenset()
    """The secrets to delete."""


class SecretsAgain(Invalid):
    """The host changed: the secrets were meant for the old one and must be entered again (C5)."""

    def __init__(self, names: frozenset[Secret], headers: Sequence[str] = ()) -> None:
        """names: the names of the secrets
        headers: the names of the encrypted headers
        """
        self.names = names
        errors: dict[str, list[str]] = {name.value: [_("The host changed, so this has to be entered again.")] for name in sorted(names)}
        if headers:
            errors["headers"] = [_("The host changed, so this has to be entered again: %(headers)s.") % {"headers": ", ".join(headers)}]
        super().__init__(errors)


def save_connection(
    transaction: SetupTransaction,
    facts: ConnectionFacts,
    id: int | None = None,
    *,
    confirmed: bool = False,
    http: bool | None = None,
    restored: int | None = None,
    signing: str = "",
) -> Connection:
    """Saves a connection with its secrets.

    confirmed: the user confirmed what saving does to flows
    http: whether a URL without TLS is valid; by default if the operator allowed networks. The sender checks each address again, and sends
        without TLS only to allowed networks
    restored: the number of the past version that this save makes the newest
    signing: what was done with the signing secrets, for the audit

    Raises Invalid (SecretsAgain), NotThere, AsksFirst.
    """
    transaction.needs_signal()
    row = (
        Connection(account_id=transaction.account, created_by=transaction.by[:60], changed_by=transaction.by[:60])
        if id is None
        else connection_row(id)
    )
    body_before = dict(row.body)
    stored = {} if id is None else load_secrets(transaction.db, vault(), transaction.account, OWNER, [id]).get(id, {})
    before = rules.Connection.from_body(row.body) if id is not None else None
    entered = {name: value for name, value in facts.secrets.items() if value}
    origins = _take_urls(facts, before, entered, http=may_be_plain(transaction.account) if http is None else http)
    token_urls = _take_token_urls(facts, entered, stored)
    try:
        entered = {name: check_secret(name, value) for name, value in entered.items()}
        _check_certificates(entered, facts)
        remaining = (
            (before.secrets if before else frozenset()) - facts.forget - ({Secret.TEST_PATH} if not origins["test_origin"] else frozenset())
        )
        remaining -= frozenset(secret for name, secret in rules.TOKEN_QUERIES.items() if "?" not in token_urls[name])
        have = remaining | frozenset(entered)
        asks_otherwise = any(entered.get(name, stored.get(name) if name in have else None) != stored.get(name) for name in _OF_TOKENS)
        connected = before.connected if before and not asks_otherwise else ""  # only services.oauth_grant sets it
        body = {**facts.fields, **token_urls, **origins, "connected": connected, "secrets": sorted(have)}
        after = rules.Connection.from_body(body)
        typed = _typed_headers(facts)
        stored_headers = {name: text for name, text in stored.items() if name not in set(Secret)}
        sealed = header_rules.sealed_texts(typed, stored_headers)
        _check_length(after, {**stored, **{name.value: value for name, value in entered.items()}})
    except ConnectionSetupError as error:
        raise Invalid({error.field: [whole_sentence(error.reason)]}) from None
    except header_rules.NotSealed as error:
        raise Invalid({"headers": [_("Type the value: none is stored for %(names)s.") % {"names": ", ".join(error.names)}]}) from None
    if before is not None and after.asks_secrets_again(before):
        again = frozenset(remaining - frozenset(entered) - frozenset(_OF_URLS))
        headers_again = [name for name, text in typed.items() if text in ("", header_rules.SEALED)]
        if again or headers_again:
            raise SecretsAgain(again, headers_again)
    with watching_flows(transaction, confirmed=confirmed):
        row.name, row.type, row.host, row.body = after.name, after.auth.value, after.shown, after.to_body()
        check(row)
        row.save()
        secrets = sealed | {name.value: value for name, value in entered.items()}
        replaced = _store_secrets(transaction, row, body_before, stored, secrets, after.stored_fields)
        if before is not None and (after.auth is not rules.Auth.OAUTH2 or after.bond != before.bond or asks_otherwise):
            # Tokens are valid only for the settings under which they were given.
            oauth_token_store.forget(transaction.db, transaction.account, row.pk)
        row.body |= {} if restored is None else {RESTORED: restored}
        write(transaction, row)
    if before is not None:
        moved = after.reach != before.reach or Secret.CLIENT_CERTIFICATE.value in replaced
        changed = changed_settings(before, after, frozenset(replaced))
        queue_effects.connection_saved(transaction, row.pk, changed=changed, moved=moved, elsewhere=after.origin != before.origin)
    _note(transaction, row, None if before is None else body_before, replaced, signing)
    return row


def _note(transaction: SetupTransaction, row: Connection, before: Mapping[str, Any] | None, replaced: Sequence[str], signing: str) -> None:
    """Writes the audit entry, without the edition.

    replaced: the fields of the secrets that were replaced or removed
    signing: what was done with the signing secrets; "" for nothing
    """
    was, now = ({name: value for name, value in (body or {}).items() if name not in ("edition", RENEWED)} for body in (before, row.body))
    if before is None:
        transaction.note(Deed.CREATED, "connection", row, None, now)
    else:
        done = ({REPLACED: list(replaced)} if replaced else {}) | ({"signing": signing} if signing else {})
        transaction.note(Deed.CHANGED, "connection", row, was, now | done)


def restorable(now: rules.Connection, version: Version) -> rules.Connection:
    """The connection that restoring a past version would save: with the current URLs and secrets, because old ones are not stored (C5).

    Raises ConnectionSetupError if the version is no longer valid.
    """
    then = rules.Connection.from_body(version.body)
    current_secrets = now.secrets - other_credentials(then.auth)
    return replace(then, origin=now.origin, test_origin=now.test_origin, connected=now.connected, secrets=current_secrets)


def restore_connection(transaction: SetupTransaction, id: int, number: int, *, confirmed: bool = False) -> Connection:
    """Makes a past version the newest (F10), with the current URLs and secrets.

    Raises NotThere, AsksFirst, and Invalid if the secrets would be sent to another host, or the name is taken by now.
    """
    now = rules.Connection.from_body(connection_row(id).body)
    try:
        then = restorable(now, version(transaction.db, transaction.account, "connection", id, number))
    except ConnectionSetupError as error:
        raise Invalid({error.field: [whole_sentence(error.reason)]}) from None
    try:
        return save_connection(
            transaction, ConnectionFacts(then.to_body(), forget=other_credentials(then.auth)), id, confirmed=confirmed, restored=number
        )
    except SecretsAgain:
        refusal = _(
            "Its token URLs are at another host, which must not get the secrets of today. Change them in Connection Setup, with the secrets."
        )
        raise Invalid({"": [refusal]}) from None


def other_credentials(auth: rules.Auth) -> frozenset[Secret]:
    """The credentials of the other Authentication Types."""
    return frozenset(secret for kind, secret in rules.CREDENTIAL.items() if kind is not auth)


def save_rule(transaction: SetupTransaction, id: int, rule: Sequence[object], *, opened: int | None = None) -> Connection:
    """Saves a connection with another response rule (C7); all else stays. Actions that failed because of the set-up become due at once.

    rule: its body; JSONPath and JSON Pointer become plain paths
    opened: the version whose rule was being edited

    Raises Invalid, NotThere, and SavedMeanwhile if another rule was saved since `opened`.
    """
    plain = [clause.to_body() for clause in parse_rule(rule)]
    row = connection_row(id)
    if opened is not None and opened != row.number:
        then, now = version(transaction.db, transaction.account, "connection", id, opened).body.get("rule", []), row.body.get("rule", [])
        if now not in (then, plain):
            raise SavedMeanwhile(row.number, row.changed_by)
    return save_connection(transaction, ConnectionFacts({**connection_row(id).body, "rule": plain}), id)


def _take_token_urls(facts: ConnectionFacts, entered: dict[Secret, str], stored: Mapping[str, str]) -> dict[str, str]:
    """The OAuth2 URLs without their queries, with hosts in ASCII. Adds newly typed queries to the entered secrets.

    stored: the secrets of today, by field

    Raises Invalid.
    """
    urls: dict[str, str] = {}
    for name, secret in rules.TOKEN_QUERIES.items():
        typed = facts.fields.get(name)
        url, _mark, query = with_ascii_host(typed.strip()).partition("?") if isinstance(typed, str) else ("", "", "")
        urls[name] = url
        if not query:
            entered.pop(secret, None)
            continue
        if query != header_rules.SEALED:
            if header_rules.SEALED in query:
                refusal = _("%(sign)s stands for the stored query; type the whole query again.")
                raise Invalid({name: [refusal % {"sign": header_rules.SEALED}]})
            if "{" in query:
                raise Invalid({name: [_("This URL cannot contain a source field.")]})
            try:
                entered[secret] = split_address(f"{url}?{query}", http=True).path_and_query.partition("?")[2]
            except AddressError as error:
                raise Invalid({name: [error.sentence]}) from None
            entered[secret] = f"?{entered[secret]}"
        elif secret not in entered and secret not in stored:
            refusal = _("%(sign)s stands for a stored query, and none is stored. Type the query.")
            raise Invalid({name: [refusal % {"sign": header_rules.SEALED}]})
        urls[name] = f"{url}?{header_rules.SEALED}"
    return urls


def may_be_plain(account: int) -> bool:
    """Whether URLs without TLS may be entered: the operator must have allowed networks (C6)."""
    policy = page_sender.policy(account)
    return bool(policy.networks or policy.endpoints)


def _take_urls(facts: ConnectionFacts, before: rules.Connection | None, entered: dict[Secret, str], *, http: bool) -> dict[str, str]:
    """The origins of both URLs. Adds their paths and queries to the entered secrets. Raises Invalid."""
    origins = {"origin": before.origin if before else "", "test_origin": before.test_origin if before else ""}
    for secret, name, url in ((Secret.PATH, "url", facts.url), (Secret.TEST_PATH, "test_url", facts.test_url)):
        if url is None:
            continue
        entered.pop(secret, None)
        origins[_OF_URLS[secret]] = ""
        if not url.strip():
            if secret is Secret.PATH:
                raise Invalid({name: [_("The URL is missing.")]})
            continue
        try:
            address = split_address(with_ascii_host(url.strip()), http=http)
        except AddressError as error:
            raise Invalid({name: [error.sentence]}) from None
        origins[_OF_URLS[secret]], entered[secret] = address.origin, address.path_and_query
    return origins


def _check_certificates(entered: Mapping[Secret, str], facts: ConnectionFacts) -> None:
    """Raises ConnectionSetupError if TLS could not use one of the certificates."""
    authorities = facts.fields.get("authorities")
    for name, text, check_it in (
        ("authorities", authorities if isinstance(authorities, str) else "", check_authorities),
        (Secret.CLIENT_CERTIFICATE, entered.get(Secret.CLIENT_CERTIFICATE, ""), check_identity),
    ):
        try:
            if text:
                check_it(text)
        except BadCertificate as error:
            raise ConnectionSetupError(name, without_stop(error.sentence)) from None


def _check_length(connection: rules.Connection, secrets: Mapping[str, str]) -> None:
    """Raises ConnectionSetupError if the URL is longer than any request may have, even with empty source fields. A key in the query counts."""
    try:
        path_and_query = "".join(parse_path_and_query(secrets.get(Secret.PATH, "")).texts)
    except AddressError:
        return  # the domain refuses it
    key = ""
    if connection.auth is rules.Auth.KEY and connection.key_place is rules.KeyPlace.QUERY:
        key = "?" + urlencode({connection.key_name: secrets.get(Secret.KEY, "")}, quote_via=quote, safe="")
    if len(connection.origin + path_and_query + key) > LONGEST_URL:
        reason = _("with its query the URL is longer than %(most)s characters")
        raise ConnectionSetupError("url", reason % {"most": intcomma(LONGEST_URL)})


def _typed_headers(facts: ConnectionFacts) -> dict[str, str]:
    """The values typed for encrypted headers, by name; SEALED or "" leaves a value unchanged.

    Raises ConnectionSetupError, which never repeats a value.
    """
    typed: dict[str, str] = {}
    given = facts.fields.get("headers")
    for name, value in given if isinstance(given, (list, tuple)) else ():
        text = value.strip()
        if not header_rules.is_secret_name(name):
            continue
        if header_rules.SEALED in text and text != header_rules.SEALED:
            reason = _("%(sign)s stands for the stored value of %(name)s; type the whole value again")
            raise ConnectionSetupError("headers", reason % {"sign": header_rules.SEALED, "name": name})
        if problem := header_rules.value_problem(text):
            raise ConnectionSetupError("headers", "the value of %(name)s %(problem)s", name=name, problem=Sentence(problem))
        typed[name] = text
    return typed


def _store_secrets(
    transaction: SetupTransaction,
    row: Connection,
    body_before: Mapping[str, Any],
    stored: Mapping[str, str],
    secrets: Mapping[str, str],
    needed: frozenset[str],
) -> list[str]:
    """Stores the entered secrets and removes those that are not needed. Returns the fields whose secret was replaced or removed.

    stored: the secrets before, by field
    secrets: the entered secrets, by field
    needed: the fields that have a secret afterwards
    """
    remove_secrets(transaction.db, transaction.account, OWNER, row.pk, keep=needed)
    different = {str(name): value for name, value in secrets.items() if stored.get(name) != value}
    for name, value in different.items():
        save_secret(transaction.db, vault(), SecretPlace(transaction.account, OWNER, row.pk, name), value)
    replaced = sorted({*different, *(set(stored) - needed)})
    # The parts of the body that the domain does not read:
    # - the edition, which rises with each change of secrets, so that new secrets make a new version (D7)
    # - the secrets that the last such change replaced
    # - the source fields in the URL
    row.body["edition"] = int(body_before.get("edition", 0)) + bool(replaced)
    renewed = replaced or body_before.get(RENEWED, [])
    path = secrets.get(Secret.PATH)
    chips = body_before.get("chips", []) if path is None else sorted(set(parse_path_and_query(path).chips))
    row.body |= {key: value for key, value in ((RENEWED, renewed), ("chips", chips)) if value}
    return replaced


def connection_url(db: Database, account: int, id: int) -> tuple[str, str]:
    """The complete URL and Test Connection URL. They contain secrets: only an Administrator's form may show them (C5). Raises NotThere."""
    row = connection_row(id)
    secrets = load_secrets(db, vault(), account, OWNER, [id]).get(id, {})
    body = rules.Connection.from_body(row.body)
    return body.origin + secrets.get(Secret.PATH, ""), body.test_origin + secrets.get(Secret.TEST_PATH, "") if body.test_origin else ""


def copy_connection(transaction: SetupTransaction, id: int, name: str) -> Connection:
    """Copies a connection with its secrets under a new name. OAuth2 access by sign-in is not copied: somebody must connect the copy.

    Raises Invalid, NotThere.
    """
    transaction.needs_signal()
    original = connection_row(id)
    stored = load_secrets(transaction.db, vault(), transaction.account, OWNER, [id]).get(id, {})
    body = rules.Connection.from_body(original.body)
    url, test_url = connection_url(transaction.db, transaction.account, id)
    secrets = {secret: stored[secret.value] for secret in body.secrets - frozenset(_OF_URLS) if secret.value in stored}
    headers = [[header, stored.get(header_rules.sealed_field(header), value)] for header, value in body.headers]
    return save_connection(
        transaction,
        ConnectionFacts({**original.body, "name": name, "headers": headers}, url=url, test_url=test_url, secrets=secrets),
        http=True,
    )


def users(account: int, id: int) -> list[Use]:
    """The flows that use a connection (P12)."""
    return uses_above(account, Thing.CONNECTION, id)


def delete_connection(transaction: SetupTransaction, id: int) -> None:
    """Deletes a connection that no flow uses, with its secrets. Raises InUse, NotThere."""
    transaction.needs_signal()
    row = connection_row(id)
    uses = users(transaction.account, id)
    if uses:
        raise InUse(row.name, uses)
    row.deleted_at = timezone.now()
    write(transaction, row)
    remove_secrets(transaction.db, transaction.account, OWNER, id)
    oauth_token_store.forget(transaction.db, transaction.account, id)
    transaction.note(Deed.DELETED, "connection", row, row.body, None)


def connection_row(id: int) -> Connection:
    """A connection that is not deleted. Raises NotThere."""
    row: Connection | None = Connection.objects.filter(pk=id, deleted_at=None).first()
    if row is None:
        raise NotThere(_("There is no connection %(id)s.") % {"id": id})
    return row
