"""Sets up the webhook of a source in pretix by pretix's API, and takes it away again (S4).

add a secret ──► POST webhooks ──► note its id, end the secrets before
                    │ refused
                    ▼
                 end the secret: nothing is left behind
"""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _

from heliograph.domain.source.pretix_catalogue import NotPretix
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.models import SourceSecret
from heliograph.sources.pretix_requests import PretixRefusal
from heliograph.sources.services import source_proof
from heliograph.sources.services.pretix_setup import pretix_row, requests_of, save_setup, setup_of
from heliograph.sources.services.sources import lock_source


def set_up_webhook(account: int, id: int, *, by: str) -> None:
    """Has pretix call the source when an order changes. The webhook that was set up before ends. Call it outside of a transaction.

    Raises NotThere; and Invalid, with the reason, if pretix refuses: then all is as before.
    """
    source = pretix_row(id)
    former = setup_of(source)
    if not former.is_connected:
        raise Invalid({"pretix": [_("pretix has not answered yet. Look at its organizers first.")]})
    try:
        requests = requests_of(account, former)
        requests.check_webhooks(former.catalogue.organizer)
    except (PretixRefusal, NotPretix) as error:
        raise Invalid({"pretix": [error.sentence]}) from None
    with saving(account, by=by) as transaction:
        before = source_proof.secrets_of(source)
        for each in before:
            if each.ends is not None:  # two can be valid, and this makes another
                source_proof.end_secret(transaction, id, each.pk)
        secret = source_proof.add_secret(transaction, id)
    try:
        webhook = requests.add_webhook(former.catalogue.organizer, f"{source_proof.address_of(source)}/{secret}")
    except (PretixRefusal, NotPretix) as error:
        with saving(account, by=by) as transaction:
            source_proof.end_secret(transaction, id, source_proof.secrets_of(source)[-1].pk)
            SourceSecret.objects.filter(pk__in=[each.pk for each in before if each.ends is None]).update(ends=None)
        raise Invalid({"pretix": [error.sentence]}) from None
    with saving(account, by=by) as transaction:
        row = lock_source(id)
        save_setup(transaction, row, replace(setup_of(row), webhook=webhook))
    if former.webhook is not None:
        try:
            requests.end_webhook(former.catalogue.organizer, former.webhook)
        except PretixRefusal:
            return  # it goes on calling by its own secret, which ends in some days


def end_webhook(account: int, id: int, *, by: str) -> None:
    """Takes the webhook that was set up in pretix away; its secret ends. Call it outside of a transaction. Raises NotThere, Invalid."""
    source = pretix_row(id)
    setup = setup_of(source)
    if setup.webhook is None:
        raise Invalid({"pretix": [_("No webhook was set up from here. One that somebody made is removed in pretix.")]})
    try:
        requests_of(account, setup).end_webhook(setup.catalogue.organizer, setup.webhook)
    except PretixRefusal as error:
        raise Invalid({"pretix": [error.sentence]}) from None
    with saving(account, by=by) as transaction:
        for secret in source_proof.secrets_of(source):
            source_proof.end_secret(transaction, id, secret.pk)
        row = lock_source(id)
        save_setup(transaction, row, replace(setup_of(row), webhook=None))
