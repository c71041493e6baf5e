// Every accepted event is somewhere: a row for each lane and stream, with a tick or a cross.

import { element, setText } from "./element.js";
import { count } from "./format.js";

const NUMBERS = ["accepted", "archived", "committed", "duplicates", "filtered", "dead", "dropped", "in_flight"];

export class Balance {
  #panel;
  #rows = new Map();

  constructor(panel) {
    this.#panel = panel;
  }

  snapshot({ ways }) {
    const keys = ways.map(({ lane, stream }) => `${lane} ${stream}`);
    if (keys.join() !== [...this.#rows.keys()].join()) this.#build(ways, keys);
    ways.forEach((way, i) => this.#rows.get(keys[i]).show(way));
  }

  #build(ways, keys) {
    this.#rows = new Map(ways.map((way, i) => [keys[i], new Row(way)]));
    const heads = ["lane", "stream", ...NUMBERS.map((name) => name.replace("_", " ")), "balances"];
    this.#panel.replaceChildren(
      element(
        "div",
        { class: "table-scroll wide", tabindex: "0", role: "region", "aria-label": "balance of each lane and stream" },
        element(
          "table",
          { class: "balance" },
          element("thead", {}, element("tr", {}, heads.map((head, i) => element("th", { scope: "col", class: i >= 2 && i < 10 ? "number" : null }, head)))),
          element("tbody", {}, [...this.#rows.values()].map((row) => row.node)),
        ),
      ),
    );
  }
}

class Row {
  constructor({ lane, stream }) {
    this.cells = Object.fromEntries(NUMBERS.map((name) => [name, element("td", { class: "number" })]));
    this.verdict = element("td", { class: "verdict" });
    this.node = element("tr", {}, element("td", {}, lane), element("th", { scope: "row" }, stream), Object.values(this.cells), this.verdict);
  }

  show(way) {
    for (const [name, cell] of Object.entries(this.cells)) setText(cell, count(way[name]));
    this.cells.dead.classList.toggle("bad", way.dead > 0);
    setText(this.verdict, way.balances ? "✓ yes" : "✕ no");
    this.verdict.classList.toggle("bad", !way.balances);
  }
}
