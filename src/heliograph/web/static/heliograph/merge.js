// hx-swap="merge": a part of the page becomes what the answer says, and what both have stays the same element. So a button that was pressed
// while the answer was under way still sends its request, what was typed meanwhile stays, and so does the focus (docs/design/pages.md).
"use strict";

(() => {
  /** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */
  const CONTROLS = "input, select, textarea";
  const FOCUSABLE = "a[href], button:not([tabindex='-1']), input:not([type=hidden]), select, textarea, summary";
  /** What each control held when the last request of its form was sent. */
  /** @type {WeakMap<Element, string>} */ const sent = new WeakMap();
  /** Buttons whose requests wait for the answers to earlier ones. htmx sends no request of a button that has left the page. */
  /** @type {Set<Element>} */ const waiting = new Set();

  const isTicked = (/** @type {Control} */ control) => ["radio", "checkbox"].includes(control.type);
  const stateOf = (/** @type {Control} */ control) =>
    isTicked(control) ? String(/** @type {HTMLInputElement} */ (control).checked) : control.value;
  function setState(/** @type {Control} */ control, /** @type {string} */ state) {
    if (stateOf(control) === state) return; // the caret stays where it is
    if (isTicked(control)) /** @type {HTMLInputElement} */ (control).checked = state === "true";
    else control.value = state;
  }
  const isChips = (/** @type {Element} */ el) => el.matches("input[data-chips]");
  /** What ui.js has built beside a field of chips: it stays and goes with its field. */
  const builtFor = (/** @type {ChildNode} */ node) => {
    const next = node instanceof Element ? node.nextElementSibling : null;
    return next?.matches("input[type=hidden][data-chips] + .chip-input") ? next : null;
  };

  /** What pairs an element with its successor: its id, else the name of the first field or button in it, else its tag. */
  function keyOf(/** @type {Element} */ el) {
    if (el.id) return `#${el.id}`;
    const field = /** @type {HTMLInputElement | null} */ (el.matches("[name]") ? el : el.querySelector("[name]"));
    if (!field) return `<${el.localName}>`;
    const isOneOfMany = !isChips(field) && (field.localName === "button" || ["radio", "checkbox", "hidden"].includes(field.type));
    return `<${el.localName}> ${field.name} ${isOneOfMany ? field.getAttribute("value") : ""}`;
  }
  const keyOfField = (/** @type {Element} */ el) => (isChips(el) ? `chips ${el.getAttribute("name")}` : keyOf(el));

  /** Takes a node off the page. A button in it whose request waits stays in the part, hidden, until that is sent. */
  function remove(/** @type {ChildNode} */ node, /** @type {Element} */ part) {
    if (node instanceof Element && waiting.has(node) && /** @type {HTMLElement} */ (node).hidden) return;
    const buttons = [...waiting].filter((button) => node.contains(button));
    builtFor(node)?.remove();
    node.remove();
    buttons.forEach((button) => {
      /** @type {HTMLElement} */ (button).hidden = true;
      part.append(button);
    });
  }

  function mergeAttributes(/** @type {Element} */ now, /** @type {Element} */ next) {
    [...next.attributes].forEach(({ name, value }) => {
      if (now.getAttribute(name) !== value) now.setAttribute(name, value);
    });
    [...now.attributes].forEach(({ name }) => {
      if (!next.hasAttribute(name) && name !== "open") now.removeAttribute(name); // what somebody has unfolded stays so
    });
  }

  function mergeChildren(/** @type {Element} */ now, /** @type {Element} */ next, /** @type {Element} */ part) {
    /** @type {Map<string, Element[]>} */ const ours = new Map();
    const built = new Set([...now.children].map(builtFor));
    [...now.children].forEach((child) => {
      if (!built.has(child)) ours.set(keyOfField(child), [...(ours.get(keyOfField(child)) ?? []), child]);
    });
    /** @type {Map<ChildNode, Element>} */ const pairs = new Map();
    [...next.children].forEach((child) => {
      const found = ours.get(keyOfField(child))?.shift();
      if (found?.localName === child.localName) pairs.set(child, found);
    });
    const kept = new Set(pairs.values());
    [...now.childNodes].forEach((child) => {
      const el = /** @type {Element} */ (/** @type {Node} */ (child));
      if (!kept.has(el) && !built.has(el)) remove(child, part);
    });
    let at = now.firstChild;
    [...next.childNodes].forEach((child) => {
      const node = pairs.get(child);
      if (!node) now.insertBefore(child, at);
      else {
        if (node !== at) now.insertBefore(node, at);
        at = (builtFor(node) ?? node).nextSibling;
        merge(node, child instanceof Element ? child : node, part);
      }
    });
  }

  /** part: what the request replaces, of which `now` is a piece */
  function merge(/** @type {Element} */ now, /** @type {Element} */ next, /** @type {Element} */ part) {
    if (!now.querySelector(CONTROLS) && !now.matches(CONTROLS) && now.isEqualNode(next)) return;
    const isControl = now.matches(CONTROLS);
    const [ours, theirs] = /** @type {Control[]} */ (/** @type {Element[]} */ ([now, next]));
    const isTyped = isControl && sent.has(now) && sent.get(now) !== stateOf(ours);
    if (isChips(now)) {
      if (isTyped || ours.value === theirs.value) return;
      builtFor(now)?.remove();
      now.replaceWith(next); // ui.js builds its chips
      return;
    }
    const answered = isControl ? stateOf(theirs) : "";
    const state = isTyped ? stateOf(ours) : answered;
    mergeAttributes(now, next);
    mergeChildren(now, next, part);
    if (!isControl) return;
    setState(ours, state);
    if (stateOf(ours) !== state) setState(ours, answered); // a list without what was chosen
  }

  document.addEventListener("htmx:configRequest", (e) => {
    const from = /** @type {HTMLButtonElement} */ (e.target);
    const form = from.form ?? from.closest("form");
    [...(form?.elements ?? [])].forEach((el) => {
      if (el.matches(CONTROLS)) sent.set(el, stateOf(/** @type {Control} */ (el)));
    });
  });
  const requester = (/** @type {Event} */ e) => (e.target instanceof Element ? e.target.closest("button[hx-post]") : null);
  document.addEventListener(
    "click",
    (e) => {
      const button = requester(e);
      if (!button) return;
      if (e.detail < 2) waiting.add(button);
      else {
        // the second click of a double click: one press
        e.preventDefault();
        e.stopImmediatePropagation();
      }
    },
    true,
  );
  document.addEventListener(
    "keydown",
    (e) => {
      if (e.repeat && e.key === "Enter" && requester(e)) e.preventDefault(); // a held Enter: one press
    },
    true,
  );
  document.addEventListener("htmx:beforeSend", (e) => {
    const button = /** @type {HTMLElement} */ (e.target);
    if (waiting.delete(button) && button.hidden) button.remove();
  });

  htmx.defineExtension("merge", {
    isInlineSwap: (/** @type {string} */ style) => style === "merge",
    handleSwap(/** @type {string} */ style, /** @type {HTMLElement} */ target, /** @type {DocumentFragment} */ fragment) {
      if (style !== "merge") return false;
      const next = fragment.firstElementChild;
      if (!next) return [];
      fragment.querySelectorAll("noscript").forEach((each) => each.remove()); // htmx reads what is in it as a part of the page
      const active = /** @type {HTMLElement} */ (document.activeElement);
      const wasInside = target.contains(active);
      merge(target, next, target);
      if (wasInside && document.activeElement !== active) {
        const at = active.isConnected ? active : (counterpart(active, target) ?? target.querySelector(FOCUSABLE));
        /** @type {HTMLElement | null} */ (at)?.focus({ preventScroll: true });
      }
      return [target];
    },
  });
})();
