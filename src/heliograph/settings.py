"""Django's settings, built from the operator's options (heliograph.options); nothing here is meant to be edited on a server."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.utils.csp import CSP

from heliograph import __version__, installed_apps
from heliograph.guide.folder import PICTURES
from heliograph.options import Options, host_and_port, openid_apps

HELIOGRAPH = Options.load()

DEBUG = HELIOGRAPH.dev
# Sessions and page signatures have separate derived keys, so that a leak of one never opens the other.
SECRET_KEY, *SECRET_KEY_FALLBACKS = (hmac.digest(key.encode("ascii"), b"heliograph pages", "sha256").hex() for key in HELIOGRAPH.keys)

_base = urlsplit(HELIOGRAPH.base_url)
_secure = _base.scheme == "https"

# The server in front of Django checks more: a single Host, and its port (`heliograph.web.limits`).
ALLOWED_HOSTS = HELIOGRAPH.hosts.names_at(host_and_port(HELIOGRAPH.bind)[0])
CSRF_TRUSTED_ORIGINS = [HELIOGRAPH.base_url]
ROOT_URLCONF = "heliograph.urls"
WSGI_APPLICATION = None

INSTALLED_APPS = installed_apps.INSTALLED_APPS

MIDDLEWARE = [
    "heliograph.api.api_middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "heliograph.web.url_segments.NoDotSegments",
    "heliograph.web.texts.TextMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "heliograph.accounts.language_middleware.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "heliograph.accounts.middleware.AccountMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "heliograph.accounts.context.account",
                "heliograph.insights.context.counts",
                "heliograph.guide.context.help_link",
                "heliograph.web.context.page",
            ],
            "builtins": ["heliograph.web.templatetags.inline_components"],
        },
    },
]


# --- databases: `default` writes; `read` only reads, in short transactions (ARCHITECTURE.md, rule 5)


def _sqlite(options: Options) -> dict[str, dict[str, Any]]:
    # To open the file and read its schema takes longer than a small page. A minute, so that plans follow what `ANALYZE` has counted since.
    common: dict[str, Any] = {"ENGINE": "heliograph.store.backends.sqlite", "NAME": options.sqlite_file, "CONN_MAX_AGE": 60}
    return {
        "default": {**common, "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20}},
        "read": {**common, "OPTIONS": {"timeout": 20, "query_only": True}},
    }


def _postgresql(options: Options) -> dict[str, dict[str, Any]]:
    from heliograph.store.postgres_connection import connection_parameters  # noqa: PLC0415 -- with psycopg

    parameters, of_reader = connection_parameters(options.database_url), connection_parameters(options.database_url, read_only=True)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}  # Django's and libpq's
    common: dict[str, Any] = {
        "ENGINE": "heliograph.store.backends.postgres",
        **{django_name: parameters.pop(name, "") for django_name, name in names.items()},
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
    # Pages read few rows of large tables, by indexes. To compile such a plan takes longer than to run it; and PostgreSQL's default price of a random
    # page is that of a spinning disk, for which it would rather scan millions of rows. Options in the URL override both.
    url_options = re.findall(r"(?:-c\s*|--)([\w.]+)\s*=", parameters.get("options", ""))
    session = {name: value for name, value in {"jit": "off", "random_page_cost": "1.1"}.items() if name not in url_options}
    # A suspended process holds its locks no longer than this: the server ends its session.
    session["idle_in_transaction_session_timeout"] = str(round(options.idle_in_transaction * 1000))
    parameters.setdefault("application_name", "heliograph pages")
    reading = {**parameters, **{name: value for name, value in of_reader.items() if name in parameters}}
    return {
        "default": {**common, "OPTIONS": {**parameters, "session_settings": session}},
        "read": {**common, "OPTIONS": {**reading, "session_settings": {**session, "default_transaction_read_only": "on"}}},
    }


DATABASES = _sqlite(HELIOGRAPH) if HELIOGRAPH.on_sqlite else _postgresql(HELIOGRAPH)
DATABASES["read"]["TEST"] = {"MIRROR": "default"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# --- people

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator", "OPTIONS": {"user_attributes": ["email", "name"]}},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "heliograph.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
# Five wrong passwords, then that user is locked for 15 minutes; more are allowed per address. Behind a proxy the address is the one that
# trusted proxies vouch for: heliograph.web.server has set it, and the scheme, before Django sees the request.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_CHANGE_EMAIL = False
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,5/15m/key"}
# All page processes count wrong passwords together. On SQLite there is one process, which counts in memory. Django's default of 300 entries
# is too few: guesses for other users would evict a user's count.
_memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000, "CULL_FREQUENCY": 10}}
CACHES = {
    "default": _memory if HELIOGRAPH.on_sqlite else {"BACKEND": "heliograph.accounts.shared_cache.SharedCache"},
    "memory": {**_memory, "LOCATION": "memory"},
}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _base.scheme
SOCIALACCOUNT_ADAPTER = "heliograph.accounts.openid.OpenIdAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_LOGIN_ON_GET = True  # our own browser policy would block a form that leads to another site
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": openid_apps(HELIOGRAPH)}}
MFA_ADAPTER = "heliograph.accounts.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Heliograph"
MFA_TOTP_TOLERANCE = 1  # a phone's clock may be half a minute off
MFA_ALLOW_UNVERIFIED_EMAIL = True  # an Administrator entered the address
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_FORMS = {
    "authenticate": "heliograph.accounts.recovery_codes.CodeForm",
    "reauthenticate": "heliograph.accounts.recovery_codes.ConfirmingCodeForm",
}
MFA_TRUST_ENABLED = True
MFA_TRUST_COOKIE_AGE = timedelta(days=30)
MFA_TRUST_COOKIE_HTTPONLY = True


# --- browser policy

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
# With this prefix a browser takes a cookie only from this very host, by https and for all paths, so no other host of the domain can plant one.
COOKIE_PREFIX = "__Host-" if _secure else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}heliograph_session"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}heliograph_csrf"
MFA_TRUST_COOKIE_NAME = f"{COOKIE_PREFIX}heliograph_trust"
MESSAGE_STORAGE = "heliograph.web.message_storage.MessageStorage"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    # allauth draws the second factor's QR code as a data: picture.
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}


# --- language, time, static files, mail

LANGUAGE_CODE = "en"
# Each in its own words: whoever looks for a language may read no other.
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français")]
LANGUAGE_COOKIE_NAME = f"{COOKIE_PREFIX}heliograph_language"
LOCALE_PATHS = [Path(__file__).parent / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"


def _digest_of_static_files() -> str:
    """Part of every static file's URL, so that browsers cache files for a year and still see a new version at once."""
    digest = hashlib.sha256(__version__.encode())
    for folder in (Path(__file__).parent / "web" / "static", PICTURES):
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


