// The way of an event, drawn once; afterwards only its numbers change, and its lines move while events do.

import { element, setText } from "./element.js";
import { bytes, count, rate, short } from "./format.js";

const EMPTY = { accepted: 0, archived: 0, committed: 0, duplicates: 0, filtered: 0, dead: 0, dropped: 0, in_flight: 0 };
const RATES = ["accepted", "archived", "processed", "committed", "dead"].map((name) => `${name}_per_second`);

/** A stage: its name, a number with its unit, a rate, and a note. */
class Box {
  constructor(place, name, unit) {
    this.value = element("span", { class: "value" }, "–");
    this.rate = element("span", { class: "rate" }, "–");
    this.note = element("span", { class: "note" });
    this.node = element(
      "div",
      { class: `box ${place}`, role: "group", "aria-label": name },
      element("div", { class: "box-head" }, element("h3", {}, name), this.rate),
      element("div", { class: "figure" }, this.value, element("span", { class: "unit" }, unit)),
      this.note,
    );
  }

  show(value, perSecond, note = "") {
    // From a hundred million on the digits would not fit: the whole number is in the tooltip.
    setText(this.value, value >= 1e8 ? short(value) : count(value));
    if (value >= 1e8) this.value.title = count(value);
    setText(this.rate, `${perSecond >= 1e4 ? short(perSecond) : rate(perSecond)}/s`);
    setText(this.note, note);
    this.node.classList.toggle("active", perSecond > 0);
  }
}

/** The line from one stage to the next. */
class Edge {
  constructor(place) {
    this.waiting = element("span", { class: "in-flight" });
    this.node = element("div", { class: `edge ${place}` }, this.waiting);
  }

  show(perSecond, waiting = 0) {
    this.node.classList.toggle("moving", perSecond > 0);
    setText(this.waiting, waiting > 0 ? `${count(waiting)} in flight` : "");
  }
}

/** Where a lane's dead letters go. */
class Branch {
  constructor(place) {
    this.text = element("span", {}, "0 dead");
    this.node = element("div", { class: `branch ${place}` }, this.text);
  }

  show(dead, perSecond) {
    setText(this.text, `${count(dead)} dead`);
    this.node.classList.toggle("some", dead > 0);
    this.node.classList.toggle("moving", perSecond > 0);
  }
}

export class Way {
  constructor(container) {
    this.emulate = new Box("emulate both", "Emulate", "requests");
    this.gateway = new Box("gateway both", "Gateway", "records");
    this.log = new Box("log both", "Log", "records");
    this.archive = new Box("archive batch", "Archive", "records");
    this.clean = { batch: new Box("clean batch", "Clean", "records"), stream: new Box("clean stream", "Clean", "records") };
    this.table = { batch: new Box("table batch", "Tables", "rows"), stream: new Box("table stream", "Tables", "rows") };
    this.dead = { batch: new Branch("batch"), stream: new Branch("stream") };
    this.query = new Box("query both", "Query", "answers");
    this.edges = Object.fromEntries(
      ["emulate-gateway both", "gateway-log both", "log-archive batch", "archive-clean batch", "clean-table batch",
        "table-query batch", "log-clean stream", "clean-table stream", "table-query stream"].map((place) => [place, new Edge(place)]),
    );
    const lane = (name, text) => element("div", { class: `lane ${name}` }, element("span", {}, text));
    const [e2g, g2l, l2a, a2c, bc2t, bt2q, l2c, sc2t, st2q] = Object.values(this.edges).map((edge) => edge.node);
    container.append(
      this.emulate.node, e2g, this.gateway.node, g2l, this.log.node,
      lane("batch", "batch lane: when a job runs"),
      l2a, this.archive.node, a2c, this.clean.batch.node, this.dead.batch.node, bc2t, this.table.batch.node, bt2q,
      lane("stream", "stream lane: as events arrive"),
      l2c, this.clean.stream.node, this.dead.stream.node, sc2t, this.table.stream.node, st2q,
      this.query.node,
    );
  }

  snapshot({ gateway, ways, queries }) {
    const lanes = { batch: total(ways, "batch"), stream: total(ways, "stream") };
    const accepted = lanes.batch.accepted + lanes.stream.accepted;
    const acceptedRate = add(lanes.batch.accepted_per_second, lanes.stream.accepted_per_second);
    const refused = Object.values(gateway.errors).reduce((sum, n) => sum + n, 0);

    this.emulate.show(gateway.requests, gateway.requests_per_second);
    this.gateway.show(gateway.records, gateway.records_per_second, refused > 0 ? `${count(refused)} refused` : bytes(gateway.bytes));
    this.gateway.node.classList.toggle("refusing", gateway.errors_per_second > 0);
    this.gateway.node.title = Object.entries(gateway.errors).map(([code, n]) => `${code}: ${count(n)}`).join("\n");
    this.log.show(accepted, acceptedRate);
    this.archive.show(lanes.batch.archived, lanes.batch.archived_per_second);
    this.query.show(queries.answered, queries.answered_per_second);
    this.#edge("emulate-gateway both", gateway.requests_per_second);
    this.#edge("gateway-log both", acceptedRate);
    this.#edge("log-archive batch", lanes.batch.archived_per_second, lanes.batch.accepted - lanes.batch.archived);
    this.#edge("log-clean stream", lanes.stream.processed_per_second, lanes.stream.in_flight);
    this.#edge("archive-clean batch", lanes.batch.processed_per_second, lanes.batch.archived - processed(lanes.batch));
    for (const lane of ["batch", "stream"]) this.#lane(lane, lanes[lane], queries.answered_per_second);
  }

  #lane(lane, sum, queriesPerSecond) {
    const duplicates = sum.duplicates > 0 ? `${count(sum.duplicates)} duplicates` : "";
    this.clean[lane].show(processed(sum), sum.processed_per_second, duplicates);
    this.table[lane].show(sum.committed, sum.committed_per_second);
    this.dead[lane].show(sum.dead, sum.dead_per_second);
    this.#edge(`clean-table ${lane}`, sum.committed_per_second);
    this.#edge(`table-query ${lane}`, queriesPerSecond);
  }

  #edge(place, perSecond, waiting) {
    this.edges[place].show(perSecond, waiting);
  }
}

const processed = (sum) => sum.committed + sum.duplicates + sum.filtered + sum.dead + sum.dropped;

/** Two rates; unknown only if both are. */
const add = (a, b) => (a === null ? b : b === null ? a : a + b);

/** All streams of a lane together. */
function total(ways, lane) {
  const sum = { ...EMPTY };
  for (const name of RATES) sum[name] = null;
  for (const way of ways.filter((way) => way.lane === lane)) {
    for (const name of Object.keys(EMPTY)) sum[name] += way[name] ?? 0;
    for (const name of RATES) sum[name] = add(sum[name], way[name]);
  }
  return sum;
}
