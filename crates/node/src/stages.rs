//! The stages of a node, opened and wired, but not running: the one place where a backend is chosen.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow::datatypes::SchemaRef;
use object_store::ObjectStore;
use pinflow_archive::{Archive, ArchiveReader};
use pinflow_clean::Cleaner;
use pinflow_event::{Clock, Offset, Partition, TopicName, TopicPartition};
use pinflow_lane::{
    BatchLane, DeadTable, HandOvers, LaneParts, LaneWriter, LetterDesk, SharedStatus, StreamLane, dead_table,
};

use pinflow_log::{EmbeddedLog, EmbeddedOptions, EventLog, LogError};
use pinflow_pipeline::{Lane, Pipeline, Stream};
use pinflow_query::QueryEngine;
use pinflow_store::DurableLocalStore;
use pinflow_table::TableRoot;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::check;
use crate::clock::SystemClock;
use crate::config::NodeConfig;
use crate::crash::{CrashingDisk, CrashingStore};
use crate::data_folder::DataFolder;
use crate::error::NodeError;
use crate::fresh::StreamTails;
use crate::raw::ArchivedTopics;
use crate::replay::RunningReplays;
use crate::system_tables::NodeTables;

/// Everything that a node is made of.
#[derive(Debug)]
pub(crate) struct Stages {
    pub config: NodeConfig,
    pub folder: DataFolder,
    pub clock: Arc<dyn Clock>,
    pub log: Arc<dyn EventLog>,
    pub archive: Arc<Archive>,
    pub tables: TableRoot,
    pub batch_lanes: BTreeMap<String, Arc<Mutex<BatchLane>>>,
    /// Taken by whoever runs them.
    pub stream_lanes: std::sync::Mutex<Vec<StreamLane>>,
    /// What each lane is made of, for replays of it.
    pub lane_parts: BTreeMap<(Lane, String), LaneParts>,
    /// Where replays of the stream lanes are handed over, by stream.
    pub hand_overs: BTreeMap<String, HandOvers>,
    pub replays: RunningReplays,
    pub archive_reader: ArchiveReader,
    /// By stream.
    pub dead: BTreeMap<String, DeadTable>,
    /// Where the running stream lanes are asked to take dead letters out, by stream.
    pub letter_desks: BTreeMap<String, LetterDesk>,
    pub statuses: BTreeMap<(Lane, String), SharedStatus>,
    pub engine: Arc<QueryEngine>,
    pub system: Arc<NodeTables>,
    /// Questions answered, by jobs and by people.
    pub questions: AtomicU64,
}

