//! A batch lane, which looks its keys up in the table: letters that are tried again, columns that are new.

use pinflow_lane::{BatchSettings, ChangedDefinition, LetterAction, LetterFilter, LetterOutcome};
use pinflow_pipeline::{Lane, Stream, UnknownFieldPolicies, UnknownFieldPolicy};

use crate::world::{World, counts, mended, stream};

/// A lane that was just started knows no key of its table; those of letters are looked for, and those that came while they were letters.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_a_start_finds_keys_in_the_table() {
    let world = World::new(1).await;
    world.put(0, &[r#"{"id":1}"#, r#"{"id":2,"size":"large"}"#, r#"{"id":1,"size":"large"}"#]).await;
    world.put(3, &[r#"{"id":3,"size":"large"}"#, r#"{"id":3,"note":"second","size":"huge"}"#]).await;
    let mut lane = world.batch_lane(stream()).await;
    lane.run().await.unwrap();
    assert_eq!(counts(&lane.status().get()), [1, 0, 0, 4, 0]);
    world.put(5, &[r#"{"id":2,"note":"came first"}"#]).await;
    lane.run().await.unwrap();
    assert_eq!(counts(&lane.status().get()), [2, 0, 0, 4, 0]);

    let mut lane = world.batch_lane(mended()).await;
    let outcome = lane.remove_letters(&LetterAction::Retry, &LetterFilter::default()).await.unwrap();
    assert_eq!(outcome, LetterOutcome { rows: 1, duplicates: 3, ..LetterOutcome::default() });
    let rows = world.rows_of(Lane::Batch, &mended(), &["id", "note", "size"]).await;
    assert_eq!(rows, ["1|null|null", "2|came first|null", "3|null|null"]);
    assert_eq!(world.letters().await.len(), 0);

    // What the retry brought in is in the table for the next one, too.
    world.put(6, &[r#"{"id":3}"#, r#"{"id":4}"#]).await;
    let settings = BatchSettings { changed_definition: ChangedDefinition::Mix, ..BatchSettings::default() };
    let mut lane = world.batch_lane(stream()).await.with_settings(settings);
    let run = lane.run().await.unwrap();
    assert_eq!((run.rows, run.duplicates), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_looks_keys_up_brings_new_columns() {
    let evolving = Stream {
        unknown_fields: UnknownFieldPolicies { others: UnknownFieldPolicy::Evolve, ..Default::default() },
        ..stream()
    };
    let world = World::new(1).await;
    world.put(0, &[r#"{"id":1}"#, r#"{"id":2}"#]).await;
    world.batch_lane(evolving.clone()).await.run().await.unwrap();
    world.put(2, &[r#"{"id":2,"colour":"a duplicate's"}"#, r#"{"id":3,"colour":"red"}"#]).await;
    let run = world.batch_lane(evolving.clone()).await.run().await.unwrap();
    assert_eq!((run.rows, run.duplicates), (1, 1));
    let rows = world.rows_of(Lane::Batch, &evolving, &["id", "colour"]).await;
    assert_eq!(rows, ["1|null", "2|null", "3|red"]);
    world.put(4, &[r#"{"id":1,"colour":"late"}"#, r#"{"id":4,"weight":5}"#]).await;
    world.batch_lane(evolving.clone()).await.run().await.unwrap();
    let rows = world.rows_of(Lane::Batch, &evolving, &["id", "colour", "weight"]).await;
    assert_eq!(rows, ["1|null|null", "2|null|null", "3|red|null", "4|null|5"]);
}
