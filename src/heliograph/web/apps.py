from __future__ import annotations

from django.apps import AppConfig
from django.urls import register_converter


class WebConfig(AppConfig):
    """Templates, static files, template tags, and the URL converter for texts. No models."""

    name = "heliograph.web"
    label = "web"

    def ready(self) -> None:
        from heliograph.web.isolation import install  # noqa: PLC0415
        from heliograph.web.url_segments import Segment  # noqa: PLC0415 -- imports what Django has only once it is set up

        register_converter(Segment, "segment")
        install()
