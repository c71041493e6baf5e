#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use pinflow_access::Caller;
use pinflow_event::{Clock, ManualClock, NewRecord, Partition, TopicName};
use pinflow_log::{EventLog, MemoryLog, TopicConfig};

use super::*;
use crate::body::BodyBudget;
use crate::kafka_rest::consumer_groups::{
    Consumer, ConsumerLimits, ConsumerSettings, InstanceName, OffsetReset, PollLimits, Subscription,
};
use crate::kafka_rest::media_type::EmbeddedFormat;

const SETTINGS: ConsumerSettings = ConsumerSettings {
    format: EmbeddedFormat::Binary,
    offset_reset: OffsetReset::Earliest,
    auto_commit: false,
    min_bytes: 0,
    request_timeout: Duration::ZERO,
};

/// Groups in front of a log with topic `t`: two partitions of three and no records.
async fn groups() -> (Arc<dyn EventLog>, ConsumerGroups) {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(Arc::clone(&clock)));
    log.create_topic(&topic(), TopicConfig { partitions: 2, ..TopicConfig::default() }).await.unwrap();
    log.append(&topic(), vec![(Partition(0), NewRecord::from_value("x")); 3]).await.unwrap();
    let limits = ConsumerLimits { instances: 10, instance_timeout: Duration::from_secs(300) };
    (Arc::clone(&log), ConsumerGroups::new(log, clock, limits, BodyBudget::new(1 << 20)))
}

fn topic() -> TopicName {
    TopicName::new("t").unwrap()
}

fn member<'a>(groups: &'a ConsumerGroups, caller: &'a Caller, instance: &str) -> Consumer<'a> {
    let name = InstanceName { group: "g".to_owned(), instance: instance.to_owned() };
    groups.create(&name, SETTINGS, caller).unwrap();
    groups.consumer(name, caller)
}

/// A group's lags, as text.
fn lags(group: &GroupDescription) -> Vec<String> {
    let lag = |lag: &PartitionLag| {
        let committed = lag.committed.as_ref().map_or("-".to_owned(), |committed| committed.offset.to_string());
        format!("{} {committed} of {}: {} {}", lag.at, lag.end, lag.lag, lag.member.as_deref().unwrap_or("-"))
    };
    group.lags.iter().map(lag).collect()
}

#[tokio::test]
async fn a_group_is_there_with_its_first_member_and_stays_with_what_it_committed() {
    let (_log, groups) = groups().await;
    let caller = Caller::anyone();
    assert!(groups.list().await.unwrap().is_empty());
    assert!(groups.describe("g").await.unwrap().is_none());

    let a = member(&groups, &caller, "a");
    let described = groups.describe("g").await.unwrap().unwrap();
    assert_eq!((described.state, described.is_simple, described.assignor), (GroupState::Stable, true, ""));
    assert_eq!(described.name, "g");

    a.subscribe(Subscription::topics([topic()].into()).unwrap()).await.unwrap();
    let b = member(&groups, &caller, "b");
    b.subscribe(Subscription::topics([topic()].into()).unwrap()).await.unwrap();
    let described = groups.describe("g").await.unwrap().unwrap();
    assert_eq!((described.is_simple, described.assignor), (false, "roundrobin"));
    let assigned: Vec<(&str, usize)> = described.members.iter().map(|m| (m.id.as_str(), m.assigned.len())).collect();
    assert_eq!(assigned, [("a", 1), ("b", 1)]);
    assert_eq!(lags(&described), ["t-0 - of 3: 3 a", "t-1 - of 0: 0 b"]);

    let limits = PollLimits { wait: Duration::ZERO, min_bytes: 0, max_bytes: 3 };
    assert_eq!(a.poll(limits, |_| Ok(())).await.unwrap().records.len(), 2);
    a.commit_all().await.unwrap();
    assert_eq!(lags(&groups.describe("g").await.unwrap().unwrap()), ["t-0 2 of 3: 1 a", "t-1 - of 0: 0 b"]);

    a.delete().await.unwrap();
    b.delete().await.unwrap();
    let described = groups.describe("g").await.unwrap().unwrap();
    assert_eq!((described.state, described.members.len()), (GroupState::Empty, 0));
    assert_eq!(lags(&described), ["t-0 2 of 3: 1 -"]);
    assert_eq!(groups.list().await.unwrap(), ["g"]);
}

#[tokio::test]
async fn a_group_whose_topic_is_deleted_has_no_lag() {
    let (log, groups) = groups().await;
    let caller = Caller::anyone();
    let a = member(&groups, &caller, "a");
    a.subscribe(Subscription::topics([topic()].into()).unwrap()).await.unwrap();
    log.delete_topic(&topic()).await.unwrap();
    assert!(groups.describe("g").await.unwrap().unwrap().lags.is_empty());
    assert!(a.assignment().await.unwrap().is_empty());
}
