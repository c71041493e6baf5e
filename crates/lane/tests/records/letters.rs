//! Dead letters are cleaned again or given up, each exactly once, whatever breaks off.

use std::sync::Arc;
use std::time::Duration;

use pinflow_event::{Offset, Partition};
use pinflow_lane::{LetterAction, LetterFilter, LetterOutcome};
use tokio_util::sync::CancellationToken;

use crate::world::{World, counts, mended, stream};

const EVENTS: [&str; 7] = [
    r#"{"id":1,"note":"a"}"#,
    r#"{"id":2,"note":"first","size":"large"}"#,
    "not json",
    r#"{"id":1,"size":"large"}"#,
    r#"{"id":3,"note":"skip","size":"large"}"#,
    r#"{"id":2,"note":"second","size":"huge"}"#,
    r#"{"id":4}"#,
];
const BEFORE: [u64; 5] = [2, 0, 0, 5, 0];
/// The mended record, two whose key is there by then, one that `WHERE` leaves out, one that is no JSON still.
const AFTER: [u64; 5] = [3, 2, 1, 1, 0];
const OUTCOME: LetterOutcome = LetterOutcome { rows: 1, duplicates: 2, filtered: 1, dropped: 0, dead: 1 };

async fn world() -> World {
    let world = World::new(1).await;
    world.append(0, EVENTS).await;
    assert_eq!(counts(&world.catch_up(stream()).await), BEFORE);
    world
}

