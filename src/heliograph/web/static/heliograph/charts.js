// Charts: a chart is one tab stop, arrow keys walk over its columns, and Esc leaves a chosen one for all (docs/design/pages.md). Without script each
// column is a tab stop.
"use strict";

(() => {
  /** The columns of a chart that open records, row by row. A row that has none is left out. */
  const rowsOf = (/** @type {Element} */ chart) =>
    [...chart.querySelectorAll(".cols")]
      .map((row) => [.../** @type {NodeListOf<HTMLAnchorElement>} */ (row.querySelectorAll("a[href]"))])
      .filter((row) => row.length);
  const place = (/** @type {Element} */ column) => [.../** @type {Element} */ (column.parentElement).children].indexOf(column);

  /** The column of a chart that Tab reaches. */
  function setTabStop(/** @type {HTMLAnchorElement[][]} */ rows, /** @type {HTMLAnchorElement} */ stop) {
    rows.flat().forEach((column) => {
      column.tabIndex = column === stop ? 0 : -1;
    });
  }

  /** The chosen column, or else the latest, is the tab stop of a chart that nobody has walked over. */
  const setUp = (/** @type {ParentNode} */ part) =>
    part.querySelectorAll("figure:has(.cols)").forEach((chart) => {
      const rows = rowsOf(chart);
      const stop = rows.flat().find((column) => column.hasAttribute("aria-current")) ?? rows[0]?.at(-1);
      if (stop) setTabStop(rows, stop);
    });
  setUp(document);
  ["htmx:load", "list:load"].forEach((kind) =>
    document.addEventListener(kind, (e) => setUp(/** @type {Element} */ (e.target).parentElement ?? document)),
  );

  /** Where a key leads from a column: to another one of its row, or to the nearest one of the row above or below. */
  function next(/** @type {string} */ key, /** @type {HTMLAnchorElement} */ from, /** @type {HTMLAnchorElement[][]} */ rows) {
    const y = rows.findIndex((row) => row.includes(from));
    const x = rows[y].indexOf(from);
    const nearest = (/** @type {HTMLAnchorElement[]=} */ row) =>
      row?.toSorted((a, b) => Math.abs(place(a) - place(from)) - Math.abs(place(b) - place(from)))[0];
    const leads = {
      ArrowLeft: () => rows[y][x - 1],
      ArrowRight: () => rows[y][x + 1],
      Home: () => rows[y][0],
      End: () => rows[y].at(-1),
      ArrowUp: () => nearest(rows[y - 1]),
      ArrowDown: () => nearest(rows[y + 1]),
    };
    return key in leads ? (leads[/** @type {keyof typeof leads} */ (key)]() ?? from) : undefined;
  }

  document.addEventListener("keydown", (e) => {
    if (!(e.target instanceof HTMLAnchorElement) || e.altKey || e.ctrlKey || e.metaKey || e.shiftKey) return;
    const chart = e.target.closest(".cols")?.closest("figure");
    if (!chart) return;
    const all = /** @type {HTMLElement} */ (chart).dataset.all;
    if (e.key === "Escape" && all) location.assign(all);
    const rows = rowsOf(chart);
    const column = next(e.key, e.target, rows);
    if (!column) return;
    e.preventDefault();
    setTabStop(rows, column);
    column.focus();
  });
})();
