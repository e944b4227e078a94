// The script of all pages: chip input, presses, menus that close, toasts that can be dismissed, ticks, copying, live lists, unsaved
// changes, codes, time zones.
// Everything else is links and forms.
"use strict";

/** A sentence of the page's language: base.html writes them on the body, "{}" stands for the value. */
const say = (/** @type {string} */ name, value = "") => (document.body.dataset[name] ?? "{}").replace("{}", value);

/** Turns <input data-chips data-glue="or" list="…"> (plain text, values separated by "; ") into chips. The input stays the form's field. */
function chips(/** @type {HTMLInputElement} */ field) {
  const box = document.createElement("div");
  const entry = document.createElement("input");
  const said = document.createElement("span");
  let values = field.value
    .split(";")
    .map((v) => v.trim())
    .filter(Boolean);
  box.className = "chip-input";
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  entry.id = field.id;
  entry.autocomplete = "off";
  entry.placeholder = values.length ? "" : field.placeholder;
  if (field.getAttribute("list")) entry.setAttribute("list", field.getAttribute("list") ?? "");
  if (field.getAttribute("aria-invalid")) entry.setAttribute("aria-invalid", "true");
  if (field.getAttribute("aria-describedby")) entry.setAttribute("aria-describedby", field.getAttribute("aria-describedby") ?? "");
  field.removeAttribute("id");
  field.removeAttribute("aria-invalid");
  field.type = "hidden";
  const options = () => [...(entry.list?.options ?? [])].map((o) => o.value);

  function draw() {
    box.replaceChildren();
    values.forEach((value, i) => {
      if (i) {
        const or = document.createElement("span");
        or.className = "or";
        or.textContent = field.dataset.glue ?? say("sayOr");
        box.append(or);
      }
      const chip = document.createElement("span");
      const x = document.createElement("button");
      chip.className = "chip";
      chip.textContent = value;
      x.type = "button";
      x.setAttribute("aria-label", say("sayRemove", value));
      x.innerHTML = '<svg class="icon" width="16" height="16" aria-hidden="true"><use href="#i-x"/></svg>';
      x.addEventListener("click", () => {
        values = values.filter((v) => v !== value);
        tell(say("sayRemoved", value));
        draw();
        entry.focus();
      });
      chip.append(x);
      box.append(chip);
    });
    box.append(entry, said);
    const text = values.join("; ");
    if (text === field.value) return;
    field.value = text;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  /** What was done is read aloud; what could not be taken is also shown. */
  function tell(/** @type {string} */ text, wrong = false) {
    said.className = wrong ? "error" : "visually-hidden";
    said.textContent = text;
  }
  function add(stay = true) {
    const typed = entry.value.trim();
    if (!typed) return;
    const alike = options().filter((o) => o.toLowerCase().startsWith(typed.toLowerCase()));
    const free = "free" in field.dataset || !options().length;
    const known = options().find((o) => o.toLowerCase() === typed.toLowerCase()) ?? (free || alike.length > 1 ? undefined : alike[0]);
    tell(free || known ? say("sayAdded", known ?? typed) : say("sayUnknown", typed), !free && !known);
    if (!free && !known) return;
    if (!values.includes(known ?? typed)) values.push(known ?? typed);
    entry.value = "";
    draw();
    if (stay) entry.focus();
  }
  entry.addEventListener("keydown", (e) => {
    if (e.key === "Enter") {
      e.preventDefault();
      add();
    } // also an empty one: who types a whole label has its chip before Enter, and has not sent the form by that
    if (e.key === "Backspace" && !entry.value && values.length) {
      tell(say("sayRemoved", values.pop()));
      draw();
      entry.focus();
    }
  });
  entry.addEventListener("input", () => {
    if (options().includes(entry.value)) add();
    else if (said.className === "error") tell("");
  });
  entry.addEventListener("blur", () => add(false)); // typed and left: not lost
  field.form?.addEventListener("submit", () => {
    field.value = [...values, entry.value.trim()].filter(Boolean).join("; ");
  }); // what no list has is refused in words
  field.after(box);
  draw();
}
const chipInputs = (/** @type {ParentNode} */ part) =>
  part.querySelectorAll("input[data-chips]:not([type=hidden])").forEach((f) => chips(/** @type {HTMLInputElement} */ (f)));
chipInputs(document);
document.addEventListener("htmx:load", (e) => chipInputs(/** @type {Element} */ (e.target))); // what htmx has put into the page since

/** What was still missing in a field is not any more once it is filled. */
document.addEventListener("change", (e) => {
  const field = /** @type {HTMLInputElement} */ (e.target);
  if (field.value) field.closest(".field")?.querySelector(".todo")?.remove();
  const missing = /** @type {HTMLElement | null} */ (field.closest("td")?.querySelector(".todo[data-until-filled]") ?? null);
  if (missing && field.name) missing.hidden = Boolean(field.value);
});

/** [data-follows]: says what the form lacks, also where the answer to a change of it was for another part of the page. */
document.addEventListener("htmx:afterSwap", (e) => {
  const answer = /** @type {CustomEvent} */ (e).detail.xhr?.responseText ?? "";
  if (!answer.includes("data-follows")) return;
  new DOMParser()
    .parseFromString(answer, "text/html")
    .querySelectorAll("[data-follows]")
    .forEach((next) => {
      const now = document.getElementById(next.id);
      if (now && now.innerHTML !== next.innerHTML) now.replaceChildren(...next.childNodes);
    });
});

/**
 * While a link, a button or a row is pressed, nothing is replaced: a click is lost if its button goes, or moves, between press and release.
 * What would replace something runs once the click has happened.
 */
const PRESSED = "a, button, summary, label, input[type=checkbox], input[type=radio], tr, li";
let isPressed = false;
/** @type {(() => void)[]} */ const heldBack = [];
const whenReleased = (/** @type {() => void} */ action) => (isPressed ? void heldBack.push(action) : action());
const press = (/** @type {Event} */ e) => {
  isPressed ||= e.target instanceof Element && Boolean(e.target.closest(PRESSED)) && !e.target.closest("select");
};
const release = () =>
  setTimeout(() => {
    isPressed = false;
    heldBack.splice(0).forEach((action) => action());
  }); // the click comes in the same turn
document.addEventListener("pointerdown", (e) => !e.button && press(e), true);
document.addEventListener("keydown", (e) => e.key === " " && press(e), true);
["pointerup", "pointercancel"].forEach((kind) => document.addEventListener(kind, release, true));
document.addEventListener("keyup", (e) => e.key === " " && release(), true);
window.addEventListener("blur", release);
document.addEventListener("htmx:beforeSend", (e) => {
  const { xhr } = /** @type {CustomEvent} */ (e).detail;
  const { onload } = xhr;
  xhr.onload = (/** @type {Event} */ loaded) => whenReleased(() => onload.call(xhr, loaded));
});

const TOLD_BY = ["id", "name", "value", "href", "aria-label"];
/** What stands in a part of the page for something that stood there before: of the same kind, name, value, address and label, if possible with its text. */
function counterpart(/** @type {Element} */ el, /** @type {ParentNode} */ part) {
  const alike = [...part.querySelectorAll(el.localName)].filter((each) => TOLD_BY.every((name) => each.getAttribute(name) === el.getAttribute(name)));
  return /** @type {HTMLInputElement | undefined} */ (alike.find((each) => each.textContent === el.textContent) ?? alike[0]);
}
/** The focus stays on what a part of the page has again after it was replaced. htmx looks for ids alone. */
/** @type {Element | null} */ let focused = null;
document.addEventListener("htmx:beforeSwap", () => {
  focused = document.activeElement;
});
document.addEventListener("htmx:afterSwap", () => {
  if (focused && !focused.isConnected && document.activeElement === document.body) counterpart(focused, document)?.focus({ preventScroll: true });
});

const POPUPS = "details.menu[open], details.cases[open], .filters > details.drawer[open]";
document.addEventListener("click", (e) => {
  const at = /** @type {Element} */ (e.target);
  document.querySelectorAll(POPUPS).forEach((m) => {
    if (!m.contains(at)) m.removeAttribute("open");
  });
  at.closest("[data-dismiss]")?.closest(".toast")?.remove();
});
document.addEventListener("keydown", (e) => {
  if (e.key !== "Escape") return;
  document.querySelectorAll(POPUPS).forEach((m) => {
    m.removeAttribute("open");
    m.querySelector("summary")?.focus();
  });
});

/** A table with data-tick-all: a box in its head ticks all rows of the page; .ticked of the form says how many are ticked. */
const tickAll = (/** @type {ParentNode} */ part) => part.querySelectorAll("table[data-tick-all]").forEach((table) => {
  const head = table.querySelector("th.row-tick");
  const boxes = /** @type {HTMLInputElement[]} */ ([...table.querySelectorAll("td.row-tick input")]);
  const said = table.closest("form")?.querySelector(".ticked");
  if (!head || !boxes.length) return;
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", say("sayTickAll"));
  head.replaceChildren(all);
  const count = (/** @type {Event=} */ e) => {
    const n = boxes.filter((b) => b.checked).length;
    all.checked = n === boxes.length;
    all.indeterminate = n > 0 && n < boxes.length;
    if (said && e)
      // until then CSS counts
      said.textContent = say("sayTicked", String(table.closest("form")?.querySelectorAll("td.row-tick input:checked").length ?? 0));
  };
  all.addEventListener("change", (e) => {
    boxes.forEach((b) => {
      b.checked = all.checked;
    });
    count(e);
  });
  table.addEventListener("change", (e) => {
    if (e.target !== all) count(e);
  });
  count();
});
tickAll(document);
document.addEventListener("list:load", (e) => tickAll(/** @type {ParentNode} */ (e.target))); // what lists.js has put into the page since

/** <button data-copy="ID" hidden>: shown where there is a clipboard; says Copied for 2 s. */
if (navigator.clipboard)
  document.querySelectorAll("[data-copy]").forEach((el) => {
    const button = /** @type {HTMLButtonElement} */ (el);
    const word = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const from = document.getElementById(button.dataset.copy ?? "");
      await navigator.clipboard.writeText(from instanceof HTMLInputElement ? from.value : (from?.textContent ?? ""));
      button.textContent = say("sayCopied");
      setTimeout(() => {
        button.textContent = word;
      }, 2000);
    });
  });

