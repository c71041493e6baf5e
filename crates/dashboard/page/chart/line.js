// A line chart: one or more lines over a common axis, with gaps where a value is null.

import { element, onWidth, setText, svg } from "../element.js";
import { ticks } from "./axis.js";

const MARGIN = { top: 8, right: 10, bottom: 20, left: 46 };

/**
 * options: `title`, `names` (of the lines), `formatValue`, `formatAxis`, `formatX`, `height`, `points` (mark each value),
 * `none` (what to say where there is no value at all).
 * `update` takes `x` (numbers), `lines` (an array of values each), `from`, `to` and `marks` (`{ at, text }` along the x axis).
 * The value at the pointer stands in the legend; without a pointer, the latest.
 */
export class LineChart {
  #options;
  #data = null;
  #pointer = null;
  #width = 0;

  constructor(options) {
    this.#options = { height: 150, formatAxis: options.formatValue, ...options };
    this.values = options.names.map(() => element("span", { class: "legend-value" }, "–"));
    this.when = element("span", { class: "when" });
    this.plot = element("div", { class: "plot" });
    // Its height is known before there is anything to draw, so that nothing below jumps.
    this.plot.style.height = `${this.#options.height}px`;
    const legend = options.names.map((name, i) =>
      element("span", { class: "legend-item" }, element("span", { class: `key s${i}`, "aria-hidden": "true" }), name, this.values[i]),
    );
    this.node = element(
      "figure",
      { class: "chart" },
      element("figcaption", {}, element("span", { class: "chart-title" }, options.title, this.when), element("span", { class: "legend" }, legend)),
      this.plot,
    );
    this.redraw = onWidth(this.plot, (width) => this.#draw(width));
    this.plot.addEventListener("pointermove", (event) => this.#point(event.clientX - this.plot.getBoundingClientRect().left));
    this.plot.addEventListener("pointerleave", () => this.#point(null));
  }

  update(data) {
    this.#data = data;
    this.redraw();
  }

  #point(pointer) {
    this.#pointer = pointer;
    this.redraw();
  }

  #draw(width) {
    this.#width = width;
    const data = this.#data;
    if (!data) return;
    const { height } = this.#options;
    const max = Math.max(0, ...data.lines.flat().map((value) => Number(value ?? 0)));
    const levels = ticks(max, height > 200 ? 5 : 3);
    const span = Math.max(1e-9, data.to - data.from);
    const x = (at) => MARGIN.left + ((at - data.from) / span) * (width - MARGIN.left - MARGIN.right);
    const y = (value) => height - MARGIN.bottom - (Number(value) / levels.at(-1)) * (height - MARGIN.top - MARGIN.bottom);
    const at = this.#nearest(data, x);
    this.#readout(data, at);
    this.plot.replaceChildren(
      svg(
        "svg",
        { width, height, role: "img", "aria-label": this.#summary(data) },
        levels.map((level) => this.#level(level, y(level))),
        this.#marks(data, x),
        data.lines.map((line, i) => svg("path", { class: `line s${i}`, d: path(data.x, line, x, y) })),
        this.#options.points ? data.lines.flatMap((line, i) => this.#dots(data, line, i, x, y)) : null,
        at === null ? null : this.#cursor(data, at, x, y),
        this.#isEmpty(data) ? svg("text", { x: width / 2, y: height / 2, class: "tick", "text-anchor": "middle" }, this.#options.none ?? "") : null,
      ),
    );
  }

  #isEmpty(data) {
    return data.lines.every((line) => line.every((value) => value === null));
  }

  /** Labels below the axis: as many at equal distances as have room and are not cut off. */
  #marks({ marks }, x) {
    const half = Math.max(0, ...marks.map(({ text }) => text.length)) * 3.3;
    const distance = marks.length > 1 ? x(marks[1].at) - x(marks[0].at) : Infinity;
    const every = Math.max(1, Math.ceil((2 * half + 8) / distance));
    return marks.map(({ at, text }, i) => {
      const left = x(at);
      if ((marks.length - 1 - i) % every !== 0 || left < half || left + half > this.#width) return null;
      return svg("text", { x: left, y: this.#options.height - 5, class: "tick", "text-anchor": "middle" }, text);
    });
  }

  #level(level, top) {
    return svg(
      "g",
      {},
      svg("line", { x1: MARGIN.left, x2: this.#width - MARGIN.right, y1: top, y2: top, class: level === 0 ? "axis" : "grid" }),
      svg("text", { x: MARGIN.left - 6, y: top + 4, class: "tick", "text-anchor": "end" }, this.#options.formatAxis(level)),
    );
  }

  #dots(data, line, i, x, y) {
    return data.x.map((at, n) => (line[n] === null ? null : svg("circle", { class: `dot s${i}`, cx: x(at), cy: y(line[n]), r: 3 })));
  }

  #cursor(data, at, x, y) {
    const left = x(data.x[at]);
    const dots = data.lines.map((line, i) => (line[at] === null ? null : svg("circle", { class: `dot s${i}`, cx: left, cy: y(line[at]), r: 3.5 })));
    return svg("g", {}, svg("line", { x1: left, x2: left, y1: MARGIN.top, y2: this.#options.height - MARGIN.bottom, class: "cursor" }), dots.filter(Boolean));
  }

  /** The index of the value nearest to the pointer. */
  #nearest(data, x) {
    if (this.#pointer === null || data.x.length === 0) return null;
    const distance = data.x.map((at) => Math.abs(x(at) - this.#pointer));
    return distance.indexOf(Math.min(...distance));
  }

  #readout(data, at) {
    setText(this.when, at === null ? "" : ` at ${this.#options.formatX(data.x[at])}`);
    this.values.forEach((node, i) => setText(node, this.#options.formatValue(data.lines[i].at(at ?? -1) ?? null)));
  }

  #summary(data) {
    const latest = this.#options.names.map((name, i) => `${name} ${this.#options.formatValue(data.lines[i].at(-1) ?? null)}`);
    return `${this.#options.title}, latest: ${latest.join(", ")}`;
  }
}

/** An SVG path that breaks at nulls. A value alone between two gaps is a dot: a line of no length with round ends. */
function path(xs, line, x, y) {
  let text = "";
  let drawing = false;
  line.forEach((value, i) => {
    if (value === null || value === undefined) {
      drawing = false;
      return;
    }
    const point = `${x(xs[i]).toFixed(1)} ${y(value).toFixed(1)}`;
    text += drawing ? `L${point}` : `M${point}h0`;
    drawing = true;
  });
  return text;
}
