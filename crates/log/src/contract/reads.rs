//! Reads: limits, bounds, times, waiting.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use pinflow_event::{NewRecord, Offset, Partition, Timestamp};

use super::{Fixture, START, UNLIMITED, first_partition, offsets, text, values};
use crate::{LogError, ReadLimit};

/// As many records as there are within both limits, and no more.
pub async fn a_read_stops_at_its_limits(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    for _ in 0..3 {
        fixture.append(&topic, &["0123456789"; 4]).await;
    }
    let at = first_partition(&topic);
    for (from, records, bytes, expected) in [
        (0, usize::MAX, usize::MAX, 12),
        (0, 5, usize::MAX, 5),
        (0, 0, usize::MAX, 0),
        (0, usize::MAX, 50, 5),
        (0, usize::MAX, 59, 5),
        (3, 100, 60, 6),
        (3, 2, 60, 2),
        (10, 100, 1_000, 2),
        (12, 100, 1_000, 0),
    ] {
        let got = fixture.log.read(&at, Offset(from), ReadLimit { records, bytes }).await.unwrap();
        assert_eq!(offsets(&got), (from..from + expected).collect::<Vec<_>>(), "{records} records, {bytes} bytes");
    }
}

/// A reader with a small limit gets on all the same.
pub async fn a_read_returns_the_first_record_however_large(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let large = "x".repeat(100_000);
    fixture.append(&topic, &["a", &large, "b"]).await;
    let at = first_partition(&topic);
    for (from, expected) in [(0, 0), (1, 1), (2, 2)] {
        let got = fixture.log.read(&at, Offset(from), ReadLimit { records: 10, bytes: 1 }).await.unwrap();
        assert_eq!(offsets(&got), [expected]);
    }
    let got = fixture.log.read(&at, Offset(1), ReadLimit { records: 10, bytes: 0 }).await.unwrap();
    assert_eq!(values(&got), [large]);
}

/// Beyond the end is refused, with what is there; the end itself is empty.
pub async fn a_read_outside_the_bounds_is_refused(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    fixture.append(&topic, &["a", "b"]).await;
    let at = first_partition(&topic);
    assert_eq!(fixture.read(&at, 2).await, []);
    for offset in [3, u64::MAX] {
        match fixture.log.read(&at, Offset(offset), UNLIMITED).await {
            Err(LogError::OffsetOutOfRange { at: place, offset: asked, earliest, end }) => {
                assert_eq!((place, asked.0, earliest.0, end.0), (at.clone(), offset, 0, 2));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// From every offset on, records come without gaps, over thousands of records of all sizes.
pub async fn small_reads_find_every_record(fixture: Fixture) {
    const RECORDS: u64 = 3_000;
    let topic = fixture.topic("demo.pin", 1).await;
    let sizes = (0..RECORDS).map(|n| (n * n % 997) as usize);
    let records: Vec<_> = sizes.map(|size| (Partition(0), text(&"x".repeat(size)))).collect();
    for batch in records.chunks(17) {
        fixture.log.append(&topic, batch.to_vec()).await.unwrap();
    }
    let at = first_partition(&topic);
    let mut next = 0;
    while next < RECORDS {
        let limit = ReadLimit { records: 7, bytes: 2_000 };
        let got = fixture.log.read(&at, Offset(next), limit).await.unwrap();
        assert!(!got.is_empty(), "nothing at {next}");
        for record in got {
            assert_eq!(record.offset, Offset(next));
            assert_eq!(record.size(), (next * next % 997) as usize);
            next += 1;
        }
    }
    assert_eq!(fixture.read(&at, 0).await.len(), RECORDS as usize);
}

/// Times need not ascend; the first record that is late enough is found.
pub async fn a_time_finds_the_first_record_at_or_after_it(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let at = first_partition(&topic);
    let times: Vec<i64> = (0..1_000).map(|n| 10 * n + if n % 7 == 3 { -500 } else { 0 }).collect();
    for batch in times.chunks(9) {
        let record =
            |time: &i64| NewRecord { timestamp: Some(Timestamp::from_millis(*time)), ..text(&"x".repeat(200)) };
        fixture.log.append(&topic, batch.iter().map(|time| (Partition(0), record(time))).collect()).await.unwrap();
    }
    for time in [i64::MIN, -500, 0, 1, 9, 10, 11, 2_345, 5_000, 9_989, 9_990, 9_991, i64::MAX] {
        let expected = times.iter().position(|t| *t >= time).unwrap_or(times.len());
        let found = fixture.log.offset_at(&at, Timestamp::from_millis(time)).await.unwrap();
        assert_eq!(found, Offset(expected as u64), "time {time}");
    }
    assert_eq!(fixture.log.offset_at(&at, START).await.unwrap(), fixture.log.bounds(&at).await.unwrap().end);
}

/// A wait lasts while there is nothing to read, and not longer.
pub async fn a_wait_ends_with_the_next_record(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let at = first_partition(&topic);
    fixture.append(&topic, &["a"]).await;
    fixture.log.wait_beyond(&at, Offset(0)).await.unwrap();
    let mut wait = fixture.log.wait_beyond(&at, Offset(1));
    assert!((&mut wait).now_or_never().is_none(), "there is no offset 1 yet");
    fixture.append(&topic, &["b"]).await;
    wait.await.unwrap();
    assert_eq!(values(&fixture.read(&at, 1).await), ["b"]);
}

/// Everyone who waits is woken, each for what it waits for.
pub async fn many_waits_end_together(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let at = first_partition(&topic);
    let waits = (0..50).map(|n| {
        let (log, at) = (Arc::clone(&fixture.log), at.clone());
        tokio::spawn(async move {
            log.wait_beyond(&at, Offset(n % 5)).await.unwrap();
            assert!(!log.read(&at, Offset(n % 5), UNLIMITED).await.unwrap().is_empty());
        })
    });
    let waits: Vec<_> = waits.collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    for _ in 0..5 {
        fixture.append(&topic, &["a"]).await;
    }
    for joined in join_all(waits).await {
        joined.unwrap();
    }
}
