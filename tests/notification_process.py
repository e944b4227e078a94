"""A process that watches and sends notifications, as the pages' process does, until it is killed: python -m tests.notification_process."""

from __future__ import annotations

import os
import threading

import django

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "heliograph.settings"
    django.setup()

    from heliograph.notifications.post_office import care

    care(threading.Event())
