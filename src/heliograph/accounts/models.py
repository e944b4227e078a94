"""Accounts (tenants), their users and tokens, and the audit (P1)."""

from __future__ import annotations

import zoneinfo
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.store.access_refusals import REFUSED
from heliograph.store.instant_field import MicrosField


def validate_timezone(name: str) -> None:
    """Refuses unknown time zones."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("“%(name)s” is not a time zone. Choose one such as Europe/Berlin."), params={"name": name}, code="timezone")


class StartPage(models.TextChoices):
    """The page that Signal opens with. The values are the names in the REST API and in configuration files."""

    OVERVIEW = "overview", _("Overview")
    FLOWS = "flows", _("Flow List")


class Account(models.Model):
    """A tenant. Nothing in one account is ever visible from another."""

    code = models.CharField(
        _("code"),
        max_length=25,
        unique=True,
        validators=[RegexValidator(r"\A[A-Za-z0-9-]+\Z", _("Letters, digits and dashes only."))],
    )
    name = models.CharField(_("name"), max_length=200)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_timezone])
    signal_enabled = models.BooleanField(_("Signal is on"), default=True, help_text=_("Off: the menu entry is gone and flows rest."))
    start_page = models.CharField(
        _("start page"), max_length=20, choices=StartPage, default=StartPage.OVERVIEW, db_default=StartPage.OVERVIEW
    )
    retry_intervals = models.JSONField(null=True, blank=True, editable=False)  # D5: {category: [seconds × 3]}; null: the standard intervals
    content_days = models.PositiveIntegerField(null=True, blank=True, editable=False)  # O4; null: the installation's terms
    row_days = models.PositiveIntegerField(null=True, blank=True, editable=False)
    # C6: only the operator changes it, by `heliograph allow-network`
    allowed_networks = models.JSONField(null=True, blank=True, editable=False)
    second_factor_required = models.BooleanField(default=False, db_default=False, editable=False)  # of every user
    session_idle_minutes = models.PositiveIntegerField(null=True, blank=True, editable=False)  # null: the installation's
    created = models.DateTimeField(_("created"), auto_now_add=True, editable=False)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """The rights of a person in the account."""

    ADMINISTRATOR = "Administrator", _("Administrator")
    PLANNER = "Planner", _("Planner")
    VIEWER = "Viewer", _("Viewer")


class UserManager(BaseUserManager["User"]):
    """Creates users. E-mail addresses are stored in lower case, so that one address is one person."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Saves and returns a user. Raises ValidationError.

        password: None for a user who cannot sign in by password.
        """
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.full_clean()
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """Someone who signs in: a member of one account, or an operator (no account)."""

    email = models.EmailField(_("e-mail address"), max_length=254, unique=True)
    name = models.CharField(_("name"), max_length=200)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, blank=True, related_name="users", verbose_name=_("account"))
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.VIEWER)
    is_active = models.BooleanField(_("may sign in"), default=True)
    invited = models.BooleanField(_("has not been here yet"), default=False, db_default=False)
    second_factor_required = models.BooleanField(_("has to have a second factor"), default=False, db_default=False)  # until cleared (A6)
    language = models.CharField(
        max_length=12, default="", db_default="", blank=True, editable=False
    )  # of settings.LANGUAGES; "": the browser's
    created = models.DateTimeField(_("created"), auto_now_add=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        self.email = self.email.strip().lower()
        super().clean()

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = self.email.strip().lower()
        super().save(*args, **kwargs)

    @property
    def actor(self) -> str:
        """The user's name in changes, in the audit log and as the creator of jobs ("user:7")."""
        return f"user:{self.pk}"

    @property
    def needs_second_factor(self) -> bool:
        """True if an Administrator requires a second factor, of this user or of everybody in the account."""
        return self.second_factor_required or (self.account is not None and self.account.second_factor_required)

    @property
    def second_factor_due(self) -> bool:
        """True if an Administrator requires a second factor that the user does not have: then only its set-up page opens.

        It queries the database only if a second factor is required.
        """
        from allauth.mfa.models import Authenticator  # noqa: PLC0415 -- its models import this module

        return self.needs_second_factor and not Authenticator.objects.filter(user=self, type=Authenticator.Type.TOTP).exists()


