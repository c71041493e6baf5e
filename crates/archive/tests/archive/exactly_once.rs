//! Whatever a store does, every offset ends up in the archive once.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use pinflow_archive::{ArchiveSettings, Compression, Format, PartitionerKind};
use pinflow_event::Offset;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{
    Fate, FaultyStore, Value, append, empty_log, json, log_of, numbered, read_from, stubborn_writer, writer,
};

fn settings(flush_size: u64) -> ArchiveSettings {
    ArchiveSettings { flush_size, ..ArchiveSettings::default() }
}

fn some_values(count: usize) -> Vec<Value> {
    (0..count).map(|n| json(&n.to_string())).collect()
}

/// The n-th put meets `fate`; then the writer goes on, or another one takes over.
async fn one_bad_put(fate: Fate, n: usize, restart: bool) {
    let values = some_values(10);
    let log = log_of(&values).await;
    let fates = vec![Fate::Succeeds; n].into_iter().chain([fate]);
    let store: Arc<dyn ObjectStore> = FaultyStore::new(Arc::new(InMemory::new()), fates);
    let mut first = writer(&store, &log, &settings(3)).await;
    first.flush_through(Offset(10)).await.unwrap_err();
    if restart {
        first = writer(&store, &log, &settings(3)).await;
    }
    first.flush_through(Offset(10)).await.unwrap();
    assert_eq!(read_from(&store, 0).await, numbered(&values), "{fate:?} at put {n}, restart: {restart}");
}

#[tokio::test]
async fn one_failed_or_ambiguous_put_at_any_place() {
    for n in 0..4 {
        for restart in [false, true] {
            one_bad_put(Fate::Fails, n, restart).await;
            one_bad_put(Fate::Ambiguous, n, restart).await;
        }
    }
}

#[tokio::test]
async fn an_ambiguous_put_followed_by_more_records() {
    let log = log_of(&some_values(2)).await;
    let store: Arc<dyn ObjectStore> = FaultyStore::new(Arc::new(InMemory::new()), [Fate::Ambiguous]);
    let mut writer = writer(&store, &log, &settings(5)).await;
    writer.flush_through(Offset(2)).await.unwrap_err();
    append(&*log, &some_values(9)[2..]).await;
    writer.flush_through(Offset(9)).await.unwrap();
    assert_eq!(read_from(&store, 0).await, numbered(&some_values(9)));
}

fn random_value(random: &mut ChaCha8Rng) -> Value {
    match random.random_range(0..10) {
        0 => None,
        1 => json(""),
        2 => Some((0..random.random_range(0..20)).map(|_| random.random()).collect()),
        _ => Some(
            format!("{{\"n\":{},\"text\":\"{}\"}}", random.random::<u32>(), "x".repeat(random.random_range(0..50)))
                .into_bytes(),
        ),
    }
}

fn random_fates(random: &mut ChaCha8Rng) -> Vec<Fate> {
    let fates = [Fate::Succeeds, Fate::Succeeds, Fate::Fails, Fate::Ambiguous];
    (0..60).map(|_| fates[random.random_range(0..fates.len())]).collect()
}

fn random_settings(random: &mut ChaCha8Rng) -> ArchiveSettings {
    let partitioners =
        [PartitionerKind::Default, PartitionerKind::Default, PartitionerKind::Hourly, PartitionerKind::Field];
    let compressions = [Compression::None, Compression::None, Compression::Gzip, Compression::Zstd];
    ArchiveSettings {
        flush_size: random.random_range(1..9),
        flush_bytes: random.random_range(1..400),
        format: if random.random_range(0..16) == 0 { Format::Parquet } else { Format::Json },
        compression: compressions[random.random_range(0..compressions.len())],
        partitioner: partitioners[random.random_range(0..partitioners.len())],
        partition_fields: vec!["n".to_owned()],
        ..ArchiveSettings::default()
    }
}

/// Appends, gathers, flushes and restarts at random on a faulty store, with settings that change at each restart.
async fn random_life(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let log = empty_log().await;
    let store: Arc<dyn ObjectStore> = FaultyStore::new(Arc::new(InMemory::new()), random_fates(&mut random));
    let mut archive = writer(&store, &log, &settings(5)).await;
    let mut values = Vec::new();
    for _ in 0..120 {
        match random.random_range(0..6) {
            0 | 1 => {
                let more: Vec<_> = (0..random.random_range(1..12)).map(|_| random_value(&mut random)).collect();
                append(&*log, &more).await;
                values.extend(more);
            }
            2 => drop(archive.gather().await),
            3 => drop(archive.flush().await),
            4 => drop(archive.flush_through(Offset(values.len() as u64)).await),
            _ => {
                let settings = random_settings(&mut random);
                archive = stubborn_writer(&store, &log, &settings).await;
            }
        }
    }
    while archive.flush_through(Offset(values.len() as u64)).await.is_err() {}
    // A value whose random bytes happen to be JSON with a line break would come back with a space; none of these seeds has one.
    assert_eq!(read_from(&store, 0).await, numbered(&values), "seed {seed}");
}

#[tokio::test]
async fn random_lives_keep_every_offset_once() {
    for seed in 0..20 {
        random_life(seed).await;
    }
}
