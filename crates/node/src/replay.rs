//! Replays: a lane's table is built anew in the background, compared with the live one, and put in its place once somebody says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinflow_event::{Offset, Partition};
use pinflow_lane::{Replay, ReplaySource, SharedStatus, TableVersions};
use pinflow_pipeline::Lane;
use pinflow_query::QueryError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::NodeError;
use crate::replay_view::{ReplayDifference, ReplayRequest, ReplayState, ReplayView};
use crate::stages::Stages;

/// The replays of a node, one a lane of a stream at a time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Replays {
    stages: Arc<Stages>,
    /// Cancelled once the node stops.
    closing: CancellationToken,
    /// What the node waits for before it has stopped.
    tasks: TaskTracker,
}

/// A replay under way, or done.
#[derive(Debug)]
pub(crate) struct Running {
    view: Mutex<ReplayView>,
    status: Mutex<Option<SharedStatus>>,
    /// Taken out by whoever works on it.
    replay: tokio::sync::Mutex<Option<Replay>>,
    stop: CancellationToken,
}

/// All replays, by lane and stream.
pub(crate) type RunningReplays = Arc<Mutex<BTreeMap<(Lane, String), Arc<Running>>>>;

impl Replays {
    pub(crate) fn new(stages: &Arc<Stages>, closing: &CancellationToken, tasks: &TaskTracker) -> Self {
        Self { stages: Arc::clone(stages), closing: closing.clone(), tasks: tasks.clone() }
    }

    /// Begins to build the table of a lane anew, and returns at once. What an earlier replay of the lane built is given up.
    ///
    /// # Errors
    /// [`NodeError::Unknown`] for a stream that there is not; [`NodeError::ReplayBusy`] while one of the lane is under way.
    pub fn start(&self, stream: &str, request: ReplayRequest) -> Result<ReplayView, NodeError> {
        self.stages.stream(stream)?;
        let key = (request.lane, stream.to_owned());
        let mut replays = lock(&self.stages.replays);
        if replays.get(&key).is_some_and(|running| running.is_busy()) {
            return Err(NodeError::ReplayBusy { lane: request.lane, stream: stream.to_owned() });
        }
        let running = Arc::new(Running {
            view: Mutex::new(ReplayView::new(stream, request.lane)),
            status: Mutex::default(),
            replay: tokio::sync::Mutex::default(),
            stop: self.closing.child_token(),
        });
        let earlier = replays.insert(key, Arc::clone(&running));
        let view = running.view();
        let (stages, stream) = (Arc::clone(&self.stages), stream.to_owned());
        self.tasks.spawn(async move {
            if let Some(earlier) = earlier {
                // Both build in the same place.
                earlier.replay.lock().await.take();
            }
            let stop = running.stop.clone();
            let built = stop.run_until_cancelled(build(&stages, &stream, request, &running)).await;
            running.end(built, ReplayState::Ready);
        });
        Ok(view)
    }

    /// How the newest replay of a lane stands.
    ///
    /// # Errors
    /// [`NodeError::NoReplay`] where there was none since the node started.
    pub fn view(&self, stream: &str, lane: Lane) -> Result<ReplayView, NodeError> {
        Ok(self.running(stream, lane)?.view())
    }

    /// Begins to put what was built in the place of the live table, and returns at once.
    ///
    /// # Errors
    /// [`NodeError::NoReplay`]; [`NodeError::ReplayBusy`] unless it is ready.
    pub fn swap(&self, stream: &str, lane: Lane) -> Result<ReplayView, NodeError> {
        let running = self.running(stream, lane)?;
        {
            let mut view = lock(&running.view);
            if view.state != ReplayState::Ready {
                return Err(NodeError::ReplayBusy { lane, stream: stream.to_owned() });
            }
            view.state = ReplayState::Swapping;
        }
        let (stages, stream, view) = (Arc::clone(&self.stages), stream.to_owned(), running.view());
        self.tasks.spawn(async move {
            let stop = running.stop.clone();
            let swapped = stop.run_until_cancelled(swap(&stages, &stream, lane, &running)).await;
            running.end(swapped, ReplayState::Swapped);
        });
        Ok(view)
    }

    /// Gives a replay up and removes what it built. The live table was never touched.
    ///
    /// # Errors
    /// [`NodeError::NoReplay`]; [`NodeError::ReplayBusy`] while it is being swapped in; [`NodeError::Lane`].
    pub async fn discard(&self, stream: &str, lane: Lane) -> Result<(), NodeError> {
        let running = self.running(stream, lane)?;
        if running.view().state == ReplayState::Swapping {
            return Err(NodeError::ReplayBusy { lane, stream: stream.to_owned() });
        }
        running.stop.cancel();
        lock(&self.stages.replays).remove(&(lane, stream.to_owned()));
        drop(running.replay.lock().await.take());
        Ok(Replay::clear(&self.stages.lane_parts[&(lane, stream.to_owned())]).await?)
    }

