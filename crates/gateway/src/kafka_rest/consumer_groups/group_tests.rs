#![allow(clippy::unwrap_used)]

use std::time::Duration;

use pinflow_access::Caller;
use pinflow_event::{Offset, Timestamp};

use super::*;
use crate::kafka_rest::consumer_groups::{ConsumerSettings, OffsetReset};
use crate::kafka_rest::media_type::EmbeddedFormat;

const SETTINGS: ConsumerSettings = ConsumerSettings {
    format: EmbeddedFormat::Binary,
    offset_reset: OffsetReset::Latest,
    auto_commit: false,
    min_bytes: 0,
    request_timeout: Duration::ZERO,
};

fn topics(names: &[&str]) -> Subscription {
    Subscription::topics(names.iter().map(|name| TopicName::new(name).unwrap()).collect()).unwrap()
}

fn at(text: &str) -> TopicPartition {
    let (topic, partition) = text.rsplit_once('-').unwrap();
    TopicPartition::new(TopicName::new(topic).unwrap(), Partition(partition.parse().unwrap()))
}

/// A group whose members subscribed to topics, one after the other.
fn group(members: &[(&str, Subscription)], topology: &Topology) -> Group {
    let mut group = Group::default();
    for (id, subscription) in members {
        join(&mut group, id, subscription.clone(), topology);
    }
    group
}

fn join(group: &mut Group, id: &str, subscription: Subscription, topology: &Topology) {
    group.join(id.to_owned(), Member::new(SETTINGS, Caller::anyone(), Timestamp::default()));
    group.subscribe(id, subscription, topology);
}

/// Who reads what, as text.
fn shares(group: &Group) -> Vec<String> {
    let share = |member: &Member| member.assigned().map(TopicPartition::to_string).collect::<Vec<_>>().join(" ");
    group.members().map(|(id, member)| format!("{id}: {}", share(member))).collect()
}

#[test]
fn partitions_move_when_members_come_and_go() {
    let topology = Topology::of(&[("t", 4, 0)]);
    let mut group = group(&[("a", topics(&["t"]))], &topology);
    assert_eq!(shares(&group), ["a: t-0 t-1 t-2 t-3"]);
    join(&mut group, "b", topics(&["t"]), &topology);
    assert_eq!(shares(&group), ["a: t-0 t-2", "b: t-1 t-3"]);
    group.leave("a");
    assert_eq!(shares(&group), ["b: t-0 t-1 t-2 t-3"]);
    group.unsubscribe("b");
    assert_eq!(shares(&group), ["b: "]);
    group.leave("b");
    assert!(group.is_empty());
}

#[test]
fn who_keeps_a_partition_keeps_its_position_and_who_gets_one_begins_anew() {
    let topology = Topology::of(&[("t", 4, 0)]);
    let mut group = group(&[("a", topics(&["t"]))], &topology);
    for number in 0..4 {
        let member = group.member_mut("a").unwrap();
        member.position_mut(&at(&format!("t-{number}"))).unwrap().next = Some(Offset(number + 10));
    }
    join(&mut group, "b", topics(&["t"]), &topology);
    let next = |group: &Group, id: &str| {
        group.member(id).unwrap().positions().map(|(_, position)| position.next).collect::<Vec<_>>()
    };
    assert_eq!(next(&group, "a"), [Some(Offset(10)), Some(Offset(12))]);
    assert_eq!(next(&group, "b"), [None, None]);
    group.leave("b");
    assert_eq!(next(&group, "a"), [Some(Offset(10)), None, Some(Offset(12)), None]);
}

#[test]
fn a_member_that_assigned_itself_partitions_has_no_part_in_the_division() {
    let topology = Topology::of(&[("t", 2, 0)]);
    let mut group = group(&[("a", topics(&["t"]))], &topology);
    let mut own = Member::new(SETTINGS, Caller::anyone(), Timestamp::default());
    own.reads = Reads::Assigned;
    own.assign([at("t-0"), at("other-7")]);
    group.join("b".to_owned(), own);
    join(&mut group, "c", topics(&["t"]), &topology);
    assert_eq!(shares(&group), ["a: t-0", "b: other-7 t-0", "c: t-1"]);
}

#[test]
fn topics_that_come_and_grow_are_read_from_their_beginning() {
    let mut group = group(&[("a", Subscription::pattern("p.*").unwrap())], &Topology::of(&[("p1", 1, 0), ("q", 9, 0)]));
    assert_eq!(shares(&group), ["a: p1-0"]);
    assert!(!group.is_newborn(&at("p1-0")));
    let grown = Topology::of(&[("p1", 2, 0), ("p2", 1, 5), ("q", 9, 0)]);
    group.observe(&grown);
    assert_eq!(shares(&group), ["a: p1-0 p1-1 p2-0"]);
    for (partition, newborn) in [("p1-0", false), ("p1-1", true), ("p2-0", true)] {
        assert_eq!(group.is_newborn(&at(partition)), newborn, "{partition}");
    }
    // For who subscribes when a topic is there already, it is an old one.
    join(&mut group, "b", topics(&["q"]), &grown);
    assert!(!group.is_newborn(&at("q-0")));
}

#[test]
fn a_topic_that_is_deleted_is_dropped_and_one_made_again_is_another_one() {
    let mut group = group(&[("a", topics(&["t"]))], &Topology::of(&[("t", 1, 0)]));
    group.member_mut("a").unwrap().position_mut(&at("t-0")).unwrap().next = Some(Offset(7));
    group.observe(&Topology::of(&[("t", 1, 3)]));
    assert_eq!(group.member("a").unwrap().position(&at("t-0")).unwrap().next, None);
    assert!(group.is_newborn(&at("t-0")));
    group.observe(&Topology::of(&[]));
    assert_eq!(shares(&group), ["a: "]);
    group.observe(&Topology::of(&[("t", 2, 9)]));
    assert_eq!(shares(&group), ["a: t-0 t-1"]);
}

#[test]
fn who_waits_hears_of_a_rebalance_and_of_nothing_else() {
    let topology = Topology::of(&[("t", 2, 0)]);
    let mut group = group(&[("a", topics(&["t"]))], &topology);
    let rebalances = group.rebalances();
    group.observe(&topology);
    assert!(!rebalances.has_changed().unwrap());
    join(&mut group, "b", topics(&["t"]), &topology);
    assert!(rebalances.has_changed().unwrap());
}
