//! The paths of version 3, and which methods each has.

/// What a path below `/v3` stands for. Names in it are unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource<'a> {
    Clusters,
    /// Something of one cluster, by the cluster's id.
    Of(&'a str, InCluster<'a>),
}

/// What there is in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InCluster<'a> {
    Cluster,
    Brokers,
    Broker(&'a str),
    AllBrokersConfigs,
    BrokerConfigs(&'a str),
    BrokerConfig(&'a str, &'a str),
    BrokerReplicas(&'a str),
    ClusterConfigs,
    ClusterConfig(&'a str),
    Topics,
    Topic(&'a str),
    AllTopicsConfigs,
    TopicConfigs(&'a str),
    DefaultTopicConfigs(&'a str),
    TopicConfig(&'a str, &'a str),
    AlterTopicConfigs(&'a str),
    Records(&'a str),
    RecordsBatch(&'a str),
    AllReassignments,
    TopicReassignments(&'a str),
    Partitions(&'a str),
    Partition(&'a str, &'a str),
    PartitionOffset(&'a str, &'a str),
    PartitionReassignment(&'a str, &'a str),
    Replicas(&'a str, &'a str),
    Replica(&'a str, &'a str, &'a str),
    ConsumerGroups,
    ConsumerGroup(&'a str),
    Consumers(&'a str),
    Consumer(&'a str, &'a str),
    Assignments(&'a str, &'a str),
    Assignment(&'a str, &'a str, &'a str, &'a str),
    LagSummary(&'a str),
    Lags(&'a str),
    Lag(&'a str, &'a str, &'a str),
}

impl<'a> Resource<'a> {
    /// What the segments after `v3` stand for.
    pub(super) fn at(segments: &[&'a str]) -> Option<Self> {
        match segments {
            ["clusters"] => Some(Self::Clusters),
            ["clusters", cluster, rest @ ..] => InCluster::at(rest).map(|of| Self::Of(cluster, of)),
            _ => None,
        }
    }

    /// The methods that it has.
    pub(super) fn allow(&self) -> &'static str {
        match self {
            Self::Of(_, InCluster::Topics) => "GET,HEAD,POST,OPTIONS",
            Self::Of(_, InCluster::Topic(_)) => "GET,HEAD,PATCH,DELETE,OPTIONS",
            Self::Of(_, InCluster::TopicConfig(..)) => "GET,HEAD,PUT,DELETE,OPTIONS",
            Self::Of(_, InCluster::AlterTopicConfigs(_) | InCluster::Records(_) | InCluster::RecordsBatch(_)) => {
                "POST,OPTIONS"
            }
            _ => "GET,HEAD,OPTIONS",
        }
    }
}

impl<'a> InCluster<'a> {
    fn at(segments: &[&'a str]) -> Option<Self> {
        match segments {
            [] => Some(Self::Cluster),
            ["broker-configs"] => Some(Self::ClusterConfigs),
            ["broker-configs", name] => Some(Self::ClusterConfig(name)),
            ["brokers", rest @ ..] => Self::at_brokers(rest),
            ["topics", rest @ ..] => Self::at_topics(rest),
            ["consumer-groups", rest @ ..] => Self::at_groups(rest),
            _ => None,
        }
    }

    fn at_brokers(segments: &[&'a str]) -> Option<Self> {
        Some(match segments {
            [] => Self::Brokers,
            [broker] => Self::Broker(broker),
            ["-", "configs"] => Self::AllBrokersConfigs,
            [broker, "configs"] => Self::BrokerConfigs(broker),
            [broker, "configs", name] => Self::BrokerConfig(broker, name),
            [broker, "partition-replicas"] => Self::BrokerReplicas(broker),
            _ => return None,
        })
    }

    fn at_topics(segments: &[&'a str]) -> Option<Self> {
        Some(match segments {
            [] => Self::Topics,
            [topic] => Self::Topic(topic),
            ["-", "configs"] => Self::AllTopicsConfigs,
            [topic, "configs"] => Self::TopicConfigs(topic),
            [topic, "default-configs"] => Self::DefaultTopicConfigs(topic),
            [topic, "configs:alter"] => Self::AlterTopicConfigs(topic),
            [topic, "configs", name] => Self::TopicConfig(topic, name),
            [topic, "records"] => Self::Records(topic),
            [topic, "records:batch"] => Self::RecordsBatch(topic),
            ["-", "partitions", "-", "reassignment"] => Self::AllReassignments,
            [topic, "partitions", "-", "reassignment"] => Self::TopicReassignments(topic),
            [topic, "partitions"] => Self::Partitions(topic),
            [topic, "partitions", partition] => Self::Partition(topic, partition),
            [topic, "partitions", partition, "offset"] => Self::PartitionOffset(topic, partition),
            [topic, "partitions", partition, "reassignment"] => Self::PartitionReassignment(topic, partition),
            [topic, "partitions", partition, "replicas"] => Self::Replicas(topic, partition),
            [topic, "partitions", partition, "replicas", broker] => Self::Replica(topic, partition, broker),
            _ => return None,
        })
    }

    fn at_groups(segments: &[&'a str]) -> Option<Self> {
        Some(match segments {
            [] => Self::ConsumerGroups,
            [group] => Self::ConsumerGroup(group),
            [group, "consumers"] => Self::Consumers(group),
            [group, "consumers", consumer] => Self::Consumer(group, consumer),
            [group, "consumers", consumer, "assignments"] => Self::Assignments(group, consumer),
            [group, "consumers", consumer, "assignments", topic, "partitions", partition] => {
                Self::Assignment(group, consumer, topic, partition)
            }
            [group, "lag-summary"] => Self::LagSummary(group),
            [group, "lags"] => Self::Lags(group),
            [group, "lags", topic, "partitions", partition] => Self::Lag(group, topic, partition),
            _ => return None,
        })
    }
}