    fn running(&self, stream: &str, lane: Lane) -> Result<Arc<Running>, NodeError> {
        self.stages.stream(stream)?;
        let running = lock(&self.stages.replays).get(&(lane, stream.to_owned())).map(Arc::clone);
        running.ok_or_else(|| NodeError::NoReplay { lane, stream: stream.to_owned() })
    }
}

impl Running {
    fn is_busy(&self) -> bool {
        matches!(lock(&self.view).state, ReplayState::Building | ReplayState::Swapping)
    }

    fn view(&self) -> ReplayView {
        let mut view = lock(&self.view).clone();
        if let Some(status) = &*lock(&self.status) {
            view.records = status.get().records;
        }
        view
    }

    fn update(&self, change: impl FnOnce(&mut ReplayView)) {
        change(&mut lock(&self.view));
    }

    fn end(&self, outcome: Option<Result<(), NodeError>>, success: ReplayState) {
        self.update(|view| match outcome {
            Some(Ok(())) => view.state = success,
            Some(Err(error)) => {
                view.state = ReplayState::Failed;
                view.error = Some(error.to_string());
            }
            None => {
                view.state = ReplayState::Failed;
                view.error = Some("it was given up".to_owned());
            }
        });
    }
}

/// Lets go of a replay, of which something else takes the place.
pub(crate) fn forget(replays: &RunningReplays, lane: Lane, stream: &str) {
    lock(replays).remove(&(lane, stream.to_owned()));
}

async fn build(stages: &Stages, stream: &str, request: ReplayRequest, running: &Running) -> Result<(), NodeError> {
    let parts = &stages.lane_parts[&(request.lane, stream.to_owned())];
    let source = ReplaySource { archive: stages.archive_reader.clone(), log: Arc::clone(&stages.log) };
    let versions = TableVersions::read(parts, &source).await?;
    let target = request.to.map_or(versions.newest(), |point| versions.through(point)).clone();
    // Runs of the batch lane wait: one that builds the table anew does so in the same place.
    let _lane = match request.lane {
        Lane::Batch => Some(stages.batch_lanes[stream].lock().await),
        Lane::Stream => None,
    };
    // Held until it is whole: whoever gives the replay up waits for this.
    let mut place = running.replay.lock().await;
    let mut replay = Replay::begin(parts, source, request.from).await?;
    *lock(&running.status) = Some(replay.status());
    let base = replay.base().map(|base| base.positions.clone()).unwrap_or_default();
    running.update(|view| {
        view.from_version = replay.base().map(|base| base.version);
        view.from_offsets = offsets(&base);
        view.to_version = target.version;
        view.to_offsets = offsets(&target.positions);
        view.records_in_all = target
            .positions
            .iter()
            .map(|(partition, to)| to.0.saturating_sub(base.get(partition).map_or(0, |from| from.0)))
            .sum();
    });
    replay.read_to(&target.positions).await?;
    let live = stages.tables.table(request.lane.as_str(), &parts.stream.lane(request.lane).table)?;
    let stop = &running.stop;
    let compared = stages.engine.compare(stream, (&live, target.version), replay.table(), stop).await;
    let difference = match compared {
        Ok(compared) => ReplayDifference::from(compared),
        // Other columns, or more rows than the memory of queries can compare: no reason not to swap, but one to look.
        Err(error @ (QueryError::Incomparable { .. } | QueryError::MemoryLimit { .. })) => {
            ReplayDifference::unknown(&error, replay.status().get().rows)
        }
        Err(error) => return Err(error.into()),
    };
    running.update(|view| view.difference = Some(difference));
    *place = Some(replay);
    Ok(())
}

async fn swap(stages: &Stages, stream: &str, lane: Lane, running: &Running) -> Result<(), NodeError> {
    let replay = running.replay.lock().await.take();
    let mut replay = replay.ok_or_else(|| NodeError::NoReplay { lane, stream: stream.to_owned() })?;
    // Most of the way beside the lane: it stands still for the rest alone.
    let status = &stages.statuses[&(lane, stream.to_owned())];
    replay.read_to(&status.get().position).await?;
    match lane {
        Lane::Batch => stages.batch_lanes[stream].lock().await.swap(replay).await?,
        Lane::Stream => stages.hand_overs[stream].swap(replay).await?,
    }
    Ok(())
}

fn offsets(positions: &BTreeMap<Partition, Offset>) -> BTreeMap<u32, u64> {
    positions.iter().map(|(partition, offset)| (partition.0, offset.0)).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one assignment: what is held is whole even if a holder panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
