//! Multipart uploads into a store that puts whole objects only.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future;
use object_store::path::Path;
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, PutPayloadMut, PutResult, Result, UploadPart,
};

/// An upload whose parts wait in memory: the object is there as a whole, or not at all.
pub(crate) struct Buffered {
    store: Arc<dyn ObjectStore>,
    location: Path,
    parts: Vec<PutPayload>,
}

impl Buffered {
    /// An upload that becomes the object `location` of `store`.
    pub(crate) fn new(store: Arc<dyn ObjectStore>, location: Path) -> Self {
        Self { store, location, parts: Vec::new() }
    }
}

impl fmt::Debug for Buffered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffered").field("location", &self.location).field("parts", &self.parts.len()).finish()
    }
}

#[async_trait]
impl MultipartUpload for Buffered {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.push(data);
        Box::pin(future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let mut whole = PutPayloadMut::new();
        for chunk in self.parts.drain(..).flatten() {
            whole.push(chunk);
        }
        self.store.put(&self.location, whole.freeze()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}
