//! A log and stores to test with.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use pinflow_archive::{ArchiveError, ArchiveReader, ArchiveSettings, ArchiveWriter, ArchivedBatch, ReadSettings};
use pinflow_event::{ManualClock, NewRecord, Offset, Partition, Timestamp, TopicName, TopicPartition};
use pinflow_log::{EventLog, MemoryLog, TopicConfig};

pub type Value = Option<Vec<u8>>;

pub fn at() -> TopicPartition {
    TopicPartition::new(TopicName::new("demo.pin").unwrap(), Partition(0))
}

pub fn json(text: &str) -> Value {
    Some(text.as_bytes().to_vec())
}

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)))
}

pub async fn empty_log() -> Arc<MemoryLog> {
    let log = Arc::new(MemoryLog::new(clock()));
    log.create_topic(&at().topic, TopicConfig::default()).await.unwrap();
    log
}

pub async fn log_of(values: &[Value]) -> Arc<MemoryLog> {
    let log = empty_log().await;
    append(&*log, values).await;
    log
}

pub async fn append(log: &dyn EventLog, values: &[Value]) {
    let record = |value: &Value| NewRecord { value: value.clone().map(Bytes::from), ..NewRecord::default() };
    let records = values.iter().map(|value| (Partition(0), record(value))).collect();
    log.append(&at().topic, records).await.unwrap();
}

/// Records 20 minutes apart, from 2026-01-31T23:30:00Z on.
pub async fn timed_log_of(values: &[Value]) -> Arc<MemoryLog> {
    let log = empty_log().await;
    let record = |(number, value): (i64, &Value)| NewRecord {
        key: Some(Bytes::from(number.to_string())),
        value: value.clone().map(Bytes::from),
        timestamp: Some(Timestamp::from_millis(1_769_902_200_000 + number * 1_200_000)),
        ..NewRecord::default()
    };
    let records = (0..).zip(values).map(|numbered| (Partition(0), record(numbered))).collect();
    log.append(&at().topic, records).await.unwrap();
    log
}

pub async fn writer(store: &Arc<dyn ObjectStore>, log: &Arc<MemoryLog>, settings: &ArchiveSettings) -> ArchiveWriter {
    ArchiveWriter::recover(store.clone(), log.clone(), at(), settings.clone(), clock()).await.unwrap()
}

/// A writer on a store that may fail while what was begun is finished, too.
pub async fn stubborn_writer(
    store: &Arc<dyn ObjectStore>,
    log: &Arc<MemoryLog>,
    settings: &ArchiveSettings,
) -> ArchiveWriter {
    loop {
        match ArchiveWriter::recover(store.clone(), log.clone(), at(), settings.clone(), clock()).await {
            Ok(writer) => return writer,
            Err(ArchiveError::Store { action: "write", .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Writes objects as a human or the connector would: names below the partition's folder, with their content.
pub async fn store_of(objects: &[(&str, &[u8])]) -> Arc<dyn ObjectStore> {
    let store = InMemory::new();
    for (name, content) in objects {
        store.put(&object(name), Bytes::copy_from_slice(content).into()).await.unwrap();
    }
    Arc::new(store)
}

pub fn object(name: &str) -> Path {
    Path::parse(format!("topics/demo.pin/partition=0/demo.pin+0+{name}")).unwrap()
}

/// The names of all objects below the topic's folder, in order.
pub async fn paths(store: &Arc<dyn ObjectStore>) -> Vec<String> {
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    let below = |meta: ObjectMeta| meta.location.as_ref().strip_prefix("topics/demo.pin/").unwrap().to_owned();
    let mut paths: Vec<String> = listed.into_iter().map(below).collect();
    paths.sort();
    paths
}

/// The names of the objects without what they have in common, and their content.
pub async fn contents(store: &Arc<dyn ObjectStore>) -> Vec<(String, Bytes)> {
    let mut listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    listed.sort_by(|a, b| a.location.cmp(&b.location));
    let read = listed.into_iter().map(|meta| async move {
        let name = meta.location.as_ref().strip_prefix(object("").as_ref()).unwrap().to_owned();
        (name, store.get(&meta.location).await.unwrap().bytes().await.unwrap())
    });
    futures::future::join_all(read).await
}

pub async fn names(store: &Arc<dyn ObjectStore>) -> Vec<String> {
    contents(store).await.into_iter().map(|(name, _)| name).collect()
}

/// Everything that the archive holds from `from` on; fails on any fault.
pub async fn read_from(store: &Arc<dyn ObjectStore>, from: u64) -> Vec<(u64, Value)> {
    let batches =
        ArchiveReader::new(store.clone()).records(&at(), Offset(from), ReadSettings::default()).await.unwrap();
    let batches: Vec<_> = batches.into_stream().try_collect().await.unwrap();
    let records = |batch: ArchivedBatch| {
        let values: Vec<Value> = batch.values().map(|value| value.map(<[u8]>::to_vec)).collect();
        (batch.first.0..).zip(values)
    };
    batches.into_iter().flat_map(records).collect()
}

pub fn numbered(values: &[Value]) -> Vec<(u64, Value)> {
    (0..).zip(values.iter().cloned()).collect()
}

/// What happens to a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Succeeds,
    /// Nothing is stored.
    Fails,
    /// The object is stored, and the answer is lost.
    Ambiguous,
}

/// A store whose puts meet the fates given, then succeed.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    fates: Mutex<VecDeque<Fate>>,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn ObjectStore>, fates: impl IntoIterator<Item = Fate>) -> Arc<Self> {
        Arc::new(Self { inner, fates: Mutex::new(fates.into_iter().collect()) })
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Succeeds);
        let broken = || Error::Generic { store: "FaultyStore", source: "the connection broke".into() };
        match fate {
            Fate::Fails => Err(broken()),
            Fate::Succeeds => self.inner.put_opts(location, payload, options).await,
            Fate::Ambiguous => {
                self.inner.put_opts(location, payload, options).await?;
                Err(broken())
            }
        }
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        // The worst order that a store may have.
        let listed = self.inner.list(prefix);
        futures::stream::once(async move {
            let mut all: Vec<_> = listed.collect().await;
            all.reverse();
            futures::stream::iter(all)
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
