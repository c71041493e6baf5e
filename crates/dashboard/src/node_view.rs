//! The seam to the node: what the dashboard asks, without knowing how logs, lanes or tables work.

use std::fmt;

use async_trait::async_trait;

use crate::view::{
    AnswerView, BalanceRow, Counters, DeadLetter, Lane, LetterOutcome, LetterSelection, Overview, QueryResult,
    ReconcileView, RunView, Scope, StartRequest,
};

/// What the node tells the dashboard.
#[async_trait]
pub trait NodeView: Send + Sync {
    /// What does not change while the node runs.
    async fn overview(&self) -> Result<Overview, ViewError>;

    /// The counters now. Called every second for as long as the node runs, so it reads memory only and must not wait
    /// for a disk, a table or a lock that a long piece of work holds.
    async fn counters(&self) -> Counters;

    /// Where every event stands, a row for each lane and stream; may read the tables to be exact.
    async fn balance(&self) -> Result<Vec<BalanceRow>, ViewError>;

    /// The latest runs of all jobs, newest first, `limit` at most. Called every second while someone looks.
    async fn runs(&self, limit: usize) -> Result<Vec<RunView>, ViewError>;

    /// One run.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an id that there is not.
    async fn run(&self, id: &str) -> Result<RunView, ViewError>;

    /// Starts a job, or as much of it as is asked for, and returns the id of its run at once, without waiting for the end.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a job or task that there is not; [`ErrorKind::Conflict`] while it runs already.
    async fn start_job(&self, job: &str, request: &StartRequest) -> Result<String, ViewError>;

    /// The latest answer of every query of the pipeline, in its order; those without an answer too.
    async fn answers(&self) -> Result<Vec<AnswerView>, ViewError>;

    /// Runs a query; `limit` rows at most.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for SQL that is wrong, with the engine's text.
    async fn query(&self, sql: &str, scope: Scope, limit: usize) -> Result<QueryResult, ViewError>;

    /// The newest dead letters of a stream, `limit` at most, each with the beginning of its bytes.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a stream that there is not.
    async fn dead(&self, stream: &str, letters: &LetterSelection, limit: usize) -> Result<Vec<DeadLetter>, ViewError>;

    /// One dead letter, whole.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a letter or a stream that there is not.
    async fn dead_letter(&self, stream: &str, lane: Lane, partition: u32, offset: u64)
    -> Result<DeadLetter, ViewError>;

    /// Cleans dead letters again. Those that are rejected again stay, with their new reason.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a stream that there is not; [`ErrorKind::Unavailable`] where the lanes do not run.
    async fn retry_dead(&self, stream: &str, letters: &LetterSelection) -> Result<LetterOutcome, ViewError>;

    /// Gives dead letters up; `note` says why, in the table's history.
    ///
    /// # Errors
    /// As [`NodeView::retry_dead`].
    async fn drop_dead(&self, stream: &str, letters: &LetterSelection, note: &str) -> Result<LetterOutcome, ViewError>;

    /// Compares the lanes of one stream, or of all where it is `None`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a stream that there is not.
    async fn reconcile(&self, stream: Option<&str>) -> Result<Vec<ReconcileView>, ViewError>;
}

/// What the caller can do about a [`ViewError`]; decides the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong: 400.
    Invalid,
    /// What the request names is not there: 404.
    NotFound,
    /// It cannot be done in the present state, as starting a job that runs: 409.
    Conflict,
    /// The node is starting, draining or has too much to do; try again: 503.
    Unavailable,
    /// A fault of the node: 500.
    Failed,
}

/// Why a question to the node has no answer, in words for the user.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ViewError {
    /// What the caller can do.
    pub kind: ErrorKind,
    /// What failed, on which thing.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ViewError {
    /// An error without a hint.
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), hint: None }
    }

    /// The same error with a hint.
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}
