//! Keeps the archive of one partition going: follows the log, stores what is due, and tries again after a failure.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use object_store::ObjectStore;
use pinflow_event::{Clock, Offset, TopicPartition};
use pinflow_log::EventLog;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::writer::READER;
use crate::{ArchiveError, ArchiveSettings, ArchiveWriter, PartitionStatus};

/// One partition of the archive. The task that follows the log and a caller who wants a flush take turns with the writer.
#[derive(Debug)]
pub(crate) struct ArchivedPartition {
    at: TopicPartition,
    store: Arc<dyn ObjectStore>,
    log: Arc<dyn EventLog>,
    settings: ArchiveSettings,
    clock: Arc<dyn Clock>,
    writer: tokio::sync::Mutex<Option<ArchiveWriter>>,
    status: Mutex<PartitionStatus>,
}

impl ArchivedPartition {
    /// Nothing is read yet, but the log keeps everything until the objects were listed.
    pub(crate) fn new(
        at: TopicPartition,
        store: Arc<dyn ObjectStore>,
        log: Arc<dyn EventLog>,
        settings: ArchiveSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        log.protect(READER, &at, Offset::ZERO);
        let status = PartitionStatus {
            topic: at.topic.clone(),
            partition: at.partition,
            next_offset: None,
            objects: 0,
            bytes: 0,
            last_stored: None,
            failures: 0,
            last_error: None,
            last_failed: None,
        };
        Self { at, store, log, settings, clock, writer: tokio::sync::Mutex::new(None), status: Mutex::new(status) }
    }

    /// The state now.
    pub(crate) fn status(&self) -> PartitionStatus {
        self.lock_status().clone()
    }

    /// Follows the log until `stop`, then stores what is acknowledged by then.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let followed = AssertUnwindSafe(self.follow(&stop)).catch_unwind().await;
            let error = match followed {
                Ok(Ok(())) => break,
                Ok(Err(error)) => error,
                Err(panic) => {
                    *self.writer.lock().await = None;
                    let message = panic_message(panic.as_ref());
                    ArchiveError::Panicked { at: self.at.clone(), message }
                }
            };
            let pause = self.note_failure(&error);
            tracing::warn!(partition = %self.at, pause_ms = pause.as_millis(), "{error}");
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        if let Err(error) = self.drain().await {
            self.note_failure(&error);
            tracing::warn!(partition = %self.at, "the last records wait for the next start: {error}");
        }
    }

    /// Stores everything up to before `end`.
    pub(crate) async fn flush_through(&self, end: Offset) -> Result<(), ArchiveError> {
        let mut slot = self.writer.lock().await;
        let writer = self.recovered(&mut slot).await?;
        let flushed = writer.flush_through(end).await;
        self.note_progress(writer);
        flushed
    }

    async fn drain(&self) -> Result<(), ArchiveError> {
        let bounds = self.log.bounds(&self.at).await.map_err(ArchiveError::log(&self.at))?;
        self.flush_through(bounds.end).await
    }

    async fn follow(&self, stop: &CancellationToken) -> Result<(), ArchiveError> {
        loop {
            let (gathered, due) = self.step().await?;
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                waited = self.log.wait_beyond(&self.at, gathered) => waited.map_err(ArchiveError::log(&self.at))?,
                () = sleep_until(due) => {}
            }
        }
    }

    /// Reads once and stores what is full or due. Returns how far it read, and when the open object is due.
    async fn step(&self) -> Result<(Offset, Option<Instant>), ArchiveError> {
        let mut slot = self.writer.lock().await;
        let writer = self.recovered(&mut slot).await?;
        let stepped = async {
            writer.gather().await?;
            if writer.due().is_some_and(|due| due <= Instant::now()) {
                writer.flush().await?;
            }
            Ok(())
        };
        let stepped = stepped.await;
        self.note_progress(writer);
        stepped?;
        self.note_success();
        Ok((writer.gathered(), writer.due()))
    }

    async fn recovered<'a>(&self, slot: &'a mut Option<ArchiveWriter>) -> Result<&'a mut ArchiveWriter, ArchiveError> {
        match slot {
            Some(writer) => Ok(writer),
            None => {
                let (store, log, clock) = (self.store.clone(), self.log.clone(), self.clock.clone());
                let writer = ArchiveWriter::recover(store, log, self.at.clone(), self.settings.clone(), clock).await?;
                Ok(slot.insert(writer))
            }
        }
    }

    fn note_progress(&self, writer: &ArchiveWriter) {
        let (objects, bytes) = writer.stored();
        let mut status = self.lock_status();
        if status.next_offset.is_some_and(|before| before < writer.next_offset()) {
            status.last_stored = Some(self.clock.now());
        }
        (status.next_offset, status.objects, status.bytes) = (Some(writer.next_offset()), objects, bytes);
    }

    fn note_success(&self) {
        let mut status = self.lock_status();
        status.failures = 0;
        status.last_error = None;
    }

    /// Returns the pause before the next try.
    fn note_failure(&self, error: &ArchiveError) -> Duration {
        let mut status = self.lock_status();
        let doublings = status.failures.min(16);
        status.failures = status.failures.saturating_add(1);
        status.last_error = Some(error.to_string());
        status.last_failed = Some(self.clock.now());
        self.settings.retry_pause.saturating_mul(1 << doublings).min(self.settings.retry_pause_max)
    }

    fn lock_status(&self) -> MutexGuard<'_, PartitionStatus> {
        // The status is plain data: it is whole even if a holder panicked.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
