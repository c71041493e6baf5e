//! How commands reach what they ask about: a running node over HTTP, or the data folder itself where none runs.

mod error;
mod folder;
pub mod model;
mod remote;
mod replay;

use std::time::Duration;

use futures::{Stream, StreamExt};
use pinflow_dashboard::view::{Lane as LaneView, LetterOutcome, LetterSelection, Scope as ScopeView};
use pinflow_event::TopicName;
use pinflow_node::{TailFrom, TailRecord, running_node};
use pinflow_pipeline::Lane;
use pinflow_schedule::{RunScope, Trigger};
use serde::Deserialize;
use serde_json::json;

pub use error::ReachError;
pub use folder::Folder;
pub use remote::Remote;

use crate::session::Session;
use folder::as_sent;
use model::{Answer, BalanceRow, DeadLetter, Health, Overview, QueryResult, Reconciliation, Run};

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is asked.
#[derive(Debug)]
pub enum Reach {
    /// A running node.
    Remote(Remote),
    /// The data folder itself.
    Folder(Box<Folder>),
}

/// The node that `--url` names or that runs on the data folder, if there is one.
///
/// # Errors
/// Where no HTTP client can be made.
pub fn running(session: &Session) -> anyhow::Result<Option<Remote>> {
    let settings = session.settings();
    let url = settings.url.clone().or_else(|| running_node(settings.data()).map(|node| node.url));
    url.map(|url| Remote::new(&url, &settings.client)).transpose()
}

impl Reach {
    /// Reaches a running node, or opens the data folder, which must be there.
    ///
    /// # Errors
    /// [`ReachError::NoData`]; what [`Folder::open`] reports.
    pub async fn open(session: &Session) -> anyhow::Result<Self> {
        if let Some(remote) = running(session)? {
            return Ok(Self::Remote(remote));
        }
        let data = session.settings().data();
        if !data.is_dir() {
            return Err(ReachError::NoData(data.to_owned()).into());
        }
        Ok(Self::Folder(Box::new(Folder::open(session).await?)))
    }

