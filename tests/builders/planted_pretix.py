"""Sources of a `platform_account` that read a pretix, at each step of their set-up, as pages show them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from heliograph.domain.source.pretix import ItemUse, PretixItem, PretixQuestion
from heliograph.domain.source.pretix_catalogue import PretixCatalogue, read_categories, read_events, read_items, read_questions
from heliograph.domain.source.pretix_list import mapping_of
from heliograph.store.stored_calls import pack_body
from tests.builders.pretix_order import SPEAKER, TICKET, WORKSHOP, order, place, pretix_settings
from tests.pretix_shop import ORGANIZER, PretixShop

if TYPE_CHECKING:
    from heliograph.store.database import Database

CODE = "SUMMIT-26"


def catalogue() -> PretixCatalogue:
    """What the stub holds, as it was read."""
    shop = PretixShop()
    events = tuple(
        replace(
            event,
            orders=412,
            items=read_items(shop.items[event.slug]),
            categories=read_categories(shop.categories[event.slug]),
            questions=read_questions(shop.questions[event.slug]),
        )
        for event in read_events(shop.events)
    )
    return PretixCatalogue(((ORGANIZER, "Acme Events"), ("school", "Acme School")), ORGANIZER, events)


def plant(store: Database, account: int) -> dict[str, int]:
    """The ids of the sources, by how far they are."""
    from heliograph.domain.source.source_states import SourceState
    from heliograph.sources.models import Source, SourceCall
    from heliograph.sources.services.pretix_setup import MEMBER, PretixSetup
    from heliograph.sources.services.sources import preset_settings

    ids: dict[str, int] = {}
    now = store.now()
    chosen = PretixSetup(catalogue=catalogue(), events=(("summit26", CODE),))
    items = (
        PretixItem(f"{TICKET}", ItemUse.TYPE, "Guest"),
        PretixItem(f"{SPEAKER}", ItemUse.TYPE, "Speaker"),
        PretixItem(f"{WORKSHOP}/1", ItemUse.SESSION, "KEYNOTE"),
    )
    read = pretix_settings(items=items, questions=(PretixQuestion("job.title", "profile.position"),))
    for name, setup, has_settings, state in (
        ("pretix refused", PretixSetup(refusal="pretix refuses this token (401)."), False, SourceState.DRAFT),
        ("pretix events", PretixSetup(catalogue=catalogue()), False, SourceState.DRAFT),
        ("pretix match", chosen, False, SourceState.DRAFT),
        ("pretix start", chosen, True, SourceState.DRAFT),
        ("pretix reading", chosen, True, SourceState.ON),
    ):
        settings: dict[str, Any] = preset_settings("pretix") | {MEMBER: setup.to_body()}
        source = Source(account_id=account, name=name, platform="pretix", state=state, created=now, created_by="user:1", changed=now)
        if has_settings:
            settings["pretix"] = read.to_body()
            source.mapping = json.dumps(mapping_of(read).to_body())
        source.settings, source.path = json.dumps(settings), f"test-pretix-{len(ids)}-{account}"
        source.save()
        if has_settings:
            sold = [
                order(place(7), place(8, 2, SPEAKER, attendee_name_parts={"full_name": "Grace Hopper"})),
                order(place(9), place(10, 2, WORKSHOP, variation=1, addon_to=9), code="K4L5M", status="n"),
            ]
            SourceCall(account_id=account, source=source, at=now, kind=1, body=pack_body(json.dumps(sold).encode())).save()
        ids[f"source {name}"] = source.pk
    return ids
