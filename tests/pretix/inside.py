"""Edits orders in a process of pretix, by its own Python: python inside.py SEED. PRETIX_CONFIG_FILE and DJANGO_SETTINGS_MODULE are set, and the facts of
set_up.py stand in facts.json beside the configuration.

One request for each edit over the network would be too slow for thousands. Here pretix's views are called in the process itself, and most edits are
made by its models, several in one transaction: the time of change is then older than the commit, and one batch of log entries announces them all.

For each line with a number it makes at least so many edits, and prints how many of each kind it has made so far, as JSON.
"""
# mypy: ignore-errors
# ruff: noqa: E402

import json
import os
import random
import sys
from pathlib import Path

import django
from django.db.backends.signals import connection_created
from django.dispatch import receiver


@receiver(connection_created)
def trust_the_disk(connection, **_):
    """Processes are killed here, not machines: no commit waits for the disk, and who reads waits for nobody who writes."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = OFF")


django.setup()
sys.path.insert(0, str(Path(__file__).parent))

from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils.timezone import now
from django_scopes import scopes_disabled
from edits import NAMES, Editor
from pretix.base.models import Checkin, LogEntry, Order, OrderPosition

BY_MODELS = 0.9
"""The share of edits that models make."""
MOST_AT_ONCE = 10
"""Edits of one transaction."""
ACTIONS = {"p": "paid", "n": "unpaid", "e": "expired", "c": "canceled"}
"""What the log says of a new state. No webhook announces that an order was set back to pending, and pretix ends a batch of announcements there."""


class Views:
    """Pretix's views, as the editor calls them."""

    def __init__(self) -> None:
        self.facts = json.loads((Path(os.environ["PRETIX_CONFIG_FILE"]).parent / "facts.json").read_text())
        self._client = Client(HTTP_AUTHORIZATION=f"Token {self.facts['token']}", HTTP_HOST=settings.SITE_URL.rpartition("/")[2])

    def call(self, method, path, body=None):
        url = f"/api/v1/organizers/{self.facts['organizer']}/{path}"
        answer = self._client.generic(method, url, json.dumps(body) if body is not None else "", content_type="application/json")
        return answer.status_code, json.loads(answer.content or b"null") if answer.status_code < 300 else answer.content[:2_000]

    def done(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        assert 200 <= status < 300, (method, path, body, status, answer)
        return answer

    def places(self, code):
        names = ("pk", "positionid", "variation_id", "addon_to_id", "secret")
        rows = OrderPosition.objects.filter(order__code=code).order_by("positionid").values_list(*names)
        return [dict(zip(("id", "positionid", "variation", "addon_to", "secret"), row, strict=True)) for row in rows]


class ModelEdits:
    """Edits by pretix's models."""

    def __init__(self, editor: Editor, dice: random.Random) -> None:
        self._editor, self._event, self._dice = editor, editor.event, dice
        self._kinds = {
            "name": self._rename,
            "answers": self._answer,
            "state": self._set_state,
            "check-in": self._check_in,
            "exchanged session": self._exchange_session,
            "cancelled place": self._cancel_place,
        }

    def edit(self) -> None:
        """Several edits in one transaction."""
        kinds, entries = [], []
        with transaction.atomic():
            for code in self._dice.sample(self._editor.codes, self._dice.randint(1, MOST_AT_ONCE)):
                kind = self._dice.choice(("name", "answers", "check-in", *self._kinds))
                order = Order.objects.select_related("event__organizer").get(code=code)
                entry = self._kinds[kind](order)
                if entry is not None:
                    kinds.append(kind)
                    entries.append(entry)
            LogEntry.bulk_create_and_postprocess(entries)
        for kind in kinds:
            self._editor.counts[kind] = self._editor.counts.get(kind, 0) + 1
        self._editor.edits += len(kinds)

    # --- edits of an order; None: there is no place to edit

    def _place(self, order, *, is_session=False):
        places = list(order.positions.filter(addon_to__isnull=not is_session))
        return self._dice.choice(places) if places else None

    @staticmethod
    def _logged(order, action, place=None, **data):
        about = {} if place is None else {"position": place.pk, "positionid": place.positionid}
        return order.log_action(f"pretix.event.{action}", about | data, save=False)

    def _rename(self, order):
        if (place := self._place(order)) is None:
            return None
        name = {"given_name": self._dice.choice(NAMES), "family_name": f"No{self._dice.randrange(10_000)}"}
        place.attendee_name_parts = {"_scheme": "given_family"} | name
        place.save()
        return self._logged(order, "order.modified")

    def _answer(self, order):
        if (place := self._place(order)) is None:
            return None
        for answer in place.answers.all():
            answer.delete()
        options = self._dice.sample(self._event["options"], self._dice.randint(0, 2))
        if options:
            place.answers.create(question_id=self._event["diet"], answer="x").options.set(options)
        return self._logged(order, "order.modified")

    def _set_state(self, order):
        order.status = self._dice.choice(tuple(ACTIONS))
        order.save(update_fields=["status"])
        return self._logged(order, f"order.{ACTIONS[order.status]}")

    def _check_in(self, order):
        if (place := self._place(order)) is None:
            return None
        way = self._dice.choice((Checkin.TYPE_ENTRY, Checkin.TYPE_ENTRY, Checkin.TYPE_EXIT))
        Checkin.objects.create(position=place, list_id=self._event["gate"], datetime=now(), type=way)
        return self._logged(order, "checkin", place, list=self._event["gate"], type=way)

    def _exchange_session(self, order):
        if (place := self._place(order, is_session=True)) is None:
            return None
        (place.variation_id,) = (each for each in self._event["variations"] if each != place.variation_id)
        place.save()
        return self._logged(order, "order.changed.item", place)

    def _cancel_place(self, order):
        """Seldom, and never the last one: nobody would be left to edit."""
        if self._dice.random() < 0.8 or order.positions.filter(addon_to=None).count() < 2:
            return None
        place = self._place(order)
        for cancelled in (place, *place.addons.all()):
            cancelled.canceled = True
            cancelled.save()
        return self._logged(order, "order.changed.cancel", place)


def main() -> None:
    dice = random.Random(int(sys.argv[1]))
    editor = Editor(Views(), dice.randrange(2**32))
    by_models = ModelEdits(editor, dice)
    with scopes_disabled():
        editor.codes = list(Order.objects.filter(event__slug=editor.slug, testmode=False).order_by("pk").values_list("code", flat=True))
        for line in sys.stdin:
            until = editor.edits + int(line)
            while editor.edits < until:
                if dice.random() < BY_MODELS and len(editor.codes) > MOST_AT_ONCE:
                    by_models.edit()
                else:
                    editor.edit()
            sys.stdout.write(json.dumps(editor.counts) + "\n")
            sys.stdout.flush()


main()
