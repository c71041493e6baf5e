//! An object store with a crash point in it: the archive's, and the one of the tables, whose paths tell which step a put is.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::{CrashPoint, Moment};

/// The store `inner`, on which the process dies at a crash point.
#[derive(Debug)]
pub(crate) struct CrashingStore {
    pub inner: Arc<dyn ObjectStore>,
    pub point: Arc<CrashPoint>,
}

/// The step that a put is; `None` where nothing can be made to die.
fn step_of(location: &Path, payload: &PutPayload) -> Option<&'static str> {
    let path = location.as_ref();
    if path.contains("/_delta_log/") {
        let dead = path.contains("/dead/");
        return match path.rsplit('/').next()? {
            "_last_checkpoint" => Some("table.last_checkpoint"),
            name if name.ends_with(".checkpoint.parquet") => Some("table.checkpoint"),
            _ if is_merge(payload) => Some("table.merge"),
            _ if dead => Some("dead.commit"),
            _ => Some("table.commit"),
        };
    }
    match path {
        _ if path.contains("/dead/") && path.ends_with(".parquet") => Some("dead.file"),
        _ if path.ends_with(".parquet") => Some("table.file"),
        _ if path.contains("topics/") => Some("archive.object"),
        _ => None,
    }
}

/// Whether a commit exchanges files for others with the same rows.
fn is_merge(commit: &PutPayload) -> bool {
    const MARK: &[u8] = br#""operation":"OPTIMIZE""#;
    let commit: Vec<u8> = commit.iter().flat_map(|part| part.iter()).copied().collect();
    commit.windows(MARK.len()).any(|part| part == MARK)
}

#[async_trait]
impl ObjectStore for CrashingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let moment = step_of(location, &payload).and_then(|step| self.point.reached(step));
        if moment == Some(Moment::Before) {
            self.point.die();
        }
        let put = self.inner.put_opts(location, payload, opts).await;
        if moment.is_some() {
            self.point.die();
        }
        put
    }

    /// Large files are uploaded in parts: no object until they are complete, which is the step.
    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        let step = step_of(location, &PutPayload::new());
        Ok(Box::new(CrashingUpload { inner, step, point: Arc::clone(&self.point) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (before, after) = (Arc::clone(&self.point), Arc::clone(&self.point));
        let marked = Arc::new(Mutex::new(None));
        let mark = Arc::clone(&marked);
        let locations = locations.inspect(move |location| match before.reached("table.remove") {
            Some(Moment::Before) => before.die(),
            Some(_) => *mark.lock().expect("nobody panics while marking a path") = location.as_ref().ok().cloned(),
            None => {}
        });
        let removed = self.inner.delete_stream(locations.boxed()).inspect(move |removed| {
            let marked = marked.lock().expect("nobody panics while marking a path");
            if marked.is_some() && removed.as_ref().ok() == marked.as_ref() {
                after.die();
            }
        });
        removed.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// An upload at whose completion the process dies.
#[derive(Debug)]
struct CrashingUpload {
    inner: Box<dyn MultipartUpload>,
    step: Option<&'static str>,
    point: Arc<CrashPoint>,
}

#[async_trait]
impl MultipartUpload for CrashingUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let moment = self.step.and_then(|step| self.point.reached(step));
        if moment == Some(Moment::Before) {
            self.point.die();
        }
        let complete = self.inner.complete().await;
        if moment.is_some() {
            self.point.die();
        }
        complete
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

impl fmt::Display for CrashingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with the crash point {}", self.inner, self.point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_is_the_step_that_its_path_says() {
        let log = "tables/stream/pin/_delta_log";
        for (path, content, step) in [
            ("data/archive/topics/t/partition=0/t+0+0000000000.json".to_owned(), "{}", Some("archive.object")),
            ("data/tables/stream/pin/part-0.parquet".to_owned(), "", Some("table.file")),
            ("data/tables/dead/pin/part-0.parquet".to_owned(), "", Some("dead.file")),
            (format!("{log}/00000000000000000003.json"), r#"{"add":{}}"#, Some("table.commit")),
            (format!("{log}/00000000000000000003.json"), r#"{"operation":"OPTIMIZE"}"#, Some("table.merge")),
            ("tables/dead/pin/_delta_log/00000000000000000003.json".to_owned(), "", Some("dead.commit")),
            (format!("{log}/00000000000000000099.checkpoint.parquet"), "", Some("table.checkpoint")),
            (format!("{log}/_last_checkpoint"), "", Some("table.last_checkpoint")),
            ("elsewhere".to_owned(), "", None),
        ] {
            assert_eq!(step_of(&Path::from(path.as_str()), &content.to_owned().into()), step, "{path}");
        }
    }
}
