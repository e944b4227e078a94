// Lists: filters act at once, and a row opens by a click anywhere on it (docs/design/pages.md). Without script a list's filters have a button,
// and its rows have links.
"use strict";

(() => {
  const WAIT = 300; // milliseconds after the last key in a text
  let timer = 0;
  /** @type {AbortController | undefined} */
  let running;

  /** The address of the list with what stands in the form, without what is empty. */
  function addressOf(/** @type {HTMLFormElement} */ form) {
    const query = new URLSearchParams();
    new FormData(form).forEach((value, name) => {
      if (typeof value === "string" && value.trim()) query.append(name, value);
    });
    const text = query.toString();
    return text ? `${location.pathname}?${text}` : location.pathname;
  }

  /** Everything of the page's main part but the form, which keeps the focus and what is typed. */
  function replaceAround(/** @type {Element} */ form, /** @type {Element} */ next) {
    for (let [now, then] = [form, next]; now && then && now.id !== "main"; [now, then] = [
      /** @type {Element} */ (now.parentElement),
      /** @type {Element} */ (then.parentElement),
    ]) {
      while (now.previousSibling) now.previousSibling.remove();
      while (now.nextSibling) now.nextSibling.remove();
      while (then.previousSibling) now.parentNode?.insertBefore(then.previousSibling, now.parentNode.firstChild);
      while (then.nextSibling) now.parentNode?.append(then.nextSibling);
    }
  }

  /** What the form itself says: its chips, how many are set, and the choices that follow another filter. */
  function refreshForm(/** @type {HTMLFormElement} */ form, /** @type {HTMLFormElement} */ next, /** @type {boolean} */ takesValues) {
    form.querySelectorAll("[data-part]").forEach((part) => {
      const then = next.querySelector(`[data-part="${/** @type {HTMLElement} */ (part).dataset.part}"]`);
      if (then && then.innerHTML !== part.innerHTML) part.replaceChildren(...then.childNodes);
    });
    form.querySelectorAll("select, input:not([type=hidden])").forEach((el) => {
      const field = /** @type {HTMLInputElement | HTMLSelectElement} */ (el);
      const then = next.elements.namedItem(field.name);
      if (!(then instanceof HTMLInputElement || then instanceof HTMLSelectElement)) return;
      const { value } = field;
      if (field instanceof HTMLSelectElement && field.innerHTML !== then.innerHTML && document.activeElement !== field) {
        field.innerHTML = then.innerHTML; // rendered by our own server
        field.value = value;
      }
      if (then.hasAttribute("aria-invalid")) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
      if (takesValues) field.value = then.value;
    });
  }

  /** Runs `replace`; what was ticked in the list, or had the focus, is so again if it is still there. */
  function keepingTicks(/** @type {Element} */ part, /** @type {() => void} */ replace) {
    const ticked = [...part.querySelectorAll("td.row-tick input:checked")];
    const active = document.activeElement;
    replace();
    ticked.forEach((box) => {
      const now = counterpart(box, part);
      if (now) now.checked = true;
    });
    if (active && !active.isConnected) counterpart(active, part)?.focus({ preventScroll: true });
  }

  async function show(/** @type {HTMLFormElement} */ form, /** @type {string} */ address, takesValues = false) {
    if (form.closest("main")?.querySelector("form[data-unsaved]")) {
      location.assign(address); // a form beside the list would be lost; the browser asks
      return;
    }
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    const answer = await fetch(address, { signal, headers: { Accept: "text/html" } }).catch(() => undefined);
    if (signal.aborted) return; // a later choice
    const text = await answer?.text().catch(() => "");
    await new Promise(whenReleased);
    if (signal.aborted) return;
    const page = new DOMParser().parseFromString(text ?? "", "text/html");
    const next = page.querySelector("form[data-instant]");
    if (!answer?.ok || answer.redirected || !(next instanceof HTMLFormElement) || !form.isConnected) {
      location.assign(address); // the page itself says what is wrong, and also leads on to the sign-in
      return;
    }
    const main = form.closest("main") ?? document.body;
    keepingTicks(main, () => {
      refreshForm(form, next, takesValues);
      replaceAround(form, next);
    });
    history.replaceState(history.state, "", address);
    document.title = page.title;
    main.dispatchEvent(new CustomEvent("list:load", { bubbles: true }));
    /** @type {any} */ (window).htmx?.process(main);
    const news = form.querySelector("[data-news]");
    const result = form.querySelector("[data-part=result]")?.textContent?.trim();
    const rows = main.querySelectorAll("tbody > tr, ol.feed > li[id]").length;
    const nothing = rows ? "" : (main.querySelector(".empty h2")?.textContent?.trim() ?? "");
    if (news) news.textContent = nothing || result || (document.body.dataset.sayRows ?? "{}").replace("{}", String(rows));
  }

  const formOf = (/** @type {EventTarget | null} */ at) =>
    /** @type {HTMLFormElement | null} */ (at instanceof Element ? at.closest("form[data-instant]") : null);
  const act = (/** @type {HTMLFormElement} */ form, /** @type {number} */ wait) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void show(form, addressOf(form)), wait);
  };
  document.addEventListener("input", (e) => {
    const form = formOf(e.target);
    if (form && e.target instanceof HTMLInputElement && e.target.type !== "date") act(form, WAIT);
  });
  document.addEventListener("change", (e) => {
    const form = formOf(e.target);
    if (form && (e.target instanceof HTMLSelectElement || (e.target instanceof HTMLInputElement && e.target.type === "date"))) act(form, 0);
  });
  document.addEventListener("submit", (e) => {
    const form = formOf(e.target);
    if (!form) return;
    e.preventDefault();
    act(form, 0);
  });

  // A chip's × and "Clear" are links to the list without that filter. The focus goes to the search, or to the next filter: the link is gone.
  document.addEventListener("click", (e) => {
    const link = e.target instanceof Element ? /** @type {HTMLAnchorElement | null} */ (e.target.closest(".filter-chips li a")) : null;
    const form = /** @type {HTMLFormElement | null} */ (link ? document.querySelector("form[data-instant]") : null);
    if (!link || !form || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
    e.preventDefault();
    clearTimeout(timer);
    const keyed = link.matches(":focus-visible");
    void show(form, link.getAttribute("href") ?? "", true).then(() => {
      const chip = document.querySelector(".filter-chips li a") ?? form.querySelector("input:not([type=hidden]), select");
      if (keyed || !document.activeElement || document.activeElement === document.body) /** @type {HTMLElement | null} */ (chip)?.focus();
    });
  });

  const ROWS = "main table.folds > tbody > tr, main ol.feed > li";
  const CONTROLS = "a, button, input, select, textarea, label, summary, details, .row-tick, .row-more";
  const target = (/** @type {Element | null} */ row) => /** @type {HTMLAnchorElement | null} */ (row?.querySelector(":scope a.name[href]") ?? null);
  const mark = (/** @type {ParentNode} */ part) => part.querySelectorAll(ROWS).forEach((row) => row.classList.toggle("opens", Boolean(target(row))));
  mark(document);
  ["list:load", "htmx:afterSwap"].forEach((kind) => document.addEventListener(kind, () => mark(document)));
  document.addEventListener("click", (e) => {
    const at = /** @type {Element} */ (e.target);
    const link = target(at.closest(ROWS));
    if (!link || e.defaultPrevented || at.closest(CONTROLS) || getSelection()?.toString()) return;
    if (e.ctrlKey || e.metaKey) window.open(link.href, "_blank", "noopener");
    else link.click();
  });
})();
