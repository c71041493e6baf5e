//! The archived topics, for queries.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, stream};
use pinflow_archive::{ArchiveError, ArchiveObject, ArchiveReader};
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use pinflow_query::{RawEvent, RawEvents, RawSelection, RawTopics};

/// Events that are handed out at a time.
const EVENTS: usize = 8_192;

/// Topics and the archive that holds them.
#[derive(Debug)]
pub(crate) struct ArchivedTopics {
    pub archive: ArchiveReader,
    pub topics: Vec<TopicName>,
}

impl RawTopics for ArchivedTopics {
    fn topics(&self) -> Vec<String> {
        self.topics.iter().map(TopicName::to_string).collect()
    }

    fn events(&self, topic: &str, selection: RawSelection) -> RawEvents {
        let Some(topic) = self.topics.iter().find(|known| known.as_str() == topic).cloned() else {
            return stream::once(async { Err("it is not archived".to_owned()) }).boxed();
        };
        let archive = self.archive.clone();
        let objects = {
            let archive = archive.clone();
            async move { objects(&archive, &topic, &selection).await.map(|found| (found, selection)) }
        };
        let events = objects.map_ok_or_else(
            |error| stream::once(async move { Err(error) }).boxed(),
            move |(found, selection)| {
                let read = move |(partition, object): (Partition, ArchiveObject)| {
                    let (archive, offsets) = (archive.clone(), selection.offsets.clone());
                    async move {
                        let name: Arc<str> = object.path.as_ref().into();
                        let records = archive.read(&object).await?;
                        let wanted = records.filter(move |(offset, _)| offsets.contains(&offset.0));
                        let event = move |(offset, value): (Offset, Option<bytes::Bytes>)| RawEvent {
                            partition: partition.0,
                            offset: offset.0,
                            value: value.map(Into::into),
                            object: Arc::clone(&name),
                        };
                        Ok::<_, ArchiveError>(stream::iter(wanted.map(event).map(Ok::<_, ArchiveError>)))
                    }
                };
                // One object at a time: whoever has a `LIMIT` stops before the others are opened.
                stream::iter(found).then(read).try_flatten().boxed()
            },
        );
        events.flatten_stream().try_chunks(EVENTS).map_err(|error| error.1.to_string()).boxed()
    }
}

/// The objects that may hold what is wanted.
async fn objects(
    archive: &ArchiveReader,
    topic: &TopicName,
    selection: &RawSelection,
) -> Result<Vec<(Partition, ArchiveObject)>, ArchiveError> {
    let mut found = Vec::new();
    if selection.offsets.is_empty() {
        return Ok(found);
    }
    for partition in archive.partitions(topic).await? {
        if !selection.partitions.contains(&partition.0) {
            continue;
        }
        let at = TopicPartition::new(topic.clone(), partition);
        let listing = archive.objects(&at, Offset(selection.offsets.start)).await?;
        // Objects that cannot be read are passed over: this is for looking at what is there.
        let wanted = listing.objects.into_iter().filter(|object| object.start.0 < selection.offsets.end);
        found.extend(wanted.map(|object| (partition, object)));
    }
    Ok(found)
}
