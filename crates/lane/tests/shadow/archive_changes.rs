//! An archive that changes behind the batch lane's back, or goes.

use std::path::Path as FilePath;
use std::sync::Arc;

use object_store::ObjectStoreExt;
use object_store::path::Path;
use pinflow_archive::ArchiveReader;
use pinflow_event::{Offset, Partition};
use pinflow_lane::{
    BatchLane, BatchSettings, ChangedObjects, LaneError, LaneWriter, MissingRecords, ObjectChange, ObjectFault,
    archive_changes,
};
use pinflow_pipeline::Lane;
use pinflow_store::DurableLocalStore;

use crate::world::{PLAIN, World, lines, plain, stream};

const FAIL: BatchSettings = BatchSettings {
    changed_definition: pinflow_lane::ChangedDefinition::Refuse,
    changed_objects: ChangedObjects::Fail,
};

async fn put_into(world: &World, partition: u32, start: u64, content: String) {
    let path = format!("topics/orders/partition={partition}/orders+{partition}+{start:010}.json");
    world.store.put(&Path::from(path), content.into()).await.unwrap();
}

/// A world whose archive is a folder, which a node's always is.
async fn local_world(archive: &FilePath) -> World {
    World { store: Arc::new(DurableLocalStore::open(archive).unwrap()), ..World::new().await }
}

async fn local_lane(world: &World, archive: &FilePath) -> BatchLane {
    let writer = LaneWriter::open(world.parts(Lane::Batch, PLAIN).await).await.unwrap();
    BatchLane::new(ArchiveReader::local(Arc::clone(&world.store), archive.to_owned()), writer)
}

fn seen(changes: &[ObjectChange]) -> Vec<(Offset, ObjectFault)> {
    changes.iter().map(|change| (change.start, change.fault)).collect()
}

