"""The fields of Connection Setup (guide: Adding a Connection; C1).

Every field of every Authentication Type is in the page; the style sheet shows those of the chosen one at once, without script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.connections.views.connection_values import NUMBERS, Values
from heliograph.domain.connection import connection as rules
from heliograph.domain.connection.connection import Auth, ClientAuth, ContentType, KeyPlace, Method, OAuthGrant, Secret
from heliograph.web.fields import Choice, Field, Pair

ASK: Final[Mapping[str, Sequence[Promise]]] = {
    "open": (
        gettext_lazy("The URL to send to, and whether it takes POST or GET"),
        gettext_lazy("The Content Type: JSON or a form"),
        gettext_lazy("Whether the URL is a secret: whoever has it can send to it"),
        gettext_lazy("A sample JSON of one record, for the mapping"),
    ),
    "basic": (
        gettext_lazy("The URL to send to, and whether it takes POST or GET"),
        gettext_lazy("The Content Type: JSON or a form"),
        gettext_lazy("A User Name and its Password, with no more rights than needed"),
        gettext_lazy("An address that only checks the credentials, without storing anything (Test Connection URL)"),
        gettext_lazy("A sample JSON of one record, for the mapping"),
    ),
    "key": (
        gettext_lazy("The URL to send to, and whether it takes POST or GET"),
        gettext_lazy("The Content Type: JSON or a form"),
        gettext_lazy("The API Key / Token, and the name of the header or parameter it goes in"),
        gettext_lazy("An address that only checks the key, without storing anything (Test Connection URL)"),
        gettext_lazy("A sample JSON of one record, for the mapping"),
    ),
    "client": (
        gettext_lazy("An OAuth2 app that may use Client Credentials"),
        gettext_lazy("Its Client Id and Client Secret"),
        gettext_lazy("The Access Token URL"),
        gettext_lazy("The Scope that may create and update records; it can be blank"),
        gettext_lazy("The URL to send to, the Content Type, and a sample JSON of one record, for the mapping"),
    ),
    "code": (
        gettext_lazy("An OAuth2 app with the redirect URL from this page"),
        gettext_lazy("Its Client Id and Client Secret"),
        gettext_lazy("Authorization URL, Access Token URL, and Refresh Token URL if it is another"),
        gettext_lazy("The Scope that may create and update records; it can be blank"),
        gettext_lazy("A user to sign in as, with no more rights than needed"),
        gettext_lazy("The URL to send to, the Content Type, and a sample JSON of one record, for the mapping"),
    ),
}
"""What to ask of the target's administrator, by what was chosen."""


type Groups = Sequence[tuple[str, Sequence[Choice]]]
"""Source fields, by the name of their group."""


def sections(values: Values, groups: Groups) -> dict[str, Any]:
    """The form's fields, by the section that the template puts them in. groups: the fields that a URL may hold."""
    return {
        "top": [
            _text(values, "name", _("Connection Name"), help=_("Your own choice, for example the application’s name."), required=True),
            Field(
                kind="select",
                id="auth",
                label=_("Authentication Type"),
                value=values.text("auth"),
                options=[Choice(auth.value, _(auth.value)) for auth in Auth],
                help=_("It decides which fields follow."),
            ),
        ],
        "url": [
            _text(
                values,
                "url",
                _("URL"),
                kind="url",
                groups=groups,
                help=_("The endpoint that data is sent to. Path and query may hold fields."),
                placeholder="https://",
            )
        ],
        "how": [
            Pair(
                (
                    _radios(values, "content_type", _("Content Type"), [Choice(each.value, each.value) for each in ContentType]),
                    Field(
                        kind="select",
                        id="method",
                        label=_("Request Method"),
                        value=values.text("method") or Method.POST.value,
                        options=[Choice(each.value, each.value) for each in Method],
                        help=_("POST is usual; PUT and PATCH if the application asks for them."),
                    ),
                )
            )
        ],
        "basic": [
            Pair(
                (
                    _text(values, "user_name", _("User Name"), help=_("A user of the target application."), autocomplete="off"),
                    _secret(values, Secret.PASSWORD, _("Password"), _("That user’s password. It is never shown again.")),
                )
            )
        ],
        "key": _key(values),
        "key_name": [_text(values, "key_name", _("Name of the header or parameter"), extra="short")],
        **_oauth(values),
        **_test(values, groups),
        **_limits(values),
        "waiting": values.waiting,
    }


