"""URLs of Replay."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.replay.views import replay

urlpatterns: list[URLPattern] = [
    path("signal/replay/", replay.choose, name="replay"),
    path("signal/replay/<int:replay>/", replay.run, name="replay-run"),
    path("signal/replay/<int:replay>/send/", replay.send, name="replay-send"),
    path("signal/replay/<int:replay>/act/", replay.act, name="replay-act"),
]
