//! The batch lane: rebuilding, a definition that has changed, and an archive that does.

use std::fmt;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use pinflow_lane::{BatchSettings, ChangedDefinition, LaneError, LaneWriter, MissingRecords};
use pinflow_pipeline::Lane;

use crate::world::{MENDED, PLAIN, World, lines, mended, plain};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_definition_asks_for_a_rebuild() {
    let world = World::new().await;
    world.put(0, "json", lines(0..4)).await;
    world.batch_lane(PLAIN).await.run().await.unwrap();
    world.put(4, "json", lines(4..6)).await;

    let error = world.batch_lane(MENDED).await.run().await.unwrap_err();
    assert!(matches!(error, LaneError::DefinitionChanged { .. }), "{error}");
    assert!(error.to_string().contains("pinflow run --full"), "{error}");
    assert_eq!(world.rows("batch").await, plain(0..4), "nothing was done");
    // A comment or another layout is no change.
    world.batch_lane("-- sizes\nSELECT id,\n  size FROM input").await.run().await.unwrap();
    assert_eq!(world.rows("batch").await, plain(0..6));

    let run = world.batch_lane(MENDED).await.rebuild(Arc::clone(&world.log), MissingRecords::Refuse).await.unwrap();
    assert_eq!((run.records, run.rows), (6, 5));
    assert_eq!(world.rows("batch").await, mended(0..6));
    world.put(6, "json", lines(6..8)).await;
    let run = world.batch_lane(MENDED).await.run().await.unwrap();
    assert_eq!((run.records, run.changes), (2, vec![]));
    assert_eq!(world.rows("batch").await, mended(0..8));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_new_rows_may_be_mixed_where_that_is_wanted() {
    let world = World::new().await;
    world.put(0, "json", lines(0..3)).await;
    world.batch_lane(PLAIN).await.run().await.unwrap();
    world.put(3, "json", lines(3..5)).await;
    let settings = BatchSettings { changed_definition: ChangedDefinition::Mix, ..BatchSettings::default() };
    let mut lane = world.batch_lane(MENDED).await.with_settings(settings);
    assert!(lane.run().await.unwrap().mixed);
    assert_eq!(world.rows("batch").await, [(0, 0), (1, 1), (2, 2), (3, 30), (4, 40)]);
    assert!(!lane.run().await.unwrap().mixed, "it is said once: the table is the new definition's from now on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_other_columns_is_rebuilt() {
    let world = World::new().await;
    world.put(0, "json", lines(0..3)).await;
    world.batch_lane("SELECT id FROM input").await.run().await.unwrap();
    let mut lane = world.batch_lane(PLAIN).await;
    lane.run().await.unwrap_err();
    lane.rebuild(Arc::clone(&world.log), MissingRecords::Refuse).await.unwrap();
    assert_eq!(world.rows("batch").await, plain(0..3));
    world.put(3, "json", lines(3..4)).await;
    assert_eq!(lane.run().await.unwrap().rows, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_fails_leaves_the_table_as_it_was() {
    let world = World::new().await;
    world.put(0, "json", lines(0..3)).await;
    world.batch_lane(PLAIN).await.run().await.unwrap();
    world.put(5, "json", lines(5..7)).await;
    let mut lane = world.batch_lane(MENDED).await;
    let error = lane.rebuild(Arc::clone(&world.log), MissingRecords::Refuse).await.unwrap_err();
    assert!(error.to_string().contains("lacks the offsets 3 to before 5"), "{error}");
    assert_eq!(world.rows("batch").await, plain(0..3));
    world.put(3, "json", lines(3..5)).await;
    lane.rebuild(Arc::clone(&world.log), MissingRecords::Refuse).await.unwrap();
    assert_eq!(world.rows("batch").await, mended(0..7));
    let status = LaneWriter::open(world.parts(Lane::Batch, MENDED).await).await.unwrap().status().get();
    assert_eq!((status.rows, status.filtered), (6, 1));
}

/// Which names listings were asked to begin behind.
#[derive(Debug)]
struct Watched {
    inner: InMemory,
    /// Listings, each with how many objects it handed out.
    listed: Arc<Mutex<Vec<usize>>>,
}

impl Watched {
    fn watch(&self, listing: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = Arc::clone(&self.listed);
        let number = listed.lock().unwrap().len();
        listed.lock().unwrap().push(0);
        listing.inspect(move |_| listed.lock().unwrap()[number] += 1).boxed()
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Watched {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }
    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }
    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.watch(self.inner.list(prefix))
    }
    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.watch(self.inner.list_with_offset(prefix, offset))
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_lists_what_is_new_and_a_slice_of_what_is_old() {
    let listed = Arc::new(Mutex::new(Vec::new()));
    let store = Watched { inner: InMemory::new(), listed: Arc::clone(&listed) };
    let world = World { store: Arc::new(store), ..World::new().await };
    const OLD: u64 = 3_000;
    for start in 0..OLD {
        world.put(start, "json", lines(start.cast_signed()..start.cast_signed() + 1)).await;
    }
    let mut lane = world.batch_lane(PLAIN).await;
    lane.run().await.unwrap();
    world.put(OLD, "json", lines(3_000..3_001)).await;
    // Vanished from the third slice: the third run from now on sees it.
    world.store.delete(&world.object(2_500, "json")).await.unwrap();
    let mut found = Vec::new();
    for _ in 0..4 {
        listed.lock().unwrap().clear();
        found.push(lane.run().await.unwrap().changes.len());
        let objects: usize = listed.lock().unwrap().iter().sum();
        assert!(objects <= 1_010, "{objects} objects were listed");
    }
    assert_eq!(found, [0, 0, 1, 0]);
}
