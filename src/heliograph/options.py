"""The operator's settings: HELIOGRAPH_* variables, or the same names in the file that HELIOGRAPH_ENV_FILE names (O1).

Variables take precedence over the file. docs/reference/settings.md lists every setting; a test checks that it does. Reading options creates
nothing: `Options.prepare()` makes the data folder and the key, and only commands that run the product call it.
"""

import difflib
import hashlib
import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

from heliograph.domain.errors import HeliographError
from heliograph.domain.http_request import Hosts
from heliograph.domain.retention import LONGEST, Terms
from heliograph.outbound.guard import Policy
from heliograph.outbound.proxy import Proxy, ProxyError
from heliograph.store.key_file import KeyFile

if TYPE_CHECKING:
    from heliograph.store.backup.backup_schedule import Schedule

PREFIX = "HELIOGRAPH_"
OPENID = "oidc"
"""The OpenID Connect provider's name in URLs."""
_ROLES = ("Administrator", "Planner", "Viewer")

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


_NO_SETTINGS = frozenset(
    f"{PREFIX}{name}" for name in ("ENV_FILE", "PARENT_PIPE", "READY_PIPE", "HEAR_PIPE", "RING_PIPE", "COUNTERS_FILE", "OUTAGE_FILE")
)
"""Variables with the prefix that are no fields of Options: the file of settings, and what a supervisor gives its processes."""
_OTHER_PREFIXES = (f"{PREFIX}SECRET_", f"{PREFIX}TEST_")
"""Secrets for the configuration in a file, and what the tests are told."""
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::[1-9][0-9]{0,4})?")
"""A name or an address, with or without a port. No patterns: a Host must equal one of these, or it is refused."""


class OptionsError(HeliographError):
    """A setting is missing or wrong."""


class NoKeyFile(OptionsError):
    """There is no key file yet, or somebody has removed it."""


def default_data() -> Path:
    """The data folder if none is set: the platform's folder for a user's application data, or /var/lib for root."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Heliograph"
    if os.geteuid() == 0:
        return Path("/var/lib/heliograph")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "heliograph"


def unknown_settings(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences about HELIOGRAPH_ names, of variables or of the file of HELIOGRAPH_ENV_FILE, that are no settings: a misspelt one has no effect."""
    names = {name for name in environ if name.upper().startswith(PREFIX)}
    file = environ.get(f"{PREFIX}ENV_FILE")
    if file and Path(file).is_file():
        names |= {name.upper() for name in DotEnvSettingsSource(Options, env_file=file).env_vars if name.upper().startswith(PREFIX)}
    known = {f"{PREFIX}{name.upper()}" for name in Options.model_fields}
    sentences = []
    for name in sorted(name for name in names if name.upper() not in known | _NO_SETTINGS and not name.upper().startswith(_OTHER_PREFIXES)):
        nearest = difflib.get_close_matches(
            name.upper().removeprefix(PREFIX), [each.upper() for each in Options.model_fields], n=1, cutoff=0.7
        )
        hint = f" Did you mean {PREFIX}{nearest[0]}?" if nearest else ""
        sentences.append(f"{name} is no setting and has no effect.{hint}")
    return tuple(sentences)


