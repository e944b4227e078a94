"""Runs axe on a page, in both colour schemes, wide and on a phone; and walks through it by keyboard."""

from __future__ import annotations

from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

from tests import contrast
from tests.browser import at_rest

TABS_AT_ONCE = 10
"""Presses between two checks whether the walk has come to its end."""
WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# All of WCAG 2.0 to 2.2, A and AA, and axe's good practice. Its only rule for 2.2 must be enabled explicitly. Contrast: tests/contrast.py.
RULES: dict[str, Any] = {"rules": {"target-size": {"enabled": True}, "color-contrast": {"enabled": False}}}

# Tab continues from the last focus, even if the focus has left the page; so focus the body, which cannot keep it. Each Tab first looks at the
# element that the one before has reached: what it is, and whether a person sees it. So nobody has to ask after each of them.
_BEGIN_WALK = """() => {
  scrollTo(0, 0);
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
  document.querySelectorAll("[data-reached]").forEach((el) => delete el.dataset.reached);
  const look = (el) => {
    const shown = [el, el.nextElementSibling, el.parentElement].filter(Boolean).some((x) => {
      const style = getComputedStyle(x);
      return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    });
    const box = el.getBoundingClientRect();
    const points = [[0.5, 0.5], [0.1, 0.5], [0.9, 0.5], [0.5, 0.1], [0.5, 0.9]].map(([x, y]) => [box.left + box.width * x, box.top + box.height * y]);
    const covered = !points.some(([x, y]) => {
      const top = document.elementFromPoint(x, y);
      return top && (el.contains(top) || top.contains(el) || el.labels?.[0]?.contains(top));
    });
    const name = `${el.tagName.toLowerCase()} ${(el.getAttribute("aria-label") || el.name || el.innerText || "").trim().slice(0, 60)}`;
    el.dataset.reached = "yes";
    return { name, shown, covered };
  };
  const walk = window.walk = { reached: [], pressed: 0, ended: false };
  walk.look = () => {
    const el = document.activeElement;
    if (walk.ended || !walk.pressed) return;
    if (!el || el === document.body) walk.ended = true;
    else walk.reached.push(look(el));
  };
  walk.onKey = (event) => {
    if (event.key !== "Tab") return;
    walk.look();
    walk.pressed += 1;
    if (walk.ended) event.preventDefault();  // the page stays as the walk has left it
  };
  document.addEventListener("keydown", walk.onKey, true);
}"""
_WALK_HAS_ENDED = "() => window.walk.ended"
_END_WALK = """() => {
  document.removeEventListener("keydown", window.walk.onKey, true);
  return window.walk.reached;
}"""
# Visible controls that Tab never reached. Of radio buttons with the same name, Tab reaches one.
_MISSED = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter((el) =>
    !el.dataset.reached && !el.disabled && el.tabIndex >= 0 && el.type !== "hidden" && el.checkVisibility({ visibilityProperty: true })
    && !(el.type === "radio" && document.querySelector(`[name="${CSS.escape(el.name)}"][data-reached]`))
  ).map((el) => el.outerHTML.slice(0, 160))"""


# axe starts at the top of the page. A sticky bar covers whatever is at the fold, and axe gives that no size; the walk checks whether it hides the focus.
_LAID_FLAT = """async (look) => {
  scrollTo(0, 0);
  const sticky = [...document.querySelectorAll("body *")].filter((el) => getComputedStyle(el).position === "sticky");
  sticky.forEach((el) => { el.style.position = "static"; });
  try {
    return await look();
  } finally {
    sticky.forEach((el) => el.style.removeProperty("position"));
  }
}"""
# Of the rules, only those of colours say something else in the other scheme: contrast, and whether a link within text stands out, where nothing but its
# colour tells.
_JUST_COLOURED = """(within) => [...document.querySelectorAll(`:is(${within}) :is(a[href], [role=link])`)].filter((el) => {
  const inline = (at) => getComputedStyle(at).display.startsWith("inline");
  const underlined = (at) => getComputedStyle(at).textDecorationLine.includes("underline");
  let block = el.parentElement;
  while (inline(block)) block = block.parentElement;
  return inline(el) && !(underlined(el) && !underlined(block)) && el.checkVisibility({ visibilityProperty: true });
})"""
_FOUND = f"""([within, rules]) => ({_LAID_FLAT})(async () => {{
  const links = rules ? [] : ({_JUST_COLOURED})(within);
  const options = {{ resultTypes: ["violations"], ...rules ?? {{ runOnly: {{ type: "rule", values: ["link-in-text-block"] }} }} }};
  const found = rules || links.length ? await axe.run(rules ? within : {{ include: links }}, options) : {{ violations: [] }};
  return {{ violations: found.violations, kinds: ({contrast.KINDS})(within) }};
}})"""
_JUDGED = f"(kinds) => ({_LAID_FLAT})(() => ({contrast.JUDGED})(kinds))"


def violations(page: Page, within: str = "html") -> list[str]:
    """axe's findings on the current page, one line each. within: a selector of the part that is judged."""
    page.emulate_media(reduced_motion="reduce")
    _bring_axe(page)
    return _violations(page, RULES, within)