// What no person has triggered, such as a list that is fetched again, says so: it does not keep a session alive (accounts/login_sessions.py).
document.addEventListener("htmx:configRequest", (e) => {
  const { detail } = /** @type {CustomEvent} */ (e);
  if (!detail.triggeringEvent) detail.headers["X-Polled"] = "1";
});

/**
 * A list that htmx fetches again (data-live; web/pages.py). The tag of what is shown goes along, so that an unchanged list is not sent;
 * it rests while nobody looks, while the pointer or the focus is in it, and it is announced at most every 10 s.
 */
let told = 0;
const live = (/** @type {Event} */ e) =>
  /** @type {HTMLElement | null} */ (e.target instanceof Element && e.target.matches("[data-live]") ? e.target : null);
document.addEventListener("htmx:configRequest", (e) => {
  const list = live(e);
  if (list?.dataset.etag) /** @type {CustomEvent} */ (e).detail.headers["If-None-Match"] = list.dataset.etag;
});
document.addEventListener("htmx:beforeRequest", (e) => {
  const list = live(e);
  if (list && (document.hidden || list.matches(":hover, :focus-within"))) e.preventDefault();
});
document.addEventListener("htmx:afterRequest", (e) => {
  const list = live(e);
  const tag = /** @type {CustomEvent} */ (e).detail.xhr?.getResponseHeader("ETag");
  if (!list || !tag || tag === list.dataset.etag) return;
  list.dataset.etag = tag;
  const said = document.getElementById(list.dataset.said ?? "");
  if (!said || Date.now() - told < 10000) return;
  told = Date.now();
  said.textContent = "";
  setTimeout(() => {
    said.textContent = list.dataset.news ?? "";
  }, 100); // a change of the text is what is read aloud
});

