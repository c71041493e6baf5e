// A table of rows that can be sorted by each column; the first rows until more are asked for.

import { element } from "./element.js";
import { cellText, isNumber, numberFormat } from "./format.js";

const FIRST_ROWS = 20;

export class SortableTable {
  #columns;
  #rows;
  #sort = null;
  #all = false;
  #total;

  /** `columns`: `{ name, type }`; `rows`: a value for each column; `total`: all rows that there are. */
  constructor(columns, rows, total, caption) {
    this.#columns = columns.map((column, i) => {
      const values = rows.map((row) => row[i]);
      return { ...column, number: values.some(isNumber), format: numberFormat(values) };
    });
    this.#rows = rows;
    this.#total = total;
    this.head = element("tr");
    this.body = element("tbody");
    this.more = element("div", { class: "more" });
    this.node = element(
      "div",
      { class: "table-scroll", tabindex: "0", role: "region", "aria-label": `${caption}, as a table` },
      element("table", { class: this.#columns.every((column) => column.number) ? null : "with-text" }, element("thead", {}, this.head), this.body),
      this.more,
    );
    this.#draw();
  }

  /** What the user chose, to be put on a newer table of the same columns. */
  get choice() {
    return { sort: this.#sort, all: this.#all };
  }

  restore({ sort, all }) {
    this.#sort = sort && sort.column < this.#columns.length ? sort : null;
    this.#all = all;
    this.#draw();
  }

  #draw() {
    this.head.replaceChildren(...this.#columns.map((column, i) => this.#headCell(column, i)));
    const sorted = this.#sorted();
    const shown = this.#all ? sorted : sorted.slice(0, FIRST_ROWS);
    this.body.replaceChildren(...shown.map((row) => element("tr", {}, row.map((value, i) => this.#cell(value, i)))));
    const hidden = sorted.length - shown.length;
    const button = hidden > 0 ? element("button", { type: "button", class: "plain", onclick: () => this.#showAll() }, `Show all ${sorted.length} rows`) : null;
    const cut = this.#total > sorted.length && hidden === 0 ? `The first ${sorted.length} of ${this.#total} rows. The rest: pinflow query` : null;
    this.more.replaceChildren(...[button, cut].filter(Boolean));
  }

  #headCell(column, i) {
    const direction = this.#sort?.column === i ? this.#sort.direction : 0;
    return element(
      "th",
      { scope: "col", class: column.number ? "number" : "", "aria-sort": direction ? (direction > 0 ? "ascending" : "descending") : "none" },
      element("button", { type: "button", title: column.type, onclick: () => this.#sortBy(i) }, column.name, element("span", { class: "arrow", "aria-hidden": "true" }, direction ? (direction > 0 ? "▲" : "▼") : "")),
    );
  }

  #cell(value, i) {
    const column = this.#columns[i];
    const classes = [column.number ? "number" : "text", value === null ? "null" : ""].join(" ");
    const text = cellText(value, column.format);
    return element("td", { class: classes, title: text.length > 12 ? text : null }, text);
  }

  #sortBy(i) {
    // Numbers are mostly sorted to find the largest.
    const first = this.#columns[i].number ? -1 : 1;
    const again = this.#sort?.column === i;
    this.#sort = { column: i, direction: again ? -this.#sort.direction : first };
    this.#draw();
    this.head.children[i].firstChild.focus();
  }

  #showAll() {
    this.#all = true;
    this.#draw();
    this.node.focus();
  }

  #sorted() {
    if (!this.#sort) return this.#rows;
    const { column, direction } = this.#sort;
    return this.#rows.toSorted((a, b) => compare(a[column], b[column], direction));
  }
}

/** Nulls come last in both directions. */
function compare(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (isNumber(a) && isNumber(b)) return (a < b ? -1 : a > b ? 1 : 0) * direction;
  return String(a).localeCompare(String(b), "en", { numeric: true }) * direction;
}
