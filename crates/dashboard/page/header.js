// The top of the page: which node this is and how it feels.

import { element, setText } from "./element.js";
import { longDuration } from "./format.js";

const STATES = { live: "live", reconnecting: "reconnecting", connecting: "connecting" };

export class Header {
  #health = document.getElementById("health");
  #reasons = document.getElementById("reasons");
  #uptime = element("dd");
  #startedAt = null;

  overview(overview) {
    this.#startedAt = overview.started_at_ms;
    document.title = `${overview.pipeline} · pinflow`;
    setText(document.getElementById("pipeline"), overview.pipeline);
    const variables = Object.entries(overview.variables).map(([name, value]) => `${name}=${value}`);
    const fact = (name, value) => element("div", {}, element("dt", {}, name), value);
    document.getElementById("facts").replaceChildren(
      fact("node", element("dd", {}, overview.urls[0] ?? location.origin)),
      fact("up", this.#uptime),
      fact("version", element("dd", {}, overview.version)),
      fact("data", element("dd", { title: overview.data_folder }, overview.data_folder)),
      ...(variables.length > 0 ? [fact("variables", element("dd", {}, variables.join(" ")))] : []),
    );
  }

  snapshot({ at_ms, health }) {
    if (this.#startedAt !== null) setText(this.#uptime, longDuration(at_ms - this.#startedAt));
    this.#health.hidden = false;
    this.#health.className = `pill ${health.state}`;
    setText(this.#health, health.state);
    this.#showReasons(health.reasons);
  }

  #showReasons(reasons) {
    this.#reasons.hidden = reasons.length === 0;
    if (this.#reasons.dataset.shown === reasons.join("\n")) return;
    this.#reasons.dataset.shown = reasons.join("\n");
    this.#reasons.replaceChildren(element("ul", {}, reasons.map((reason) => element("li", {}, reason))));
  }

  connection(state) {
    document.getElementById("link").className = `link ${state}`;
    document.body.classList.toggle("stale", state === "reconnecting");
    setText(document.getElementById("link-text"), STATES[state]);
  }
}