/// What the ledger tells those who open it.
async fn kept(world: &World) -> Vec<ObjectChange> {
    archive_changes(&world.tables(), &stream(PLAIN)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_once_and_kept_until_the_table_is_rebuilt() {
    let world = World::new().await;
    assert_eq!(kept(&world).await, [], "there is no ledger yet");
    for start in [0, 2, 4] {
        world.put(start, "json", lines(start.cast_signed()..start.cast_signed() + 2)).await;
    }
    let mut lane = world.batch_lane(PLAIN).await;
    assert_eq!(lane.run().await.unwrap().changes, []);
    assert_eq!(lane.run().await.unwrap().changes, [], "what is as it was is no change");

    world.store.delete(&world.object(0, "json")).await.unwrap();
    world.put(2, "json", lines(20..22)).await;
    world.put(3, "json", lines(30..31)).await;
    world.put(6, "json", lines(6..7)).await;
    let expected = [(0, ObjectFault::Vanished), (2, ObjectFault::Rewritten), (3, ObjectFault::Late)]
        .map(|(start, fault)| (Offset(start), fault));
    let run = lane.run().await.unwrap();
    assert_eq!((run.rows, run.told_before), (1, 0), "what is new is cleaned");
    assert_eq!(seen(&run.changes), expected);
    assert!(run.changes[0].path.ends_with("orders+0+0000000000.json"), "{:?}", run.changes[0]);
    let run = world.batch_lane(PLAIN).await.with_settings(FAIL).run().await.unwrap();
    assert_eq!((run.changes, run.told_before), (vec![], 3));
    assert_eq!(seen(&kept(&world).await), expected);

    // What is as it was again is no change any more.
    world.put(0, "json", lines(0..2)).await;
    world.store.delete(&world.object(3, "json")).await.unwrap();
    assert_eq!(lane.run().await.unwrap().changes, []);
    assert_eq!(seen(&kept(&world).await), expected[1..2]);
    let run = lane.rebuild(Arc::clone(&world.log), MissingRecords::Refuse).await.unwrap();
    assert_eq!((run.rows_before, run.rows), (Some(7), 7));
    assert_eq!((lane.run().await.unwrap().changes, kept(&world).await), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_fails_on_a_change_where_that_is_wanted() {
    let world = World::new().await;
    for start in [0, 2, 4] {
        world.put(start, "json", lines(start.cast_signed()..start.cast_signed() + 2)).await;
    }
    let mut lane = world.batch_lane(PLAIN).await.with_settings(FAIL);
    lane.run().await.unwrap();
    world.store.delete(&world.object(0, "json")).await.unwrap();
    world.put(2, "json", lines(20..22)).await;
    world.put(3, "json", lines(30..31)).await;
    let error = lane.run().await.unwrap_err();
    for part in ["+0000000000.json` is gone", "+0000000002.json` was rewritten", "+0000000003.json` came after"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(lane.run().await.unwrap().told_before, 3);
}

/// The ledger came later than the table: what is there counts as read.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_older_than_its_ledger_has_no_changes() {
    let world = World::new().await;
    world.put(0, "json", lines(0..2)).await;
    world.batch_lane(PLAIN).await.run().await.unwrap();
    std::fs::remove_dir_all(world.folder.path().join("ledger")).unwrap();
    world.put(2, "json", lines(2..4)).await;
    assert_eq!(world.batch_lane(PLAIN).await.run().await.unwrap().changes, []);
    world.store.delete(&world.object(0, "json")).await.unwrap();
    assert_eq!(world.batch_lane(PLAIN).await.run().await.unwrap().changes.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_or_an_archive_that_is_gone_is_one_fault() {
    let archive = tempfile::tempdir().unwrap();
    let world = local_world(archive.path()).await;
    for (partition, start) in [(0, 0), (0, 2), (1, 0), (1, 2), (1, 4)] {
        let ids = i64::from(partition) * 10 + i64::try_from(start).unwrap();
        put_into(&world, partition, start, lines(ids..ids + 2)).await;
    }
    let mut lane = local_lane(&world, archive.path()).await.with_settings(FAIL);
    assert_eq!(lane.run().await.unwrap().rows, 10);
    let (topic, away) = (archive.path().join("topics/orders"), archive.path().join("away"));
    std::fs::rename(topic.join("partition=1"), &away).unwrap();
    let error = lane.run().await.unwrap_err().to_string();
    assert!(error.contains("partition 1: all 3 noted objects are gone; what is new"), "{error}");
    assert_eq!(seen(&kept(&world).await), [(Offset(0), ObjectFault::AllVanished(3))]);
    lane.run().await.unwrap_err();
    // It was a disk that was not mounted.
    std::fs::rename(&away, topic.join("partition=1")).unwrap();
    assert_eq!((lane.run().await.unwrap().changes, kept(&world).await), (vec![], vec![]));

    std::fs::remove_dir_all(archive.path().join("topics")).unwrap();
    let LaneError::ObjectsChanged { changes, .. } = lane.run().await.unwrap_err() else { panic!("it fails") };
    assert_eq!(changes.iter().map(|change| change.at.partition).collect::<Vec<_>>(), [Partition(0), Partition(1)]);
    let error = lane.rebuild(Arc::clone(&world.log), MissingRecords::Refuse).await.unwrap_err().to_string();
    for part in ["offsets 0 to before 4 of orders-0", "partition 1: all 3 noted objects are gone", "--accept-missing"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(world.rows("batch").await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_gone_is_found_by_the_next_run() {
    let archive = tempfile::tempdir().unwrap();
    let world = local_world(archive.path()).await;
    let partition = archive.path().join("topics/orders/partition=0");
    std::fs::create_dir_all(&partition).unwrap();
    let file = |start: i64| partition.join(format!("orders+0+{start:010}.json"));
    for id in 0..2_100 {
        std::fs::write(file(id), lines(id..id + 1)).unwrap();
    }
    let mut lane = local_lane(&world, archive.path()).await;
    assert_eq!(lane.run().await.unwrap().rows, 2_100);
    std::fs::remove_file(file(2_050)).unwrap();
    std::fs::write(partition.join("orders+0+0000002060.raw"), "").unwrap();
    let run = lane.run().await.unwrap();
    assert_eq!(seen(&run.changes), [(Offset(2_050), ObjectFault::Vanished), (Offset(2_060), ObjectFault::Late)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_broken_and_is_restored_has_not_changed() {
    let world = World::new().await;
    // Uncompressed frames that break off within the second record.
    let frame = |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
    let whole = [frame(r#"{"id":0,"size":0}"#), frame(r#"{"id":1,"size":1}"#)].concat();
    world.put(0, "raw", &whole[..whole.len() - 3]).await;
    world.put(2, "json", lines(2..3)).await;
    let mut lane = world.batch_lane(PLAIN).await.with_settings(FAIL);
    for _ in 0..2 {
        let error = lane.run().await.unwrap_err().to_string();
        assert!(error.contains("is damaged at byte") && error.contains("restore it from a copy"), "{error}");
    }
    assert_eq!(world.rows("batch").await, plain(0..1));
    world.put(0, "raw", whole.clone()).await;
    for rows in [2, 0, 0] {
        let run = lane.run().await.unwrap();
        assert_eq!((run.rows, run.changes), (rows, vec![]));
    }
    assert_eq!(world.rows("batch").await, plain(0..3));
    // From now on it is an object like any other.
    world.put(0, "raw", [whole.clone(), whole].concat()).await;
    let error = lane.run().await.unwrap_err().to_string();
    assert!(error.contains("+0000000000.raw` was rewritten"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_archive_does_not_take_the_place_of_a_table_unasked() {
    let world = World::new().await;
    for start in [0, 2, 4] {
        world.put(start, "json", lines(start.cast_signed()..start.cast_signed() + 2)).await;
    }
    let mut lane = world.batch_lane(PLAIN).await;
    lane.run().await.unwrap();
    for (start, lost) in [(4, "offsets 4 to before 6"), (2, "offsets 2 to before 4"), (0, "offsets 0 to before 2")] {
        world.store.delete(&world.object(start, "json")).await.unwrap();
        let error = lane.rebuild(Arc::clone(&world.log), MissingRecords::Refuse).await.unwrap_err().to_string();
        assert!(error.contains(lost) && error.contains(&format!("+000000000{start}.json` is gone")), "{error}");
        assert_eq!(world.rows("batch").await, plain(0..6));
        world.put(start, "json", lines(start.cast_signed()..start.cast_signed() + 2)).await;
    }
    world.store.delete(&world.object(2, "json")).await.unwrap();
    let run = lane.rebuild(Arc::clone(&world.log), MissingRecords::Accept).await.unwrap();
    assert_eq!((run.rows_before, run.rows), (Some(6), 4));
    assert_eq!(world.rows("batch").await, [plain(0..2), plain(4..6)].concat());
    world.put(6, "json", lines(6..8)).await;
    let run = lane.run().await.unwrap();
    assert_eq!((run.rows, run.changes), (2, vec![]));

    // Nothing is left, and the lane begins anew with what comes.
    for start in [0, 4, 6] {
        world.store.delete(&world.object(start, "json")).await.unwrap();
    }
    let run = lane.rebuild(Arc::clone(&world.log), MissingRecords::Accept).await.unwrap();
    assert_eq!((run.rows_before, run.rows), (Some(6), 0));
    world.put(0, "json", lines(0..1)).await;
    assert_eq!(lane.run().await.unwrap().rows, 1);
}

/// Another form of the same records is as good.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_were_put_together_are_not_missing() {
    let world = World::new().await;
    world.put(0, "json", lines(0..2)).await;
    world.put(2, "json", lines(2..4)).await;
    let mut lane = world.batch_lane(PLAIN).await;
    lane.run().await.unwrap();
    world.store.delete(&world.object(2, "json")).await.unwrap();
    world.put(0, "json", lines(0..4)).await;
    assert_eq!(lane.rebuild(Arc::clone(&world.log), MissingRecords::Refuse).await.unwrap().rows, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_names_what_is_no_records() {
    let archive = tempfile::tempdir().unwrap();
    let world = local_world(archive.path()).await;
    world.put(0, "json", lines(0..2)).await;
    world.put(2, "json", "").await;
    world.store.put(&Path::from("topics/orders/partition=0/data.json"), lines(0..9).into()).await.unwrap();
    world.store.put(&Path::from("topics/orders/more.json"), lines(0..9).into()).await.unwrap();
    let mut lane = local_lane(&world, archive.path()).await;
    let run = lane.run().await.unwrap();
    let strangers = &run.beside.strangers;
    assert_eq!((run.rows, strangers.count, &run.beside.empty), (2, 2, &vec![world.object(2, "json").to_string()]));
    assert_eq!(strangers.first.as_ref().unwrap().as_ref(), "topics/orders/more.json");
    let rebuilt = lane.rebuild(Arc::clone(&world.log), MissingRecords::Refuse).await.unwrap();
    assert_eq!((rebuilt.rows, rebuilt.beside), (2, run.beside));
}