STATIC_URL = "/static/" if DEBUG else f"/static/{_digest_of_static_files()}/"
STATICFILES_DIRS = [("heliograph/guide", PICTURES)]
# Served from the packages themselves: an installed wheel needs no collectstatic.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0 if DEBUG else 31_536_000


def _mailer(options: Options) -> dict[str, Any]:
    url = urlsplit(options.smtp_url.get_secret_value())
    if not url.hostname:
        return {"BACKEND": "django.core.mail.backends.console.EmailBackend"}
    tls_from_the_start = url.scheme == "smtps"
    return {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": url.hostname,
            "port": url.port or (465 if tls_from_the_start else 587),
            "use_ssl": tls_from_the_start,
            "use_tls": not tls_from_the_start,
            "username": unquote(url.username or ""),
            "password": unquote(url.password or ""),
            "timeout": 10,
        },
    }


MAILERS = {"default": _mailer(HELIOGRAPH)}
DEFAULT_FROM_EMAIL = SERVER_EMAIL = HELIOGRAPH.mail_from

# Forms are small, documents of the API have the size that the pages' port allows (web.limits.LARGEST_FORM); import files stream to disk.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
# The largest forms. A mapping of 500 rows has nine fields per row, two per entry of a value map (500), and two per row that a sample adds (500).
# A file of 1,000 columns has several settings per column.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 30_000
# The commands set up logging (structlog) when a process starts, not Django.
LOGGING_CONFIG = None
