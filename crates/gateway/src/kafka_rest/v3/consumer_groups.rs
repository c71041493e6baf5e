//! Consumer groups, their members, and how far behind they are.
//!
//! A caller sees of a group what concerns topics that it may consume; a group that concerns no topic at all is seen by all.

use pinflow_access::Right;
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use serde::Serialize;

use super::error::V3Error;
use super::links::{BROKER, Links, List, Related, Resource};
use crate::dialect::Call;
use crate::kafka_rest::consumer_groups::{
    ConsumerGroups, GroupDescription, GroupState, MemberDescription, PartitionLag,
};

const GROUPS: &str = "consumer-groups";

#[derive(Debug, Serialize)]
pub(super) struct GroupData {
    cluster_id: String,
    consumer_group_id: String,
    is_simple: bool,
    partition_assignor: &'static str,
    state: &'static str,
    r#type: &'static str,
    is_mixed_consumer_group: bool,
    coordinator: Related,
    consumers: Related,
    lag_summary: Related,
}

#[derive(Debug, Serialize)]
pub(super) struct ConsumerData {
    cluster_id: String,
    consumer_group_id: String,
    consumer_id: String,
    instance_id: Option<String>,
    client_id: String,
    assignments: Related,
}

#[derive(Debug, Serialize)]
pub(super) struct AssignmentData {
    cluster_id: String,
    consumer_group_id: String,
    consumer_id: String,
    topic_name: TopicName,
    partition_id: Partition,
    partition: Related,
    lag: Related,
}

#[derive(Debug, Serialize)]
pub(super) struct LagSummaryData {
    cluster_id: String,
    consumer_group_id: String,
    max_lag_consumer_id: String,
    max_lag_instance_id: Option<String>,
    max_lag_client_id: String,
    max_lag_topic_name: TopicName,
    max_lag_partition_id: Partition,
    max_lag: u64,
    total_lag: u64,
    max_lag_consumer: Related,
    max_lag_partition: Related,
}

#[derive(Debug, Serialize)]
pub(super) struct LagData {
    cluster_id: String,
    consumer_group_id: String,
    topic_name: TopicName,
    partition_id: Partition,
    consumer_id: String,
    instance_id: Option<String>,
    client_id: String,
    current_offset: Offset,
    log_end_offset: Offset,
    lag: u64,
}

/// What one request asks of the groups.
#[derive(Debug)]
pub(super) struct GroupsView<'a> {
    pub(super) groups: &'a ConsumerGroups,
    pub(super) call: &'a Call,
    pub(super) links: &'a Links,
}

