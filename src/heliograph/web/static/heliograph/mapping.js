// The mapping editor: lines of chips by mouse and keyboard, the list of fields, a preview that keeps up.
// Without it every chip, + and x is a button of the form.
"use strict";

(() => {
  /** @type {HTMLElement} */ let editor;
  /** @type {HTMLFormElement} */ let form;
  let changed = false;
  let timer = 0;
  let counted = "";
  let pressed = "";
  let asking = false;
  /** What was pressed while the answer to an earlier press is under way. */
  /** @type {string[]} */ let later = [];

  const word = (/** @type {string} */ name, value = "") => (editor.dataset[name] ?? "{}").replace("{}", value);
  const tell = (/** @type {string} */ text) => {
    const said = document.getElementById("map-said");
    if (said) said.textContent = text;
  };
  const field = (/** @type {string | undefined} */ name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name ?? ""));
  /** The names of the form's fields (heliograph.mappings.views.mapping_fields); those of a row stand at its line. */
  /** @type {Record<string, string>} */ let names = {};
  const icon = (/** @type {string} */ name) => `<svg class="icon" width="16" height="16" aria-hidden="true"><use href="#i-${name}"/></svg>`;
  const make = (/** @type {string} */ tag, /** @type {Record<string, string>} */ attributes = {}, text = "") => {
    const el = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => el.setAttribute(name, value));
    if (text) el.textContent = text;
    return el;
  };

  // ---- talking to the server: a button posts the form, and the page comes back as the answer says

  const CHANGES = /^(add|start|remove|up|down|take|unmap|inside|entry|field|cut)\b/;
  function press(/** @type {string} */ what) {
    clearTimeout(timer);
    if (CHANGES.test(what)) changed = true;
    if (asking) later.push(what);
    else send(what);
  }
  function send(/** @type {string} */ what) {
    asking = true;
    pressed = what;
    live().dataset.late = "yes";
    const answered = () => {
      asking = false;
      const next = later.shift();
      if (next) send(next);
    };
    htmx
      .ajax("POST", location.href, { source: form, target: "#map-editor", swap: "outerHTML", values: { do: what } })
      .then(answered, answered);
  }
  /** What was pressed in the page before, in this one: its rows and the lines of a value map may have other numbers. "" if it is gone. */
  function renumbered(/** @type {string} */ what) {
    const [, verb, number, rest] = /^(up|down|remove|open|fields?|unmap):(\d+)(.*)$/.exec(what) ?? [];
    if (!verb) return what;
    if (verb !== "unmap") {
      const row = editor.querySelector(`.map-row[data-was="${number}"]`);
      return row ? `${verb}:${row.id.slice(4)}${rest}` : "";
    }
    const [place, gone] = [Number(number), pressed.startsWith("unmap:") ? Number(pressed.slice(6)) : Infinity];
    return place === gone ? "" : `unmap:${place > gone ? place - 1 : place}`;
  }
  const live = () => /** @type {HTMLElement} */ (document.getElementById("map-live"));
  function renew() {
    delete live().dataset.late;
    htmx.ajax("POST", location.href, { source: live(), swap: "none", values: { do: "preview" } });
  }
  function soon() {
    changed = true;
    clearTimeout(timer);
    timer = setTimeout(renew, 300);
  }

  // ---- a line as text, as heliograph.domain.mapping.chips writes it

  const partsOf = (/** @type {Element} */ line) =>
    [...line.querySelectorAll(":scope > .chip")].map((chip) => JSON.parse(/** @type {HTMLElement} */ (chip).dataset.part ?? "{}"));
  function written(/** @type {any[]} */ parts) {
    let out = "";
    let afterText = false;
    parts.forEach((part) => {
      const typed = part.source === undefined;
      if (!typed) out += `{${part.source}}`;
      else out += (afterText ? "{}" : "") + part.text.replaceAll("{", "{{").replaceAll("}", "}}");
      afterText = typed;
    });
    return out;
  }
  function store(/** @type {HTMLElement} */ line) {
    const parts = partsOf(line);
    field(line.dataset.written).value = written(parts);
    field(line.dataset.parts).value = JSON.stringify(parts);
    number(line);
    entryOf(line).placeholder = parts.length ? "" : word("hint");
    keepPanel(line);
    soon();
  }
  /** What an open panel says is posted for the chip at its place: the place moves with the chip, and the panel goes with it. */
  function keepPanel(/** @type {HTMLElement} */ line) {
    const [row] = field(names.panel).value.split(".");
    if (row !== line.dataset.line) return;
    const at = [...line.querySelectorAll(":scope > .chip")].findIndex((each) => each.matches(".open"));
    field(names.panel).value = at < 0 ? "" : `${row}.${at}`;
    if (at < 0) document.getElementById("panel")?.remove();
  }
  const number = (/** @type {HTMLElement} */ line) =>
    line.querySelectorAll(":scope > .chip > .part-name").forEach((name, i) => {
      name.id = `chip-${line.dataset.line}-${i}`;
    });
  const entryOf = (/** @type {Element} */ line) => /** @type {HTMLInputElement} */ (line.querySelector(":scope > input"));

  // ---- chips

  /** Spaces as middle dots, line breaks as arrows. */
  function dotted(/** @type {string} */ text, /** @type {HTMLElement} */ into) {
    (text.match(/[ \n]+|[^ \n]+/g) ?? []).forEach((run) =>
      into.append(/[ \n]/.test(run) ? make("span", { class: "dots-shown" }, run.replaceAll(" ", "·").replaceAll("\n", "⏎")) : run),
    );
  }
  function chip(/** @type {any} */ part, /** @type {string} */ label) {
    const typed = part.source === undefined;
    const el = make("span", { class: typed ? "chip typed" : "chip" });
    const name = make("button", {
      class: "part-name",
      type: "button",
      "aria-expanded": "false",
      "aria-label": typed ? word("text", label) : label,
    });
    const x = make("button", { class: "part-x", type: "button", "aria-label": say("sayRemove", typed ? word("text", label) : label) });
    el.dataset.part = JSON.stringify(part);
    if (typed) dotted(label, name);
    else name.textContent = label;
    x.innerHTML = icon("x");
    el.append(name, x);
    return el;
  }
  function add(/** @type {HTMLElement} */ line, /** @type {any} */ part, /** @type {string} */ label) {
    entryOf(line).before(chip(part, label));
    tell(say("sayAdded", label));
    store(line);
  }
  function remove(/** @type {HTMLElement} */ line, /** @type {Element} */ el) {
    const name = el.querySelector(".part-name");
    tell(say("sayRemoved", name?.getAttribute("aria-label") ?? ""));
    const next = el.nextElementSibling?.matches(".chip") ? el.nextElementSibling.querySelector(".part-name") : null;
    el.remove();
    store(line);
    /** @type {HTMLElement} */ (next ?? entryOf(line)).focus();
  }
  function walk(/** @type {KeyboardEvent} */ e, /** @type {HTMLElement} */ line, /** @type {Element} */ el) {
    const back = e.key === "ArrowLeft";
    const beside = back ? el.previousElementSibling : el.nextElementSibling;
    if (e.key === "Delete" || e.key === "Backspace") remove(line, el);
    else if (!back && e.key !== "ArrowRight") return;
    else if (e.altKey && beside?.matches(".chip")) {
      if (back) beside.before(el);
      else beside.after(el);
      store(line);
      /** @type {HTMLElement} */ (el.querySelector(".part-name")).focus();
      tell(word("moved", written(partsOf(line))));
    } else if (!e.altKey && beside)
      /** @type {HTMLElement | null} */ (beside.matches(".chip") ? beside.querySelector(".part-name") : entryOf(line))?.focus();
    e.preventDefault();
  }

  // ---- the list of fields: the first entry is always the typed text itself

  /** @type {{ line: HTMLElement, box: HTMLElement, options: HTMLElement[], at: number } | null} */ let list = null;
  const known = () => JSON.parse(document.getElementById("map-fields")?.textContent ?? "[]");

  function close() {
    if (!list) return;
    const entry = entryOf(list.line);
    entry.setAttribute("aria-expanded", "false");
    entry.removeAttribute("aria-controls");
    entry.removeAttribute("aria-activedescendant");
    list.box.remove();
    list = null;
  }
  function hit(/** @type {string} */ label, /** @type {string} */ typed) {
    const span = make("span");
    const at = typed ? label.toLowerCase().indexOf(typed) : -1;
    if (at < 0) span.textContent = label;
    else span.append(label.slice(0, at), make("b", {}, label.slice(at, at + typed.length)), label.slice(at + typed.length));
    return span;
  }
  function show(/** @type {HTMLElement} */ line) {
    close();
    const entry = entryOf(line);
    const typed = entry.value;
    const words = typed.trim().toLowerCase();
    const box = make("div", { class: "field-pop" });
    const options = make("div", { class: "field-list", role: "listbox", id: "map-list", "aria-label": word("fields") });
    const first = make("div", { class: "entry first", role: "option", id: "map-option-0" });
    first.append(make("span", {}, typed ? word("text", typed) : word("type")));
    const all = [first];
    options.append(first);
    known().forEach((/** @type {{ name: string, fields: string[][] }} */ group) => {
      const found = group.fields.filter(([key, label]) => !words || `${label} ${group.name} ${key}`.toLowerCase().includes(words));
      if (!found.length) return;
      const part = make("div", { role: "group", "aria-label": group.name });
      const head = make("div", { class: "group-name", role: "presentation" });
      head.append(
        make("span", {}, group.name),
        make("span", {}, found.length < group.fields.length ? `${found.length} / ${group.fields.length}` : `${found.length}`),
      );
      part.append(head);
      found.forEach(([key, label, value]) => {
        const option = make("div", {
          class: "entry",
          role: "option",
          id: `map-option-${all.length}`,
          "data-key": key,
          "data-label": label,
        });
        option.append(hit(label, words), make("span", { class: "is-now" }, value || word("empty")));
        all.push(option);
        part.append(option);
      });
      options.append(part);
    });
    box.append(options);
    if (all.length === 1 && words) box.append(make("p", { class: "foot" }, word("nothing")));
    line.closest(".map-row")?.append(box);
    entry.setAttribute("aria-expanded", "true");
    entry.setAttribute("aria-controls", "map-list");
    list = { line, box, options: all, at: 0 };
    choose(begins(all, words));
    box.addEventListener("pointerdown", (e) => e.preventDefault()); // the focus stays where one types
    options.addEventListener("click", (e) => {
      const option = /** @type {HTMLElement | null} */ (/** @type {Element} */ (e.target).closest("[role=option]"));
      if (option && list) {
        choose(list.options.indexOf(option));
        take();
      }
    });
  }
  /** The first field whose name has a word that begins with what is typed: it is more likely meant than the text itself. 0 without one. */
  function begins(/** @type {HTMLElement[]} */ options, /** @type {string} */ words) {
    const at = options.findIndex((option) => words.length > 1 && ` ${(option.dataset.label ?? "").toLowerCase()}`.includes(` ${words}`));
    return Math.max(at, 0);
  }
  function choose(/** @type {number} */ at) {
    if (!list) return;
    list.at = (at + list.options.length) % list.options.length;
    list.options.forEach((option, i) => option.setAttribute("aria-selected", String(i === list?.at)));
    entryOf(list.line).setAttribute("aria-activedescendant", list.options[list.at].id);
    list.options[list.at].scrollIntoView({ block: "nearest" });
  }
  function take() {
    if (!list) return;
    const { line, options, at } = list;
    const entry = entryOf(line);
    const { key, label } = options[at].dataset;
    const typed = entry.value;
    entry.value = "";
    close();
    if (key) add(line, { source: key }, label ?? key);
    else if (typed) add(line, { text: typed }, typed);
    entry.focus();
  }

  function entry(/** @type {HTMLElement} */ line) {
    const input = /** @type {HTMLInputElement} */ (
      make("input", {
        role: "combobox",
        "aria-expanded": "false",
        "aria-autocomplete": "list",
        "aria-haspopup": "listbox",
        "aria-label": word("add", line.dataset.target),
        autocomplete: "off",
      })
    );
    const plus = /** @type {HTMLButtonElement} */ (line.querySelector(":scope > .part-add"));
    plus.type = "button";
    plus.tabIndex = -1;
    plus.before(input);
    input.placeholder = line.querySelector(".chip") ? "" : word("hint");
    plus.addEventListener("click", () => {
      input.focus();
      if (list?.line === line) close();
      else show(line);
    });
    input.addEventListener("click", () => {
      if (list?.line !== line) show(line);
    });
    input.addEventListener("input", (e) => {
      e.stopPropagation();
      show(line);
    });
    input.addEventListener("blur", () => {
      // typed and left: not lost
      const typed = input.value;
      close();
      input.value = "";
      if (typed) add(line, { text: typed }, typed);
    });
    input.addEventListener("keydown", (e) => {
      const last = input.previousElementSibling?.matches(".chip") ? input.previousElementSibling : null;
      if (e.key === "Enter") {
        e.preventDefault();
        if (!list && input.value) show(line);
        if (list) take();
      } else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
        e.preventDefault();
        if (list) choose(list.at + (e.key === "ArrowDown" ? 1 : -1));
        else show(line);
      } else if (e.key === "Escape" && list) {
        e.preventDefault();
        e.stopPropagation();
        close();
      } else if (e.key === "Backspace" && !input.value && last) {
        e.preventDefault();
        remove(line, last);
      } else if (e.key === "ArrowLeft" && !input.value && last) {
        e.preventDefault();
        /** @type {HTMLElement} */ (last.querySelector(".part-name")).focus();
      }
    });
  }
  function line(/** @type {HTMLElement} */ el) {
    entry(el);
    el.addEventListener("click", (e) => {
      const at = /** @type {Element} */ (e.target);
      const on = at.closest(".chip");
      if (at === el) {
        entryOf(el).focus();
        show(el);
      }
      if (!on) return;
      e.preventDefault();
      if (at.closest(".part-x")) remove(el, on);
      else press(`open:${el.dataset.line}.${[...el.querySelectorAll(":scope > .chip")].indexOf(on)}`);
    });
    el.addEventListener("keydown", (e) => {
      const on = /** @type {Element} */ (e.target).closest(".chip > .part-name")?.parentElement;
      if (on) walk(e, el, on);
    });
  }

  // ---- what is typed while an answer is under way: the page that comes has it, too

  /** @type {Map<string, string>} */ let sent = new Map();
  /** @typedef {{ chips: Element[] | null, typed: string, on: boolean }} ChangedLine */
  /** @type {{ controls: Map<string, string>, lines: Map<string, ChangedLine>, at: string } | null} */ let meanwhile = null;
  const state = (/** @type {HTMLInputElement} */ el) => (el.type === "checkbox" || el.type === "radio" ? String(el.checked) : el.value);
  /** The row's number in the page that was posted: this page's own, or what the answer says. */
  const rowOf = (/** @type {Element} */ el, /** @type {boolean} */ posted) => {
    const row = /** @type {HTMLElement | null} */ (el.closest(".map-row[id^=row-]"));
    return row ? (posted ? row.id.slice(4) : (row.dataset.was ?? "new")) : "";
  };
  const keyOf = (/** @type {string} */ row, name = "", path = "", value = "") =>
    [row, row ? name.replace(/-\d+$/, "") : name, path, value].join("|");
  const keyOfLine = (/** @type {string} */ row, /** @type {HTMLElement} */ line) => `${keyOf(row, line.dataset.written)}|0`;
  /** Everything that can be typed or chosen, by a key that is the same in both pages. */
  function controls(/** @type {boolean} */ posted) {
    const found = /** @type {Map<string, HTMLInputElement>} */ (new Map());
    /** @type {HTMLInputElement[]} */ ([...form.elements]).forEach((el) => {
      if (!el.name || el.type === "submit" || el.name === "csrfmiddlewaretoken" || (el.type === "hidden" && !("written" in el.dataset)))
        return;
      const row = rowOf(el, posted);
      const base = keyOf(row, el.name, el.dataset.path, el.type === "radio" ? el.value : "");
      let n = 0;
      while (found.has(`${base}|${n}`)) n += 1;
      found.set(`${base}|${n}`, el);
    });
    return found;
  }
  function lines(/** @type {boolean} */ posted) {
    return new Map(
      [...editor.querySelectorAll(".chip-input.line[data-line]")].map((each) => [rowOf(each, posted), /** @type {HTMLElement} */ (each)]),
    );
  }
  function remember() {
    sent = new Map([...controls(true)].map(([key, el]) => [key, state(el)]));
  }
  /** Whether an answer would take away what was typed into a chip's panel meanwhile: it has no panel, or another chip's. */
  function losesPanel(/** @type {string} */ answer) {
    const panel = document.getElementById("panel");
    if (!panel || ![...controls(true)].some(([key, el]) => panel.contains(el) && state(el) !== sent.get(key))) return false;
    const page = new DOMParser().parseFromString(answer, "text/html");
    const [row, at] = (page.querySelector(`input[name="${names.panel}"]`)?.getAttribute("value") ?? "").split(".");
    return `${page.getElementById(`row-${row}`)?.dataset.was}.${at}` !== field(names.panel).value;
  }
  /** Before the answer takes the page's place. */
  function collect() {
    const now = controls(true);
    const typed = new Map([...now].filter(([key, el]) => state(el) !== sent.get(key)).map(([key, el]) => [key, state(el)]));
    const added = `${keyOf("", names.new_name)}|0`;
    const begun = sent.get(added) ?? "";
    const name = typed.get(added);
    if (begun && name?.startsWith(begun)) typed.set(added, name.slice(begun.length)); // what was sent has a row by now
    const changedLines = [...lines(true)]
      .map(([n, line]) => {
        const on = document.activeElement === entryOf(line);
        return /** @type {[string, ChangedLine]} */ ([
          n,
          { chips: typed.has(keyOfLine(n, line)) ? [...line.querySelectorAll(":scope > .chip")] : null, typed: entryOf(line).value, on },
        ]);
      })
      .filter(([, line]) => line.chips || line.typed);
    const at = [...now].find(([, el]) => el === document.activeElement)?.[0] ?? "";
    const on = changedLines.some(([, line]) => line.on);
    changedLines.forEach(([n]) => {
      const line = lines(true).get(n);
      if (line) entryOf(line).value = "";
    }); // or leaving the page would make a chip of it
    meanwhile =
      typed.size || changedLines.length ? { controls: typed, lines: new Map(changedLines), at: typed.has(at) && !on ? at : "" } : null;
  }
  /** Once it has; whether somebody goes on typing where they were. */
  function bring() {
    if (!meanwhile) return false;
    const { controls: typed, lines: changedLines, at } = meanwhile;
    meanwhile = null;
    let goesOn = false;
    const here = controls(false);
    typed.forEach((value, key) => {
      const el = here.get(key);
      if (!el || el.type === "hidden") return;
      if (el.type === "checkbox" || el.type === "radio") el.checked = value === "true";
      else el.value = value;
      const box = el.closest("details.cases");
      if (box) cases(box);
    });
    lines(false).forEach((line, n) => {
      const brought = changedLines.get(n);
      if (!brought) return;
      if (brought.chips) {
        line.querySelectorAll(":scope > .chip").forEach((each) => each.remove());
        entryOf(line).before(...brought.chips);
        store(line);
      }
      entryOf(line).value = brought.typed;
      if (brought.on) {
        entryOf(line).focus();
        show(line);
        goesOn = true;
      }
    });
    const el = here.get(at);
    if (el) {
      el.focus();
      if ("selectionStart" in el && el.type === "text") el.setSelectionRange(el.value.length, el.value.length);
      goesOn = true;
    }
    soon();
    return goesOn;
  }

  // ---- the form

  function cases(/** @type {Element} */ box) {
    const said = box.querySelector("summary > span");
    const words = [...box.querySelectorAll("input:checked")]
      .map((input) => /** @type {HTMLElement} */ (input).dataset.word)
      .filter(Boolean);
    if (said) {
      said.textContent = words.join(", ") || word("asItIs");
      said.classList.toggle("none", !words.length);
    }
  }
  function focus(/** @type {string} */ id) {
    if (!id) return;
    const at =
      id === "panel"
        ? document.querySelector("#panel input:not([type=hidden]), #panel textarea, #panel select")
        : document.getElementById(id);
    const line = at?.matches(".part-add") ? at.closest(".line") : null;
    const to = /** @type {HTMLElement | null} */ (line ? entryOf(line) : at);
    to?.focus();
  }
  function started(/** @type {HTMLElement} */ el) {
    editor = el;
    later = later.map(renumbered).filter(Boolean);
    form = /** @type {HTMLFormElement} */ (document.getElementById("map-form"));
    names = JSON.parse(document.getElementById("map-names")?.textContent ?? "{}");
    const looked = [names.kind, names.subject];
    const apart = [names.person, names.new_name, names.new_type, names.new_nested, names.start];
    apart.push(names.sample, names.keep_values, names.sample_row);
    list = null;
    editor.querySelectorAll("noscript").forEach((each) => each.remove()); // htmx reads what comes without script, and so the fields in it
    editor.querySelectorAll(".chip-input.line[data-line]").forEach((each) => line(/** @type {HTMLElement} */ (each)));
    form.addEventListener("submit", (e) => {
      const button = /** @type {HTMLButtonElement | null} */ (e.submitter);
      const focused = document.activeElement?.getAttribute("name") ?? "";
      const what =
        button?.value === "enter"
          ? ({ [names.new_name]: "add", [names.person]: "search" }[focused] ?? "save")
          : button?.name === "do"
            ? button.value
            : "save";
      if (what === "save") {
        changed = false;
        clearTimeout(timer);
        return;
      }
      e.preventDefault();
      press(what);
    });
    form.addEventListener("input", (e) => {
      const at = /** @type {HTMLInputElement} */ (e.target);
      if (looked.includes(at.name)) press("look");
      else if (!apart.includes(at.name)) soon();
      const box = at.closest("details.cases");
      if (box) cases(box);
    });
    editor.addEventListener("keydown", (e) => {
      if (e.key === "Escape" && /** @type {Element} */ (e.target).closest("#panel")) press("close");
    });
    // A preview that a button has overtaken is not shown; to end it early would be an error in the console.
    const asks = live();
    asks.addEventListener("htmx:beforeSwap", (e) => {
      if (asks.dataset.late) /** @type {CustomEvent} */ (e).detail.shouldSwap = false;
    });
    counted = document.getElementById("map-problems")?.dataset.n ?? "";
    if (!bring()) focus(/** @type {HTMLInputElement} */ (document.getElementById("map-focus")).value);
  }

  const ours = (/** @type {Event} */ e) => editor && /** @type {CustomEvent} */ (e).detail.target === editor;
  document.addEventListener("htmx:beforeRequest", (e) => {
    if (ours(e)) remember();
  });
  document.addEventListener("htmx:beforeSwap", (e) => {
    const { detail } = /** @type {CustomEvent} */ (e);
    if (!ours(e) || !detail.shouldSwap) return;
    if (losesPanel(detail.serverResponse)) {
      detail.shouldSwap = false;
      later.unshift(pressed);
    } // asked again with it: the answer hangs on the form alone
    else collect();
  });
  window.addEventListener("beforeunload", (e) => {
    if (changed) e.preventDefault();
  });
  document.addEventListener("htmx:oobAfterSwap", () => {
    const problems = document.getElementById("map-problems");
    if (!problems || problems.dataset.n === counted) return;
    counted = problems.dataset.n ?? "";
    tell(problems.querySelector("b")?.textContent ?? word("fine"));
  });
  htmx.onLoad((/** @type {HTMLElement} */ el) => {
    const found = /** @type {HTMLElement | null} */ (el.matches("#map-editor") ? el : el.querySelector("#map-editor"));
    if (found && found !== editor) started(found);
  });
})();
