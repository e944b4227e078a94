"""Erased people, as counts and keyed digests, and what sources propose (B7). No row names a person."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django_scopes import ScopedManager

from heliograph.store.instant_field import MicrosField


class Erasure(models.Model):
    """One person's erasure: who had it done, when, why, and how much went. Its job does it."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    job_id = models.BigIntegerField(null=True)  # null only in the transaction that begins it
    why = models.CharField(max_length=20)  # a domain.registration.erasure.ErasureReason
    reference = models.CharField(max_length=60, db_default="")  # of the account's own files; names nobody
    by = models.CharField(max_length=60)
    begun = MicrosField()
    ended = MicrosField(null=True)  # null: its job has not ended
    registrations = models.IntegerField()
    counts = models.JSONField(default=dict)  # what went, by a domain.registration.erasure.ErasedPart
    applications = models.JSONField(default=list)  # names of the connections that were told of the person

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "erasure"
        indexes = (models.Index(fields=("account_id", "-id"), name="erasure_of_account"),)


class ErasureKey(models.Model):
    """The key of the digests of an account's erased codes. There is one once somebody was erased."""

    account_id = models.BigIntegerField(primary_key=True)
    key = models.BinaryField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "erasure_key"


class ErasedCode(models.Model):
    """The keyed digest of an erased registration's code: no sender can create this registration again."""

    pk = models.CompositePrimaryKey("event_id", "digest")
    event_id = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    account_id = models.BigIntegerField()
    at = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "erased_code"


class ErasureProposal(models.Model):
    """A registration that its source has erased. A person decides whether it is erased here, too."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    registration_id = models.BigIntegerField()
    by = models.CharField(max_length=60)  # the source
    at = MicrosField()
    decision = models.CharField(max_length=10, db_default="")  # "" while it is open; a store.erasures.Decision
    decided = MicrosField(null=True)
    decided_by = models.CharField(max_length=60, db_default="")

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "erasure_proposal"
        constraints = (models.UniqueConstraint(fields=("registration_id",), name="erasure_proposal_once"),)
        indexes = (models.Index(fields=("account_id", "id"), name="erasure_proposal_open", condition=models.Q(decision="")),)