/** Lines that came since are marked until the next ones come. */
document.addEventListener("htmx:beforeSwap", (e) => {
  const list = live(e);
  if (list) list.dataset.seen = [...list.querySelectorAll("li[id]")].map((line) => line.id).join(" ");
});
document.addEventListener("htmx:afterSwap", (e) => {
  const list = live(e);
  const seen = new Set((list?.dataset.seen ?? "").split(" "));
  list?.querySelectorAll("li[id]").forEach((line) => line.classList.toggle("fresh", !seen.has(line.id)));
});

/**
 * form[data-unsaved]: leaving the page is asked about where something in it is not saved, however it is left; "typed": from the beginning,
 * since the server has sent back what was typed. The form itself is sent without a question, another one of the page is not.
 */
/** @type {Set<Element>} */
const unsaved = new Set(document.querySelectorAll("form[data-unsaved=typed]"));
["input", "change"].forEach((kind) => {
  document.addEventListener(kind, (e) => {
    const field = /** @type {HTMLInputElement} */ (e.target);
    const form = field.form ?? field.closest("form"); // the entry of chips has a form, and no name
    if (form?.matches("[data-unsaved]")) unsaved.add(form);
  });
});
document.addEventListener("submit", (e) => unsaved.delete(/** @type {Element} */ (e.target)));
window.addEventListener("beforeunload", (e) => {
  if ([...unsaved].some((form) => form.isConnected)) e.preventDefault();
});

