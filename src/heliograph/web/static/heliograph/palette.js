// The palette: Ctrl K or ⌘ K, the key / and the band's search field open it over any page (docs/design/pages.md). Without script that field
// leads to the page of all results.
"use strict";

(() => {
  const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById("palette"));
  const form = dialog?.querySelector("form");
  const field = dialog?.querySelector("input[role=combobox]");
  const list = dialog?.querySelector("[role=listbox]");
  const news = dialog?.querySelector("[role=status]");
  const foot = dialog?.querySelector(".foot .count");
  if (!dialog || !form || !(field instanceof HTMLInputElement) || !list || !news || !foot) return;
  const WAIT = 120; // milliseconds after the last key
  const RECENT = 3; // things that were opened last
  const key = `palette ${dialog.dataset.person}`;
  let timer = 0;
  /** Requests that were sent; an answer to any but the last one is dropped. */
  let asked = 0;
  /** The text whose results are shown; null for none. @type {string | null} */
  let shown = null;

  /** Things of the set-up that were opened in this window, the last one first; no registration, and no query. @returns {{href: string, text: string}[]} */
  const recent = () => {
    try {
      return JSON.parse(sessionStorage.getItem(key) ?? "[]");
    } catch {
      return [];
    }
  };
  const isFound = /** @type {any} */ (performance.getEntriesByType("navigation")[0])?.responseStatus === 200;
  const title = document.title.replace(/ · Heliograph$/, "");
  if (/^\/(signal\/(flows|connections|mappings)|settings\/sources)\/\d+\/$/.test(location.pathname) && title && isFound) {
    const others = recent().filter((each) => each.href !== location.pathname);
    try {
      sessionStorage.setItem(key, JSON.stringify([{ href: location.pathname, text: title }, ...others].slice(0, RECENT)));
    } catch {} // a browser that stores nothing for this page
  }

  const options = () => /** @type {HTMLAnchorElement[]} */ ([...list.querySelectorAll("[role=option]")]);
  const active = () => options().find((each) => each.getAttribute("aria-selected") === "true");
  function choose(/** @type {HTMLAnchorElement | undefined} */ option) {
    options().forEach((each, i) => {
      each.id = `palette-${i}`;
      each.setAttribute("aria-selected", String(each === option));
    });
    field?.setAttribute("aria-activedescendant", option?.id ?? "");
    const hasOptions = options().length > 0;
    list?.setAttribute("role", hasOptions ? "listbox" : "group"); // a list box may hold no sentence
    field?.setAttribute("aria-expanded", String(hasOptions));
    option?.scrollIntoView({ block: "nearest" });
  }
  /** What was opened before, as a group of its own below what needs somebody. */
  function addRecent() {
    const template = /** @type {HTMLTemplateElement | null} */ (dialog?.querySelector("template[data-recent]") ?? null);
    const group = /** @type {Element | undefined} */ (template?.content.firstElementChild?.cloneNode(true));
    const kinds = /** @type {HTMLAnchorElement[]} */ ([...(group?.querySelectorAll("a") ?? [])]);
    kinds.forEach((kind) => kind.remove());
    recent().forEach((each) => {
      const kind = each.href === location.pathname ? undefined : kinds.find((one) => each.href.startsWith(one.getAttribute("href") ?? "?"));
      if (!kind) return;
      const row = /** @type {HTMLAnchorElement} */ (kind.cloneNode(true));
      row.href = each.href;
      const text = row.querySelector("bdi");
      if (text) text.textContent = each.text;
      group?.append(row);
    });
    if (!group?.querySelector("a")) return;
    const needs = list?.querySelector("[data-needs]");
    if (needs) needs.after(group);
    else list?.prepend(group);
  }
  /** Says that no results came, and which way leads on: those of an older text are not left standing as if they were its own. */
  function fail() {
    const words = document.createElement("p");
    words.className = "nothing";
    words.textContent = dialog?.dataset.failed ?? "";
    list?.replaceChildren(words);
    shown = null;
    choose(undefined);
    if (foot) foot.textContent = "";
    if (news) news.textContent = words.textContent;
  }
  async function fetchResults() {
    const number = ++asked;
    const text = field?.value.trim() ?? "";
    const body = new FormData(/** @type {HTMLFormElement} */ (form));
    const answer = await fetch(dialog?.dataset.results ?? "", { method: "POST", body, redirect: "error", headers: { "HX-Request": "true" } }).catch(() => null);
    const results = answer?.ok ? await answer.text().catch(() => null) : null;
    await new Promise(whenReleased);
    if (number !== asked || !list) return;
    if (results === null) return fail();
    list.innerHTML = results; // rendered by our own server, which escapes what people have typed
    const count = list.querySelector("[data-count]");
    const words = count?.textContent ?? "";
    count?.remove();
    if (!text) addRecent();
    shown = text;
    choose(text ? options()[0] : undefined);
    if (foot) foot.textContent = words;
    if (news) news.textContent = text ? words || (list.querySelector(".nothing")?.textContent?.trim() ?? "") : "";
  }
  function open(text = "") {
    if (dialog?.open) return;
    document.querySelectorAll("details.menu[open]").forEach((menu) => menu.removeAttribute("open"));
    if (field) field.value = text;
    dialog?.showModal();
    field?.select();
    void fetchResults();
  }

  window.addEventListener("pagehide", () => asked++); // a request that ends with its page has not failed
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(fetchResults, WAIT);
  });
  field.addEventListener("keydown", (e) => {
    const all = options();
    const at = all.findIndex((each) => each === active());
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      const step = e.key === "ArrowDown" ? 1 : -1;
      choose(all[at < 0 && step < 0 ? all.length - 1 : (at + step + all.length) % all.length]);
    } else if (e.key === "Escape") {
      e.preventDefault(); // a search field would only be emptied
      dialog.close();
    } else if (e.key === "Enter" && !e.isComposing) {
      const option = shown === field.value.trim() ? active() : undefined; // results of an older text are not opened
      if (!option && field.value.trim()) return; // the form leads to the page of all results
      e.preventDefault();
      if (option && (e.ctrlKey || e.metaKey) && !("all" in option.dataset)) window.open(option.href, "_blank", "noopener");
      else option?.click();
    }
  });
  list.addEventListener("click", (e) => {
    const option = /** @type {Element} */ (e.target).closest("[data-all]");
    if (!option) return;
    e.preventDefault();
    form.requestSubmit();
  });
  dialog.addEventListener("click", (e) => {
    if (e.target === dialog) dialog.close(); // beside it
  });
  dialog.addEventListener("close", () => {
    clearTimeout(timer);
    asked++;
    shown = null;
    list.replaceChildren();
    news.textContent = "";
  });
  document.addEventListener("keydown", (e) => {
    const at = /** @type {Element} */ (e.target);
    const isShortcut = e.key.toLowerCase() === "k" && (e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey;
    const isSlash = e.key === "/" && !e.ctrlKey && !e.metaKey && !e.altKey && !at.closest("input, select, textarea, [contenteditable]");
    if (!isShortcut && !isSlash) return;
    e.preventDefault();
    open();
  });
  document.querySelectorAll(".find-anywhere input").forEach((el) => {
    const input = /** @type {HTMLInputElement} */ (el);
    input.addEventListener("click", () => open(input.value));
  });
})();
