"""The fields of Connection Setup (guide: Adding a Connection; C1).

The page contains every field of every Authentication Type; the style sheet shows the fields of the chosen type, without script.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.connections import connection_words, header_words
from heliograph.connections.views.url_form import Groups, UrlForm
from heliograph.deliveries.message_words import message_words
from heliograph.domain.connection import connection as rules
from heliograph.domain.connection.connection import CREDENTIAL, Auth, ClientAuth, ContentType, KeyPlace, Method, OAuthGrant
from heliograph.domain.connection.secret import Secret
from heliograph.domain.mapping import headers as header_rules
from heliograph.outbound.address_check import check_literal
from heliograph.outbound.guard import Policy
from heliograph.setup.form_values import Texts, shown_then
from heliograph.setup.views.shared_form import SharedForm
from heliograph.web.form_fields import Box, Radios, SecretLine, SecretLines, Select, TextLine, TextLines, UrlLine
from heliograph.web.shown_fields import Choice

LONGEST: Final = 70_000
"""Characters of one field; a certificate chain is the longest."""
NUMBERS: Final = ("rate", "parallel", "connect_timeout", "total_timeout", "answer_cap")
_CERTIFICATE: Final = Secret.CLIENT_CERTIFICATE.value
_FOLDED: Final = (*NUMBERS, "patient", "headers", "authorities", _CERTIFICATE)
"""Fields of a section that is collapsed unless one of them is refused."""
_CERTIFICATE_HELP: Final = gettext_lazy(
    "Only if the application asks for one: the certificate and its private key, as PEM. It is never shown again."
)

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
        gettext_lazy("Authorization URL, Access Token URL, and the Refresh Token URL if it differs"),
        gettext_lazy("The Scope that may create and update records; it can be blank"),
        gettext_lazy("A user to sign in as, with no more rights than needed"),
        gettext_lazy("The URL to send to, the Content Type, and a sample JSON of one record, for the mapping"),
    ),
}
"""What to ask the target's administrator, by Authentication Type; for OAuth2 by Grant Type."""


@dataclass(frozen=True, slots=True)
class AddressNote:
    """What the page says about the address in the URL."""

    tone: str
    """"failed" if nothing can be sent to the address, else "wait"."""
    text: str


_line = partial(TextLine, longest=LONGEST)
_password = partial(SecretLine, longest=LONGEST)
_number = partial(_line, optional=True, inputmode="numeric")


class HeaderLines(TextLines):
    """Headers, one a line, Name: value. A page never contains the encrypted values: SEALED stands for them."""

    def value_shown(self, value: Any) -> str:
        lines = []
        for line in str(value or "").splitlines():
            name = line.partition(":")[0].strip()
            lines.append(f"{name}: {header_rules.SEALED}" if ":" in line and header_rules.is_secret_name(name) else line)
        return "\n".join(lines)