class Purpose(models.TextChoices):
    """The purposes of one-time links."""

    INVITATION = "invitation", _("Invitation")
    RESET = "reset", _("New password")
    FIRST_START = "first start", _("First start")


class EntryLink(models.Model):
    """A link that signs someone in once. Only its digest is stored (`accounts.links`)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="links")  # null: first start, when there are no users
    purpose = models.CharField(max_length=20, choices=Purpose)
    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the token, hexadecimal
    created = MicrosField()
    created_by = models.CharField(max_length=60)
    expires = MicrosField()
    used = MicrosField(null=True)

    class Meta:
        db_table = "entry_link"
        verbose_name = _("one-time link")
        verbose_name_plural = _("one-time links")

    def __str__(self) -> str:
        return str(self.get_purpose_display())


class KeptForm(models.Model):
    """The form that a user posted after their session had ended (`accounts.kept_form`): one for each user, until they have signed in again."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    name = models.CharField(max_length=32)  # as in the cookie of the browser that posted it
    path = models.TextField()
    sealed = models.TextField()
    until = MicrosField()

    class Meta:
        db_table = "kept_form"
        verbose_name = _("kept form")
        verbose_name_plural = _("kept forms")

    def __str__(self) -> str:
        return self.path


class SavedView(models.Model):
    """The filters of a list that a user keeps under a name (`accounts.saved_views`). Only that user sees it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)  # the constraint's index has it
    list_name = models.CharField(max_length=40)  # of the list's URL
    name = models.CharField(max_length=60)
    query = models.TextField()  # of the list's address; never the words of its search
    created = MicrosField()

    class Meta:
        db_table = "saved_view"
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ("id",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=("user", "list_name", "name"), name="saved_view_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class TokenScope(models.TextChoices):
    """What a token may do, besides what its role limits."""

    INGEST = "ingest", _("Send registrations")
    READ = "read", _("Read")
    SET_UP = "set-up", _("Set up")
    OPERATE = "operate", _("Operate")
    PEOPLE = "people", _("Manage people")


class ApiToken(models.Model):
    """A key for programs. Only its digest is stored; `prefix` finds it. The edge reads this table by plain SQL, so its instants are integers."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)  # SHA-256 of the whole token, hexadecimal
    scopes = models.JSONField(_("may"), default=list)
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.ADMINISTRATOR, db_default=Role.ADMINISTRATOR)
    created = MicrosField(_("created"))
    created_by = models.CharField(max_length=60)
    expires = MicrosField(_("expires"), null=True)
    last_used = MicrosField(_("last used"), null=True)
    revoked = MicrosField(_("revoked"), null=True)

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "api_token"
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name


class Remembered(models.Model):
    """A value that page processes share for a while (`shared_cache`), as JSON."""

    key = models.CharField(primary_key=True, max_length=255)
    value = models.TextField()
    until = MicrosField(db_index=True)

    class Meta:
        db_table = "remembered"

    def __str__(self) -> str:
        return self.key


class AuditEntry(models.Model):
    """One entry of the audit: an actor, an operation, and the object.

    It is written in the transaction of the operation. Afterwards only the counts of refusals change (`store.access_refusals`).
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    at = MicrosField(_("at"))
    by = models.CharField(_("by"), max_length=60)  # user:7, token:3, command ...
    what = models.CharField(_("what"), max_length=60)  # created, changed, deleted, switched off ...
    kind = models.CharField(_("object"), max_length=40)  # tag, event, flow ...
    object_id = models.BigIntegerField()
    name = models.CharField(_("name"), max_length=300)
    before = models.JSONField(_("before"), null=True)  # the old values of what changed; secrets masked
    after = models.JSONField(_("after"), null=True)

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "audit_entry"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ("-id",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("account", "id"), name="audit_entry_of_account"),
            models.Index(fields=("account", "kind", "object_id", "id"), name="audit_entry_of_object"),
            models.Index(fields=("account", "at"), name="audit_entry_refused", condition=models.Q(what=REFUSED)),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.kind} {self.name}"
