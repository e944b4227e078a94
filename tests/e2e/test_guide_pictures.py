"""The pictures of the guide can be taken, and are the size that they say. With HELIOGRAPH_TEST_WRITE they are written (`make pictures`).

How letters are drawn differs from machine to machine, so pictures are not compared.
"""

from __future__ import annotations

import os
import struct

import pytest
from playwright.sync_api import Page
from tests.e2e.guide_pictures import PICTURES, WIDTH, Picture
from tests.e2e.showcase import Showcase
from tests.e2e.visiting import Visit

from heliograph.guide import folder


@pytest.mark.once
@pytest.mark.parametrize("picture", [pytest.param(each, id=each.name) for each in PICTURES])
def test_a_picture_of_the_guide_can_be_taken(picture: Picture, page: Page, showcase: Showcase) -> None:
    page.set_viewport_size({"width": WIDTH, "height": picture.height})
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.context.add_cookies([{"name": "heliograph_session", "value": showcase.sessions[picture.who], "url": showcase.url}])
    visit = Visit(page, showcase)
    answer = visit.goto(picture.path if isinstance(picture.path, str) else picture.path(showcase))
    assert answer is not None
    assert answer.ok
    if picture.then:
        picture.then(visit)
    page.evaluate("document.fonts.ready")
    taken = page.screenshot()
    file = folder.PICTURES / f"{picture.name}.png"
    if os.environ.get("HELIOGRAPH_TEST_WRITE"):
        file.write_bytes(taken)
    size = struct.unpack_from(">2I", file.read_bytes(), 16)
    assert size == (WIDTH, picture.height), "run `make pictures`"


def test_the_pictures_are_those_of_the_folder() -> None:
    assert {f"{each.name}.png" for each in PICTURES} == {path.name for path in folder.PICTURES.iterdir()}
