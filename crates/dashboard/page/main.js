// Wires the sections to the node: the overview first, then whatever the event stream tells.

import { get, listen } from "./api.js";
import { Answers } from "./answers.js";
import { Balance } from "./balance.js";
import { Header } from "./header.js";
import { Run } from "./run.js";
import { StreamCharts } from "./stream-charts.js";
import { Way } from "./way.js";

const header = new Header();
const way = new Way(document.getElementById("way-diagram"));
const streams = new StreamCharts(document.getElementById("stream-list"));
const answers = new Answers(document.getElementById("answer-list"));
const run = new Run(document.getElementById("run-panel"), document.getElementById("job-buttons"));
const balance = new Balance(document.getElementById("balance-panel"));

async function loadOverview() {
  const overview = await get("overview");
  header.overview(overview);
  streams.overview(overview);
  answers.overview(overview);
  run.overview(overview);
}

/** A section that could not be loaded says so in the console; the others go on, and the next event tries again. */
const attempt = (load) => load().catch((error) => console.warn(error.message));

listen(
  {
    // First after each connection, which may be to a node that was restarted meanwhile.
    history(series) {
      streams.history(series);
      attempt(loadOverview);
      attempt(() => answers.load());
    },
    snapshot(snapshot) {
      header.snapshot(snapshot);
      way.snapshot(snapshot);
      streams.snapshot(snapshot);
      run.snapshot(snapshot);
      balance.snapshot(snapshot);
    },
    run(latest) {
      if (run.show(latest)) attempt(() => answers.load());
    },
  },
  (state) => header.connection(state),
);