/** What was refused takes the focus: the first of it, also where it stands in a part that is folded. Other scripts have then built their controls. */
document.addEventListener("DOMContentLoaded", () => {
  const refused = /** @type {HTMLElement | null} */ (
    document.querySelector("main :is(input:not([type=hidden]), select, textarea)[aria-invalid=true], main fieldset:has(> .error) input")
  );
  for (let part = refused?.closest("details"); part; part = part.parentElement?.closest("details")) part.open = true;
  refused?.focus();
});

/** A code of N digits (input[data-digits=N]) may be pasted with spaces, and is sent once it is whole. */
document.querySelectorAll("input[data-digits]").forEach((el) => {
  const field = /** @type {HTMLInputElement} */ (el);
  field.addEventListener("input", () => {
    field.value = field.value.replace(/\s/g, "");
    if (new RegExp(`^\\d{${field.dataset.digits}}$`).test(field.value)) field.form?.requestSubmit();
  });
});

/** form[data-timezone=name]: the browser's own time zone is chosen in this list, unless somebody has chosen already. */
document.querySelectorAll("form[data-timezone]").forEach((el) => {
  const form = /** @type {HTMLFormElement} */ (el);
  const list = form.elements.namedItem(form.dataset.timezone ?? "");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (list instanceof HTMLSelectElement && [...list.options].some((option) => option.value === zone)) list.value = zone;
});

/** <form data-shown-at-once>: a choice of light or dark is shown at once, and kept when it is saved. */
document.addEventListener("change", ({ target }) => {
  if (!(target instanceof HTMLInputElement && target.type === "radio" && target.closest("form[data-shown-at-once]"))) return;
  if (target.value) document.documentElement.dataset.theme = target.value;
  else delete document.documentElement.dataset.theme;
});

/**
 * <time datetime data-until="in # s" data-now="Now">: a time to come is counted down within its last 100 seconds. Before, the words of the page stay.
 * The clocks of the page and of the server may differ, so the server's time left counts (data-left, in seconds), from when it was shown.
 */
const shownAt = new WeakMap();
setInterval(() => {
  document.querySelectorAll("time[data-until]").forEach((el) => {
    const time = /** @type {HTMLTimeElement} */ (el);
    if (!shownAt.has(time)) shownAt.set(time, performance.now());
    const left = Math.ceil(Number(time.dataset.left) - (performance.now() - shownAt.get(time)) / 1000);
    if (left >= 100) return;
    const words = left > 0 ? (time.dataset.until ?? "").replace("#", String(left)) : (time.dataset.now ?? "");
    if (time.textContent !== words) time.textContent = words;
  });
}, 1000);
