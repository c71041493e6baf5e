//! The operations of the JSON API, for the OpenAPI document.

use pinflow_openapi::schema::{
    any, array, boolean, count, integer, map, named, nullable, number, object, one_of_texts, text, text_of,
};
use pinflow_openapi::{Api, Operation, Parameter, Schema};

use crate::api::{MAX_LIST, MAX_ROWS};
use crate::letters::MAX_NOTE;

const JSON: &str = "application/json";
const ERROR: &str = "ApiError";

/// The JSON API and the page.
pub fn api() -> Api {
    Api {
        tag: "Dashboard",
        description: "What the node's page and its command line ask",
        operations: vec![
            get("/api/overview", "getOverview", "What does not change while the node runs", overview()),
            get("/api/health", "getHealth", "Whether the node does all its work", named("Health")).reply(
                503,
                "It does not, and this is why",
                [(JSON, named("Health"))],
            ),
            get("/api/snapshot", "getSnapshot", "The latest counters and rates", snapshot()),
            operation("GET", "/api/events", "followEvents", "Counters, rates and runs as they change, without an end")
                .reply(200, "`history` once, then `snapshot` and `run`", [("text/event-stream", text())]),
            get(
                "/api/balance",
                "getBalance",
                "Where the events of each stream stand on each lane",
                array(named("Balance")),
            ),
            get("/api/runs", "listRuns", "The latest runs, newest first", array(named("Run"))).with(limit()),
            get("/api/runs/{id}", "getRun", "A run", named("Run")).with(Parameter::path("id", name())),
            operation("POST", "/api/jobs/{job}/runs", "startJob", "Start a job")
                .with(Parameter::path("job", name()))
                .optional_body([(
                    JSON,
                    object([("task?", nullable(text())), ("full?", boolean()), ("accept_missing?", boolean())]),
                )])
                .reply(413, "The body is too large", [(JSON, named(ERROR))])
                .reply(415, "The body is not JSON", [(JSON, named(ERROR))])
                .reply(202, "It has begun", [(JSON, object([("run_id", text())]))])
                .reply(409, "It runs already", [(JSON, named(ERROR))]),
            get("/api/answers", "listAnswers", "The latest answer of every query", array(answer())),
            query(),
            list_dead_letters(),
            get(
                "/api/dead/{stream}/{lane}/{partition}/{offset}",
                "getDeadLetter",
                "A dead letter",
                named("DeadLetter"),
            )
            .with(Parameter::path("stream", name()))
            .with(Parameter::path("lane", lane()))
            .with(Parameter::path("partition", integer(0, u32::MAX.into())))
            .with(Parameter::path("offset", integer(0, i64::MAX))),
            remove_dead_letters(
                "/api/dead/{stream}/retry",
                "retryDeadLetters",
                "Clean dead letters again",
                object([("letters?", letters())]),
            ),
            remove_dead_letters(
                "/api/dead/{stream}/drop",
                "dropDeadLetters",
                "Give dead letters up",
                object([("letters", letters()), ("note", text_of(1, MAX_NOTE))]),
            ),
            operation("POST", "/api/reconcile", "reconcile", "Compare the two lanes")
                .body([(JSON, object([("stream?", nullable(text()))]))])
                .reply(200, "The verdict", [(JSON, object([("equal", boolean()), ("streams", array(reconciled()))]))])
                .reply(413, "The body is too large", [(JSON, named(ERROR))])
                .reply(415, "The body is not JSON", [(JSON, named(ERROR))]),
            Operation::new("GET", "/dashboard", "getPage", "The page for people")
                .reply(200, "The page", [("text/html", text())])
                .reply(304, "The page is as the client knows it", []),
        ],
        schemas: vec![
            (ERROR, object([("error", text()), ("hint?", text())])),
            ("Health", object([("state", one_of_texts(&["ok", "degraded"])), ("reasons", array(text()))])),
            ("Balance", object(balance())),
            ("Run", run()),
            ("DeadLetter", dead_letter()),
            ("Column", object([("name", text()), ("type", text())])),
        ],
    }
}

