//! Changes a topic: refuses what is to be refused, writes the change down, then shows it.
//!
//! Closing a partition has an order. First its appends are refused ([`Topic::closing`]); then what was queued before is stored
//! ([`Store::flush`]); then `topic.json` says that it is closed; and only then the description does. So whoever sees a closed
//! partition sees all of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use pinflow_event::TopicName;

use super::frame::{FrameBuilder, Kind};
use super::partition::Partition;
use super::store::{Store, count};
use super::topic::Topic;
use crate::{LogError, TopicChange, TopicDescription};

impl Store {
    /// Changes a topic; see [`alter_topic`](crate::EventLog::alter_topic).
    pub(crate) fn alter_topic(&self, name: &TopicName, change: TopicChange) -> Result<TopicDescription, LogError> {
        let mut administration = self.administration();
        self.health.check()?;
        let topic = self.topic(name)?;
        let closing = change.close.clone();
        let config = change.apply(name, &topic.description.config)?;
        let description = TopicDescription { config, ..topic.description.clone() };
        let refusing = self.replace(&topic, topic.closing(&closing));
        // A partition that is made and closed at once has nothing under way.
        let there: Vec<_> = closing.iter().filter_map(|number| topic.partition(*number).ok()).collect();
        let flushed = there.into_iter().try_for_each(|partition| self.flush(partition));
        let mut next_id = || count(&mut administration.next_partition_id);
        let altered = flushed.and_then(|()| self.folder().alter(&topic, description, &mut next_id));
        match altered {
            Ok(altered) => Ok(self.replace(&refusing, altered).description.clone()),
            Err(error) => {
                self.replace(&refusing, topic.closing(&BTreeSet::new()));
                Err(error)
            }
        }
    }

    /// Puts `next` in the place of `topic`. Nothing that was planned with `topic` is queued after this.
    fn replace(&self, topic: &Topic, next: Topic) -> Arc<Topic> {
        let next = Arc::new(next);
        let mut topics = self.topics.write().expect("nothing panics while it holds the topics");
        topics.insert(next.description.name.clone(), Arc::clone(&next));
        drop(topics);
        topic.replace();
        self.altered.send_replace(());
        next
    }

    /// Returns once all that was queued for a partition before is stored: it queues an append of nothing and waits its turn.
    fn flush(&self, partition: &Arc<Partition>) -> Result<(), LogError> {
        let nothing = FrameBuilder::with_capacity(0).finish(Kind::Records);
        let answer = self.queue(partition, nothing, self.no_room())?.blocking_recv();
        answer.map_err(|_| self.stopped())?.map(drop)
    }
}
