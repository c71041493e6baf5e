//! Objects as the store lists them, for those who want to know whether they have changed.

use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::ObjectMeta;
use pinflow_event::{Offset, Timestamp, TopicPartition};

use crate::layout::{Listed, classify, partition_folder};
use crate::{ArchiveError, ArchiveObject, ArchiveReader};

/// An object, and what tells it from another one under the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// The object.
    pub object: ArchiveObject,
    /// When it was written.
    pub modified: Timestamp,
    /// What the store calls this content of it, where it does.
    pub e_tag: Option<String>,
}

/// Starts below this are written with a leading zero, and then every later object's name sorts behind theirs as text, however many
/// digits it has.
const SORTED_BELOW: Offset = Offset(1_000_000_000);

impl ArchiveReader {
    /// The listing of a partition's folder as far as it may hold objects that begin at `from` or later.
    pub(crate) fn list_from(
        &self,
        at: &TopicPartition,
        from: Offset,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let folder = partition_folder(at);
        if from == Offset::ZERO || from >= SORTED_BELOW {
            return self.store().list(Some(&folder));
        }
        // No object has this name: the first one that is wanted begins with it.
        let name = format!("{}+{}+{:010}", at.topic, at.partition, from.0);
        self.store().list_with_offset(Some(&folder), &folder.clone().join(name))
    }

    /// The objects of a partition that begin at `from` or later, by the offset that they begin with. The store is not asked about
    /// older ones (a local folder reads all names, and looks at those files alone). A store that lists by name stops after about
    /// `limit` objects.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn stored(
        &self,
        at: &TopicPartition,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<StoredObject>, ArchiveError> {
        let folder = partition_folder(at);
        let stored = |meta: ObjectMeta| {
            let modified = Timestamp::from_millis(meta.last_modified.timestamp_millis());
            let e_tag = meta.e_tag.clone();
            match classify(at, meta) {
                Listed::Object(object) if object.start >= from => Some(StoredObject { object, modified, e_tag }),
                _ => None,
            }
        };
        let mut listed = self.list_from(at, from);
        let mut objects = Vec::new();
        while let Some(meta) = listed.try_next().await.map_err(ArchiveError::store("list", &folder))? {
            objects.extend(stored(meta));
            if objects.len() >= limit && self.lists_by_name() && from < SORTED_BELOW {
                break;
            }
        }
        objects.sort_unstable_by(|a, b| (a.object.start, &a.object.path).cmp(&(b.object.start, &b.object.path)));
        objects.truncate(limit);
        Ok(objects)
    }
}
