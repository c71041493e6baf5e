// Bar charts of an answer's rows: columns where there are few short labels, otherwise a list of bars, longest first.

import { element, onWidth, svg } from "../element.js";
import { cellText, isNumber, numberFormat, short } from "../format.js";
import { ticks } from "./axis.js";

const MOST_BARS = 14;
const MOST_COLUMNS = 12;
const MOST_GROUPS = 8;
const LONGEST_LABEL = 12;

/** `points`: `{ x, y, group }` in the order of the rows; `group` is null for all where there is none. */
export function barChart(points, { height, yName }) {
  const format = { x: numberFormat(points.map((p) => p.x)), y: numberFormat(points.map((p) => p.y)) };
  const xs = unique(points.map((p) => p.x));
  const groups = unique(points.map((p) => p.group));
  const labels = xs.map((x) => cellText(x, format.x));
  const fits = xs.length <= MOST_COLUMNS && Math.max(...labels.map((label) => label.length)) <= LONGEST_LABEL;
  // A group that differs from bar to bar is a second label, not a colour.
  const coloured = groups.length > 1 && groups.length <= MOST_GROUPS && points.length > xs.length * 1.5;
  if (fits && (coloured || groups.length === 1)) return columns(points, { xs, groups, labels, format, height, coloured });
  return list(points, { format, yName });
}

const unique = (values) => [...new Set(values)];
const size = (value) => (isNumber(value) ? Math.max(0, Number(value)) : 0);

function list(points, { format, yName }) {
  // Few bars keep the order of the answer, which often is that of time or age.
  const shown = points.length <= MOST_COLUMNS ? points : points.toSorted((a, b) => size(b.y) - size(a.y)).slice(0, MOST_BARS);
  const max = Math.max(1e-9, ...shown.map((p) => size(p.y)));
  const rows = shown.map((point) => {
    const bar = element("span", { class: "bar" });
    bar.style.width = `${(size(point.y) / max) * 100}%`;
    const label = cellText(point.x, format.x);
    const second = point.group === null ? "" : cellText(point.group, format.x);
    return element(
      "li",
      { title: [label, second, cellText(point.y, format.y)].filter(Boolean).join(" · ") },
      element("span", { class: "bar-label" }, element("span", { class: point.x === null ? "null" : "" }, label), second ? element("small", {}, second) : null),
      element("span", { class: "bar-track" }, bar),
      element("span", { class: point.y === null ? "bar-value null" : "bar-value" }, cellText(point.y, format.y)),
    );
  });
  const cut = points.length > shown.length;
  const caption = cut ? `the ${shown.length} largest of ${points.length} by ${yName}` : yName;
  return element("div", { class: shown.length <= 8 ? "bars few" : "bars" }, element("p", { class: "chart-note" }, caption), element("ol", {}, rows));
}

function columns(points, { xs, groups, labels, format, height, coloured }) {
  const legendHeight = coloured ? 24 : 0;
  const plot = element("div", { class: "plot" });
  plot.style.height = `${height - legendHeight}px`;
  const legend = groups.map((group, i) =>
    element("span", { class: "legend-item" }, element("span", { class: `key s${i}`, "aria-hidden": "true" }), cellText(group, format.x)),
  );
  onWidth(plot, (width) => plot.replaceChildren(drawColumns(points, { xs, groups, labels, format, width, height: height - legendHeight })));
  return element("div", {}, coloured ? element("div", { class: "legend above" }, legend) : null, plot);
}

function drawColumns(points, { xs, groups, labels, format, width, height }) {
  const margin = { top: 18, right: 4, bottom: 22, left: 46 };
  const levels = ticks(Math.max(0, ...points.map((p) => size(p.y))), 5);
  const y = (value) => height - margin.bottom - (value / levels.at(-1)) * (height - margin.top - margin.bottom);
  const slot = (width - margin.left - margin.right) / xs.length;
  const bar = Math.min(64, (slot * 0.78) / groups.length);
  const centre = (i) => margin.left + slot * (i + 0.5);
  const grid = levels.flatMap((level) => [
    svg("line", { x1: margin.left, x2: width - margin.right, y1: y(level), y2: y(level), class: level === 0 ? "axis" : "grid" }),
    svg("text", { x: margin.left - 6, y: y(level) + 4, class: "tick", "text-anchor": "end" }, short(level)),
  ]);
  const bars = points.flatMap((point) => {
    const group = groups.indexOf(point.group);
    const left = centre(xs.indexOf(point.x)) + (group - groups.length / 2) * bar;
    const top = y(size(point.y));
    const text = [cellText(point.x, format.x), point.group === null ? "" : cellText(point.group, format.x), cellText(point.y, format.y)];
    const title = svg("title", {}, text.filter(Boolean).join(" · "));
    const drawn = svg("rect", { class: `column s${group}`, x: left + 0.5, y: top, width: Math.max(1, bar - 1), height: height - margin.bottom - top }, title);
    const value = groups.length === 1 ? svg("text", { x: left + bar / 2, y: top - 5, class: "tick strong", "text-anchor": "middle" }, cellText(point.y, format.y)) : null;
    return [drawn, value].filter(Boolean);
  });
  const names = labels.map((label, i) => svg("text", { x: centre(i), y: height - 6, class: "tick", "text-anchor": "middle" }, label));
  return svg("svg", { width, height, role: "img", "aria-label": "bar chart of the table beside it" }, grid, bars, names);
}
