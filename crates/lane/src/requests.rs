//! What a running stream lane is asked to do between two batches. It alone writes its table.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};

use crate::dead_letters::LetterFilter;
use crate::error::LaneError;
use crate::removal::{LetterAction, LetterOutcome};
use crate::writer::LaneWriter;

/// Requests that may wait.
const WAITING: usize = 16;

/// Asks a stream lane to take dead letters out.
#[derive(Clone, Debug)]
pub struct LetterDesk {
    stream: String,
    requests: mpsc::Sender<Request>,
    called: Arc<Notify>,
}

#[derive(Debug)]
struct Request {
    action: LetterAction,
    filter: LetterFilter,
    reply: oneshot::Sender<Result<LetterOutcome, LaneError>>,
}

impl LetterDesk {
    /// As [`LaneWriter::remove_letters`], once the lane comes to it. A caller that goes away does not break it off.
    ///
    /// # Errors
    /// [`LaneError::Ended`] where the lane does not run any more; what [`LaneWriter::remove_letters`] reports.
    pub async fn remove_letters(&self, action: LetterAction, filter: LetterFilter) -> Result<LetterOutcome, LaneError> {
        let ended = || LaneError::Ended { stream: self.stream.clone() };
        let (reply, outcome) = oneshot::channel();
        self.requests.send(Request { action, filter, reply }).await.map_err(|_| ended())?;
        self.called.notify_one();
        outcome.await.map_err(|_| ended())?
    }
}

/// The lane's side of its [`LetterDesk`].
#[derive(Debug)]
pub(crate) struct Requests {
    waiting: mpsc::Receiver<Request>,
    desk: LetterDesk,
}

impl Requests {
    pub fn new(stream: &str) -> Self {
        let (requests, waiting) = mpsc::channel(WAITING);
        let desk = LetterDesk { stream: stream.to_owned(), requests, called: Arc::default() };
        Self { waiting, desk }
    }

    pub fn desk(&self) -> LetterDesk {
        self.desk.clone()
    }

    /// Returns once there may be a request.
    pub async fn called(&self) {
        self.desk.called.notified().await;
    }

    /// Whether something was asked for that is not done yet.
    pub fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Does what was asked for by now.
    pub async fn answer(&mut self, writer: &mut LaneWriter) {
        while let Ok(Request { action, filter, reply }) = self.waiting.try_recv() {
            // Where nobody waits for the answer any more it is done all the same.
            let _ = reply.send(writer.remove_letters(&action, &filter).await);
        }
    }
}
