//! How a replay reaches a stream lane that runs: the lane takes it between two batches.

use tokio::sync::{mpsc, oneshot};

use crate::error::LaneError;
use crate::replay::Replay;

/// A replay that is to be taken over, and who wants to know how that went.
#[derive(Debug)]
pub(crate) struct HandOver {
    pub replay: Replay,
    pub done: oneshot::Sender<Result<(), LaneError>>,
}

/// Where replays are handed to one stream lane.
#[derive(Clone, Debug)]
pub struct HandOvers {
    stream: String,
    lane: mpsc::Sender<HandOver>,
}

impl HandOvers {
    pub(crate) fn new(stream: &str) -> (Self, mpsc::Receiver<HandOver>) {
        let (lane, receiver) = mpsc::channel(1);
        (Self { stream: stream.to_owned(), lane }, receiver)
    }

    /// Waits until the lane is between two batches and has taken the replay over: it catches up with the lane, and its table takes the
    /// place of the live one in one commit. Meanwhile the lane stands still; then it goes on with the next record.
    ///
    /// # Errors
    /// [`LaneError::NotRunning`] where the lane does not run or has ended; else why the replay could not be taken over, and then
    /// the lane goes on with its own table.
    pub async fn swap(&self, replay: Replay) -> Result<(), LaneError> {
        let (done, outcome) = oneshot::channel();
        let not_running = || LaneError::NotRunning { stream: self.stream.clone() };
        self.lane.send(HandOver { replay, done }).await.map_err(|_| not_running())?;
        outcome.await.map_err(|_| not_running())?
    }
}