    /// Lets go of the folder.
    ///
    /// # Errors
    /// Where the last bytes could not be stored.
    pub async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Remote(_) => Ok(()),
            Self::Folder(folder) => Ok(folder.node.stop().await?),
        }
    }

    /// Lets a folder's archive and lanes finish what is in the log; a running node does so by itself. They have to be started.
    pub async fn settle(&self) -> anyhow::Result<()> {
        match self {
            Self::Remote(_) => Ok(()),
            Self::Folder(folder) => Ok(folder.node.settle().await?),
        }
    }

    pub async fn overview(&self) -> anyhow::Result<Overview> {
        match self {
            Self::Remote(remote) => Ok(remote.get(&["overview"]).await?),
            Self::Folder(folder) => as_sent(&folder.view().overview().await.map_err(ReachError::from)?),
        }
    }

    pub async fn health(&self) -> anyhow::Result<Health> {
        match self {
            Self::Remote(remote) => Ok(remote.get_health(&["health"]).await?),
            Self::Folder(folder) => as_sent(&folder.view().counters().await.health),
        }
    }

    pub async fn balance(&self) -> anyhow::Result<Vec<BalanceRow>> {
        match self {
            Self::Remote(remote) => Ok(remote.get(&["balance"]).await?),
            Self::Folder(folder) => as_sent(&folder.view().balance().await.map_err(ReachError::from)?),
        }
    }

    pub async fn runs(&self, limit: usize) -> anyhow::Result<Vec<Run>> {
        match self {
            Self::Remote(remote) => Ok(remote.list(&["runs"], limit).await?),
            Self::Folder(folder) => as_sent(&folder.view().runs(limit).await.map_err(ReachError::from)?),
        }
    }

    pub async fn answers(&self) -> anyhow::Result<Vec<Answer>> {
        match self {
            Self::Remote(remote) => Ok(remote.get(&["answers"]).await?),
            Self::Folder(folder) => as_sent(&folder.view().answers().await.map_err(ReachError::from)?),
        }
    }

    /// Answers SQL, within the node's limits; names without a schema are tables of `lane`. `committed` leaves out what is not in the stream tables yet.
    pub async fn query(&self, sql: &str, lane: Lane, committed: bool) -> anyhow::Result<QueryResult> {
        match self {
            Self::Remote(remote) => {
                let body = json!({ "sql": sql, "lane": lane.as_str(), "committed": committed, "format": "rows" });
                remote.rows(&["sql"], &body).await
            }
            Self::Folder(folder) => {
                let lane = match lane {
                    Lane::Batch => LaneView::Batch,
                    Lane::Stream => LaneView::Stream,
                };
                let scope = ScopeView { lane, committed };
                as_sent(&folder.view().query(sql, scope, usize::MAX).await.map_err(ReachError::from)?)
            }
        }
    }

    /// The newest dead letters of a stream.
    pub async fn dead(&self, stream: &str, letters: &LetterSelection, limit: usize) -> anyhow::Result<Vec<DeadLetter>> {
        match self {
            Self::Remote(remote) => Ok(remote.select(&["dead", stream], letters, limit).await?),
            Self::Folder(folder) => {
                as_sent(&folder.view().dead(stream, letters, limit).await.map_err(ReachError::from)?)
            }
        }
    }

    /// One dead letter, whole.
    pub async fn dead_letter(
        &self,
        stream: &str,
        lane: LaneView,
        partition: u32,
        offset: u64,
    ) -> anyhow::Result<DeadLetter> {
        match self {
            Self::Remote(remote) => {
                let lane = if lane == LaneView::Batch { Lane::Batch } else { Lane::Stream };
                let place = [lane.as_str(), &partition.to_string(), &offset.to_string()];
                Ok(remote.get(&[&["dead", stream][..], &place[..]].concat()).await?)
            }
            Self::Folder(folder) => {
                let letter = folder.view().dead_letter(stream, lane, partition, offset).await;
                as_sent(&letter.map_err(ReachError::from)?)
            }
        }
    }

    /// Cleans dead letters again. A folder's lanes have to be started before.
    pub async fn retry_dead(&self, stream: &str, letters: &LetterSelection) -> anyhow::Result<LetterOutcome> {
        match self {
            Self::Remote(remote) => Ok(remote.post(&["dead", stream, "retry"], &json!({ "letters": letters })).await?),
            Self::Folder(folder) => Ok(folder.view().retry_dead(stream, letters).await.map_err(ReachError::from)?),
        }
    }

    /// Gives dead letters up. A folder's lanes have to be started before.
    pub async fn drop_dead(
        &self,
        stream: &str,
        letters: &LetterSelection,
        note: &str,
    ) -> anyhow::Result<LetterOutcome> {
        match self {
            Self::Remote(remote) => {
                let body = json!({ "letters": letters, "note": note });
                Ok(remote.post(&["dead", stream, "drop"], &body).await?)
            }
            Self::Folder(folder) => {
                Ok(folder.view().drop_dead(stream, letters, note).await.map_err(ReachError::from)?)
            }
        }
    }

    pub async fn reconcile(&self, stream: Option<&str>) -> anyhow::Result<Vec<Reconciliation>> {
        #[derive(Deserialize)]
        struct Reply {
            streams: Vec<Reconciliation>,
        }
        match self {
            Self::Remote(remote) => {
                let body = stream.map_or(json!({}), |stream| json!({ "stream": stream }));
                Ok(remote.post::<Reply>(&["reconcile"], &body).await?.streams)
            }
            Self::Folder(folder) => as_sent(&folder.view().reconcile(stream).await.map_err(ReachError::from)?),
        }
    }

    /// Runs a job, or one task of it, and waits for its end. A folder's lanes and archive have to be started before.
    pub async fn run(&self, job: &str, scope: RunScope<'_>) -> anyhow::Result<Run> {
        #[derive(Deserialize)]
        struct Started {
            run_id: String,
        }
        match self {
            Self::Remote(remote) => {
                let body = json!({ "task": scope.only, "full": scope.full, "accept_missing": scope.accept_missing });
                let started: Started = remote.post(&["jobs", job, "runs"], &body).await?;
                loop {
                    let run: Run = remote.get(&["runs", &started.run_id]).await?;
                    if run.has_ended() {
                        return Ok(run);
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
            Self::Folder(folder) => {
                let run = folder.node.run_scope(job, scope, Trigger::Manual).await?;
                as_sent(&folder.view().run(run.id.as_str()).await.map_err(ReachError::from)?)
            }
        }
    }

    /// The records of a topic; with `follow` also those that come.
    pub async fn tail(
        &self,
        topic: &TopicName,
        from: TailFrom,
        follow: bool,
    ) -> anyhow::Result<std::pin::Pin<Box<dyn Stream<Item = anyhow::Result<TailRecord>> + Send>>> {
        match self {
            Self::Remote(remote) => {
                let from = match from {
                    TailFrom::Beginning => "beginning".to_owned(),
                    TailFrom::End => "end".to_owned(),
                    TailFrom::Last(records) => records.to_string(),
                };
                Ok(remote.tail(topic.as_str(), &from, follow).await?.boxed())
            }
            Self::Folder(folder) => Ok(folder.node.tail(topic, from, follow).map(|record| Ok(record?)).boxed()),
        }
    }
}
