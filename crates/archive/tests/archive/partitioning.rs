//! Folders by time and by field: where objects are cut, and how their records find together again.

use std::sync::Arc;

use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pinflow_archive::{ArchiveError, ArchiveReader, ArchiveSettings, PartitionerKind, ReadSettings};
use pinflow_event::{Offset, Partition};
use pinflow_store::DurableLocalStore;

use crate::support::{Value, at, json, log_of, numbered, paths, read_from, timed_log_of, writer};

fn by_kind(flush_size: u64) -> ArchiveSettings {
    let partition_fields = vec!["kind".to_owned()];
    ArchiveSettings { flush_size, partitioner: PartitionerKind::Field, partition_fields, ..ArchiveSettings::default() }
}

fn of_kinds(kinds: &[&str]) -> Vec<Value> {
    kinds.iter().enumerate().map(|(n, kind)| json(&format!(r#"{{"n":{n},"kind":"{kind}"}}"#))).collect()
}

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

async fn content(store: &Arc<dyn ObjectStore>, path: &str) -> String {
    let path = Path::parse(format!("topics/demo.pin/{path}")).unwrap();
    String::from_utf8(store.get(&path).await.unwrap().bytes().await.unwrap().to_vec()).unwrap()
}

/// The counter is the partition's, across all folders; all that is open is stored when it is reached, as the connector does.
#[tokio::test]
async fn all_open_objects_are_stored_at_the_number_of_records() {
    let values = of_kinds(&["a", "b", "a", "b", "b", "a"]);
    let (store, log) = (memory(), log_of(&values).await);
    let mut archive = writer(&store, &log, &by_kind(4)).await;
    archive.gather().await.unwrap();
    assert_eq!(archive.next_offset(), Offset(4));
    let expected = [
        "_manifests/demo.pin+0+0000000000.manifest",
        "kind=a/demo.pin+0+0000000000.json",
        "kind=b/demo.pin+0+0000000001.json",
    ];
    assert_eq!(paths(&store).await, expected);
    assert_eq!(content(&store, expected[1]).await, "{\"n\":0,\"kind\":\"a\"}\n{\"n\":2,\"kind\":\"a\"}\n");
    let manifest = r#"{"start":0,"end":4,"objects":[{"path":"kind=a/demo.pin+0+0000000000.json","records":[[0,1],[2,1]]},{"path":"kind=b/demo.pin+0+0000000001.json","records":[[1,1],[3,1]]}]}"#;
    assert_eq!(content(&store, expected[0]).await, manifest);
    archive.flush().await.unwrap();
    assert_eq!(read_from(&store, 0).await, numbered(&values));
}

#[tokio::test]
async fn objects_that_do_not_interleave_need_no_manifest() {
    let (store, log) = (memory(), timed_log_of(&vec![json("{}"); 5]).await);
    let settings =
        ArchiveSettings { flush_size: 1, partitioner: PartitionerKind::Hourly, ..ArchiveSettings::default() };
    writer(&store, &log, &settings).await.flush_through(Offset(5)).await.unwrap();
    let expected = [
        "year=2026/month=01/day=31/hour=23/demo.pin+0+0000000000.json",
        "year=2026/month=01/day=31/hour=23/demo.pin+0+0000000001.json",
        "year=2026/month=02/day=01/hour=00/demo.pin+0+0000000002.json",
        "year=2026/month=02/day=01/hour=00/demo.pin+0+0000000003.json",
        "year=2026/month=02/day=01/hour=00/demo.pin+0+0000000004.json",
    ];
    assert_eq!(paths(&store).await, expected);
    assert_eq!(ArchiveReader::new(store.clone()).partitions(&at().topic).await.unwrap(), [Partition(0)]);
    assert_eq!(read_from(&store, 3).await.len(), 2);
}

/// A reader sees a group when all of it is there, and what a reader has seen stays.
#[tokio::test]
async fn a_group_that_is_under_way_is_not_seen() {
    let (store, log) = (memory(), log_of(&of_kinds(&["a", "b", "a", "b"])).await);
    writer(&store, &log, &by_kind(2)).await.flush_through(Offset(4)).await.unwrap();
    let last = Path::from("topics/demo.pin/kind=b/demo.pin+0+0000000003.json");
    let kept = store.get(&last).await.unwrap().bytes().await.unwrap();
    store.delete(&last).await.unwrap();
    assert_eq!(read_from(&store, 0).await.len(), 2);
    assert_eq!(ArchiveReader::new(store.clone()).extent(&at()).await.unwrap().end, Offset(2));
    // The next start writes the same object again.
    assert_eq!(writer(&store, &log, &by_kind(2)).await.next_offset(), Offset(4));
    assert_eq!(store.get(&last).await.unwrap().bytes().await.unwrap(), kept);
}

async fn faults(store: &Arc<dyn ObjectStore>) -> (Vec<String>, u64) {
    let mut batches =
        ArchiveReader::new(store.clone()).records(&at(), Offset(0), ReadSettings::default()).await.unwrap();
    let (mut faults, mut records) = (Vec::new(), 0);
    while let Some(next) = batches.next_batch().await {
        match next {
            Ok(batch) => records += batch.len() as u64,
            Err(ArchiveError::Missing { from, to, .. }) => faults.push(format!("missing {from}..{to}")),
            Err(ArchiveError::Damaged { path, offset, .. }) => {
                faults.push(format!("{} from {offset}", path.filename().unwrap()));
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    (faults, records)
}

/// The good objects of a group are kept, and the trouble is told once.
#[tokio::test]
async fn an_object_that_vanished_or_is_damaged_is_told() {
    let (store, log) = (memory(), log_of(&of_kinds(&["a", "b", "a", "b", "a", "b"])).await);
    writer(&store, &log, &by_kind(4)).await.flush_through(Offset(6)).await.unwrap();
    let path = Path::from("topics/demo.pin/kind=b/demo.pin+0+0000000001.json");
    store.put(&path, Bytes::from("{\"n\":1,\"kind\":\"b\"}\n").into()).await.unwrap();
    assert_eq!(faults(&store).await, (vec!["demo.pin+0+0000000001.json from 3".to_owned()], 5));
    store.put(&path, Bytes::from("1\n2\n3\n").into()).await.unwrap();
    assert_eq!(faults(&store).await, (vec!["demo.pin+0+0000000001.json from 4".to_owned()], 6));
    store.delete(&path).await.unwrap();
    assert_eq!(faults(&store).await, (vec!["missing 1..2".to_owned()], 4));
}

/// Values become names of folders in a real file system, and nothing leads out of it.
#[tokio::test]
async fn any_value_is_a_folder_on_disk() {
    let folder = tempfile::TempDir::new().unwrap();
    let values = of_kinds(&["a", "../../../x", "50%", "", ".", "..", "a/b", "Ünï", "x y", "*", "\\u0000"]);
    let log = log_of(&values).await;
    let store: Arc<dyn ObjectStore> = Arc::new(DurableLocalStore::open(folder.path()).unwrap());
    writer(&store, &log, &by_kind(100)).await.flush_through(Offset(11)).await.unwrap();
    assert_eq!(paths(&store).await.len(), 12);
    for reader in [ArchiveReader::new(store.clone()), ArchiveReader::local(store.clone(), folder.path().to_owned())] {
        let mut batches = reader.records(&at(), Offset(0), ReadSettings::default()).await.unwrap();
        let batch = batches.next_batch().await.unwrap().unwrap();
        let read: Vec<Value> = batch.values().map(|value| value.map(<[u8]>::to_vec)).collect();
        assert_eq!(read, values);
    }
}

/// The connector's own objects have no manifest. As long as they do not interleave their names and lines tell everything.
#[tokio::test]
async fn partitioned_objects_of_the_connector_are_read() {
    let store = memory();
    for (path, lines) in [
        ("year=2026/month=01/demo.pin+0+0000000000.json", "1\n2\n"),
        ("year=2026/month=02/demo.pin+0+0000000002.json", "3\n"),
        ("year=2026/month=02/demo.pin+1+0000000000.json", "other\n"),
        ("_temporary/demo.pin+0+0000000003.json", "no\n"),
    ] {
        store.put(&Path::parse(format!("topics/demo.pin/{path}")).unwrap(), lines.into()).await.unwrap();
    }
    assert_eq!(read_from(&store, 0).await, numbered(&["1", "2", "3"].map(json)));
    let partitions = ArchiveReader::new(store).partitions(&at().topic).await.unwrap();
    assert_eq!(partitions, [Partition(0), Partition(1)]);
}
