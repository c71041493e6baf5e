// For each stream the charts that people know from a structured stream: rates, batch duration, freshness, distinct keys.

import { LineChart } from "./chart/line.js";
import { timeTicks } from "./chart/axis.js";
import { element, setText } from "./element.js";
import { clockTime, count, duration, longDuration, minuteTime, rate, short } from "./format.js";

const HISTORY_MS = 5 * 60 * 1000;
const SHORTEST_MS = 60 * 1000;

const FIELDS = ["input_rows_per_second", "processed_rows_per_second", "last_batch_ms", "average_batch_ms", "freshness_p50_ms", "freshness_p99_ms", "distinct_keys"];

const NO_BATCH = "no micro-batch yet";

/** Where the time axis is labelled: with seconds only if they are needed. */
function timeMarks(from, to) {
  const ticks = timeTicks(from, to);
  const format = ticks.every((at) => at % 60000 === 0) ? minuteTime : clockTime;
  return ticks.map((at) => ({ at, text: format(at) }));
}

/** A stream's row of the section: its figures and its charts. */
class StreamPanel {
  #at = [];
  #lines = Object.fromEntries(FIELDS.map((field) => [field, []]));
  #figures = {};

  constructor(name) {
    const formatX = clockTime;
    this.charts = [
      {
        chart: new LineChart({ title: "Rows a second", names: ["input", "processing"], formatValue: rate, formatAxis: short, formatX }),
        fields: ["input_rows_per_second", "processed_rows_per_second"],
      },
      {
        chart: new LineChart({ title: "Batch duration", names: ["latest", "average"], formatValue: duration, formatX, none: NO_BATCH }),
        fields: ["last_batch_ms", "average_batch_ms"],
      },
      {
        chart: new LineChart({ title: "Event to table", names: ["p50", "p99"], formatValue: duration, formatX, none: NO_BATCH }),
        fields: ["freshness_p50_ms", "freshness_p99_ms"],
      },
      { chart: new LineChart({ title: "Distinct keys", names: ["keys"], formatValue: count, formatAxis: short, formatX, none: "this stream has no key" }), fields: ["distinct_keys"] },
    ];
    const figure = (key, label) => element("div", {}, element("dt", {}, label), (this.#figures[key] = element("dd", {}, "–")));
    this.node = element(
      "article",
      { class: "panel stream-panel", "aria-label": `stream ${name}` },
      element(
        "div",
        { class: "stream-figures" },
        element("h3", {}, name),
        element(
          "dl",
          {},
          figure("lag", "lag"), figure("age", "oldest waiting"), figure("rows", "rows a batch"), figure("batches", "batches"), figure("commit", "last commit"),
        ),
      ),
      element("div", { class: "stream-charts" }, this.charts.map(({ chart }) => chart.node), (this.empty = emptyState())),
    );
  }

  replace(at, lines) {
    this.#at = [...at];
    for (const field of FIELDS) this.#lines[field] = [...lines[field]];
    this.#draw();
  }

  /** Takes a snapshot; the first after a connection is in the history already. */
  push(at, flow, hasEvents) {
    this.#show(at, flow);
    this.node.classList.toggle("without-events", !hasEvents);
    if (at <= this.#at.at(-1)) return;
    this.#at.push(at);
    for (const field of FIELDS) this.#lines[field].push(flow[field]);
    while (at - this.#at[0] > HISTORY_MS) {
      this.#at.shift();
      for (const field of FIELDS) this.#lines[field].shift();
    }
    this.#draw();
  }

  #show(at, flow) {
    setText(this.#figures.lag, `${count(flow.lag_records)} records`);
    setText(this.#figures.age, flow.lag_seconds === null ? "none" : duration(flow.lag_seconds * 1000));
    setText(this.#figures.rows, rate(flow.rows_per_batch));
    setText(this.#figures.batches, count(flow.batches));
    setText(this.#figures.commit, flow.last_commit_ms === null ? "never" : `${longDuration(at - flow.last_commit_ms)} ago`);
  }

  #draw() {
    if (this.#at.length === 0) return;
    const to = this.#at.at(-1);
    // The axis grows from one minute to five, and moves on from there.
    const from = Math.max(to - HISTORY_MS, Math.min(this.#at[0], to - SHORTEST_MS));
    const marks = timeMarks(from, to);
    for (const { chart, fields } of this.charts) {
      chart.update({ x: this.#at, lines: fields.map((field) => this.#lines[field]), from, to, marks });
    }
  }
}

function emptyState() {
  return element("p", { class: "empty over" }, "No events yet. Run ", element("code", {}, "pinflow emulate"), " to send some.");
}

export class StreamCharts {
  #container;
  #panels = new Map();

  constructor(container) {
    this.#container = container;
  }

  overview({ streams }) {
    const names = [...this.#panels.keys()];
    if (names.length === streams.length && names.every((name, i) => name === streams[i])) return;
    const panels = streams.map((name) => [name, this.#panels.get(name) ?? new StreamPanel(name)]);
    this.#panels = new Map(panels);
    this.#container.replaceChildren(...panels.map(([, panel]) => panel.node));
  }

  history({ at_ms, streams }) {
    this.overview({ streams: unionInOrder([...this.#panels.keys()], Object.keys(streams)) });
    for (const [name, lines] of Object.entries(streams)) this.#panels.get(name).replace(at_ms, lines);
  }

  snapshot({ at_ms, streams, ways }) {
    const accepted = new Map(ways.filter((way) => way.lane === "stream").map((way) => [way.stream, way.accepted]));
    for (const flow of streams) {
      this.#panels.get(flow.stream)?.push(at_ms, flow, (accepted.get(flow.stream) ?? 0) > 0);
    }
  }
}

/** The names known already in their order, then those that are new. */
const unionInOrder = (known, names) => [...known.filter((name) => names.includes(name)), ...names.filter((name) => !known.includes(name))];
