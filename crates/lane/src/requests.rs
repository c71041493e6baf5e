//! What a running stream lane is asked to do between two batches. It alone writes its table.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};

use crate::dead_letters::LetterFilter;
use crate::error::LaneError;
use crate::removal::{LetterAction, LetterOutcome, Rounds};
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
    reply: Reply,
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
    /// What is being done.
    open: Option<(Rounds, Reply)>,
    desk: LetterDesk,
}

type Reply = oneshot::Sender<Result<LetterOutcome, LaneError>>;

impl Requests {
    pub fn new(stream: &str) -> Self {
        let (requests, waiting) = mpsc::channel(WAITING);
        let desk = LetterDesk { stream: stream.to_owned(), requests, called: Arc::default() };
        Self { waiting, open: None, desk }
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
        self.open.is_some() || !self.waiting.is_empty()
    }

    /// Does one round of what was asked for first, so that batches can be written between two of them.
    pub async fn answer(&mut self, writer: &mut LaneWriter) {
        let begin = |Request { action, filter, reply }| (writer.begin_rounds(action, filter), reply);
        let next = self.open.take().or_else(|| self.waiting.try_recv().ok().map(begin));
        let Some((mut rounds, reply)) = next else { return };
        match writer.remove_round(&mut rounds).await {
            Ok(true) => self.open = Some((rounds, reply)),
            // Where nobody waits for the answer any more it is done all the same.
            last => drop(reply.send(last.map(|_| rounds.outcome))),
        }
    }
}
