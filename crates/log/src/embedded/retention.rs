//! Deletes the oldest segments of a partition once they are past their topic's retention and every reader is past them.
//!
//! Before a file goes, the file `earliest` says where the partition begins from then on. So an interrupted deletion is
//! finished at the next start, and a segment that vanished otherwise is noticed.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use pinflow_event::{Offset, Timestamp};

use super::durable_file;
use super::partition::Partition;
use super::segment::Segment;
use crate::{LogError, TopicConfig};

const EARLIEST: &str = "earliest";

impl Partition {
    /// Deletes what is past `config` at `now`; returns the bytes freed.
    pub(crate) fn expire(&self, config: &TopicConfig, now: Timestamp) -> Result<u64, LogError> {
        let oldest_kept = config.retention_age.map(|age| now.minus(age));
        let first_needed = self.first_needed();
        let expired = {
            let segments = self.segments.read().expect("nothing panics while it holds the segments");
            let count = expired_segments(&segments, oldest_kept, config.retention_bytes, first_needed);
            segments[..count].to_vec()
        };
        let Some(last) = expired.last() else { return Ok(0) };
        let earliest = format!("{}\n", last.contents.end);
        durable_file::replace(&self.folder, EARLIEST, earliest.as_bytes(), &*self.disk)?;
        // Readers get the new beginning before the files go.
        self.segments.write().expect("nothing panics while it holds the segments").drain(..expired.len());
        for segment in &expired {
            self.disk.remove(&segment.path).map_err(LogError::io("remove", &segment.path))?;
        }
        self.disk.sync_folder(&self.folder).map_err(LogError::io("sync", &self.folder))?;
        let freed = expired.iter().map(|segment| segment.contents.bytes).sum();
        tracing::debug!(partition = %self.at, segments = expired.len(), freed, "deleted what was past its retention");
        Ok(freed)
    }

    /// Ends the active segment where all of it is expired: a partition that gets nothing new is emptied, too.
    ///
    /// # Errors
    /// When writing failed; the log is to be poisoned then.
    pub(crate) fn seal_expired(&self, config: &TopicConfig, now: Timestamp) -> Result<(), LogError> {
        let Some(oldest_kept) = config.retention_age.map(|age| now.minus(age)) else { return Ok(()) };
        let first_needed = self.first_needed();
        let mut writer = self.writer();
        let expired = self.active(|active| {
            let contents = &active.contents;
            contents.end > active.base && contents.max_timestamp < oldest_kept && contents.end <= first_needed
        });
        if !expired || writer.is_finished() {
            return Ok(());
        }
        if let Err(error) = writer.open() {
            tracing::warn!(partition = %self.at, %error, "the expired segment stays for now");
            return Ok(());
        }
        let rolled = self.roll(&mut writer).inspect_err(|_| self.withdraw(&mut writer));
        // The committers bound the files that they hold open, and know nothing of this one.
        writer.release();
        rolled
    }

    fn first_needed(&self) -> Offset {
        self.readers().first_needed()
    }
}

/// How many of the oldest segments may go. The active one stays.
fn expired_segments(
    segments: &[Segment],
    oldest_kept: Option<Timestamp>,
    retention_bytes: Option<u64>,
    first_needed: Offset,
) -> usize {
    let mut rest: u64 = segments.iter().map(|segment| segment.contents.bytes).sum();
    let sealed = &segments[..segments.len() - 1];
    let expired = sealed.iter().take_while(|segment| {
        let contents = &segment.contents;
        rest -= contents.bytes;
        let too_old = oldest_kept.is_some_and(|oldest| contents.max_timestamp < oldest);
        let too_much = retention_bytes.is_some_and(|kept| rest >= kept);
        contents.end <= first_needed && (too_old || too_much)
    });
    expired.count()
}

/// Where the partition in `folder` begins.
pub(crate) fn read_earliest(folder: &Path) -> Result<Offset, LogError> {
    let path = folder.join(EARLIEST);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Offset::ZERO),
        Err(error) => return Err(LogError::io("read", &path)(error)),
    };
    text.trim().parse().map(Offset).map_err(|_| LogError::corrupt(&path, 0, format!("`{}` is no offset", text.trim())))
}
