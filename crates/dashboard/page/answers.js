// The answers of the pipeline's queries: a picture where the query asks for one, and the rows.

import { get } from "./api.js";
import { barChart } from "./chart/bar.js";
import { LineChart } from "./chart/line.js";
import { element } from "./element.js";
import { cellText, count, dateTime, duration, isNumber, numberFormat, short } from "./format.js";
import { SortableTable } from "./table.js";

const CHART_HEIGHT = 292;

export class Answers {
  #container;
  #cards = new Map();
  #job = null;

  constructor(container) {
    this.#container = container;
  }

  overview({ jobs }) {
    this.#job = jobs[0] ?? null;
  }

  async load() {
    const answers = await get("answers");
    const cards = answers.map((answer) => [answer.name, this.#card(answer)]);
    this.#cards = new Map(cards);
    const nodes = cards.map(([, card]) => card.node);
    const same = nodes.length === this.#container.children.length && nodes.every((node, i) => node === this.#container.children[i]);
    if (!same) this.#container.replaceChildren(...nodes);
  }

  /** The card of an answer: the present one if nothing changed, so that what the user does in it is not disturbed. */
  #card(answer) {
    const present = this.#cards.get(answer.name);
    const content = JSON.stringify([answer, this.#job], (_, value) => (typeof value === "bigint" ? String(value) : value));
    if (present?.content === content) return present;
    const table = answer.run_time_ms === null ? null : new SortableTable(answer.columns, answer.rows, answer.total_rows, answer.title);
    if (table && present?.table) table.restore(present.table.choice);
    return { content, table, node: this.#draw(answer, table) };
  }

  #draw(answer, table) {
    const title = element("h3", {}, answer.title);
    if (!table) {
      const hint = this.#job
        ? ["Not answered yet. Run ", element("code", {}, `pinflow run ${this.#job}`), " or press the button below."]
        : ["Not answered yet. Run ", element("code", {}, `pinflow query ${answer.name}`), "."];
      return element("article", { class: "panel answer" }, title, element("p", { class: "meta" }, answer.name), element("p", { class: "empty" }, hint));
    }
    const chart = picture(answer);
    return element(
      "article",
      { class: "panel answer" },
      title,
      element("p", { class: "meta" }, element("code", {}, answer.name), ` · ${count(answer.total_rows)} ${answer.total_rows === 1 ? "row" : "rows"} · ${duration(answer.elapsed_ms)} · ${dateTime(answer.run_time_ms)}`),
      element("div", { class: chart ? "answer-body" : "answer-body table-only" }, chart ? element("div", { class: "picture" }, chart) : null, table.node),
    );
  }
}

/** The picture that the query asks for, if its columns are there and there is something to draw. */
function picture({ chart, columns, rows, title }) {
  if (!chart || rows.length === 0) return null;
  const index = (name) => columns.findIndex((column) => column.name === name);
  const [x, y, group] = [chart.x, chart.y, chart.group ?? ""].map(index);
  if (x < 0 || y < 0 || !rows.some((row) => isNumber(row[y]))) return null;
  const points = rows.map((row) => ({ x: row[x], y: row[y], group: group < 0 ? null : row[group] }));
  return chart.kind === "line" && points.every((point) => isNumber(point.x)) ? lines(points, title, chart.y) : barChart(points, { height: CHART_HEIGHT, yName: chart.y });
}

function lines(points, title, yName) {
  const format = { x: numberFormat(points.map((p) => p.x)), y: numberFormat(points.map((p) => p.y)) };
  const xs = [...new Set(points.map((p) => Number(p.x)))].toSorted((a, b) => a - b);
  const groups = [...new Set(points.map((p) => p.group))];
  const value = (x, group) => points.find((p) => Number(p.x) === x && p.group === group)?.y ?? null;
  const names = groups.map((group) => (groups.length === 1 && group === null ? yName : cellText(group, format.x)));
  const chart = new LineChart({
    title: groups.length === 1 ? "" : yName,
    names,
    points: true,
    height: CHART_HEIGHT - 24,
    formatValue: (n) => (n === null ? "null" : format.y(n)),
    formatAxis: short,
    formatX: (n) => format.x(n),
  });
  const margin = xs.length > 1 ? (xs.at(-1) - xs[0]) * 0.05 : 1;
  const every = Math.ceil(xs.length / 8);
  chart.update({
    x: xs,
    lines: groups.map((group) => xs.map((x) => value(x, group))),
    from: xs[0] - margin,
    to: xs.at(-1) + margin,
    marks: xs.filter((_, i) => i % every === 0).map((at) => ({ at, text: format.x(at) })),
  });
  return chart.node;
}
