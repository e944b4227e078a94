"""URLs of Replay."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.replay.views import replay_steps

urlpatterns: list[URLPattern] = [
    path("signal/replay/", replay_steps.choose, name="replay"),
    path("signal/replay/<int:replay>/", replay_steps.run, name="replay-run"),
    path("signal/replay/<int:replay>/send/", replay_steps.send, name="replay-send"),
    path("signal/replay/<int:replay>/act/", replay_steps.act, name="replay-act"),
]
