//! Sends a request until each of its events is accepted or given up.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use tokio_util::sync::CancellationToken;

use super::reply::{Fault, Reply, Verdict};
use super::report::{Progress, Tally};
use super::request::{Batch, Route};
use crate::draw::Event;

/// The pause before the second attempt; it doubles before each further one, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Poster {
    pub client: reqwest::Client,
    pub routes: Arc<[Route]>,
    pub progress: Arc<Progress>,
    /// No request is sent again after it is cancelled.
    pub stop: CancellationToken,
    pub attempts: u32,
}

impl Poster {
    /// Posts `batch`; every event ends as accepted or refused in the progress.
    pub(super) async fn post(&self, batch: Batch) {
        let route = &self.routes[batch.route];
        let tally = self.progress.tally(batch.route);
        let mut events = batch.events;
        tally.posted(events.len());
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=self.attempts {
            let reply = self.send(route, &events).await;
            self.note(route, &reply);
            let again = settle(&mut events, &reply, tally);
            if !again {
                return;
            }
            if attempt == self.attempts
                && let Some(fault) = reply.fault.filter(Fault::concerns_the_gateway)
            {
                self.progress.give_up(format!("{} after {attempt} attempts", fault.kind));
                self.stop.cancel();
            }
            if attempt == self.attempts {
                break;
            }
            let wait = reply.retry_after.map_or(pause, |asked| asked.max(pause));
            if self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                break;
            }
            tally.retried(events.len());
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        tally.refused(events.len());
    }

    async fn send(&self, route: &Route, events: &[Event]) -> Reply {
        let answered = async {
            let response = self.client.execute(route.request(events)).await?;
            let status = response.status();
            let retry_after = response.headers().get(RETRY_AFTER).cloned();
            Ok((status, retry_after, response.bytes().await?))
        };
        match answered.await {
            Ok((status, retry_after, body)) => {
                let retry_after = retry_after.as_ref().and_then(|value| value.to_str().ok());
                Reply::read(status, retry_after, &body, route.is_kafka(), events.len())
            }
            Err(error) => Reply::from_error(&error, events.len()),
        }
    }

    fn note(&self, route: &Route, reply: &Reply) {
        let Some(fault) = &reply.fault else { return };
        let events = reply.verdicts.iter().filter(|verdict| **verdict != Verdict::Accepted).count();
        self.progress.fault(route, fault, events);
    }
}

/// Counts what `reply` says and keeps in `events` those to be sent again; whether there are any.
fn settle(events: &mut Vec<Event>, reply: &Reply, tally: &Tally) -> bool {
    let count = |wanted: &[Verdict]| reply.verdicts.iter().filter(|verdict| wanted.contains(verdict)).count();
    tally.accepted(count(&[Verdict::Accepted]));
    tally.refused(count(&[Verdict::Refused, Verdict::Doubtful]));
    tally.uncertain(count(&[Verdict::Unknown, Verdict::Doubtful]));
    let mut verdicts = reply.verdicts.iter();
    events.retain(|_| matches!(verdicts.next(), Some(Verdict::Later | Verdict::Unknown)));
    !events.is_empty()
}
