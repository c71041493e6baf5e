//! A node that answers from memory, and the shortest way to ask it something.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use pinflow_dashboard::view::{
    AnswerView, BalanceRow, ChartKind, ChartView, Column, Counters, DeadLetter, GatewayCounters, Health, HealthState,
    Lane, LetterOutcome, LetterSelection, Overview, QueryResult, ReconcileSample, ReconcileView, RunState, RunView,
    Scope, StartRequest, StreamProgress, TaskView,
};
use pinflow_dashboard::{Dashboard, ErrorKind, NodeView, ViewError};
use pinflow_event::{ManualClock, Timestamp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::openapi;

/// A text that breaks whatever pastes it somewhere unescaped.
pub const NASTY: &str = "<b>NEW</b> \"quoted\" </script> 🎉\r\n\r\nevent: fake";

/// One stream, `click`; one job, `daily`, whose run ends when the test says so.
#[derive(Default)]
pub struct FakeNode {
    pub degraded: AtomicBool,
    pub runs_started: AtomicU64,
    pub run_ended: AtomicBool,
    samples: AtomicU64,
}

#[async_trait]
impl NodeView for FakeNode {
    async fn overview(&self) -> Result<Overview, ViewError> {
        Ok(Overview {
            pipeline: NASTY.to_owned(),
            variables: BTreeMap::from([("user_id".to_owned(), "demo".to_owned())]),
            version: "1.2.3".to_owned(),
            started_at_ms: 1_000,
            urls: vec!["http://127.0.0.1:8080".to_owned()],
            data_folder: "./data".to_owned(),
            streams: vec!["click".to_owned()],
            jobs: vec!["daily".to_owned()],
        })
    }

    async fn counters(&self) -> Counters {
        let n = self.samples.fetch_add(1, Ordering::SeqCst) * 10;
        let mut health = Health::default();
        if self.degraded.load(Ordering::SeqCst) {
            health = Health { state: HealthState::Degraded, reasons: vec!["the log is poisoned".to_owned()] };
        }
        Counters {
            health,
            gateway: GatewayCounters { requests: n, records: n, bytes: n * 100, errors: BTreeMap::new() },
            balance: vec![row(Lane::Batch, n), row(Lane::Stream, n)],
            streams: vec![StreamProgress { stream: "click".to_owned(), input_rows: n, ..StreamProgress::default() }],
            queries: 0,
        }
    }

    async fn balance(&self) -> Result<Vec<BalanceRow>, ViewError> {
        Ok(vec![row(Lane::Batch, 7), row(Lane::Stream, 7)])
    }

    async fn runs(&self, limit: usize) -> Result<Vec<RunView>, ViewError> {
        let started = self.runs_started.load(Ordering::SeqCst);
        let ended = self.run_ended.load(Ordering::SeqCst);
        Ok((1..=started).rev().take(limit).map(|number| run(number, ended)).collect())
    }

    async fn run(&self, id: &str) -> Result<RunView, ViewError> {
        let run = self.runs(usize::MAX).await?.into_iter().find(|run| run.id == id);
        run.ok_or_else(|| {
            ViewError::new(ErrorKind::NotFound, format!("there is no run `{id}`")).hint("see `/api/runs`")
        })
    }

    async fn start_job(&self, job: &str, _: &StartRequest) -> Result<String, ViewError> {
        match job {
            "daily" => Ok(format!("run-{}", self.runs_started.fetch_add(1, Ordering::SeqCst) + 1)),
            "busy" => Err(ViewError::new(ErrorKind::Conflict, "job `busy` runs already")),
            "late" => Err(ViewError::new(ErrorKind::Unavailable, "the node is draining")),
            _ => Err(ViewError::new(ErrorKind::NotFound, format!("there is no job `{job}`"))),
        }
    }

    async fn answers(&self) -> Result<Vec<AnswerView>, ViewError> {
        Ok(vec![AnswerView {
            name: "top".to_owned(),
            title: NASTY.to_owned(),
            chart: Some(ChartView { kind: ChartKind::Bar, x: "a".to_owned(), y: "b".to_owned(), group: None }),
            columns: columns(),
            rows: vec![vec![json!(NASTY), json!(null)]],
            total_rows: 1,
            run_id: Some("run-1".to_owned()),
            run_time_ms: Some(5),
            elapsed_ms: Some(3),
        }])
    }

    async fn query(&self, sql: &str, scope: Scope, limit: usize) -> Result<QueryResult, ViewError> {
        if sql == "broken" {
            return Err(ViewError::new(ErrorKind::Invalid, "`broken` is no statement").hint("begin with SELECT"));
        }
        let rows = vec![vec![json!(scope.lane), json!(limit)], vec![json!("a,\"b\""), json!(null)]];
        Ok(QueryResult { columns: columns(), rows, truncated: limit == 2, elapsed_ms: 4 })
    }

    async fn dead(&self, stream: &str, letters: &LetterSelection, limit: usize) -> Result<Vec<DeadLetter>, ViewError> {
        known(stream)?;
        let from = letters.from.unwrap_or(0);
        Ok((from..from + 3).take(limit).map(letter).collect())
    }

    async fn dead_letter(&self, stream: &str, _: Lane, _: u32, offset: u64) -> Result<DeadLetter, ViewError> {
        known(stream)?;
        Ok(letter(offset))
    }

    async fn retry_dead(&self, stream: &str, letters: &LetterSelection) -> Result<LetterOutcome, ViewError> {
        known(stream)?;
        Ok(LetterOutcome { rows: letters.to.unwrap_or(3) - letters.from.unwrap_or(0), ..LetterOutcome::default() })
    }

    async fn drop_dead(&self, stream: &str, _: &LetterSelection, note: &str) -> Result<LetterOutcome, ViewError> {
        known(stream)?;
        Ok(LetterOutcome { dropped: note.len() as u64, ..LetterOutcome::default() })
    }

    async fn reconcile(&self, stream: Option<&str>) -> Result<Vec<ReconcileView>, ViewError> {
        let verdict = |stream: &str, equal| ReconcileView {
            stream: stream.to_owned(),
            equal,
            batch_rows: 5,
            stream_rows: 5,
            only_in_batch: 0,
            only_in_stream: 0,
            different: u64::from(!equal),
            different_columns: (!equal).then(|| ("n".to_owned(), 1)).into_iter().collect(),
            samples: (!equal).then(reconcile_sample).into_iter().collect(),
            note: None,
        };
        Ok(match stream {
            Some(stream) => vec![verdict(stream, true)],
            None => vec![verdict("click", true), verdict("view", false)],
        })
    }
}

fn reconcile_sample() -> ReconcileSample {
    let row = |n: u64| serde_json::Map::from_iter([("n".to_owned(), n.into())]);
    ReconcileSample {
        difference: "different",
        batch: Some(row(1)),
        stream: Some(row(2)),
        columns: vec!["n".to_owned()],
    }
}

fn columns() -> Vec<Column> {
    ["a", "b"].map(|name| Column { name: name.to_owned(), kind: "string".to_owned() }).to_vec()
}

fn known(stream: &str) -> Result<(), ViewError> {
    if stream == "click" {
        return Ok(());
    }
    Err(ViewError::new(ErrorKind::NotFound, format!("there is no stream `{stream}`")))
}

fn letter(offset: u64) -> DeadLetter {
    DeadLetter {
        lane: Lane::Stream,
        topic: "clicks".to_owned(),
        partition: 0,
        offset,
        arrived_ms: None,
        rejected_ms: 7,
        reason: "no JSON".to_owned(),
        place: None,
        bytes: NASTY.len() as u64,
        raw: NASTY.to_owned(),
        raw_base64: None,
    }
}

fn row(lane: Lane, accepted: u64) -> BalanceRow {
    BalanceRow {
        lane,
        stream: "click".to_owned(),
        accepted,
        archived: (lane == Lane::Batch).then_some(accepted),
        committed: accepted,
        duplicates: 0,
        filtered: 0,
        dead: 0,
        dropped: 0,
        in_flight: 0,
        balances: true,
    }
}

fn run(number: u64, ended: bool) -> RunView {
    let state = if ended { RunState::Succeeded } else { RunState::Running };
    let task = TaskView {
        name: "clean.click".to_owned(),
        after: vec![],
        state,
        attempts: 1,
        started_ms: Some(10),
        ended_ms: ended.then_some(20),
        note: None,
        error: None,
    };
    RunView {
        id: format!("run-{number}"),
        job: "daily".to_owned(),
        trigger: "api".to_owned(),
        state,
        started_ms: 10,
        ended_ms: ended.then_some(20),
        tasks: vec![task],
    }
}

/// A dashboard in front of `node`, also known as `flow.example.org`.
pub fn dashboard(node: &Arc<FakeNode>, shutdown: &CancellationToken) -> Dashboard {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
    Dashboard::new(node.clone(), clock, ["flow.example.org".to_owned()], shutdown.clone())
}

/// A reply, read to its end.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends one request to a fresh fake node.
pub async fn ask(request: Request<Body>) -> Reply {
    ask_node(&Arc::default(), request).await
}

pub async fn ask_node(node: &Arc<FakeNode>, request: Request<Body>) -> Reply {
    let (head, body) = request.into_parts();
    let sent = to_bytes(body, usize::MAX).await.unwrap();
    let request = Request::from_parts(head.clone(), Body::from(sent.clone()));
    let response = respond(&dashboard(node, &CancellationToken::new()), request).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let reply = Reply { status, headers, body: String::from_utf8(bytes.to_vec()).unwrap() };
    let content_type = head.headers.get("content-type").map(|value| value.to_str().unwrap());
    openapi::check(head.method.as_str(), head.uri.path(), (content_type, &sent), &reply);
    reply
}

pub async fn respond(dashboard: &Dashboard, request: Request<Body>) -> Response {
    dashboard.router().oneshot(request).await.unwrap()
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "localhost").body(Body::empty()).unwrap()
}

pub fn post(path: &str, body: &str) -> Request<Body> {
    let request = Request::post(path).header("host", "localhost").header("content-type", "application/json");
    request.body(Body::from(body.to_owned())).unwrap()
}
