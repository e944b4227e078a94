"""Fills a migrated pretix, in its own Python: an organizer, an event with products, questions and check-in lists, and a token. Prints their numbers as
JSON. python -m pretix shell < set_up.py"""
# mypy: ignore-errors

import json
import sys
from datetime import timedelta
from decimal import Decimal

from django.utils.timezone import now
from django_scopes import scopes_disabled
from pretix.base.models import (
    CheckinList,
    Event,
    Item,
    ItemAddOn,
    ItemCategory,
    ItemVariation,
    Organizer,
    Question,
    QuestionOption,
    Quota,
    Team,
    TeamAPIToken,
)

with scopes_disabled():
    organizer = Organizer.objects.create(name="Acme", slug="acme")
    team = Team.objects.create(organizer=organizer, name="API", all_events=True, all_event_permissions=True, all_organizer_permissions=True)
    token = TeamAPIToken.objects.create(team=team, name="Heliograph")
    facts = {"token": token.token, "organizer": organizer.slug, "events": {}}
    for slug in ("summit26", "gala26"):
        event = Event.objects.create(
            organizer=organizer, name=slug, slug=slug, date_from=now() + timedelta(days=30), currency="EUR", live=True, testmode=False
        )
        event.settings.timezone = "UTC"
        event.settings.name_scheme = "given_family"
        category = ItemCategory.objects.create(event=event, name="Workshops", is_addon=True)
        ticket = Item.objects.create(event=event, name="Ticket", default_price=Decimal("0.00"), admission=True)
        speaker = Item.objects.create(event=event, name="Speaker", default_price=Decimal("0.00"), admission=True)
        workshop = Item.objects.create(event=event, name="Workshop", default_price=Decimal("0.00"), category=category)
        variations = [ItemVariation.objects.create(item=workshop, value=name) for name in ("WS-1", "WS-2")]
        for item in (ticket, speaker):
            ItemAddOn.objects.create(base_item=item, addon_category=category, max_count=5)
        quota = Quota.objects.create(event=event, name="all", size=None)
        quota.items.add(ticket, speaker, workshop)
        quota.variations.add(*variations)
        diet = Question.objects.create(event=event, question="Diet", type="M", identifier="DIET")
        job = Question.objects.create(event=event, question="Job title", type="S", identifier="JOB")
        for question in (diet, job):
            question.items.add(ticket, speaker)
        options = [QuestionOption.objects.create(question=diet, identifier=name, answer=name.title()) for name in ("VEGAN", "HALAL")]
        gate = CheckinList.objects.create(event=event, name="Gate", all_products=True, include_pending=True)
        facts["events"][slug] = {
            "ticket": ticket.pk,
            "speaker": speaker.pk,
            "workshop": workshop.pk,
            "variations": [each.pk for each in variations],
            "diet": diet.pk,
            "job": job.pk,
            "options": [each.pk for each in options],
            "gate": gate.pk,
        }
    sys.stdout.write("facts:" + json.dumps(facts))
