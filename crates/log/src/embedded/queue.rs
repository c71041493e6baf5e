//! The queue in front of a committer: whoever appends puts frames in, the committer takes all that wait at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use pinflow_event::Offset;
use tokio::sync::oneshot;

use super::backlog::Backlog;
use super::frame::Frame;
use super::partition::Partition;
use crate::LogError;

/// A frame on its way to the disk, and who waits for it. It holds its room in the backlog until it is dropped.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) partition: Arc<Partition>,
    pub(crate) frame: Frame,
    pub(crate) answer: oneshot::Sender<Result<Offset, LogError>>,
    pub(crate) room: Room,
}

/// Room in the backlog, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.backlog.release(self.bytes);
    }
}

/// What waits for one committer.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Submission>,
    /// The committer sleeps and has to be woken once so many wait; it saves a system call a submission while it is busy.
    wake_at: Option<usize>,
    closed: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the queue")
    }

    /// Adds a submission; gives it back once the queue is closed.
    pub(crate) fn push(&self, submission: Submission) -> Result<(), Submission> {
        let mut state = self.state();
        if state.closed {
            return Err(submission);
        }
        state.waiting.push(submission);
        if state.wake_at.is_some_and(|enough| state.waiting.len() >= enough) {
            state.wake_at = None;
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Swaps all that waits with `group`, which is empty; waits for the first. `false` once closed and empty.
    pub(crate) fn take(&self, group: &mut Vec<Submission>) -> bool {
        let mut state = self.state();
        while state.waiting.is_empty() {
            if state.closed {
                return false;
            }
            state.wake_at = Some(1);
            state = self.filled.wait(state).expect("nothing panics while it holds the queue");
        }
        std::mem::swap(&mut state.waiting, group);
        true
    }

    /// Returns once `enough` submissions wait, after `longest`, or when the queue is closed.
    pub(crate) fn gather(&self, enough: usize, longest: Duration) {
        let deadline = Instant::now() + longest;
        let mut state = self.state();
        while state.waiting.len() < enough && !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.wake_at = Some(enough);
            state = self.filled.wait_timeout(state, left).expect("nothing panics while it holds the queue").0;
        }
        state.wake_at = None;
    }

    /// Takes no more; what waits is still stored.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_one();
    }

    /// Takes no more and lets go of what waits.
    pub(crate) fn abandon(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
    }
}
