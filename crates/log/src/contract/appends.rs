//! Appends: order, offsets, whole batches, faithful records.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use pinflow_event::{Header, NewRecord, Offset, Partition, Timestamp, TopicPartition};

use super::{Fixture, START, UNLIMITED, first_partition, offsets, text, values};
use crate::{DEFAULT_MAX_RECORD_BYTES, EventLog, LogError};

/// Offsets count from 0 without gaps; records of one call and of calls after each other keep their order.
pub async fn records_keep_their_order_and_get_the_next_offsets(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    assert_eq!(fixture.append(&topic, &["a", "b", "c"]).await, [0, 1, 2]);
    assert_eq!(fixture.append(&topic, &["d"]).await, [3]);
    assert_eq!(fixture.append(&topic, &["e", "f"]).await, [4, 5]);
    let at = first_partition(&topic);
    let records = fixture.read(&at, 0).await;
    assert_eq!(values(&records), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(offsets(&records), [0, 1, 2, 3, 4, 5]);
    assert_eq!(values(&fixture.read(&at, 4).await), ["e", "f"]);
    assert_eq!(fixture.log.bounds(&at).await.unwrap().end, Offset(6));
}

/// The answer has one place a record, in the order of the call, whatever partitions they go to.
pub async fn an_append_to_several_partitions_answers_in_its_own_order(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 4).await;
    fixture.log.append(&topic, vec![(Partition(2), text("before"))]).await.unwrap();
    let sent = [(3, "a"), (0, "b"), (2, "c"), (3, "d"), (2, "e")];
    let records = sent.iter().map(|(partition, value)| (Partition(*partition), text(value))).collect();
    let places = fixture.log.append(&topic, records).await.unwrap();
    let places: Vec<_> = places.iter().map(|place| (place.partition.0, place.offset.0)).collect();
    assert_eq!(places, [(3, 0), (0, 0), (2, 1), (3, 1), (2, 2)]);
    for (partition, expected) in [(0, vec!["b"]), (1, vec![]), (2, vec!["before", "c", "e"]), (3, vec!["a", "d"])] {
        let at = TopicPartition::new(topic.clone(), Partition(partition));
        assert_eq!(values(&fixture.read(&at, 0).await), expected);
    }
}

/// Where one record cannot be stored, none of the call is, in no partition.
pub async fn one_bad_record_refuses_the_whole_append(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 2).await;
    let records = vec![(Partition(0), text("a")), (Partition(1), text("b")), (Partition(7), text("c"))];
    assert!(fixture.log.append(&topic, records).await.is_err());
    for partition in 0..2 {
        let at = TopicPartition::new(topic.clone(), Partition(partition));
        assert_eq!(fixture.log.bounds(&at).await.unwrap().end, Offset::ZERO);
    }
}

/// Nothing is appended, and that is no failure.
pub async fn an_append_of_nothing_is_fine(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    assert_eq!(fixture.log.append(&topic, vec![]).await.unwrap(), []);
    assert_eq!(fixture.append(&topic, &["a"]).await, [0]);
}

/// Null and empty stay apart, bytes stay bytes, headers keep their order and may repeat.
pub async fn a_record_comes_back_as_it_was_sent(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let bytes = |b: &'static [u8]| Some(Bytes::from_static(b));
    let header = |name: &str, value| Header { name: name.into(), value };
    let sent = vec![
        NewRecord { key: bytes(b"key"), value: bytes(b"value"), ..NewRecord::default() },
        NewRecord { key: None, value: None, ..NewRecord::default() },
        NewRecord { key: bytes(b""), value: bytes(b""), ..NewRecord::default() },
        NewRecord { key: bytes(&[0, 0xff, 0xfe, b'\n', 0]), value: bytes(&[0x80; 300]), ..NewRecord::default() },
        NewRecord { key: bytes(b"tombstone"), timestamp: Some(Timestamp::from_millis(-1)), ..NewRecord::default() },
        NewRecord {
            value: bytes("{\"title\":\"caf\u{e9} \u{1f37a}\\n\"}".as_bytes()),
            headers: vec![
                header("h", bytes(b"1")),
                header("h", None),
                header("", bytes(b"")),
                header("\u{fc}", bytes(&[0xff])),
            ],
            timestamp: Some(Timestamp::from_millis(1_500_000_000_123)),
            ..NewRecord::default()
        },
    ];
    let records = sent.iter().map(|record| (Partition(0), record.clone())).collect();
    let places = fixture.log.append(&topic, records).await.unwrap();
    let got = fixture.read(&first_partition(&topic), 0).await;
    assert_eq!(got.len(), sent.len());
    for ((got, sent), place) in got.iter().zip(&sent).zip(places) {
        assert_eq!((&got.key, &got.value, &got.headers), (&sent.key, &sent.value, &sent.headers));
        assert_eq!(got.timestamp, sent.timestamp.unwrap_or(START));
        assert_eq!((got.offset, got.timestamp), (place.offset, place.timestamp));
    }
}

