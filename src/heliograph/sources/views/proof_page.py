"""The page of a source that is called: its address, its secrets, and how calls prove themselves (S2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.actors import Actors
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.ids import read_id
from heliograph.domain.source.verification import Proof
from heliograph.domain.source.verification_presets import PRESETS, SecretOrigin
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.setup.views.setup_frame import settings_page
from heliograph.sources import proof_words, source_words
from heliograph.sources.models import Source, SourceSecret
from heliograph.sources.services import source_proof as service
from heliograph.sources.services.sources import source_row
from heliograph.sources.source_list import source_rows
from heliograph.sources.views.proof_form import SIGNATURE_FIELDS, ProofForm, stored_fields
from heliograph.store.django_database import read_database
from heliograph.web.form_fields import Hidden, SecretLine
from heliograph.web.forms import Form, posted
from heliograph.web.templatetags.moments import short_moment
from heliograph.web.toasts import say

ENTRY: Final = "sources"


class SecretForm(Form):
    """The buttons of the secrets.

    do: "make", "add", or "end" with the secret's id
    """

    do = Hidden()
    secret = SecretLine(
        gettext_lazy("The sender’s secret"), help=gettext_lazy("A previous secret stays valid for 7 more days, or until you end it.")
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_proof(request: AccountRequest, id: int) -> HttpResponse:
    """Shows and saves how calls of a source prove themselves, and its secrets."""
    source = source_row(id)
    if not source.path:
        raise Http404
    stored = service.proof_of(source)
    secret_form = SecretForm(posted(request))
    do = secret_form.posted.get("do", "") if request.method == "POST" else ""
    form = ProofForm(None if do else posted(request), stored=stored_fields(stored))
    made = ""
    if do:
        made, done = _secret_deed(request, source, secret_form, do)
        if done is not None:
            return done
    elif form.is_valid() and (proof := form.proof(stored.handshake)) is not None:
        with saving(request.account.pk, by=request.user.actor) as transaction:
            service.save_proof(transaction, id, proof)
        say(request, _("Saved. From now on calls have to prove themselves in this way."))
        return HttpResponseRedirect(reverse("source-proof", args=(id,)))
    return _page(request, source, form, secret_form, made)


def _secret_deed(request: AccountRequest, source: Source, form: SecretForm, do: str) -> tuple[str, HttpResponse | None]:
    """Makes, adds or ends a secret. Returns the one that was made, which this answer shows once; or where to go on."""
    kind, _space, number = do.partition(" ")
    try:
        with saving(request.account.pk, by=request.user.actor) as transaction:
            match kind:
                case "make":
                    return service.add_secret(transaction, source.pk), None
                case "add":
                    if not form.cleaned_data["secret"].strip():
                        raise Invalid({"secret": [_("Paste the sender’s secret.")]})
                    service.add_secret(transaction, source.pk, form.cleaned_data["secret"])
                    say(request, _("The secret is added. Calls with it are accepted from now on."))
                case "end":
                    service.end_secret(transaction, source.pk, read_id(number) or 0)
                    say(request, _("The secret is ended. Calls with it are refused from now on."))
    except Invalid as error:
        form.refuse(error)
        return "", None
    except NotThere:
        raise Http404 from None
    return "", HttpResponseRedirect(reverse("source-proof", args=(source.pk,)))


def _page(request: AccountRequest, source: Source, form: ProofForm, secret_form: SecretForm, made: str) -> HttpResponse:
    proof = service.proof_of(source)
    secrets = service.secrets_of(source)
    preset = PRESETS.get(source.platform)
    with read_database() as db:
        (row,) = source_rows(db, [source])
    secret_rows = _secret_rows(secrets, Actors.from_stored(request.account, [secret.created_by for secret in secrets]))
    needs_secret = proof.verification is not None and proof.verification.needs_secret
    return settings_page(
        request,
        "sources/proof.html",
        entry=ENTRY,
        status=max(form.status, secret_form.status),
        source={"id": source.pk, "name": source.name, "kind": source_words.kind(source)},
        address=service.address_of(source),
        told=form.draw_callout(),
        how_fields=form.draw_fields("how"),
        preset_fields=form.draw_fields("preset"),
        signature_fields=form.draw_fields(*SIGNATURE_FIELDS),
        token_fields=form.draw_fields("token_header"),
        basic_fields=form.draw_fields("user"),
        own_fields=form.draw_fields("id"),
        handshake_fields=[*form.draw_fields("handshake"), form.opened_field],
        sentences=proof_words.proof_sentences(proof.verification),
        is_chosen=proof.verification is not None,
        keeps_calls=proof.verification is not None and (bool(secrets) or not needs_secret),
        is_open=proof.verification is not None and proof.verification.proof is Proof.NONE,
        needs_secret=needs_secret,
        secret_refusal="" if needs_secret else " ".join(map(str, secret_form.errors.get("secret", []))),
        makes_secret=preset is None or preset.secret_origin is SecretOrigin.HELIOGRAPH,
        made=made,
        secrets=secret_rows,
        has_exposed=any(row["is_exposed"] for row in secret_rows),
        secret_fields=secret_form.draw_fields("secret"),
        refusals=[
            {"reason": proof_words.refusal_words(each.reason), "count": each.count, "last": short_moment(each.last_at)}
            for each in row.day.refusals
        ],
        called=source.last_call_at,
    )


def _secret_rows(secrets: Sequence[SourceSecret], actors: Actors) -> list[dict[str, Any]]:
    """The secrets that are valid, or ended within the last month's view, the oldest first."""
    now = timezone.now()
    rows = []
    for number, secret in enumerate(secrets, 1):
        ended = secret.ends is not None and secret.ends <= now
        ends = _("No end")
        if secret.ends is not None:
            ends = (_("Ended %(when)s") if ended else _("Ends %(when)s")) % {"when": short_moment(secret.ends)}
        rows.append(
            {
                "id": secret.pk,
                "name": _("Secret %(n)d") % {"n": number},
                "since": _("Since %(when)s, by %(name)s") % {"when": short_moment(secret.created), "name": actors.name(secret.created_by)},
                "ends": ends,
                "tone": "wait" if secret.ends is not None and not ended else "",
                "used": short_moment(secret.used) if secret.used else _("None yet"),
                "can_end": not ended,
                "is_exposed": secret.exposed_until is not None and not ended,
            }
        )
    return rows
