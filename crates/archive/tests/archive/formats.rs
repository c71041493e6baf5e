//! Every format with every partitioner: written, broken off at each step, recovered, read back.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pinflow_archive::{
    ArchiveError, ArchiveReader, ArchiveSettings, Compression, Format, ParquetCodec, PartitionerKind,
    TimestampExtractor,
};
use pinflow_event::Offset;

use crate::support::{
    Fate, FaultyStore, Value, at, clock, contents, json, log_of, names, numbered, paths, read_from, store_of,
    stubborn_writer, timed_log_of, writer,
};

/// All kinds of values, such that partitioners have something to tell apart.
fn values() -> Vec<Value> {
    let mut values: Vec<Value> = (0..12)
        .map(|n| {
            json(&format!(r#"{{"n":{n},"kind":"{}","at":"2026-02-0{}T00:00:00Z"}}"#, ["a", "b/c"][n % 2], 1 + n % 3))
        })
        .collect();
    values[3] = None;
    values[4] = Some(b"\xff\xfe".to_vec());
    values[9] = json("no JSON");
    values
}

fn formats() -> Vec<ArchiveSettings> {
    let json = |compression| ArchiveSettings { compression, ..ArchiveSettings::default() };
    let parquet =
        |parquet_codec| ArchiveSettings { format: Format::Parquet, parquet_codec, ..ArchiveSettings::default() };
    vec![
        json(Compression::None),
        json(Compression::Gzip),
        json(Compression::Zstd),
        parquet(ParquetCodec::Snappy),
        parquet(ParquetCodec::Zstd),
        parquet(ParquetCodec::None),
    ]
}

fn partitioners(settings: &ArchiveSettings) -> Vec<ArchiveSettings> {
    let with = |partitioner| ArchiveSettings { partitioner, flush_size: 6, ..settings.clone() };
    vec![
        with(PartitionerKind::Default),
        with(PartitionerKind::Daily),
        with(PartitionerKind::Hourly),
        ArchiveSettings {
            timestamp_extractor: TimestampExtractor::RecordField,
            timestamp_field: Some("at".to_owned()),
            path_format: "'d'=YYYY-MM-dd".to_owned(),
            partition_duration: Duration::from_secs(86_400),
            timezone: "Europe/Berlin".to_owned(),
            ..with(PartitionerKind::Time)
        },
        ArchiveSettings { timestamp_extractor: TimestampExtractor::Wallclock, ..with(PartitionerKind::Hourly) },
        ArchiveSettings { partition_fields: vec!["kind".to_owned()], ..with(PartitionerKind::Field) },
    ]
}

/// Writes everything on a store whose n-th put meets `fate`. Afterwards the same writer goes on, or another one takes over.
async fn life(settings: &ArchiveSettings, fate: Fate, n: usize, restart: bool) -> (Arc<dyn ObjectStore>, bool) {
    let log = timed_log_of(&values()).await;
    let fates = vec![Fate::Succeeds; n].into_iter().chain([fate]);
    let store: Arc<dyn ObjectStore> = FaultyStore::new(Arc::new(InMemory::new()), fates);
    let mut archive = writer(&store, &log, settings).await;
    let broke = archive.flush_through(Offset(12)).await.is_err();
    if broke {
        if restart {
            archive = writer(&store, &log, settings).await;
        }
        archive.flush_through(Offset(12)).await.unwrap();
    }
    assert_eq!(archive.next_offset(), Offset(12));
    (store, broke)
}

async fn survives_every_step(settings: &ArchiveSettings) {
    let (undisturbed, _) = life(settings, Fate::Succeeds, 0, false).await;
    let expected = paths(&undisturbed).await;
    for (fate, restart) in
        [(Fate::Fails, true), (Fate::Ambiguous, true), (Fate::Fails, false), (Fate::Ambiguous, false)]
    {
        for n in 0.. {
            let (store, broke) = life(settings, fate, n, restart).await;
            let context = format!("{fate:?} at put {n}, restart: {restart}, {settings:?}");
            assert_eq!(read_from(&store, 0).await, numbered(&values()), "{context}");
            assert_eq!(paths(&store).await, expected, "{context}");
            if !broke {
                break;
            }
        }
    }
}

#[tokio::test]
async fn every_partitioner_survives_a_crash_at_every_step_as_lines() {
    for settings in &formats()[..1] {
        for settings in partitioners(settings) {
            survives_every_step(&settings).await;
        }
    }
}

#[tokio::test]
async fn every_format_survives_a_crash_at_every_step() {
    for settings in &formats()[1..4] {
        let by_field = partitioners(settings).pop().unwrap();
        survives_every_step(&by_field).await;
        survives_every_step(&partitioners(settings)[0]).await;
    }
}

#[tokio::test]
async fn every_format_and_partitioner_gives_back_what_it_took() {
    for settings in formats().iter().flat_map(partitioners) {
        let (store, _) = life(&settings, Fate::Succeeds, 0, false).await;
        for from in [0, 1, 6, 7, 11, 12] {
            let expected = &numbered(&values())[from as usize..];
            assert_eq!(read_from(&store, from).await, expected, "from {from}: {settings:?}");
        }
        let extent = ArchiveReader::new(store.clone()).extent(&at()).await.unwrap();
        let objects = paths(&store).await.iter().filter(|path| !path.starts_with("_manifests")).count();
        assert_eq!((extent.end, extent.objects), (Offset(12), objects as u64));
    }
}

#[tokio::test]
async fn names_end_as_those_of_the_connector() {
    let ends = ["json", "json.gz", "json.zst", "snappy.parquet", "zstd.parquet", "parquet"];
    for (settings, end) in formats().iter().zip(ends) {
        let (store, log) = (Arc::new(InMemory::new()) as Arc<dyn ObjectStore>, log_of(&[json("{}")]).await);
        writer(&store, &log, settings).await.flush_through(Offset(1)).await.unwrap();
        assert_eq!(names(&store).await, [format!("0000000000.{end}")]);
    }
    let raw = ArchiveSettings { compression: Compression::Gzip, ..ArchiveSettings::default() };
    let (store, log) = (Arc::new(InMemory::new()) as Arc<dyn ObjectStore>, log_of(&[None]).await);
    writer(&store, &log, &raw).await.flush_through(Offset(1)).await.unwrap();
    assert_eq!(names(&store).await, ["0000000000.raw.gz"]);
}

fn rows_of(object: Bytes) -> RecordBatch {
    ParquetRecordBatchReaderBuilder::try_new(object).unwrap().build().unwrap().next().unwrap().unwrap()
}

#[tokio::test]
async fn parquet_tells_offset_time_key_and_value() {
    let log = timed_log_of(&[json(r#"{"a":1}"#), None, json("")]).await;
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    writer(&store, &log, &formats()[3]).await.flush_through(Offset(3)).await.unwrap();
    let rows = rows_of(contents(&store).await.remove(0).1);
    let names: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["offset", "timestamp", "key", "value"]);
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values(), &[0, 1, 2]);
    assert_eq!(rows.column(1).as_primitive::<TimestampMillisecondType>().value(2), 1_769_902_200_000 + 2 * 1_200_000);
    assert_eq!(rows.column(2).as_binary::<i32>().value(1), b"1");
    let values: Vec<_> = rows.column(3).as_string::<i32>().iter().collect();
    assert_eq!(values, [Some(r#"{"a":1}"#), None, Some("")]);
}

/// As the connector writes them from records with a schema: columns of their own.
#[tokio::test]
async fn parquet_of_others_is_read_as_json() {
    let numbers = arrow::array::Int32Array::from(vec![Some(1), None]);
    let texts = arrow::array::StringArray::from(vec!["a\nb", "c"]);
    let rows = RecordBatch::try_from_iter_with_nullable([
        ("n", Arc::new(numbers) as arrow::array::ArrayRef, true),
        ("text", Arc::new(texts), true),
    ])
    .unwrap();
    let mut object = Vec::new();
    let mut file = ArrowWriter::try_new(&mut object, rows.schema(), None).unwrap();
    file.write(&rows).unwrap();
    file.close().unwrap();
    let store = store_of(&[("0000000000.snappy.parquet", &object), ("2.json", b"3\n")]).await;
    let expected = [r#"{"n":1,"text":"a\nb"}"#, r#"{"n":null,"text":"c"}"#, "3"].map(json);
    assert_eq!(read_from(&store, 0).await, numbered(&expected));
}

#[tokio::test]
async fn a_parquet_object_that_is_none_is_told() {
    let store = store_of(&[("0.parquet", b"PAR1 no PAR1"), ("1.json", b"1\n")]).await;
    let mut batches =
        ArchiveReader::new(store).records(&at(), Offset(0), pinflow_archive::ReadSettings::default()).await.unwrap();
    let error = batches.next_batch().await.unwrap().unwrap_err();
    assert!(matches!(&error, ArchiveError::Damaged { path, .. } if path.as_ref().ends_with("0.parquet")), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_be_followed_are_told() {
    let refusal = |settings: ArchiveSettings| settings.check().unwrap_err().to_string();
    let default = ArchiveSettings::default;
    default().check().unwrap();
    let level = Some(10);
    let gzip = ArchiveSettings { compression: Compression::Gzip, compression_level: level, ..default() };
    assert!(refusal(gzip).contains("`compression_level` is 10"));
    let zstd = ArchiveSettings { compression: Compression::Zstd, compression_level: level, ..default() };
    zstd.check().unwrap();
    assert!(refusal(ArchiveSettings { flush_bytes: 2 << 30, ..default() }).contains("`flush_bytes`"));
    let field = ArchiveSettings { partitioner: PartitionerKind::Field, ..default() };
    assert!(refusal(field.clone()).contains("`partition_fields`"));
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let opened = pinflow_archive::ArchiveWriter::recover(store, log_of(&[]).await, at(), field, clock()).await;
    assert!(matches!(opened, Err(ArchiveError::Settings { .. })));
}

/// A restart with other settings finishes what was begun as it was begun, and goes on in the new way.
#[tokio::test]
async fn what_was_begun_is_finished_after_a_change_of_settings() {
    let log = timed_log_of(&values()).await;
    let fates = vec![Fate::Succeeds, Fate::Succeeds, Fate::Fails, Fate::Fails];
    let store: Arc<dyn ObjectStore> = FaultyStore::new(Arc::new(InMemory::new()), fates);
    let by_field = partitioners(&formats()[1]).pop().unwrap();
    writer(&store, &log, &by_field).await.flush_through(Offset(12)).await.unwrap_err();
    let begun = paths(&store).await;
    let parquet = ArchiveSettings { flush_size: 100, ..formats()[3].clone() };
    stubborn_writer(&store, &log, &parquet).await.flush_through(Offset(12)).await.unwrap();
    let all = paths(&store).await;
    assert!(begun.iter().all(|path| all.contains(path)), "{begun:?} {all:?}");
    assert!(all.iter().any(|path| path.ends_with("+0000000006.snappy.parquet")), "{all:?}");
    assert_eq!(read_from(&store, 0).await, numbered(&values()));
}

#[tokio::test]
async fn a_manifest_that_is_damaged_is_told() {
    let (store, _) = life(&partitioners(&formats()[0]).pop().unwrap(), Fate::Succeeds, 0, false).await;
    let path = Path::from("topics/demo.pin/_manifests/demo.pin+0+0000000000.manifest");
    store.put(&path, "{}".into()).await.unwrap();
    let error = ArchiveReader::new(store.clone()).extent(&at()).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::Manifest { path: named, .. } if *named == path), "{error}");
}