/// With every way in which it is refused.
fn operation(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let refusals = [
        (400, "The request is wrong"),
        (401, "No credentials, or wrong ones"),
        (403, "From a page of another origin, under a strange host name, or without the right to do this"),
        (404, "There is no such thing"),
        (500, "The node failed"),
        (503, "Not now; try again"),
    ];
    refusals.into_iter().fold(Operation::new(method, path, id, summary), |operation, (status, description)| {
        operation.reply(status, description, [(JSON, named(ERROR))])
    })
}

fn get(path: &'static str, id: &'static str, summary: &'static str, reply: Schema) -> Operation {
    operation("GET", path, id, summary).reply(200, "Here it is", [(JSON, reply)])
}

fn query() -> Operation {
    let request = object([
        ("sql", text_of(1, 100_000)),
        ("lane?", lane()),
        ("limit?", integer(1, most(MAX_ROWS))),
        ("format?", one_of_texts(&["json", "csv"])),
    ]);
    let reply = object([
        ("columns", array(named("Column"))),
        ("rows", array(array(any()))),
        ("truncated", boolean()),
        ("elapsed_ms", count()),
    ]);
    operation("POST", "/api/query", "query", "Ask a question in SQL")
        .body([(JSON, request)])
        .reply(200, "The answer", [(JSON, reply), ("text/csv", text())])
        .reply_header("pinflow-truncated", one_of_texts(&["true", "false"]))
        .reply(413, "The body is too large", [(JSON, named(ERROR))])
        .reply(415, "The body is not JSON", [(JSON, named(ERROR))])
}

fn list_dead_letters() -> Operation {
    let list =
        get("/api/dead/{stream}", "listDeadLetters", "Records that could not be cleaned", array(named("DeadLetter")));
    [
        ("lane", lane()),
        ("partition", integer(0, u32::MAX.into())),
        ("from", integer(0, i64::MAX)),
        ("to", integer(0, i64::MAX)),
        ("since_ms", integer(i64::MIN, i64::MAX)),
        ("reason", text()),
    ]
    .into_iter()
    .fold(list.with(Parameter::path("stream", name())).with(limit()), |list, (name, schema)| {
        list.with(Parameter::query(name, schema))
    })
}

fn remove_dead_letters(path: &'static str, id: &'static str, summary: &'static str, body: Schema) -> Operation {
    let outcome = ["rows", "duplicates", "filtered", "dropped", "dead"].map(|name| (name, count()));
    operation("POST", path, id, summary)
        .with(Parameter::path("stream", name()))
        .body([(JSON, body)])
        .reply(200, "What became of them", [(JSON, object(outcome))])
        .reply(413, "The body is too large", [(JSON, named(ERROR))])
        .reply(415, "The body is not JSON", [(JSON, named(ERROR))])
}

/// Which dead letters are meant.
fn letters() -> Schema {
    object([
        ("lane?", nullable(lane())),
        ("partition?", nullable(integer(0, u32::MAX.into()))),
        ("from?", nullable(integer(0, i64::MAX))),
        ("to?", nullable(integer(0, i64::MAX))),
        ("since_ms?", nullable(integer(i64::MIN, i64::MAX))),
        ("reason?", nullable(text())),
    ])
}

