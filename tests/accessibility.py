"""axe on a page, in both colour schemes, wide and on a phone."""

from __future__ import annotations

from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it stands, a line each."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']} ({rule['impact']}): {node['target']} {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def sweep(page: Page) -> None:
    """Asserts that axe finds nothing in light and dark, wide and 390 px, and that a phone need not scroll sideways."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        for size in (WIDE, PHONE):
            # Reduced motion: colours that are still moving have no contrast yet.
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size(size)
            found = violations(page)
            assert not found, f"{page.url}, {scheme}, {size['width']} px:\n" + "\n".join(found)
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, f"{page.url} is {wider} px wider than the window of {size['width']} px"
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(WIDE)