impl Stages {
    pub async fn open(config: NodeConfig) -> Result<Self, NodeError> {
        config.archive.check()?;
        let cleaners = check::plan(&config.pipeline).await.map_err(NodeError::Pipeline)?;
        let folder = DataFolder::take(&config.data)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let log = open_log(&config, &folder, &clock)?;
        make_topics(log.as_ref(), &config).await?;

        let archived = config.archive_folder.clone().unwrap_or_else(|| folder.archive());
        let store = crashing(&config, DurableLocalStore::open(&archived)?);
        let archive =
            Arc::new(Archive::new(Arc::clone(&store), Arc::clone(&log), config.archive.clone(), Arc::clone(&clock)));
        find_archived(&archive, &config).await?;

        let tables = table_root(&config, &folder)?;
        let secret = secret();
        let has_events = has_events(log.as_ref(), &config.pipeline).await?;
        let mut batch_lanes = BTreeMap::new();
        let mut stream_lanes = Vec::new();
        let mut tails = BTreeMap::new();
        let mut hand_overs = BTreeMap::new();
        let mut lane_parts = BTreeMap::new();
        let archive_reader = ArchiveReader::local(Arc::clone(&store), archived);
        let mut dead_tables = BTreeMap::new();
        let mut letter_desks = BTreeMap::new();
        let mut statuses = BTreeMap::new();
        for stream in &config.pipeline.streams {
            let dead = dead_table(&tables, &stream.name)?;
            let parts = |lane| LaneParts {
                stream: stream.clone(),
                lane,
                cleaner: Arc::clone(&cleaners[&stream.name]),
                tables: tables.clone(),
                dead: Arc::clone(&dead),
                clock: Arc::clone(&clock),
                secret,
            };
            lane_parts.extend(Lane::ALL.map(|lane| ((lane, stream.name.clone()), parts(lane))));
            dead_tables.insert(stream.name.clone(), dead);
        }
        let mut writers = open_writers(&lane_parts, has_events).await?;
        let mut writer_of = |lane, stream: &Stream| {
            writers.remove(&(lane, stream.name.clone())).expect("each lane of each stream has a writer")
        };
        for stream in &config.pipeline.streams {
            let (mut writer, is_open) = writer_of(Lane::Batch, stream);
            if is_open {
                read_positions(log.as_ref(), &mut writer).await?;
            }
            statuses.insert((Lane::Batch, stream.name.clone()), writer.status());
            let lane = BatchLane::new(archive_reader.clone(), writer).with_settings(config.batch);
            batch_lanes.insert(stream.name.clone(), Arc::new(Mutex::new(lane)));

            let (writer, _) = writer_of(Lane::Stream, stream);
            let status = writer.status();
            statuses.insert((Lane::Stream, stream.name.clone()), status.clone());
            let lane = StreamLane::new(Arc::clone(&log), writer, config.trigger).await?;
            hand_overs.insert(stream.name.clone(), lane.hand_overs());
            letter_desks.insert(stream.name.clone(), lane.letter_desk());
            tails.insert(stream.name.clone(), (lane.fresh_tail(config.fresh.records, config.fresh.bytes), status));
            stream_lanes.push(lane);
        }

        let system = Arc::new(NodeTables::default());
        let columns = cleaned_columns(&cleaners);
        let engine = QueryEngine::open(
            Arc::clone(&config.pipeline),
            &tables,
            &columns,
            Some(Arc::clone(&system) as Arc<dyn pinflow_query::SystemTables>),
            config.query.clone(),
        )?
        .with_raw(Arc::new(ArchivedTopics {
            archive: archive_reader.clone(),
            topics: topics(&config.pipeline, Lane::Batch),
        }))
        .with_fresh(Arc::new(StreamTails(tails)))
        .with_states(folder.answers());
        Ok(Self {
            config,
            folder,
            clock,
            log,
            archive,
            tables,
            batch_lanes,
            stream_lanes: std::sync::Mutex::new(stream_lanes),
            lane_parts,
            hand_overs,
            replays: RunningReplays::default(),
            archive_reader,
            dead: dead_tables,
            letter_desks,
            statuses,
            engine: Arc::new(engine),
            system,
            questions: AtomicU64::new(0),
        })
    }

    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.config.pipeline
    }

    /// The stream of that name.
    pub fn stream(&self, name: &str) -> Result<&Stream, NodeError> {
        self.pipeline().stream(name).ok_or_else(|| NodeError::Unknown {
            what: "stream",
            name: name.to_owned(),
            known: self.pipeline().streams.iter().map(|stream| stream.name.clone()).collect(),
        })
    }

    /// Where the partitions of a topic end now.
    pub async fn ends(&self, topic: &TopicName) -> Result<Vec<(TopicPartition, Offset)>, NodeError> {
        let partitions = self.log.topic(topic).await?.config.partitions;
        let mut ends = Vec::new();
        for partition in (0..partitions).map(Partition) {
            let at = TopicPartition::new(topic.clone(), partition);
            let end = self.log.bounds(&at).await?.end;
            ends.push((at, end));
        }
        Ok(ends)
    }
}

/// The columns of each stream's cleaned rows.
pub(crate) fn cleaned_columns(cleaners: &BTreeMap<String, Arc<Cleaner>>) -> HashMap<String, SchemaRef> {
    cleaners.iter().map(|(stream, cleaner)| (stream.clone(), Arc::clone(cleaner.output_schema()))).collect()
}

/// The topics that feed a lane.
pub(crate) fn topics(pipeline: &Pipeline, lane: Lane) -> Vec<TopicName> {
    pipeline.streams.iter().map(|stream| stream.lane(lane).topic.clone()).collect()
}

/// The topics that the archive takes from the log, each once.
pub(crate) fn archived_topics(config: &NodeConfig) -> Vec<TopicName> {
    let mut archived = topics(&config.pipeline, Lane::Batch);
    if config.archive_stream_topics {
        archived.extend(topics(&config.pipeline, Lane::Stream));
    }
    archived.sort();
    archived.dedup();
    archived
}

