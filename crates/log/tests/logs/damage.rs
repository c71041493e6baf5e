//! Files that were cut, changed or lost: a torn tail is mended, everything else is refused.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pinflow_event::{NewRecord, Offset, Partition, Timestamp};
use pinflow_log::{EmbeddedOptions, EventLog, LogError};

use crate::faulty_disk::copy_folder;
use crate::harness::{
    EVERYTHING, append, at, kept_forever, open, open_on, open_with, options, segments, topic, values,
};

/// A log of batches of two records each, as a crash leaves it: without the mark of a clean close.
struct Crashed {
    folder: tempfile::TempDir,
    segment: PathBuf,
    /// The length of the segment after each batch.
    lengths: Vec<u64>,
}

const BATCHES: usize = 4;

impl Crashed {
    async fn new() -> Self {
        let original = tempfile::tempdir().unwrap();
        let log = open(original.path()).unwrap();
        log.create_topic(&topic(), kept_forever(1)).await.unwrap();
        let mut lengths = vec![0];
        for n in 0..BATCHES {
            append(&log, &[&format!("{n} a"), &format!("{n} b")]).await.unwrap();
            lengths.push(fs::metadata(&segments(original.path(), 0)[0]).unwrap().len());
        }
        let folder = tempfile::tempdir().unwrap();
        copy_folder(original.path(), folder.path());
        let segment = segments(folder.path(), 0).remove(0);
        Self { folder, segment, lengths }
    }

    fn expected(batches: usize) -> Vec<String> {
        (0..batches).flat_map(|n| [format!("{n} a"), format!("{n} b")]).collect()
    }

