//! Objects as the store lists them, for those who want to know whether they have changed.

use futures::TryStreamExt;
use object_store::ObjectMeta;
use pinflow_event::{Offset, Timestamp, TopicPartition};

use crate::layout::{Listed, classify, classify_below, name_prefix};
use crate::listing::SORTED_BELOW;
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

impl ArchiveReader {
    /// The objects of a partition that begin at `from` or later, by the offset that they begin with. In the partition's own folder the
    /// store is not asked about older ones (a local folder reads all names, and looks at those files alone), and one that lists by name
    /// stops after about `limit` objects; folders by time or field are listed whole.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn stored(
        &self,
        at: &TopicPartition,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<StoredObject>, ArchiveError> {
        let prefix = name_prefix(at);
        let stored = |meta: ObjectMeta, depth: Option<usize>| {
            let modified = Timestamp::from_millis(meta.last_modified.timestamp_millis());
            let listed = match depth {
                Some(depth) => classify_below(&prefix, depth, meta.location, meta.size),
                None => classify(&prefix, meta.location, meta.size),
            };
            match listed {
                Listed::Object(object) if object.start >= from => {
                    Some(StoredObject { object, modified, e_tag: meta.e_tag })
                }
                _ => None,
            }
        };
        let mut objects = Vec::new();
        for (folder, own) in self.places.folders_of(at).await? {
            // A local folder has no order.
            let by_name = own && self.places.folder.is_none() && from < SORTED_BELOW;
            let depth = own.then(|| folder.parts().count());
            let mut listed = self.places.metas(at, &folder, own, from);
            let before = objects.len();
            while let Some(meta) = listed.try_next().await.map_err(ArchiveError::store("list", &folder))? {
                objects.extend(stored(meta, depth));
                if by_name && objects.len() - before >= limit {
                    break;
                }
            }
        }
        objects.sort_unstable_by(|a, b| (a.object.start, &a.object.path).cmp(&(b.object.start, &b.object.path)));
        objects.truncate(limit);
        Ok(objects)
    }
}
