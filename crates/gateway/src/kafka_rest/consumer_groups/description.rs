//! Groups as an administrator sees them: state, members, assignments, lag.

use std::collections::{BTreeMap, BTreeSet};

use pinflow_event::{Offset, TopicPartition};
use pinflow_log::{CommittedOffset, LogError};

use super::ConsumerGroups;
use super::group::Group;

/// What a group is doing. A rebalance is done within the call that causes it, so that no state lies between these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupState {
    /// It has committed offsets and no members.
    Empty,
    /// It has members, and every partition that they subscribed to has its reader.
    Stable,
}

/// A group with its members and how far it is.
#[derive(Clone, Debug)]
pub(crate) struct GroupDescription {
    /// Its name, any text.
    pub(crate) name: String,
    /// What it is doing.
    pub(crate) state: GroupState,
    /// Kafka's name of the rule that divides partitions among members; empty where no member subscribed to topics.
    pub(crate) assignor: &'static str,
    /// No member subscribed to topics: offsets and partitions are the clients' own affair (Kafka's "simple" group).
    pub(crate) is_simple: bool,
    /// Its members, sorted by id.
    pub(crate) members: Vec<MemberDescription>,
    /// How far it is in each partition that it committed to or that a member holds, sorted.
    pub(crate) lags: Vec<PartitionLag>,
}

/// A member of a group: an instance of version 2 of the API.
#[derive(Clone, Debug)]
pub(crate) struct MemberDescription {
    /// The instance's name, which is unique in its group.
    pub(crate) id: String,
    /// The partitions that it reads.
    pub(crate) assigned: BTreeSet<TopicPartition>,
}

/// How far a group is in a partition.
#[derive(Clone, Debug)]
pub(crate) struct PartitionLag {
    /// The partition.
    pub(crate) at: TopicPartition,
    /// What the group has committed; `None` where it has not.
    pub(crate) committed: Option<CommittedOffset>,
    /// The offset that the next record of the partition will get.
    pub(crate) end: Offset,
    /// Records that the group has not committed: from the committed offset, or else the earliest, to the end.
    pub(crate) lag: u64,
    /// The member that reads it.
    pub(crate) member: Option<String>,
}

impl ConsumerGroups {
    /// The names of all groups that have members or committed offsets, sorted.
    ///
    /// # Errors
    /// Those of the log.
    pub(crate) async fn list(&self) -> Result<Vec<String>, LogError> {
        let mut names = BTreeSet::from_iter(self.log.consumer_offsets().groups().await?);
        names.extend(self.registry().group_names().map(str::to_owned));
        Ok(names.into_iter().collect())
    }

    /// A group; `None` for one that has neither members nor committed offsets.
    ///
    /// # Errors
    /// Those of the log.
    pub(crate) async fn describe(&self, name: &str) -> Result<Option<GroupDescription>, LogError> {
        let committed = self.log.consumer_offsets().committed(name).await?;
        let (members, subscribed) = match self.registry().group(name) {
            Some(group) => (members(group), group.is_subscribed()),
            None => (Vec::new(), false),
        };
        if members.is_empty() && committed.is_empty() {
            return Ok(None);
        }
        Ok(Some(GroupDescription {
            name: name.to_owned(),
            state: if members.is_empty() { GroupState::Empty } else { GroupState::Stable },
            assignor: if subscribed { super::assignment::NAME } else { "" },
            is_simple: !subscribed,
            lags: self.lags(&members, committed).await?,
            members,
        }))
    }

    async fn lags(
        &self,
        members: &[MemberDescription],
        mut committed: BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<Vec<PartitionLag>, LogError> {
        let readers: BTreeMap<&TopicPartition, &str> =
            members.iter().flat_map(|member| member.assigned.iter().map(|at| (at, member.id.as_str()))).collect();
        let partitions: BTreeSet<TopicPartition> =
            readers.keys().map(|at| (*at).clone()).chain(committed.keys().cloned()).collect();
        let mut lags = Vec::with_capacity(partitions.len());
        for at in partitions {
            let bounds = match self.log.bounds(&at).await {
                Ok(bounds) => bounds,
                // The topic was deleted, or a member waits for it to be made.
                Err(LogError::UnknownTopic(_) | LogError::UnknownPartition { .. }) => continue,
                Err(failure) => return Err(failure),
            };
            let committed = committed.remove(&at);
            let from = committed.as_ref().map_or(bounds.earliest, |committed| committed.offset.max(bounds.earliest));
            let member = readers.get(&at).map(|member| (*member).to_owned());
            lags.push(PartitionLag { lag: bounds.end.since(from), end: bounds.end, at, committed, member });
        }
        Ok(lags)
    }
}

fn members(group: &Group) -> Vec<MemberDescription> {
    let describe = |(id, member): (&String, &super::member::Member)| MemberDescription {
        id: id.clone(),
        assigned: member.assigned().cloned().collect(),
    };
    group.members().map(describe).collect()
}

#[cfg(test)]
#[path = "description_tests.rs"]
mod tests;