impl GroupsView<'_> {
    /// `GET .../consumer-groups`, sorted by name.
    ///
    /// # Errors
    /// Those of the log.
    pub(super) async fn list(&self) -> Result<List<Resource<GroupData>>, V3Error> {
        let mut data = Vec::new();
        for name in self.groups.list().await? {
            match self.find(&name).await {
                Ok(group) => data.push(self.group_data(&group)),
                // Gone since, or not for this caller.
                Err(V3Error::UnknownGroup) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(self.links.list("KafkaConsumerGroupList", &[GROUPS], data))
    }

    /// `GET .../consumer-groups/{group}`.
    ///
    /// # Errors
    /// [`V3Error::UnknownGroup`].
    pub(super) async fn get(&self, group: &str) -> Result<Resource<GroupData>, V3Error> {
        Ok(self.group_data(&self.find(group).await?))
    }

    /// `GET .../consumers`, sorted by id.
    ///
    /// # Errors
    /// [`V3Error::UnknownGroup`].
    pub(super) async fn consumers(&self, group: &str) -> Result<List<Resource<ConsumerData>>, V3Error> {
        let found = self.find(group).await?;
        let data = found.members.iter().map(|member| self.consumer_data(group, &member.id)).collect();
        Ok(self.links.list("KafkaConsumerList", &[GROUPS, group, "consumers"], data))
    }

    /// `GET .../consumers/{consumer}`.
    ///
    /// # Errors
    /// [`V3Error::UnknownGroup`]; [`V3Error::NotFound`].
    pub(super) async fn consumer(&self, group: &str, consumer: &str) -> Result<Resource<ConsumerData>, V3Error> {
        self.find_member(group, consumer).await?;
        Ok(self.consumer_data(group, consumer))
    }

    /// `GET .../consumers/{consumer}/assignments`, sorted.
    ///
    /// # Errors
    /// As [`Self::consumer`].
    pub(super) async fn assignments(
        &self,
        group: &str,
        consumer: &str,
    ) -> Result<List<Resource<AssignmentData>>, V3Error> {
        let member = self.find_member(group, consumer).await?;
        let data = member.assigned.iter().map(|at| self.assignment_data(group, consumer, at)).collect();
        let path = [GROUPS, group, "consumers", consumer, "assignments"];
        Ok(self.links.list("KafkaConsumerAssignmentList", &path, data))
    }

    /// `GET .../consumers/{consumer}/assignments/{topic}/partitions/{partition}`.
    ///
    /// # Errors
    /// As [`Self::consumer`].
    pub(super) async fn assignment(
        &self,
        group: &str,
        consumer: &str,
        topic: &str,
        partition: &str,
    ) -> Result<Resource<AssignmentData>, V3Error> {
        let member = self.find_member(group, consumer).await?;
        let at = member.assigned.iter().find(|at| is_named(at, topic, partition)).ok_or(V3Error::NotFound)?;
        Ok(self.assignment_data(group, consumer, at))
    }

    /// `GET .../lag-summary`.
    ///
    /// # Errors
    /// [`V3Error::UnknownGroup`]; [`V3Error::NoLags`] where nothing was committed.
    pub(super) async fn lag_summary(&self, group: &str) -> Result<Resource<LagSummaryData>, V3Error> {
        let lags = self.committed_lags(group).await?;
        let total_lag = lags.iter().map(|lag| lag.lag).sum();
        let most = lags.into_iter().reduce(|most, lag| if lag.lag > most.lag { lag } else { most });
        let PartitionLag { at, lag, member, .. } = most.ok_or(V3Error::NoLags)?;
        let member = member.unwrap_or_default();
        let data = LagSummaryData {
            cluster_id: self.links.cluster().to_owned(),
            consumer_group_id: group.to_owned(),
            max_lag_instance_id: None,
            max_lag_client_id: member.clone(),
            max_lag: lag,
            total_lag,
            max_lag_consumer: self.links.related(&[GROUPS, group, "consumers", &member]),
            max_lag_partition: self.partition_link(&at),
            max_lag_consumer_id: member,
            max_lag_topic_name: at.topic,
            max_lag_partition_id: at.partition,
        };
        let path = [GROUPS, group, "lag-summary"];
        Ok(self.links.resource("KafkaConsumerGroupLagSummary", &path, &["consumer-group", group, "lag-summary"], data))
    }

    /// `GET .../lags`, sorted by partition.
    ///
    /// # Errors
    /// As [`Self::lag_summary`].
    pub(super) async fn lags(&self, group: &str) -> Result<List<Resource<LagData>>, V3Error> {
        let lags = self.committed_lags(group).await?;
        if lags.is_empty() {
            return Err(V3Error::NoLags);
        }
        let data = lags.into_iter().map(|lag| self.lag_data(group, lag)).collect();
        Ok(self.links.list("KafkaConsumerLagList", &[GROUPS, group, "lags"], data))
    }

    /// `GET .../lags/{topic}/partitions/{partition}`.
    ///
    /// # Errors
    /// As [`Self::lag_summary`], also where nothing was committed for that partition.
    pub(super) async fn lag(&self, group: &str, topic: &str, partition: &str) -> Result<Resource<LagData>, V3Error> {
        let lags = self.committed_lags(group).await?;
        let lag = lags.into_iter().find(|lag| is_named(&lag.at, topic, partition)).ok_or(V3Error::NoLags)?;
        Ok(self.lag_data(group, lag))
    }

    /// A group, of which only what the caller may know is left.
    async fn find(&self, group: &str) -> Result<GroupDescription, V3Error> {
        let mut found = self.groups.describe(group).await?.ok_or(V3Error::UnknownGroup)?;
        let concerns_topics = |group: &GroupDescription| {
            !group.lags.is_empty() || group.members.iter().any(|member| !member.assigned.is_empty())
        };
        let concerned = concerns_topics(&found);
        let may_know = |topic: &TopicName| self.call.may(Right::Consume, topic);
        found.lags.retain(|lag| may_know(&lag.at.topic));
        found.members.iter_mut().for_each(|member| member.assigned.retain(|at| may_know(&at.topic)));
        if concerned && !concerns_topics(&found) { Err(V3Error::UnknownGroup) } else { Ok(found) }
    }

    async fn find_member(&self, group: &str, consumer: &str) -> Result<MemberDescription, V3Error> {
        let members = self.find(group).await?.members;
        members.into_iter().find(|member| member.id == consumer).ok_or(V3Error::NotFound)
    }

    /// A partition that the group has not committed to has no lag yet.
    async fn committed_lags(&self, group: &str) -> Result<Vec<PartitionLag>, V3Error> {
        let mut lags = self.find(group).await?.lags;
        lags.retain(|lag| lag.committed.is_some());
        Ok(lags)
    }

    fn group_data(&self, group: &GroupDescription) -> Resource<GroupData> {
        let path = [GROUPS, group.name.as_str()];
        let below = |last| self.links.related(&[GROUPS, &group.name, last]);
        let data = GroupData {
            cluster_id: self.links.cluster().to_owned(),
            consumer_group_id: group.name.clone(),
            is_simple: group.is_simple,
            partition_assignor: group.assignor,
            state: match group.state {
                GroupState::Empty => "EMPTY",
                GroupState::Stable => "STABLE",
            },
            r#type: "CLASSIC",
            is_mixed_consumer_group: false,
            coordinator: self.links.related(&["brokers", BROKER]),
            consumers: below("consumers"),
            lag_summary: below("lag-summary"),
        };
        self.links.resource("KafkaConsumerGroup", &path, &["consumer-group", &group.name], data)
    }

    fn consumer_data(&self, group: &str, consumer: &str) -> Resource<ConsumerData> {
        let path = [GROUPS, group, "consumers", consumer];
        let data = ConsumerData {
            cluster_id: self.links.cluster().to_owned(),
            consumer_group_id: group.to_owned(),
            consumer_id: consumer.to_owned(),
            instance_id: None,
            client_id: consumer.to_owned(),
            assignments: self.links.related(&[&path[..], &["assignments"]].concat()),
        };
        self.links.resource("KafkaConsumer", &path, &["consumer-group", group, "consumer", consumer], data)
    }

    fn assignment_data(&self, group: &str, consumer: &str, at: &TopicPartition) -> Resource<AssignmentData> {
        let (topic, number) = (at.topic.as_str(), at.partition.to_string());
        let data = AssignmentData {
            cluster_id: self.links.cluster().to_owned(),
            consumer_group_id: group.to_owned(),
            consumer_id: consumer.to_owned(),
            topic_name: at.topic.clone(),
            partition_id: at.partition,
            partition: self.partition_link(at),
            lag: self.links.related(&[GROUPS, group, "lags", topic, "partitions", &number]),
        };
        let path = [GROUPS, group, "consumers", consumer, "assignments", topic, "partitions", &number];
        let crn = ["consumer-group", group, "consumer", consumer, "assignment", topic, "partition", &number];
        self.links.resource("KafkaConsumerAssignment", &path, &crn, data)
    }

    fn lag_data(&self, group: &str, lag: PartitionLag) -> Resource<LagData> {
        let PartitionLag { at, committed, end, lag, member } = lag;
        let number = at.partition.to_string();
        let path = [GROUPS, group, "lags", at.topic.as_str(), "partitions", &number];
        let crn = ["consumer-group", group, "lag", at.topic.as_str(), "partition", &number];
        let member = member.unwrap_or_default();
        let data = LagData {
            cluster_id: self.links.cluster().to_owned(),
            consumer_group_id: group.to_owned(),
            topic_name: at.topic.clone(),
            partition_id: at.partition,
            consumer_id: member.clone(),
            instance_id: None,
            client_id: member,
            current_offset: committed.map_or(Offset::ZERO, |committed| committed.offset),
            log_end_offset: end,
            lag,
        };
        self.links.resource("KafkaConsumerLag", &path, &crn, data)
    }

    fn partition_link(&self, at: &TopicPartition) -> Related {
        self.links.related(&["topics", at.topic.as_str(), "partitions", &at.partition.to_string()])
    }
}

fn is_named(at: &TopicPartition, topic: &str, partition: &str) -> bool {
    at.topic.as_str() == topic && partition.parse() == Ok(at.partition.0)
}
