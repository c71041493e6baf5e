//! A replay of a table whose upkeep goes on.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use object_store::memory::InMemory;
use pinflow_archive::ArchiveReader;
use pinflow_event::{Offset, Partition};
use pinflow_lane::{LaneWriter, Point, Replay, ReplaySource};
use pinflow_table::Upkeep;

use crate::world::{AT_ONCE, World};

/// The files of the base are merged into another one, and gone, before the replay has copied them.
#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_goes_while_it_is_copied_is_looked_for_again() {
    let mut world = World::new().await;
    world.upkeep = Upkeep { kept_commits: 2, ..Upkeep::default() };
    let (mut lane, _) = world.lane(AT_ONCE).await;
    let mut ids = 0..;
    let mut commit = async || {
        world.append(&[&format!(r#"{{"id":{}}}"#, ids.next().unwrap())]).await;
        lane.catch_up().await.unwrap();
    };
    commit().await;
    commit().await;
    let files = fs::read_dir(world.table()).unwrap().map(|entry| entry.unwrap().path());
    let of_base: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "parquet")).collect();
    assert_eq!(of_base.len(), 2);

    world.store.halted_copies.send_replace(true);
    let parts = world.parts().await;
    let source = ReplaySource { archive: ArchiveReader::new(Arc::new(InMemory::new())), log: Arc::clone(&world.log) };
    let point = Some(Point::Offset(Offset(2)));
    let begun = tokio::spawn(async move { Replay::begin(&parts, source, point).await });
    while world.store.waiting_copies.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    while of_base.iter().any(|file| file.exists()) {
        commit().await;
    }
    world.store.halted_copies.send_replace(false);
    let mut replay = begun.await.unwrap().unwrap();
    assert!(replay.base().is_none(), "no version from before the point is kept any more");
    let records = ids.start;
    replay.read_to(&BTreeMap::from([(Partition(0), Offset(records))])).await.unwrap();
    let live = LaneWriter::open(world.parts().await).await.unwrap().status().get();
    let rebuilt = replay.status().get();
    assert_eq!((rebuilt.rows, rebuilt.records), (records, records));
    assert_eq!(rebuilt.rows, live.rows);
}
