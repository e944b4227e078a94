// URLs of a connection: source fields in it are chips, what stands between them stays text that is typed.
// Without script it is one text with fields in braces.
"use strict";

document.querySelectorAll("details.insert[data-url]").forEach((el) => {
  const insert = /** @type {HTMLElement} */ (el);
  const first = /** @type {HTMLInputElement} */ (document.getElementById(insert.dataset.url ?? ""));
  const choice = /** @type {HTMLSelectElement} */ (insert.querySelector("select"));
  const labels = new Map([...choice.options].filter((o) => o.value).map((o) => [o.value, o.text]));
  const box = document.createElement("div");
  const said = document.createElement("span");
  const whole = document.createElement("input");
  let texts = [""];
  let keys = /** @type {string[]} */ ([]);
  let last = { part: 0, at: first.value.length };

  /** Takes a text apart: what stands in braces and is a field becomes a chip, anything else stays as it was typed. */
  function apart(/** @type {string} */ text) {
    const out = { texts: [""], keys: /** @type {string[]} */ ([]) };
    text.split(/\{([^{}]+)\}/).forEach((piece, i) => {
      if (i % 2 && labels.has(piece)) {
        out.keys.push(piece);
        out.texts.push("");
      } else out.texts[out.texts.length - 1] += i % 2 ? `{${piece}}` : piece;
    });
    return out;
  }
  const together = () => texts.map((text, i) => text + (i < keys.length ? `{${keys[i]}}` : "")).join("");
  const parts = () => /** @type {HTMLInputElement[]} */ ([...box.querySelectorAll("input:not([type=hidden])")]);
  function go(/** @type {number} */ part, /** @type {number} */ at) {
    const to = parts()[part];
    to?.focus();
    to?.setSelectionRange(at, at);
    last = { part, at };
  }
  const changed = () => {
    whole.value = together();
    whole.dispatchEvent(new Event("input", { bubbles: true }));
  };

  /** Puts a text in the place of a part, with the chips that it holds. */
  function put(/** @type {number} */ part, /** @type {string} */ text) {
    const found = apart(text);
    texts.splice(part, 1, ...found.texts);
    keys.splice(part, 0, ...found.keys);
    return found;
  }
  function remove(/** @type {number} */ chip) {
    const at = texts[chip].length;
    said.textContent = say("sayRemoved", labels.get(keys[chip]));
    texts.splice(chip, 2, texts[chip] + texts[chip + 1]);
    keys.splice(chip, 1);
    draw();
    changed();
    go(chip, at);
  }
  function part(/** @type {number} */ i) {
    const el = i ? document.createElement("input") : first;
    el.value = texts[i];
    if (i) {
      el.autocomplete = "off";
      el.setAttribute("aria-label", (insert.dataset.after ?? "{}").replace("{}", labels.get(keys[i - 1]) ?? ""));
    }
    el.oninput = () => {
      texts[i] = el.value;
      last = { part: i, at: el.selectionStart ?? el.value.length };
      const before = apart(el.value.slice(0, last.at));
      if (apart(el.value).keys.length) {
        put(i, el.value);
        draw();
        go(i + before.keys.length, before.texts[before.texts.length - 1].length);
      }
      whole.value = together();
    };
    el.onblur = () => {
      last = { part: i, at: el.selectionStart ?? el.value.length };
    };
    el.onkeydown = (e) => {
      if (el.selectionStart !== el.selectionEnd) return;
      const start = el.selectionStart === 0;
      const end = el.selectionStart === el.value.length;
      if (e.key === "Backspace" && start && i) {
        e.preventDefault();
        remove(i - 1);
      } else if (e.key === "Delete" && end && i < keys.length) {
        e.preventDefault();
        remove(i);
      } else if (e.key === "ArrowLeft" && start && i) {
        e.preventDefault();
        go(i - 1, texts[i - 1].length);
      } else if (e.key === "ArrowRight" && end && i < keys.length) {
        e.preventDefault();
        go(i + 1, 0);
      }
    };
    return el;
  }
  function chip(/** @type {number} */ i) {
    const el = document.createElement("span");
    const x = document.createElement("button");
    const label = labels.get(keys[i]) ?? keys[i];
    el.className = "chip";
    el.textContent = label;
    x.type = "button";
    x.setAttribute("aria-label", say("sayRemove", label));
    x.innerHTML = '<svg class="icon" width="16" height="16" aria-hidden="true"><use href="#i-x"/></svg>';
    x.addEventListener("click", () => remove(i));
    el.append(x);
    return el;
  }
  function draw() {
    const all = texts.flatMap((_text, i) => (i < keys.length ? [part(i), chip(i)] : [part(i)]));
    box.replaceChildren(...all, said, whole);
  }

  // Somebody may type already: the field moves below, and with it go focus and caret.
  const caret = document.activeElement === first ? first.selectionStart : null;
  whole.type = "hidden";
  whole.name = first.name;
  first.removeAttribute("name");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  box.className = "chip-input url";
  first.before(box);
  first.classList.remove("input");
  put(0, first.value);
  draw();
  if (caret !== null) go(0, caret);
  whole.value = together();
  box.addEventListener("click", (e) => {
    if (e.target === box) go(texts.length - 1, texts[texts.length - 1].length);
  });
  insert.querySelector("button")?.addEventListener("click", (e) => {
    e.preventDefault();
    if (!choice.value) return;
    const at = { ...last };
    const text = texts[at.part];
    put(at.part, `${text.slice(0, at.at)}{${choice.value}}${text.slice(at.at)}`);
    said.textContent = say("sayAdded", labels.get(choice.value));
    draw();
    changed();
    go(at.part + 1, 0);
  });
});