    /// Opens, checks that the first `batches` are there alone, and that the log goes on.
    async fn check(&self, batches: usize, what: &str) {
        let log = open(self.folder.path()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(values(&log, 0).await, Self::expected(batches), "{what}");
        assert_eq!(append(&log, &["next"]).await.unwrap(), Offset(2 * batches as u64), "{what}");
        drop(log);
        let log = open(self.folder.path()).unwrap();
        assert_eq!(values(&log, 0).await.len(), 2 * batches + 1, "{what}, opened again");
    }
}

#[tokio::test]
async fn a_file_cut_anywhere_keeps_all_whole_batches() {
    let crashed = Crashed::new().await;
    let bytes = fs::read(&crashed.segment).unwrap();
    for cut in 0..=bytes.len() {
        fs::write(&crashed.segment, &bytes[..cut]).unwrap();
        let whole = crashed.lengths.iter().filter(|length| **length <= cut as u64).count() - 1;
        crashed.check(whole, &format!("cut at {cut}")).await;
    }
}

#[tokio::test]
async fn a_tail_of_zeros_or_of_rubbish_is_cut_off() {
    let crashed = Crashed::new().await;
    let bytes = fs::read(&crashed.segment).unwrap();
    let mut state = 1_u32;
    let rubbish: Vec<u8> = (0..3_000_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let half_a_frame = bytes[..60].to_vec();
    for tail in [vec![0; 10], vec![0; 5_000], rubbish, b"PFL1".repeat(1_000), half_a_frame] {
        fs::write(&crashed.segment, [&bytes[..], &tail].concat()).unwrap();
        crashed.check(BATCHES, &format!("{} bytes more", tail.len())).await;
    }
}

#[tokio::test]
async fn a_flipped_bit_is_refused_unless_it_may_be_a_torn_tail() {
    let crashed = Crashed::new().await;
    let bytes = fs::read(&crashed.segment).unwrap();
    let last_batch = crashed.lengths[BATCHES - 1] as usize;
    for flipped in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[flipped] ^= 1 << (flipped % 8);
        fs::write(&crashed.segment, &damaged).unwrap();
        if flipped >= last_batch {
            crashed.check(BATCHES - 1, &format!("byte {flipped}")).await;
            continue;
        }
        match open(crashed.folder.path()).err() {
            Some(LogError::Corrupt { file, at, .. }) => {
                assert_eq!(file, crashed.segment);
                assert!(crashed.lengths.contains(&at) && at <= flipped as u64, "byte {flipped} reported at {at}");
            }
            other => panic!("byte {flipped}: {other:?}"),
        }
        assert_eq!(fs::read(&crashed.segment).unwrap(), damaged, "nothing is changed in what is refused");
    }
}

#[tokio::test]
async fn after_a_clean_close_even_the_last_batch_is_known_to_be_whole() {
    let crashed = Crashed::new().await;
    drop(open(crashed.folder.path()).unwrap());
    let bytes = fs::read(&crashed.segment).unwrap();
    let records_end = crashed.lengths[BATCHES] as usize;
    assert!(bytes.len() > records_end, "there is a mark");
    for flipped in crashed.lengths[BATCHES - 1] as usize..records_end {
        let mut damaged = bytes.clone();
        damaged[flipped] ^= 0x10;
        fs::write(&crashed.segment, &damaged).unwrap();
        assert!(matches!(open(crashed.folder.path()), Err(LogError::Corrupt { .. })), "byte {flipped}");
    }
    fs::write(&crashed.segment, &bytes[..bytes.len() - 1]).unwrap();
    crashed.check(BATCHES, "a torn mark").await;
}

#[tokio::test]
async fn damage_behind_a_torn_tail_is_still_damage() {
    let crashed = Crashed::new().await;
    let mut bytes = fs::read(&crashed.segment).unwrap();
    bytes[crashed.lengths[1] as usize + 60] ^= 1;
    bytes.truncate(bytes.len() - 5);
    fs::write(&crashed.segment, &bytes).unwrap();
    assert!(matches!(open(crashed.folder.path()), Err(LogError::Corrupt { at, .. }) if at == crashed.lengths[1]));
}

/// A header as the log writes them, which says that a billion records were durable.
fn forged_header() -> [u8; 48] {
    let mut header = [0; 48];
    header[..4].copy_from_slice(b"PFL1");
    header[24..32].copy_from_slice(&1_000_000_000_u64.to_le_bytes());
    let crc = crc32fast::hash(&header[8..]);
    header[4..8].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Two records that make a header of the frame's own bytes from byte 32 on: the larger time is its magic and checksum, the lengths
/// and the key of the other record are the rest. `stuffed` foresees that the time stands in the body, too, which is stuffed then.
fn forged_by_time(stuffed: bool) -> Vec<NewRecord> {
    let mut header = [0; 48];
    header[8] = 2; // Records in the frame.
    header[13] = stuffed.into();
    header[24] = 12; // The length of the key; that of the value says that it is null.
    header[28..32].copy_from_slice(&u32::MAX.to_le_bytes());
    // The time has to be the larger one of the two.
    let crc = (0..).find_map(|tried| {
        header[40] = tried;
        Some(crc32fast::hash(&header[8..])).filter(|crc| *crc < 1 << 31)
    });
    let time = i64::from(u32::from_le_bytes(*b"PFL1")) | i64::from(crc.unwrap()) << 32;
    let at = |millis| Some(Timestamp::from_millis(millis));
    vec![
        NewRecord { key: Some(header[36..].to_vec().into()), timestamp: at(0), ..NewRecord::default() },
        NewRecord { timestamp: at(time), ..NewRecord::default() },
    ]
}

/// Stores a batch behind those of [`Crashed`] and breaks it in every way in which a crash does.
async fn check_torn_batch(records: Vec<NewRecord>) {
    let crashed = Crashed::new().await;
    let good = fs::read(&crashed.segment).unwrap();
    let log = open_with(options(crashed.folder.path(), &Arc::default())).unwrap();
    let sent = records.iter().map(|record| (Partition(0), record.clone())).collect();
    log.append(&topic(), sent).await.unwrap();
    let stored = log.read(&at(0), Offset(2 * BATCHES as u64), EVERYTHING).await.unwrap();
    assert_eq!(stored.len(), records.len());
    for (stored, sent) in stored.iter().zip(&records) {
        assert_eq!((&stored.key, &stored.value), (&sent.key, &sent.value), "it comes back as it was sent");
    }
    let tail = fs::read(&crashed.segment).unwrap()[good.len()..].to_vec();
    drop(log);
    for lost in (1..tail.len()).step_by(5) {
        let hole = [&good[..], &vec![0; lost], &tail[lost..]].concat();
        let cut = [&good[..], &tail[..tail.len() - lost]].concat();
        for (what, bytes) in [("a hole", hole), ("a cut", cut)] {
            fs::write(&crashed.segment, bytes).unwrap();
            let log = open(crashed.folder.path()).unwrap_or_else(|error| panic!("{what} of {lost} bytes: {error}"));
            assert_eq!(values(&log, 0).await, Crashed::expected(BATCHES), "{what} of {lost} bytes");
        }
    }
}

/// What clients send must not decide whether the log opens: records that look like frames are torn off as any others.
#[tokio::test]
async fn a_torn_tail_is_cut_off_whatever_its_records_look_like() {
    let forged = |before: usize| [&vec![b'x'; before][..], &forged_header().repeat(3)].concat();
    let mut records: Vec<_> = (0..4).map(|before| NewRecord::from_value(forged(before))).collect();
    records.push(NewRecord { key: Some(forged(0).into()), ..NewRecord::default() });
    check_torn_batch(records).await;
    check_torn_batch(forged_by_time(false)).await;
    check_torn_batch(forged_by_time(true)).await;
}

/// A log of several segments, closed.
async fn several_segments() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    for n in 0..40 {
        append(&log, &[&format!("{n} {}", "x".repeat(80))]).await.unwrap();
    }
    drop(log);
    assert!(segments(folder.path(), 0).len() >= 4);
    folder
}

fn flip(file: &Path, byte: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut bytes = [0];
    file.read_exact_at(&mut bytes, byte).unwrap();
    file.write_all_at(&[bytes[0] ^ 4], byte).unwrap();
}

#[tokio::test]
async fn a_missing_segment_is_refused_wherever_it_was() {
    let folder = several_segments().await;
    for missing in segments(folder.path(), 0) {
        let aside = folder.path().join("aside");
        fs::rename(&missing, &aside).unwrap();
        match open(folder.path()).err() {
            Some(error @ LogError::Corrupt { .. }) => {
                let message = error.to_string();
                let named = message.contains(&missing.display().to_string());
                assert!(named && message.contains("the segment is missing, with the records from offset"), "{message}");
            }
            other => panic!("{}: {other:?}", missing.display()),
        }
        fs::rename(&aside, &missing).unwrap();
        open(folder.path()).unwrap();
    }
    fs::remove_file(folder.path().join("demo.pin/topic.json")).unwrap();
    assert!(matches!(open(folder.path()), Err(LogError::Io { .. })));
}

#[tokio::test]
async fn damage_in_a_sealed_segment_is_found_by_reading_or_by_verifying() {
    let folder = several_segments().await;
    let second = segments(folder.path(), 0).remove(1);
    let base: u64 = second.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    flip(&second, 70);
    let verifying = EmbeddedOptions { verify: true, ..options(folder.path(), &Arc::default()) };
    assert!(matches!(open_with(verifying), Err(LogError::Corrupt { file, .. }) if file == second));
    let log = open(folder.path()).unwrap();
    let read = log.read(&at(0), Offset::ZERO, EVERYTHING).await;
    assert!(matches!(read, Err(LogError::Corrupt { file, .. }) if file == second));
    let behind = log.read(&at(0), Offset(base + 1), EVERYTHING).await.unwrap();
    assert_eq!(behind[0].offset, Offset(base + 1), "what is whole can be read");
}

#[tokio::test]
async fn a_sealed_segment_that_was_cut_is_refused() {
    let folder = several_segments().await;
    let first = segments(folder.path(), 0).remove(0);
    let whole = fs::read(&first).unwrap();
    for cut in [0, 3, whole.len() / 2, whole.len() - 1] {
        fs::write(&first, &whole[..cut]).unwrap();
        assert!(matches!(open(folder.path()), Err(LogError::Corrupt { .. })), "cut at {cut}");
    }
    fs::write(&first, &whole).unwrap();
    flip(&first, whole.len() as u64 - 10);
    assert!(matches!(open(folder.path()), Err(LogError::Corrupt { .. })), "a damaged seal");
}

#[tokio::test]
async fn a_read_notices_damage_that_came_while_the_log_was_open() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_on(folder.path(), &Arc::default()).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    append(&log, &["aaaa"]).await.unwrap();
    append(&log, &["bbbb"]).await.unwrap();
    flip(&segments(folder.path(), 0)[0], 60);
    assert!(matches!(log.read(&at(0), Offset::ZERO, EVERYTHING).await, Err(LogError::Corrupt { .. })));
    assert_eq!(log.read(&at(0), Offset(1), EVERYTHING).await.unwrap().len(), 1);
}
