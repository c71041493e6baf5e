//! A stream lane's table is built anew while the lane goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use pinflow_event::{Offset, Partition, TopicPartition};
use pinflow_lane::{LaneError, LaneWriter, Point, Replay, TableVersions};
use pinflow_pipeline::Lane;
use pinflow_table::Table;
use tokio_util::sync::CancellationToken;

use crate::world::{MENDED, PLAIN, World, events, mended, plain, rows_of, stream};

fn to(offset: u64) -> BTreeMap<Partition, Offset> {
    BTreeMap::from([(Partition(0), Offset(offset))])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_lane_takes_the_replay_over_and_nothing_is_lost_or_doubled() {
    let world = World::new().await;
    world.append(&events(0..4)).await;
    world.append(&["no json".to_owned(), events(3..4).remove(0)]).await;
    world.stream_lane(PLAIN).await.0.catch_up().await.unwrap();
    assert_eq!((world.rows("stream").await, world.dead(Lane::Stream).await), (plain(0..4), vec![4]));

    // The definition is mended, and the node starts again.
    let (lane, parts) = world.stream_lane(MENDED).await;
    let hand_overs = lane.hand_overs();
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(lane.run(drain.clone(), stop));
    let mut replay = Replay::begin(&parts, world.source(), None).await.unwrap();
    replay.read_to(&to(3)).await.unwrap();
    assert!(replay.base().is_none());
    // More comes in while it is built, also a key that the new table knows.
    world.append(&events(5..8)).await;
    world.append(&[events(1..2).remove(0), "[]".to_owned()]).await;
    hand_overs.swap(replay).await.unwrap();
    world.append(&events(8..10)).await;
    drain.cancel();
    running.await.unwrap();

    let ids: Vec<_> = mended(0..10).into_iter().filter(|(id, _)| *id != 4).collect();
    assert_eq!((world.rows("stream").await, world.dead(Lane::Stream).await), (ids, vec![4, 10]));
    let status = LaneWriter::open(parts.clone()).await.unwrap().status().get();
    // 13 records: rows, those of keys known before, the one left out, dead letters.
    assert_eq!((status.rows, status.duplicates, status.filtered, status.dead), (8, 2, 1, 2));
    assert!(!parts.tables.table("shadow-stream", "order").unwrap().exists().await.unwrap(), "nothing is left over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_from_a_point_leaves_what_is_before_as_it_was() {
    let world = World::new().await;
    let (mut lane, _) = world.stream_lane(PLAIN).await;
    for ids in [0..3, 3..6, 6..9] {
        world.append(&events(ids)).await;
        world.append(&["no json".to_owned()]).await;
        lane.catch_up().await.unwrap();
        world.clock.advance(Duration::from_secs(60));
    }
    drop(lane);
    let (_, parts) = world.stream_lane(MENDED).await;
    let versions = TableVersions::read(&parts, &world.source()).await.unwrap();
    assert_eq!(versions.newest().positions, to(12));
    // Offset 6 is in the middle of a commit: it goes on from the one before.
    let mut replay = Replay::begin(&parts, world.source(), Some(Point::Offset(Offset(6)))).await.unwrap();
    assert_eq!(replay.base().unwrap().positions, to(4));
    replay.read_to(&to(12)).await.unwrap();
    let mut expected = plain(0..3);
    expected.extend(mended(3..9));
    let shadow = Table::open(replay.table(), parts.cleaner.output_schema()).await.unwrap();
    assert_eq!(rows_of(&shadow).await, expected);
    assert_eq!(world.rows("stream").await, plain(0..9), "the live table is as it was");
    let status = replay.status().get();
    assert_eq!((status.rows, status.dead, status.records), (9, 3, 8));
    Replay::clear(&parts).await.unwrap();
    assert!(!parts.tables.table("shadow-stream", "order").unwrap().exists().await.unwrap());
}

/// After a swap the old rows are not brought back by going on from a version before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_does_not_undo_an_earlier_one() {
    let world = World::new().await;
    world.append(&events(0..4)).await;
    world.stream_lane(PLAIN).await.0.catch_up().await.unwrap();
    for _ in 0..2 {
        let (lane, parts) = world.stream_lane(MENDED).await;
        let hand_overs = lane.hand_overs();
        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        let running = tokio::spawn(lane.run(drain.clone(), stop));
        hand_overs.swap(Replay::begin(&parts, world.source(), None).await.unwrap()).await.unwrap();
        drain.cancel();
        running.await.unwrap();
        let replay = Replay::begin(&parts, world.source(), Some(Point::Offset(Offset(2)))).await.unwrap();
        assert!(replay.base().is_none(), "no version from before the point may be gone on from: it begins anew");
        assert_eq!(world.rows("stream").await, mended(0..4));
    }
}

/// A crash between the commit of the rows and that of the dead letters.
#[tokio::test(flavor = "multi_thread")]
async fn a_swap_that_broke_off_before_the_letters_is_finished_by_the_next_start() {
    let world = World::new().await;
    world.append(&["no json".to_owned(), r#"{"id":2,"size":"large"}"#.to_owned()]).await;
    world.append(&events(3..5)).await;
    world.stream_lane(PLAIN).await.0.catch_up().await.unwrap();
    let dead_log = world.folder.path().join("dead/order/_delta_log");
    let commits = || std::fs::read_dir(&dead_log).unwrap().count();
    let before = commits();

    let (lane, parts) = world.stream_lane("SELECT id, size FROM input WHERE id > 3").await;
    let hand_overs = lane.hand_overs();
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(lane.run(drain.clone(), stop));
    let replay = Replay::begin(&parts, world.source(), None).await.unwrap();
    // No commit of the letters gets through: a folder stands in its place.
    let blocked = dead_log.join(format!("{before:020}.json"));
    std::fs::create_dir(&blocked).unwrap();
    hand_overs.swap(replay).await.unwrap_err();
    drain.cancel();
    running.await.unwrap();
    std::fs::remove_dir(&blocked).unwrap();
    assert_eq!(world.rows("stream").await, [(4, 4)], "the rows are the new ones");

    let status = LaneWriter::open(parts).await.unwrap().status().get();
    assert_eq!((status.rows, status.filtered, status.dead), (1, 1, 2));
    assert_eq!(world.dead(Lane::Stream).await, [0, 1]);
}

/// A table with other columns: the lane stands still and keeps its records until a replay brings the columns.
#[tokio::test(flavor = "multi_thread")]
async fn a_lane_with_other_columns_waits_for_a_replay() {
    let world = World::new().await;
    world.append(&events(0..3)).await;
    world.stream_lane("SELECT id FROM input").await.0.catch_up().await.unwrap();
    world.append(&events(3..5)).await;
    let (mut lane, _) = world.stream_lane(PLAIN).await;
    let error = lane.catch_up().await.unwrap_err();
    assert!(error.to_string().contains("`size` is new"), "{error}");
    drop(lane);

    let (lane, parts) = world.stream_lane(PLAIN).await;
    let hand_overs = lane.hand_overs();
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(lane.run(drain.clone(), stop));
    hand_overs.swap(Replay::begin(&parts, world.source(), None).await.unwrap()).await.unwrap();
    drain.cancel();
    running.await.unwrap();
    assert_eq!(world.rows("stream").await, plain(0..5));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_nowhere_any_more_are_told() {
    let world = World::new().await;
    world.append(&events(0..3)).await;
    let (mut lane, parts) = world.stream_lane(PLAIN).await;
    lane.catch_up().await.unwrap();
    world.clock.advance(Duration::from_secs(30 * 24 * 3600));
    world.log.enforce_retention(pinflow_event::Clock::now(&*world.clock)).await.unwrap();
    let at = TopicPartition::new(stream(PLAIN).stream.topic, Partition(0));
    assert_eq!(world.log.bounds(&at).await.unwrap().earliest, Offset(3));
    let mut replay = Replay::begin(&parts, world.source(), None).await.unwrap();
    let error = replay.read_to(&to(3)).await.unwrap_err();
    assert!(matches!(error, LaneError::Unavailable { from: Offset(0), to: Offset(3), .. }), "{error}");
    assert!(error.to_string().contains("`--from 3`"), "{error}");
    drop(replay);
    let mut replay = Replay::begin(&parts, world.source(), Some(Point::Offset(Offset(3)))).await.unwrap();
    replay.read_to(&to(3)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_replay_has_built_is_removed_by_the_next_start() {
    let world = World::new().await;
    world.append(&events(0..3)).await;
    let (mut lane, parts) = world.stream_lane(PLAIN).await;
    lane.catch_up().await.unwrap();
    drop(lane);
    let mut replay = Replay::begin(&parts, world.source(), None).await.unwrap();
    replay.read_to(&to(2)).await.unwrap();
    let shadow = replay.table().clone();
    drop(replay);
    assert!(shadow.exists().await.unwrap());
    let opened = LaneWriter::open(parts).await.unwrap();
    assert!(!shadow.exists().await.unwrap());
    assert_eq!((opened.status().get().rows, world.rows("stream").await), (3, plain(0..3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_keeps_what_a_replay_has_not_read() {
    let world = World::new().await;
    world.append(&events(0..3)).await;
    let (mut lane, parts) = world.stream_lane(PLAIN).await;
    let mut replay = Replay::begin(&parts, world.source(), None).await.unwrap();
    lane.catch_up().await.unwrap();
    world.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let now = pinflow_event::Clock::now(&*world.clock);
    let at = TopicPartition::new(stream(PLAIN).stream.topic, Partition(0));
    world.log.enforce_retention(now).await.unwrap();
    assert_eq!(world.log.bounds(&at).await.unwrap().earliest, Offset(0));
    replay.read_to(&to(3)).await.unwrap();
    drop(replay);
    world.log.enforce_retention(now).await.unwrap();
    assert_eq!(world.log.bounds(&at).await.unwrap().earliest, Offset(3));
}
