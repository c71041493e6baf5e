//! What stands in the objects, where they are cut, and what is refused.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use pinflow_archive::{ArchiveError, ArchiveSettings, ArchiveWriter};
use pinflow_event::{Offset, Timestamp};
use pinflow_log::{EventLog, LogError, TopicConfig};
use pinflow_store::DurableLocalStore;

use crate::support::{
    append, at, clock, contents, empty_log, json, log_of, names, numbered, object, read_from, store_of, writer,
};

fn settings(flush_size: u64) -> ArchiveSettings {
    ArchiveSettings { flush_size, ..ArchiveSettings::default() }
}

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

#[tokio::test]
async fn an_object_a_record_as_the_original_has_it() {
    let (store, log) = (memory(), log_of(&[json(r#"{"a":1}"#), json(r#"{"a":2}"#)]).await);
    writer(&store, &log, &settings(1)).await.gather().await.unwrap();
    let expected = [("0000000000.json", "{\"a\":1}\n"), ("0000000001.json", "{\"a\":2}\n")];
    assert_eq!(contents(&store).await, expected.map(|(name, content)| (name.to_owned(), Bytes::from(content))));
}

#[tokio::test]
async fn objects_are_cut_exactly_at_the_number_of_records() {
    let (store, log) = (memory(), log_of(&vec![json("{}"); 7]).await);
    let mut writer = writer(&store, &log, &settings(3)).await;
    writer.gather().await.unwrap();
    assert_eq!(names(&store).await, ["0000000000.json", "0000000003.json"]);
    assert_eq!((writer.next_offset(), writer.gathered()), (Offset(6), Offset(7)));
    writer.flush().await.unwrap();
    assert_eq!(names(&store).await.last().unwrap(), "0000000006.json");
}

#[tokio::test]
async fn objects_do_not_grow_over_their_size_unless_one_record_does() {
    let settings = ArchiveSettings { flush_bytes: 10, ..ArchiveSettings::default() };
    let values = [json("[1]"), json("[2]"), json("[3]"), json("[1,2,3,4,5,6,7]"), json("[4]")];
    let (store, log) = (memory(), log_of(&values).await);
    writer(&store, &log, &settings).await.flush_through(Offset(5)).await.unwrap();
    assert_eq!(names(&store).await, ["0000000000.json", "0000000002.json", "0000000003.json", "0000000004.json"]);
    assert!(contents(&store).await.iter().all(|(name, content)| content.len() <= 10 || name.starts_with("0000000003")));
}

#[tokio::test]
async fn what_is_no_line_of_json_lies_beside_it() {
    let values = [json("{}"), None, json(""), Some(b"\xff\n".to_vec()), json("[1,\n2]"), json("{")];
    let (store, log) = (memory(), log_of(&values).await);
    writer(&store, &log, &settings(100)).await.flush_through(Offset(6)).await.unwrap();
    let expected: [(&str, &[u8]); 4] = [
        ("0000000000.json", b"{}\n"),
        ("0000000001.raw", b"\xff\xff\xff\xff\0\0\0\0\0\0\0\x02\xff\n"),
        ("0000000004.json", b"[1, 2]\n"),
        ("0000000005.raw", b"\0\0\0\x01{"),
    ];
    assert_eq!(contents(&store).await, expected.map(|(name, content)| (name.to_owned(), Bytes::from_static(content))));
    let mut given_back = numbered(&values);
    given_back[4].1 = json("[1, 2]");
    assert_eq!(read_from(&store, 0).await, given_back);
}

#[tokio::test]
async fn the_same_log_gives_the_same_objects() {
    let values: Vec<_> = (0..500).map(|n| if n % 17 == 0 { None } else { json(&format!("{{\"n\":{n}}}")) }).collect();
    let log = log_of(&values).await;
    let (once, in_steps) = (memory(), memory());
    writer(&once, &log, &settings(64)).await.flush_through(Offset(500)).await.unwrap();
    while writer(&in_steps, &log, &settings(64)).await.next_offset() < Offset(448) {
        writer(&in_steps, &log, &settings(64)).await.gather().await.unwrap();
    }
    writer(&in_steps, &log, &settings(64)).await.flush_through(Offset(500)).await.unwrap();
    assert_eq!(contents(&once).await, contents(&in_steps).await);
}

#[tokio::test]
async fn a_flush_of_nothing_writes_nothing() {
    let (store, log) = (memory(), empty_log().await);
    let mut writer = writer(&store, &log, &settings(1)).await;
    writer.flush().await.unwrap();
    writer.flush_through(Offset(0)).await.unwrap();
    assert_eq!((names(&store).await, writer.due()), (Vec::<String>::new(), None));
}

#[tokio::test]
async fn a_restart_goes_on_behind_the_last_object_in_a_local_folder() {
    let folder = tempfile::TempDir::new().unwrap();
    let log = log_of(&vec![json("{}"); 5]).await;
    for end in [2, 3, 5] {
        let store: Arc<dyn ObjectStore> = Arc::new(DurableLocalStore::open(folder.path()).unwrap());
        let mut writer = writer(&store, &log, &settings(2)).await;
        writer.flush_through(Offset(end)).await.unwrap();
    }
    let store: Arc<dyn ObjectStore> = Arc::new(DurableLocalStore::open(folder.path()).unwrap());
    assert_eq!(names(&store).await, ["0000000000.json", "0000000002.json", "0000000004.json"]);
    assert_eq!(read_from(&store, 0).await, numbered(&vec![json("{}"); 5]));
}

#[tokio::test]
async fn the_log_keeps_what_is_not_stored_yet() {
    let log = empty_log().await;
    log.delete_topic(&at().topic).await.unwrap();
    let keep_nothing = TopicConfig { retention_age: Some(Duration::ZERO), ..TopicConfig::default() };
    log.create_topic(&at().topic, keep_nothing).await.unwrap();
    append(&*log, &vec![json("{}"); 5]).await;
    let store = memory();
    let mut writer = writer(&store, &log, &settings(3)).await;
    writer.gather().await.unwrap();
    log.enforce_retention(Timestamp::from_millis(i64::MAX)).await.unwrap();
    assert!(log.bounds(&at()).await.unwrap().earliest <= Offset(3), "what no object holds was dropped");
    writer.flush_through(Offset(5)).await.unwrap();
    assert_eq!(read_from(&store, 0).await.len(), 5);
}

async fn recover(
    store: &Arc<dyn ObjectStore>,
    log: &Arc<pinflow_log::MemoryLog>,
) -> Result<ArchiveWriter, ArchiveError> {
    ArchiveWriter::recover(store.clone(), log.clone(), at(), settings(10), clock()).await
}

#[tokio::test]
async fn a_log_that_is_not_the_archives_is_refused() {
    let store = store_of(&[("0000000010.json", b"{}\n")]).await;
    let error = recover(&store, &log_of(&[json("{}")]).await).await.unwrap_err();
    assert!(matches!(error, ArchiveError::LogTooShort { wanted: Offset(11), end: Offset(1), .. }), "{error}");
}

#[tokio::test]
async fn records_that_retention_took_are_told_not_skipped() {
    let log = empty_log().await;
    log.delete_topic(&at().topic).await.unwrap();
    let keep_nothing = TopicConfig { retention_age: Some(Duration::ZERO), ..TopicConfig::default() };
    log.create_topic(&at().topic, keep_nothing).await.unwrap();
    append(&*log, &vec![json("{}"); 5]).await;
    log.enforce_retention(Timestamp::from_millis(i64::MAX)).await.unwrap();
    let earliest = log.bounds(&at()).await.unwrap().earliest;
    assert!(earliest > Offset(0), "nothing was dropped, so there is nothing to test");
    let error = recover(&memory(), &log).await.unwrap_err();
    assert!(
        matches!(error, ArchiveError::RecordsLost { next: Offset(0), earliest: e, .. } if e == earliest),
        "{error}"
    );
}

#[tokio::test]
async fn a_newest_object_that_does_not_tell_its_end_is_refused() {
    let log = log_of(&vec![json("{}"); 20]).await;
    let torn: [(&str, &[u8]); 5] = [
        ("0000000003.json", b"{}\n12"),
        ("0000000003.json", b""),
        ("0000000003.json", b"{}\n{\"a"),
        ("0000000003.raw", b"\0\0"),
        ("0000000003.raw", b"\0\0\0\x05abc"),
    ];
    for (name, content) in torn {
        let error =
            recover(&store_of(&[("0000000000.json", b"1\n2\n3\n"), (name, content)]).await, &log).await.unwrap_err();
        assert!(
            matches!(&error, ArchiveError::Torn { path, .. } if *path == object(name)),
            "{name} {content:?}: {error}"
        );
        assert!(error.to_string().contains("written anew from the log"), "{error}");
    }
    // What the log has no more must not be removed.
    let shorter = log_of(&vec![json("{}"); 2]).await;
    let torn = store_of(&[("0000000000.json", b"1\n2\n3\n"), ("0000000003.json", b"")]).await;
    let error = recover(&torn, &shorter).await.unwrap_err().to_string();
    assert!(error.contains("+0000000003.json` is empty or ends within a record; restore it from a copy"), "{error}");
    let twice = store_of(&[("0000000003.json", b"1\n"), ("0000000003.raw", b"\0\0\0\0")]).await;
    assert!(matches!(recover(&twice, &log).await.unwrap_err(), ArchiveError::Repeated { .. }));
    let packed = store_of(&[("0000000000.json", b"1\n"), ("0000000003.avro", b"?")]).await;
    assert!(matches!(recover(&packed, &log).await.unwrap_err(), ArchiveError::UnknownKind { .. }));
    let broken = store_of(&[("0000000000.json", b"1\n"), ("0000000003.json.gz", b"?")]).await;
    assert!(matches!(recover(&broken, &log).await.unwrap_err(), ArchiveError::Damaged { .. }));
}

#[tokio::test]
async fn older_objects_need_not_be_in_order_to_go_on() {
    let log = log_of(&vec![json("{}"); 20]).await;
    let store =
        store_of(&[("0000000000.json.gz", b"?"), ("0000000002.json", b""), ("0000000003.json", b"1\n{}")]).await;
    assert_eq!(recover(&store, &log).await.unwrap().next_offset(), Offset(5));
}

#[tokio::test]
async fn an_object_of_somebody_else_is_not_overwritten() {
    let log = log_of(&[json("[1]"), json("[2]")]).await;
    for foreign in [b"[1]\n[3]\n".as_slice(), b"", b"[1]\n[2", b"[1]\n[2]\n[3]\n"] {
        let store = memory();
        let mut writer = writer(&store, &log, &settings(10)).await;
        store.put(&object("0000000000.json"), Bytes::from_static(foreign).into()).await.unwrap();
        let error = writer.flush_through(Offset(2)).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Conflict { .. }), "{foreign:?}: {error}");
        store.delete(&object("0000000000.json")).await.unwrap();
        writer.flush_through(Offset(2)).await.unwrap();
        assert_eq!(read_from(&store, 0).await.len(), 2);
    }
}

#[tokio::test]
async fn a_flush_beyond_the_log_is_told() {
    let (store, log) = (memory(), log_of(&[json("{}")]).await);
    let error = writer(&store, &log, &settings(10)).await.flush_through(Offset(2)).await.unwrap_err();
    assert!(matches!(error, ArchiveError::LogTooShort { wanted: Offset(2), end: Offset(1), .. }), "{error}");
}

#[tokio::test]
async fn a_topic_that_went_is_told() {
    let (store, log) = (memory(), log_of(&[json("{}")]).await);
    let mut writer = writer(&store, &log, &settings(10)).await;
    log.delete_topic(&at().topic).await.unwrap();
    let error = writer.gather().await.unwrap_err();
    assert!(matches!(error, ArchiveError::Log { source: LogError::UnknownTopic(_), .. }), "{error}");
}
