"""Has axe judge the contrast of texts. One like a text that it has passed, in all that contrast depends on, is not judged again in this run of pytest.

Contrast is most of what axe takes, and pages have much in common: their frame, their tables, their forms.
"""

from __future__ import annotations

_passed: set[str] = set()
"""Kinds of text whose contrast is enough, of all pages so far."""

# The kind of a text: the colour scheme, its own colours and size, and all that is painted under it, up to the top of the page. A text that something else
# reaches, or that reaches out of what it stands on, is of no kind and always judged: what it meets there is a matter of pixels. Left out is what nobody
# sees, which axe passes over as well; and pseudo-elements, since axe decides nothing where they could matter, and so reports nothing.
# Leaves the texts of each kind in window.texts. The page is at its top.
KINDS = """(within) => {
  const LEEWAY = 1;  // pixels: letters are taller than their line
  const CLEAR = /^(transparent|rgba\\(.*, 0\\)|.* \\/ 0\\))$/;
  const NO_EFFECT = "1,none,none,normal,none,auto";
  const WITHOUT_TEXT = ["hidden", "range", "color", "checkbox", "radio", "image"];
  const unseen = new Set(), effects = new Map(), grounds = new Map(), texts = new Map();
  const boxes_of = (el) => {
    if (el.matches("input, select, textarea")) return WITHOUT_TEXT.includes(el.type) ? [] : [el.getBoundingClientRect()];
    return [...el.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()).flatMap((node) => {
      const range = document.createRange();
      range.selectNodeContents(node);
      return [...range.getClientRects()];
    });
  };
  const own = (el, style) => {
    const placeholder = el.placeholder && getComputedStyle(el, "::placeholder");
    return [
      style.color, style.webkitTextFillColor, style.webkitTextStroke, style.textShadow, style.fontSize, style.fontWeight,
      el instanceof SVGElement && style.fill, placeholder && [placeholder.color, placeholder.opacity], el.matches(":disabled, [aria-disabled=true]"),
    ].join();
  };
  for (const el of document.querySelectorAll("html, body, body *")) {
    const style = getComputedStyle(el);
    if (unseen.has(el.parentElement) || style.clipPath === "inset(50%)" || style.display === "none") unseen.add(el);
    if (unseen.has(el) || !el.checkVisibility({ visibilityProperty: true })) continue;
    const effect = [style.opacity, style.filter, style.backdropFilter, style.mixBlendMode, style.maskImage, style.zIndex].join();
    if (effect !== NO_EFFECT) effects.set(el, effect);
    if (!CLEAR.test(style.backgroundColor) || style.backgroundImage !== "none") {
      const everywhere = el === document.documentElement || (el === document.body && !grounds.size);
      grounds.set(el, { everywhere, said: [style.backgroundColor, style.backgroundImage, style.backgroundClip].join(), box: el.getBoundingClientRect() });
    }
    const boxes = boxes_of(el).filter((box) => box.width && box.height && box.bottom > 0 && box.right > 0);  // nobody can scroll beyond the top
    if (boxes.length) texts.set(el, { own: own(el, style), boxes });
  }
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  const inside = (a, b) => a.left >= b.left - LEEWAY && a.right <= b.right + LEEWAY && a.top >= b.top - LEEWAY && a.bottom <= b.bottom + LEEWAY;
  const kind_of = (el, { own, boxes }) => {
    const said = [matchMedia("(prefers-color-scheme: dark)").matches, own];
    for (let at = el; at; at = at.parentElement) {
      if (effects.has(at)) said.push(effects.get(at));
      const ground = grounds.get(at);
      if (!ground) continue;
      if (ground.everywhere || boxes.every((box) => inside(box, ground.box))) said.push(ground.said);
      else if (boxes.some((box) => !apart(box, ground.box))) return null;
    }
    const met = [...grounds].some(([at, ground]) => !at.contains(el) && boxes.some((box) => !apart(box, ground.box)));
    return met ? null : said.join(" | ");
  };
  window.texts = new Map();
  const part = document.querySelector(within);
  for (const [el, text] of texts) {
    if (!part.contains(el)) continue;
    const kind = kind_of(el, text);
    window.texts.set(kind, [...window.texts.get(kind) ?? [], el]);
  }
  return [...window.texts.keys()];
}"""

# A text passes only where axe has measured it. An image that is of the kind itself keeps axe from measuring any text of the kind.
JUDGED = """async (kinds) => {
  const options = { elementRef: true, resultTypes: ["violations", "passes", "incomplete"], runOnly: { type: "rule", values: ["color-contrast"] } };
  const found = await axe.run({ include: kinds.flatMap((kind) => window.texts.get(kind)) }, options);
  const told = (rules) => rules.flatMap((rule) => rule.nodes).map(({ element, any }) => ({ element, ...any[0]?.data }));
  const measured = told(found.passes).filter((node) => node.contrastRatio);
  const on_image = told(found.incomplete).filter((node) => ["bgImage", "bgGradient"].includes(node.messageKey));
  const settled = new Set([...measured, ...on_image].map((node) => node.element));
  const failed = new Set(told(found.violations).map((node) => node.element));
  const passed = kinds.filter((kind) => {
    const texts = window.texts.get(kind);
    return kind && texts.some((el) => settled.has(el)) && !texts.some((el) => failed.has(el));
  });
  return { passed, violations: found.violations };
}"""


def unknown(kinds: list[str | None]) -> list[str | None]:
    """Those of a page's kinds of text that axe has to judge."""
    return [kind for kind in kinds if kind not in _passed]


def learn(passed: list[str]) -> None:
    """These need not be judged again."""
    _passed.update(passed)