def _key(values: Values) -> list[Field | Pair]:
    """The key, and where a request carries it."""
    return [
        _secret(
            values,
            Secret.KEY,
            _("API Key / Token"),
            _("To be provided by the administrator of your target application. It is never shown again."),
        ),
        _radios(
            values,
            "key_place",
            _("Where it goes"),
            [
                Choice(KeyPlace.BEARER.value, _("Header Authorization: Bearer"), sub=_("The usual place")),
                Choice(KeyPlace.HEADER.value, _("Own header"), sub=_("The administrator tells you its name")),
                Choice(
                    KeyPlace.QUERY.value,
                    _("Query parameter of the URL"),
                    sub=_("Only if nothing else is offered: addresses are often logged"),
                ),
            ],
        ),
    ]


def _oauth(values: Values) -> dict[str, Any]:
    return {
        "grant": [
            _radios(values, "grant", _("Grant Type"), [Choice(each.value, _(each.value)) for each in OAuthGrant], extra="inline"),
        ],
        "client": [
            Pair(
                (
                    _text(values, "client_id", _("Client Id"), autocomplete="off"),
                    _secret(values, Secret.CLIENT_SECRET, _("Client Secret"), ""),
                )
            )
        ],
        "authorize": [_text(values, "authorization_url", _("Authorization URL"), placeholder="https://")],
        "tokens": [
            _text(values, "access_token_url", _("Access Token URL"), placeholder="https://"),
            _text(values, "refresh_token_url", _("Refresh Token URL"), optional=True, placeholder=_("Same as the Access Token URL")),
            _text(values, "scope", _("Scope"), optional=True, help=_("A keyword, a URL, or blank.")),
            Field(
                kind="select",
                id="client_auth",
                label=_("How Client Id and Client Secret are sent"),
                value=values.text("client_auth") or ClientAuth.AUTOMATIC.value,
                options=[
                    Choice(ClientAuth.AUTOMATIC.value, _("Automatic: whatever the application accepts")),
                    Choice(ClientAuth.BASIC.value, _("In a header (Basic)")),
                    Choice(ClientAuth.BODY.value, _("In the body")),
                ],
            ),
        ],
    }


def _test(values: Values, groups: Groups) -> dict[str, Any]:
    return {
        "test": [
            _text(
                values,
                "test_url",
                _("Test Connection URL"),
                kind="url",
                groups=groups,
                optional=True,
                help=_(
                    "An address that checks the credentials and stores nothing. Without one, Save & Test reaches the application but does not try the credentials."
                ),
            ),
        ],
        "primary": "primary" in values.flags,
    }


