//! Objects that others wrote, gaps, overlaps, damage, and many small ones.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use pinflow_archive::{ArchiveError, ArchiveReader, ObjectKind, ReadSettings};
use pinflow_event::{Offset, Partition};
use pinflow_store::DurableLocalStore;

use crate::support::{at, json, object, read_from, store_of};

/// What reading gives: the offsets of each batch, or the error's kind.
async fn story(store: &Arc<dyn ObjectStore>, from: u64, settings: ReadSettings) -> Vec<String> {
    story_of(&ArchiveReader::new(store.clone()), from, settings).await
}

async fn story_of(reader: &ArchiveReader, from: u64, settings: ReadSettings) -> Vec<String> {
    let mut batches = reader.records(&at(), Offset(from), settings).await.unwrap();
    let mut story = Vec::new();
    while let Some(next) = batches.next_batch().await {
        story.push(match next {
            Ok(batch) => {
                assert_eq!(batch.values().count(), batch.len());
                format!("{}..{}", batch.first, batch.end())
            }
            Err(ArchiveError::Missing { from, to, .. }) => format!("missing {from}..{to}"),
            Err(ArchiveError::Repeated { end, .. }) => format!("repeated before {end}"),
            Err(ArchiveError::Damaged { byte, offset, .. }) => format!("damaged at {byte}, offset {offset}"),
            Err(error) => error.to_string(),
        });
    }
    story
}

