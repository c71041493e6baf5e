// The latest run of a job: its tasks, when each worked, what failed; and buttons to start another.

import { post } from "./api.js";
import { element, setText } from "./element.js";
import { clockTime, dateTime, duration } from "./format.js";

const SIGNS = { waiting: "○", running: "◐", retrying: "↻", succeeded: "✓", failed: "✕", skipped: "–", cancelled: "■", interrupted: "■" };

export class Run {
  #panel;
  #buttons;
  #run = null;
  #now = null;
  #jobs = [];
  #message = element("span", { class: "message", role: "status" });

  constructor(panel, buttons) {
    this.#panel = panel;
    this.#buttons = buttons;
  }

  overview({ jobs }) {
    this.#jobs = jobs.map((job) => ({ job, button: element("button", { type: "button", onclick: () => this.#start(job) }, `Run ${job}`) }));
    this.#buttons.replaceChildren(this.#message, ...this.#jobs.map(({ button }) => button));
    this.#disable();
  }

  /** Shows a run. Says whether there may be new answers. */
  show(run) {
    const done = (tasks) => tasks.filter((task) => task.state === "succeeded").length;
    const news = this.#run?.id !== run.id || done(this.#run.tasks) !== done(run.tasks);
    this.#run = run;
    this.#draw();
    this.#disable();
    return news;
  }

  /** Lets the durations of what is running grow. */
  snapshot({ at_ms }) {
    this.#now = at_ms;
    if (this.#run && this.#run.ended_ms === null) this.#draw();
  }

  async #start(job) {
    setText(this.#message, "");
    try {
      await post(`jobs/${encodeURIComponent(job)}/runs`);
      setText(this.#message, "started");
      setTimeout(() => setText(this.#message, ""), 3000);
    } catch (error) {
      setText(this.#message, error.message);
    }
  }

  #disable() {
    for (const { job, button } of this.#jobs) button.disabled = this.#run?.job === job && this.#run.ended_ms === null;
  }

  #draw() {
    const run = this.#run;
    const end = run.ended_ms ?? Math.max(this.#now ?? 0, run.started_ms);
    const span = Math.max(1, end - run.started_ms);
    const heads = ["task", "state", "tries", "duration"].map((name) => element("th", { scope: "col", class: ["tries", "duration"].includes(name) ? "number" : null }, name));
    const timeline = element("th", { scope: "col", class: "timeline-head" }, `${clockTime(run.started_ms)}`, element("span", {}, clockTime(end)));
    this.#panel.replaceChildren(
      element(
        "p",
        { class: "meta run-line" },
        element("strong", {}, run.job),
        state(run.state),
        element("span", {}, `${dateTime(run.started_ms)} · ${duration(end - run.started_ms)} · started by ${run.trigger}`),
        element("code", {}, run.id),
      ),
      element(
        "div",
        { class: "table-scroll wide", tabindex: "0", role: "region", "aria-label": "tasks of the run" },
        element("table", { class: "tasks" }, element("thead", {}, element("tr", {}, heads, timeline)), element("tbody", {}, run.tasks.flatMap((task) => rows(task, run.started_ms, end, span)))),
      ),
    );
  }
}

const state = (name) => element("span", { class: `state ${name}` }, element("span", { "aria-hidden": "true" }, SIGNS[name] ?? "?"), name);

function rows(task, start, end, span) {
  const until = task.ended_ms ?? (task.started_ms === null ? null : end);
  const bar = element("span", { class: `span ${task.state}` });
  if (task.started_ms !== null) {
    bar.style.left = `${((task.started_ms - start) / span) * 100}%`;
    bar.style.width = `${((until - task.started_ms) / span) * 100}%`;
  }
  const row = element(
    "tr",
    {},
    element("th", { scope: "row", title: task.after.length > 0 ? `after ${task.after.join(", ")}` : null }, task.name),
    element("td", {}, state(task.state)),
    element("td", { class: "number" }, task.attempts > 0 ? String(task.attempts) : "–"),
    element("td", { class: "number" }, task.started_ms === null ? "–" : duration(until - task.started_ms)),
    element("td", { class: "timeline" }, element("span", { class: "track" }, task.started_ms === null ? null : bar)),
  );
  const error = task.error === null ? null : element("tr", { class: "error-row" }, element("td", { colspan: "5" }, task.error));
  return [row, error].filter(Boolean);
}