def _limits(values: Values) -> dict[str, Any]:
    certificate = _area(
        values,
        Secret.CLIENT_CERTIFICATE,
        _("Client certificate"),
        _("Only if the application asks for one: the certificate and its private key, as PEM. It is never shown again."),
        stored=_stored(values, Secret.CLIENT_CERTIFICATE),
    )
    more: dict[str, Any] = {
        "limits": [
            *_numbers(values),
            Field(
                kind="checks",
                id="patient",
                label=_("Retries"),
                input="radio",
                options=[
                    Choice("", _("As the account has it"), "patient" not in values.flags, _("The more serious the cause, the sooner")),
                    Choice("1", _("Patient"), "patient" in values.flags, _("After 2, 22 and 48 hours")),
                ],
            ),
            _area(values, "headers", _("Fixed headers"), _sealed_help()),
            _area(
                values,
                "authorities",
                _("Certificate Authorities"),
                _("Only if the application’s certificate is not of a public authority: the certificates to trust instead, as PEM."),
            ),
            certificate,
        ]
    }
    if Secret.CLIENT_CERTIFICATE in values.stored:
        more["limits"].append(_check(values, "forget_certificate", _("Remove the client certificate"), ""))
    if "forget_signing" in values.errors:
        more["limits"].append(
            _check(
                values,
                "forget_signing",
                _("Stop signing"),
                _("The signing secret was made for the host before. Sign anew once this is saved."),
            )
        )
    names = {*NUMBERS, "headers", "authorities", "forget_signing", Secret.CLIENT_CERTIFICATE.value}
    filled = any(values.text(name) for name in (*NUMBERS, "headers", "authorities")) or "patient" in values.flags
    return more | {"limits_open": bool(names & set(values.errors)), "limits_filled": filled or Secret.CLIENT_CERTIFICATE in values.stored}


def _sealed_help() -> str:
    said = _(
        "One a line, Name: value. The value of a header that is a credential by its name (X-API-Key, Token, Secret …) is kept encrypted."
    )
    more = _(
        "“…” stands for it: leave it as it is, or type over it. A single key is better kept above: API Key / Token, in its own header."
    )
    return f"{said} {more}"


def _numbers(values: Values) -> list[Field | Pair]:
    """How much and how long: everything may stay blank."""
    number = partial(_text, values, optional=True, inputmode="numeric")
    connect, total, answer = rules.LONGEST_CONNECT, rules.LONGEST_TOTAL, f"{rules.LARGEST_ANSWER:,}"
    return [
        Pair(
            (
                number("rate", _("At most per minute"), help=_("Requests. Blank: no limit.")),
                number("parallel", _("At once"), help=_("Requests under way at a time.")),
            )
        ),
        Pair(
            (
                number("connect_timeout", _("Seconds to connect"), help=_("1 to %(n)d.") % {"n": connect}),
                number("total_timeout", _("Seconds for the whole request"), help=_("1 to %(n)d.") % {"n": total}),
            )
        ),
        number("answer_cap", _("How much of an answer is read"), extra="short", help=_("KiB, 1 to %(n)s.") % {"n": answer}),
    ]


def _text(values: Values, name: str, label: str, **more: Any) -> Field:
    return Field(id=name, label=label, value=values.text(name), error=values.errors.get(name, ""), **more)


def _area(values: Values, name: str, label: str, help: str, *, stored: str = "") -> Field:
    said = f"{stored}. {help}" if stored else help
    return Field(
        kind="textarea",
        id=str(name),
        label=label,
        value=values.text(name),
        error=values.errors.get(str(name), ""),
        optional=True,
        extra="code",
        help=said,
    )


def _check(values: Values, name: str, label: str, sub: str) -> Field:
    return Field(
        kind="checks", id=name, label=label, error=values.errors.get(name, ""), options=[Choice("1", label, name in values.flags, sub)]
    )


def _radios(values: Values, name: str, label: str, options: Sequence[Choice], *, extra: str = "") -> Field:
    chosen = values.text(name) or options[0].value
    rows = [Choice(each.value, each.label, each.value == chosen, each.sub) for each in options]
    return Field(kind="checks", id=name, label=label, input="radio", options=rows, extra=extra, error=values.errors.get(name, ""))


def _secret(values: Values, secret: Secret, label: str, help: str) -> Field:
    error = values.errors.get(secret.value, "")
    return Field(kind="password", id=secret.value, label=label, help=help, placeholder=_stored(values, secret), error=error)


def _stored(values: Values, secret: Secret) -> str:
    """Whether there is one already: it is never shown."""
    if secret.value in values.typed:
        return _("Typed just now; type to replace")
    return _("Stored; type to replace") if secret in values.stored else ""
