//! A node: opens the stages, runs them, and lets them finish.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::Stream;
use pinflow_dashboard::{Dashboard, NodeView};
use pinflow_event::TopicName;
use pinflow_gateway::Gateway;
use pinflow_pipeline::{Lane, Pipeline};
use pinflow_query::{QueryEngine, QueryError};
use pinflow_schedule::{JobRun, RunHistory, RunScope, Scheduler, SchedulerSettings, Trigger};
use pinflow_serving::{OnQuestion, Postgres};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::config::NodeConfig;
use crate::credentials::Credentials;
use crate::error::NodeError;
use crate::listeners::Listeners;
use crate::replay::Replays;
use crate::stages::{Stages, archived_topics, secret, topics};
use crate::tail::{TailFrom, TailRecord};
use crate::view::View;
use crate::work::Worker;
use crate::{server, settle, tail};

/// A pipeline with everything that runs it, on one data folder.
pub struct Node {
    stages: Arc<Stages>,
    gateway: Gateway,
    scheduler: Scheduler,
    dashboard: Dashboard,
    credentials: Arc<Credentials>,
    view: Arc<View>,
    running: TaskTracker,
    serving: TaskTracker,
    signals: Signals,
}

/// The order in which a node stops: what takes events in before what works on them.
#[derive(Debug, Default)]
struct Signals {
    /// No more requests, event streams, jobs, retention.
    closing: CancellationToken,
    /// The stream lanes finish what is in the log.
    drain: CancellationToken,
    /// The archive stores what is in the log.
    archive: CancellationToken,
    /// Whoever still runs ends at once.
    stop: CancellationToken,
}

impl Node {
    /// Opens the data folder, which no other process may have, makes the pipeline's topics and plans all of its SQL.
    /// Nothing runs yet.
    ///
    /// # Errors
    /// [`NodeError`]; [`NodeError::InUse`] where another process has the folder.
    pub async fn open(config: NodeConfig) -> Result<Self, NodeError> {
        let credentials = Arc::new(Credentials::open(&config)?);
        let stages = Arc::new(Stages::open(config).await?);
        let signals = Signals::default();
        let clock = Arc::clone(&stages.clock);
        let history = RunHistory::open(stages.folder.runs(), RunHistory::KEEP, clock.now())?;
        let settings = SchedulerSettings {
            parallel_tasks: stages.config.parallel_tasks,
            seed: clock.now().as_millis().unsigned_abs() ^ u64::from(std::process::id()).rotate_left(32),
            ..SchedulerSettings::default()
        };
        stages.system.tell_of(&stages, history.clone());
        let worker = Arc::new(Worker::new(&stages));
        let jobs = stages.pipeline().jobs.clone();
        let scheduler = Scheduler::new(jobs, worker, history, Arc::clone(&clock), settings)?;
        let mut settings = stages.config.gateway.clone();
        let pipeline_topics = Lane::ALL.into_iter().flat_map(|lane| topics(stages.pipeline(), lane));
        settings.kept_topics.extend(pipeline_topics);
        settings.cluster_id = stages.folder.cluster_id(new_cluster_id())?;
        let access = credentials.access();
        let gateway = Gateway::guarded(Arc::clone(&stages.log), settings, Arc::clone(&clock), access);
        let view = Arc::new(View {
            stages: Arc::clone(&stages),
            gateway: gateway.clone(),
            scheduler: scheduler.clone(),
            started: clock.now(),
            closing: signals.closing.clone(),
            urls: Arc::new(Mutex::default()),
        });
        let dashboard = Dashboard::new(
            Arc::clone(&view) as Arc<dyn NodeView>,
            clock,
            stages.config.host_names.clone(),
            signals.closing.clone(),
        );
        Ok(Self {
            stages,
            gateway,
            scheduler,
            dashboard,
            credentials,
            view,
            running: TaskTracker::new(),
            serving: TaskTracker::new(),
            signals,
        })
    }

    /// Starts the archive, the stream lanes, the scheduler and retention in the background. A second call does nothing.
    pub fn start(&self) {
        let lanes =
            std::mem::take(&mut *self.stages.stream_lanes.lock().expect("nobody panics while taking the lanes"));
        if lanes.is_empty() {
            return;
        }
        for lane in lanes {
            self.running.spawn(lane.run(self.signals.drain.clone(), self.signals.stop.clone()));
        }
        let (stages, stop) = (Arc::clone(&self.stages), self.signals.archive.clone());
        self.running.spawn(async move {
            stages.archive.run(&archived_topics(&stages.config), stop).await;
        });
        if self.stages.config.schedule {
            let (scheduler, stop) = (self.scheduler.clone(), self.signals.closing.clone());
            self.running.spawn(async move { scheduler.run(stop).await });
        }
        self.running.spawn(enforce_retention(Arc::clone(&self.stages), self.signals.closing.clone()));
        let (credentials, stop) = (Arc::clone(&self.credentials), self.signals.closing.clone());
        self.running.spawn(async move { credentials.keep_fresh(stop).await });
        let dashboard = self.dashboard.clone();
        self.running.spawn(async move { dashboard.run().await });
    }