fn limit() -> Parameter {
    Parameter::query("limit", integer(1, most(MAX_LIST)))
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Of a job, a stream, a run.
fn name() -> Schema {
    text_of(1, 200)
}

fn lane() -> Schema {
    one_of_texts(&["batch", "stream"])
}

fn time() -> Schema {
    nullable(integer(i64::MIN, i64::MAX))
}

fn rate() -> Schema {
    nullable(number())
}

fn overview() -> Schema {
    object([
        ("pipeline", text()),
        ("variables", map(text())),
        ("version", text()),
        ("started_at_ms", integer(i64::MIN, i64::MAX)),
        ("urls", array(text())),
        ("data_folder", text()),
        ("streams", array(text())),
        ("jobs", array(text())),
    ])
}

fn balance() -> [(&'static str, Schema); 11] {
    [
        ("lane", lane()),
        ("stream", text()),
        ("accepted", count()),
        ("archived", nullable(count())),
        ("committed", count()),
        ("duplicates", count()),
        ("filtered", count()),
        ("dead", count()),
        ("dropped", count()),
        ("in_flight", count()),
        ("balances", boolean()),
    ]
}

fn snapshot() -> Schema {
    let gateway = object([
        ("requests", count()),
        ("records", count()),
        ("bytes", count()),
        ("errors", map(count())),
        ("requests_per_second", rate()),
        ("records_per_second", rate()),
        ("bytes_per_second", rate()),
        ("errors_per_second", rate()),
    ]);
    let mut way = object(balance());
    for rate_of in ["accepted", "archived", "processed", "committed", "dead"] {
        way["properties"][format!("{rate_of}_per_second")] = rate();
    }
    let stream = object([
        ("stream", text()),
        ("input_rows_per_second", rate()),
        ("processed_rows_per_second", rate()),
        ("batches", count()),
        ("last_batch_ms", nullable(count())),
        ("average_batch_ms", rate()),
        ("rows_per_batch", rate()),
        ("freshness_p50_ms", nullable(count())),
        ("freshness_p99_ms", nullable(count())),
        ("distinct_keys", nullable(count())),
        ("lag_records", count()),
        ("lag_seconds", rate()),
        ("last_commit_ms", time()),
    ]);
    object([
        ("at_ms", integer(i64::MIN, i64::MAX)),
        ("health", named("Health")),
        ("gateway", gateway),
        ("ways", array(way)),
        ("streams", array(stream)),
        ("queries", object([("answered", count()), ("answered_per_second", rate())])),
    ])
}

fn run() -> Schema {
    let states = ["waiting", "running", "retrying", "succeeded", "failed", "skipped", "cancelled", "interrupted"];
    let state = || one_of_texts(&states);
    let task = object([
        ("name", text()),
        ("after", array(text())),
        ("state", state()),
        ("attempts", count()),
        ("started_ms", time()),
        ("ended_ms", time()),
        ("note", nullable(text())),
        ("error", nullable(text())),
    ]);
    object([
        ("id", text()),
        ("job", text()),
        ("trigger", text()),
        ("state", state()),
        ("started_ms", integer(i64::MIN, i64::MAX)),
        ("ended_ms", time()),
        ("tasks", array(task)),
    ])
}

fn answer() -> Schema {
    let chart =
        object([("kind", one_of_texts(&["bar", "line"])), ("x", text()), ("y", text()), ("group", nullable(text()))]);
    object([
        ("name", text()),
        ("title", text()),
        ("chart", nullable(chart)),
        ("columns", array(named("Column"))),
        ("rows", array(array(any()))),
        ("total_rows", count()),
        ("run_id", nullable(text())),
        ("run_time_ms", time()),
        ("elapsed_ms", nullable(count())),
    ])
}

fn dead_letter() -> Schema {
    object([
        ("lane", lane()),
        ("topic", text()),
        ("partition", count()),
        ("offset", count()),
        ("arrived_ms", time()),
        ("rejected_ms", integer(i64::MIN, i64::MAX)),
        ("reason", text()),
        ("place", nullable(text())),
        ("bytes", count()),
        ("raw", text()),
        ("raw_base64", nullable(text())),
    ])
}

fn reconcile_sample() -> Schema {
    object([
        ("difference", one_of_texts(&["missing_in_batch", "missing_in_stream", "different"])),
        ("batch", nullable(map(any()))),
        ("stream", nullable(map(any()))),
        ("columns", array(text())),
    ])
}

fn reconciled() -> Schema {
    object([
        ("stream", text()),
        ("equal", boolean()),
        ("batch_rows", count()),
        ("stream_rows", count()),
        ("only_in_batch", count()),
        ("only_in_stream", count()),
        ("different", count()),
        ("different_columns", map(count())),
        ("samples", array(reconcile_sample())),
        ("note", nullable(text())),
    ])
}
