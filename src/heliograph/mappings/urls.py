"""URLs of mappings."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.mappings.views import mapping_versions, mappings

urlpatterns: list[URLPattern] = [
    path("signal/mappings/", mappings.mapping_list, name="mapping-list"),
    path("signal/mappings/new/", mappings.mapping_new, name="mapping-new"),
    path("signal/mappings/<int:id>/", mappings.mapping, name="mapping"),
    path("signal/mappings/<int:id>/copy/", mappings.mapping_copy, name="mapping-copy"),
    path("signal/mappings/<int:id>/delete/", mappings.mapping_delete, name="mapping-delete"),
    path("signal/mappings/<int:id>/versions/", mapping_versions.mapping_versions, name="mapping-versions"),
]