    /// Listens, serves in the background, and says in the data folder where. Returns the address.
    ///
    /// # Errors
    /// [`NodeError::Exposed`], [`NodeError::Listen`], [`NodeError::Folder`].
    pub async fn listen(&self) -> Result<Url, NodeError> {
        let listeners = Listeners::bind(&self.stages.config, &self.credentials).await?;
        let mut urls: Vec<String> = listeners.urls().map(Url::to_string).collect();
        let (main, local) = (listeners.main().clone(), listeners.local().clone());
        let closing = self.signals.closing.clone();
        let view = Arc::clone(&self.view);
        let router = server::router(
            &self.gateway,
            &self.dashboard,
            self.credentials.access(),
            view,
            self.replays(),
            closing.clone(),
        );
        let postgres = self.postgres().await?;
        if let Some((server, listener, url)) = postgres {
            urls.push(url);
            self.serving.spawn(server.serve(listener, closing.clone()));
        }
        let limits = self.stages.config.limits;
        self.serving.spawn(pinflow_server::serve(listeners.into_listeners(), router, limits, closing));
        *self.view.urls.lock().expect("nobody panics while changing the addresses") = urls;
        self.stages.folder.publish(&local)?;
        Ok(main)
    }

    /// The server for PostgreSQL's clients with its port and address, where one is configured.
    async fn postgres(&self) -> Result<Option<(Postgres, TcpListener, String)>, NodeError> {
        let Some(address) = self.stages.config.serving.postgres else { return Ok(None) };
        let failed = |source| NodeError::Listen { address: address.to_string(), source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let engine = Arc::clone(&self.stages.engine);
        let server = Postgres::new(engine, self.credentials.access(), on_question(&self.stages))
            .map_err(|cause| QueryError::Start { message: cause.to_string() })?;
        let server = match self.credentials.tls().cloned() {
            Some(tls) => server.with_tls(move || tls.acceptor()),
            None => server,
        };
        Ok(Some((server, listener, format!("postgresql://{bound}/{}", QueryEngine::CATALOG))))
    }

    /// Returns once everything that was acknowledged before the call is archived and, by the stream lanes, committed. The
    /// node has to be started.
    ///
    /// # Errors
    /// [`NodeError`] of the stage that does not get on.
    pub async fn settle(&self) -> Result<(), NodeError> {
        settle::all(&self.stages).await
    }

    /// Runs a job, or one task of it, and waits for its end. That a task failed is in the run, not an error.
    ///
    /// # Errors
    /// [`NodeError::Schedule`] where it cannot be run.
    pub async fn run_job(&self, job: &str, task: Option<&str>, trigger: Trigger) -> Result<JobRun, NodeError> {
        self.run_scope(job, RunScope { only: task, ..RunScope::default() }, trigger).await
    }

    /// As [`Node::run_job`], with everything that can be said about how much is done.
    ///
    /// # Errors
    /// [`NodeError::Schedule`] where it cannot be run.
    pub async fn run_scope(&self, job: &str, scope: RunScope<'_>, trigger: Trigger) -> Result<JobRun, NodeError> {
        Ok(self.scheduler.start(job, scope, trigger).await?.ended().await?)
    }

    /// What the dashboard and the command line ask.
    pub fn view(&self) -> Arc<dyn NodeView> {
        Arc::clone(&self.view) as Arc<dyn NodeView>
    }

    /// Replays of its lanes.
    pub fn replays(&self) -> Replays {
        Replays::new(&self.stages, &self.signals.closing, &self.running)
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        self.stages.pipeline()
    }

    /// A topic's records; with `follow` also those that come.
    pub fn tail(
        &self,
        topic: &TopicName,
        from: TailFrom,
        follow: bool,
    ) -> impl Stream<Item = Result<TailRecord, NodeError>> + Send + 'static {
        tail::tail(Arc::clone(&self.stages.log), topic.clone(), from, follow)
    }

    /// Takes no more requests, lets lanes and archive finish what is in the log, and closes everything.
    ///
    /// # Errors
    /// [`NodeError`] where something acknowledged could not be archived or committed: the next start goes on there.
    pub async fn stop(self) -> Result<(), NodeError> {
        self.signals.closing.cancel();
        self.serving.close();
        // What these requests bring in is still worked on.
        self.serving.wait().await;
        self.scheduler.shut_down().await;
        for lane in self.stages.batch_lanes.values() {
            // A commit that a cancelled run began is finished.
            drop(lane.lock().await);
        }
        self.signals.drain.cancel();
        self.signals.archive.cancel();
        self.running.close();
        self.running.wait().await;
        let unfinished = self.unfinished();
        let closed = self.stages.log.close().await;
        self.stages.folder.withdraw()?;
        closed?;
        unfinished
    }

    /// Why something acknowledged is neither archived nor committed by now.
    fn unfinished(&self) -> Result<(), NodeError> {
        self.stages.log.health()?;
        for ((lane, stream), status) in &self.stages.statuses {
            if let Some(cause) = status.get().trouble {
                return Err(NodeError::LaneStuck { lane: *lane, stream: stream.clone(), cause });
            }
        }
        match self.stages.archive.status().into_iter().find_map(|partition| partition.last_error) {
            Some(cause) => Err(NodeError::ArchiveStuck(cause)),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("folder", &self.stages.folder).finish_non_exhaustive()
    }
}

/// Counts the questions of other tools.
pub(crate) fn on_question(stages: &Arc<Stages>) -> OnQuestion {
    let stages = Arc::downgrade(stages);
    OnQuestion::new(move || {
        if let Some(stages) = stages.upgrade() {
            stages.questions.fetch_add(1, Ordering::Relaxed);
        }
    })
}

async fn enforce_retention(stages: Arc<Stages>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(stages.config.log.retention_interval);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        match stages.log.enforce_retention(stages.clock.now()).await {
            Ok(0) => {}
            Ok(freed) => tracing::info!(bytes = freed, "the log let go of what is past its retention"),
            Err(error) => tracing::warn!(%error, "retention failed"),
        }
    }
}

/// An id as Kafka makes them: 16 random bytes as 22 characters.
fn new_cluster_id() -> String {
    let (high, low) = secret();
    URL_SAFE_NO_PAD.encode([high.to_be_bytes(), low.to_be_bytes()].concat())
}
