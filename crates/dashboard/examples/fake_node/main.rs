//! Serves the page with invented data, to work on it without a node:
//! `cargo run -p pinflow-dashboard --example fake_node -- [PORT] [empty|degraded]`.

mod answers;
mod flow;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use pinflow_dashboard::view::{
    AnswerView, BalanceRow, Column, Counters, DeadLetter, Health, HealthState, Lane, LetterOutcome, LetterSelection,
    Overview, QueryResult, ReconcileView, RunState, RunView, Scope, StartRequest, TaskView,
};
use pinflow_dashboard::{Dashboard, ErrorKind, NodeView, ViewError};
use pinflow_event::{Clock, Timestamp};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use flow::Flow;

#[derive(Debug)]
struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "the example stands in for the node, which reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

struct FakeNode {
    mode: String,
    started: Timestamp,
    flow: Mutex<Flow>,
    /// When the job was started.
    job_started: Mutex<Option<Timestamp>>,
}

impl FakeNode {
    fn is_empty(&self) -> bool {
        self.mode == "empty"
    }

    /// A run whose tasks take a second each; the last one fails.
    fn run_since(&self, started: Timestamp) -> RunView {
        let elapsed = i64::try_from(WallClock.now().since(started).as_millis()).unwrap_or(i64::MAX);
        let names = ["clean.order", "clean.visit", "clean.review"].map(str::to_owned).into_iter();
        let names: Vec<String> =
            names.chain(answers::all(0).into_iter().map(|a| format!("query.{}", a.name))).collect();
        let tasks = names.iter().enumerate().map(|(index, name)| task(index, name, started.as_millis(), elapsed));
        let tasks: Vec<TaskView> = tasks.collect();
        let ended_ms = tasks.last().and_then(|last| last.ended_ms);
        let state = if ended_ms.is_some() { RunState::Failed } else { RunState::Running };
        let (id, job, trigger) = (format!("nightly-{started}"), "nightly".to_owned(), "api".to_owned());
        RunView { id, job, trigger, state, started_ms: started.as_millis(), ended_ms, tasks }
    }
}

fn task(index: usize, name: &str, started_ms: i64, elapsed: i64) -> TaskView {
    let is_query = index >= 3;
    let (begin, end) = match i64::try_from(index).unwrap_or(0) {
        clean @ 0..3 => (clean * 40, 1_800 + clean * 650),
        query => (3_200 + (query - 3) * 220, 3_900 + (query - 3) * 320),
    };
    let fails = name == "query.stock";
    let state = match elapsed {
        e if e < begin => RunState::Waiting,
        e if e < end => RunState::Running,
        _ if fails => RunState::Failed,
        _ => RunState::Succeeded,
    };
    let error = "column `wharehouse` is not in table `order`\nhint: did you mean `warehouse` in queries/stock.sql";
    TaskView {
        name: name.to_owned(),
        after: if is_query { vec!["clean.order".to_owned(), "clean.visit".to_owned()] } else { vec![] },
        state,
        attempts: u32::from(elapsed >= begin) + if fails && elapsed >= end { 3 } else { 0 },
        started_ms: (elapsed >= begin).then_some(started_ms + begin),
        ended_ms: (elapsed >= end).then_some(started_ms + end),
        note: None,
        error: (state == RunState::Failed).then(|| error.to_owned()),
    }
}

#[async_trait]
impl NodeView for FakeNode {
    async fn overview(&self) -> Result<Overview, ViewError> {
        Ok(Overview {
            pipeline: "shop <b>NEW</b> 🛒".to_owned(),
            variables: BTreeMap::from([("region".to_owned(), "\"north\" & <west>".to_owned())]),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at_ms: self.started.as_millis(),
            urls: vec!["http://127.0.0.1:8080".to_owned()],
            data_folder: "./pinflow-data".to_owned(),
            streams: flow::STREAMS.map(str::to_owned).to_vec(),
            jobs: vec!["nightly".to_owned()],
        })
    }

    async fn counters(&self) -> Counters {
        let mut flow = self.flow.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_empty() {
            flow.advance(WallClock.now().as_millis());
        }
        let mut counters = flow.counters();
        if self.mode == "degraded" {
            let reason = "the log is poisoned: no space left on device; free some space and restart the node";
            counters.health = Health { state: HealthState::Degraded, reasons: vec![reason.to_owned()] };
        }
        counters
    }

    async fn balance(&self) -> Result<Vec<BalanceRow>, ViewError> {
        Ok(self.counters().await.balance)
    }

    async fn runs(&self, _limit: usize) -> Result<Vec<RunView>, ViewError> {
        let started = *self.job_started.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(started.map(|started| self.run_since(started)).into_iter().collect())
    }

    async fn run(&self, id: &str) -> Result<RunView, ViewError> {
        let run = self.runs(1).await?.into_iter().find(|run| run.id == id);
        run.ok_or_else(|| ViewError::new(ErrorKind::NotFound, format!("there is no run `{id}`")))
    }

    async fn start_job(&self, job: &str, _: &StartRequest) -> Result<String, ViewError> {
        if job != "nightly" {
            return Err(ViewError::new(ErrorKind::NotFound, format!("there is no job `{job}`")).hint("try `nightly`"));
        }
        let now = WallClock.now();
        *self.job_started.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(format!("nightly-{now}"))
    }

    async fn answers(&self) -> Result<Vec<AnswerView>, ViewError> {
        let mut answers = answers::all(self.started.as_millis());
        if self.is_empty() {
            for answer in &mut answers {
                (answer.run_time_ms, answer.run_id) = (None, None);
            }
        }
        Ok(answers)
    }

    async fn query(&self, sql: &str, scope: Scope, limit: usize) -> Result<QueryResult, ViewError> {
        let column = |name: &str| Column { name: name.to_owned(), kind: "string".to_owned() };
        let rows = vec![vec![json!(sql), json!(scope.lane), json!(limit)]];
        let columns = ["sql", "lane", "limit"].map(column).to_vec();
        Ok(QueryResult { columns, rows, truncated: false, elapsed_ms: 1 })
    }

    async fn dead(&self, _: &str, _: &LetterSelection, _: usize) -> Result<Vec<DeadLetter>, ViewError> {
        Ok(vec![])
    }

    async fn dead_letter(&self, _: &str, _: Lane, _: u32, _: u64) -> Result<DeadLetter, ViewError> {
        Err(ViewError::new(ErrorKind::NotFound, "there is no dead letter"))
    }

    async fn retry_dead(&self, _: &str, _: &LetterSelection) -> Result<LetterOutcome, ViewError> {
        Ok(LetterOutcome::default())
    }

    async fn drop_dead(&self, _: &str, _: &LetterSelection, _: &str) -> Result<LetterOutcome, ViewError> {
        Ok(LetterOutcome::default())
    }

    async fn reconcile(&self, _stream: Option<&str>) -> Result<Vec<ReconcileView>, ViewError> {
        Ok(vec![])
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or_else(|| "8090".to_owned());
    let mode = arguments.next().unwrap_or_default();
    let started = WallClock.now();
    let job_started = Mutex::new((mode != "empty").then_some(started));
    let node = FakeNode { mode, started, flow: Mutex::new(Flow::new(started.as_millis())), job_started };

    let dashboard = Dashboard::new(Arc::new(node), Arc::new(WallClock), [], CancellationToken::new());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    eprintln!("http://{}/dashboard", listener.local_addr()?);
    let router = dashboard.router();
    tokio::spawn(async move { dashboard.run().await });
    axum::serve(listener, router).await
}