fn open_log(config: &NodeConfig, folder: &DataFolder, clock: &Arc<dyn Clock>) -> Result<Arc<dyn EventLog>, NodeError> {
    let mut options = EmbeddedOptions {
        segment_bytes: config.log.segment_bytes,
        max_waiting_bytes: config.log.max_waiting_bytes,
        ..EmbeddedOptions::new(folder.log())
    };
    if let Some(point) = &config.crash {
        tracing::error!(crash_point = %point, "this is a test: the process will abort at its crash point");
        options.disk = Arc::new(CrashingDisk(Arc::clone(point)));
    }
    Ok(Arc::new(EmbeddedLog::open(options, Arc::clone(clock))?))
}

fn table_root(config: &NodeConfig, folder: &DataFolder) -> Result<TableRoot, NodeError> {
    let store = crashing(config, DurableLocalStore::open_absolute(folder.tables())?);
    Ok(TableRoot::through(store, &folder.tables(), config.tables)?)
}

/// A store as it is, or in a test with its crash point.
fn crashing(config: &NodeConfig, store: DurableLocalStore) -> Arc<dyn ObjectStore> {
    match &config.crash {
        Some(point) => Arc::new(CrashingStore { inner: Arc::new(store), point: Arc::clone(point) }),
        None => Arc::new(store),
    }
}

/// The pipeline's topics are there from the start, so that a client may ask for them before the first event.
async fn make_topics(log: &dyn EventLog, config: &NodeConfig) -> Result<(), NodeError> {
    for topic in Lane::ALL.into_iter().flat_map(|lane| topics(&config.pipeline, lane)) {
        match log.create_topic(&topic, config.topics.clone()).await {
            Ok(_) | Err(LogError::TopicExists(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Protects in the log what is not archived yet, and finds out how far the archive is.
async fn find_archived(archive: &Archive, config: &NodeConfig) -> Result<(), NodeError> {
    for at in archive.protect(&archived_topics(config)).await? {
        // Nothing lies before the first offset, so nothing is stored by this: it lists the objects. Damage among them must not
        // keep events from coming in; the archive tries again while the node runs, and says so.
        if let Err(error) = archive.flush_through(&[(at, Offset::ZERO)]).await {
            tracing::warn!(%error, "the archive cannot be read");
        }
    }
    Ok(())
}

/// The writers of all lanes, and whether their tables are open. They are opened side by side: reading the keys of a large table takes time.
async fn open_writers(
    lane_parts: &BTreeMap<(Lane, String), LaneParts>,
    has_events: bool,
) -> Result<BTreeMap<(Lane, String), (LaneWriter, bool)>, NodeError> {
    let mut opening = JoinSet::new();
    for (lane, parts) in lane_parts {
        let (lane, mut writer) = (lane.clone(), LaneWriter::unopened(parts.clone())?);
        opening.spawn(async move {
            let is_open = open_tables(&mut writer, has_events).await?;
            Ok::<_, NodeError>((lane, (writer, is_open)))
        });
    }
    let mut writers = BTreeMap::new();
    while let Some(opened) = opening.join_next().await {
        let (lane, writer) = opened.expect("opening tables does not panic")?;
        writers.insert(lane, writer);
    }
    Ok(writers)
}

/// Whether the lane's tables are open. A store that cannot be reached must not keep events from coming in: a stream lane tries again while
/// the node runs, and says so; a batch lane with its next run. That is so where the log has events: an empty one may be new in the place
/// of one that was lost, and would give offsets a second time.
async fn open_tables(writer: &mut LaneWriter, has_events: bool) -> Result<bool, NodeError> {
    match writer.open_tables().await {
        Ok(()) => Ok(true),
        Err(error) if has_events => {
            tracing::warn!(lane = %writer.name(), %error, "the lane's tables cannot be opened yet");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether any topic of the pipeline ever took an event.
async fn has_events(log: &dyn EventLog, pipeline: &Pipeline) -> Result<bool, NodeError> {
    for topic in Lane::ALL.into_iter().flat_map(|lane| topics(pipeline, lane)) {
        for partition in (0..log.topic(&topic).await?.config.partitions).map(Partition) {
            if log.bounds(&TopicPartition::new(topic.clone(), partition)).await?.end > Offset::ZERO {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Shows the batch lane's positions in its status before the first run.
async fn read_positions(log: &dyn EventLog, writer: &mut LaneWriter) -> Result<(), NodeError> {
    let partitions = log.topic(writer.topic()).await?.config.partitions;
    for partition in (0..partitions).map(Partition) {
        writer.position(partition).await?;
    }
    Ok(())
}

/// A secret for the key hashes, from the randomness that the standard library seeds its own hash maps with.
pub(crate) fn secret() -> (u64, u64) {
    (RandomState::new().hash_one(1), RandomState::new().hash_one(2))
}