def _bring_axe(page: Page) -> None:
    """By the browser's own protocol, which takes its half a megabyte as it is: `evaluate` has a script in the page read and compile it."""
    if page.evaluate("typeof axe") == "undefined":
        session = page.context.new_cdp_session(page)
        session.send("Runtime.evaluate", {"expression": Axe().axe_script})
        session.detach()


def _violations(page: Page, rules: dict[str, Any] | None, within: str = "html") -> list[str]:
    """Those of the rules, and of contrast. Without rules: of colours alone.

    The page from its top, at rest: an element half under a sticky bar has no size, and colours in transition have no contrast yet.
    """
    at_rest(page)
    looked = page.evaluate(_FOUND, [within, rules])
    found = looked["violations"]
    unknown = contrast.unknown(looked["kinds"])
    if unknown:
        judged = page.evaluate(_JUDGED, unknown)
        contrast.learn(judged["passed"])
        found += judged["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"]
        if not (rule["id"] == "target-size" and _has_an_equal(page, node["target"][0]))
    ]


def _has_an_equal(page: Page, selector: str) -> bool:
    """Whether a bar of a chart, which a phone makes narrow, has its link in the table below as well (WCAG 2.2, 2.5.8: Equivalent).

    A bar of nothing is no link.
    """
    return bool(
        page.evaluate(
            """(selector) => {
                const bar = document.querySelector(selector);
                const table = bar.closest(".cols") && bar.closest("section")?.querySelector(".as-table");
                const href = bar.getAttribute("href");
                return table && [...table.querySelectorAll("a")].some((a) => a.getAttribute("href") === href);
            }""",
            selector,
        )
    )


def sweep(page: Page) -> None:
    """Asserts that axe finds nothing in light and dark, wide and at 390 px, and that a phone need not scroll sideways."""
    looks: tuple[tuple[ViewportSize, tuple[Literal["light", "dark"], ...]], ...] = ((WIDE, ("light", "dark")), (PHONE, ("dark", "light")))
    _bring_axe(page)
    for size, schemes in looks:
        page.set_viewport_size(size)
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = _violations(page, RULES if scheme == "light" else None)
            assert not found, f"{page.url}, {scheme}, {size['width']} px:\n" + "\n".join(found)
        _fits(page, size)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(WIDE)


def fits_a_phone(page: Page) -> None:
    """Asserts only that a phone need not scroll sideways."""
    page.set_viewport_size(PHONE)
    _fits(page, PHONE)
    page.set_viewport_size(WIDE)


def _fits(page: Page, size: ViewportSize) -> None:
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"{page.url} is {wider} px wider than the window of {size['width']} px: {page.evaluate(_TOO_WIDE)}"


_TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter((el) => !el.closest(".scroll") && el.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map((el) => el.outerHTML.slice(0, 90)).slice(-4)"""


def walk(page: Page, most: int = 400) -> list[str]:
    """Walks through the page by Tab from its top: every control is reached, visibly focused, and not hidden under a bar.

    Returns the names of the reached controls, in order.
    """
    page.evaluate(_BEGIN_WALK)
    for _ in range(0, most, TABS_AT_ONCE):
        for _ in range(TABS_AT_ONCE):
            page.keyboard.down("Tab")
        if page.evaluate(_WALK_HAS_ENDED):
            break
    page.keyboard.up("Tab")
    ended = page.evaluate(_WALK_HAS_ENDED)
    reached: list[dict[str, Any]] = page.evaluate(_END_WALK)
    assert ended, f"{page.url}: Tab does not come to an end; last was {[at['name'] for at in reached[-1:]]}"
    unseen = [at["name"] for at in reached if not at["shown"]]
    assert not unseen, f"{page.url}: nothing shows that these have the focus: {unseen}"
    covered = [at["name"] for at in reached if at["covered"]]
    assert not covered, f"{page.url}: these have the focus and lie under something: {covered}"
    missed = page.evaluate(_MISSED)
    assert not missed, f"{page.url}: Tab does not reach:\n" + "\n".join(missed)
    return [at["name"] for at in reached]