class Options(BaseSettings):
    """Every setting, checked. Use `Options.load()`: it reports each wrong setting in one sentence."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    dev: bool = Field(
        default=False,
        description="Development mode: debug pages, plain http, unsafe settings allowed. Never on a machine that others can reach.",
    )
    data: Path = Field(
        default_factory=default_data,
        description="Folder for the database, the key and all other data. With SQLite it must not be on a network file system.",
    )
    database_url: str = Field(
        default="",
        description="postgresql://user:password@host:5432/name or sqlite:///absolute/path; several PostgreSQL servers as one:5432,two:5432."
        " Default: heliograph.db in the data folder.",
    )
    key: SecretStr = Field(
        default=SecretStr(""),
        description="Keys that encrypt stored secrets, newest first, separated by commas. Takes precedence over the key file.",
    )
    key_file: Path = Field(
        default=Path(),
        description="File with these keys, one per line, newest first. Default: `key` in the data folder, made at the first start.",
    )
    base_url: str = Field(
        default="",
        description="The public address of Heliograph, for people and senders. Links, redirects and cookies are built from it."
        " Default: the address of HELIOGRAPH_BIND, http://127.0.0.1:8700.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="More hosts for requests, separated by commas. signal.example.org is allowed without a port, with the base URL's and with the bind's; signal.example.org:9443 with that port, too. The base URL's host, the bind's own address and loopback names are always allowed.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(),
        description="Reverse proxies (addresses or networks) whose X-Forwarded-For and X-Forwarded-Proto headers are trusted,"
        " separated by commas.",
    )
    bind: str = Field(default="127.0.0.1:8700", description="Address and port for pages and /ingest.")
    ingest_bind: str = Field(default="", description="Address and port of the fast door: a second, faster /ingest. Empty: no fast door.")
    ingest_connections: int = Field(
        default=2_000,
        ge=10,
        le=40_000,
        description="Connections that the fast door keeps open for those who have sent a valid token; one account has half of them at most."
        " Half as many may be open beside them for everybody else.",
    )
    ingest_address_connections: int = Field(
        default=100,
        ge=1,
        le=20_000,
        description="Connections to the fast door without a valid token that one address (an IPv6 network /64) may have open. Trusted proxies"
        " have no such limit.",
    )
    operations_bind: str = Field(
        default="127.0.0.1:8701",
        description="Address and port for /health/live, /health/ready and /metrics. Keep it off the public network."
        " Several installations on one machine need different ports.",
    )
    page_threads: int = Field(default=8, ge=1, le=64, description="Number of threads that serve pages.")
    jobs_waiting: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Jobs (imports, exports, dry runs, replays and other long work) of one account that may wait or run. More are refused.",
    )
    jobs_running: int = Field(
        default=10,
        ge=1,
        le=30,
        description="Jobs of one account that may run at once, in all processes together; and as many again of those that mostly wait, such as"
        " replays. Accounts take turns whatever this is.",
    )
    api_requests: int = Field(
        default=1_200,
        ge=1,
        le=1_000_000,
        description="Requests to the REST API that one account may send within a minute, to each process that serves pages.",
    )
    jobs_rows: int = Field(
        default=2_000_000,
        ge=1_000,
        description="Rows that the dry runs, downloads and exports of one account may leave within 24 hours.",
    )
    session_idle: int = Field(
        default=720,
        ge=5,
        le=20_160,
        description="Minutes without use after which a session ends and its user signs in again. An account may set fewer. However much it is"
        " used, a session ends two weeks after the sign-in.",
    )
    allowed_networks: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(),
        description="Private networks that outgoing requests of all accounts may reach, separated by commas. Default: none.",
    )
    ca_file: Path = Field(
        default=Path(),
        description="File with the certificate authorities (PEM) that outgoing requests trust."
        " Default: SSL_CERT_FILE, or else the system's. A connection may have its own.",
    )
    proxy: SecretStr = Field(
        default=SecretStr(""),
        description="HTTP proxy for outgoing requests, such as http://user:password@proxy.example.org:3128. It is asked to CONNECT to the"
        " checked address; allowed networks are reached without it. The usual proxy variables are ignored.",
    )
    demo_targets: str = Field(
        default="",
        description="The one address on 127.0.0.1 that `heliograph demo` may send to. The demo sets it; never set it yourself.",
    )
    lease: float = Field(
        default=30.0,
        ge=2,
        le=600,
        description="Seconds for which a worker owns its connections without renewing. On PostgreSQL, other workers wait this long after a"
        " crash before they take over.",
    )
    lease_renewal: float = Field(default=5.0, ge=0.2, le=60, description="Seconds between renewals of a worker's lease.")
    request_timeout: float = Field(
        default=10.0, ge=1, le=20, description="Seconds that an outgoing request may take, from its start to the end of the answer."
    )
    retention_content: int = Field(
        default=180,
        ge=1,
        le=LONGEST,
        description="Days for which content is kept: states of registrations as of each change, requests and answers. An account may set a"
        " shorter term.",
    )
    retention_rows: int = Field(
        default=400,
        ge=1,
        le=LONGEST,
        description="Days for which bare records are kept: changes, decisions, actions and attempts. Figures stay. Insights looks back 400"
        " days at most.",
    )
    retention_keys: int = Field(
        default=7,
        ge=1,
        le=LONGEST,
        description="Days for which an Idempotency-Key is remembered. Repeated later, it is recorded like a new one.",
    )
    backup_folder: Path = Field(
        default=Path(),
        description="Folder for scheduled backups, best on another disk. `heliograph serve` and `web` write them there. Default: no scheduled backups.",
    )
    backup_every: float = Field(default=24.0, ge=0.01, le=8_784, description="Hours between two scheduled backups.")
    backup_keep: int = Field(
        default=14,
        ge=1,
        le=10_000,
        description="Scheduled backups that are kept in that folder; older ones are removed once a new one is complete.",
    )
    folders: Path = Field(
        default=Path(),
        description="Folder below which each source of the platform “watched folder” has its own, `source-<number>`. It must exist; Heliograph creates those in it,"
        " and reads and writes nothing outside of them. Default: no watched folders.",
    )
    commands: Path = Field(
        default=Path(),
        description="File that lists the programs which a source of the platform “program” may run, with their accounts and bounds. Pages only choose a name from it."
        " Default: no programs.",
    )
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="Mail server: smtp://user:password@host:587 (STARTTLS) or smtps://…:465. Empty: mail is written to the log.",
    )
    mail_from: str = Field(default="Heliograph <heliograph@localhost>", description="Sender of mail.")
    operator_mail: str = Field(
        default="",
        description="Who is told about trouble of the installation, such as a full disk: e-mail addresses, separated by commas."
        " Empty: the Administrators of the only account, and nobody if there are several accounts.",
    )
    admin_email: str = Field(
        default="",
        description="For containers: if there is no user yet, `heliograph serve` creates this Administrator and an account.",
    )
    admin_password: SecretStr = Field(
        default=SecretStr(""), description="Password of that Administrator, at least 12 characters. Change it after signing in."
    )
    admin_account: str = Field(default="MAIN", description="Code of the account that is created with that Administrator.")
    oidc_issuer: str = Field(
        default="",
        description="Issuer of an OpenID Connect provider for signing in, such as https://id.example.org/realms/staff. Only people whom an"
        " Administrator has invited can sign in. Register this return address there: BASE_URL/accounts/openid/oidc/return/.",
    )
    oidc_client_id: str = Field(default="", description="Heliograph's client id at that provider.")
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), description="Heliograph's client secret at that provider.")
    oidc_name: str = Field(default="OpenID Connect", description="Name of that provider on the sign-in page: “Sign in with …”.")
    oidc_trust_email: bool = Field(
        default=False,
        description="Trust the provider's e-mail addresses even if it does not send `email_verified`. Only for a provider of your own.",
    )
    oidc_roles: Annotated[tuple[tuple[str, str], ...], NoDecode] = Field(
        default=(),
        description="Roles by the provider's groups (claim `groups`), such as it-staff=Administrator,events=Planner. The highest one"
        " applies, at each sign-in. Default: roles are set on the page Users.",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="console (for people), json (for machines) or auto: console on a terminal, json elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level that is logged: debug, info, warning or error."
    )

    @classmethod
    def load(cls) -> Self:
        """The options of this process. Raises OptionsError with one sentence per wrong setting."""
        file = os.environ.get(f"{PREFIX}ENV_FILE")
        if file and not Path(file).is_file():
            raise OptionsError(f"{PREFIX}ENV_FILE names {file}, which is not a file. Create the file, or unset the variable.")
        try:
            return cls(_env_file=file or None)
        except ValidationError as error:
            raise OptionsError("\n".join(_sentence(each["loc"], each["msg"]) for each in error.errors())) from None

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _parts(value) if isinstance(value, str) else value

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _groups(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.rpartition("=") for part in _parts(value)]
        for group, _sign, role in pairs:
            if not group or role.strip() not in _ROLES:
                raise ValueError(f"give pairs such as it-staff=Administrator; roles are {', '.join(_ROLES)}")
        return tuple((group.strip(), role.strip()) for group, _sign, role in pairs)

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)))):
            raise ValueError(f"{value!r} is not an https:// address; give one such as https://id.example.org/realms/staff")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _an_administrator_has_a_password(self) -> Self:
        if bool(self.admin_email) is not bool(self.admin_password.get_secret_value()):
            raise ValueError(f"{PREFIX}ADMIN_EMAIL and {PREFIX}ADMIN_PASSWORD belong together; set both or neither")
        return self

    @model_validator(mode="after")
    def _a_provider_has_a_client(self) -> Self:
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_client_secret.get_secret_value()):
            raise ValueError(f"{PREFIX}OIDC_ISSUER is set; set {PREFIX}OIDC_CLIENT_ID and {PREFIX}OIDC_CLIENT_SECRET, too")
        return self

    @field_validator("trusted_proxies", "allowed_networks", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return tuple(ipaddress.ip_network(part) for part in _parts(value)) if isinstance(value, str) else value

    @field_validator("allowed_hosts")
    @classmethod
    def _plain_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is not a host name; give names such as signal.example.org, or signal.example.org:9443")
        return tuple(host.lower() for host in value)

    @field_validator("bind", "ingest_bind", "operations_bind")
    @classmethod
    def _address_and_port(cls, value: str) -> str:
        if value:
            host_and_port(value)
        return value

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.path.strip("/"):
            raise ValueError(f"{value!r} is not a web address without a path; give an address such as https://signal.example.org")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and value.partition(":")[0] not in {"sqlite", "postgresql", "postgres"}:
            raise ValueError("it must begin with postgresql:// or sqlite:///")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if value.get_secret_value() and (parts.scheme not in {"smtp", "smtps"} or not parts.hostname):
            raise ValueError("it must look like smtp://user:password@host:587 or smtps://user:password@host:465")
        return value

    @field_validator("proxy")
    @classmethod
    def _usable_proxy(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            try:
                Proxy.parse(value.get_secret_value())
            except ProxyError as error:
                raise ValueError(str(error).removesuffix(".")) from None
        return value

    @model_validator(mode="after")
    def _absolute_places(self) -> Self:
        for name in ("data", "key_file", "ca_file", "backup_folder", "folders", "commands"):
            place: Path = getattr(self, name)
            if place != Path() and not place.is_absolute():
                raise ValueError(f"{PREFIX}{name.upper()} is {place}, which depends on the current folder; give an absolute path")
        return self

    @model_validator(mode="after")
    def _requests_end_within_the_lease(self) -> Self:
        if self.lease_renewal + self.request_timeout >= self.lease:
            raise ValueError(
                f"{PREFIX}LEASE is {self.lease:g} s, but it must be longer than {PREFIX}LEASE_RENEWAL ({self.lease_renewal:g} s) and"
                f" {PREFIX}REQUEST_TIMEOUT ({self.request_timeout:g} s) together:"
                " a request must end while its worker still owns the connection"
            )
        return self

    @model_validator(mode="after")
    def _the_base_url_follows_the_bind(self) -> Self:
        """The address at which the pages answer on this machine, if the operator gives no base URL."""
        if not self.base_url:
            host, port = host_and_port(self.bind)
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- every address of this machine, this one among them
            self.model_fields_set.discard("base_url")
            object.__setattr__(self, "base_url", f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        return self

    @model_validator(mode="after")
    def _content_goes_before_its_record(self) -> Self:
        if self.retention_content > self.retention_rows:
            raise ValueError(
                f"{PREFIX}RETENTION_CONTENT is {self.retention_content} days, but records go after {PREFIX}RETENTION_ROWS"
                f" ({self.retention_rows} days); content cannot be kept longer than its record"
            )
        return self

    @property
    def retention(self) -> Terms:
        """How long content and records of all accounts are kept (O4)."""
        return Terms(self.retention_content, self.retention_rows)

    @property
    def backup_schedule(self) -> "Schedule | None":
        """When and where scheduled backups are made (O13); None if they are not."""
        if self.backup_folder == Path():
            return None
        from heliograph.store.backup.backup_schedule import Schedule  # noqa: PLC0415 -- only the pages and `heliograph backup` need it

        return Schedule(self.backup_folder, round(self.backup_every * 3_600_000_000), self.backup_keep)

    @property
    def hosts(self) -> Hosts:
        """The allowed Host values of requests, at every door; each door adds its own address (rule H2)."""
        base = urlsplit(self.base_url)
        host = base.hostname or ""
        return Hosts(
            names=(f"[{host}]" if ":" in host else host, *(host_name(each) for each in self.allowed_hosts)),
            ports=(base.port or (443 if base.scheme == "https" else 80),),
            exact=tuple(each for each in self.allowed_hosts if each != host_name(each)),
        )

    @property
    def idle_in_transaction(self) -> float:
        """Seconds after which PostgreSQL ends a session that is idle inside a transaction: well before a lease expires."""
        return min(5.0, 0.6 * self.lease)

    @property
    def everyones_policy(self) -> Policy:
        """The networks beyond public addresses that outgoing requests of every account may reach (C6)."""
        return Policy.parse([*map(str, self.allowed_networks), *filter(None, [self.demo_targets])])

    @property
    def outgoing_proxy(self) -> Proxy | None:
        """The proxy for outgoing requests."""
        return Proxy.parse(self.proxy.get_secret_value()) if self.proxy.get_secret_value() else None

    @property
    def authorities_file(self) -> str | None:
        """The file of certificate authorities, if the operator has set one. Raises OptionsError if it cannot be used."""
        if self.ca_file == Path():
            return None
        # Imported only here: it loads X.509, which takes longer than all other imports, and most installations have no such file.
        from heliograph.outbound.certificates import BadCertificate, check_authorities  # noqa: PLC0415

        try:
            check_authorities(self.ca_file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, BadCertificate) as error:
            raise OptionsError(f"{PREFIX}CA_FILE names {self.ca_file}, which cannot be used: {error}") from None
        return str(self.ca_file)

    @property
    def on_sqlite(self) -> bool:
        """True if the database is SQLite."""
        return not self.database_url or self.database_url.startswith("sqlite:")

    @property
    def installation(self) -> str:
        """Names the data folder without showing it: processes with one folder are one installation."""
        return hashlib.sha256(str(self.data.resolve()).encode()).hexdigest()[:16]

    @property
    def sqlite_file(self) -> Path:
        """The SQLite file; meaningful only if `on_sqlite`."""
        if not self.database_url:
            return self.data / "heliograph.db"
        return Path("/" + unquote(urlsplit(self.database_url).path).lstrip("/"))

    @property
    def key_place(self) -> Path:
        """The key file, or the default."""
        return self.key_file if self.key_file != Path() else self.data / "key"

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, newest first. Raises OptionsError if there is none, if one is not a key, or if other users can read the file."""
        given = self.key.get_secret_value()
        if given:
            place, lines = f"{PREFIX}KEY", given.split(",")
        else:
            place = str(self.key_place)
            try:
                if self.key_place.stat().st_mode & 0o077 and not self.dev:
                    raise OptionsError(f"Other users can read the key file {place}. Forbid that: chmod 600 {place}")
                lines = self.key_place.read_text("ascii").splitlines()
            except FileNotFoundError:
                raise NoKeyFile(
                    f"There is no key file {place}. The first `heliograph serve` makes one. "
                    f"If you have restored a backup, put its key into this file or into {PREFIX}KEY."
                ) from None
            except PermissionError as error:
                raise OptionsError(
                    f"The key file {place} cannot be read: {error.strerror}. Run this command as the user that runs Heliograph, such as with"
                    " sudo -u USER."
                ) from None
            except (OSError, UnicodeDecodeError) as error:
                raise OptionsError(f"The key file {place} cannot be read: {getattr(error, 'strerror', error)}.") from None
        keys = tuple(line.strip() for line in lines if line.strip())
        if not keys:
            raise OptionsError(f"{place} contains no key.")
        for number, key in enumerate(keys, 1):
            try:
                Fernet(key)
            except ValueError:
                raise OptionsError(
                    f"Key {number} of {place} is not a key: it must be 32 bytes in URL-safe base64 (44 characters)."
                ) from None
        return keys

    @property
    def key_source(self) -> KeyFile | None:
        """The key file, which a running process reads again; None if the keys are in the environment, which does not change."""
        return None if self.key.get_secret_value() else KeyFile(self.key_place)

    def prepare(self) -> None:
        """Creates the data folder and, at the first start, the key. Raises OptionsError if that fails."""
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise OptionsError(
                f"The data folder {self.data} cannot be created: {error.strerror}. Set {PREFIX}DATA to a folder that you may write to."
            ) from None
        if self.key.get_secret_value() or self.key_place.exists():
            return
        if self.on_sqlite and self.sqlite_file.exists():
            raise OptionsError(
                f"There is a database {self.sqlite_file}, but its key file {self.key_place} is missing."
                " Put the key back: without it, stored secrets are lost."
            )
        try:
            # O_EXCL: if two first starts run at once, only one creates the key.
            with os.fdopen(os.open(self.key_place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(Fernet.generate_key().decode("ascii") + "\n")
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            return
        except OSError as error:
            raise OptionsError(f"The key file {self.key_place} cannot be written: {error.strerror}.") from None

    def unsafe(self) -> tuple[str, ...]:
        """The reasons to refuse a production start, one sentence each; empty with `dev`."""
        if self.dev:
            return ()
        reasons = []
        base, is_given = urlsplit(self.base_url), "base_url" in self.model_fields_set
        loopback = is_loopback(base.hostname or "")
        if is_given and base.scheme == "http" and not loopback:
            reasons.append(
                f"{PREFIX}BASE_URL is {self.base_url}: passwords would be sent unencrypted."
                " Put a TLS proxy in front and give its https:// address."
            )
        if loopback or not is_given:
            problem = "is a loopback address" if is_given else "is not set"
            reasons += [
                f"{name} is {bind}, open to other machines, but {PREFIX}BASE_URL {problem}. Set the address that people use."
                for name, bind in self._open_binds()
            ]
        return tuple(reasons)

    def doubtful(self) -> tuple[str, ...]:
        """Warnings of a production start, which goes on nevertheless, one sentence each; empty with `dev`."""
        if self.dev:
            return ()
        behind_proxy = (
            f"{PREFIX}BASE_URL is {self.base_url}, so a proxy with TLS stands in front, but {PREFIX}TRUSTED_PROXIES names none: all visitors have"
            " the proxy's address in the log, share the room of one client, and are one sender for the limits of wrong passwords unless it sends"
            f" X-Forwarded-For. Set {PREFIX}TRUSTED_PROXIES to its address, such as 127.0.0.1."
        )
        warnings = {
            "INGEST_BIND": "tokens travel in the clear to whoever does not come by a proxy with TLS. Keep it off the public network.",
            "OPERATIONS_BIND": "it tells names and states of processes, and how much is sent, to whoever reaches it. Keep it off the public network.",
        }
        is_behind_proxy = urlsplit(self.base_url).scheme == "https" and not self.trusted_proxies
        return (
            *([behind_proxy] if is_behind_proxy else []),
            *(
                f"{name} is {bind}, open to other machines: {warnings[name.removeprefix(PREFIX)]}"
                for name, bind in self._open_binds()
                if name.removeprefix(PREFIX) in warnings
            ),
        )

    def _open_binds(self) -> list[tuple[str, str]]:
        """Settings that let other machines reach a port of ours, with their addresses; covers every port."""
        binds = {"BIND": self.bind, "INGEST_BIND": self.ingest_bind, "OPERATIONS_BIND": self.operations_bind}
        return [(f"{PREFIX}{name}", bind) for name, bind in binds.items() if bind and not is_loopback(host_and_port(bind)[0])]


def openid_apps(options: Options) -> list[dict[str, Any]]:
    """allauth's settings for the OpenID Connect provider; empty if there is none."""
    if not options.oidc_issuer:
        return []
    return [
        {
            "provider_id": OPENID,
            "name": options.oidc_name,
            "client_id": options.oidc_client_id,
            "secret": options.oidc_client_secret.get_secret_value(),
            "settings": {
                "server_url": options.oidc_issuer,
                "token_auth_method": "client_secret_basic",  # every provider must support it (RFC 6749 section 2.3.1)
                "email_authentication": True,
                "verified_email": options.oidc_trust_email,
            },
        }
    ]


def _parts(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def host_and_port(value: str) -> tuple[str, int]:
    """Host and port of "host:port" or "[::1]:port". Raises ValueError."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or not 0 <= int(port) <= 65535:
        raise ValueError(f"{value!r} is not an address and port such as 127.0.0.1:8700")
    return host.removeprefix("[").removesuffix("]"), int(port)


def host_name(host: str) -> str:
    """The host of "host:port", "host" or "[::1]:port", as in a Host header: an IPv6 address in brackets."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def is_loopback(host: str) -> bool:
    """True if this name or address leads only to this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _sentence(place: tuple[int | str, ...], message: str) -> str:
    """A validation error of pydantic as a sentence for the operator."""
    text = message.removeprefix("Value error, ")
    return f"{PREFIX}{str(place[0]).upper()}: {text}." if place else f"{text}."
