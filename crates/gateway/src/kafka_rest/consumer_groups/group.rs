//! The members of one group, and which of them reads what. Pure: what topics there are is told to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pinflow_event::{Partition, TopicName, TopicPartition};
use tokio::sync::watch;

use super::assignment;
use super::member::{Member, Reads};
use super::subscription::Subscription;
use super::topology::{Scope, Shape, Topology};

/// A group with at least one member.
#[derive(Debug, Default)]
pub(super) struct Group {
    members: BTreeMap<String, Member>,
    /// The topics that its members subscribed to, as they were when partitions were divided last.
    topics: BTreeMap<TopicName, Shape>,
    /// Partitions that came to be while somebody was subscribed: nothing in them is older than the subscription, so they are read
    /// from their beginning whatever the members' default is.
    newborn: BTreeSet<TopicPartition>,
    /// Told whenever a partition changes hands.
    rebalanced: watch::Sender<()>,
    /// Held while offsets are committed, so that a later commit cannot be overtaken by an earlier one.
    pub(super) committing: Arc<tokio::sync::Mutex<()>>,
}

impl Group {
    /// Its members, sorted by name.
    pub(super) fn members(&self) -> impl Iterator<Item = (&String, &Member)> {
        self.members.iter()
    }

    /// A member.
    pub(super) fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// A member, to be changed.
    pub(super) fn member_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.get_mut(id)
    }

    /// Whether nobody is left.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether any member subscribed to topics, so that partitions are divided here.
    pub(super) fn is_subscribed(&self) -> bool {
        self.members.values().any(|member| member.subscription().is_some())
    }

    /// The topics to look up before [`Group::observe`].
    pub(super) fn scope(&self) -> Scope {
        let none = Scope::Named(BTreeSet::new());
        self.members.values().filter_map(Member::subscription).map(scope_of).fold(none, Scope::and)
    }

    /// Whether a partition came to be while somebody was subscribed to its topic.
    pub(super) fn is_newborn(&self, at: &TopicPartition) -> bool {
        self.newborn.contains(at)
    }

    /// Wakes when a partition changes hands.
    pub(super) fn rebalances(&self) -> watch::Receiver<()> {
        self.rebalanced.subscribe()
    }

    /// Adds a member that reads nothing yet.
    pub(super) fn join(&mut self, id: String, member: Member) {
        self.members.insert(id, member);
    }

    /// Removes a member; the others take over what it read.
    pub(super) fn leave(&mut self, id: &str) -> Option<Member> {
        let member = self.members.remove(id)?;
        self.rebalance();
        Some(member)
    }

    /// Subscribes a member. `topology` covers what it subscribes to.
    pub(super) fn subscribe(&mut self, id: &str, subscription: Subscription, topology: &Topology) {
        // First what is new to those who were here before: for them a new topic is newborn, for who comes now it is not.
        self.observe(topology);
        let Some(member) = self.members.get_mut(id) else { return };
        member.reads = Reads::Subscribed(subscription);
        for (topic, shape) in topology.topics() {
            if self.is_wanted(topic) {
                self.topics.entry(topic.clone()).or_insert(shape);
            }
        }
        self.rebalance();
    }

    /// Ends what a member reads; the others take it over.
    pub(super) fn unsubscribe(&mut self, id: &str) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.reads = Reads::Nothing;
        member.assign([]);
        self.rebalance();
    }

    /// Takes note of topics that were made, grew, or were deleted.
    pub(super) fn observe(&mut self, topology: &Topology) {
        let gone: Vec<TopicName> = self
            .topics
            .keys()
            .filter(|topic| topology.covers(topic) && topology.get(topic).is_none())
            .cloned()
            .collect();
        let mut changed = !gone.is_empty();
        for topic in gone {
            self.topics.remove(&topic);
            self.forget(&topic);
        }
        for (topic, shape) in topology.topics() {
            let known = self.topics.get(topic).copied();
            if known == Some(shape) || !self.is_wanted(topic) {
                continue;
            }
            let old_partitions = match known {
                Some(known) if known.created == shape.created => known.partitions,
                Some(_) => {
                    self.forget(topic);
                    0
                }
                None => 0,
            };
            self.newborn.extend(partitions(topic, old_partitions, shape.partitions));
            self.topics.insert(topic.clone(), shape);
            changed = true;
        }
        if changed {
            self.rebalance();
        }
    }

    fn is_wanted(&self, topic: &TopicName) -> bool {
        self.members.values().any(|member| member.wants(topic))
    }

    /// What is known about a topic's partitions means nothing any more.
    fn forget(&mut self, topic: &TopicName) {
        self.newborn.retain(|at| at.topic != *topic);
        for member in self.members.values_mut().filter(|member| member.subscription().is_some()) {
            member.forget_topic(topic);
        }
    }

    /// Divides the partitions of all topics that are wanted.
    fn rebalance(&mut self) {
        let members = &self.members;
        self.topics.retain(|topic, _| members.values().any(|member| member.wants(topic)));
        self.newborn.retain(|at| self.topics.contains_key(&at.topic));
        let wanted_by = |member: &Member| self.topics.keys().filter(|topic| member.wants(topic)).cloned().collect();
        let subscriptions: BTreeMap<&str, BTreeSet<TopicName>> = members
            .iter()
            .filter(|(_, member)| member.subscription().is_some())
            .map(|(id, member)| (id.as_str(), wanted_by(member)))
            .collect();
        let all = self.topics.iter().flat_map(|(topic, shape)| partitions(topic, 0, shape.partitions));
        let divided: Vec<(String, BTreeSet<TopicPartition>)> =
            assignment::divide(all, &subscriptions).into_iter().map(|(id, share)| (id.to_owned(), share)).collect();
        let mut changed = false;
        for (id, share) in divided {
            changed |= self.members.get_mut(&id).is_some_and(|member| member.assign(share));
        }
        if changed {
            self.rebalanced.send_replace(());
        }
    }
}

/// What must be looked up to know the topics of a subscription.
pub(super) fn scope_of(subscription: &Subscription) -> Scope {
    match subscription {
        Subscription::Topics(topics) => Scope::Named(topics.clone()),
        Subscription::Pattern(_) => Scope::All,
    }
}

fn partitions(topic: &TopicName, from: u32, to: u32) -> impl Iterator<Item = TopicPartition> {
    (from..to).map(|number| TopicPartition::new(topic.clone(), Partition(number)))
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