#[tokio::test]
async fn objects_of_the_connector_and_of_hand_are_read() {
    let store = store_of(&[
        ("0000000000.json", b"{\"a\":1}\r\n{\"a\":2}\r\n"),
        ("2.json", b"{\"a\":3}"),
        ("0000000003.keys.json", b"ignored"),
        ("00000000003.json", b"null\n"),
    ])
    .await;
    let expected: Vec<_> = (0..).zip([r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#, "null"].map(json)).collect();
    assert_eq!(read_from(&store, 0).await, expected);
    assert_eq!(read_from(&store, 1).await, expected[1..]);
    assert_eq!(read_from(&store, 4).await, []);
}

#[tokio::test]
async fn offsets_with_more_than_ten_digits_are_in_order() {
    let store =
        store_of(&[("9999999998.json", b"1\n2\n"), ("10000000000.json", b"3\n"), ("10000000001.json", b"4\n")]).await;
    assert_eq!(story(&store, 9_999_999_999, ReadSettings::default()).await, ["9999999999..10000000002"]);
}

#[tokio::test]
async fn only_objects_that_may_hold_the_offset_are_looked_at() {
    let store = store_of(&[("0.json", b"1\n2\n"), ("2.raw", b"\0\0\0\0"), ("3.json", b"4\n")]).await;
    let reader = ArchiveReader::new(store);
    for (from, starts) in [(0, vec![0, 2, 3]), (1, vec![0, 2, 3]), (2, vec![2, 3]), (3, vec![3]), (99, vec![3])] {
        let listing = reader.objects(&at(), Offset(from)).await.unwrap();
        assert_eq!(listing.objects.iter().map(|object| object.start.0).collect::<Vec<_>>(), starts, "from {from}");
    }
    let listing = reader.objects(&at(), Offset(2)).await.unwrap();
    assert_eq!((listing.objects[0].kind, listing.objects[0].size), (ObjectKind::Raw, 4));
}

#[tokio::test]
async fn an_archive_of_nothing_is_empty() {
    let store = store_of(&[]).await;
    let reader = ArchiveReader::new(store.clone());
    assert_eq!(read_from(&store, 0).await, []);
    assert_eq!(reader.extent(&at()).await.unwrap(), Default::default());
    assert_eq!(reader.partitions(&at().topic).await.unwrap(), []);
}

#[tokio::test]
async fn partitions_are_those_with_a_folder() {
    let store = store_of(&[("0.json", b"1\n")]).await;
    for path in ["topics/demo.pin/partition=11/x", "topics/demo.pin/other/x", "topics/demo.pin2/partition=3/x"] {
        store.put(&object_store::path::Path::from(path), Bytes::new().into()).await.unwrap();
    }
    let partitions = ArchiveReader::new(store).partitions(&at().topic).await.unwrap();
    assert_eq!(partitions, [Partition(0), Partition(11)]);
}

#[tokio::test]
async fn gaps_and_overlaps_are_told_and_nothing_comes_twice() {
    let store = store_of(&[("2.json", b"1\n2\n3\n"), ("4.json", b"3\n4\n"), ("5.json", b""), ("9.json", b"1\n")]).await;
    let expected = ["missing 0..2", "2..5", "repeated before 5", "5..6", "repeated before 6", "missing 6..9", "9..10"]
        .map(str::to_owned);
    assert_eq!(story(&store, 0, ReadSettings::default()).await, expected);
}

#[tokio::test]
async fn the_records_before_a_damage_are_kept() {
    let store = store_of(&[("0.raw", b"\0\0\0\x01x\0\0\0\x09x"), ("1.json", b"1\n")]).await;
    assert_eq!(story(&store, 0, ReadSettings::default()).await, ["0..1", "damaged at 5, offset 1", "1..2"]);
}

#[tokio::test]
async fn objects_of_other_kinds_are_told_where_they_matter() {
    let store = store_of(&[("0.avro", b"?"), ("5.json", b"1\n2\n")]).await;
    let story_from_start = story(&store, 0, ReadSettings::default()).await;
    assert!(story_from_start[0].contains("of a kind that is not read here"), "{story_from_start:?}");
    assert_eq!(story_from_start[1..], ["missing 0..5", "5..7"]);
    assert_eq!(story(&store, 6, ReadSettings::default()).await, ["6..7"]);
    // What stands before it does not wait for it.
    let store = store_of(&[("0.json", b"1\n2\n"), ("2.txt", b"?"), ("3.json", b"4\n")]).await;
    let story = story(&store, 0, ReadSettings::default()).await;
    assert!(story[1].contains("2.txt` is of a kind that is not read here"), "{story:?}");
    assert_eq!([&story[0], &story[2], &story[3]], ["0..2", "missing 2..3", "3..4"]);
}

#[tokio::test]
async fn an_object_that_went_meanwhile_is_told() {
    let store = store_of(&[("0.json", b"1\n"), ("1.json", b"2\n")]).await;
    let mut batches =
        ArchiveReader::new(store.clone()).records(&at(), Offset(0), ReadSettings::default()).await.unwrap();
    store.delete(&object("1.json")).await.unwrap();
    assert_eq!(batches.next_batch().await.unwrap().unwrap().end(), Offset(1));
    assert!(matches!(batches.next_batch().await, Some(Err(ArchiveError::Store { action: "read", .. }))));
    assert!(batches.next_batch().await.is_none());
}

#[tokio::test]
async fn batches_put_small_objects_together_and_divide_large_ones() {
    let store = store_of(&[("0.json", b"1\n"), ("1.json", b"2\n3\n4\n5\n6\n"), ("6.json", b"7\n")]).await;
    let by_records = ReadSettings { batch_records: 3, ..ReadSettings::default() };
    assert_eq!(story(&store, 0, by_records).await, ["0..3", "3..6", "6..7"]);
    let by_bytes = ReadSettings { batch_bytes: 3, ..ReadSettings::default() };
    assert_eq!(story(&store, 0, by_bytes).await, ["0..2", "2..4", "4..6", "6..7"]);
}

#[tokio::test]
async fn little_memory_is_enough_for_any_object() {
    let store = InMemory::new();
    for n in 0..50 {
        let line = format!("\"{}\"\n", "x".repeat(n * 1000));
        store.put(&object(&format!("{n}.json")), line.into()).await.unwrap();
    }
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    for memory_bytes in [0, 4096, 30_000] {
        let settings = ReadSettings { memory_bytes, concurrency: 8, ..ReadSettings::default() };
        assert_eq!(story(&store, 0, settings).await, ["0..50"]);
    }
}

#[tokio::test]
async fn many_tiny_objects_are_read_in_order() {
    let folder = tempfile::TempDir::new().unwrap();
    let partition = folder.path().join("topics/demo.pin/partition=0");
    std::fs::create_dir_all(&partition).unwrap();
    for n in 0..3_000 {
        std::fs::write(partition.join(format!("demo.pin+0+{n:010}.json")), format!("{{\"n\":{n}}}\n")).unwrap();
    }
    let reader =
        ArchiveReader::local(Arc::new(DurableLocalStore::open(folder.path()).unwrap()), folder.path().to_owned());
    let batches = reader.records(&at(), Offset(0), ReadSettings::default()).await.unwrap();
    let batches: Vec<_> = batches.into_stream().try_collect().await.unwrap();
    let mut expected = 0;
    for batch in batches {
        assert_eq!(batch.first.0, expected);
        for value in batch.values() {
            assert_eq!(value.unwrap(), format!("{{\"n\":{expected}}}").as_bytes());
            expected += 1;
        }
    }
    assert_eq!(expected, 3_000);
    assert_eq!(reader.extent(&at()).await.unwrap().end, Offset(3_000));
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn packed_objects_are_unpacked() {
    let zstd = zstd::encode_all(b"3\n4\n".as_slice(), 1).unwrap();
    let members = [gzip(b"5\n"), gzip(b"6\n")].concat();
    let store = store_of(&[("0.json.gz", &gzip(b"1\n2\n")), ("2.json.zst", &zstd), ("4.json.gz", &members)]).await;
    let expected: Vec<_> = (0..).zip(["1", "2", "3", "4", "5", "6"].map(json)).collect();
    assert_eq!(read_from(&store, 0).await, expected);
    let reader = ArchiveReader::new(store);
    assert_eq!(reader.extent(&at()).await.unwrap().end, Offset(6));
}

/// Whole records before the break are handed out; the one that breaks off is not taken for a record.
#[tokio::test]
async fn a_gzip_that_breaks_off_keeps_its_good_records() {
    let lines: Vec<String> = (0..100_000).map(|n| format!("{{\"n\":{n},\"text\":\"{:x}\"}}\n", n * 7919)).collect();
    let whole = gzip(lines.concat().as_bytes());
    let store = store_of(&[("0.json.gz", &whole[..whole.len() / 2]), ("200000.json", b"1\n")]).await;
    let mut batches = ArchiveReader::new(store).records(&at(), Offset(0), ReadSettings::default()).await.unwrap();
    let mut read = 0;
    let damage = loop {
        match batches.next_batch().await.unwrap() {
            Ok(batch) => {
                for value in batch.values() {
                    assert_eq!(value.unwrap(), lines[read].trim_end().as_bytes());
                    read += 1;
                }
            }
            Err(error) => break error,
        }
    };
    assert!(read > 20_000, "{read} records are before the break");
    let ArchiveError::Damaged { offset, path, .. } = damage else { panic!("{damage}") };
    assert_eq!(offset, Offset(read as u64));
    assert!(path.as_ref().ends_with("0.json.gz"));
}

#[tokio::test]
async fn garbage_in_the_place_of_a_packed_object_is_told() {
    for name in ["0.json.gz", "0.json.zst"] {
        let store = store_of(&[(name, b"no such thing"), ("1.json", b"1\n")]).await;
        let story = story(&store, 0, ReadSettings::default()).await;
        assert_eq!(story[0], "damaged at 0, offset 0", "{name}");
        assert_eq!(story[1..], ["missing 0..1", "1..2"], "{name}");
    }
}

/// Larger than every buffer, with neighbours, in one piece.
#[tokio::test]
async fn a_line_of_100_megabytes_is_one_record() {
    let mut object = b"first\r\n".to_vec();
    object.resize(100_000_000, b'x');
    object.extend_from_slice(b"\nlast");
    let store = store_of(&[("0.json", &object), ("3.json", b"next\n")]).await;
    let sizes: Vec<usize> = read_from(&store, 0).await.into_iter().map(|(_, value)| value.unwrap().len()).collect();
    assert_eq!(sizes, [5, 100_000_000 - 7, 4, 4]);
}

/// A partition's folder on a disk, and a reader of the archive that it is in.
fn local_partition() -> (tempfile::TempDir, std::path::PathBuf, ArchiveReader) {
    let folder = tempfile::TempDir::new().unwrap();
    let partition = folder.path().join("topics/demo.pin/partition=0");
    std::fs::create_dir_all(&partition).unwrap();
    let store = Arc::new(DurableLocalStore::open(folder.path()).unwrap());
    let reader = ArchiveReader::local(store, folder.path().to_owned());
    (folder, partition, reader)
}

#[tokio::test]
async fn a_folder_in_the_place_of_an_object_is_told() {
    let (_folder, partition, reader) = local_partition();
    std::fs::write(partition.join("demo.pin+0+0000000000.json"), "1\n").unwrap();
    std::fs::create_dir_all(partition.join("demo.pin+0+0000000001.json")).unwrap();
    let told = "folder, and its name is that of an object";
    let story = story_of(&reader, 0, ReadSettings::default()).await;
    assert_eq!(story[0], "0..1");
    assert!(story[1].contains("+0000000001.json` is a folder") && story[1].contains(told), "{story:?}");
    assert_eq!(story.len(), 2);
    // A store has no folders, but names that lead into one.
    let store = store_of(&[("0.json", b"1\n"), ("1.json/part-0", b"2\n"), ("1.json/part-1", b"3\n")]).await;
    let story = story_of(&ArchiveReader::new(store.clone()), 0, ReadSettings::default()).await;
    assert!(story.len() == 2 && story[1].contains(told), "{story:?}");
    assert!(matches!(ArchiveReader::new(store).extent(&at()).await, Err(ArchiveError::Folder { .. })));
}

#[tokio::test]
async fn an_object_with_nothing_in_it_is_named() {
    let store = store_of(&[("0.json", b"1\n"), ("1.json.gz", &gzip(b"")), ("3.json", b"1\n"), ("4.json", b"")]).await;
    let mut batches = ArchiveReader::new(store).records(&at(), Offset(0), ReadSettings::default()).await.unwrap();
    let empty = batches.empty_objects();
    let mut faults = Vec::new();
    while let Some(next) = batches.next_batch().await {
        faults.extend(next.err().map(|error| error.to_string()));
    }
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("+1.json.gz` should, but is empty; restore it from a copy"), "{faults:?}");
    assert_eq!(empty.paths(), [object("1.json.gz"), object("4.json")]);
}

#[tokio::test]
async fn what_no_reader_could_open_says_so_with_its_offset() {
    let (_folder, partition, reader) = local_partition();
    std::fs::write(partition.join("demo.pin+0+0.json"), "1\n").unwrap();
    std::fs::write(partition.join("demo.pin+0+1.parquet"), "no such thing").unwrap();
    std::os::unix::fs::symlink("/nowhere", partition.join("demo.pin+0+2.json")).unwrap();
    let story = story_of(&reader, 0, ReadSettings::default()).await;
    let expected = ["0..1", "damaged at 0, offset 1", "missing 1..2", "damaged at 0, offset 2"];
    assert_eq!(story, expected);
    let whole = reader.objects(&at(), Offset(1)).await.unwrap().objects;
    assert!(matches!(reader.read(&whole[0]).await, Err(ArchiveError::Damaged { offset: Offset(1), .. })));
}

/// Lines that an editor adds behind the last record, and the mark that it puts before the first.
#[tokio::test]
async fn blank_lines_at_the_end_of_an_object_hold_no_offset() {
    let store = store_of(&[
        ("0.json", b"1\n2\n\n"),
        ("2.json", b"\xef\xbb\xbf3\n\n \n6\n\r\n  "),
        ("6.json.gz", &gzip(b"7\n\n\n")),
        ("7.json", b"8"),
    ])
    .await;
    let expected: Vec<_> = (0..).zip(["1", "2", "3", "", " ", "6", "7", "8"].map(json)).collect();
    assert_eq!(read_from(&store, 0).await.len(), 8);
    for (read, expected) in read_from(&store, 0).await.iter().zip(&expected) {
        let text = |value: &crate::support::Value| String::from_utf8(value.clone().unwrap()).unwrap().trim().to_owned();
        assert_eq!((read.0, text(&read.1)), (expected.0, text(&expected.1)));
    }
    for batch_records in 1..4 {
        let settings = ReadSettings { batch_records, ..ReadSettings::default() };
        assert!(story(&store, 0, settings).await.iter().all(|part| part.contains("..")), "{batch_records}");
    }
    let settings = ReadSettings { batch_bytes: 1, ..ReadSettings::default() };
    assert_eq!(story(&store, 3, settings).await.last().unwrap(), "7..8");
    store.delete(&object("7.json")).await.unwrap();
    assert_eq!(ArchiveReader::new(store).extent(&at()).await.unwrap().end, Offset(7));
}

#[tokio::test]
async fn names_that_are_none_of_the_layout_are_counted() {
    let (folder, partition, reader) = local_partition();
    for name in ["data.json", "demo.pin+0+0.json", "demo.pin+0+0.keys.json", "_SUCCESS", ".hidden", "demo.pin+1+0.json"]
    {
        std::fs::write(partition.join(name), "").unwrap();
    }
    let topic = folder.path().join("topics/demo.pin");
    for name in ["day=1/data.json", "day=1/demo.pin+0+5.json", "day=1/_temporary/x", "_manifests/x", "loose.json"] {
        std::fs::create_dir_all(topic.join(name).parent().unwrap()).unwrap();
        std::fs::write(topic.join(name), "").unwrap();
    }
    let beside = reader.survey(&at().topic).await.unwrap().strangers;
    assert_eq!((beside.count, beside.first.unwrap().as_ref()), (2, "topics/demo.pin/day=1/data.json"));
    let own = reader.objects_since(&at(), Offset(0), None).await.unwrap().strangers;
    assert_eq!((own.count, own.first.unwrap().as_ref()), (2, "topics/demo.pin/partition=0/data.json"));
}

/// What an earlier run took is skipped without keeping it.
#[tokio::test]
async fn a_large_object_is_read_on_from_its_middle() {
    let lines: String = (0..2_000_000).map(|n| format!("{n}\n")).collect();
    let store = store_of(&[("0.json", lines.as_bytes())]).await;
    let read = read_from(&store, 1_999_999).await;
    assert_eq!(read, [(1_999_999, json("1999999"))]);
}
