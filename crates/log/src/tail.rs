//! The end of a partition, as those who wait for the next record see it.

use pinflow_event::Offset;
use tokio::sync::watch;

use crate::LogError;

/// The published end of a partition. It only ever moves on, until the partition is over.
#[derive(Debug)]
pub(crate) struct Tail(watch::Sender<State>);

#[derive(Debug)]
struct State {
    end: Offset,
    over: Option<LogError>,
}

impl Tail {
    /// A partition that ends at `end`.
    pub(crate) fn new(end: Offset) -> Self {
        Self(watch::Sender::new(State { end, over: None }))
    }

    /// The offset that the next record will get.
    pub(crate) fn end(&self) -> Offset {
        self.0.borrow().end
    }

    /// Publishes a new end and wakes whom it concerns.
    pub(crate) fn advance(&self, end: Offset) {
        self.0.send_modify(|state| state.end = end);
    }

    /// Ends every wait with `why`: the topic was deleted, or the log closed.
    pub(crate) fn finish(&self, why: &LogError) {
        self.0.send_modify(|state| state.over = Some(why.clone()));
    }

    /// Waits until the end is beyond `offset`.
    pub(crate) async fn wait_beyond(&self, offset: Offset) -> Result<(), LogError> {
        let mut changes = self.0.subscribe();
        match changes.wait_for(|state| state.over.is_some() || state.end > offset).await {
            Ok(state) => state.over.clone().map_or(Ok(()), Err),
            Err(_) => Err(LogError::Closed),
        }
    }
}
