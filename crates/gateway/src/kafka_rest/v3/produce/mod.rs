//! Producing records: one after the other on an open request ([`stream`]), or a few at once ([`batch`]).

mod batch;
mod failure;
mod places;
mod record;
mod reply;
mod splitter;
mod stream;
mod timestamp;

pub(super) use batch::produce as batch;
pub(super) use stream::produce as stream;

use std::sync::Arc;

use pinflow_access::Right;
use pinflow_event::TopicName;
use pinflow_log::{Appended, LogError, TopicDescription};

use super::access::require;
use super::error::V3Error;
use crate::append;
use crate::dialect::{Backend, Call};
use crate::kafka_rest::partitioner::StickyPartitioner;
use crate::metrics::RequestMetrics;
use failure::RecordFailure;
use places::Places;
use record::{Embedded, ProduceRecord};

/// How often records are placed anew because the topic changed meanwhile. A topic does not change faster than that.
const ATTEMPTS: usize = 5;

/// A record as it was read, and what became of it: in the log alone, and with what the reply says about it.
type Decoded = Result<ProduceRecord, RecordFailure>;
type Placed = Result<Appended, RecordFailure>;
type Outcome = Result<Produced, RecordFailure>;

/// Where the records of a request go.
#[derive(Debug)]
struct Producer {
    backend: Arc<Backend>,
    metrics: Arc<RequestMetrics>,
    sticky: Arc<StickyPartitioner>,
    /// As the request has it: replies repeat it, and nothing checks it.
    cluster: String,
    /// As the request has it.
    topic: String,
    /// A topic that is not there is made: the caller may, and the node does so.
    makes_topics: bool,
}

/// A record in the log.
#[derive(Debug)]
struct Produced {
    at: Appended,
    key: Option<Embedded>,
    value: Option<Embedded>,
}

impl Producer {
    /// For the records of `call`.
    ///
    /// # Errors
    /// [`V3Error::forbidden`].
    fn new(call: &Call, sticky: &Arc<StickyPartitioner>, cluster: &str, topic: &str) -> Result<Self, V3Error> {
        let mut makes_topics = call.backend.settings.auto_create_topics;
        if let Ok(name) = TopicName::new(topic) {
            require(call, Right::Produce, &name)?;
            makes_topics &= call.may(Right::Administer, &name);
        }
        Ok(Self {
            backend: Arc::clone(&call.backend),
            metrics: Arc::clone(&call.metrics),
            sticky: Arc::clone(sticky),
            cluster: cluster.to_owned(),
            topic: topic.to_owned(),
            makes_topics,
        })
    }

    /// Appends what can be appended, and says for each record where it is or why it is not there. Returns once all is durable.
    async fn produce(&self, records: Vec<Decoded>) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Placed>> =
            records.iter().map(|record| record.as_ref().err().cloned().map(Err)).collect();
        let mut largest = usize::MAX;
        for attempt in 1..=ATTEMPTS {
            let Err(failure) = self.append_open(&records, &mut outcomes, largest).await else { break };
            match failure {
                // The topic was resharded since it was looked up, or the log takes less than this gateway: place them anew.
                LogError::PartitionClosed(_) if attempt < ATTEMPTS => {}
                LogError::RecordTooLarge { limit, .. } if attempt < ATTEMPTS && limit < largest => largest = limit,
                failure => {
                    let failure = RecordFailure::of_log(&failure);
                    fail_rest(&mut outcomes, &failure);
                    break;
                }
            }
        }
        let outcomes = outcomes.into_iter().map(|outcome| outcome.expect("every record was appended or refused"));
        records.into_iter().zip(outcomes).map(|(record, outcome)| self.produced(record, outcome)).collect()
    }

    fn produced(&self, record: Decoded, placed: Placed) -> Outcome {
        let at = placed.inspect_err(|failure| self.metrics.refuse(failure.code))?;
        let ProduceRecord { key, value, .. } = record?;
        Ok(Produced { at, key, value })
    }

    /// Appends the records that have no outcome yet, in one call, and notes what became of them.
    ///
    /// # Errors
    /// Those of the log: then nothing was appended, and records that were not refused still have no outcome.
    async fn append_open(
        &self,
        records: &[Decoded],
        outcomes: &mut [Option<Placed>],
        largest: usize,
    ) -> Result<(), LogError> {
        if outcomes.iter().all(Option::is_some) {
            return Ok(());
        }
        let topic = match self.find_topic().await? {
            Ok(topic) => topic,
            Err(failure) => {
                fail_rest(outcomes, &failure);
                return Ok(());
            }
        };
        let places = Places::new(&topic, self.backend.settings.record_limit(&topic.config).min(largest));
        let (mut placed, mut waiting) = (Vec::with_capacity(records.len()), Vec::with_capacity(records.len()));
        for (record, outcome) in records.iter().zip(outcomes) {
            let (Ok(ProduceRecord { partition, record, .. }), None) = (record, &outcome) else { continue };
            match places.find(&self.sticky, *partition, record) {
                // A clone shares the bytes: the record may have to be placed once more.
                Ok(partition) => {
                    placed.push((partition, record.clone()));
                    waiting.push(outcome);
                }
                Err(failure) => *outcome = Some(Err(failure)),
            }
        }
        let appended = append::append(&self.backend.log, &self.metrics, topic.name.clone(), placed).await?;
        waiting.into_iter().zip(appended).for_each(|(outcome, at)| *outcome = Some(Ok(at)));
        Ok(())
    }

    /// The topic, made if need be; `Ok(Err)` for what a record is told.
    async fn find_topic(&self) -> Result<Result<TopicDescription, RecordFailure>, LogError> {
        let name = match TopicName::new(&self.topic) {
            Ok(name) => name,
            Err(invalid) => return Ok(Err(RecordFailure::invalid_topic(&invalid.to_string()))),
        };
        let settings = &self.backend.settings;
        let config = self.makes_topics.then(|| settings.topic_config(settings.default_partitions));
        Ok(Ok(append::topic_or_create(&self.backend.log, &name, config).await?))
    }
}

/// Gives the records that have no outcome yet this one.
fn fail_rest(outcomes: &mut [Option<Placed>], failure: &RecordFailure) {
    outcomes.iter_mut().filter(|outcome| outcome.is_none()).for_each(|outcome| *outcome = Some(Err(failure.clone())));
}