/// What each commit of a retry left, had it been the last before a crash: the number of commits that are lost in the table of dead
/// letters, and in the lane's.
const CRASHES: [(usize, usize); 3] = [(2, 1), (1, 1), (1, 0)];

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_puts_each_letter_to_one_place() {
    let world = world().await;
    let mut writer = world.writer(mended()).await;
    let outcome = writer.remove_letters(&LetterAction::Retry, &LetterFilter::default()).await.unwrap();
    assert_eq!((outcome, counts(&writer.status().get())), (OUTCOME, AFTER));
    assert_eq!(world.rows(&mended(), &["id", "note"]).await, ["1|a", "2|first", "4|null"]);
    let again = writer.remove_letters(&LetterAction::Retry, &LetterFilter::default()).await.unwrap();
    assert_eq!(again, LetterOutcome { dead: 1, ..LetterOutcome::default() });
    // A record of the log whose key a letter brought in.
    world.append(0, [r#"{"id":2}"#]).await;
    assert_eq!(counts(&world.catch_up(mended()).await), [3, 3, 1, 1, 0]);
    let [letter] = &world.letters().await[..] else { panic!("one letter is left") };
    assert_eq!((letter.letter.position.offset, letter.letter.removal), (Offset(2), None));
    let commits = std::fs::read_to_string(&world.commits("stream")[2]).unwrap();
    assert!(commits.contains(r#""pinflow.retried":4"#), "{commits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_breaks_off_after_any_commit_doubles_and_loses_nothing() {
    for (dead, table) in CRASHES {
        let world = world().await;
        let mut writer = world.writer(mended()).await;
        writer.remove_letters(&LetterAction::Retry, &LetterFilter::default()).await.unwrap();
        drop(writer);
        (0..dead).for_each(|_| world.lose_last_commit("dead"));
        (0..table).for_each(|_| world.lose_last_commit("stream"));
        let mut writer = world.writer(mended()).await;
        let found = counts(&writer.status().get());
        assert_eq!(found, if table == 1 { BEFORE } else { AFTER }, "{dead} {table}");
        writer.remove_letters(&LetterAction::Retry, &LetterFilter::default()).await.unwrap();
        assert_eq!(counts(&writer.status().get()), AFTER, "{dead} {table}");
        assert_eq!(counts(&world.writer(mended()).await.status().get()), AFTER, "as the tables tell: {dead} {table}");
        assert_eq!(world.rows(&mended(), &["id"]).await, ["1", "2", "4"], "{dead} {table}");
        assert!(world.letters().await.iter().all(|listed| listed.letter.removal.is_none()), "{dead} {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rejected_again_stays_with_its_new_reason() {
    let world = world().await;
    let mut other = stream();
    other.schema[2].name = "weight".to_owned();
    other.schema[0].required = true;
    other.clean.text = "SELECT id, note, weight AS size FROM input".to_owned();
    other.schema[1].kind = pinflow_pipeline::FieldType::Bigint;
    other.clean.text = "SELECT id, CAST(note AS string) AS note, weight AS size FROM input".to_owned();
    let mut writer = world.writer(other).await;
    let outcome = writer.remove_letters(&LetterAction::Retry, &LetterFilter::default()).await.unwrap();
    assert_eq!((outcome.duplicates, outcome.dead), (1, 4));
    let reasons: Vec<String> = world.letters().await.into_iter().map(|listed| listed.letter.reason).collect();
    let text = "field `note` is a string, not a bigint";
    assert_eq!(reasons[0], text);
    assert!(reasons[1].starts_with("not JSON"), "{reasons:?}");
    assert_eq!(&reasons[2..], [text, text]);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_given_up_with_a_reason_and_stay_counted() {
    let world = world().await;
    let mut writer = world.writer(stream()).await;
    let broken = LetterFilter { reason: Some("not JSON".to_owned()), ..LetterFilter::default() };
    let action = LetterAction::Drop { reason: "a client's test".to_owned() };
    let outcome = writer.remove_letters(&action, &broken).await.unwrap();
    assert_eq!(outcome, LetterOutcome { dropped: 1, ..LetterOutcome::default() });
    assert_eq!(counts(&world.writer(stream()).await.status().get()), [2, 0, 0, 4, 1]);
    let commit = std::fs::read_to_string(world.commits("stream").pop().unwrap()).unwrap();
    assert!(commit.contains(r#""pinflow.drop_reason":"a client's test""#), "{commit}");
    // As if it had broken off before its last commit.
    drop(writer);
    world.lose_last_commit("dead");
    assert_eq!(counts(&world.writer(stream()).await.status().get()), [2, 0, 0, 4, 1]);
    assert_eq!(world.letters().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_take_what_they_say() {
    let world = world().await;
    let count = async |filter: LetterFilter| {
        let dead = world.dead().await;
        pinflow_lane::newest_letters(&dead, &filter, 100, 10).await.unwrap().len()
    };
    let all = LetterFilter::default;
    assert_eq!(count(all()).await, 5);
    assert_eq!(count(LetterFilter { from: Some(Offset(3)), to: Some(Offset(5)), ..all() }).await, 2);
    assert_eq!(count(LetterFilter { partition: Some(Partition(1)), ..all() }).await, 0);
    assert_eq!(count(LetterFilter { lane: Some(pinflow_pipeline::Lane::Batch), ..all() }).await, 0);
    assert_eq!(count(LetterFilter { reason: Some("`size`".to_owned()), ..all() }).await, 4);
    let now = pinflow_event::Clock::now(&*world.clock);
    assert_eq!(count(LetterFilter { since: Some(now), ..all() }).await, 5);
    assert_eq!(count(LetterFilter { since: Some(now.plus(Duration::from_millis(1))), ..all() }).await, 0);
    let mut writer = world.writer(mended()).await;
    let one = LetterFilter { from: Some(Offset(5)), ..all() };
    let outcome = writer.remove_letters(&LetterAction::Retry, &one).await.unwrap();
    assert_eq!(outcome, LetterOutcome { rows: 1, ..LetterOutcome::default() });
    assert_eq!(world.rows(&mended(), &["id", "note"]).await, ["1|a", "2|second", "4|null"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_runs_does_it_between_two_batches() {
    let world = world().await;
    let lane = world.lane(mended()).await;
    let (desk, drain) = (lane.letter_desk(), CancellationToken::new());
    let running = tokio::spawn(lane.run(drain.clone(), CancellationToken::new()));
    assert_eq!(desk.remove_letters(LetterAction::Retry, LetterFilter::default()).await.unwrap(), OUTCOME);
    world.append(0, [r#"{"id":5}"#]).await;
    drain.cancel();
    running.await.unwrap();
    assert_eq!(counts(&world.writer(mended()).await.status().get()), [4, 2, 1, 1, 0]);
    let ended = desk.remove_letters(LetterAction::Retry, LetterFilter::default()).await.unwrap_err();
    assert!(ended.to_string().contains("has ended"), "{ended}");
}

/// More letters than are worked on together: the oldest of one key wins over rounds, too.
#[tokio::test(flavor = "multi_thread")]
async fn letters_that_do_not_fit_into_memory_are_taken_in_rounds() {
    let world = World::new(1).await;
    let filling = Arc::new("x".repeat(9 << 20));
    for note in ["first", "second", "third", "fourth"] {
        world.append(0, [format!(r#"{{"id":1,"note":"{note}","size":"large","filling":"{filling}"}}"#)]).await;
    }
    assert_eq!(counts(&world.catch_up(stream()).await), [0, 0, 0, 4, 0]);
    let mut writer = world.writer(mended()).await;
    let outcome = writer.remove_letters(&LetterAction::Retry, &LetterFilter::default()).await.unwrap();
    assert_eq!((outcome.rows, outcome.duplicates), (1, 3));
    assert_eq!(world.rows(&mended(), &["id", "note"]).await, ["1|first"]);
    assert!(world.letters().await.is_empty());
}

/// Each round reads all letters, so many that stay take a while: records do not wait for the end, and nothing is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_lane_writes_batches_between_rounds_and_letters_that_stay_are_not_written_anew() {
    let world = World::new(1).await;
    for _ in 0..8 {
        world.append(0, ["x".repeat(9 << 20)]).await;
    }
    world.catch_up(stream()).await;
    let commits = world.commits("dead").len();
    world.append(0, [r#"{"id":1}"#]).await;
    let lane = world.lane(stream()).await;
    let (desk, status, drain) = (lane.letter_desk(), lane.status(), CancellationToken::new());
    let asked = tokio::spawn(async move { desk.remove_letters(LetterAction::Retry, LetterFilter::default()).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let running = tokio::spawn(lane.run(drain.clone(), CancellationToken::new()));
    let outcome = asked.await.unwrap().unwrap();
    assert_eq!((outcome, status.get().rows), (LetterOutcome { dead: 8, ..LetterOutcome::default() }, 1));
    drain.cancel();
    running.await.unwrap();
    assert_eq!(world.commits("dead").len(), commits);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_leave_are_no_batch() {
    let world = World::new(1).await;
    let events = [r#"{"id":1,"size":"large","colour":"red"}"#, r#"{"id":1,"size":"large"}"#, "not json"];
    world.append(0, events).await;
    world.catch_up(stream()).await;
    let mut writer = world.writer(mended()).await;
    let retried = writer.remove_letters(&LetterAction::Retry, &LetterFilter::default()).await.unwrap();
    assert_eq!((retried.rows, retried.duplicates), (1, 1));
    let commit = std::fs::read_to_string(world.commits("stream").pop().unwrap()).unwrap();
    assert!(commit.contains("pinflow.retried") && !commit.contains("pinflow.unknown_fields"), "{commit}");
    let action = LetterAction::Drop { reason: "hopeless".to_owned() };
    writer.remove_letters(&action, &LetterFilter::default()).await.unwrap();
    let status = writer.status();
    assert_eq!(counts(&status.get()), [1, 1, 0, 0, 1]);
    assert_eq!((status.get().batches, status.batches().len(), status.durations().count()), (0, 0, 0));
    assert_eq!((status.get().unknown.total().met, status.get().distinct_keys), (0, 1));
}