/// The log's clock gives the time where the client gave none.
pub async fn a_record_without_a_time_gets_the_arrival_time(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    fixture.append(&topic, &["a"]).await;
    fixture.clock.advance(std::time::Duration::from_millis(1_234));
    fixture.append(&topic, &["b"]).await;
    let times: Vec<_> = fixture.read(&first_partition(&topic), 0).await.iter().map(|record| record.timestamp).collect();
    assert_eq!(times, [START, Timestamp::from_millis(START.as_millis() + 1_234)]);
}

/// Records of megabytes are kept between small ones.
pub async fn large_records_are_kept(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let large: Bytes = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let records = vec![text("a"), NewRecord::from_value(large.clone()), text("b")];
    fixture.log.append(&topic, records.into_iter().map(|record| (Partition(0), record)).collect()).await.unwrap();
    fixture.append(&topic, &["c"]).await;
    let got = fixture.read(&first_partition(&topic), 0).await;
    assert_eq!(got.len(), 4);
    assert!(got[1].value.as_ref() == Some(&large), "the large record is another one");
    assert_eq!(got[3].value.as_deref(), Some(&b"c"[..]));
}

/// A record that is too large is refused, with its size and the limit.
pub async fn a_record_above_the_limit_is_refused(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let record = NewRecord::from_value(vec![0; DEFAULT_MAX_RECORD_BYTES + 1]);
    let refused = fixture.log.append(&topic, vec![(Partition(0), text("a")), (Partition(0), record)]).await;
    assert!(matches!(refused, Err(LogError::RecordTooLarge { size, limit, .. }) if size > limit));
    assert_eq!(fixture.read(&first_partition(&topic), 0).await, []);
}

/// A client that goes away leaves its whole batch, or nothing of it.
pub async fn a_dropped_append_stores_all_or_nothing(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    for _ in 0..20 {
        let records = (0..50).map(|n| (Partition(0), text(&n.to_string()))).collect();
        // Polled once, then dropped.
        let _ = fixture.log.append(&topic, records).now_or_never();
    }
    // What was queued before is stored before this.
    let end = fixture.append(&topic, &["end"]).await[0];
    assert_eq!(end % 50, 0);
    let got = fixture.read(&first_partition(&topic), 0).await;
    for (n, record) in got[..end as usize].iter().enumerate() {
        assert_eq!(record.value.as_deref(), Some((n % 50).to_string().as_bytes()));
    }
}

/// Batches of many tasks are contiguous, and each task's batches are in its order.
pub async fn concurrent_appends_are_whole_and_in_order(fixture: Fixture) {
    const TASKS: usize = 16;
    const BATCHES: usize = 20;
    let topic = fixture.topic("demo.pin", 3).await;
    let tasks = (0..TASKS).map(|task| {
        let (log, topic) = (Arc::clone(&fixture.log), topic.clone());
        tokio::spawn(async move {
            for batch in 0..BATCHES {
                let records = (0..6).map(|n| (Partition(n % 3), text(&format!("{task} {batch} {}", n / 3)))).collect();
                let places = log.append(&topic, records).await.unwrap();
                assert_eq!(places[3].offset, places[0].offset.plus(1));
            }
        })
    });
    for joined in join_all(tasks).await {
        joined.unwrap();
    }
    for partition in 0..3 {
        let at = TopicPartition::new(topic.clone(), Partition(partition));
        check_batches(&*fixture.log, &at, TASKS, BATCHES).await;
    }
}

async fn check_batches(log: &dyn EventLog, at: &TopicPartition, tasks: usize, batches: usize) {
    let records = log.read(at, Offset::ZERO, UNLIMITED).await.unwrap();
    assert_eq!(records.len(), tasks * batches * 2);
    let mut next_batch = vec![0; tasks];
    for pair in values(&records).chunks(2) {
        let (first, second) = (pair[0].strip_suffix(" 0").unwrap(), pair[1].strip_suffix(" 1").unwrap());
        assert_eq!(first, second, "a batch was torn apart");
        let (task, batch) = first.split_once(' ').unwrap();
        let (task, batch): (usize, usize) = (task.parse().unwrap(), batch.parse().unwrap());
        assert_eq!(batch, next_batch[task], "task {task}");
        next_batch[task] += 1;
    }
    assert_eq!(next_batch, vec![batches; tasks]);
}
