//! Damaged and strange objects: good records are kept, the rest are dead letters or one error that names the object, and the
//! position does not pass what was not handled.

use std::sync::Arc;

use object_store::local::LocalFileSystem;
use pinflow_archive::ArchiveReader;
use pinflow_event::{Offset, Partition};
use pinflow_lane::{BatchLane, LaneWriter, MissingRecords};
use pinflow_pipeline::Lane;

use crate::world::{PLAIN, World, lines, plain};

/// What a run says (the error, where it fails), where the lane is then, its ids and the offsets of its dead letters.
async fn run(world: &World) -> (Option<String>, u64, Vec<i64>, Vec<i64>) {
    let mut lane = world.batch_lane(PLAIN).await;
    let error = lane.run().await.err().map(|error| error.to_string());
    let position = lane.status().get().position.get(&Partition(0)).copied().unwrap_or_default();
    let ids = world.rows("batch").await.into_iter().map(|(id, _)| id).collect();
    (error, position.0, ids, world.dead(Lane::Batch).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_cut_off_keeps_its_whole_records() {
    let world = World::new().await;
    let whole = lines(0..4);
    // Within the second record: the third and fourth are in no object.
    world.put(0, "json", &whole.as_bytes()[..whole.len() / 2 - 5]).await;
    world.put(4, "json", lines(4..6)).await;
    let (error, position, ids, dead) = run(&world).await;
    let error = error.unwrap();
    assert!(error.contains("lacks the offsets 2 to before 4") && error.contains("+0000000004.json"), "{error}");
    assert_eq!((position, ids, dead), (2, vec![0], vec![1]), "the line that breaks off is a dead letter");
    // Once it is restored, a rebuild brings everything.
    world.put(0, "json", whole).await;
    world.batch_lane(PLAIN).await.rebuild(Arc::clone(&world.log), MissingRecords::Refuse).await.unwrap();
    assert_eq!((world.rows("batch").await, world.dead(Lane::Batch).await), (plain(0..6), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzip_that_breaks_off_keeps_its_whole_records_and_is_named() {
    let world = World::new().await;
    // A stored (uncompressed) block that says it is longer than what is there.
    let content = lines(0..2);
    let length = u16::try_from(content.len() + 100).unwrap();
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    gzip.extend(length.to_le_bytes());
    gzip.extend((!length).to_le_bytes());
    gzip.extend(content.as_bytes());
    world.put(0, "json.gz", gzip).await;
    world.put(5, "json", lines(5..6)).await;
    let (error, position, ids, dead) = run(&world).await;
    let error = error.unwrap();
    assert!(error.contains("orders+0+0000000000.json.gz` is damaged") && error.contains("from offset 2 on"), "{error}");
    assert_eq!((position, ids, dead), (2, vec![0, 1], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_line_endings_and_empty_lines_keep_their_offsets() {
    let world = World::new().await;
    world.put(0, "json", "{\"id\":0,\"size\":0}\r\n{\"id\":1,\"size\":1}\n\r\n\n{\"id\":2,\"size\":2}").await;
    world.put(5, "json", lines(3..4)).await;
    assert_eq!(run(&world).await, (None, 6, vec![0, 1, 2, 3], vec![2, 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_object_holds_nothing_and_hides_no_gap() {
    let world = World::new().await;
    world.put(0, "json", lines(0..2)).await;
    world.put(2, "json", "").await;
    assert_eq!(run(&world).await, (None, 2, vec![0, 1], vec![]));
    world.put(3, "json", lines(3..4)).await;
    let (error, position, ids, _) = run(&world).await;
    assert!(error.unwrap().contains("lacks the offsets 2 to before 3"));
    assert_eq!((position, ids), (2, vec![0, 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_the_place_of_an_object_stops_the_lane_there() {
    let world = World::new().await;
    let archive = tempfile::tempdir().unwrap();
    let partition = archive.path().join("topics/orders/partition=0");
    std::fs::create_dir_all(partition.join("orders+0+0000000002.json")).unwrap();
    std::fs::write(partition.join("orders+0+0000000000.json"), lines(0..2)).unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(archive.path()).unwrap());
    let reader = ArchiveReader::local(store, archive.path().to_owned());
    let writer = LaneWriter::open(world.parts(Lane::Batch, PLAIN).await).await.unwrap();
    let mut lane = BatchLane::new(reader, writer);
    for _ in 0..2 {
        let error = lane.run().await.unwrap_err().to_string();
        assert!(error.contains("orders+0+0000000002.json` is a folder"), "{error}");
        std::fs::write(partition.join("orders+0+0000000003.json"), lines(3..4)).unwrap();
    }
    assert_eq!(world.rows("batch").await, plain(0..2));
    assert_eq!(lane.status().get().position[&Partition(0)], Offset(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_records_do_not_harm_their_neighbours() {
    let world = World::new().await;
    let nested = |depth: usize| format!("{{\"id\":2,\"size\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let records = [
        r#"{"id":0,"size":0}"#.to_owned(),
        // The last of two fields of the same name counts, or it is a dead letter; the neighbours do not care.
        r#"{"id":1,"id":1,"size":1}"#.to_owned(),
        nested(100_000),
        format!("{{\"id\":3,\"size\":3,\"note\":\"{}\"}}", "x".repeat(8 << 20)),
        "\u{0}".to_owned(),
        r#"{"id":5,"size":5}"#.to_owned(),
    ];
    let object: String = records.iter().map(|record| format!("{record}\n")).collect();
    world.put(0, "json", object).await;
    let (error, position, ids, dead) = run(&world).await;
    assert_eq!((error, position), (None, 6));
    for id in [0, 3, 5] {
        assert!(ids.contains(&id), "{ids:?}");
    }
    assert!(dead.contains(&2) && dead.contains(&4), "{dead:?}");
    assert_eq!(ids.len() + dead.len(), 6, "each of them is in one place");
}
