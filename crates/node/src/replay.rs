//! Replays: a lane's table is built anew in the background, compared with the live one, and put in its place once somebody says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinflow_event::{Offset, Partition, Timestamp};
use pinflow_lane::{LaneParts, Point, Replay, ReplaySource, SharedStatus, TableVersion, TableVersions};
use pinflow_pipeline::Lane;
use pinflow_query::QueryError;
use tokio::time::Instant;
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
    /// When somebody last asked how it stands.
    looked_at: Mutex<Instant>,
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
            looked_at: Mutex::new(Instant::now()),
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
            stop.run_until_cancelled(give_up_when_idle(&stages, &stream, request.lane, &running)).await;
        });
        Ok(view)
    }

    /// How the newest replay of a lane stands.
    ///
    /// # Errors
    /// [`NodeError::NoReplay`] where there was none since the node started.
    pub fn view(&self, stream: &str, lane: Lane) -> Result<ReplayView, NodeError> {
        let running = self.running(stream, lane)?;
        *lock(&running.looked_at) = Instant::now();
        Ok(running.view())
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

/// Gives a replay up that waits for a yes while nobody looks at it any more, as where the client was killed: until then the log keeps
/// records for it.
async fn give_up_when_idle(stages: &Stages, stream: &str, lane: Lane, running: &Running) {
    let patience = stages.config.replay_patience;
    *lock(&running.looked_at) = Instant::now();
    let is_ready = || lock(&running.view).state == ReplayState::Ready;
    while is_ready() {
        let looked_at = *lock(&running.looked_at);
        if looked_at.elapsed() < patience {
            tokio::time::sleep_until(looked_at + patience).await;
            continue;
        }
        // Held until its place is free: whoever builds there next waits for this.
        let mut replay = running.replay.lock().await;
        {
            let mut view = lock(&running.view);
            if view.state != ReplayState::Ready {
                return;
            }
            view.state = ReplayState::Failed;
            view.error = Some(format!("it was given up: nobody looked at it for {} s", patience.as_secs()));
        }
        tracing::warn!(%lane, stream, "a replay that waited for a yes was given up: nobody looked at it any more");
        if replay.take().is_some()
            && let Err(error) = Replay::clear(&stages.lane_parts[&(lane, stream.to_owned())]).await
        {
            tracing::warn!(%lane, stream, %error, "what the replay built stays for now");
        }
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
    check_points(&versions, &target, request, stages.clock.now())?;
    // Runs of the batch lane wait: one that builds the table anew does so in the same place.
    let _lane = match request.lane {
        Lane::Batch => Some(stages.batch_lanes[stream].lock().await),
        Lane::Stream => None,
    };
    // Held until it is whole: whoever gives the replay up waits for this.
    let mut place = running.replay.lock().await;
    let mut replay = Replay::begin(parts, source.clone(), request.from).await?;
    *lock(&running.status) = Some(replay.status());
    let difference = compare(stages, parts, &source, (&mut replay, target), running).await?;
    running.update(|view| view.difference = Some(difference));
    *place = Some(replay);
    Ok(())
}

/// So many versions of a live table are compared with at most, each the newest after the one before was gone.
const VERSIONS_TRIED: usize = 5;

/// Builds up to a version of the live table, and tells how the two differ. Where the upkeep of the live table has taken the version away
/// by then, as it may during a long replay, the newest one takes its place.
async fn compare(
    stages: &Stages,
    parts: &LaneParts,
    source: &ReplaySource,
    (replay, mut target): (&mut Replay, TableVersion),
    running: &Running,
) -> Result<ReplayDifference, NodeError> {
    let live = stages.tables.table(parts.lane.as_str(), &parts.stream.lane(parts.lane).table)?;
    let mut tried = 0;
    loop {
        show_way(replay, &target, running);
        replay.read_to(&target.positions).await?;
        let before = (&live, target.version);
        let error = match stages.engine.compare(&parts.stream.name, before, replay.table(), &running.stop).await {
            Ok(compared) => return Ok(ReplayDifference::from(compared)),
            // Other columns, or more rows than the memory of queries can compare: no reason not to swap, but one to look.
            Err(error @ (QueryError::Incomparable { .. } | QueryError::MemoryLimit { .. })) => {
                return Ok(ReplayDifference::unknown(&error, replay.status().get().rows));
            }
            Err(error) => error,
        };
        tried += 1;
        let newest = TableVersions::read(parts, source).await?.newest().clone();
        if newest.version == target.version || tried == VERSIONS_TRIED {
            return Err(error.into());
        }
        tracing::debug!(version = target.version, newest = newest.version, %error, "a replay is compared with a newer version");
        target = newest;
    }
}

/// Shows from where to where a replay goes.
fn show_way(replay: &Replay, target: &TableVersion, running: &Running) {
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

/// Refuses points that mean no record, where they cannot have been meant so. `--from` at the newest version may be: a replay from there
/// brings new columns and leaves all rows as they are.
fn check_points(
    versions: &TableVersions,
    target: &TableVersion,
    request: ReplayRequest,
    now: Timestamp,
) -> Result<(), NodeError> {
    let newest = versions.newest();
    let end = newest.positions.values().max().copied().unwrap_or_default();
    match request.from {
        Some(Point::Time(time)) if time > now => {
            return Err(NodeError::NothingToReplay("`from` is in the future".to_owned()));
        }
        Some(Point::Offset(offset)) if offset > end => {
            let reason = format!("`from` is offset {offset}, but the table goes to before offset {end} only");
            return Err(NodeError::NothingToReplay(reason));
        }
        _ => {}
    }
    let Some(to) = request.to else { return Ok(()) };
    let base = request.from.and_then(|from| versions.before(from));
    let start = |partition| base.and_then(|base| base.positions.get(partition)).copied().unwrap_or_default();
    // From a table without any record there is nothing to leave out.
    if end > Offset::ZERO && !target.positions.iter().any(|(partition, at)| *at > start(partition)) {
        let what = match to {
            Point::Offset(offset) => format!("offset {offset}"),
            Point::Time(_) => "that time".to_owned(),
        };
        let beginning = if base.is_some() { " and behind `from`" } else { "" };
        return Err(NodeError::NothingToReplay(format!("no record lies before {what} of `to`{beginning}")));
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