class ConnectionForm(UrlForm, SharedForm):
    """The settings of a connection."""

    one_time_boxes = frozenset({"forget_certificate", "forget_signing"})

    pairs = (
        ("content_type", "method"),
        ("user_name", "password"),
        ("client_id", "client_secret"),
        ("rate", "parallel"),
        ("connect_timeout", "total_timeout"),
    )

    name = _line(gettext_lazy("Connection Name"), help=gettext_lazy("Your own choice, for example the application’s name."), required=True)
    auth = Select(
        gettext_lazy("Authentication Type"),
        options=[Choice(auth.value, gettext_lazy(auth.value)) for auth in Auth],
        initial=Auth.KEY.value,
        help=gettext_lazy("It decides which fields follow."),
    )

    url = UrlLine(
        gettext_lazy("URL"),
        longest=LONGEST,
        help=gettext_lazy("The endpoint that data is sent to. Path and query may hold fields."),
        placeholder="https://",
    )
    content_type = Radios(
        gettext_lazy("Content Type"),
        options=[Choice(each.value, each.value) for each in ContentType],
        initial=ContentType.JSON.value,
    )
    method = Select(
        gettext_lazy("Request Method"),
        options=[Choice(each.value, each.value) for each in Method],
        initial=Method.POST.value,
        help=gettext_lazy("POST is usual; PUT and PATCH if the application asks for them."),
    )

    user_name = _line(gettext_lazy("User Name"), help=gettext_lazy("A user of the target application."), autocomplete="off")
    password = _password(gettext_lazy("Password"), help=gettext_lazy("That user’s password. It is never shown again."))

    key = _password(
        gettext_lazy("API Key / Token"),
        help=gettext_lazy("To be provided by the administrator of your target application. It is never shown again."),
    )
    key_place = Radios(
        gettext_lazy("Where it goes"),
        options=[
            Choice(KeyPlace.BEARER.value, gettext_lazy("Header Authorization: Bearer"), sub=gettext_lazy("The usual place")),
            Choice(KeyPlace.HEADER.value, gettext_lazy("Custom header"), sub=gettext_lazy("The administrator tells you its name")),
            Choice(
                KeyPlace.QUERY.value,
                gettext_lazy("Query parameter of the URL"),
                sub=gettext_lazy("Only if nothing else is offered: addresses are often logged"),
            ),
        ],
        initial=KeyPlace.BEARER.value,
    )
    key_name = _line(gettext_lazy("Name of the header or parameter"), extra="short")

    grant = Radios(
        gettext_lazy("Grant Type"),
        options=[Choice(each.value, gettext_lazy(each.value)) for each in OAuthGrant],
        initial=OAuthGrant.CLIENT_CREDENTIALS.value,
        extra="inline",
    )
    client_id = _line(gettext_lazy("Client Id"), autocomplete="off")
    client_secret = _password(gettext_lazy("Client Secret"))
    authorization_url = _line(gettext_lazy("Authorization URL"), placeholder="https://")
    access_token_url = _line(gettext_lazy("Access Token URL"), placeholder="https://")
    refresh_token_url = _line(gettext_lazy("Refresh Token URL"), optional=True, placeholder=gettext_lazy("Same as the Access Token URL"))
    scope = _line(gettext_lazy("Scope"), optional=True, help=gettext_lazy("A keyword, a URL, or blank."))
    client_auth = Select(
        gettext_lazy("How Client Id and Client Secret are sent"),
        options=[
            Choice(ClientAuth.AUTOMATIC.value, gettext_lazy("Automatic: whatever the application accepts")),
            Choice(ClientAuth.BASIC.value, gettext_lazy("In a header (Basic)")),
            Choice(ClientAuth.BODY.value, gettext_lazy("In the body")),
        ],
        initial=ClientAuth.AUTOMATIC.value,
    )

    test_url = UrlLine(
        gettext_lazy("Test Connection URL"),
        longest=LONGEST,
        optional=True,
        help=gettext_lazy(
            "An address that checks the credentials and stores nothing. Without one, Save & Test reaches the application but does not try the credentials."
        ),
    )
    primary = Box()

    rate = _number(gettext_lazy("At most per minute"), help=gettext_lazy("Requests. Blank: no limit."))
    parallel = _number(gettext_lazy("At once"), help=gettext_lazy("Requests under way at a time."))
    connect_timeout = _number(gettext_lazy("Seconds to connect"))
    total_timeout = _number(gettext_lazy("Seconds for the whole request"))
    answer_cap = _number(gettext_lazy("How much of an answer is read"), extra="short")
    patient = Radios(
        gettext_lazy("Retries"),
        options=[
            Choice("", gettext_lazy("As set for the account"), sub=gettext_lazy("The more serious the cause, the sooner")),
            Choice("1", gettext_lazy("Patient"), sub=capfirst(connection_words.PATIENT_RETRIES)),
        ],
    )
    headers = HeaderLines(
        gettext_lazy("Fixed headers"),
        longest=LONGEST,
        optional=True,
        extra="code",
        help=format_lazy(
            "{} {}",
            gettext_lazy(
                "One a line, Name: value. The value of a header that is a credential by its name (X-API-Key, Token, Secret …) is kept encrypted."
            ),
            gettext_lazy(
                "“…” stands for the stored value: leave it, or type over it. For a single key, use API Key / Token above, in its own header."
            ),
        ),
    )
    authorities = TextLines(
        gettext_lazy("Certificate Authorities"),
        longest=LONGEST,
        optional=True,
        extra="code",
        help=gettext_lazy(
            "Only if the application’s certificate is not from a public authority: the certificates to trust instead, as PEM."
        ),
    )
    client_certificate = SecretLines(
        gettext_lazy("Client certificate"), longest=LONGEST, optional=True, extra="code", help=_CERTIFICATE_HELP
    )
    forget_certificate = Box(gettext_lazy("Remove the client certificate"))
    forget_signing = Box(
        gettext_lazy("Stop signing"),
        sub=gettext_lazy("The signing secret belongs to the previous host. Make a new one once this is saved."),
    )

    def __init__(self, stored_secrets: frozenset[Secret], *args: Any, edition: int = 0, **given: Any) -> None:
        """stored_secrets: the names of the secrets that are stored already; they are never shown
        edition: the number of the last change of the secrets, from the connection's body
        """
        super().__init__(*args, **given)
        self.stored_secrets, self.edition = stored_secrets, edition
        self.say("connect_timeout", help=_("1 to %(n)d.") % {"n": rules.LONGEST_CONNECT})
        self.say("total_timeout", help=_("1 to %(n)d.") % {"n": rules.LONGEST_TOTAL})
        self.say("answer_cap", help=_("KiB, 1 to %(n)s.") % {"n": intcomma(rules.LARGEST_ANSWER)})
        self._say_of_secrets(_("Stored; type to replace"), (secret.value for secret in stored_secrets))

    @property
    def shown_now(self) -> dict[str, Texts]:
        """Adds the edition of the secrets, which are never shown themselves."""
        return super().shown_now | {"edition": (str(self.edition),)}

    def clean(self) -> dict[str, Any]:
        """Adds an error if this form enters secrets and somebody else has changed secrets since it was opened."""
        cleaned = super().clean()
        seen = shown_then(self.data.get(self.add_prefix("opened"), "")).get("edition", (str(self.edition),))
        typed = [name for name, field in self.fields.items() if isinstance(field, SecretLine) or name in self.one_time_boxes]
        lines = [line.partition(":") for line in str(cleaned.get("headers", "")).splitlines()]
        enters_secrets = any(cleaned.get(name) for name in typed) or any(
            header_rules.is_secret_name(name.strip()) and value.strip() != header_rules.SEALED for name, _colon, value in lines
        )
        if self.is_shared and seen != (str(self.edition),) and enters_secrets:
            conflict = _(
                "Somebody changed secrets, or the path of a URL, while you had this open. Save again to replace the secrets with yours."
            )
            self.add_error(None, conflict)
        return cleaned

    def say_typed(self, names: Iterable[str]) -> None:
        """Marks the fields of secrets that were typed into the form before it was refused."""
        self._say_of_secrets(_("Typed just now; type to replace"), names)

    def _say_of_secrets(self, hint: str, names: Iterable[str]) -> None:
        for name in names:
            if name == _CERTIFICATE:
                self.say(name, help=f"{hint}. {_CERTIFICATE_HELP}")
            elif name in CREDENTIAL.values():
                self.say(name, placeholder=hint)

    def address_note(self, policy: Policy) -> AddressNote | None:
        """The note on the address in the URL: that it is blocked, or that it has no TLS. None if there is nothing to say. No name is looked up.

        policy: the networks that the operator allowed the account
        """
        url = str(self["url"].value() or "").strip()
        if "url" in self.errors:  # its error says why it cannot be used
            return None
        checked = check_literal("/".join(url.split("/", 3)[:3]), policy)
        if checked is not None and not checked.allowed:
            return AddressNote("failed", message_words(checked.reason))
        if not url.lower().startswith("http://"):
            return None
        plain = _("Without https://, anyone on the way can read and change what is sent.")
        if checked is not None:
            return AddressNote("wait", f"{plain} {_('It is possible because your operator allowed this network.')}")
        return AddressNote(
            "wait", f"{plain} {_('It is possible only in networks that your operator allowed; Save & Test says whether this is one.')}"
        )

    def sections(self, groups: Groups) -> dict[str, Any]:
        """The fields, by the section in which the template shows them.

        groups: the source fields that a URL may contain
        """
        self.say("url", groups=groups)
        self.say("test_url", groups=groups)
        headers = (line.partition(":") for line in str(self["headers"].value() or "").splitlines())
        doubtful = [name.strip() for name, _, value in headers if value.strip() != header_rules.SEALED and header_rules.is_doubtful(value)]
        if doubtful:
            self.say("headers", todo=header_words.doubtful(doubtful))
        folded = list(_FOLDED)
        if Secret.CLIENT_CERTIFICATE in self.stored_secrets:
            folded.append("forget_certificate")
        if "forget_signing" in self.errors:
            folded.append("forget_signing")
        return {
            "opened": [self.opened_field],
            "top": self.draw_fields("name", "auth"),
            "url": self.draw_fields("url"),
            "how": self.draw_fields("content_type", "method"),
            "basic": self.draw_fields("user_name", "password"),
            "key": self.draw_fields("key", "key_place"),
            "key_name": self.draw_fields("key_name"),
            "grant": self.draw_fields("grant"),
            "client": self.draw_fields("client_id", "client_secret"),
            "authorize": self.draw_fields("authorization_url"),
            "tokens": self.draw_fields("access_token_url", "refresh_token_url", "scope", "client_auth"),
            "test": self.draw_fields("test_url"),
            "primary": bool(self["primary"].value()),
            "limits": self.draw_fields(*folded),
            "limits_open": bool(doubtful) or any(name in self.errors for name in folded),
            "limits_filled": Secret.CLIENT_CERTIFICATE in self.stored_secrets
            or any(self[name].value() for name in _FOLDED if name != _CERTIFICATE),
        }
